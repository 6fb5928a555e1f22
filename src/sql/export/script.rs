//! The catalogue as SQL that makes it again.
//!
//! Its parts stand in the order in which they can be run, and within a part objects follow their names, so that two exports of equal
//! databases are equal. What the query of a view or of a function names comes before it ([`Needs`]). What cannot work when
//! the script runs (a source whose folder is elsewhere, a function whose table was dropped) is made all the same: the settings
//! at its head say so, and each is told with a warning.

use super::order::Needs;
use super::relations::columns_of;
use crate::catalog::{Catalog, Object, ObjectId, Sequence, Table, is_temporary};
use crate::txn::Rules;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

/// A name between quotes.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string between quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn relation(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// What begins the lines of the script that name its database, and the superuser that is to run it.
const DATABASE_LINE: &str = "-- database: ";
const SUPERUSER_LINE: &str = "-- superuser: ";

/// The database that a script was written from, if it says so.
pub fn database_of(script: &str) -> Option<&str> {
    told(script, DATABASE_LINE)
}

/// The superuser that is there before the script runs, if it says so.
pub fn superuser_of(script: &str) -> Option<&str> {
    told(script, SUPERUSER_LINE)
}

fn told<'s>(script: &'s str, line: &str) -> Option<&'s str> {
    let header = script.lines().take_while(|line| line.starts_with("--"));
    header.filter_map(|text| text.strip_prefix(line)).next()
}

/// Files of the versions of a model, each with its number.
pub type Versions = Vec<(u32, String)>;

/// The script in the making.
pub struct Script<'a> {
    catalog: &'a Catalog,
    database: &'a str,
    pub(super) needs: Needs<'a>,
    /// Functions whose bodies as they were written mean the same again.
    as_written: HashSet<ObjectId>,
    /// Materialized views whose queries cannot be planned now.
    broken: HashSet<ObjectId>,
    loads: String,
    counts: BTreeMap<String, (i64, bool)>,
    versions: BTreeMap<ObjectId, Versions>,
}

/// Writes one object, which has this id.
type Writing<'w> = &'w dyn Fn(&mut String, ObjectId, &Object);

impl<'a> Script<'a> {
    /// The script that makes this catalogue of the database of that name.
    pub fn new(catalog: &'a Catalog, database: &'a str) -> Self {
        Self {
            catalog,
            database,
            needs: Needs::new(catalog),
            as_written: HashSet::new(),
            broken: HashSet::new(),
            loads: String::new(),
            counts: BTreeMap::new(),
            versions: BTreeMap::new(),
        }
    }

