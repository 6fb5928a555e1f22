//! Running plans.

use super::caught;
use super::context::{Cancel, Context};
use super::lateral;
use super::memory::owning;
use super::semantics::asks;
use super::sparing;
use super::stoppable::stoppable;
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};

/// The rows of a plan as a stream that ends when the statement is cancelled or its time is over.
///
/// A hash join keeps one side in memory and cannot spill, nor can what finds the first rows of an order. Where that does not fit, and no
/// row has been given yet, the plan is made once more with operators that sort and spill ([`sparing`]).
pub async fn stream(
    context: &Arc<Context>,
    state: &SessionState,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    stream_optimised(context, state, optimised(context, state, plan)?).await
}

/// The plan as the engine finds it best.
pub fn optimised(context: &Arc<Context>, state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan> {
    let fitted = context.database.memory.fitted(state, &context.settings);
    let state = fitted.as_ref().unwrap_or(state);
    state.optimize(&lateral::set_apart(context, state, plan)?).map_err(unplannable)
}

/// As [`stream`], for a plan that is optimised.
pub async fn stream_optimised(
    context: &Arc<Context>,
    state: &SessionState,
    plan: LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let fitted = context.database.memory.fitted(state, &context.settings);
    let state = fitted.as_ref().unwrap_or(state);
    let chosen = physical(state, &plan).await.map_err(unplannable)?;
    let may_help = sparing::may_help(state, &chosen)?;
    let mut rows = start(context, state, chosen)?;
    if !may_help {
        return Ok(rows);
    }
    match rows.next().await.transpose().map_err(Error::from) {
        Ok(first) => {
            let schema = rows.schema();
            let all = futures::stream::iter(first.map(Ok)).chain(rows);
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, all)))
        }
        Err(error) if error.kind() == Kind::OutOfMemory => {
            drop(rows);
            start(context, state, sparing::physical(state, plan).await?)
        }
        Err(error) => Err(error),
    }
}

/// How the engine runs an optimised plan.
///
/// What is computed of rows that are in their order is computed as they come: planned with the rest, the engine would deal the rows
/// out to all cores first, and gather them in any order.
pub async fn physical(state: &SessionState, plan: &LogicalPlan) -> DfResult<Arc<dyn ExecutionPlan>> {
    let LogicalPlan::Projection(last) = plan else {
        return state.query_planner().create_physical_plan(plan, state).await;
    };
    if !is_ordered(&last.input) || last.expr.iter().any(asks) {
        return state.query_planner().create_physical_plan(plan, state).await;
    }
    let ordered = state.query_planner().create_physical_plan(&last.input, state).await?;
    let items = last.expr.iter().zip(last.schema.fields()).map(|(item, field)| {
        let expr = state.create_physical_expr(item.clone(), last.input.schema())?;
        Ok(ProjectionExpr { expr, alias: field.name().clone() })
    });
    Ok(Arc::new(ProjectionExec::try_new(items.collect::<DfResult<Vec<_>>>()?, ordered)?))
}

/// Whether the rows of a plan come in an order that was asked for.
fn is_ordered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Limit(limit) => is_ordered(&limit.input),
        LogicalPlan::SubqueryAlias(alias) => is_ordered(&alias.input),
        LogicalPlan::Projection(projection) => is_ordered(&projection.input),
        _ => false,
    }
}

/// All names were found when the statement was planned: where the engine loses one later, it cannot run what was asked.
fn unplannable(error: DataFusionError) -> Error {
    let error = Error::from(error);
    match error.kind() {
        Kind::UndefinedColumn | Kind::UndefinedTable | Kind::AmbiguousColumn => {
            Error::new(Kind::Unsupported, "such a query is not supported: a subquery stands where it cannot be joined")
                .with_detail(format!("{}.", error.message()))
                .with_hint("Move it from the condition of a join to WHERE, or compute it in a WITH query.")
        }
        _ => error,
    }
}

fn start(
    context: &Context,
    state: &SessionState,
    physical: Arc<dyn ExecutionPlan>,
) -> Result<SendableRecordBatchStream> {
    let physical = yielding(physical, &context.cancel)?;
    let schema = physical.schema();
    let rows = execute_stream(physical, context.database.memory.task(state, &context.settings)?)?;
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema.clone(), caught::rows(rows)));
    Ok(guard(context.cancel.clone(), schema, rows))
}

/// Makes joins stoppable, and give way now and then. The engine lets only leaves do so; but a join may make millions of rows of one
/// batch that a leaf gave, and whoever gathers them would keep its thread all the while: nobody could cancel, and with
/// as many such statements as threads nobody else could do anything.
pub fn yielding(plan: Arc<dyn ExecutionPlan>, cancel: &Cancel) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| match node.children().len() {
        0 => Ok(Transformed::no(node)),
        1 => owning(node),
        _ => {
            let node = owning(node)?.data;
            let node = stoppable(node, cancel)?;
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>))
        }
    });
    Ok(wrapped?.data)
}

/// The engine reading in one stream, so that rows always come in the same order: what is learnt from them is the same
/// each time.
pub fn in_order(state: &SessionState) -> SessionState {
    let mut state = state.clone();
    state.config_mut().options_mut().execution.target_partitions = 1;
    state
}

/// All rows of a plan.
pub async fn collect(context: &Arc<Context>, state: &SessionState, plan: &LogicalPlan) -> Result<Vec<RecordBatch>> {
    Ok(stream(context, state, plan).await?.try_collect().await?)
}

/// Runs work that waits for the disk, and lets other tasks of this thread go elsewhere meanwhile.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // With a single thread there is no elsewhere.
        _ => work(),
    }
}

/// How often a waiting stream looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(20);

fn guard(cancel: Cancel, schema: SchemaRef, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let watched = futures::stream::unfold(Some(rows), move |state| {
        let cancel = cancel.clone();
        async move {
            let mut rows = state?;
            loop {
                let next = tokio::select! {
                    biased;
                    next = rows.next() => next,
                    () = tokio::time::sleep(CANCEL_POLL) => match cancel.check() {
                        Ok(()) => continue,
                        Err(reason) => Some(Err(reason.into())),
                    },
                };
                return match next? {
                    // Rows that are always ready give the loop above no time to look.
                    Ok(batch) => match cancel.check() {
                        Ok(()) => Some((Ok(batch), Some(rows))),
                        Err(reason) => Some((Err(reason.into()), None)),
                    },
                    // What was cut short may say anything; the reason is what the statement knows.
                    Err(error) => Some((Err(cancel.check().map_or_else(DataFusionError::from, |()| error)), None)),
                };
            }
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, watched))
}

#[cfg(test)]
mod tests {
    use crate::{Database, KeySource, MasterKey};
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_computed_of_ordered_rows_leaves_them_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([1; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        session.query("CREATE TABLE t (id int, price numeric(10,2))").await.unwrap();
        session.query("INSERT INTO t SELECT g, g FROM generate_series(1, 40000) g").await.unwrap();
        for _ in 0..4 {
            // The places of a quotient are told beside it, in a last step above the order.
            let rows = session.query("SELECT id, price / 3 FROM t ORDER BY id").await.unwrap();
            let ids = rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().values().to_vec());
            assert!(ids.eq(1..=40000));
        }
    }
}
