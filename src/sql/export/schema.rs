//! The catalogue as SQL that makes it again.

use super::super::parser::{self, readable};
use super::super::pg_catalog::function_definition;
use super::objects::is_constraint;
use crate::catalog::{
    Action, Catalog, Class, Column, Domain, Function, Grant, Index, Model, Object, ObjectId, PUBLIC, Privilege, Role,
    RowPolicy, Sequence, Source, Table, Tag, TagSource, TagUse, View, is_temporary,
};
use datafusion::sql::sqlparser::ast::visit_relations;
use std::fmt::Write;
use std::ops::ControlFlow;

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

/// What begins the line of the script that names its database.
const DATABASE_LINE: &str = "-- database: ";

/// The database that a script was written from, if it says so.
pub fn database_of(script: &str) -> Option<&str> {
    let header = script.lines().take_while(|line| line.starts_with("--"));
    header.filter_map(|line| line.strip_prefix(DATABASE_LINE)).next()
}

/// The script in the making. Its parts stand in the order in which they can be run.
pub struct Script<'a> {
    catalog: &'a Catalog,
    database: &'a str,
    loads: String,
    counts: String,
}

impl<'a> Script<'a> {
    /// The script that makes this catalogue of the database of that name.
    pub fn new(catalog: &'a Catalog, database: &'a str) -> Self {
        Self { catalog, database, loads: String::new(), counts: String::new() }
    }

