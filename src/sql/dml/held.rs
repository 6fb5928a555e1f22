//! Memory that a statement holds of what it changes: rows found and rows as they become are all there at once, until its end.

use super::super::context::Context;
use crate::error::Result;
use arrow::array::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use std::sync::{Arc, OnceLock};

/// What is held so far, shared by all parts of a statement.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<OnceLock<MemoryReservation>>);

impl Held {
    /// Counts rows that stay in memory. `OutOfMemory` where that is more than the statement may have.
    pub fn hold(&self, context: &Context, rows: &RecordBatch) -> Result<()> {
        let held = self.0.get_or_init(|| {
            MemoryConsumer::new("changed rows").register(&context.database.memory.pool(&context.settings))
        });
        Ok(held.try_grow(rows.get_array_memory_size())?)
    }
}