    /// What the script makes.
    pub(super) fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    pub(super) fn database(&self) -> &'a str {
        self.database
    }

    /// A function's body as it was written means the same again.
    pub fn take_as_written(&mut self, function: ObjectId) {
        self.as_written.insert(function);
    }

    pub(super) fn is_as_written(&self, function: ObjectId) -> bool {
        self.as_written.contains(&function)
    }

    /// The query of a materialized view cannot be planned now.
    pub fn take_as_broken(&mut self, view: ObjectId) {
        self.broken.insert(view);
    }

    /// Whether the query of a materialized view may not work where the script is run.
    pub(super) fn is_doubtful(&self, view: ObjectId) -> bool {
        self.broken.contains(&view) || self.needs.is_doubtful(view)
    }

    /// How far a sequence has counted.
    pub fn count(&mut self, sequence: &Sequence, last: i64, given: bool) {
        self.counts.insert(relation(&sequence.schema, &sequence.name), (last, given));
    }

    /// Loads the columns of a table that are stored from a file beside the script.
    pub fn load(&mut self, (table, stored): (&Table, &Table), file: &str, options: &str) {
        let name = relation(&table.schema, &table.name);
        let columns = match stored.columns.len() == table.columns.len() {
            true => String::new(),
            false => format!(" ({})", columns_of(stored, &(0..stored.columns.len()).collect::<Vec<_>>())),
        };
        _ = writeln!(self.loads, "\\copy {name}{columns} FROM '{file}' WITH ({options})");
    }

    /// Loads a model from files beside the script.
    pub fn load_model(&mut self, model: ObjectId, versions: Versions) {
        self.versions.insert(model, versions);
    }

    /// The files of a model; none for one of which nothing could be read.
    pub(super) fn versions_of(&self, model: ObjectId) -> Option<&Versions> {
        self.versions.get(&model).filter(|versions| !versions.is_empty())
    }

    /// The whole script.
    pub fn text(&self, retention_ms: u64, audit: Rules) -> String {
        let objects = self.by_name();
        let all = |write: Writing<'_>| {
            let mut part = String::new();
            objects.iter().for_each(|(id, object)| write(&mut part, *id, object));
            part
        };
        let mut out = self.head(&objects);
        out += &all(&|out, _, object| {
            if let Object::Role(role) = object {
                self.role(out, role);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Role(role) = object {
                self.memberships(out, role);
            }
        });
        out += &all(&|out, _, object| match object {
            Object::Schema(schema) => {
                if schema.name != "public" {
                    _ = writeln!(out, "CREATE SCHEMA {};", ident(&schema.name));
                }
                self.creators(out, schema);
            }
            Object::Enum(of) => self.enumeration(out, of),
            Object::Sequence(sequence) => self.sequence(out, sequence),
            _ => {}
        });
        let (first, rest) = self.made_of_texts(&objects);
        first.iter().for_each(|id| self.made_of_text(&mut out, *id));
        out += &all(&|out, _, object| match object {
            Object::Table(table) if table.materialized.is_none() => self.table(out, table),
            _ => {}
        });
        out += &all(&|out, _, object| {
            if let Object::Sequence(sequence) = object {
                self.sequence_owned(out, sequence);
            }
        });
        out += "\n";
        out += &self.loads;
        for (name, (last, given)) in &self.counts {
            _ = writeln!(out, "SELECT setval({}, {last}, {given});", literal(name));
        }
        out += "\n";
        out += &all(&|out, _, object| {
            if let Object::Source(source) = object {
                self.source(out, source);
            }
        });
        rest.iter().for_each(|id| self.made_of_text(&mut out, *id));
        out += &all(&|out, _, object| {
            if let Object::Table(table) = object {
                self.table_later(out, table);
                self.unique_indexes(out, table);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::PlainIndex(index) = object {
                self.plain_index(out, index);
            }
        });
        // Behind the rows: tables may refer to each other in a circle, and rows then need no order.
        out += &all(&|out, _, object| {
            if let Object::Table(table) = object {
                self.foreign_keys(out, table);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::MaskingPolicy(policy) = object {
                self.masking_policy(out, policy);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Tag(tag) = object {
                self.tag(out, tag);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Classifier(classifier) = object {
                self.classifier(out, classifier);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Grading(grading) = object {
                self.grading(out, grading);
            }
        });
        out += &all(&|out, id, object| {
            if let Object::Table(table) = object {
                self.guards(out, id, table);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Index(index) = object {
                self.index(out, index);
            }
        });
        out += &all(&|out, id, object| {
            if let Object::Model(model) = object {
                self.model(out, id, model);
            }
        });
        // Behind the rows: these are as they were when they were written.
        out += &all(&|out, _, object| {
            if let Object::Table(table) = object {
                self.quarantine(out, table);
                self.repairs(out, table);
            }
        });
        // By their relations, whose numbers another database does not have.
        out += &all(&|out, id, object| {
            if let Object::Table(_) | Object::View(_) = object {
                let mut rules: Vec<_> = self.catalog.rules_of(id).map(|(_, rule)| rule).collect();
                rules.sort_by(|a, b| a.name.cmp(&b.name));
                rules.into_iter().for_each(|rule| self.quality_rule(out, rule));
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Job(job) = object {
                self.job(out, job);
            }
        });
        out += &self.comments(&objects);
        out += &all(&|out, id, object| self.owner(out, id, object));
        // Last: what is made before is not to have them.
        out += &all(&|out, _, object| {
            if let Object::Role(role) = object {
                self.default_rights(out, role);
            }
        });
        // By now they have their owners, as whom they are filled.
        for id in &rest {
            if let Some(table) = self.catalog.table_by_id(*id)
                && table.materialized.as_ref().is_some_and(|of| of.populated)
            {
                _ = writeln!(out, "REFRESH MATERIALIZED VIEW {};", relation(&table.schema, &table.name));
            }
        }
        if retention_ms > 0 {
            _ = writeln!(out, "ALTER SYSTEM SET steward.retention = '{retention_ms}ms';");
        }
        let usual = Rules::default();
        if audit.level != usual.level {
            _ = writeln!(out, "ALTER SYSTEM SET steward.audit = '{}';", audit.level.name());
        }
        if audit.retention_ms != usual.retention_ms {
            _ = writeln!(out, "ALTER SYSTEM SET steward.audit_retention = '{}ms';", audit.retention_ms);
        }
        out
    }

    fn head(&self, objects: &[(ObjectId, &Object)]) -> String {
        let superuser = objects.iter().find_map(|(_, object)| match object {
            Object::Role(role) if role.superuser => Some(role.name.as_str()),
            _ => None,
        });
        let mut out = String::from(
            "-- Everything of a Steward database but its rows and models, which lie in data/ and models/. Run it in this\n\
             -- folder, as a superuser, on an empty database: psql -f import.sql, or steward import.\n\
             -- What an inventory found is not here: INVENTORY ALL finds it again.\n",
        );
        // A name of several lines would go on as SQL.
        for (line, name) in [(DATABASE_LINE, Some(self.database)), (SUPERUSER_LINE, superuser)] {
            if let Some(name) = name
                && !name.contains(char::is_control)
            {
                out += &format!("{line}{name}\n");
            }
        }
        // What does not work where the script is run is made all the same.
        out += "\nSET check_function_bodies = off;\nSET steward.check_definitions = off;\n";
        out
    }

    /// Functions, domains, views and materialized views, in the order in which they can be made: what tables may need, and what may
    /// need tables.
    fn made_of_texts(&self, objects: &[(ObjectId, &Object)]) -> (Vec<ObjectId>, Vec<ObjectId>) {
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for (id, object) in objects {
            match object {
                Object::Function(_) if self.needs.reads(*id) => rest.push(*id),
                Object::Function(_) | Object::Domain(_) => first.push(*id),
                Object::View(_) => rest.push(*id),
                Object::Table(table) if table.materialized.is_some() => rest.push(*id),
                _ => {}
            }
        }
        (self.needs.in_order(&first), self.needs.in_order(&rest))
    }

    fn made_of_text(&self, out: &mut String, id: ObjectId) {
        match self.catalog.get(id).map(AsRef::as_ref) {
            Some(Object::Function(function)) => self.function(out, id, function),
            Some(Object::Domain(domain)) => self.domain(out, domain),
            Some(Object::View(view)) => self.view(out, view),
            Some(Object::Table(table)) => self.materialized(out, id, table),
            _ => {}
        }
    }

    /// What COMMENT ON said, in the order of its words: the comments have no names of their own.
    fn comments(&self, objects: &[(ObjectId, &Object)]) -> String {
        let written = objects.iter().filter_map(|(_, object)| match object {
            Object::Comment(comment) => self.comment(comment),
            _ => None,
        });
        let mut written: Vec<String> = written.collect();
        written.sort();
        written.concat()
    }

    /// Every object but what is a session's, in the order of their names.
    fn by_name(&self) -> Vec<(ObjectId, &Object)> {
        let mut all: Vec<_> = self.catalog.objects().map(|(id, object)| (id, object.as_ref())).collect();
        all.retain(|(_, object)| !is_of_session(self.catalog, object));
        all.sort_by_cached_key(|(_, object)| object.key());
        all
    }
}

/// Whether an object is temporary, or belongs to what is.
fn is_of_session(catalog: &Catalog, object: &Object) -> bool {
    let of = |id: ObjectId| catalog.get(id).is_some_and(|object| is_of_session(catalog, object));
    match object {
        Object::Schema(schema) => is_temporary(&schema.name),
        Object::Table(table) => is_temporary(&table.schema),
        Object::View(view) => is_temporary(&view.schema),
        Object::Index(index) => is_temporary(&index.schema),
        Object::PlainIndex(index) => is_temporary(&index.schema),
        Object::Sequence(sequence) => is_temporary(&sequence.schema),
        Object::Function(function) => is_temporary(&function.schema),
        Object::Enum(of) => is_temporary(&of.schema),
        Object::Domain(domain) => is_temporary(&domain.schema),
        Object::RowPolicy(policy) => of(policy.table),
        Object::ColumnClass(class) => of(class.table),
        Object::QualityRule(rule) => of(rule.relation),
        Object::QualityRun(run) => of(run.relation),
        // A comment is on no comment.
        Object::Comment(comment) => match catalog.get(comment.object).map(AsRef::as_ref) {
            Some(Object::Comment(_)) | None => false,
            Some(object) => is_of_session(catalog, object),
        },
        Object::Role(_)
        | Object::Tag(_)
        | Object::MaskingPolicy(_)
        | Object::Classifier(_)
        | Object::Erasure(_)
        | Object::Job(_)
        | Object::Grading(_)
        | Object::InventoryRun(_)
        | Object::AssetState(_)
        | Object::Model(_)
        | Object::Source(_)
        | Object::Finding(_) => false,
    }
}
