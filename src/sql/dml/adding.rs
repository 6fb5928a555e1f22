//! Rows on their way into a table: gathered, past those whose keys are there, then added and made to refer.

use super::super::locking::changed_meanwhile;
use super::returned::Returned;
use super::upsert::Upsert;
use super::{Changed, Referring, Target, Work, rows};
use crate::catalog::KeyConstraint;
use crate::config::SEGMENT_ROWS_MAX;
use crate::error::Result;
use crate::txn::{Condition, Holder, Isolation, Loader, Transaction, pieces};
use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take};

/// What to do about a row whose key is there already.
pub enum OnConflict {
    /// Fail.
    Fail,
    /// Leave it out, if it is one of these keys.
    Skip(Vec<KeyConstraint>),
    /// Change the row that is there.
    Update(Box<Upsert>),
}

/// Rows that an INSERT adds.
pub struct Adding<'a> {
    target: &'a Target,
    on_conflict: OnConflict,
    /// What RETURNING asks for.
    returned: Returned,
    /// Small batches are gathered: each appended batch is a segment.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    count: usize,
    referring: Referring,
    /// Rows that nobody asks back are added on all cores.
    loader: Option<Loader>,
}

impl<'a> Adding<'a> {
    /// No rows yet.
    pub fn new(
        work: &Work<'_>,
        txn: &Transaction,
        target: &'a Target,
        on_conflict: OnConflict,
        returned: Returned,
    ) -> Result<Self> {
        let manager = &work.context.database.manager;
        let all_at_once = matches!(on_conflict, OnConflict::Fail) && !returned.is_asked() && !target.has_checks();
        let loader = match all_at_once {
            true => Some(Loader::new(manager.clone(), txn, target.id)?),
            false => None,
        };
        let referring = Referring::default();
        let (waiting, waiting_rows, waiting_bytes) = (Vec::new(), 0, 0);
        Ok(Self { target, on_conflict, returned, waiting, waiting_rows, waiting_bytes, count: 0, referring, loader })
    }

    /// Takes whole rows.
    pub async fn put(&mut self, work: &Work<'_>, txn: &mut Transaction, batch: RecordBatch) -> Result<()> {
        if let Some(loader) = &mut self.loader {
            return rows::load(work, txn, self.target, (loader, &mut self.referring), batch).await;
        }
        work.put_many_aside(txn).await?;
        for batch in pieces::within(&batch, work.piece_bytes()) {
            self.waiting_rows += batch.num_rows();
            self.waiting_bytes += pieces::bytes(batch.columns());
            self.waiting.push(batch);
            if self.waiting_rows >= SEGMENT_ROWS_MAX || self.waiting_bytes >= work.piece_bytes() {
                self.flush(work, txn).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, work: &Work<'_>, txn: &mut Transaction) -> Result<()> {
        let Some(first) = self.waiting.first() else { return Ok(()) };
        let mut batch: RecordBatch = concat_batches(&first.schema(), self.waiting.iter())?;
        self.waiting.clear();
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        let _held = work.hold_rows(&batch)?;
        match &mut self.on_conflict {
            OnConflict::Fail => {}
            OnConflict::Skip(keys) => {
                let manager = &work.context.database.manager;
                let all = batch;
                batch = manager.without_taken_keys(txn, self.target.id, keys, &all)?;
                // Of those that others are adding, some may come to nothing.
                work.lock_keys(txn, self.target, &batch).await?;
                batch = manager.without_taken_keys(txn, self.target.id, keys, &batch)?;
                if batch.num_rows() < all.num_rows() && txn.isolation() != Isolation::ReadCommitted {
                    note_taken(work, txn, self.target, keys, &all)?;
                }
            }
            OnConflict::Update(upsert) => {
                let (new, changed, count) = upsert.change(work, txn, self.target, batch, &self.returned).await?;
                self.count += count;
                for changed in changed {
                    self.returned.put(work, self.target, changed, Vec::new()).await?;
                }
                batch = new;
            }
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        rows::append(work, txn, self.target, &batch).await?;
        work.check_views(self.target, &batch).await?;
        self.referring.add(work, txn, self.target, &batch).await?;
        self.count += batch.num_rows();
        self.returned.put(work, self.target, batch, Vec::new()).await
    }

    /// All rows are there: how many were added or changed, and what RETURNING gives of them.
    pub async fn end(mut self, work: &Work<'_>, txn: &mut Transaction) -> Result<Changed> {
        if let Some(loader) = self.loader {
            let rows = rows::finish(work, txn, self.target, (loader, self.referring)).await?;
            return Ok(Changed { rows, returning: None });
        }
        self.flush(work, txn).await?;
        self.referring.end(work, txn, self.target).await?;
        Ok(Changed { rows: self.count, returning: self.returned.end() })
    }
}

/// That rows of a batch are left out tells the transaction that their keys are there: it has read those rows, and may not have if its
/// snapshot does not show them.
fn note_taken(
    work: &Work<'_>,
    txn: &Transaction,
    target: &Target,
    keys: &[KeyConstraint],
    batch: &RecordBatch,
) -> Result<()> {
    for key in keys {
        let columns: Vec<ArrayRef> = key.columns.iter().map(|&column| batch.column(column).clone()).collect();
        let holders = work.context.database.manager.holders(txn, target.id, key, &columns)?;
        let mut taken = Vec::new();
        for (place, holder) in holders.iter().enumerate() {
            if let Holder::Row(row) = holder {
                if !txn.snapshot().rows(target.id).is_live(*row) {
                    return Err(changed_meanwhile("update"));
                }
                taken.push(place as u64);
            }
        }
        if let Some(reads) = txn.reads().filter(|_| !taken.is_empty()) {
            let places = UInt64Array::from(taken);
            let known = key.columns.iter().zip(&columns);
            let known = known.map(|(&column, values)| Ok(Condition::OneOf(column, take(values, &places, None)?)));
            reads.note_rows(target.id, &known.collect::<Result<Vec<_>>>()?);
        }
    }
    Ok(())
}
