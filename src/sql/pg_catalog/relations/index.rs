//! pg_index and pg_indexes: text indexes, plain and unique ones, and what stands behind keys.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::{functions, oids};
use super::builtin;
use super::rows::{Rows, row};
use super::types;
use crate::catalog::{IndexPart, Order, Table};
use std::borrow::Cow;

/// What an index is of.
pub struct Indexed<'a> {
    /// Its table's OID.
    pub table_oid: u32,
    /// Its table.
    pub table: &'a Table,
    /// `btree`, `hash` or `steward`.
    pub method: &'a str,
    /// Its parts, with their order.
    pub parts: Vec<(Cow<'a, IndexPart>, Order)>,
    /// Names of the columns that it has beside.
    pub include: &'a [String],
    /// Its condition.
    pub predicate: Option<&'a str>,
    /// It refuses rows.
    pub unique: bool,
    /// NULLs are equal in it.
    pub nulls_equal: bool,
    /// It is the primary key's.
    pub primary: bool,
}

impl Indexed<'_> {
    /// The position of the column that a part is, none for an expression.
    pub fn column(&self, part: &IndexPart) -> Option<usize> {
        match part {
            IndexPart::Column(name) => self.table.column_index(name),
            IndexPart::Expression(_) => None,
        }
    }

    /// Positions of the columns of INCLUDE.
    pub fn included(&self) -> Vec<usize> {
        self.include.iter().filter_map(|name| self.table.column_index(name)).collect()
    }
}

/// What an entry of kind `i` is of.
pub fn indexed<'a>(entry: &Entry<'a>) -> Option<Indexed<'a>> {
    let column = |name: &str| Cow::Owned(IndexPart::Column(name.to_owned()));
    match entry.what {
        What::Key(id, table, key) => {
            let orders = key.index.as_ref().map_or(&[][..], |index| &index.orders);
            let parts = key
                .columns
                .iter()
                .enumerate()
                .map(|(n, at)| (column(&table.columns[*at].name), orders.get(n).cloned().unwrap_or_default()));
            Some(Indexed {
                table_oid: oids::of(id),
                table,
                method: "btree",
                parts: parts.collect(),
                include: key.index.as_ref().map_or(&[][..], |index| &index.include),
                predicate: None,
                unique: true,
                nulls_equal: key.nulls_equal,
                primary: key.primary,
            })
        }
        What::Plain(index, table) => Some(Indexed {
            table_oid: oids::of(index.table),
            table,
            method: &index.method,
            parts: index.parts.iter().map(|(part, order)| (Cow::Borrowed(part), order.clone())).collect(),
            include: &index.include,
            predicate: index.predicate.as_deref(),
            unique: false,
            nulls_equal: false,
            primary: false,
        }),
        What::TextIndex(index, table) => Some(Indexed {
            table_oid: oids::of(index.table),
            table,
            method: "steward",
            parts: index.columns.iter().map(|name| (column(name), Order::default())).collect(),
            include: &[],
            predicate: None,
            unique: false,
            nulls_equal: false,
            primary: false,
        }),
        _ => None,
    }
}

/// pg_index
pub fn rows(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let Some(of) = indexed(&entry) else { continue };
        let columns: Vec<Option<usize>> = of.parts.iter().map(|(part, _)| of.column(part)).collect();
        // What an expression gives is not known here; it is shown as text.
        let column_types: Vec<u32> =
            columns.iter().map(|at| at.map_or(25, |at| types::of_column(&of.table.columns[at].data_type).0)).collect();
        let collations = column_types.iter().map(|oid| types::by_oid(*oid).map_or(0, |known| known.collation));
        let classes = column_types.iter().map(|oid| match of.method {
            "steward" => oids::TEXT_CLASS,
            _ => builtin::operator_class(*oid),
        });
        let numbers = columns.iter().map(|at| at.map_or(0, |at| at + 1));
        let numbers: Vec<usize> = numbers.chain(of.included().into_iter().map(|at| at + 1)).collect();
        let options = of.parts.iter().map(|(_, order)| i64::from(order.descending) | i64::from(order.nulls_first) << 1);
        let expressions: Vec<&str> = of
            .parts
            .iter()
            .filter_map(|(part, _)| match part.as_ref() {
                IndexPart::Expression(text) => Some(text.as_str()),
                IndexPart::Column(_) => None,
            })
            .collect();
        let keyed: Vec<usize> = columns.iter().flatten().copied().collect();
        row!(rows,
            indexrelid: entry.oid,
            indrelid: of.table_oid,
            indnatts: numbers.len(),
            indnkeyatts: of.parts.len(),
            indisunique: of.unique,
            indnullsnotdistinct: of.nulls_equal,
            indisprimary: of.primary,
            indimmediate: true,
            // Rows are kept sorted by these columns.
            indisclustered: of.primary && !of.table.cluster.is_empty() && of.table.cluster == keyed,
            indisvalid: true,
            indisready: true,
            indislive: true,
            indkey: numbers,
            indcollation: collations.collect::<Vec<_>>(),
            indclass: classes.collect::<Vec<_>>(),
            indoption: options.collect::<Vec<_>>(),
            indexprs: (!expressions.is_empty()).then(|| expressions.join(", ")),
            indpred: of.predicate,
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
