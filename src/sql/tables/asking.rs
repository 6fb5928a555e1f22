//! The leaf of a plan that reads a table whose row policies have queries in their conditions.
//!
//! To the plan around it is a leaf like any other, and shows nothing of what is within: a plan of its own, which joins the table's rows to
//! what the policies ask, under the masks. So no expression of a statement runs before the policies have chosen the rows, and nobody
//! can count by EXPLAIN what they left out.

use super::super::context::Context;
use super::super::parser::quoted;
use super::super::run;
use super::rule;
use super::seen::{Seen, hidden};
use super::table::{ROW_ID, TableScan};
use crate::catalog::{ObjectId, Table};
use crate::error::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

/// The rows of a table that policies with queries let pass.
#[derive(Debug, Clone)]
pub struct Asking {
    context: Arc<Context>,
    state: SessionState,
    /// The columns of the table as they are stored, named by their places, and behind them the ids of the rows.
    plan: LogicalPlan,
}

fn called(column: usize) -> String {
    format!("c{column}")
}

impl Asking {
    /// The rows of the table for which the condition holds.
    pub fn new(
        (context, state): (&Arc<Context>, &SessionState),
        (id, table): (ObjectId, &Arc<Table>),
        condition: ast::Expr,
    ) -> Result<Self> {
        let rows = Arc::new(TableScan::of_all(context, id, table)?);
        let names = table.columns.iter().map(|column| column.name.as_str()).chain([ROW_ID]);
        let items = names.enumerate().map(|(at, name)| ast::SelectItem::ExprWithAlias {
            expr: ast::Expr::CompoundIdentifier(vec![quoted(&table.name), ast::Ident::with_quote('"', name)]),
            alias: quoted(&called(at)),
        });
        let items = items.collect();
        let (context, plan) = rule::asked((context, state), (id, table), condition, rows, items)?;
        Ok(Self { context, state: state.clone(), plan })
    }

    /// A scan of what `seen` shows of them, in a table of so many columns.
    pub async fn scan(&self, name: &str, columns: usize, seen: Seen) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = seen.needed.iter().copied().chain(seen.gives_ids().then_some(columns));
        let mut wanted: Vec<Expr> = wanted.map(|at| ident(called(at))).collect();
        if wanted.is_empty() {
            // To be counted rows need a column.
            wanted.push(ident(called(columns)));
        }
        let plan = LogicalPlanBuilder::from(self.plan.clone()).project(wanted)?.build()?;
        let optimised = run::optimised(&self.context, &self.state, &plan)?;
        let within = run::physical(&self.state, &optimised).await?;
        let within = run::yielding(within, &self.context.cancel)?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(seen.schema.clone()),
            Partitioning::UnknownPartitioning(within.properties().partitioning.partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(AskingExec {
            name: name.to_owned(),
            within,
            seen: Arc::new(seen),
            properties: Arc::new(properties),
        }))
    }
}

/// Reads a table as its policies let it be seen.
#[derive(Debug)]
struct AskingExec {
    name: String,
    within: Arc<dyn ExecutionPlan>,
    seen: Arc<Seen>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for AskingExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.seen.schema.fields().iter();
        let columns: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        write!(f, "ScanExec: {}, columns=[{}]", self.name, columns.join(", "))
    }
}

impl ExecutionPlan for AskingExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        // Masks and policies are nothing that rules of the engine may look at.
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let within = reset_plan_states(self.within.clone())?;
        let (name, seen, properties) = (self.name.clone(), self.seen.clone(), self.properties.clone());
        Ok(Arc::new(Self { name, within, seen, properties }))
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> DfResult<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.seen.schema)))
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (seen, schema): (_, SchemaRef) = (self.seen.clone(), self.seen.schema.clone());
        let rows = self.within.execute(partition, task)?;
        let shown = rows.map(move |batch| {
            shown(&seen, &batch.map_err(|error| hidden(error, "a row policy"))?).map_err(DataFusionError::from)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, shown)))
    }
}

/// Rows that passed, with their ids behind them if they are wanted, as they are shown.
fn shown(seen: &Seen, rows: &RecordBatch) -> Result<RecordBatch> {
    let read = seen.needed.len();
    let ids = seen.gives_ids().then(|| rows.column(read).as_primitive::<UInt64Type>().clone());
    let part = crate::txn::batch(seen.read.clone(), rows.columns()[..read].to_vec(), rows.num_rows())?;
    seen.shown(&part, ids.as_ref())
}
