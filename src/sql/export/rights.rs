//! Who may do what, as SQL: roles, tags, masking and row policies, grants, owners.

use super::script::{Script, ident, literal, relation};
use crate::catalog::{
    Class, Classifier, Grading, Grant, Job, MaskingPolicy, Object, ObjectId, OnConflict, PUBLIC, Role, RowPolicy,
    Schema, Table, Tag, TagSource, TagUse, TagVerdict, Timing,
};
use std::fmt::Write;

impl Script<'_> {
    fn name_of(&self, role: ObjectId) -> String {
        match role {
            PUBLIC => "PUBLIC".to_owned(),
            role => ident(&self.catalog().role_name(role)),
        }
    }

    pub(super) fn role(&self, out: &mut String, role: &Role) {
        let mut options = String::from(if role.superuser { "SUPERUSER" } else { "NOSUPERUSER" });
        options += if role.login { " LOGIN" } else { " NOLOGIN" };
        if let Some(verifier) = &role.verifier {
            options += &format!(" PASSWORD {}", literal(verifier));
        }
        // The one who runs the script is there already.
        let name = ident(&role.name);
        _ = writeln!(out, "CREATE ROLE IF NOT EXISTS {name};\nALTER ROLE {name} WITH {options};");
    }

    pub(super) fn memberships(&self, out: &mut String, role: &Role) {
        for group in &role.member_of {
            _ = writeln!(out, "GRANT {} TO {};", self.name_of(*group), ident(&role.name));
        }
    }

    /// What new objects of a role are given.
    pub(super) fn default_rights(&self, out: &mut String, role: &Role) {
        for defaults in &role.defaults {
            let schema = match defaults.schema {
                None => String::new(),
                Some(id) => match self.catalog().get(id).map(AsRef::as_ref) {
                    Some(Object::Schema(schema)) => format!(" IN SCHEMA {}", ident(&schema.name)),
                    // Nothing can be made in it any more.
                    _ => continue,
                },
            };
            for grant in &defaults.grants {
                let (privilege, of, name) = (grant.privilege.word(), defaults.of.word(), ident(&role.name));
                let option = if grant.option { " WITH GRANT OPTION" } else { "" };
                let to = self.name_of(grant.role);
                _ = writeln!(
                    out,
                    "ALTER DEFAULT PRIVILEGES FOR ROLE {name}{schema} GRANT {privilege} ON {of} TO {to}{option};"
                );
            }
        }
    }

    /// Who may make relations in a schema.
    pub(super) fn creators(&self, out: &mut String, schema: &Schema) {
        for role in &schema.creators {
            _ = writeln!(out, "GRANT CREATE ON SCHEMA {} TO {};", ident(&schema.name), self.name_of(*role));
        }
    }

    pub(super) fn tag(&self, out: &mut String, tag: &Tag) {
        let mut options = String::new();
        if !tag.allowed_values.is_empty() {
            let values: Vec<_> = tag.allowed_values.iter().map(|value| literal(value)).collect();
            options += &format!(" ALLOWED_VALUES {}", values.join(", "));
        }
        if let Some(comment) = &tag.comment {
            options += &format!(" COMMENT = {}", literal(comment));
        }
        if let Some(propagate) = tag.propagate {
            options += &format!(" PROPAGATE = {}", propagate.words());
        }
        match &tag.on_conflict {
            Some(OnConflict::Value(value)) => options += &format!(" ON_CONFLICT = {}", literal(value)),
            Some(OnConflict::AllowedValuesSequence) => options += " ON_CONFLICT = ALLOWED_VALUES_SEQUENCE",
            None => {}
        }
        _ = writeln!(out, "CREATE TAG {}{options};", ident(&tag.name));
        if let Some(Object::MaskingPolicy(policy)) = tag.mask.and_then(|id| self.catalog().get(id)).map(AsRef::as_ref) {
            _ = writeln!(out, "ALTER TAG {} SET MASKING POLICY {};", ident(&tag.name), ident(&policy.name));
        }
        for role in &tag.unmask {
            _ = writeln!(out, "GRANT UNMASK ON TAG {} TO {};", ident(&tag.name), self.name_of(*role));
        }
    }

    pub(super) fn masking_policy(&self, out: &mut String, policy: &MaskingPolicy) {
        let (name, argument) = (ident(&policy.name), ident(&policy.argument));
        let (data_type, body) = (&policy.data_type, &policy.body);
        _ = writeln!(out, "CREATE MASKING POLICY {name} AS ({argument} {data_type}) RETURNS {data_type} -> {body};");
    }

    /// Rights, tags, masks and row policies of a table.
    pub(super) fn guards(&self, out: &mut String, id: ObjectId, table: &Table) {
        let name = relation(&table.schema, &table.name);
        let name_of = format!("TABLE {name}");
        table.tags.iter().for_each(|used| self.tag_use(out, &name_of, used));
        for column in &table.columns {
            let place = format!("TABLE {name} ALTER COLUMN {}", ident(&column.name));
            let is_confirmed = |used: &&TagUse| {
                let says = |v: &TagVerdict| v.confirmed && v.tag == used.tag && v.category == used.value;
                used.source == TagSource::Classifier && column.verdicts.iter().any(says)
            };
            let others = column.tags.iter().filter(|used| !is_confirmed(used));
            others.for_each(|used| self.tag_use(out, &place, used));
            column
                .verdicts
                .iter()
                .for_each(|verdict| self.said(out, &format!("{name}.{}", ident(&column.name)), verdict));
            if let Some(Object::MaskingPolicy(policy)) =
                column.mask.and_then(|id| self.catalog().get(id)).map(AsRef::as_ref)
            {
                _ = writeln!(out, "ALTER {place} SET MASKING POLICY {};", ident(&policy.name));
            }
        }
        self.grants(out, &table.grants, &format!("TABLE {name}"));
        for (_, object) in self.catalog().class(Class::RowPolicy) {
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

    /// A tag where it stands; CONFIRM TAG puts there what was confirmed. What the classifier put there is set by hand: policies follow it.
    pub(super) fn tag_use(&self, out: &mut String, place: &str, used: &TagUse) {
        if let Some(Object::Tag(tag)) = self.catalog().get(used.tag).map(AsRef::as_ref) {
            let came = if used.source == TagSource::Propagated { " PROPAGATED" } else { "" };
            _ = writeln!(out, "ALTER {place} SET TAG {} = {}{came};", ident(&tag.name), literal(&used.value));
        }
    }

    /// What a person said of a column's category.
    fn said(&self, out: &mut String, column: &str, verdict: &TagVerdict) {
        let Some(Object::Tag(tag)) = self.catalog().get(verdict.tag).map(AsRef::as_ref) else { return };
        let verb = if verdict.confirmed { "CONFIRM" } else { "REJECT" };
        let because = verdict.because.as_ref().map_or(String::new(), |text| format!(" BECAUSE {}", literal(text)));
        let (tag, category) = (ident(&tag.name), literal(&verdict.category));
        _ = writeln!(out, "{verb} TAG {tag} = {category} ON {column}{because};");
    }

    /// A classifier of the user's own.
    pub(super) fn classifier(&self, out: &mut String, classifier: &Classifier) {
        let (name, definition) = (ident(&classifier.name), super::super::system::classifier_definition(classifier));
        _ = writeln!(out, "CREATE CLASSIFIER {name} {definition};");
    }

    /// A job, which is suspended where it is taken in: nothing runs by itself before somebody has looked.
    pub(super) fn job(&self, out: &mut String, job: &Job) {
        let tables: Vec<String> = job
            .on_change
            .iter()
            .filter_map(|table| self.catalog().table_by_id(*table))
            .map(|table| relation(&table.schema, &table.name))
            .collect();
        if job.once || job.timing.is_none() && tables.is_empty() {
            return;
        }
        let timing = job.timing.as_ref().map_or(String::new(), |timing| match timing {
            Timing::Cron(text) => format!(" SCHEDULE {}", literal(text)),
            every @ Timing::Every(_) => format!(" EVERY {}", literal(&every.to_string())),
        });
        let tables = if tables.is_empty() { String::new() } else { format!(" ON CHANGE OF {}", tables.join(", ")) };
        let settings = job.settings.iter().map(|(name, value)| format!("\"{name}\" = {}", literal(value)));
        let settings = settings.collect::<Vec<_>>().join(", ");
        let (name, statement) = (ident(&job.name), &job.statement);
        _ = writeln!(out, "CREATE JOB {name}{timing}{tables} WITH ({settings}) SUSPENDED AS {statement};");
    }

    /// The rule table of grades, in place of the one that a database starts with.
    pub(super) fn grading(&self, out: &mut String, grading: &Grading) {
        let text = |text: &Option<String>| text.as_deref().map_or("NULL".to_owned(), literal);
        _ = writeln!(out, "DELETE FROM steward.grading_rules;");
        for rule in &grading.rules {
            let values =
                [&rule.semantic_type, &rule.privacy, &rule.sensitivity, &Some(rule.grade.clone()), &rule.basis];
            let values = values.map(text).join(", ");
            _ = writeln!(out, "INSERT INTO steward.grading_rules VALUES ({}, {values});", rule.ordinal);
        }
    }

    fn row_policy(&self, out: &mut String, table: &str, policy: &RowPolicy) {
        let kind = if policy.permissive { "PERMISSIVE" } else { "RESTRICTIVE" };
        let roles: Vec<_> = policy.roles.iter().map(|role| self.name_of(*role)).collect();
        let to = if roles.is_empty() { String::new() } else { format!(" TO {}", roles.join(", ")) };
        let name = ident(&policy.name);
        let command = policy.command.word();
        let using = policy.using.as_ref().map_or(String::new(), |using| format!(" USING ({using})"));
        let check = policy.check.as_ref().map_or(String::new(), |check| format!(" WITH CHECK ({check})"));
        _ = writeln!(out, "CREATE POLICY {name} ON {table} AS {kind} FOR {command}{to}{using}{check};");
    }

    /// Rights that were given, those of the owner first: who gave them on needs them. Others are given as their givers, who are members of
    /// nothing more by it.
    pub(super) fn grants(&self, out: &mut String, grants: &[Grant], on: &str) {
        let mut given: Vec<ObjectId> = Vec::new();
        let (mut now, mut later): (Vec<&Grant>, Vec<&Grant>) = grants.iter().partition(|grant| grant.grantor.is_none());
        while !now.is_empty() {
            for grant in &now {
                let privilege = grant.privilege.word();
                let columns = grant.columns.as_ref().map_or(String::new(), |columns| {
                    format!(" ({})", columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", "))
                });
                let option = if grant.option { " WITH GRANT OPTION" } else { "" };
                let line = format!("GRANT {privilege}{columns} ON {on} TO {}{option};", self.name_of(grant.role));
                match grant.grantor {
                    None => _ = writeln!(out, "{line}"),
                    Some(grantor) => {
                        _ = writeln!(out, "SET ROLE {};\n{line}\nRESET ROLE;", self.name_of(grantor));
                    }
                }
                if grant.option {
                    given.push(grant.role);
                }
            }
            (now, later) = later.into_iter().partition(|grant| grant.grantor.is_some_and(|by| given.contains(&by)));
        }
    }

    /// Objects are made by whoever runs the script, and given to their owners at the end.
    pub(super) fn owner(&self, out: &mut String, id: ObjectId, object: &Object) {
        let (what, name, owner) = match object {
            Object::Schema(o) => ("SCHEMA", ident(&o.name), o.owner),
            Object::Table(o) if o.materialized.is_some() => {
                ("MATERIALIZED VIEW", relation(&o.schema, &o.name), o.owner)
            }
            Object::Table(o) => ("TABLE", relation(&o.schema, &o.name), o.owner),
            Object::View(o) => ("VIEW", relation(&o.schema, &o.name), o.owner),
            Object::MaskingPolicy(o) => ("MASKING POLICY", ident(&o.name), o.owner),
            Object::Model(o) if self.versions_of(id).is_some() => ("MODEL", ident(&o.name), o.owner),
            Object::Source(o) => ("SOURCE", ident(&o.name), o.owner),
            Object::Function(o) => ("FUNCTION", relation(&o.schema, &o.name), o.owner),
            // One that belongs to a column goes with its table.
            Object::Sequence(o) if o.owned_by.is_none() => ("SEQUENCE", relation(&o.schema, &o.name), o.owner),
            Object::Enum(o) => ("TYPE", relation(&o.schema, &o.name), o.owner),
            Object::Domain(o) => ("DOMAIN", relation(&o.schema, &o.name), o.owner),
            Object::Classifier(o) => ("CLASSIFIER", ident(&o.name), o.owner),
            Object::Job(o) if !o.once => ("JOB", ident(&o.name), o.owner),
            Object::Model(_)
            | Object::Sequence(_)
            | Object::PlainIndex(_)
            | Object::Comment(_)
            | Object::Index(_)
            | Object::Role(_)
            | Object::Tag(_)
            | Object::RowPolicy(_)
            | Object::Finding(_)
            | Object::QualityRule(_)
            | Object::QualityRun(_)
            | Object::Erasure(_)
            | Object::Job(_)
            | Object::Grading(_)
            | Object::InventoryRun(_)
            | Object::AssetState(_)
            | Object::ColumnClass(_) => return,
        };
        _ = writeln!(out, "ALTER {what} {name} OWNER TO {};", self.name_of(owner));
    }
}
