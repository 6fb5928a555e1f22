//! pg_class, and what lists its entries: pg_tables, pg_views, pg_sequence(s), pg_description.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::{functions, names, oids};
use super::listed::class_oid;
use super::role::acl;
use super::rows::{Rows, row};
use crate::catalog::{Class, ObjectId, Table};

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
        let stored = matches!(kind, "r" | "i" | "S");
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
            ("relpersistence", "p".into()),
            ("relkind", kind.into()),
            ("relnatts", facts.attributes(&entry).len().into()),
            ("relchecks", table.map_or(0, |(_, table)| table.checks.len()).into()),
            ("relhasrules", (kind == "v").into()),
            (
                "relhastriggers",
                table
                    .is_some_and(|(_, table)| !table.foreign_keys.is_empty() || !table.referenced_by.is_empty())
                    .into(),
            ),
            ("relrowsecurity", table.is_some_and(|(_, table)| table.row_security).into()),
            ("relispopulated", true.into()),
            ("relreplident", if kind == "r" { "d" } else { "n" }.into()),
            ("relacl", acl(facts, &entry).into()),
            ("reloptions", options(&entry).into()),
        ]);
    }
}

fn has_index(facts: &Facts, id: ObjectId, table: &Table) -> bool {
    !table.keys.is_empty() || facts.catalog().indexes_of(id).next().is_some()
}

fn access_method(entry: &Entry<'_>) -> u32 {
    match entry.what {
        What::TextIndex(..) => oids::TEXT_METHOD,
        What::Key(..) => 403,
        _ if entry.kind() == "r" => 2,
        _ => 0,
    }
}

fn options(entry: &Entry<'_>) -> Option<Vec<String>> {
    match entry.what {
        What::TextIndex(index, _) => Some(vec![format!("key_field={}", index.key_field)]),
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
                definition: functions::definitions::view(&entry),
            );
        }
    }
}

/// pg_sequence: what numbers columns by itself counts from 1.
pub fn sequences(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Sequence(_, table, column) = entry.what {
            let (type_oid, _) = super::types::of_column(&table.columns[column].data_type);
            row!(rows,
                seqrelid: entry.oid,
                seqtypid: type_oid,
                seqstart: 1,
                seqincrement: 1,
                seqmax: most(type_oid),
                seqmin: 1,
                seqcache: 1,
                seqcycle: false,
            );
        }
    }
}

/// pg_sequences
pub fn shown_sequences(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Sequence(_, table, column) = entry.what {
            let (type_oid, _) = super::types::of_column(&table.columns[column].data_type);
            row!(rows,
                schemaname: entry.schema,
                sequencename: entry.name.as_ref(),
                sequenceowner: names::role_name(facts, facts.owner(&entry)),
                data_type: type_oid,
                start_value: 1,
                min_value: 1,
                max_value: most(type_oid),
                increment_by: 1,
                cycle: false,
                cache_size: 1,
            );
        }
    }
}

/// The greatest number of an integer type.
fn most(type_oid: u32) -> i64 {
    match type_oid {
        21 => i64::from(i16::MAX),
        23 => i64::from(i32::MAX),
        _ => i64::MAX,
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
    let schemas = facts.catalog().class(Class::Schema).filter(|(_, object)| object.kind_name() == "schema");
    for (id, object) in schemas {
        if object.key().1 == "public" {
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

/// COMMENT ON a table or view.
pub fn comment<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    match entry.what {
        What::Table(_, table) => table.comment.as_deref(),
        What::View(_, view) => view.comment.as_deref(),
        _ => None,
    }
}
