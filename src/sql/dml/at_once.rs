//! Changes of one row that wait for nobody and need nothing of the engine: most of those that many clients send.
//!
//! What [`Change::run`](super::Change::run) does, with a context, a copy of the transaction to go back to and a future for each place where
//! somebody may have to be waited for, is done here within the transaction itself. Whatever is not as it is most of the time (a lock that
//! another has, a catalogue that was changed meanwhile, NULL where there must be none, a value that is not of its column's type, a row of many bytes) is left to that way
//! before anything is changed: it waits, begins anew, and knows the error. What fails when the row is added ends the statement, and a
//! transaction that a statement has failed in is undone up to a savepoint before it.

use super::super::context::Context;
use super::super::database::Inner;
use super::super::lookup::{Lookup, Row};
use super::super::sequences::{self, Taken};
use super::super::values::Zone;
use super::Target;
use crate::catalog::{AuditAction, Column, ObjectId, Sequence, SqlType};
use crate::config::INLINE_BYTES_MAX;
use crate::error::{Kind, Result};
use crate::txn::locks::{Items, Space, Taking};
use crate::txn::{Keys, Mode, Transaction, batch, split_row_id};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, new_null_array};
use arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// What such a change runs with.
pub struct Now<'a> {
    /// The database.
    pub database: &'a Inner,
    /// Values of the statement's parameters.
    pub params: &'a [ScalarValue],
    /// The session's time zone.
    pub zone: Zone,
    /// The numbers that the session took of sequences.
    pub taken: &'a Taken,
}

/// What is known of such a change from when its statement is kept.
pub struct AtOnce {
    /// The columns of the table.
    schema: SchemaRef,
    /// Where each has its value from, if a row is added.
    sources: Vec<Source>,
}

/// Where a column of a new row has its value from.
enum Source {
    /// It is the same for each row, and of the column's type.
    Fixed(ArrayRef),
    /// It is at this place of the row that the statement makes; whether it is of the column's type there.
    Given(usize, bool),
    /// It is the next number of a sequence.
    Number(ObjectId, Box<Sequence>),
}

/// Room for what is not counted yet when it is seen whether a row is small.
const ROOM: usize = 1024;

impl AtOnce {
    /// An INSERT into a table of which nothing must be planned; `given` has for each column the place of its value in the row.
    pub fn added(context: &Context, target: &Target, row: &Row, given: &[Option<usize>]) -> Option<Self> {
        let table = &target.table;
        if !table.foreign_keys.is_empty() || !table.columns.iter().all(is_plain) {
            return None;
        }
        let zone = context.zone();
        let source = |(column, given): (&Column, &Option<usize>)| {
            let source = match (given, column.sequence) {
                (Some(at), _) => match row.constant(*at) {
                    Some(value) => Source::Fixed(zone.assign(value, &column.data_type).ok()?),
                    None => {
                        Source::Given(*at, row.data_type(*at)? == &column.data_type.arrow() && is_kept_as_is(column))
                    }
                },
                (None, Some(sequence)) => {
                    Source::Number(sequence, Box::new(sequences::may_number(context, sequence)?.clone()))
                }
                (None, None) => Source::Fixed(new_null_array(&column.data_type.arrow(), 1)),
            };
            let is_refused = matches!(&source, Source::Fixed(value) if column.not_null && value.null_count() > 0);
            (!is_refused).then_some(source)
        };
        let sources = table.columns.iter().zip(given).map(source).collect::<Option<Vec<_>>>()?;
        (sources.len() == table.columns.len()).then(|| Self { schema: table.arrow_schema(), sources })
    }

    /// An UPDATE of these columns in a table of which nothing must be planned.
    pub fn changed(target: &Target, columns: &[usize]) -> Option<Self> {
        let table = &target.table;
        let keys = table.keys.iter().map(|key| &key.columns);
        let mut bound = keys.chain(table.foreign_keys.iter().map(|key| &key.columns)).flatten();
        let is_bound = bound.any(|column| columns.contains(column));
        let fits = !is_bound && table.columns.iter().all(is_plain);
        fits.then(|| Self { schema: table.arrow_schema(), sources: Vec::new() })
    }

