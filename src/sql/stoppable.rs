//! Joins that stop when their statement should.
//!
//! The engine ends a statement by not polling it any more. A join whose condition refuses row after row gives nothing,
//! so it is not polled again until it has tried every pair, which may take hours. Hence its condition looks for itself.

use super::context::{Cancel, now_ms};
use super::run::blocking;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The same plan; a join's condition stops it when `cancel` says so.
pub fn stoppable(plan: Arc<dyn ExecutionPlan>, cancel: &Cancel) -> DfResult<Arc<dyn ExecutionPlan>> {
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        let filter = Some(watched(filter, cancel));
        return Ok(Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
    {
        return join.builder().with_filter(Some(watched(filter, cancel))).build_exec();
    }
    Ok(plan)
}

fn watched(filter: &JoinFilter, cancel: &Cancel) -> JoinFilter {
    let condition = Watched {
        condition: filter.expression().clone(),
        cancel: cancel.clone(),
        gave_way_ms: Arc::new(AtomicU64::new(now_ms())),
    };
    JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), filter.schema().clone())
}

/// How long a condition may keep its thread before it lets the thread's other tasks go elsewhere.
const GIVE_WAY_MS: u64 = 50;

/// A condition that is asked for batch after batch, and fails once its statement should stop.
#[derive(Debug, Clone)]
struct Watched {
    condition: Arc<dyn PhysicalExpr>,
    cancel: Cancel,
    /// When a thread last gave way.
    gave_way_ms: Arc<AtomicU64>,
}

impl Watched {
    /// Whether it is time to give way; said to one thread each time.
    fn gives_way(&self) -> bool {
        let (now_ms, last_ms) = (now_ms(), self.gave_way_ms.load(Ordering::Relaxed));
        let due = now_ms >= last_ms + GIVE_WAY_MS;
        due && self.gave_way_ms.compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl PhysicalExpr for Watched {
    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        self.cancel.check()?;
        match self.gives_way() {
            true => blocking(|| self.condition.evaluate(batch)),
            false => self.condition.evaluate(batch),
        }
    }

    fn data_type(&self, schema: &Schema) -> DfResult<DataType> {
        self.condition.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> DfResult<bool> {
        self.condition.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> DfResult<FieldRef> {
        self.condition.return_field(schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let condition = children.pop().unwrap_or_else(|| self.condition.clone());
        Ok(Arc::new(Self { condition, ..self.as_ref().clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}
