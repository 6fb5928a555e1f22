//! Which WHEN clause of a MERGE holds, as an expression, and values that are computed only where theirs does.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Expr};

/// `CASE WHEN ... END`
pub fn case(conditions: Vec<ast::CaseWhen>) -> Expr {
    let (case_token, end_token) = (AttachedToken::empty(), AttachedToken::empty());
    Expr::Case { case_token, end_token, operand: None, conditions, else_result: None }
}

/// Both.
pub fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

/// A number.
pub fn number(n: usize) -> Expr {
    Expr::Value(ast::Value::Number(n.to_string(), false).into())
}

/// `WHEN condition THEN result`
pub fn when(condition: Expr, result: Expr) -> ast::CaseWhen {
    ast::CaseWhen { condition, result }
}

/// A value that counts only where clause `n` is chosen. What stands for the choice is put there by [`choose`].
pub fn guarded(n: usize, value: Expr) -> Expr {
    if matches!(value, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)) {
        return value;
    }
    case(vec![when(number(n), value)])
}

/// Puts the choice into what [`guarded`] made.
pub fn choose(value: &mut Expr, choice: &Expr) {
    if let Expr::Case { operand: operand @ None, conditions, .. } = value
        && let [ast::CaseWhen { condition: Expr::Value(_), .. }] = conditions.as_slice()
    {
        *operand = Some(Box::new(choice.clone()));
    }
}