    /// Adds the row; nothing if that is to be done the other way.
    pub fn add(&self, now: &Now<'_>, txn: &mut Transaction, target: &Target, row: &Row) -> Result<Option<usize>> {
        if txn.is_read_only() || !may_use(now, txn, target)? {
            return Ok(None);
        }
        let Ok(given) = row.values(now.params) else { return Ok(None) };
        let mut columns = Vec::with_capacity(self.sources.len());
        for (source, column) in self.sources.iter().zip(&target.table.columns) {
            columns.push(match source {
                Source::Fixed(value) => value.clone(),
                Source::Given(at, true) => given[*at].clone(),
                Source::Given(at, false) => match now.zone.assign(&given[*at], &column.data_type) {
                    Ok(value) => value,
                    Err(_) => return Ok(None),
                },
                // It is taken when nothing else stands in the way.
                Source::Number(..) => given_later(),
            });
        }
        if !are_good(target, &columns) {
            return Ok(None);
        }
        let numbered = self.sources.iter().zip(&target.table.columns).zip(&mut columns);
        for ((source, column), value) in numbered {
            if let Source::Number(id, sequence) = source {
                let Some(number) = sequences::at_hand(&now.database.counters, now.taken, (*id, sequence)) else {
                    return Ok(None);
                };
                let number: ArrayRef = Arc::new(Int64Array::from(vec![number?]));
                match now.zone.assign(&number, &column.data_type) {
                    Ok(number) => *value = number,
                    Err(_) => return Ok(None),
                }
            }
        }
        let manager = &now.database.manager;
        let whole = batch(self.schema.clone(), columns, 1)?;
        let Some(prepared) = manager.prepare_few(txn, target.id, whole, Keys::New)? else { return Ok(None) };
        let keys = Space::Keys(target.id);
        if !prepared.items().is_empty() && !txn.owner().try_take(keys, prepared.items().clone(), Mode::Update)? {
            return Ok(None);
        }
        manager.add_few(txn, target.id, prepared, Keys::New)?;
        Ok(Some(1))
    }

    /// Gives columns of the row that `lookup` finds the values that it finds with it; nothing if that is to be done the other way.
    pub fn assign(
        &self,
        now: &Now<'_>,
        txn: &mut Transaction,
        target: &Target,
        (lookup, columns): (&Lookup, &[usize]),
    ) -> Result<Option<usize>> {
        let (manager, id) = (&now.database.manager, target.id);
        if txn.is_read_only() || lookup.is_sensitive() && manager.audit().logs(AuditAction::Read) {
            return Ok(None);
        }
        if !may_use(now, txn, target)? {
            return Ok(None);
        }
        let Some(found) = lookup.row(manager, txn, now.params)? else { return Ok(None) };
        let Some(found) = found else { return Ok(Some(0)) };
        let Some((row, values)) = found.split_first() else { return Ok(None) };
        let row = row.as_primitive::<UInt64Type>().value(0);
        let shared = txn.shared_rows(id, &[row]);
        let locked = txn.owner().take_rows(id, &shared, Mode::NoKeyUpdate, false)?;
        if !matches!(locked, Taking::Taken) || !manager.are_live(id, &shared) {
            return Ok(None);
        }
        let (segment, offset) = split_row_id(row);
        let rows = txn.snapshot().rows(id);
        let Some(segment) = rows.segment(segment) else { return Ok(None) };
        let all: Vec<usize> = (0..target.table.columns.len()).collect();
        let mut whole = match manager.read_row(id, segment, &all, offset) {
            Err(error) if error.kind() == Kind::Corruption => return Ok(None),
            columns => columns?,
        };
        for (value, &column) in values.iter().zip(columns) {
            match now.zone.assign(value, &target.table.columns[column].data_type) {
                Ok(value) => whole[column] = value,
                Err(_) => return Ok(None),
            }
        }
        if !are_good(target, &whole) {
            return Ok(None);
        }
        let whole = batch(self.schema.clone(), whole, 1)?;
        let Some(prepared) = manager.prepare_few(txn, id, whole, Keys::Kept)? else { return Ok(None) };
        txn.delete_rows(id, &[row])?;
        manager.add_few(txn, id, prepared, Keys::Kept)?;
        Ok(Some(1))
    }
}

/// Whether a column takes values as they come, with a cast at most.
fn is_plain(column: &Column) -> bool {
    column.generated.is_none() && column.domain.is_none() && column.places.is_none()
}

/// Whether a value of the type in memory is one of the column's as it is: it has no length, and no digits to be looked at.
fn is_kept_as_is(column: &Column) -> bool {
    use SqlType::{Bool, Date, Float4, Float8, Int2, Int4, Int8, Text};
    matches!(column.data_type, Bool | Int2 | Int4 | Int8 | Float4 | Float8 | Text | Date)
}

/// What stands for a number that is not taken yet.
fn given_later() -> ArrayRef {
    Arc::new(Int64Array::from(vec![0]))
}

/// Whether no value is missing, and the row is small.
fn are_good(target: &Target, columns: &[ArrayRef]) -> bool {
    let is_there = |(column, value): (&Column, &ArrayRef)| !column.not_null || value.null_count() == 0;
    let bytes: usize = columns.iter().map(|value| value.get_array_memory_size()).sum();
    bytes + ROOM < INLINE_BYTES_MAX && target.table.columns.iter().zip(columns).all(is_there)
}

/// Keeps the table from being changed, dropped or emptied until the transaction ends, if that needs no wait, and it is what it was.
fn may_use(now: &Now<'_>, txn: &Transaction, target: &Target) -> Result<bool> {
    let (owner, whole) = (txn.owner(), Space::Object(target.id));
    // Whatever it has is enough: this is the least.
    let is_there = owner.has(whole) || owner.try_take(whole, Items::one(0), Mode::KeyShare)?;
    Ok(is_there && now.database.manager.has_catalog(&txn.snapshot().catalog))
}
