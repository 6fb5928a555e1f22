//! `IN` and `= ANY` over subqueries in forms that the engine answers right.

use super::subqueries::{around, column};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, UnaryOperator};

/// The expression in such a form.
pub fn spell_out(expression: &mut Expr) {
    if let Some(same) = quantified(expression).or_else(|| negated(expression)) {
        *expression = same;
    }
    if let Expr::InSubquery { expr, subquery, negated } = expression
        && let Expr::Tuple(values) = expr.as_ref()
        && let Some(exists) = row_among(values, subquery, *negated)
    {
        *expression = exists;
    }
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
