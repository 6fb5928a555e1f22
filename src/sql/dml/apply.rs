//! Rows that go and rows that take the place of others: locks, constraints, and what refers to them.

use super::super::tables;
use super::update::rows_by_id;
use super::{Target, Work, foreign, rows};
use crate::catalog::Table;
use crate::error::Result;
use crate::txn::{Mode, RowId, Transaction};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::future::BoxFuture;

/// Removes rows; gives how many were still there. `shown` are the positions of columns to give back of them.
pub fn remove<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    ids: &'a [RowId],
    shown: &'a [usize],
) -> BoxFuture<'a, Result<(usize, RecordBatch)>> {
    Box::pin(async move {
        work.lock_rows(txn, target, ids, Mode::Update, "delete").await?;
        // Their keys are free for others when they are gone.
        let keys = target.table.keys.iter().flat_map(|key| key.columns.iter().copied());
        let mut positions: Vec<usize> = keys.chain(shown.iter().copied()).collect();
        positions.sort_unstable();
        positions.dedup();
        if positions.is_empty() {
            let none = RecordBatch::new_empty(target.table.arrow_schema());
            return Ok((txn.delete_rows(target.id, ids)?, none));
        }
        let old = rows_by_id(work, txn, target, ids, &positions)?;
        work.lock_keys(txn, target, &old).await?;
        let count = txn.delete_rows(target.id, ids)?;
        foreign::gone(work, txn, target, &old, None).await?;
        Ok((count, old))
    })
}

/// Puts the rows of `new` in the place of those of `old`, which differ from them in the columns `assigned` at most, and in those that
/// are computed from them; gives the rows as they are then.
pub fn replace<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    ids: &'a [RowId],
    (old, new): (&'a RecordBatch, RecordBatch),
    assigned: &'a [usize],
) -> BoxFuture<'a, Result<RecordBatch>> {
    Box::pin(async move {
        let made = work.generate(&target.table, new)?;
        let (new, assigned): (_, Vec<usize>) =
            (&made, assigned.iter().copied().chain(target.table.generated()).collect());
        let keys = target.table.keys.iter().flat_map(|key| key.columns.iter().copied());
        let rekeyed = differ(old, new, keys.filter(|column| assigned.contains(column)))?;
        let mode = if rekeyed.true_count() > 0 { Mode::Update } else { Mode::NoKeyUpdate };
        work.lock_rows(txn, target, ids, mode, "update").await?;
        work.check(&target.table, new)?;
        let (lost, rekeyed_rows) = (filter_record_batch(old, &rekeyed)?, filter_record_batch(new, &rekeyed)?);
        work.lock_keys(txn, target, &lost).await?;
        work.lock_keys(txn, target, &rekeyed_rows).await?;
        txn.delete_rows(target.id, ids)?;
        rows::add(work, txn, target.id, new)?;
        for key in &target.table.foreign_keys {
            let columns = key.columns.iter().copied().filter(|column| assigned.contains(column));
            let redirected = filter_record_batch(new, &differ(old, new, columns)?)?;
            foreign::must_refer(work, txn, target, key, &redirected).await?;
        }
        foreign::gone(work, txn, target, &lost, Some(&rekeyed_rows)).await?;
        Ok(made)
    })
}

/// For each row whether one of the columns is another than before.
fn differ(old: &RecordBatch, new: &RecordBatch, columns: impl Iterator<Item = usize>) -> Result<BooleanArray> {
    let mut differ = vec![false; old.num_rows()];
    for column in columns {
        let distinct = arrow::compute::kernels::cmp::distinct(old.column(column), new.column(column))?;
        differ.iter_mut().zip(distinct.iter()).for_each(|(differ, distinct)| *differ |= distinct == Some(true));
    }
    Ok(BooleanArray::from(differ))
}

/// A key as a detail names it: with the values of a row if the role may see them.
pub fn named_key(work: &Work<'_>, target: &Target, columns: &[usize], values: &[ArrayRef], row: usize) -> String {
    let table: &Table = &target.table;
    let names: Vec<&str> = columns.iter().map(|&column| table.columns[column].name.as_str()).collect();
    let shown = tables::access(work.context, target.id, table).is_ok_and(|access| {
        columns.iter().all(|&column| {
            access.readable.get(column) == Some(&true) && access.masks.get(column).is_some_and(Option::is_none)
        })
    });
    if !shown {
        return format!("Key ({})", names.join(", "));
    }
    let options = FormatOptions::default();
    let values = values.iter().filter_map(|values| ArrayFormatter::try_new(values, &options).ok());
    let values: Vec<String> = values.map(|values| values.value(row).to_string()).collect();
    format!("Key ({})=({})", names.join(", "), values.join(", "))
}
