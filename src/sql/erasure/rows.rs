//! Rows of a subject: found by value, taken away with what refers to them.
//!
//! They go as rows that a DELETE removes: locked, with foreign keys doing what they declare, or going along where CASCADE is said. Row
//! policies hide none, forced ones included, since the owner of the table or a superuser erases.

use super::super::context::Context;
use super::super::dml::{self, Work};
use super::super::parser::{self, Body, ForgetWords, quoted};
use super::super::planner::Planner;
use super::super::run;
use super::beside;
use super::columns::{self, Held, Reach};
use crate::catalog::{Catalog, Class, Object, ObjectId, Table};
use crate::error::{Error, Result};
use crate::txn::{RowId, Transaction};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::sql::sqlparser::ast;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was erased so far.
#[derive(Debug, Clone, Default)]
pub struct Erased {
    /// Where the statement looked.
    pub reach: Reach,
    /// Rows that went, by table; those that came back without a value are among them.
    pub removed: BTreeMap<ObjectId, Vec<RowId>>,
    /// Rows that came back without a value.
    pub nulled: BTreeMap<ObjectId, usize>,
    /// Columns that are left as they are, with how many rows have the subject there.
    pub suspected: Vec<(columns::Suspect, u64)>,
}

impl Erased {
    /// Tables with rows of the subject, and those in which it was looked for: an earlier DELETE may have left some there.
    pub fn tables(&self) -> BTreeSet<ObjectId> {
        self.removed.keys().copied().chain(self.reach.columns.iter().map(|held| held.id)).collect()
    }

    /// Rows of a table that went for good, and rows that stay without a value.
    pub fn count(&self, table: ObjectId) -> (u64, u64) {
        let nulled = self.nulled.get(&table).copied().unwrap_or_default();
        let removed = self.removed.get(&table).map_or(0, Vec::len);
        (removed.saturating_sub(nulled) as u64, nulled as u64)
    }
}

/// Erases the rows within the transaction.
pub async fn erase(work: &Work<'_>, txn: &mut Transaction, words: &ForgetWords) -> Result<Erased> {
    txn.must_write("FORGET SUBJECT")?;
    let reach = columns::reach(work.context, words)?;
    let context = Arc::new(unpoliced(work.context));
    let own = work.within(&context).erasing(words.cascade);
    let (before, before_added) = (txn.removed_rows(), added(txn, work.context));
    let mut suspected = Vec::new();
    for suspect in &reach.suspects {
        let rows = count(&own, suspect.id, &suspect.column, &words.subjects).await?;
        if rows > 0 {
            suspected.push((suspect.clone(), rows));
        }
    }
    for held in ordered(&reach.columns, &context.snapshot.catalog) {
        remove(&own, txn, held, &words.subjects).await?;
    }
    let mut removed = txn.removed_rows();
    for (table, rows) in &mut removed {
        let known: BTreeSet<RowId> = before.get(table).into_iter().flatten().copied().collect();
        rows.retain(|row| !known.contains(row));
    }
    removed.retain(|_, rows| !rows.is_empty());
    let mut erased = Erased { reach, removed, nulled: BTreeMap::new(), suspected };
    for (table, rows) in added(txn, &context) {
        let new = rows.saturating_sub(before_added.get(&table).copied().unwrap_or_default());
        if new > 0 {
            erased.nulled.insert(table, new);
        }
    }
    for (table, rows) in beside::erase(&own, txn, &erased, &words.subjects).await? {
        erased.removed.entry(table).or_default().extend(rows);
    }
    Ok(erased)
}

/// Rows that the transaction has added to tables.
fn added(txn: &Transaction, context: &Context) -> BTreeMap<ObjectId, usize> {
    let tables = context.snapshot.catalog.class(Class::Relation).filter(|(_, o)| matches!(o, Object::Table(_)));
    tables.map(|(id, _)| (id, txn.added_rows(id))).filter(|(_, rows)| *rows > 0).collect()
}

