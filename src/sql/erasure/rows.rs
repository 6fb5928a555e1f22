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
    /// Rows of the transaction's own, by table: how many went, and how many stay without a value.
    pub own: BTreeMap<ObjectId, (usize, usize)>,
    /// Columns that are left as they are, with how many rows have the subject there, where that can be asked.
    pub suspected: Vec<(columns::Suspect, Option<u64>)>,
}

impl Erased {
    /// Tables with rows of the subject, and those in which it was looked for: an earlier DELETE may have left some there.
    pub fn tables(&self) -> BTreeSet<ObjectId> {
        let own = self.own.keys().copied();
        self.removed.keys().copied().chain(own).chain(self.reach.columns.iter().map(|held| held.id)).collect()
    }

    /// Rows of a table that went for good, and rows that stay without a value.
    pub fn count(&self, table: ObjectId) -> (u64, u64) {
        let nulled = self.nulled.get(&table).copied().unwrap_or_default();
        let removed = self.removed.get(&table).map_or(0, Vec::len);
        let (own_removed, own_nulled) = self.own.get(&table).copied().unwrap_or_default();
        ((removed.saturating_sub(nulled) + own_removed) as u64, (nulled + own_nulled) as u64)
    }
}

/// Erases the rows within the transaction.
pub async fn erase(work: &Work<'_>, txn: &mut Transaction, words: &ForgetWords) -> Result<Erased> {
    txn.must_write("FORGET SUBJECT")?;
    let reach = columns::reach(work.context, words)?;
    let context = Arc::new(unpoliced(work.context));
    let own = work.within(&context).erasing(words.cascade);
    let (before, before_added) = (txn.removed_rows(), added(txn, work.context));
    let mut changed: BTreeMap<ObjectId, usize> = BTreeMap::new();
    let mut found: BTreeSet<(ObjectId, Option<&str>)> = BTreeSet::new();
    for held in ordered(&reach.columns, &context.snapshot.catalog) {
        let rows = remove(&own, txn, held, &words.subjects).await?;
        if held.set_null {
            *changed.entry(held.id).or_default() += rows;
        }
        if rows > 0 {
            found.insert((held.id, held.set_null.then_some(held.column.as_str())));
        }
    }
    let suspected = suspected(&own, txn, &reach, &found, &words.subjects).await?;
    drop(found);
    let mut removed = txn.removed_rows();
    for (table, rows) in &mut removed {
        let known: BTreeSet<RowId> = before.get(table).into_iter().flatten().copied().collect();
        rows.retain(|row| !known.contains(row));
    }
    removed.retain(|_, rows| !rows.is_empty());
    let mut erased = Erased { reach, removed, nulled: BTreeMap::new(), own: BTreeMap::new(), suspected };
    let after_added = added(txn, &context);
    let tables: BTreeSet<ObjectId> = after_added.keys().chain(before_added.keys()).copied().collect();
    for table in tables {
        let of = |all: &BTreeMap<ObjectId, usize>| all.get(&table).copied().unwrap_or_default();
        let (before, after) = (of(&before_added), of(&after_added));
        let new = after.saturating_sub(before);
        if new > 0 {
            erased.nulled.insert(table, new);
        }
        // Of the transaction's own rows those that are changed are as many as before.
        let own = (before.saturating_sub(after), if before > 0 { of(&changed).saturating_sub(new) } else { 0 });
        if own != (0, 0) {
            erased.own.insert(table, own);
        }
    }
    for (table, rows) in beside::erase(&own, txn, &erased, &words.subjects).await? {
        erased.removed.entry(table).or_default().extend(rows);
    }
    Ok(erased)
}

