//! Batches that own what they hold, and are no larger than they should be, before an operator that keeps them.
//!
//! A scan gives slices of a segment's columns. Whoever counts the memory of a slice counts the whole column: sixteen batches of
//! one segment would count sixteen times as much as there is, and a sort would spill what fits well. So operators that gather their
//! input get copies of what is theirs alone; all others get slices as before.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

/// The same plan; if its topmost operator gathers an input, that input owns its batches.
pub fn owning(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let gathers_first = plan.downcast_ref::<SortExec>().is_some()
        || plan.downcast_ref::<HashJoinExec>().is_some()
        || plan.downcast_ref::<CrossJoinExec>().is_some()
        || plan.downcast_ref::<NestedLoopJoinExec>().is_some();
    if !gathers_first {
        return Ok(Transformed::no(plan));
    }
    let mut children: Vec<_> = plan.children().into_iter().cloned().collect();
    if let Some(first) = children.first_mut() {
        *first = Arc::new(OwnedExec { input: first.clone() });
    }
    // Of the same rows in the same order: nothing that the plan knows of itself changes.
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
    Ok(Transformed::yes(plan.replace_children(children, options)?))
}

/// Gives its input's batches, copied where they are slices of something larger.
#[derive(Debug)]
struct OwnedExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for OwnedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedExec")
    }
}

impl ExecutionPlan for OwnedExec {
    fn name(&self) -> &str {
        "OwnedExec"
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
        Ok(Arc::new(Self { input }))
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows_max = task.session_config().batch_size();
        let rows = self.input.execute(partition, task)?;
        let schema = rows.schema();
        let owned = rows.map(move |batch| batch.map(|batch| pieces(batch, rows_max)));
        let owned = owned.flat_map(|pieces| match pieces {
            Ok(pieces) => futures::stream::iter(pieces).left_stream(),
            Err(error) => futures::stream::iter([Err(error)]).right_stream(),
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, owned)))
    }
}

/// The batch in pieces of at most so many rows.
fn pieces(batch: RecordBatch, rows_max: usize) -> impl Iterator<Item = Result<RecordBatch>> {
    let count = batch.num_rows();
    // One without rows or columns is passed on as it is.
    let starts = (0..count.max(1)).step_by(rows_max.max(1));
    starts.map(move |start| owned(batch.slice(start, rows_max.min(count - start))))
}

/// The batch, or a copy of it if it is a small part of what it holds on to.
fn owned(batch: RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(own).collect::<Result<Vec<_>>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

fn own(column: &ArrayRef) -> Result<ArrayRef> {
    let needed = column.to_data().get_slice_memory_size()?;
    match column.get_buffer_memory_size() > 2 * needed + 1024 {
        // Of two arrays the engine of arrow makes a third; of a single one it would give that back.
        true => Ok(concat(&[column.as_ref(), column.slice(0, 0).as_ref()])?),
        false => Ok(column.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    #[test]
    fn a_slice_is_copied_and_a_whole_is_not() {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..50_000).map(|n| format!("text {n}"))));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter((0..50_000).map(|n| (n % 3 > 0).then_some(n))));
        let whole = RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).unwrap();
        let slice = whole.slice(20_001, 100);
        assert!(slice.get_array_memory_size() > 500_000);
        let parts: Vec<_> = pieces(slice.clone(), 30).collect::<Result<_>>().unwrap();
        assert_eq!(parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [30, 30, 30, 10]);
        assert_eq!(arrow::compute::concat_batches(&slice.schema(), &parts).unwrap(), slice);
        assert_eq!(pieces(slice.slice(0, 0), 30).count(), 1);
        let copy = owned(slice.clone()).unwrap();
        assert_eq!(copy, slice);
        assert!(copy.get_array_memory_size() < 20_000, "{}", copy.get_array_memory_size());
        let same = owned(whole.clone()).unwrap();
        assert!(same.columns().iter().zip(whole.columns()).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}
