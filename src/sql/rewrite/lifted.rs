//! NOT IN within EXISTS, of what is around it alone: `EXISTS (SELECT FROM s WHERE q.b NOT IN (query))`. The engine compares with the
//! rows of a subquery what is in the nearest query around it; so such a condition goes there.

use super::super::parser::fold;
use super::membership::as_membership;
use super::subqueries::Names;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, SetExpr, Value, Visit, visit_expressions};
use std::ops::ControlFlow;

/// `EXISTS (SELECT FROM s WHERE here AND outside)` as `(outside) IS TRUE AND EXISTS (SELECT FROM s WHERE here)`.
pub fn beside(expression: &mut Expr) {
    let Expr::Exists { subquery, negated } = expression else { return };
    if subquery.with.is_some() {
        return;
    }
    let SetExpr::Select(select) = subquery.body.as_mut() else { return };
    // One group is there whatever its rows are.
    if super::is_one_group(select) {
        return;
    }
    let Some(condition) = &select.selection else { return };
    let mut own = Names::default();
    for item in &select.from {
        let _ = item.visit(&mut own);
    }
    let mut parts = Vec::new();
    split(condition, &mut parts);
    let (outside, here): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(|part| is_outside(part, &own));
    let Some(outside) = joined(outside) else { return };
    select.selection = joined(here);
    let negated = std::mem::take(negated);
    let exists = Box::new(std::mem::replace(expression, Expr::Value(Value::Null.into())));
    let outside = Box::new(Expr::IsTrue(Box::new(Expr::Nested(Box::new(outside)))));
    let both = Expr::Nested(Box::new(Expr::BinaryOp { left: outside, op: BinaryOperator::And, right: exists }));
    *expression = match negated {
        true => Expr::Nested(Box::new(Expr::IsFalse(Box::new(both)))),
        false => both,
    };
}

/// The parts of a condition that must all hold.
fn split(condition: &Expr, parts: &mut Vec<Expr>) {
    match condition {
        Expr::Nested(inner) => split(inner, parts),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            split(left, parts);
            split(right, parts);
        }
        part => parts.push(part.clone()),
    }
}

fn joined(parts: Vec<Expr>) -> Option<Expr> {
    let nested = parts.into_iter().map(|part| Expr::Nested(Box::new(part)));
    nested.reduce(|a, b| Expr::BinaryOp { left: Box::new(a), op: BinaryOperator::And, right: Box::new(b) })
}

/// Whether it is NOT IN of names further out, and names nothing of these relations, as far as its text tells.
fn is_outside(part: &Expr, own: &Names) -> bool {
    let mut part = part.clone();
    as_membership(&mut part);
    let Expr::InSubquery { expr, negated: true, .. } = &part else { return false };
    let names_own = |expression: &Expr| match expression {
        Expr::CompoundIdentifier(path) if path.len() > 1 => own.0.contains(&fold(&path[path.len() - 2])),
        Expr::Identifier(_) => true,
        _ => false,
    };
    let stops = |found: bool| if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let named = visit_expressions(expr.as_ref(), |e| stops(matches!(e, Expr::CompoundIdentifier(_)))).is_break();
    named && !visit_expressions(&part, |e| stops(names_own(e))).is_break()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::planner::parse_expression;

    #[test]
    fn what_is_around_a_subquery_is_asked_there() {
        let lifted = |text: &str| {
            let mut expression = parse_expression(text).unwrap();
            beside(&mut expression);
            expression.to_string()
        };
        assert_eq!(
            lifted("EXISTS (SELECT 1 FROM s WHERE q.b NOT IN (SELECT t.a FROM t) AND s.a = q.a)"),
            "(((q.b NOT IN (SELECT t.a FROM t))) IS TRUE AND EXISTS (SELECT 1 FROM s WHERE (s.a = q.a)))"
        );
        assert_eq!(
            lifted("NOT EXISTS (SELECT 1 FROM s WHERE q.b <> ALL (SELECT t.a FROM t))"),
            "((((q.b <> ALL(SELECT t.a FROM t))) IS TRUE AND EXISTS (SELECT 1 FROM s)) IS FALSE)"
        );
        for stays in [
            "EXISTS (SELECT 1 FROM s WHERE s.b NOT IN (SELECT t.a FROM t))",
            "EXISTS (SELECT 1 FROM s WHERE q.b NOT IN (SELECT t.a FROM t WHERE t.c = s.c))",
            "EXISTS (SELECT 1 FROM s WHERE q.b NOT IN (SELECT a FROM t))",
            "EXISTS (SELECT count(*) FROM s WHERE q.b NOT IN (SELECT t.a FROM t))",
        ] {
            assert_eq!(lifted(stays), stays);
        }
    }
}
