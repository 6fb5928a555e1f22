//! A query planned once more, with operators that spill: what its first plan kept in memory was more than there is.
//!
//! * Hash joins become merge joins, which sort. The engine has none for NOT IN, which is about NULLs too; so what these mean is asked
//!   apart ([`told_apart`]).
//! * The first rows of an order are those of a sort of all ([`sorted_whole`]), not a heap of them.

use super::once::is_volatile;
use crate::error::Result;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use std::sync::Arc;

/// Names of what is counted of the rows of NOT IN.
const ALL: &str = "\u{1}all";
const KNOWN: &str = "\u{1}known";

/// Whether another plan may need less memory than this one.
pub fn may_help(state: &SessionState, plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    // On a single core the engine makes no merge joins.
    let joins = state.config().target_partitions() > 1;
    Ok(plan.exists(|node| {
        let first_rows = node.downcast_ref::<SortExec>().is_some_and(|sort| sort.fetch().is_some());
        Ok(first_rows || joins && node.downcast_ref::<HashJoinExec>().is_some())
    })?)
}

/// The plan of an optimised query with operators that spill.
pub async fn physical(state: &SessionState, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let mut sorting = state.clone();
    sorting.config_mut().options_mut().optimizer.prefer_hash_join = false;
    let plan = told_apart(plan)?;
    sorted_whole(super::run::physical(&sorting, &plan).await?)
}

/// `x NOT IN (rows)` without a join that knows of NULL: rows that have none equal to x, and then, where there are any rows at all, only
/// if neither x nor one of them is NULL.
fn told_apart(plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_up(|node| {
        let LogicalPlan::Join(join) = &node else { return Ok(Transformed::no(node)) };
        let [(x, y)] = join.on.as_slice() else { return Ok(Transformed::no(node)) };
        let is_not_in = join.null_aware && join.join_type == JoinType::LeftAnti && join.filter.is_none();
        // Rows that are read twice must be the same twice.
        if !is_not_in || is_volatile(&join.right)? {
            return Ok(Transformed::no(node));
        }
        let counts = [count(lit(1i64)).alias(ALL), count(y.clone()).alias(KNOWN)];
        let counts = LogicalPlanBuilder::from(join.right.as_ref().clone()).aggregate(Vec::<Expr>::new(), counts)?;
        let x = x.clone();
        let without = LogicalPlan::Join(Join { null_aware: false, ..join.clone() });
        let columns: Vec<Expr> = without.schema().columns().into_iter().map(Expr::Column).collect();
        let none = col(ALL).eq(lit(0i64));
        let certain = x.is_not_null().and(col(ALL).eq(col(KNOWN)));
        let plan = counts.cross_join(without)?.filter(none.or(certain))?.project(columns)?.build()?;
        Ok(Transformed::yes(plan))
    });
    Ok(changed?.data)
}

/// The same plan in which a limit stands over a sort, and not within it.
fn sorted_whole(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(Transformed::no(node)) };
        let Some(fetch) = sort.fetch() else { return Ok(Transformed::no(node)) };
        let each = sort.preserve_partitioning();
        let whole = SortExec::new(sort.expr().clone(), sort.input().clone()).with_preserve_partitioning(each);
        let limited: Arc<dyn ExecutionPlan> = match each {
            true => Arc::new(LocalLimitExec::new(Arc::new(whole), fetch)),
            false => Arc::new(GlobalLimitExec::new(Arc::new(whole), 0, Some(fetch))),
        };
        Ok(Transformed::yes(limited))
    });
    Ok(changed?.data)
}
