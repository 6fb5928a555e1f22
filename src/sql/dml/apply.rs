//! Rows that go and rows that take the place of others: locks, constraints, and what refers to them.
//!
//! Both come in pieces. A piece is checked and locked when it comes, and its old rows are gone at once; unique keys that change, and
//! foreign keys, are looked at when all pieces have come, as they are of the statement as a whole.

use super::super::run::blocking;
use super::super::tables;
use super::foreign::Gone;
use super::held::Width;
use super::policed::Rows;
use super::rows::name_column;
use super::ruled::{Writing, Written};
use super::update::{old_rows, rows_by_id};
use super::{Referring, Target, Work};
use crate::catalog::Table;
use crate::error::Result;
use crate::txn::{Keys, Loader, Mode, RowId, Transaction};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::memory_pool::MemoryReservation;
use futures::future::BoxFuture;
use std::ops::Range;

/// Rows that go.
pub struct Removing<'a> {
    target: &'a Target,
    /// Columns that are read of them.
    positions: Vec<usize>,
    width: Width,
    gone: Gone,
    rows: usize,
}

impl<'a> Removing<'a> {
    /// None yet. `shown` are the positions of columns to give back of them.
    pub fn new(work: &Work<'_>, target: &'a Target, shown: &[usize]) -> Self {
        // Their keys are free for others when they are gone.
        let keys = target.table.keys.iter().flat_map(|key| key.columns.iter().copied());
        let mut positions: Vec<usize> = keys.chain(shown.iter().copied()).collect();
        positions.sort_unstable();
        positions.dedup();
        let width = if positions.is_empty() { Width::of_ids(work) } else { Width::new(work) };
        Self { target, positions, width, gone: Gone::new(target), rows: 0 }
    }

    /// How many of so many rows to remove at once.
    pub fn pieces(&self, rows: usize, start: usize) -> Option<Range<usize>> {
        next(&self.width, rows, start)
    }

    /// Removes rows; gives of them the columns that were asked for.
    pub async fn put(&mut self, work: &Work<'_>, txn: &mut Transaction, ids: &[RowId]) -> Result<RecordBatch> {
        let target = self.target;
        work.lock_rows(txn, target, ids, Mode::Update, "delete").await?;
        if self.positions.is_empty() {
            self.rows += txn.delete_rows(target.id, ids)?;
            return Ok(RecordBatch::new_empty(target.table.arrow_schema()));
        }
        let old = rows_by_id(work, txn, target, ids, &self.positions)?;
        let _held = work.hold_rows(&old)?;
        self.width.learn(&old);
        work.lock_keys(txn, target, &old).await?;
        self.rows += txn.delete_rows(target.id, ids)?;
        self.gone.put(work, &old, None)?;
        Ok(old)
    }

    /// All are gone: gives how many were still there.
    pub async fn end(self, work: &Work<'_>, txn: &mut Transaction) -> Result<usize> {
        self.gone.end(work, txn, self.target).await?;
        Ok(self.rows)
    }
}

/// Removes rows; gives how many were still there.
pub fn remove<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    ids: &'a [RowId],
) -> BoxFuture<'a, Result<usize>> {
    Box::pin(async move {
        let (mut removing, mut start) = (Removing::new(work, target, &[]), 0);
        while let Some(piece) = removing.pieces(ids.len(), start) {
            start = piece.end;
            removing.put(work, txn, &ids[piece]).await?;
        }
        removing.end(work, txn).await
    })
}

/// Rows that take the place of others, from which they differ in some columns at most, and in those that are computed from them.
pub struct Replacing<'a> {
    target: &'a Target,
    /// Columns in which they may differ.
    assigned: Vec<usize>,
    /// Columns that get values from outside.
    given: Vec<usize>,
    /// A foreign key changes them: rules leave none as it was.
    bound: bool,
    width: Width,
    loader: Loader,
    referring: Referring,
    gone: Gone,
    /// Keys that the transaction notes of them.
    noted: Option<MemoryReservation>,
}

