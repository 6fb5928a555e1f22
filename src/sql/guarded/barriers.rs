//! Where rows are passed on, and of what is known of them their order only.

use super::super::passing::Passing;
use super::super::semantics::ALL_ROWS;
use datafusion::common::JoinType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};
use std::sync::Arc;

/// Sorts that gather so many rows at most sort all of them: what keeps the first of them in memory is for few.
#[derive(Debug)]
pub struct AllRows;

impl PhysicalOptimizerRule for AllRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let sorted = plan.transform_up(|plan| match plan.downcast_ref::<SortExec>() {
            Some(sort) if sort.fetch().is_some_and(|fetch| fetch >= ALL_ROWS as usize) => {
                let whole = SortExec::new(sort.expr().clone(), sort.input().clone());
                let whole = whole.with_preserve_partitioning(sort.preserve_partitioning());
                Ok(Transformed::yes(Arc::new(whole) as Arc<dyn ExecutionPlan>))
            }
            _ => Ok(Transformed::no(plan)),
        })?;
        Ok(sorted.data)
    }

    fn name(&self) -> &str {
        "all_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Puts such plans where the engine would conclude too much.
#[derive(Debug)]
pub struct Barriers;

impl PhysicalOptimizerRule for Barriers {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(guarded)?.data)
    }

    fn name(&self) -> &str {
        "barriers"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let says = |plan: &Arc<dyn ExecutionPlan>| !plan.equivalence_properties().constants().is_empty();
    let skips = plan.downcast_ref::<GlobalLimitExec>().is_some_and(|limit| limit.skip() > 0);
    let equates = plan.downcast_ref::<FilterExec>().is_some_and(|filter| equates_computed(filter.predicate()));
    if skips || equates || plan.downcast_ref::<UnionExec>().is_some() && says(&plan) {
        return Ok(Transformed::yes(Arc::new(Passing::over(plan))));
    }
    let guarded: Vec<bool> = match (nullable_sides(&plan), plan.downcast_ref::<AggregateExec>()) {
        (Some(sides), _) => sides.to_vec(),
        (None, Some(aggregate)) if !aggregate.group_expr().is_single() => vec![true],
        _ => return Ok(Transformed::no(plan)),
    };
    let children: Vec<Arc<dyn ExecutionPlan>> = plan.children().into_iter().cloned().collect();
    if !children.iter().zip(&guarded).any(|(child, guarded)| *guarded && says(child)) {
        return Ok(Transformed::no(plan));
    }
    let children = children.into_iter().zip(guarded).map(|(child, guarded)| match guarded && says(&child) {
        true => Arc::new(Passing::over(child)) as Arc<dyn ExecutionPlan>,
        false => child,
    });
    Ok(Transformed::yes(replace_children_if_necessary(plan, children.collect())?))
}

/// Whether a condition says that a column is what is computed, as `upper(sku) = sku` does: then the engine asks for the order of
/// the one where it has that of the other, and finds fault with its own plan.
fn equates_computed(predicate: &Arc<dyn PhysicalExpr>) -> bool {
    let computed = |side: &Arc<dyn PhysicalExpr>| {
        side.downcast_ref::<Column>().is_none() && side.downcast_ref::<Literal>().is_none()
    };
    split_conjunction(predicate).into_iter().any(|part| {
        part.downcast_ref::<BinaryExpr>().is_some_and(|equation| {
            *equation.op() == Operator::Eq && (computed(equation.left()) || computed(equation.right()))
        })
    })
}

/// Which sides of a join may be NULL in its rows.
fn nullable_sides(plan: &Arc<dyn ExecutionPlan>) -> Option<[bool; 2]> {
    let join_type = if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        *join.join_type()
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        *join.join_type()
    } else {
        plan.downcast_ref::<SortMergeJoinExec>()?.join_type()
    };
    match join_type {
        JoinType::Left => Some([false, true]),
        JoinType::Right => Some([true, false]),
        JoinType::Full => Some([true, true]),
        _ => None,
    }
}
