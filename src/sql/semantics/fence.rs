//! `OFFSET 0`, which PostgreSQL's planner does not look through: conditions of a query around it stay outside of it.
//!
//! The engine would take such a limit for nothing and put conditions below, where they meet rows that the query excludes. So it
//! becomes a node that nothing passes, and that is its input when the plan is made to run.

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchemaRef, Result as DfResult};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, FetchType, Limit, LogicalPlan, SkipType, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::fmt;
use std::sync::Arc;

/// What nothing passes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Hash)]
struct Fence {
    input: LogicalPlan,
}

impl UserDefinedLogicalNodeCore for Fence {
    fn name(&self) -> &str {
        "Fence"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fence")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let input = inputs.into_iter().next().unwrap_or_else(|| self.input.clone());
        Ok(Self { input })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}

/// The rule of the optimizer that sets fences, before all others.
#[derive(Debug)]
pub struct Fences;

impl OptimizerRule for Fences {
    fn name(&self) -> &str {
        "fences"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Limit(limit) if is_fence(&limit)? => {
                let input = Arc::unwrap_or_clone(limit.input);
                Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(Fence { input }) })))
            }
            plan => Ok(Transformed::no(plan)),
        }
    }
}

fn is_fence(limit: &Limit) -> DfResult<bool> {
    // What looks outside is joined with what it looks at, which a fence would stand in the way of.
    let zero = limit.skip.is_some() && matches!(limit.get_skip_type()?, SkipType::Literal(0));
    Ok(zero && matches!(limit.get_fetch_type()?, FetchType::Literal(None)) && !looks_outside(&limit.input)?)
}

fn looks_outside(plan: &LogicalPlan) -> DfResult<bool> {
    use datafusion::common::tree_node::TreeNode;
    plan.exists(|node| Ok(!node.all_out_ref_exprs().is_empty()))
}

/// Makes plans to run, in which a fence is what it stands around.
#[derive(Debug)]
pub struct WithFences;

#[async_trait]
impl datafusion::execution::context::QueryPlanner for WithFences {
    async fn create_physical_plan(&self, plan: &LogicalPlan, state: &dyn Session) -> DfResult<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)]);
        planner.create_physical_plan(plan, state).await
    }
}

#[async_trait]
impl ExtensionPlanner for WithFences {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
        Ok(match node.as_any().is::<Fence>() {
            true => inputs.first().cloned(),
            false => None,
        })
    }
}
