//! The rows that RETURNING gives: made a piece at a time, and kept until the statement has succeeded, the most of many on disk.

use super::super::cursor::{Kept, Passed};
use super::super::lineage::{Derived, Told};
use super::returning::{self, Beside};
use super::{Target, Work};
use crate::error::Result;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::sql::sqlparser::ast;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// RETURNING of a statement that runs.
pub struct Returned(Option<Asked>);

struct Asked {
    items: Vec<ast::SelectItem>,
    beside: Beside,
    rows: Rows,
}

impl Returned {
    /// No rows yet; none ever if nothing is asked for. `beside` are the relations of FROM or USING.
    pub fn new(work: &Work<'_>, target: &Target, beside: Beside, items: Option<Vec<ast::SelectItem>>) -> Result<Self> {
        let Some(items) = items else { return Ok(Self(None)) };
        returning::must_be_shown(work, target, &items)?;
        let (schema, derived) = returning::columns(work, target, &beside, &items)?;
        let database = &work.context.database;
        let kept = Kept::new(database.manager.store().spill().clone(), &database.memory.pool(&work.context.settings));
        let rows = Rows { schema, kept: Arc::new(Mutex::new(kept)), derived: Arc::new(derived) };
        Ok(Self(Some(Asked { items, beside, rows })))
    }

    /// Whether anything is asked for.
    pub fn is_asked(&self) -> bool {
        self.0.is_some()
    }

    /// Rows that were added, changed or removed, and what they met.
    pub async fn put(
        &mut self,
        work: &Work<'_>,
        target: &Target,
        batch: RecordBatch,
        met: Vec<ArrayRef>,
    ) -> Result<()> {
        let Some(asked) = &mut self.0 else { return Ok(()) };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let beside = asked.beside.with(met);
        for rows in returning::rows(work, target, &beside, batch, asked.items.clone(), &asked.rows.schema).await? {
            if asked.rows.kept.lock().end() == 0 {
                // Parameters have told their types by now.
                asked.rows.schema = rows.schema();
            }
            let mut kept = asked.rows.kept.lock();
            kept.push(rows);
            kept.settle(0, Passed::PutAside)?;
        }
        Ok(())
    }

    /// All rows, if any were asked for.
    pub fn end(self) -> Option<Rows> {
        self.0.map(|asked| asked.rows)
    }
}

/// Rows that a statement gave back.
#[derive(Clone)]
pub struct Rows {
    schema: SchemaRef,
    kept: Arc<Mutex<Kept>>,
    /// What their columns come from.
    derived: Arc<Derived>,
}

impl Rows {
    /// Their columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows from the first on.
    pub fn stream(&self) -> SendableRecordBatchStream {
        let rows = self.clone();
        let mut next = 1;
        let batches = std::iter::from_fn(move || {
            let found = rows.kept.lock().find(next).map_err(DataFusionError::from).transpose()?;
            Some(found.map(|(batch, _)| {
                next += batch.num_rows() as u64;
                batch
            }))
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), futures::stream::iter(batches)))
    }

    /// The rows as a relation.
    pub fn relation(&self) -> Result<Arc<dyn TableProvider>> {
        let rows: Arc<dyn TableProvider> = match self.kept.lock().in_memory() {
            Some(batches) => Arc::new(MemTable::try_new(self.schema.clone(), vec![batches])?),
            None => Arc::new(StreamingTable::try_new(self.schema.clone(), vec![Arc::new(self.clone())])?),
        };
        Ok(Arc::new(Told::new(rows, self.derived.as_ref().clone())))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.stream()
    }
}
