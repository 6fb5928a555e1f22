//! Conditions that give out some columns of their input, as conditions that give out all of them, below a projection.
//!
//! A projection above such a condition the engine takes for one of the condition's input, and then reads other columns than it says.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use std::sync::Arc;

/// Takes such conditions apart, before projections are moved.
#[derive(Debug)]
pub struct WholeConditions;

impl PhysicalOptimizerRule for WholeConditions {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(match apart(&plan)? {
                Some(changed) => Transformed::yes(changed),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "whole_conditions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A projection over the condition without its own.
fn apart(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else { return Ok(None) };
    let Some(places) = filter.projection() else { return Ok(None) };
    let schema = filter.input().schema();
    let shown = places.iter().map(|&at| {
        let name = schema.field(at).name();
        ProjectionExpr { expr: Arc::new(Column::new(name, at)), alias: name.clone() }
    });
    let shown: Vec<ProjectionExpr> = shown.collect();
    let whole = FilterExecBuilder::from(filter).apply_projection(None)?.build()?;
    Ok(Some(Arc::new(ProjectionExec::try_new(shown, Arc::new(whole))?)))
}
