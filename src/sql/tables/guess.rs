//! About how many rows a plan gives.
//!
//! The engine takes a fifth of the rows for every condition that it cannot reckon with, and what a join leaves out of its larger side
//! it does not ask at all. Here each condition counts by what is known of its column, and a join with a table of which a part is left
//! leaves as large a part of the other side.

use super::scan::ScanExec;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{ColumnStatistics, JoinType, Result, ScalarValue, Statistics};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};
use std::sync::Arc;

/// Rows of a plan of which nothing is known.
const UNKNOWN_ROWS: f64 = 10_000.0;
/// Rows of which one group is made, where nothing is known.
const ROWS_OF_GROUP: f64 = 4.0;

/// Rows, and how many they would be if no condition left any out.
#[derive(Debug, Clone, Copy)]
pub struct Guess {
    pub rows: f64,
    pub of: f64,
}

impl Guess {
    fn all(rows: f64) -> Self {
        Self { rows, of: rows }
    }

    /// The part that is left.
    pub fn part(&self) -> f64 {
        if self.of > 0.0 { (self.rows / self.of).min(1.0) } else { 1.0 }
    }

    fn times(self, part: f64) -> Self {
        Self { rows: self.rows * part, of: self.of }
    }
}

/// What a plan gives.
pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Guess> {
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let told = statistics(filter.input())?;
        return Ok(of(filter.input())?.times(part_of(filter.predicate(), &told)));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let (left, right) = (of(join.left())?, of(join.right())?);
        return Ok(match join.join_type() {
            JoinType::Inner if left.of > right.of => left.times(right.part()),
            JoinType::Inner => right.times(left.part()),
            JoinType::LeftSemi => left.times(right.part()),
            JoinType::RightSemi => right.times(left.part()),
            JoinType::LeftAnti | JoinType::LeftMark => left,
            JoinType::RightAnti | JoinType::RightMark => right,
            JoinType::Left | JoinType::Right | JoinType::Full if left.rows > right.rows => left,
            JoinType::Left | JoinType::Right | JoinType::Full => right,
        });
    }
    if let Some(groups) = plan.downcast_ref::<AggregateExec>() {
        let input = of(groups.input())?;
        if groups.group_expr().expr().is_empty() {
            return Ok(Guess::all(1.0));
        }
        // Behind a join it takes long to find out.
        let joined = groups.input().exists(|node| Ok(node.children().len() > 1))?;
        let told = if joined { Arc::default() } else { statistics(groups.input())? };
        let distinct = |(key, _): &(Arc<dyn PhysicalExpr>, String)| column(key, &told).and_then(distinct);
        let keys: Option<f64> = groups.group_expr().expr().iter().map(distinct).product();
        let of = keys.unwrap_or(input.of / ROWS_OF_GROUP).min(input.of).max(1.0);
        return Ok(Guess { rows: (of * input.part()).max(1.0), of });
    }
    let told =
        || Ok::<_, datafusion::common::DataFusionError>(statistics(plan)?.num_rows.get_value().map(|n| *n as f64));
    match plan.children().as_slice() {
        [] if plan.downcast_ref::<ScanExec>().is_some() => Ok(Guess::all(told()?.unwrap_or(UNKNOWN_ROWS))),
        [only] if plan.fetch().is_none() => of(only),
        _ => Ok(Guess::all(told()?.unwrap_or(UNKNOWN_ROWS))),
    }
}

/// What the engine knows of a plan.
pub fn statistics(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<Statistics>> {
    StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())
}

fn column<'a>(expr: &Arc<dyn PhysicalExpr>, told: &'a Statistics) -> Option<&'a ColumnStatistics> {
    told.column_statistics.get(expr.downcast_ref::<Column>()?.index())
}

fn distinct(column: &ColumnStatistics) -> Option<f64> {
    column.distinct_count.get_value().map(|n| (*n as f64).max(1.0))
}

/// The part of rows for which a condition is true.
fn part_of(condition: &Arc<dyn PhysicalExpr>, told: &Statistics) -> f64 {
    let part = |condition: &Arc<dyn PhysicalExpr>| part_of(condition, told);
    if let Some(binary) = condition.downcast_ref::<BinaryExpr>() {
        let (left, right) = (binary.left(), binary.right());
        return match binary.op() {
            Operator::And => part(left) * part(right),
            Operator::Or => (part(left) + part(right)).min(1.0),
            Operator::Eq => match column(left, told).or_else(|| column(right, told)).and_then(distinct) {
                Some(distinct) => 1.0 / distinct,
                None => 0.05,
            },
            Operator::NotEq => 0.9,
            Operator::Lt | Operator::LtEq => below(left, right, told).unwrap_or(0.4),
            Operator::Gt | Operator::GtEq => below(left, right, told).map_or(0.4, |below| 1.0 - below),
            _ => 0.3,
        };
    }
    if let Some(list) = condition.downcast_ref::<InListExpr>() {
        let distinct = column(list.expr(), told).and_then(distinct).unwrap_or(20.0);
        let among = (list.list().len() as f64 / distinct).min(1.0);
        return if list.negated() { 1.0 - among } else { among };
    }
    if let Some(like) = condition.downcast_ref::<LikeExpr>() {
        return if like.negated() { 0.9 } else { 0.1 };
    }
    if let Some(not) = condition.downcast_ref::<NotExpr>() {
        return 1.0 - part(not.arg());
    }
    if condition.downcast_ref::<IsNullExpr>().is_some() {
        return 0.05;
    }
    if condition.downcast_ref::<IsNotNullExpr>().is_some() { 0.95 } else { 0.3 }
}

/// The part of a column's values that lie below a constant, if they lie evenly between their bounds.
fn below(left: &Arc<dyn PhysicalExpr>, right: &Arc<dyn PhysicalExpr>, told: &Statistics) -> Option<f64> {
    let constant = |expr: &Arc<dyn PhysicalExpr>| number(expr.downcast_ref::<Literal>()?.value());
    let bound = |bound: &Precision<ScalarValue>| number(bound.get_value()?);
    let (of, constant, turned) = match column(left, told) {
        Some(of) => (of, constant(right)?, false),
        None => (column(right, told)?, constant(left)?, true),
    };
    let (least, most) = (bound(&of.min_value)?, bound(&of.max_value)?);
    if most <= least {
        return None;
    }
    let below = ((constant - least) / (most - least)).clamp(0.0, 1.0);
    Some(if turned { 1.0 - below } else { below })
}

fn number(value: &ScalarValue) -> Option<f64> {
    Some(match value {
        ScalarValue::Int16(Some(n)) => f64::from(*n),
        ScalarValue::Int32(Some(n)) | ScalarValue::Date32(Some(n)) => f64::from(*n),
        ScalarValue::Int64(Some(n)) | ScalarValue::TimestampMicrosecond(Some(n), _) => *n as f64,
        ScalarValue::Float64(Some(n)) => *n,
        ScalarValue::Decimal128(Some(n), _, scale) => *n as f64 / 10f64.powi((*scale).into()),
        _ => return None,
    })
}
