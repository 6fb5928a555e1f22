//! WITH queries that are computed once.
//!
//! The engine writes a WITH query out in each place that names it. Where its expressions are volatile and it is named more than
//! once, each place would have rows of its own, and `WITH r AS (SELECT random() AS x) SELECT ... FROM r a JOIN r b` would
//! meet itself nowhere. Such a query becomes a relation that runs it when it is first read, and keeps its rows for the others.

use super::context::Context;
use super::functions::names_volatile;
use super::locking::LOCKED;
use super::parser::{fold, last, quoted};
use super::planner::{Planner, select_query, table_factor};
use super::run;
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::sql::sqlparser::ast::{self, Query, TableFactor, Visit, Visitor};
use futures::{StreamExt, TryStreamExt, stream};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The query with what stands in for its volatile WITH queries, and the context that knows it.
pub fn set_apart(context: &Arc<Context>, state: &SessionState, mut query: Query) -> Result<(Arc<Context>, Query)> {
    let mut context = context.clone();
    for at in 0..query.with.as_ref().map_or(0, |with| with.cte_tables.len()) {
        let Some(with) = &query.with else { break };
        let cte = &with.cte_tables[at];
        if with.recursive || !names_volatile(&cte.query) || times_named(&query, &cte.alias.name) < 2 {
            continue;
        }
        let mut alone = (*cte.query).clone();
        if alone.with.is_none() && at > 0 {
            alone.with = Some(ast::With { cte_tables: with.cte_tables[..at].to_vec(), ..with.clone() });
        }
        let plan = Planner::new(&context, state).query(alone)?;
        if !is_volatile(&plan)? || !plan.get_parameter_types()?.is_empty() {
            continue;
        }
        // Its rows are those of this run.
        context.params.tie();
        let name = format!("once {}", context.locked.len());
        let mut locked = context.locked.as_ref().clone();
        locked.insert(name.clone(), Arc::new(Once::new(&context, state, plan)));
        context = Arc::new(Context { locked: Arc::new(locked), ..context.as_ref().clone() });
        let all = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
        let relation = table_factor([LOCKED, name.as_str()].map(quoted).to_vec());
        let from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
        let stand_in = select_query(vec![all], from, None)?;
        if let Some(with) = &mut query.with {
            *with.cte_tables[at].query = stand_in;
        }
    }
    Ok((context, query))
}

/// In how many places a query names a relation so.
fn times_named(query: &Query, name: &ast::Ident) -> usize {
    struct Count(String, usize);
    impl Visitor for Count {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, args: None, .. } = factor
                && name.0.len() == 1
                && last(name) == self.0
            {
                self.1 += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut count = Count(fold(name), 0);
    let _ = query.visit(&mut count);
    count.1
}

/// Whether a plan may give other rows when it runs again.
pub(super) fn is_volatile(plan: &LogicalPlan) -> DfResult<bool> {
    let mut volatile = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            volatile |= expression.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(volatile)
}

/// The rows of a plan, which runs once.
#[derive(Clone)]
pub struct Once {
    context: Arc<Context>,
    state: SessionState,
    plan: Arc<LogicalPlan>,
    schema: SchemaRef,
    rows: Arc<OnceCell<Vec<RecordBatch>>>,
}

impl Once {
    fn new(context: &Arc<Context>, state: &SessionState, plan: LogicalPlan) -> Self {
        let schema = Arc::new(Schema::new(plan.schema().as_arrow().fields().clone()));
        Self { context: context.clone(), state: state.clone(), plan: Arc::new(plan), schema, rows: Arc::default() }
    }

    /// The plan.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    async fn rows(self) -> DfResult<Vec<RecordBatch>> {
        let all = async {
            let rows = run::stream(&self.context, &self.state, &self.plan).await?;
            let fitted = rows.map(|batch| {
                let batch: RecordBatch = batch?;
                Ok::<_, DataFusionError>(crate::txn::batch(
                    self.schema.clone(),
                    batch.columns().to_vec(),
                    batch.num_rows(),
                )?)
            });
            fitted.try_collect().await
        };
        self.rows.get_or_try_init(|| all).await.cloned()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Once {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let partition: Arc<dyn PartitionStream> = Arc::new(self.clone());
        Ok(Arc::new(StreamingTableExec::try_new(self.schema.clone(), vec![partition], projection, [], false, limit)?))
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.clone().rows();
        let rows = stream::once(rows).map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}
