//! A last pass over a plan: what scans can ask themselves goes into them.
//!
//! * Conditions right above a scan that cannot fail, where the role sees all rows and columns of the table as they are stored: what is
//!   answered within the scan is then what would be answered above it.
//! * The keys that a hash join wants of its second side, once it has gathered the first ([`TellExec`]): each column of them for itself,
//!   down through whatever passes the column on, by its place, and into groups by the keys that the groups are of.
//!
//! It stands behind all rules of the engine that estimate rows or look for conditions.

use super::super::passing::Passing;
use super::asked::{Told, cannot_fail};
use super::scan::ScanExec;
use super::tell::TellExec;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use std::sync::Arc;

type Plan = Arc<dyn ExecutionPlan>;

/// The pass.
#[derive(Debug)]
pub struct IntoScans;

impl PhysicalOptimizerRule for IntoScans {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        joined(plan.transform_up(asking)?.data)
    }

    fn name(&self) -> &str {
        "into_scans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A filter right above a scan, in it.
fn asking(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>().filter(|filter| filter.fetch().is_none()) else {
        return Ok(Transformed::no(plan));
    };
    let Some(scan) = filter.input().downcast_ref::<ScanExec>().filter(|scan| scan.may_ask() && scan.gives_all()) else {
        return Ok(Transformed::no(plan));
    };
    let parts = split_conjunction(filter.predicate()).into_iter().cloned();
    let (asked, rest): (Vec<_>, Vec<_>) = parts.partition(cannot_fail);
    if asked.is_empty() {
        return Ok(Transformed::no(plan));
    }
    if rest.is_empty() {
        return Ok(Transformed::yes(Arc::new(scan.with_conditions(asked, filter)?)));
    }
    // As a filter of these conditions alone: what it says of its rows is true of the scan's.
    let alone = FilterExecBuilder::new(conjunction(asked.clone()), filter.input().clone()).build()?;
    let scan = Arc::new(scan.with_conditions(asked, &alone)?);
    let above = FilterExecBuilder::from(filter).with_predicate(conjunction(rest)).with_input(scan).build()?;
    Ok(Transformed::yes(Arc::new(above)))
}

/// The plan whose joins tell scans what they want. A join comes before those below it: what leaves rows out of their first sides makes
/// it worth while that they tell, too.
fn joined(plan: Plan) -> Result<Plan> {
    // Which runs again and again, with other rows.
    if plan.downcast_ref::<RecursiveQueryExec>().is_some() {
        return Ok(plan);
    }
    let plan = match plan.downcast_ref::<HashJoinExec>() {
        Some(join) => telling(join)?.unwrap_or(plan),
        None => plan,
    };
    let before: Vec<Plan> = plan.children().into_iter().cloned().collect();
    let after = before.iter().cloned().map(joined).collect::<Result<Vec<_>>>()?;
    let same = before.iter().zip(&after).all(|(before, after)| Arc::ptr_eq(before, after));
    if same { Ok(plan) } else { over(plan, after) }
}

/// The join, if a scan can be told.
fn telling(join: &HashJoinExec) -> Result<Option<Plan>> {
    // Rows of the second side that meet no key leave no trace.
    let leaves_out = matches!(
        join.join_type(),
        JoinType::Inner
            | JoinType::Left
            | JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark
    );
    let plain = join.null_equality() == NullEquality::NullEqualsNothing && !join.null_aware;
    if !leaves_out || !plain || !is_part(join.left())? {
        return Ok(None);
    }
    let mut right = join.right().clone();
    let mut keys = Vec::new();
    for (left, probed) in join.on() {
        let (Some(key), Some(column)) = (place(left), place(probed)) else { continue };
        let types = (left.data_type(&join.left().schema())?, probed.data_type(&join.right().schema())?);
        let told = Arc::new(Told::default());
        if types.0 == types.1
            && let Some(placed) = placed(&right, column, &told)?
        {
            right = placed;
            keys.push((key, told));
        }
    }
    if keys.is_empty() {
        return Ok(None);
    }
    let left = Arc::new(TellExec::new(join.left().clone(), keys));
    join.builder().with_new_children(vec![left, right])?.build_exec().map(Some)
}

/// Whether a plan gives less than whole tables.
fn is_part(plan: &Plan) -> Result<bool> {
    plan.exists(|node| {
        let scan = node.downcast_ref::<ScanExec>().is_some_and(ScanExec::leaves_out);
        let other = node.downcast_ref::<FilterExec>().is_some() || node.fetch().is_some();
        let join = node.downcast_ref::<HashJoinExec>().is_some_and(|join| {
            matches!(
                join.join_type(),
                JoinType::LeftSemi | JoinType::RightSemi | JoinType::LeftAnti | JoinType::RightAnti
            )
        });
        Ok(scan || other || join)
    })
}

fn place(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

/// The plan with `told` about this of its columns in a scan below; none if it comes from no scan.
fn placed(plan: &Plan, column: usize, told: &Arc<Told>) -> Result<Option<Plan>> {
    // Which rows are the first ones is for all of them to say.
    if plan.fetch().is_some() {
        return Ok(None);
    }
    if let Some(scan) = plan.downcast_ref::<ScanExec>() {
        return Ok(scan.with_late(column, told).map(|scan| Arc::new(scan) as Plan));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return of_join(plan, join, column, told);
    }
    let beneath = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        match filter.projection() {
            Some(projection) => projection.get(column).copied(),
            None => Some(column),
        }
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        projection.expr().get(column).and_then(|item| place(&item.expr))
    } else if let Some(groups) = plan.downcast_ref::<AggregateExec>() {
        let keys = groups.group_expr();
        // Of a group all rows have the key, and without it there is no group.
        let whole = keys.is_single() && groups.limit_options().is_none();
        keys.expr().get(column).and_then(|(key, _)| place(key)).filter(|_| whole)
    } else {
        passes_on(plan).then_some(column)
    };
    let children = plan.children();
    let (Some(beneath), [input]) = (beneath, children.as_slice()) else { return Ok(None) };
    match placed(input, beneath, told)? {
        Some(input) => over(plan.clone(), vec![input]).map(Some),
        None => Ok(None),
    }
}

/// Whether a plan gives the rows and columns of its input.
fn passes_on(plan: &Plan) -> bool {
    plan.downcast_ref::<RepartitionExec>().is_some()
        || plan.downcast_ref::<CoalescePartitionsExec>().is_some()
        || plan.downcast_ref::<CooperativeExec>().is_some()
        || plan.downcast_ref::<Passing>().is_some()
        || plan.downcast_ref::<SortExec>().is_some()
        || plan.downcast_ref::<SortPreservingMergeExec>().is_some()
}

/// Into the side that the column is of; where a row must meet one of the other side by just this key, into that as well.
fn of_join(plan: &Plan, join: &HashJoinExec, column: usize, told: &Arc<Told>) -> Result<Option<Plan>> {
    use JoinType::{Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    let Some((side, column)) = given_by(join, column) else { return Ok(None) };
    let meets = matches!(join.join_type(), Inner | LeftSemi | RightSemi);
    let pair = join.on().iter().map(|(left, right)| (place(left), place(right)));
    let mut pairs = pair.filter(|_| meets);
    let (left, right) = match side {
        JoinSide::Left => {
            let own = matches!(join.join_type(), Inner | Left | LeftSemi | LeftAnti | LeftMark).then_some(column);
            (own, pairs.find(|(left, _)| *left == Some(column)).and_then(|(_, right)| right))
        }
        _ => {
            let own = matches!(join.join_type(), Inner | Right | RightSemi | RightAnti | RightMark).then_some(column);
            (pairs.find(|(_, right)| *right == Some(column)).and_then(|(left, _)| left), own)
        }
    };
    let into = |child: &Plan, column: Option<usize>| match column {
        Some(column) => placed(child, column, told),
        None => Ok(None),
    };
    let (left, right) = (into(join.left(), left)?, into(join.right(), right)?);
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    let children = vec![left.unwrap_or_else(|| join.left().clone()), right.unwrap_or_else(|| join.right().clone())];
    over(plan.clone(), children).map(Some)
}

/// Which side of a join gives a column, and where it is there.
fn given_by(join: &HashJoinExec, column: usize) -> Option<(JoinSide, usize)> {
    use JoinType::{Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    let column = match &join.projection {
        Some(projection) => *projection.get(column)?,
        None => column,
    };
    let (left, right) = (join.left().schema().fields().len(), join.right().schema().fields().len());
    match join.join_type() {
        Inner | Left | Right | Full if column < left => Some((JoinSide::Left, column)),
        Inner | Left | Right | Full => Some((JoinSide::Right, column - left)),
        LeftSemi | LeftAnti | LeftMark => (column < left).then_some((JoinSide::Left, column)),
        RightSemi | RightAnti | RightMark => (column < right).then_some((JoinSide::Right, column)),
    }
}

/// The plan over other children, which give the same rows or fewer.
fn over(plan: Plan, children: Vec<Plan>) -> Result<Plan> {
    plan.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
}
