//! `IN` and `= ANY` over subqueries in forms that the engine answers right.

use super::super::planner::parse_expression;
use super::super::values::array_elements;
use super::lifted;
use super::subqueries::{around, column};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, UnaryOperator, Value, ValueWithSpan};

/// The expression in such a form.
pub fn spell_out(expression: &mut Expr) {
    as_membership(expression);
    if let Expr::InSubquery { expr, subquery, negated } = expression
        && let Expr::Tuple(values) = expr.as_ref()
        && let Some(exists) = row_among(values, subquery, *negated)
    {
        *expression = exists;
    }
}

/// An expression that says no more than `IN`, so.
pub fn as_membership(expression: &mut Expr) {
    lifted::beside(expression);
    of_literal(expression);
    let same = quantified(expression).or_else(|| negated(expression)).or_else(|| each(expression));
    if let Some(same) = same.or_else(|| not_all(expression)) {
        *expression = same;
    }
}

/// `x = ANY ('{1,2}')`: the elements have the type that what they are compared with lends them.
fn of_literal(expression: &mut Expr) {
    let all = matches!(expression, Expr::AllOp { .. });
    let (Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. }) = expression else { return };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = right.as_ref() else { return };
    let Some(items) = array_elements(text) else {
        // The cast says what is wrong with it.
        if let Ok(array) = parse_expression(&format!("{right}::text[]")) {
            **right = array;
        }
        return;
    };
    if items.is_empty() {
        // What nothing is compared with matters by its type alone.
        let settled = if all { "OR TRUE" } else { "AND FALSE" };
        if let Ok(said) = parse_expression(&format!("(({left}) IS NULL {settled})")) {
            *expression = said;
        }
        return;
    }
    let quoted =
        |item: Option<String>| item.map_or_else(|| "NULL".to_owned(), |item| format!("'{}'", item.replace('\'', "''")));
    let items: Vec<String> = items.into_iter().map(quoted).collect();
    if let Ok(array) = parse_expression(&format!("ARRAY[{}]", items.join(", "))) {
        **right = array;
    }
}

/// `x < ANY (ARRAY[a, b])` is `x < a OR x < b`, and of ALL both must hold.
fn each(expression: &Expr) -> Option<Expr> {
    let (left, op, array, joined) = match expression {
        Expr::AnyOp { left, compare_op, right, .. } if *compare_op != BinaryOperator::Eq => {
            (left, compare_op, right, BinaryOperator::Or)
        }
        Expr::AllOp { left, compare_op, right } => (left, compare_op, right, BinaryOperator::And),
        _ => return None,
    };
    let Expr::Array(array) = array.as_ref() else { return None };
    let compared = array.elem.iter().map(|element| Expr::BinaryOp {
        left: left.clone(),
        op: op.clone(),
        right: Box::new(Expr::Nested(Box::new(element.clone()))),
    });
    let all = compared.reduce(|a, b| Expr::BinaryOp { left: Box::new(a), op: joined.clone(), right: Box::new(b) })?;
    Some(Expr::Nested(Box::new(all)))
}

/// `x < ANY (array)` is `NOT (x >= ALL (array))`: the engine knows of ALL alone what is NULL where an element is.
fn not_all(expression: &Expr) -> Option<Expr> {
    let Expr::AnyOp { left, compare_op, right, .. } = expression else { return None };
    let compare_op = match compare_op {
        BinaryOperator::NotEq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::GtEq,
        BinaryOperator::LtEq => BinaryOperator::Gt,
        BinaryOperator::Gt => BinaryOperator::LtEq,
        BinaryOperator::GtEq => BinaryOperator::Lt,
        _ => return None,
    };
    if let Expr::Subquery(_) = right.as_ref() {
        return None;
    }
    let all = Expr::AllOp { left: left.clone(), compare_op, right: right.clone() };
    Some(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(all))) })
}

/// `x = ANY (query)` is `x IN (query)`, `x <> ALL (query)` is `x NOT IN (query)`.
fn quantified(expression: &Expr) -> Option<Expr> {
    let (left, right, negated) = match expression {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        _ => return None,
    };
    let Expr::Subquery(query) = right.as_ref() else { return None };
    Some(Expr::InSubquery { expr: left.clone(), subquery: query.clone(), negated })
}

/// `NOT (x IN (query))` is `x NOT IN (query)`.
fn negated(expression: &Expr) -> Option<Expr> {
    let Expr::UnaryOp { op: UnaryOperator::Not, expr } = expression else { return None };
    let mut inner = expr.as_ref();
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    match inner {
        Expr::InSubquery { expr, subquery, negated } => {
            Some(Expr::InSubquery { expr: expr.clone(), subquery: subquery.clone(), negated: !negated })
        }
        _ => None,
    }
}

/// `(a, b) IN (query)` as `EXISTS (SELECT 1 FROM (query) AS m(c0, c1) WHERE c0 = a AND c1 = b)`. As a condition that is the
/// same; NOT IN holds where no row could be equal.
fn row_among(values: &[Expr], query: &Query, negated: bool) -> Option<Expr> {
    let same = values.iter().enumerate().map(|(n, value)| format!("{} = ({value})", column(n)));
    let same = same.collect::<Vec<_>>().join(" AND ");
    let condition = if negated { format!(" WHERE ({same}) IS NOT FALSE") } else { format!(" WHERE {same}") };
    let subquery = around("SELECT 1", query, &condition, values.len())?;
    Some(Expr::Exists { subquery, negated })
}
