//! pg_index and pg_indexes: text indexes, and what stands behind keys.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::{functions, oids};
use super::builtin;
use super::rows::{Rows, row};
use super::types;
use crate::catalog::Table;

/// What an index is of.
pub struct Indexed<'a> {
    /// Its table's OID.
    pub table_oid: u32,
    /// Its table.
    pub table: &'a Table,
    /// Positions of its columns.
    pub columns: Vec<usize>,
    /// It is a key's.
    pub unique: bool,
    /// It is the primary key's.
    pub primary: bool,
}

/// What an entry of kind `i` is of.
pub fn indexed<'a>(entry: &Entry<'a>) -> Option<Indexed<'a>> {
    match entry.what {
        What::Key(id, table, key) => Some(Indexed {
            table_oid: oids::of(id),
            table,
            columns: key.columns.clone(),
            unique: true,
            primary: key.primary,
        }),
        What::TextIndex(index, table) => Some(Indexed {
            table_oid: oids::of(index.table),
            table,
            columns: index.columns.iter().filter_map(|name| table.column_index(name)).collect(),
            unique: false,
            primary: false,
        }),
        _ => None,
    }
}

/// pg_index
pub fn rows(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let Some(of) = indexed(&entry) else { continue };
        let column_types: Vec<u32> =
            of.columns.iter().map(|at| types::of_column(&of.table.columns[*at].data_type).0).collect();
        let collations = column_types.iter().map(|oid| types::by_oid(*oid).map_or(0, |known| known.collation));
        let classes = column_types.iter().map(|oid| match of.unique {
            true => builtin::operator_class(*oid),
            false => oids::TEXT_CLASS,
        });
        row!(rows,
            indexrelid: entry.oid,
            indrelid: of.table_oid,
            indnatts: of.columns.len(),
            indnkeyatts: of.columns.len(),
            indisunique: of.unique,
            indisprimary: of.primary,
            indimmediate: true,
            // Rows are kept sorted by these columns.
            indisclustered: of.primary && !of.table.cluster.is_empty() && of.table.cluster == of.columns,
            indisvalid: true,
            indisready: true,
            indislive: true,
            indkey: of.columns.iter().map(|at| at + 1).collect::<Vec<_>>(),
            indcollation: collations.collect::<Vec<_>>(),
            indclass: classes.collect::<Vec<_>>(),
            indoption: vec![0; of.columns.len()],
        );
    }
}

/// pg_indexes
pub fn definitions(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let Some(of) = indexed(&entry) {
            row!(rows,
                schemaname: entry.schema,
                tablename: of.table.name.as_str(),
                indexname: entry.name.as_ref(),
                indexdef: functions::definitions::index(facts, &entry, false),
            );
        }
    }
}
