//! The rows of a query for whoever has to read them several times: a training, an evaluation.

use super::context::Context;
use super::run;
use crate::config::TRAINING_ROWS_BYTES;
use crate::error::{Error, Result};
use crate::models::Source;
use arrow::array::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The rows of a query. They stay in memory while they are few; of more the query is run again for each reading, on the same
/// snapshot. Must be read on a thread that may block.
pub struct QueryRows {
    context: Arc<Context>,
    state: SessionState,
    plan: LogicalPlan,
    handle: Handle,
    kept: Option<Vec<RecordBatch>>,
    is_large: bool,
}

impl QueryRows {
    /// The rows of a plan, always in the order that the engine's `state` gives them.
    pub fn new(context: &Arc<Context>, state: SessionState, plan: LogicalPlan) -> Result<Self> {
        let handle =
            Handle::try_current().map_err(|_| Error::internal("the rows of a query are read within a runtime"))?;
        Ok(Self { context: context.clone(), state, plan, handle, kept: None, is_large: false })
    }
}

impl Source for QueryRows {
    fn read(&mut self, each: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        if let Some(kept) = &self.kept {
            return kept.iter().try_for_each(each);
        }
        let mut rows = self.handle.block_on(run::stream(&self.context, &self.state, &self.plan))?;
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = self.handle.block_on(rows.next()).transpose()? {
            each(&batch)?;
            if !self.is_large {
                bytes += batch.get_array_memory_size();
                gathered.push(batch);
                if bytes > TRAINING_ROWS_BYTES {
                    self.is_large = true;
                    gathered = Vec::new();
                }
            }
        }
        self.kept = (!self.is_large).then_some(gathered);
        Ok(())
    }
}