impl<'a> Replacing<'a> {
    /// None yet. They get other values in these columns.
    pub fn new(work: &Work<'_>, txn: &Transaction, target: &'a Target, columns: &[usize]) -> Result<Self> {
        let repaired = work.repaired(&target.table);
        let assigned: Vec<usize> = columns.iter().copied().chain(target.table.generated()).chain(repaired).collect();
        let rekeys = target.table.keys.iter().flat_map(|key| &key.columns).any(|column| assigned.contains(column));
        let keys = if rekeys { Keys::Late } else { Keys::Kept };
        let loader = Loader::new(work.context.database.manager.clone(), txn, target.id)?.of_keys(keys);
        let (given, width, gone) = (columns.to_vec(), Width::new(work), Gone::new(target));
        let referring = Referring::default();
        Ok(Self { target, assigned, given, bound: false, width, loader, referring, gone, noted: None })
    }

    /// How many of so many rows to change at once.
    pub fn pieces(&self, rows: usize, start: usize) -> Option<Range<usize>> {
        next(&self.width, rows, start)
    }

    /// Gives the columns of rows these values; gives the rows that were changed as they are then.
    pub async fn assign(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        ids: &[RowId],
        values: &[ArrayRef],
    ) -> Result<Replaced> {
        let old = old_rows(work, txn, self.target, ids)?;
        let _held = work.hold_rows(&old)?;
        self.assign_to(work, txn, ids, &old, values).await
    }

    /// The same where they were read already.
    pub async fn assign_to(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        ids: &[RowId],
        old: &RecordBatch,
        values: &[ArrayRef],
    ) -> Result<Replaced> {
        self.width.learn(old);
        let (mut new, zone) = (old.columns().to_vec(), work.context.zone());
        for (values, &column) in values.iter().zip(&self.given) {
            let of = &self.target.table.columns[column];
            new[column] = zone.assign(values, &of.data_type).map_err(|error| name_column(error, &of.name))?;
        }
        let new = crate::txn::batch(self.target.table.arrow_schema(), new, ids.len())?;
        self.put(work, txn, ids, (old, new)).await
    }

    /// Puts the rows of `new` in the place of those of `old`, but for those that quality rules leave out; gives them as they are then.
    async fn put(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        ids: &[RowId],
        (old, new): (&RecordBatch, RecordBatch),
    ) -> Result<Replaced> {
        let target = self.target;
        let made = work.generate(&target.table, new)?;
        let writing = if self.bound { Writing::Bound } else { Writing::Changed(&self.given) };
        work.check_domains(&target.table, &made)?;
        work.police(target, Rows::Changed, &made).await?;
        let Written { rows: made, kept, repaired } = work.ruled(&target.table, made, writing)?;
        work.put_many_aside(txn).await?;
        let (old_kept, ids_kept);
        let (old, ids) = match &kept {
            None => (old, ids),
            Some(kept) => {
                old_kept = filter_record_batch(old, kept)?;
                ids_kept =
                    ids.iter().zip(kept.values()).filter(|(_, kept)| *kept).map(|(id, _)| *id).collect::<Vec<_>>();
                (&old_kept, ids_kept.as_slice())
            }
        };
        // The other columns are those of the old rows, which are counted.
        let _held = work.hold_rows(&made.project(&self.assigned)?)?;
        let keys = target.table.keys.iter().flat_map(|key| key.columns.iter().copied());
        let rekeyed = differ(old, &made, keys.filter(|column| self.assigned.contains(column)))?;
        let mode = if rekeyed.true_count() > 0 { Mode::Update } else { Mode::NoKeyUpdate };
        work.lock_rows(txn, target, ids, mode, "update").await?;
        if repaired {
            work.check_domains(&target.table, &made)?;
            work.police(target, Rows::Changed, &made).await?;
        }
        work.check_constraints(&target.table, &made)?;
        work.check_views(target, &made).await?;
        let (lost, rekeyed_rows) = (filter_record_batch(old, &rekeyed)?, filter_record_batch(&made, &rekeyed)?);
        work.lock_keys(txn, target, &lost).await?;
        work.lock_keys(txn, target, &rekeyed_rows).await?;
        txn.delete_rows(target.id, ids)?;
        for piece in self.loader.pieces(&made) {
            self.settle(txn, Loader::is_full)?;
            self.loader.push(piece)?;
        }
        for key in &target.table.foreign_keys {
            let columns = key.columns.iter().copied().filter(|column| self.assigned.contains(column));
            let redirected = filter_record_batch(&made, &differ(old, &made, columns)?)?;
            self.referring.redirect(work, txn, target, key, &redirected).await?;
        }
        self.gone.put(work, &lost, Some(&rekeyed_rows))?;
        Ok(Replaced { rows: made, kept })
    }

