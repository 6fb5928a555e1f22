//! Subqueries in conditions of joins: the engine looks for them in WHERE only.

use super::using::constraint_mut;
use super::{level, subqueries};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, JoinConstraint, JoinOperator, Select, Value};

/// Moves such a condition of an inner join to WHERE, which says the same where no join behind it keeps rows that met nothing.
pub fn move_subqueries(select: &mut Select) {
    for relation in &mut select.from {
        for join in relation.joins.iter_mut().rev() {
            let constraint = match &mut join.join_operator {
                JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => constraint,
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) | JoinOperator::CrossJoin(_) => continue,
                _ => break,
            };
            let JoinConstraint::On(condition) = constraint else { continue };
            if !level::asks(condition) {
                continue;
            }
            let truth = Expr::Value(Value::Boolean(true).into());
            let moved = Expr::Nested(Box::new(std::mem::replace(condition, truth)));
            select.selection = Some(match select.selection.take() {
                None => moved,
                Some(selection) => Expr::BinaryOp {
                    left: Box::new(Expr::Nested(Box::new(selection))),
                    op: BinaryOperator::And,
                    right: Box::new(moved),
                },
            });
        }
    }
}

/// EXISTS, IN and their like in the conditions that are left, as values: those are computed on the side that they look at.
pub fn subqueries_as_values(select: &mut Select) {
    for join in select.from.iter_mut().flat_map(|item| &mut item.joins) {
        if let Some(JoinConstraint::On(condition)) = constraint_mut(&mut join.join_operator)
            && level::asks(condition)
        {
            subqueries::as_values_in(condition);
        }
    }
}