/// The context, in which the policies that are forced on owners are not.
fn unpoliced(context: &Context) -> Context {
    let mut unpoliced = context.clone();
    let catalog = &context.snapshot.catalog;
    let forced = |table: &&Table| table.force_row_security && context.has_role(table.owner);
    let forced: Vec<(ObjectId, Table)> = catalog
        .class(Class::Relation)
        .filter_map(|(id, object)| match object {
            Object::Table(table) => Some(table).filter(forced).map(|table| (id, table.clone())),
            _ => None,
        })
        .collect();
    if !forced.is_empty() {
        let mut changed = Catalog::clone(catalog);
        for (id, mut table) in forced {
            table.force_row_security = false;
            changed.put(id, Arc::new(Object::Table(table)));
        }
        unpoliced.snapshot.catalog = Arc::new(changed);
    }
    unpoliced
}

/// The columns in an order in which rows that refer to others go before these.
fn ordered<'a>(columns: &'a [Held], catalog: &Catalog) -> Vec<&'a Held> {
    let mut left: Vec<&Held> = columns.iter().collect();
    let mut ordered = Vec::with_capacity(left.len());
    let refers = |from: ObjectId, to: ObjectId| {
        let keys = catalog.table_by_id(from).map(|table| table.foreign_keys.as_slice());
        from != to && keys.unwrap_or_default().iter().any(|key| key.table == to)
    };
    while !left.is_empty() {
        let free = |held: &&Held| left.iter().all(|other| !refers(other.id, held.id));
        // Tables that refer to each other in a circle have no such order.
        let at = left.iter().position(free).unwrap_or(0);
        ordered.push(left.remove(at));
    }
    ordered
}

/// `column IN ('value', ...)`
fn condition(column: &str, subjects: &[String]) -> String {
    let values: Vec<String> = subjects.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
    format!("{} IN ({})", quoted(column), values.join(", "))
}

fn relation(catalog: &Catalog, id: ObjectId) -> Result<String> {
    let table = catalog.table_by_id(id).ok_or_else(|| Error::internal("a table to erase from is gone"))?;
    Ok(format!("{}.{}", quoted(&table.schema), quoted(&table.name)))
}

/// How many rows have the subject in a column.
async fn count(work: &Work<'_>, id: ObjectId, column: &str, subjects: &[String]) -> Result<u64> {
    let relation = relation(&work.context.snapshot.catalog, id)?;
    let query = parser::query(&format!("SELECT count(*) FROM {relation} WHERE {}", condition(column, subjects)))?;
    let plan = Planner::new(work.context, work.state).answer(query)?;
    let batches = run::collect(work.context, work.state, &plan).await?;
    let counts = batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<Int64Type>());
    Ok(counts.flat_map(|counts| counts.values().iter()).map(|n| u64::try_from(*n).unwrap_or_default()).sum())
}

/// Takes the rows away that have the subject in a column, or the value from them.
async fn remove(work: &Work<'_>, txn: &mut Transaction, held: &Held, subjects: &[String]) -> Result<()> {
    let relation = relation(&work.context.snapshot.catalog, held.id)?;
    let condition = condition(&held.column, subjects);
    let text = match held.set_null {
        true => format!("UPDATE {relation} SET {} = NULL WHERE {condition}", quoted(&held.column)),
        false => format!("DELETE FROM {relation} WHERE {condition}"),
    };
    match parser::parse(&text)?.pop().map(|statement| statement.body) {
        Some(Body::Sql(statement)) => match *statement {
            ast::Statement::Delete(delete) => dml::delete(work, txn, delete).await.map(drop),
            ast::Statement::Update(update) => dml::update(work, txn, update).await.map(drop),
            _ => Err(Error::internal("a statement that erases is read as another")),
        },
        _ => Err(Error::internal("a statement that erases cannot be read")),
    }
}