    /// Adds the segments whose turn it is.
    fn settle(&mut self, txn: &mut Transaction, due: impl Fn(&Loader) -> bool) -> Result<()> {
        while due(&self.loader) {
            if let Some(prepared) = blocking(|| self.loader.take_first())? {
                self.loader.attach(txn, prepared)?;
            }
        }
        Ok(())
    }

    /// All have come: they are added, and their unique keys looked at.
    pub fn add(&mut self, work: &Work<'_>, txn: &mut Transaction) -> Result<()> {
        self.settle(txn, Loader::is_busy)?;
        if let Some(last) = self.loader.rest()? {
            self.loader.attach(txn, last)?;
        }
        self.noted = Some(work.hold(self.loader.late_bytes(txn))?);
        self.loader.attach_late(txn)
    }

    /// All are added: foreign keys are looked at.
    pub async fn end(self, work: &Work<'_>, txn: &mut Transaction) -> Result<()> {
        self.referring.end(work, txn, self.target).await?;
        self.gone.end(work, txn, self.target).await
    }
}

/// Rows that took the place of others.
pub struct Replaced {
    /// The rows as they are now.
    pub rows: RecordBatch,
    /// Of the rows that were meant, which are among them; none if all are.
    pub kept: Option<BooleanArray>,
}

/// Gives columns of rows these values; gives how many rows were changed.
pub fn assign<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    columns: &'a [usize],
    rows: (&'a [RowId], &'a [ArrayRef]),
) -> BoxFuture<'a, Result<usize>> {
    Box::pin(async move {
        let mut count = 0;
        assign_each(work, txn, target, columns, rows, false, |rows| count += rows.num_rows()).await?;
        Ok(count)
    })
}

/// The same for a foreign key, which the rows must follow; gives the rows as they are then, if they are asked for.
pub fn assign_bound<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    columns: &'a [usize],
    (ids, values): (&'a [RowId], &'a [ArrayRef]),
    shown: bool,
) -> BoxFuture<'a, Result<Vec<RecordBatch>>> {
    Box::pin(async move {
        let mut after = Vec::new();
        let keep = |rows| after.extend(shown.then_some(rows));
        assign_each(work, txn, target, columns, (ids, values), true, keep).await?;
        Ok(after)
    })
}

async fn assign_each(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    columns: &[usize],
    (ids, values): (&[RowId], &[ArrayRef]),
    bound: bool,
    mut tell: impl FnMut(RecordBatch),
) -> Result<()> {
    let (mut replacing, mut start) = (Replacing::new(work, txn, target, columns)?, 0);
    replacing.bound = bound;
    while let Some(piece) = replacing.pieces(ids.len(), start) {
        start = piece.end;
        let values: Vec<ArrayRef> = values.iter().map(|column| column.slice(piece.start, piece.len())).collect();
        tell(replacing.assign(work, txn, &ids[piece], &values).await?.rows);
    }
    replacing.add(work, txn)?;
    replacing.end(work, txn).await
}

/// The piece of so many rows that begins at `start`.
fn next(width: &Width, rows: usize, start: usize) -> Option<Range<usize>> {
    (start < rows).then(|| start..rows.min(start + width.rows()))
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
