//! Conditions and operands whose types only the plan tells: marked, so that they are looked at when it does.

use super::super::functions::{GIVEN, call_quoted};
use super::super::parser::last;
use super::super::semantics::{ASKED, case_name};
use super::using::constraint_mut;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, JoinConstraint, Select, UnaryOperator, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Marks all such places of a query or an expression.
pub fn mark(node: &mut impl VisitMut) {
    let _ = VisitMut::visit(node, &mut Marks);
}

struct Marks;

impl VisitorMut for Marks {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.selection.iter_mut().for_each(|condition| truth(condition, "WHERE"));
        select.having.iter_mut().for_each(|condition| truth(condition, "HAVING"));
        for join in select.from.iter_mut().flat_map(|relation| &mut relation.joins) {
            if let Some(JoinConstraint::On(condition)) = constraint_mut(&mut join.join_operator) {
                truth(condition, "JOIN/ON");
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => truth(expr, "NOT"),
            Expr::IsTrue(expr) => truth(expr, "IS TRUE"),
            Expr::IsNotTrue(expr) => truth(expr, "IS NOT TRUE"),
            Expr::IsFalse(expr) => truth(expr, "IS FALSE"),
            Expr::IsNotFalse(expr) => truth(expr, "IS NOT FALSE"),
            Expr::IsUnknown(expr) => truth(expr, "IS UNKNOWN"),
            Expr::IsNotUnknown(expr) => truth(expr, "IS NOT UNKNOWN"),
            Expr::UnaryOp { op: sign @ (UnaryOperator::Minus | UnaryOperator::Plus), expr } if !is_written(expr) => {
                let operand = std::mem::replace(expr.as_mut(), Expr::Value(Value::Null.into()));
                *expression = asked(operand, if *sign == UnaryOperator::Minus { "-" } else { "+" });
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let name = case_name(operand.is_some(), else_result.is_some());
                let conditions = std::mem::take(conditions).into_iter();
                let operand = operand.take().map(|operand| *operand).into_iter();
                let otherwise = else_result.take().map(|value| *value);
                let args = operand.chain(conditions.flat_map(|when| [when.condition, when.result])).chain(otherwise);
                *expression = call_quoted(&name, args.collect());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn asked(operand: Expr, by: &str) -> Expr {
    call_quoted(&format!("{ASKED}{by}"), vec![operand])
}

fn truth(condition: &mut Expr, by: &str) {
    if !is_truth(condition) {
        let operand = std::mem::replace(condition, Expr::Value(Value::Null.into()));
        *condition = asked(operand, by);
    }
}

/// Whether an expression is a truth whatever its parts are.
pub fn is_truth(expression: &Expr) -> bool {
    use BinaryOperator::{
        And, ArrowAt, AtArrow, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or, PGILikeMatch, PGLikeMatch, PGNotILikeMatch,
        PGNotLikeMatch, PGOverlap, PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch, Question,
        QuestionAnd, QuestionPipe,
    };
    match expression {
        Expr::Nested(inner) => is_truth(inner),
        // The arguments of a function in FROM are no condition.
        Expr::Function(function) => last(&function.name) == GIVEN,
        Expr::BinaryOp { op, .. } => matches!(
            op,
            And | Or
                | Eq
                | NotEq
                | Lt
                | LtEq
                | Gt
                | GtEq
                | AtArrow
                | ArrowAt
                | PGOverlap
                | PGRegexMatch
                | PGRegexIMatch
                | PGRegexNotMatch
                | PGRegexNotIMatch
                | PGLikeMatch
                | PGILikeMatch
                | PGNotLikeMatch
                | PGNotILikeMatch
                | Question
                | QuestionAnd
                | QuestionPipe
        ),
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::InUnnest { .. }
        | Expr::Exists { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::RLike { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. } => true,
        Expr::Cast { data_type, .. } => matches!(data_type, DataType::Bool | DataType::Boolean),
        Expr::Value(value) => matches!(value.value, Value::Boolean(_) | Value::Null | Value::Placeholder(_)),
        _ => false,
    }
}

/// Whether an operand is a number or a length of time as it is written, whose sign the engine reads with it.
fn is_written(operand: &Expr) -> bool {
    match operand {
        Expr::Value(value) => matches!(value.value, Value::Number(..) | Value::Placeholder(_) | Value::Null),
        Expr::Interval(_) => true,
        Expr::UnaryOp { expr, .. } => is_written(expr),
        _ => false,
    }
}