    /// What the script makes.
    pub(super) fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    /// How far a sequence has counted.
    pub fn count(&mut self, sequence: &Sequence, last: i64, given: bool) {
        let name = literal(&relation(&sequence.schema, &sequence.name));
        _ = writeln!(self.counts, "SELECT setval({name}, {last}, {given});");
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

    /// The whole script.
    pub fn text(&self, retention_ms: u64) -> String {
        let mut out = String::from(
            "-- Everything of a Steward database but its rows, which lie in data/. Run it in this folder, as a superuser, on an\n\
             -- empty database: psql -f import.sql, or steward import.\n\
             -- What an inventory found is not here: INVENTORY ALL finds it again.\n",
        );
        // A name of several lines would go on as SQL.
        if !self.database.contains(char::is_control) {
            out += &format!("{DATABASE_LINE}{}\n", self.database);
        }
        out += "\n";
        let objects = self.in_order();
        let all = |write: &dyn Fn(&mut String, ObjectId, &Object)| {
            let mut part = String::new();
            objects.iter().for_each(|(id, object)| write(&mut part, *id, object));
            part
        };
        out += &all(&|out, _, object| {
            if let Object::Role(role) = object {
                self.role(out, role)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Role(role) = object {
                self.memberships(out, role)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Schema(schema) = object
                && schema.name != "public"
            {
                _ = writeln!(out, "CREATE SCHEMA {};", ident(&schema.name));
            }
            if let Object::Schema(schema) = object {
                for role in &schema.creators {
                    let (name, role) = (ident(&schema.name), self.name_of(*role));
                    _ = writeln!(out, "GRANT CREATE ON SCHEMA {name} TO {role};");
                }
            }
        });
        // What reads no relation comes first, for defaults and constraints; other functions with the views.
        out += &all(&|out, _, object| {
            if let Object::Function(function) = object
                && !reads_relations(function)
            {
                function_made(out, function)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Enum(of) = object {
                let labels: Vec<_> = of.labels.iter().map(|(_, label)| literal(label)).collect();
                let name = relation(&of.schema, &of.name);
                _ = writeln!(out, "CREATE TYPE {name} AS ENUM ({});", labels.join(", "));
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Domain(domain) = object {
                domain_made(out, domain)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Sequence(sequence) = object {
                self.sequence(out, sequence)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Table(table) = object
                && table.materialized.is_none()
            {
                self.table_made(out, table);
                self.classes(out, table);
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Sequence(sequence) = object {
                self.sequence_owned(out, sequence)
            }
        });
        out += "\n";
        out += &self.loads;
        out += &self.counts;
        out += "\n";
        out += &all(&|out, _, object| match object {
            Object::Table(table) => self.unique_indexes(out, table),
            Object::PlainIndex(index) => self.plain_index(out, index),
            _ => {}
        });
        // Behind the rows: tables may refer to each other in a circle, and rows then need no order.
        out += &all(&|out, _, object| {
            if let Object::Table(table) = object {
                self.foreign_keys(out, table)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::MaskingPolicy(policy) = object {
                let (name, argument) = (ident(&policy.name), ident(&policy.argument));
                let data_type = &policy.data_type;
                _ = writeln!(
                    out,
                    "CREATE MASKING POLICY {name} AS ({argument} {data_type}) RETURNS {data_type} -> {};",
                    policy.body
                );
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Tag(tag) = object {
                self.tag(out, tag)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Source(source) = object {
                self.source(out, source)
            }
        });
        out += &all(&|out, _, object| match object {
            Object::View(view) => self.view(out, view),
            Object::Function(function) if reads_relations(function) => function_made(out, function),
            Object::Table(table) => materialized(out, table),
            _ => {}
        });
        out += &all(&|out, id, object| {
            if let Object::Table(table) = object {
                self.guards(out, id, table)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Index(index) = object {
                self.index(out, index)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Model(model) = object {
                self.model(out, model)
            }
        });
        out += &all(&|out, _, object| {
            if let Object::Comment(comment) = object {
                self.comment(out, comment)
            }
        });
        out += &all(&|out, _, object| self.owner(out, object));
        // By now they have their owners, as whom they are filled.
        out += &all(&|out, _, object| {
            if let Object::Table(table) = object
                && table.materialized.as_ref().is_some_and(|of| of.populated)
            {
                _ = writeln!(out, "REFRESH MATERIALIZED VIEW {};", relation(&table.schema, &table.name));
            }
        });
        if retention_ms > 0 {
            _ = writeln!(out, "ALTER SYSTEM SET steward.retention = '{retention_ms}ms';");
        }
        out
    }

    /// Every object, in the order in which they were made: what a view or a model reads came before it.
    fn in_order(&self) -> Vec<(ObjectId, &Object)> {
        let mut all: Vec<_> = self.catalog.objects().map(|(id, object)| (id, object.as_ref())).collect();
        all.retain(|(_, object)| !is_of_session(self.catalog, object));
        all.sort_by_key(|(id, _)| *id);
        all
    }

    fn foreign_keys(&self, out: &mut String, table: &Table) {
        for key in &table.foreign_keys {
            let Some(parent) = self.catalog.table_by_id(key.table) else { continue };
            let Some(referred) = parent.keys.iter().find(|of| of.name == key.key) else { continue };
            let mut text = format!(
                "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
                relation(&table.schema, &table.name),
                ident(&key.name),
                columns_of(table, &key.columns),
                relation(&parent.schema, &parent.name),
                columns_of(parent, &referred.columns)
            );
            if key.match_full {
                text += " MATCH FULL";
            }
            for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
                if action != Action::NoAction {
                    text += &format!(" ON {event} {}", action.sql());
                }
            }
            let valid = if key.not_valid { " NOT VALID" } else { "" };
            _ = writeln!(out, "{text}{}{valid};", key.deferral.sql());
        }
    }

    fn name_of(&self, role: ObjectId) -> String {
        match role {
            PUBLIC => "PUBLIC".to_owned(),
            role => ident(&self.catalog.role_name(role)),
        }
    }

    fn role(&self, out: &mut String, role: &Role) {
        let mut options = String::from(if role.superuser { "SUPERUSER" } else { "NOSUPERUSER" });
        options += if role.login { " LOGIN" } else { " NOLOGIN" };
        if let Some(verifier) = &role.verifier {
            options += &format!(" PASSWORD {}", literal(verifier));
        }
        // The one who runs the script is there already.
        let name = ident(&role.name);
        _ = writeln!(out, "CREATE ROLE IF NOT EXISTS {name};\nALTER ROLE {name} WITH {options};");
    }

    fn memberships(&self, out: &mut String, role: &Role) {
        for group in &role.member_of {
            _ = writeln!(out, "GRANT {} TO {};", self.name_of(*group), ident(&role.name));
        }
    }

    fn tag(&self, out: &mut String, tag: &Tag) {
        let mut options = String::new();
        if !tag.allowed_values.is_empty() {
            let values: Vec<_> = tag.allowed_values.iter().map(|value| literal(value)).collect();
            options += &format!(" ALLOWED_VALUES {}", values.join(", "));
        }
        if let Some(comment) = &tag.comment {
            options += &format!(" COMMENT = {}", literal(comment));
        }
        _ = writeln!(out, "CREATE TAG {}{options};", ident(&tag.name));
        if let Some(Object::MaskingPolicy(policy)) = tag.mask.and_then(|id| self.catalog.get(id)).map(AsRef::as_ref) {
            _ = writeln!(out, "ALTER TAG {} SET MASKING POLICY {};", ident(&tag.name), ident(&policy.name));
        }
        for role in &tag.unmask {
            _ = writeln!(out, "GRANT UNMASK ON TAG {} TO {};", ident(&tag.name), self.name_of(*role));
        }
    }

    /// Which columns have a key of their own: before the rows come, so that they are sealed so at once.
    fn classes(&self, out: &mut String, table: &Table) {
        let name = relation(&table.schema, &table.name);
        for column in &table.columns {
            if let Some(Object::ColumnClass(class)) =
                column.class.and_then(|id| self.catalog.get(id)).map(AsRef::as_ref)
            {
                let (column, class) = (ident(&column.name), ident(&class.name));
                _ = writeln!(out, "ALTER TABLE {name} ALTER COLUMN {column} SET CLASS {class};");
            }
        }
    }

    fn source(&self, out: &mut String, source: &Source) {
        let options: Vec<_> =
            source.options.iter().map(|(name, value)| format!("{} = {}", ident(name), literal(value))).collect();
        let (name, kind) = (ident(&source.name), ident(&source.source_type));
        _ = writeln!(out, "CREATE SOURCE {name} TYPE {kind} OPTIONS ({});", options.join(", "));
        self.grants(out, &source.grants, &format!("SOURCE {name}"));
    }

    fn view(&self, out: &mut String, view: &View) {
        let name = relation(&view.schema, &view.name);
        let columns = match view.columns.is_empty() {
            true => String::new(),
            false => format!(" ({})", view.columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", ")),
        };
        let barrier = if view.barrier { " WITH (security_barrier = true)" } else { "" };
        _ = writeln!(out, "CREATE VIEW {name}{columns}{barrier} AS {};", readable(&view.query));
        if let Some(comment) = &view.comment {
            _ = writeln!(out, "COMMENT ON VIEW {name} IS {};", literal(comment));
        }
        self.grants(out, &view.grants, &format!("TABLE {name}"));
    }

    /// Rights, tags, masks and row policies of a table.
    fn guards(&self, out: &mut String, id: ObjectId, table: &Table) {
        let name = relation(&table.schema, &table.name);
        table.tags.iter().for_each(|used| self.tag_use(out, &name, used));
        for column in &table.columns {
            let place = format!("{name} ALTER COLUMN {}", ident(&column.name));
            column.tags.iter().for_each(|used| self.tag_use(out, &place, used));
            if let Some(Object::MaskingPolicy(policy)) =
                column.mask.and_then(|id| self.catalog.get(id)).map(AsRef::as_ref)
            {
                _ = writeln!(out, "ALTER TABLE {place} SET MASKING POLICY {};", ident(&policy.name));
            }
        }
        self.grants(out, &table.grants, &format!("TABLE {name}"));
        for (_, object) in self.catalog.class(Class::RowPolicy) {
            if let Object::RowPolicy(policy) = object
                && policy.table == id
            {
                self.row_policy(out, &name, policy);
            }
        }
        if table.row_security {
            _ = writeln!(out, "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;");
        }
        if table.force_row_security {
            _ = writeln!(out, "ALTER TABLE {name} FORCE ROW LEVEL SECURITY;");
        }
    }

    /// What a person said; what the classifier suggested an inventory suggests again.
    fn tag_use(&self, out: &mut String, place: &str, used: &TagUse) {
        if let Some(Object::Tag(tag)) = self.catalog.get(used.tag).map(AsRef::as_ref)
            && used.source != TagSource::Classifier
        {
            _ = writeln!(out, "ALTER TABLE {place} SET TAG {} = {};", ident(&tag.name), literal(&used.value));
        }
    }

    fn row_policy(&self, out: &mut String, table: &str, policy: &RowPolicy) {
        let kind = if policy.permissive { "PERMISSIVE" } else { "RESTRICTIVE" };
        let roles: Vec<_> = policy.roles.iter().map(|role| self.name_of(*role)).collect();
        let to = if roles.is_empty() { String::new() } else { format!(" TO {}", roles.join(", ")) };
        let name = ident(&policy.name);
        let command = if policy.for_select { "SELECT" } else { "ALL" };
        _ = writeln!(out, "CREATE POLICY {name} ON {table} AS {kind} FOR {command}{to} USING ({});", policy.using);
    }

    pub(super) fn grants(&self, out: &mut String, grants: &[Grant], on: &str) {
        for grant in grants {
            let privilege = match grant.privilege {
                Privilege::Select => "SELECT",
                Privilege::Insert => "INSERT",
                Privilege::Update => "UPDATE",
                Privilege::Delete => "DELETE",
                Privilege::Truncate => "TRUNCATE",
                Privilege::Usage => "USAGE",
                Privilege::Unmask => "UNMASK",
            };
            let columns = grant.columns.as_ref().map_or(String::new(), |columns| {
                format!(" ({})", columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", "))
            });
            _ = writeln!(out, "GRANT {privilege}{columns} ON {on} TO {};", self.name_of(grant.role));
        }
    }

    fn index(&self, out: &mut String, index: &Index) {
        let Some(table) = self.catalog.table_by_id(index.table) else { return };
        let columns: Vec<_> = index.columns.iter().map(|column| ident(column)).collect();
        _ = writeln!(
            out,
            "CREATE INDEX {} ON {} USING steward ({}) WITH (key_field = {});",
            ident(&index.name),
            relation(&table.schema, &table.name),
            columns.join(", "),
            literal(&index.key_field)
        );
    }

    fn model(&self, out: &mut String, model: &Model) {
        let name = ident(&model.name);
        let options: Vec<_> =
            model.options.iter().map(|(key, value)| format!("{} = {}", ident(key), literal(value))).collect();
        for (n, version) in model.versions.iter().enumerate() {
            let replace = if n > 0 { " OR REPLACE" } else { "" };
            let options = options.join(", ");
            _ = writeln!(out, "CREATE{replace} MODEL {name} OPTIONS ({options}) AS {};", readable(&version.query));
        }
        if model.versions.last().is_some_and(|last| last.number != model.deployed) {
            _ = writeln!(out, "ALTER MODEL {name} DEPLOY VERSION {};", model.deployed);
        }
        self.grants(out, &model.grants, &format!("MODEL {name}"));
    }

    /// Objects are made by whoever runs the script, and given to their owners at the end.
    fn owner(&self, out: &mut String, object: &Object) {
        let (what, name, owner) = match object {
            Object::Schema(o) => ("SCHEMA", ident(&o.name), o.owner),
            Object::Table(o) if o.materialized.is_some() => {
                ("MATERIALIZED VIEW", relation(&o.schema, &o.name), o.owner)
            }
            Object::Table(o) => ("TABLE", relation(&o.schema, &o.name), o.owner),
            Object::View(o) => ("VIEW", relation(&o.schema, &o.name), o.owner),
            Object::MaskingPolicy(o) => ("MASKING POLICY", ident(&o.name), o.owner),
            Object::Model(o) => ("MODEL", ident(&o.name), o.owner),
            Object::Source(o) => ("SOURCE", ident(&o.name), o.owner),
            Object::Function(o) => ("FUNCTION", relation(&o.schema, &o.name), o.owner),
            // One that belongs to a column goes with its table.
            Object::Sequence(o) if o.owned_by.is_none() => ("SEQUENCE", relation(&o.schema, &o.name), o.owner),
            Object::Enum(o) => ("TYPE", relation(&o.schema, &o.name), o.owner),
            Object::Domain(o) => ("DOMAIN", relation(&o.schema, &o.name), o.owner),
            Object::Sequence(_)
            | Object::PlainIndex(_)
            | Object::Comment(_)
            | Object::Index(_)
            | Object::Role(_)
            | Object::Tag(_)
            | Object::RowPolicy(_)
            | Object::Finding(_)
            | Object::ColumnClass(_) => return,
        };
        _ = writeln!(out, "ALTER {what} {name} OWNER TO {};", self.name_of(owner));
    }

    fn table_made(&self, out: &mut String, table: &Table) {
        let domain = |column: &Column| {
            let domain = self.catalog().domain_by_id(column.domain?)?;
            Some(relation(&domain.schema, &domain.name))
        };
        let made = |column: &Column| column_made(column, domain(column), &self.numbered(column));
        table_made(out, table, table.columns.iter().map(made).collect());
    }
}

/// Whether a function's query names a relation.
fn reads_relations(function: &Function) -> bool {
    let Ok(query) = parser::query(&function.query) else { return true };
    visit_relations(&query, |_| ControlFlow::Break(())).is_break()
}

fn function_made(out: &mut String, function: &Function) {
    _ = writeln!(out, "{};", function_definition(function));
}

/// Whether an object is temporary, or belongs to what is.
fn is_of_session(catalog: &Catalog, object: &Object) -> bool {
    let of_table = |id: ObjectId| catalog.table_by_id(id).is_some_and(|table| is_temporary(&table.schema));
    match object {
        Object::Schema(schema) => is_temporary(&schema.name),
        Object::Table(table) => is_temporary(&table.schema),
        Object::View(view) => is_temporary(&view.schema),
        Object::Index(index) => is_temporary(&index.schema),
        Object::Sequence(sequence) => is_temporary(&sequence.schema),
        Object::RowPolicy(policy) => of_table(policy.table),
        Object::ColumnClass(class) => of_table(class.table),
        _ => false,
    }
}

fn materialized(out: &mut String, table: &Table) {
    let Some(of) = &table.materialized else { return };
    let name = relation(&table.schema, &table.name);
    let columns = table.columns.iter().map(|column| ident(&column.name)).collect::<Vec<_>>().join(", ");
    let query = readable(&of.query);
    _ = writeln!(out, "CREATE MATERIALIZED VIEW {name} ({columns}) AS {query} WITH NO DATA;");
    if let Some(comment) = &table.comment {
        _ = writeln!(out, "COMMENT ON MATERIALIZED VIEW {name} IS {};", literal(comment));
    }
    for column in &table.columns {
        if let Some(comment) = &column.comment {
            _ = writeln!(out, "COMMENT ON COLUMN {name}.{} IS {};", ident(&column.name), literal(comment));
        }
    }
}

fn table_made(out: &mut String, table: &Table, mut parts: Vec<String>) {
    let name = relation(&table.schema, &table.name);
    for key in table.keys.iter().filter(is_constraint) {
        let kind = match (key.primary, key.nulls_equal) {
            (true, _) => "PRIMARY KEY",
            (false, true) => "UNIQUE NULLS NOT DISTINCT",
            (false, false) => "UNIQUE",
        };
        parts.push(format!("CONSTRAINT {} {kind} ({})", ident(&key.name), columns_of(table, &key.columns)));
    }
    for check in &table.checks {
        parts.push(format!("CONSTRAINT {} CHECK ({})", ident(&check.name), check.expression));
    }
    _ = writeln!(out, "CREATE TABLE {name} (\n    {}\n);", parts.join(",\n    "));
    if let Some(comment) = &table.comment {
        _ = writeln!(out, "COMMENT ON TABLE {name} IS {};", literal(comment));
    }
    for column in &table.columns {
        if let Some(comment) = &column.comment {
            _ = writeln!(out, "COMMENT ON COLUMN {name}.{} IS {};", ident(&column.name), literal(comment));
        }
    }
}

/// Columns of a table, by their positions.
fn columns_of(table: &Table, positions: &[usize]) -> String {
    positions.iter().map(|&c| ident(&table.columns[c].name)).collect::<Vec<_>>().join(", ")
}

fn domain_made(out: &mut String, domain: &Domain) {
    let base = Column { places: domain.places, ..Column::new("", domain.base.clone()) };
    let mut text = format!("CREATE DOMAIN {} AS {}", relation(&domain.schema, &domain.name), base.written_type());
    if let Some(default) = &domain.default {
        text += &format!(" DEFAULT {default}");
    }
    if domain.not_null {
        text += " NOT NULL";
    }
    for check in &domain.checks {
        text += &format!(" CONSTRAINT {} CHECK ({})", ident(&check.name), check.expression);
    }
    _ = writeln!(out, "{text};");
}

fn column_made(column: &Column, domain: Option<String>, numbered: &str) -> String {
    let data_type = domain.unwrap_or_else(|| column.written_type());
    let mut text = format!("{} {data_type}{numbered}", ident(&column.name));
    if column.not_null {
        text += " NOT NULL";
    }
    if let Some(default) = &column.default {
        text += &format!(" DEFAULT {default}");
    }
    text
}
