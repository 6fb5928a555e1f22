//! Whole numbers in WITH RECURSIVE.
//!
//! The engine fixes the types of a recursive query from its first part, before numbers in a text have theirs: there they are said.

use super::super::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, UnaryOperator, Value, With};

/// Has the numbers that both parts of a recursive query give or compare be what PostgreSQL takes them for.
pub fn type_numbers(with: &mut With) {
    if !with.recursive {
        return;
    }
    for cte in &mut with.cte_tables {
        if let SetExpr::SetOperation { left, right, .. } = cte.query.body.as_mut() {
            each_select(left);
            each_select(right);
        }
    }
}

fn each_select(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => in_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            each_select(left);
            each_select(right);
        }
        SetExpr::Query(query) => in_query(query),
        SetExpr::Values(values) => values.rows.iter_mut().flat_map(|row| &mut row.content).for_each(typed),
        _ => {}
    }
}

fn in_query(query: &mut Query) {
    each_select(&mut query.body);
}

fn in_select(select: &mut Select) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. } = item {
            typed(value);
        }
    }
    select.selection.iter_mut().for_each(typed);
}

/// Numbers as operands; those that functions and others are given stay as the engine has them.
fn typed(expression: &mut Expr) {
    match expression {
        Expr::BinaryOp { left, right, .. } => {
            typed(left);
            typed(right);
        }
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            typed(inner);
        }
        Expr::Value(value) => {
            if let Value::Number(number, _) = &value.value
                && number.to_string().parse::<i32>().is_ok()
                && let Ok(integer) = parse_expression(&format!("{number}::integer"))
            {
                *expression = integer;
            }
        }
        _ => {}
    }
}
