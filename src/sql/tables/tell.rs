//! The first side of a hash join, which tells scans of the second what it found.
//!
//! The engine's own joins can tell as much, but ask by hash, and go down by names that two columns may share. Keys are numbers nearly
//! always, and lie close together: as bits they are asked for at little more than the cost of reading them. Nobody waits:
//! a scan that has not heard yet gives all of its rows, which the join looks at as ever.

use super::asked::Told;
use crate::txn::Members;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Keys that are gathered at most: more leave little out, and take memory that nobody counts.
const KEYS_MAX: usize = 4 << 20;

/// Gives its input's batches, and tells the keys in them.
#[derive(Debug)]
pub struct TellExec {
    input: Arc<dyn ExecutionPlan>,
    keys: Arc<Vec<(usize, Arc<Told>)>>,
    gathered: Arc<Mutex<Gathered>>,
}

/// What the partitions that are through have found.
#[derive(Debug, Default)]
struct Gathered {
    partitions: usize,
    /// For each key the numbers of each partition; none once there are too many.
    numbers: Option<Vec<Vec<Vec<i64>>>>,
}

impl TellExec {
    /// The columns of `input` whose values are told.
    pub fn new(input: Arc<dyn ExecutionPlan>, keys: Vec<(usize, Arc<Told>)>) -> Self {
        let gathered = Gathered { partitions: 0, numbers: Some(vec![Vec::new(); keys.len()]) };
        Self { input, keys: Arc::new(keys), gathered: Arc::new(Mutex::new(gathered)) }
    }
}

impl DisplayAs for TellExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.input.schema();
        let keys: Vec<&str> = self.keys.iter().map(|(column, _)| schema.field(*column).name().as_str()).collect();
        write!(f, "TellExec: keys=[{}]", keys.join(", "))
    }
}

impl ExecutionPlan for TellExec {
    fn name(&self) -> &str {
        "TellExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next().unwrap_or_else(|| self.input.clone());
        Ok(Arc::new(Self::new(input, self.keys.to_vec())))
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, task)?;
        let schema = rows.schema();
        let telling = Telling {
            rows,
            keys: self.keys.clone(),
            found: vec![Vec::new(); self.keys.len()],
            gathered: self.gathered.clone(),
            partitions: self.properties().output_partitioning().partition_count(),
            ended: false,
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, telling)))
    }
}

/// One partition of it.
struct Telling {
    rows: SendableRecordBatchStream,
    keys: Arc<Vec<(usize, Arc<Told>)>>,
    found: Vec<Vec<i64>>,
    gathered: Arc<Mutex<Gathered>>,
    partitions: usize,
    ended: bool,
}

impl Stream for Telling {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.rows.poll_next_unpin(task);
        match &next {
            Poll::Ready(Some(Ok(batch))) => self.gather(batch)?,
            Poll::Ready(None) if !self.ended => self.end(),
            Poll::Ready(None) => {}
            // What failed tells nothing, and nobody asks.
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        next
    }
}

impl Telling {
    fn gather(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys = self.keys.clone();
        for ((column, _), found) in keys.iter().zip(&mut self.found) {
            if found.len() <= KEYS_MAX {
                let numbers: ArrayRef = cast(batch.column(*column), &DataType::Int64)?;
                let numbers = numbers.as_primitive::<Int64Type>();
                match numbers.null_count() {
                    0 => found.extend_from_slice(numbers.values()),
                    _ => found.extend(numbers.iter().flatten()),
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ended = true;
        let mut gathered = self.gathered.lock();
        gathered.partitions += 1;
        let found = std::mem::take(&mut self.found);
        if let Some(numbers) = &mut gathered.numbers {
            numbers.iter_mut().zip(found).for_each(|(all, found)| all.push(found));
        }
        if gathered.partitions < self.partitions {
            return;
        }
        let Some(numbers) = gathered.numbers.take() else { return };
        for ((_, told), numbers) in self.keys.iter().zip(numbers) {
            let count: usize = numbers.iter().map(Vec::len).sum();
            told.tell(if count <= KEYS_MAX { Members::of(&numbers) } else { None });
        }
    }
}
