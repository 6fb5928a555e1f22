//! pg_class, and what lists its entries: pg_tables, pg_views, pg_sequence(s), pg_description.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::{functions, names, oids};
use super::listed::class_oid;
use super::role::acl;
use super::rows::{Rows, row};
use crate::catalog::{Class, Comment, Object, ObjectId, Table, is_temporary};

/// Bytes of a page, in which PostgreSQL counts.
const PAGE_BYTES: u64 = 8192;

/// pg_class
pub fn classes(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let (mut tuples, mut pages) = (-1.0, 0);
        if let What::Table(id, _) | What::Key(id, ..) = entry.what
            && facts.sees_all_rows(id)
        {
            let kept = facts.context.snapshot.rows(id);
            tuples = kept.live_rows() as f64;
            pages = kept.bytes().div_ceil(PAGE_BYTES).min(i32::MAX as u64) as i32;
        }
        let kind = entry.kind();
        let table = match entry.what {
            What::Table(id, table) => Some((id, table)),
            _ => None,
        };
        let stored = matches!(kind, "r" | "i" | "S" | "m");
        rows.add(&[
            ("oid", entry.oid.into()),
            ("relname", entry.name.as_ref().into()),
            ("relnamespace", facts.schema_oid(entry.schema).unwrap_or(0).into()),
            (
                "reltype",
                match entry.what {
                    What::Listed(listed) => listed.row_type,
                    _ if entry.is_relation() => entry.oid,
                    _ => 0,
                }
                .into(),
            ),
            ("relowner", facts.owner(&entry).into()),
            ("relam", access_method(&entry).into()),
            ("relfilenode", if stored { entry.oid } else { 0 }.into()),
            ("relpages", pages.into()),
            ("reltuples", tuples.into()),
            ("relhasindex", table.is_some_and(|(id, table)| has_index(facts, id, table)).into()),
            ("relpersistence", if is_temporary(entry.schema) { "t" } else { "p" }.into()),
            ("relkind", kind.into()),
            ("relnatts", facts.attributes(&entry).len().into()),
            ("relchecks", table.map_or(0, |(_, table)| table.checks.len()).into()),
            ("relhasrules", matches!(kind, "v" | "m").into()),
            (
                "relhastriggers",
                table
                    .is_some_and(|(_, table)| !table.foreign_keys.is_empty() || !table.referenced_by.is_empty())
                    .into(),
            ),
            ("relrowsecurity", table.is_some_and(|(_, table)| table.row_security).into()),
            ("relforcerowsecurity", table.is_some_and(|(_, table)| table.force_row_security).into()),
            ("relispopulated", is_populated(&entry).into()),
            ("relreplident", if matches!(kind, "r" | "m") { "d" } else { "n" }.into()),
            ("relacl", acl(facts, &entry).into()),
            ("reloptions", options(&entry).into()),
        ]);
    }
}

/// Whether it can be read: a materialized view may have no rows yet.
fn is_populated(entry: &Entry<'_>) -> bool {
    match entry.what {
        What::Table(_, table) => table.materialized.as_ref().is_none_or(|of| of.populated),
        _ => true,
    }
}

/// pg_matviews
pub fn materialized_views(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if entry.kind() != "m" {
            continue;
        }
        row!(rows,
            schemaname: entry.schema,
            matviewname: entry.name.as_ref(),
            matviewowner: names::role_name(facts, facts.owner(&entry)),
            hasindexes: entry.table().is_some_and(|(id, table)| has_index(facts, id, table)),
            ispopulated: is_populated(&entry),
            definition: functions::definitions::view(facts, &entry),
        );
    }
}

fn has_index(facts: &Facts, id: ObjectId, table: &Table) -> bool {
    !table.keys.is_empty()
        || facts.catalog().indexes_of(id).next().is_some()
        || facts.catalog().plain_indexes_of(id).next().is_some()
}

fn access_method(entry: &Entry<'_>) -> u32 {
    match entry.what {
        What::TextIndex(..) => oids::TEXT_METHOD,
        What::Key(..) => 403,
        What::Plain(index, _) => {
            if index.method == "hash" {
                405
            } else {
                403
            }
        }
        _ if matches!(entry.kind(), "r" | "m") => 2,
        _ => 0,
    }
}

fn options(entry: &Entry<'_>) -> Option<Vec<String>> {
    match entry.what {
        What::TextIndex(index, _) => Some(vec![format!("key_field={}", index.key_field)]),
        What::View(_, view) => {
            let barrier = view.barrier.then(|| "security_barrier=true".to_owned());
            let check = view.check.map(|check| format!("check_option={}", check.word()));
            let all: Vec<String> = barrier.into_iter().chain(check).collect();
            (!all.is_empty()).then_some(all)
        }
        _ => None,
    }
}

/// pg_tables
pub fn tables(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if entry.kind() != "r" {
            continue;
        }
        let table = entry.table();
        row!(rows,
            schemaname: entry.schema,
            tablename: entry.name.as_ref(),
            tableowner: names::role_name(facts, facts.owner(&entry)),
            hasindexes: table.is_some_and(|(id, table)| has_index(facts, id, table)),
            hasrules: false,
            hastriggers: table.is_some_and(|(_, table)| !table.foreign_keys.is_empty() || !table.referenced_by.is_empty()),
            rowsecurity: table.is_some_and(|(_, table)| table.row_security),
        );
    }
}

