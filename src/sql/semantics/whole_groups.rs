//! Groups of no rows. An aggregate without GROUP BY has its one row even where no row is beneath it, and so has the empty grouping set.
//!
//! The engine puts a condition below a group whose keys are all that it names. One that names nothing, once a constant of the select
//! list stands in it (`SELECT * FROM (SELECT 'orders' AS what, count(*) FROM orders) q WHERE what = 'ads'`), names no other column
//! either: below the group it takes the rows away, and the group of none of them is shown. A limit of as many rows as there may
//! be keeps all conditions above it.

use super::all_rows::ALL;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, GroupingSet, Limit, LogicalPlan, lit};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Keeps conditions above groups that have a row of no rows.
#[derive(Debug)]
pub struct WholeGroups;

impl OptimizerRule for WholeGroups {
    fn name(&self) -> &str {
        "whole_groups"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        let (mut has_condition, mut has_constant) = (false, false);
        plan.apply_with_subqueries(|node| {
            has_condition |= matches!(node, LogicalPlan::Filter(_));
            has_constant |= matches!(node, LogicalPlan::Projection(p) if p.expr.iter().any(names_nothing));
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !has_condition || !has_constant {
            return Ok(Transformed::no(plan));
        }
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Limit(_) => Ok(Transformed::no(node)),
            node => node.map_children(|child| Ok(kept(child))),
        })
    }
}

fn names_nothing(item: &Expr) -> bool {
    item.column_refs().is_empty()
}

/// A group that has a row of no rows, below a limit.
fn kept(plan: LogicalPlan) -> Transformed<LogicalPlan> {
    let LogicalPlan::Aggregate(aggregate) = &plan else { return Transformed::no(plan) };
    let has_empty = match aggregate.group_expr.as_slice() {
        [] => true,
        [Expr::GroupingSet(GroupingSet::Rollup(_) | GroupingSet::Cube(_))] => true,
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.iter().any(Vec::is_empty),
        _ => false,
    };
    match has_empty {
        true => {
            let fetch = Some(Box::new(lit(ALL)));
            Transformed::yes(LogicalPlan::Limit(Limit { skip: None, fetch, input: Arc::new(plan) }))
        }
        false => Transformed::no(plan),
    }
}
