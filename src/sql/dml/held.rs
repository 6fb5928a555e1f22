//! Memory that a statement holds of what it changes: a piece of the rows at a time, and the little that it keeps of each to its end.

use super::Work;
use crate::config::{PIECE_BYTES_MAX, PIECE_BYTES_MIN, PIECE_ROWS_MAX};
use crate::error::Result;
use crate::txn::pieces;
use arrow::array::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use std::sync::{Arc, OnceLock};

/// What all parts of a statement count in, once one has something to count.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<OnceLock<Arc<dyn MemoryPool>>>);

impl Work<'_> {
    /// Counts bytes for as long as the answer is there. `OutOfMemory` where that is more than the statement may have.
    pub fn hold(&self, bytes: usize) -> Result<MemoryReservation> {
        let pool = self.held.0.get_or_init(|| self.context.database.memory.pool(&self.context.settings));
        let held = MemoryConsumer::new("changed rows").register(pool);
        held.try_grow(bytes)?;
        Ok(held)
    }

    /// Counts rows for as long as the answer is there.
    pub fn hold_rows(&self, rows: &RecordBatch) -> Result<MemoryReservation> {
        self.hold(pieces::bytes(rows.columns()))
    }

    /// Bytes in memory of the rows that are changed at once.
    pub fn piece_bytes(&self) -> usize {
        let all = self.context.database.memory.statement_bytes(&self.context.settings);
        (all / 16).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
    }
}

/// How many rows are read and changed at once. What they weigh only shows when some were read: so it begins with a few.
#[derive(Debug)]
pub struct Width {
    rows: usize,
    bytes: usize,
}

/// Rows of the first piece.
const FIRST_ROWS: usize = 32;

impl Width {
    /// Nothing is known yet.
    pub fn new(work: &Work<'_>) -> Self {
        Self { rows: FIRST_ROWS, bytes: work.piece_bytes() }
    }

    /// Of rows of which nothing is read.
    pub fn of_ids(work: &Work<'_>) -> Self {
        Self { rows: PIECE_ROWS_MAX, ..Self::new(work) }
    }

    /// Rows of the next piece.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Learns from rows that were read.
    pub fn learn(&mut self, rows: &RecordBatch) {
        if rows.num_rows() > 0 {
            let each = pieces::bytes(rows.columns()) / rows.num_rows();
            self.rows = (self.bytes / each.max(1)).clamp(1, PIECE_ROWS_MAX);
        }
    }
}
