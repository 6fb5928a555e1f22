//! Which side a join gathers, where the engine's choice by size alone is the dearer one.
//!
//! * A side of which conditions leave a small part tells a scan of the other which keys it has ([`TellExec`](super::tell)). So
//!   it is gathered rather than a whole table, though its rows be wider, or even more.
//! * A subquery that looks outside (`x < (SELECT avg(y) FROM t WHERE t.k = outside.k)`) becomes groups of all of `t`, joined with the
//!   rows outside. The groups are few beside the rows that they are made of, so the engine gathers them first, for every key
//!   there is. The other way round groups are made of those rows alone that the rows outside ask for.

use super::guess::{self, Guess};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use std::sync::Arc;

type Plan = Arc<dyn ExecutionPlan>;

/// How many times as many rows groups must be made of as there are rows outside.
const TIMES: f64 = 4.0;
/// Rows below which a side may as well be gathered.
const FEW_ROWS: f64 = 20_000.0;
/// Rows up to which one stream gathers them for all.
const ROWS_OF_ONE: f64 = 500_000.0;

/// The pass; behind the engine's own choice, before rows are distributed.
#[derive(Debug)]
pub struct Sides;

impl PhysicalOptimizerRule for Sides {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        let each = |plan: Plan| match plan.downcast_ref::<HashJoinExec>() {
            Some(join) => Ok(chosen(join)?.map_or_else(|| Transformed::no(plan.clone()), Transformed::yes)),
            None => Ok(Transformed::no(plan)),
        };
        Ok(plan.transform_up(each)?.data)
    }

    fn name(&self) -> &str {
        "sides"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The join with another side gathered, or otherwise, if that is better.
fn chosen(join: &HashJoinExec) -> Result<Option<Plan>> {
    if join.null_aware || !join.join_type().supports_swap() {
        return Ok(None);
    }
    let (left, right) = (guess::of(join.left())?, guess::of(join.right())?);
    let mode = |gathered: Guess| match gathered.rows <= ROWS_OF_ONE {
        true => PartitionMode::CollectLeft,
        false => PartitionMode::Partitioned,
    };
    if is_better_turned(join, left, right) || groups_last(join, right)? {
        return join.swap_inputs(mode(right)).map(Some);
    }
    match (join.partition_mode(), mode(left)) {
        (PartitionMode::Partitioned, PartitionMode::CollectLeft) => {
            join.builder().with_partition_mode(PartitionMode::CollectLeft).build_exec().map(Some)
        }
        _ => Ok(None),
    }
}

fn is_better_turned(join: &HashJoinExec, left: Guess, right: Guess) -> bool {
    // Where rows of either side that meet none of the other leave no trace.
    let meets = matches!(join.join_type(), JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi);
    let whole_beside_part = left.part() > 0.9 && right.part() < 0.5 && right.rows <= 2.0 * left.rows;
    meets && left.rows > FEW_ROWS && (whole_beside_part || left.rows > TIMES * right.rows)
}

/// Whether the left side are groups by some of the keys, which are better made of what the right side asks for.
fn groups_last(join: &HashJoinExec, right: Guess) -> Result<bool> {
    let keys = join.on().iter().filter_map(|(left, _)| place(left)).collect();
    let Some(made_of) = grouped_by(join.left(), keys) else { return Ok(false) };
    Ok(right.rows * TIMES <= guess::of(&made_of)?.rows && !grouped(join.right())?)
}

fn place(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

/// What groups are made of, if some of the columns are keys of groups.
fn grouped_by(plan: &Plan, columns: Vec<usize>) -> Option<Plan> {
    if let Some(groups) = plan.downcast_ref::<AggregateExec>() {
        let keys = groups.group_expr();
        let column = |&column: &usize| keys.expr().get(column).and_then(|(key, _)| place(key));
        let input: Vec<usize> = columns.iter().filter_map(column).collect();
        if input.is_empty() || !keys.is_single() {
            return None;
        }
        // The second half of groups stands over the first.
        return match groups.input().downcast_ref::<AggregateExec>() {
            Some(_) => grouped_by(groups.input(), input),
            None => Some(groups.input().clone()),
        };
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let column = |&column: &usize| projection.expr().get(column).and_then(|item| place(&item.expr));
        return grouped_by(projection.input(), columns.iter().filter_map(column).collect());
    }
    // With a condition on groups few may be left, which are better gathered.
    None
}

/// Whether there are groups in it.
fn grouped(plan: &Plan) -> Result<bool> {
    plan.exists(|node| Ok(node.downcast_ref::<AggregateExec>().is_some()))
}
