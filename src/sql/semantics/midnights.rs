//! A day compared with a moment that is known, as the comparison of days that it is.
//!
//! A date plus an interval is a moment: `day < date '1994-01-01' + interval '1 year'` would make a moment of each day. Of days alone the
//! engine knows bounds and numbers, and a scan asks them without a cast.

use super::cast::day_as_moment;
use crate::encoding::pg_text::is_infinite_moment;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, binary_expr};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule of the optimizer for conditions, behind what computes their constants.
#[derive(Debug)]
pub struct Midnights;

impl OptimizerRule for Midnights {
    fn name(&self) -> &str {
        "midnights"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => plan.map_expressions(days_compared),
            plan => Ok(Transformed::no(plan)),
        }
    }
}

/// An expression with such comparisons as those of days.
pub fn days_compared(expr: Expr) -> DfResult<Transformed<Expr>> {
    expr.transform_up(|expr| {
        Ok(match of_days(&expr) {
            Some(days) => Transformed::yes(days),
            None => Transformed::no(expr),
        })
    })
}

fn of_days(expr: &Expr) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    let (day, op, moment) = match (day_as_moment(left), day_as_moment(right)) {
        (Some(day), None) => (day, *op, right),
        (None, Some(day)) => (day, op.swap()?, left),
        _ => return None,
    };
    let Expr::Literal(moment, _) = moment.as_ref() else { return None };
    let known = Expr::Literal(ScalarValue::Date32(Some(day_of(op, moment)?)), None);
    Some(binary_expr(day.clone(), op, known))
}

/// The day with which days compare as their midnights do with a moment. None for the ends of time, which are at no day, and where a
/// moment within a day is asked for, which no midnight is.
fn day_of(op: Operator, moment: &ScalarValue) -> Option<i32> {
    let (moment, a_day) = match moment {
        ScalarValue::TimestampNanosecond(Some(moment), None) => (*moment, 86_400_000_000_000),
        ScalarValue::TimestampMicrosecond(Some(moment), None) if !is_infinite_moment(*moment) => {
            (*moment, 86_400_000_000)
        }
        _ => return None,
    };
    let (whole, begun) = (moment.div_euclid(a_day), moment.rem_euclid(a_day) > 0);
    // The first day that does not begin before the moment, or the last that does not begin after it.
    let days = match op {
        Operator::Lt | Operator::GtEq => whole + i64::from(begun),
        Operator::LtEq | Operator::Gt => whole,
        Operator::Eq | Operator::NotEq if !begun => whole,
        _ => return None,
    };
    i32::try_from(days).ok()
}

#[cfg(test)]
mod tests {
    use super::super::cast::Cast;
    use super::super::function;
    use super::*;
    use crate::catalog::SqlType;
    use crate::sql::values::Zone;
    use arrow::datatypes::{DataType, Field};
    use datafusion::logical_expr::{col, lit};

    fn midnight() -> Expr {
        let from = Field::new("", DataType::Date32, true);
        function::call(Cast { from, to: SqlType::Timestamp, zone: Zone::default() }, vec![col("day")])
    }

    fn at(micros: i64) -> Expr {
        lit(ScalarValue::TimestampMicrosecond(Some(micros), None))
    }

    fn day(days: i32) -> Expr {
        lit(ScalarValue::Date32(Some(days)))
    }

    fn same(compared: Expr, days: Expr) {
        assert_eq!(days_compared(compared).unwrap().data, days);
    }

    #[test]
    fn days_compare_with_moments_as_their_midnights() {
        const DAY: i64 = 86_400_000_000;
        for (moment, less, greater) in [(3 * DAY, 3, 3), (3 * DAY + 1, 4, 3), (-1, 0, -1), (-DAY, -1, -1)] {
            same(midnight().lt(at(moment)), col("day").lt(day(less)));
            same(midnight().gt_eq(at(moment)), col("day").gt_eq(day(less)));
            same(midnight().gt(at(moment)), col("day").gt(day(greater)));
            same(midnight().lt_eq(at(moment)), col("day").lt_eq(day(greater)));
            same(at(moment).gt(midnight()), col("day").lt(day(less)));
        }
        same(midnight().eq(at(DAY)), col("day").eq(day(1)));
        same(midnight().not_eq(at(DAY)), col("day").not_eq(day(1)));
    }

    #[test]
    fn what_is_at_no_day_stays() {
        for stays in [midnight().eq(at(1)), midnight().lt(at(i64::MAX)), midnight().gt(at(i64::MIN)), at(0).lt(at(1))] {
            assert!(!days_compared(stays).unwrap().transformed);
        }
    }
}
