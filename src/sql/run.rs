//! Running plans.

use super::context::Context;
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::Duration;

/// The rows of a plan as a stream that ends when the statement is cancelled or its time is over.
pub async fn stream(
    context: &Arc<Context>,
    state: &SessionState,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let plan = state.optimize(plan)?;
    let physical = state.query_planner().create_physical_plan(&plan, state).await?;
    let schema = physical.schema();
    let rows = execute_stream(physical, state.task_ctx())?;
    Ok(guard(context, schema, rows))
}

/// All rows of a plan.
pub async fn collect(context: &Arc<Context>, state: &SessionState, plan: &LogicalPlan) -> Result<Vec<RecordBatch>> {
    Ok(stream(context, state, plan).await?.try_collect().await?)
}

/// How often a waiting stream looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(20);

fn guard(context: &Arc<Context>, schema: SchemaRef, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let cancel = context.cancel.clone();
    let limit_ms = context.settings.milliseconds("statement_timeout");
    let deadline = (limit_ms > 0).then(|| tokio::time::Instant::now() + Duration::from_millis(limit_ms));
    let watched = futures::stream::unfold(Some(rows), move |state| {
        let cancel = cancel.clone();
        async move {
            let mut rows = state?;
            loop {
                tokio::select! {
                    biased;
                    next = rows.next() => return next.map(|item| (item, Some(rows))),
                    () = tokio::time::sleep(CANCEL_POLL) => {
                        if let Err(error) = cancel.check() {
                            return Some((Err(DataFusionError::from(error)), None));
                        }
                        if deadline.is_some_and(|d| tokio::time::Instant::now() >= d) {
                            let error = Error::new(Kind::Cancelled, "canceling statement due to statement timeout");
                            cancel.cancel();
                            return Some((Err(error.into()), None));
                        }
                    }
                }
            }
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, watched))
}