/// The columns that are left as they are and may have the subject, in the rows that are left, with how many do.
async fn suspected(
    work: &Work<'_>,
    txn: &Transaction,
    reach: &Reach,
    found: &BTreeSet<(ObjectId, Option<&str>)>,
    subjects: &[String],
) -> Result<Vec<(columns::Suspect, Option<u64>)>> {
    let mut left = work.context.as_ref().clone();
    let catalog = left.snapshot.catalog.clone();
    left.snapshot = txn.snapshot().clone();
    left.snapshot.catalog = catalog;
    let left = Arc::new(left);
    let work = work.within(&left);
    let mut suspected = Vec::new();
    for suspect in &reach.suspects {
        let rows = match asked(suspect, subjects) {
            Some(condition) => Some(count(&work, suspect.id, &condition).await?),
            None => None,
        };
        // Where what was computed shows the subject in no row, and showed it in none that went, nobody knows whether it tells of it in
        // another way.
        let showed = [None, Some(suspect.column.as_str())].iter().any(|column| found.contains(&(suspect.id, *column)));
        let is_hidden = suspect.sign == columns::Sign::Within && rows == Some(0) && !showed;
        match rows {
            Some(0) if !is_hidden => {}
            rows => suspected.push((suspect.clone(), rows.filter(|_| !is_hidden))),
        }
    }
    Ok(suspected)
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

fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// `column IN ('value', ...)`
fn condition(column: &str, subjects: &[String]) -> String {
    let values: Vec<String> = subjects.iter().map(|value| literal(value)).collect();
    format!("{} IN ({})", quoted(column), values.join(", "))
}

/// That the text of a column is one of the values, but for cases and blanks around it.
fn is_text_of(column: &str, subjects: &[String]) -> String {
    let telling = subjects.iter().filter(|value| value.chars().count() >= beside::TELLING_CHARS_MIN);
    let values: Vec<String> = telling.map(|value| format!("lower(trim({}))", literal(value))).collect();
    match values.is_empty() {
        true => "false".to_owned(),
        false => format!("lower(trim(CAST({} AS text))) IN ({})", quoted(column), values.join(", ")),
    }
}

/// What tells the rows of a column that may have the subject, if anything does.
fn asked(suspect: &columns::Suspect, subjects: &[String]) -> Option<String> {
    match suspect.sign {
        columns::Sign::None => None,
        columns::Sign::Value => Some(condition(&suspect.column, subjects)),
        columns::Sign::Within => {
            let telling = subjects.iter().filter(|value| value.chars().count() >= beside::TELLING_CHARS_MIN);
            let column = quoted(&suspect.column);
            let within =
                telling.map(|value| format!("strpos(lower(CAST({column} AS text)), lower({})) > 0", literal(value)));
            let within = within.collect::<Vec<_>>().join(" OR ");
            Some(format!("({within}) AND NOT ({})", is_text_of(&suspect.column, subjects)))
        }
    }
}

fn relation(catalog: &Catalog, id: ObjectId) -> Result<String> {
    let table = catalog.table_by_id(id).ok_or_else(|| Error::internal("a table to erase from is gone"))?;
    Ok(format!("{}.{}", quoted(&table.schema), quoted(&table.name)))
}

/// How many rows of a table there are for which this is true.
async fn count(work: &Work<'_>, id: ObjectId, condition: &str) -> Result<u64> {
    let relation = relation(&work.context.snapshot.catalog, id)?;
    let query = parser::query(&format!("SELECT count(*) FROM {relation} WHERE {condition}"))?;
    let plan = Planner::new(work.context, work.state).answer(query)?;
    let batches = run::collect(work.context, work.state, &plan).await?;
    let counts = batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<Int64Type>());
    Ok(counts.flat_map(|counts| counts.values().iter()).map(|n| u64::try_from(*n).unwrap_or_default()).sum())
}

/// Takes the rows away that have the subject in a column, or the value from them; gives how many.
async fn remove(work: &Work<'_>, txn: &mut Transaction, held: &Held, subjects: &[String]) -> Result<usize> {
    let relation = relation(&work.context.snapshot.catalog, held.id)?;
    let condition = match held.computed {
        true => is_text_of(&held.column, subjects),
        false => condition(&held.column, subjects),
    };
    let text = match held.set_null {
        true => format!("UPDATE {relation} SET {} = NULL WHERE {condition}", quoted(&held.column)),
        false => format!("DELETE FROM {relation} WHERE {condition}"),
    };
    match parser::parse(&text)?.pop().map(|statement| statement.body) {
        Some(Body::Sql(statement)) => match *statement {
            ast::Statement::Delete(delete) => dml::delete(work, txn, delete).await.map(|changed| changed.rows),
            ast::Statement::Update(update) => dml::update(work, txn, update).await.map(|changed| changed.rows),
            _ => Err(Error::internal("a statement that erases is read as another")),
        },
        _ => Err(Error::internal("a statement that erases cannot be read")),
    }
}