/// pg_views
pub fn views(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if entry.kind() == "v" {
            row!(rows,
                schemaname: entry.schema,
                viewname: entry.name.as_ref(),
                viewowner: names::role_name(facts, facts.owner(&entry)),
                definition: functions::definitions::view(facts, &entry),
            );
        }
    }
}

/// pg_sequence
pub fn sequences(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Sequence(_, sequence) = entry.what {
            row!(rows,
                seqrelid: entry.oid,
                seqtypid: super::types::of_column(&sequence.data_type).0,
                seqstart: sequence.start,
                seqincrement: sequence.increment,
                seqmax: sequence.max,
                seqmin: sequence.min,
                seqcache: sequence.cache,
                seqcycle: sequence.cycle,
            );
        }
    }
}

/// pg_sequences
pub fn shown_sequences(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Sequence(id, sequence) = entry.what {
            row!(rows,
                schemaname: entry.schema,
                sequencename: entry.name.as_ref(),
                sequenceowner: names::role_name(facts, facts.owner(&entry)),
                data_type: super::types::of_column(&sequence.data_type).0,
                start_value: sequence.start,
                min_value: sequence.min,
                max_value: sequence.max,
                increment_by: sequence.increment,
                cycle: sequence.cycle,
                cache_size: sequence.cache,
                last_value: crate::sql::sequences::last_value(&facts.context, (id, sequence)),
            );
        }
    }
}

/// pg_description
pub fn descriptions(facts: &Facts, rows: &mut Rows) {
    let classes = class_oid("pg_class");
    for entry in facts.entries() {
        if !matches!(entry.what, What::Table(..) | What::View(..)) {
            continue;
        }
        if let Some(text) = comment(&entry) {
            row!(rows, objoid: entry.oid, classoid: classes, objsubid: 0, description: text);
        }
        for (at, attribute) in facts.attributes(&entry).into_iter().enumerate() {
            if let Some(text) = attribute.comment {
                row!(rows, objoid: entry.oid, classoid: classes, objsubid: at + 1, description: text);
            }
        }
    }
    for (_, object) in facts.catalog().class(Class::Comment) {
        let Object::Comment(comment) = object else { continue };
        if let Some((oid, class)) = commented(facts, comment) {
            row!(rows, objoid: oid, classoid: class_oid(class), objsubid: 0, description: comment.text.as_str());
        }
    }
    let schemas = facts.catalog().class(Class::Schema).filter(|(_, object)| object.kind_name() == "schema");
    for (id, object) in schemas {
        if object.key().1 == "public" && facts.catalog().comment(id, "").is_none() {
            let text = "standard public schema";
            row!(rows, objoid: oids::of(id), classoid: class_oid("pg_namespace"), objsubid: 0, description: text);
        }
    }
    for (oid, text) in
        [(oids::PG_CATALOG, "system catalog schema"), (oids::STEWARD, "everything that Steward knows, as rows")]
    {
        row!(rows, objoid: oid, classoid: class_oid("pg_namespace"), objsubid: 0, description: text);
    }
}

/// The number, and the relation of the catalogue that has it, of what a comment is on, if the role is shown it.
fn commented(facts: &Facts, comment: &Comment) -> Option<(u32, &'static str)> {
    let oid = oids::of(comment.object);
    if let Some((kind, name)) = comment.part.split_once('\0') {
        let What::Table(id, table) = facts.entry(oid)?.what else { return None };
        return match kind {
            "constraint" => {
                let constraints = super::constraints_of(id, table);
                let found = constraints.into_iter().find(|constraint| constraint.name == name)?;
                Some((found.oid, "pg_constraint"))
            }
            _ => {
                let at = table.keys.iter().position(|key| key.name == name)?;
                Some((oids::class_part(id, oids::ClassPart::Key(at))?, "pg_class"))
            }
        };
    }
    match facts.catalog().get(comment.object)?.as_ref() {
        Object::Schema(_) => Some((oid, "pg_namespace")),
        Object::Enum(_) | Object::Domain(_) => Some((oid, "pg_type")),
        Object::Function(_) => Some((oid, "pg_proc")),
        Object::RowPolicy(policy) => facts.entry(oids::of(policy.table)).map(|_| (oid, "pg_policy")),
        Object::Index(_) | Object::PlainIndex(_) | Object::Sequence(_) => facts.entry(oid).map(|_| (oid, "pg_class")),
        _ => None,
    }
}

/// pg_shdescription: what is said of roles and of the database.
pub fn shared_descriptions(facts: &Facts, rows: &mut Rows) {
    for (_, object) in facts.catalog().class(Class::Comment) {
        let Object::Comment(comment) = object else { continue };
        let (oid, class) = match facts.catalog().get(comment.object).map(AsRef::as_ref) {
            Some(Object::Role(_)) => (oids::of(comment.object), "pg_authid"),
            None if comment.object == 0 => (oids::DATABASE, "pg_database"),
            _ => continue,
        };
        row!(rows, objoid: oid, classoid: class_oid(class), description: comment.text.as_str());
    }
}

/// COMMENT ON a table or view.
pub fn comment<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    match entry.what {
        What::Table(_, table) => table.comment.as_deref(),
        What::View(_, view) => view.comment.as_deref(),
        _ => None,
    }
}
