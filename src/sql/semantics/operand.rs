//! A parameter of no type beside an operator: which type it has there.
//!
//! PostgreSQL takes it for the other operand's type if the operator has that on both sides, else for what the operator has beside
//! that type: `moment - $1` is a moment, `moment + $1` an interval.

use super::super::parameters::{self, is_open};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// The operation with types for parameters that have none.
pub fn lent(raw: RawBinaryExpr, schema: &DFSchema) -> RawBinaryExpr {
    let RawBinaryExpr { op, left, right } = raw;
    let (left, right) = match (is_open(&left), is_open(&right)) {
        (false, false) if is_comparison(&op) => {
            let types = (type_of(&left, schema), type_of(&right, schema));
            (as_moment(left, types.1.as_ref()), as_moment(right, types.0.as_ref()))
        }
        (false, false) => (left, right),
        (true, true) => match both(&op) {
            Some(sql_type) => (parameters::of_type(left, &sql_type), parameters::of_type(right, &sql_type)),
            None => (left, right),
        },
        (true, false) => (typed(left, beside(&op, &right, schema, false)), right),
        (false, true) => {
            let wanted = beside(&op, &left, schema, true);
            (left, typed(right, wanted))
        }
    };
    RawBinaryExpr { op, left, right }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// `$1 + interval` is an interval as long as nothing else tells of `$1`; what is compared with a moment is one.
fn as_moment(side: Expr, other: Option<&SqlType>) -> Expr {
    let Some(moment @ (SqlType::Timestamp | SqlType::Timestamptz)) = other else { return side };
    let is_interval = |field: &FieldRef| matches!(field.data_type(), DataType::Interval(_));
    match side {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right }) if matches!(left.as_ref(), Expr::Placeholder(Placeholder { field: Some(field), .. }) if is_interval(field)) =>
        {
            let left = match *left {
                Expr::Placeholder(Placeholder { id, .. }) => {
                    parameters::of_type(Expr::Placeholder(Placeholder { id, field: None }), moment)
                }
                other => other,
            };
            Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, right))
        }
        side => side,
    }
}

fn typed(parameter: Expr, wanted: Option<SqlType>) -> Expr {
    match wanted {
        Some(sql_type) => parameters::of_type(parameter, &sql_type),
        None => parameter,
    }
}

/// The type of both sides, whatever they are.
fn both(op: &BinaryOperator) -> Option<SqlType> {
    use BinaryOperator::{And, Or, StringConcat};
    match op {
        And | Or => Some(SqlType::Bool),
        StringConcat => Some(SqlType::Text),
        _ if is_match(op) => Some(SqlType::Text),
        _ => None,
    }
}

fn is_match(op: &BinaryOperator) -> bool {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch};
    matches!(op, PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch)
}

/// The type of a parameter beside `other`.
fn beside(op: &BinaryOperator, other: &Expr, schema: &DFSchema, is_right: bool) -> Option<SqlType> {
    use BinaryOperator::{
        Arrow, Divide, Eq, Gt, GtEq, HashArrow, HashLongArrow, LongArrow, Lt, LtEq, Minus, Modulo, Multiply, NotEq,
        Plus, StringConcat,
    };
    match op {
        Arrow | LongArrow if is_right => return Some(SqlType::Text),
        HashArrow | HashLongArrow if is_right => return Some(SqlType::Array(Box::new(SqlType::Text))),
        StringConcat | Eq | Gt | GtEq | Lt | LtEq | NotEq | Plus | Minus | Multiply | Divide | Modulo => {}
        _ => return both(op),
    }
    let sql_type = type_of(other, schema)?;
    match (op, &sql_type) {
        (StringConcat, SqlType::Array(_) | SqlType::Jsonb | SqlType::Bytea) => Some(sql_type),
        (StringConcat, _) => Some(SqlType::Text),
        (Eq | Gt | GtEq | Lt | LtEq | NotEq, SqlType::Varchar(_)) => Some(SqlType::Text),
        (Eq | Gt | GtEq | Lt | LtEq | NotEq, _) => Some(sql_type),
        (Plus, SqlType::Timestamp | SqlType::Timestamptz | SqlType::Time) => Some(SqlType::Interval),
        (Plus, SqlType::Date) => None,
        (Multiply | Divide, SqlType::Interval) => Some(SqlType::Float8),
        _ => Some(sql_type),
    }
}

/// The type of an operand; none of a quoted literal, which has none either.
fn type_of(operand: &Expr, schema: &DFSchema) -> Option<SqlType> {
    match operand {
        Expr::Literal(ScalarValue::Utf8(_), None) => None,
        // Here the engine has all whole numbers in eight bytes still.
        Expr::Literal(ScalarValue::Int64(Some(n)), None) if i32::try_from(*n).is_ok() => Some(SqlType::Int4),
        Expr::Negative(inner) => type_of(inner, schema),
        _ => {
            let (_, field) = operand.to_field(schema).ok()?;
            match field.data_type().is_null() {
                true => None,
                false => SqlType::from_field(&field).ok(),
            }
        }
    }
}
