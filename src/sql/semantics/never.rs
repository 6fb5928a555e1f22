//! Conditions that cannot hold: what is compared with NULL.
//!
//! PostgreSQL knows so before it computes anything, and `WHERE a / b BETWEEN c AND NULL` divides nothing by zero.

use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator, binary_expr, lit};

/// A condition of which only matters whether it is true, with `false` for what is compared with NULL.
pub fn known(condition: Expr) -> Expr {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            binary_expr(known(*left), op, known(*right))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) && (is_null(&left) || is_null(&right)) => {
            lit(false)
        }
        Expr::Not(inner) => match *inner {
            Expr::Not(inner) => known(*inner),
            Expr::Between(between) => known(Expr::Between(Between { negated: !between.negated, ..between })),
            other => Expr::Not(Box::new(other)),
        },
        Expr::Between(Between { expr, negated, low, high }) => match (negated, is_null(&low), is_null(&high)) {
            (false, true, _) | (false, _, true) | (true, true, true) => lit(false),
            (true, true, false) => binary_expr(*expr, Operator::Gt, *high),
            (true, false, true) => binary_expr(*expr, Operator::Lt, *low),
            _ => Expr::Between(Between { expr, negated, low, high }),
        },
        other => other,
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// Whether an expression is NULL in the text, perhaps of a type that it is cast to.
fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null(&cast.expr),
        Expr::Negative(inner) => is_null(inner),
        _ => false,
    }
}
