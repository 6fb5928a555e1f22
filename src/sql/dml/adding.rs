//! Rows on their way into a table: gathered, past those whose keys are there, then added and made to refer.

use super::upsert::Upsert;
use super::{Referring, Target, Work, rows};
use crate::catalog::KeyConstraint;
use crate::config::SEGMENT_ROWS_MAX;
use crate::error::Result;
use crate::txn::{Loader, Transaction};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

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
    /// Whether RETURNING asks for the rows.
    keep: bool,
    /// Small batches are gathered: each appended batch is a segment.
    waiting: Vec<RecordBatch>,
    added: Vec<RecordBatch>,
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
        keep: bool,
    ) -> Result<Self> {
        let manager = &work.context.database.manager;
        let loader = match matches!(on_conflict, OnConflict::Fail) && !keep {
            true => Some(Loader::new(manager.clone(), txn, target.id)?),
            false => None,
        };
        let (waiting, added) = (Vec::new(), Vec::new());
        Ok(Self { target, on_conflict, keep, waiting, added, count: 0, referring: Referring::default(), loader })
    }

    /// Takes whole rows.
    pub async fn put(&mut self, work: &Work<'_>, txn: &mut Transaction, batch: RecordBatch) -> Result<()> {
        if let Some(loader) = &mut self.loader {
            return rows::load(work, txn, self.target, (loader, &mut self.referring), batch).await;
        }
        self.waiting.push(batch);
        match self.waiting.iter().map(RecordBatch::num_rows).sum::<usize>() >= SEGMENT_ROWS_MAX {
            true => self.flush(work, txn).await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self, work: &Work<'_>, txn: &mut Transaction) -> Result<()> {
        let Some(first) = self.waiting.first() else { return Ok(()) };
        let mut batch = concat_batches(&first.schema(), self.waiting.iter())?;
        self.waiting.clear();
        match &mut self.on_conflict {
            OnConflict::Fail => {}
            OnConflict::Skip(keys) => {
                let manager = &work.context.database.manager;
                batch = manager.without_taken_keys(txn, self.target.id, keys, &batch)?;
                // Of those that others are adding, some may come to nothing.
                work.lock_keys(txn, self.target, &batch).await?;
                batch = manager.without_taken_keys(txn, self.target.id, keys, &batch)?;
            }
            OnConflict::Update(upsert) => {
                let (new, changed) = upsert.change(work, txn, self.target, batch).await?;
                self.count += changed.num_rows();
                if self.keep && changed.num_rows() > 0 {
                    self.added.push(changed);
                }
                batch = new;
            }
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        rows::append(work, txn, self.target, &batch).await?;
        self.referring.add(work, txn, self.target, &batch).await?;
        self.count += batch.num_rows();
        if self.keep {
            self.added.push(batch);
        }
        Ok(())
    }

    /// All rows are there: how many were added or changed, and they themselves for RETURNING.
    pub async fn end(mut self, work: &Work<'_>, txn: &mut Transaction) -> Result<(usize, Vec<RecordBatch>)> {
        if let Some(loader) = self.loader {
            let count = rows::finish(work, txn, self.target, (loader, self.referring)).await?;
            return Ok((count, Vec::new()));
        }
        self.flush(work, txn).await?;
        self.referring.end(work, txn, self.target).await?;
        Ok((self.count, self.added))
    }
}
