//! Rows that the query of a statement finds, in pieces.
//!
//! The query reads the snapshot that the statement began with, and goes on reading it while the rows found so far are changed: what
//! the statement itself adds it never finds. So the rows need not all be there before the first is changed, and a statement may
//! change more than fits into memory.

use super::super::locking;
use super::super::run;
use super::{Target, Work};
use crate::config::PIECE_ROWS_MAX;
use crate::error::{Error, Result};
use crate::txn::{Deleted, Mode, RowId, Transaction, pieces, split_row_id};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take};
use arrow::datatypes::UInt64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a plan finds: in the first column ids of rows of the target, and values beside them.
pub struct Finding {
    rows: SendableRecordBatchStream,
    /// A batch that did not fit into the last piece.
    ahead: Option<RecordBatch>,
    /// It is more than one piece.
    is_much: bool,
    bytes_max: usize,
}

impl Finding {
    /// Begins to look.
    pub async fn of(work: &Work<'_>, plan: LogicalPlan) -> Result<Self> {
        let plan = work.bind(plan)?;
        let rows = run::stream(work.context, work.state, &plan).await?;
        Ok(Self { rows, ahead: None, is_much: false, bytes_max: work.piece_bytes() })
    }

    /// The next rows. Before the first of several pieces is given, whoever else changes so much of the table is waited for: each
    /// would lock the rows as it finds them, in another order.
    pub async fn next(&mut self, work: &Work<'_>, txn: &Transaction, target: &Target) -> Result<Option<RecordBatch>> {
        let (mut piece, mut rows, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let batch = match self.ahead.take() {
                Some(batch) => batch,
                None => match self.rows.try_next().await? {
                    Some(batch) => batch,
                    None => break,
                },
            };
            let more = pieces::bytes(batch.columns());
            if rows > 0 && (rows + batch.num_rows() > PIECE_ROWS_MAX || bytes + more > self.bytes_max) {
                self.ahead = Some(batch);
                break;
            }
            (rows, bytes) = (rows + batch.num_rows(), bytes + more);
            piece.push(batch);
        }
        if self.ahead.is_some() && !self.is_much {
            locking::many_rows(work.context, txn, target.id).await?;
            self.is_much = true;
        }
        match piece.first() {
            None => Ok(None),
            Some(first) => Ok(Some(concat_batches(&first.schema(), &piece)?)),
        }
    }

    /// What comes of an error. Where it has the statement begin anew, because a row has changed meanwhile, the rows that are still to be
    /// found are locked before: else each attempt would meet another such row a little further on. `meant` gives their ids.
    pub async fn give_up(
        &mut self,
        work: &Work<'_>,
        txn: &Transaction,
        (target, mode): (&Target, Mode),
        error: Error,
        mut meant: impl FnMut(RecordBatch) -> Result<Vec<RowId>>,
    ) -> Error {
        if !work.again.load(Ordering::Relaxed) {
            return error;
        }
        loop {
            let ids = match self.next(work, txn, target).await {
                Ok(Some(found)) => meant(found),
                Ok(None) => return error,
                Err(other) => return other,
            };
            match ids {
                Ok(ids) => {
                    if let Err(other) = locking::rows(work.context, txn, target.id, &ids, mode).await {
                        return other;
                    }
                }
                Err(other) => return other,
            }
        }
    }

    /// All is found and changed: others may change as much.
    pub fn end(self, txn: &Transaction, target: &Target) {
        if self.is_much {
            locking::no_more_rows(txn, target.id);
        }
    }
}

/// Rows that a statement has met: a bit for each row up to the last one of its segment.
#[derive(Debug, Default)]
pub struct Met(HashMap<u64, Deleted>);

impl Met {
    /// Notes a row; tells whether it was new.
    pub fn insert(&mut self, row: RowId) -> bool {
        let (segment, offset) = split_row_id(row);
        self.0.entry(segment).or_default().insert(offset)
    }

    /// Ids without those met before, and the values that came with the first of each.
    pub fn first_of_each(&mut self, found: &RecordBatch) -> Result<(Vec<RowId>, Vec<ArrayRef>)> {
        let ids = found.column(0).as_primitive::<UInt64Type>();
        let keep: UInt64Array = (0..ids.len()).filter(|&n| self.insert(ids.value(n))).map(|n| n as u64).collect();
        let kept = keep.values().iter().map(|&n| ids.value(n as usize)).collect();
        let values = found.columns()[1..].iter().map(|column| Ok(take(column, &keep, None)?));
        Ok((kept, values.collect::<Result<_>>()?))
    }
}

/// Those of the rows found, whose ids are in the first column, that no other part of the statement has changed: a row is
/// changed once. What met no row has no id.
pub fn still_there(work: &Work<'_>, txn: &Transaction, target: &Target, found: RecordBatch) -> Result<RecordBatch> {
    let now = txn.snapshot().rows(target.id);
    if Arc::ptr_eq(&now, &work.context.snapshot.rows(target.id)) {
        return Ok(found);
    }
    let ids = found.column(0).as_primitive::<UInt64Type>();
    let kept: BooleanArray = ids.iter().map(|id| Some(id.is_none_or(|id| now.is_live(id)))).collect();
    Ok(filter_record_batch(&found, &kept)?)
}
