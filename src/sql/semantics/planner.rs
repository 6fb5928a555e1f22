//! Operators that the engine's planner refuses before any pass could help.

use super::super::values::array_elements;
use super::interval::{Elapsed, Scaled};
use super::json::JsonConcatenation;
use super::{function, operand, resolve};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion_functions_json::udfs::{json_as_text_udf, json_get_json_udf};
use std::sync::Arc;

fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The part of a JSON value at a path: JSON again, and not one of the engine's unions.
fn json_part(args: Vec<Expr>) -> Expr {
    let part = json_get_json_udf().call(args);
    Expr::Cast(Cast::new_from_field(Box::new(part), Arc::new(SqlType::Jsonb.field(""))))
}

/// Gives a quoted literal beside a number that number's type, and multiplies intervals.
#[derive(Debug)]
pub struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> DfResult<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{
            Arrow, Divide, Eq, Gt, GtEq, HashArrow, HashLongArrow, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus,
            StringConcat,
        };
        let RawBinaryExpr { op, left, right } = operand::lent(raw, schema);
        if op == Arrow {
            return Ok(PlannerResult::Planned(json_part(vec![left, right])));
        }
        let original = |left, right| Ok(PlannerResult::Original(RawBinaryExpr { op: op.clone(), left, right }));
        if let (HashArrow | HashLongArrow, Expr::Literal(ScalarValue::Utf8(Some(path)), _)) = (&op, &right) {
            let steps = array_elements(path).unwrap_or_default().into_iter().flatten();
            let step = |step: String| match step.parse::<i64>() {
                Ok(n) => lit(n),
                Err(_) => lit(step),
            };
            let args: Vec<Expr> = std::iter::once(left).chain(steps.map(step)).collect();
            return Ok(PlannerResult::Planned(match op {
                HashLongArrow => json_as_text_udf().call(args),
                _ => json_part(args),
            }));
        }
        let comparison = matches!(op, Eq | Gt | GtEq | Lt | LtEq | NotEq);
        if !comparison && !matches!(op, Divide | Minus | Modulo | Multiply | Plus | StringConcat) {
            return original(left, right);
        }
        let (Ok(a), Ok(b)) = (left.get_type(schema), right.get_type(schema)) else { return original(left, right) };
        if comparison || op == StringConcat {
            let (a, b) = (left.to_field(schema)?.1, right.to_field(schema)?.1);
            if comparison {
                return original(resolve::lend_as(left, &b)?, resolve::lend_as(right, &a)?);
            }
            let json = |field: &Field| matches!(SqlType::from_field(field), Ok(SqlType::Jsonb));
            let left = if json(&b) { resolve::lend_as(left, &b)? } else { left };
            let right = if json(&a) { resolve::lend_as(right, &a)? } else { right };
            return match json(&left.to_field(schema)?.1) && json(&right.to_field(schema)?.1) {
                true => Ok(PlannerResult::Planned(function::call(JsonConcatenation, vec![left, right]))),
                false => original(left, right),
            };
        }
        let is_interval = |t: &DataType| matches!(t, DataType::Interval(_));
        let is_moment = |t: &DataType| matches!(t, DataType::Timestamp(..));
        if is_moment(&a) && matches!(op, Plus | Minus) && b == DataType::Utf8 {
            // What is added is a length, what is taken away another moment.
            let wanted = if op == Plus { DataType::Interval(IntervalUnit::MonthDayNano) } else { a.clone() };
            let lent = resolve::lend(right, Some(&wanted))?;
            return match lent.get_type(schema).is_ok_and(|t| is_moment(&t)) {
                true => Ok(PlannerResult::Planned(function::call(Elapsed, vec![left - lent]))),
                false => original(left, lent),
            };
        }
        if op == Minus && is_moment(&a) && is_moment(&b) {
            return Ok(PlannerResult::Planned(function::call(Elapsed, vec![left - right])));
        }
        match (op.clone(), is_interval(&a), is_interval(&b)) {
            (Multiply | Divide, true, false) if b.is_numeric() => {
                let scaled = Scaled { divide: op == Divide };
                return Ok(PlannerResult::Planned(function::call(scaled, vec![left, cast(right, DataType::Float64)])));
            }
            (Multiply, false, true) if a.is_numeric() => {
                let scaled = Scaled { divide: false };
                return Ok(PlannerResult::Planned(function::call(scaled, vec![right, cast(left, DataType::Float64)])));
            }
            // A day moved by an interval is a moment.
            (Plus | Minus, false, true) if a == DataType::Date32 => return original(cast(left, moment()), right),
            (Plus, true, false) if b == DataType::Date32 => return original(left, cast(right, moment())),
            _ => {}
        }
        match (a.is_numeric(), b.is_numeric()) {
            (true, false) => original(left, resolve::lend(right, Some(&a))?),
            (false, true) => original(resolve::lend(left, Some(&b))?, right),
            _ => original(left, right),
        }
    }
}
