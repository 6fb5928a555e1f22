//! Projections that a condition was taken over, back above it.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use std::sync::Arc;

/// Computes only for rows that a condition lets through.
#[derive(Debug)]
pub struct ConditionsFirst;

impl PhysicalOptimizerRule for ConditionsFirst {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(match above(&plan)? {
                Some(changed) => Transformed::yes(changed),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "conditions_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A projection over a condition, for a condition over a projection that computes something.
fn above(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else { return Ok(None) };
    let Some(projection) = filter.input().downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let computed = |item: &ProjectionExpr| !is_plain(&item.expr);
    if !projection.expr().iter().any(computed) || filter.fetch().is_some() {
        return Ok(None);
    }
    let items = projection.expr();
    // A condition on what is computed has to be computed after it.
    let mut on_computed = false;
    let predicate = filter.predicate().clone().transform_up(|part| match part.downcast_ref::<Column>() {
        Some(column) => {
            let item = &items[column.index()];
            on_computed |= computed(item);
            Ok(Transformed::yes(item.expr.clone()))
        }
        None => Ok(Transformed::no(part)),
    })?;
    if on_computed {
        return Ok(None);
    }
    let shown: Vec<ProjectionExpr> = match filter.projection() {
        Some(places) => places.iter().map(|&at| items[at].clone()).collect(),
        None => items.to_vec(),
    };
    let filtered = FilterExec::try_new(predicate.data, projection.input().clone())?;
    Ok(Some(Arc::new(ProjectionExec::try_new(shown, Arc::new(filtered))?)))
}

/// Whether an expression computes nothing.
fn is_plain(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<Column>().is_some() || expr.downcast_ref::<Literal>().is_some()
}
