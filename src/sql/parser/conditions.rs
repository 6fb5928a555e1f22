//! Conditions in a row. The grammar makes a chain of AND or OR that is as deep as it is long, and to type an expression the engine
//! writes out the name of each part within it: planning a chain takes time with the third power of its length.
//!
//! AND and OR are associative, with NULL too: a long run becomes a tree that is as deep as the logarithm of its length, its
//! conditions in the order in which they are written.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// A run that is shorter stays as it is written.
const RUN_MIN: usize = 16;

/// Makes all long runs in `node` flat.
pub fn balance(node: &mut impl VisitMut) {
    let _ = VisitMut::visit(node, &mut Flat);
}

struct Flat;

impl VisitorMut for Flat {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } = &*expression {
            let op = op.clone();
            if length(expression, &op) >= RUN_MIN {
                let nothing = Expr::Value(Value::Null.into());
                let conditions = run(std::mem::replace(expression, nothing), &op);
                let both =
                    |left, right| Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) };
                if let Some(tree) = paired(conditions, both) {
                    *expression = tree;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// How many conditions a chain of `op` joins.
fn length(mut chain: &Expr, op: &BinaryOperator) -> usize {
    let mut found = 1;
    while let Expr::BinaryOp { left, op: joined, .. } = chain
        && joined == op
    {
        found += 1;
        chain = left;
    }
    found
}

/// The conditions of a chain of `op`, in their order.
fn run(mut chain: Expr, op: &BinaryOperator) -> Vec<Expr> {
    let mut found = Vec::new();
    let first = loop {
        match chain {
            Expr::BinaryOp { left, op: joined, right } if joined == *op => {
                found.push(*right);
                chain = *left;
            }
            first => break first,
        }
    };
    found.push(first);
    found.reverse();
    found
}

/// What has been joined two by two, in its order, until it is one: as deep as the logarithm of its number. None of nothing.
pub fn paired<T>(mut items: Vec<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    while items.len() > 1 {
        let mut pairs = Vec::with_capacity(items.len().div_ceil(2));
        let mut each = items.into_iter();
        while let Some(left) = each.next() {
            pairs.push(match each.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        items = pairs;
    }
    items.pop()
}

#[cfg(test)]
mod tests {
    use super::super::expression;
    use super::*;

    fn depth(expression: &Expr) -> usize {
        match expression {
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                1 + depth(left).max(depth(right))
            }
            _ => 0,
        }
    }

    #[test]
    fn long_runs_are_flat_and_in_order() {
        let chain = |between: &str, n: usize| (0..n).map(|i| format!("a = {i}")).collect::<Vec<_>>().join(between);
        let mixed = (0..1000).map(|i| format!("a = {i} AND b = {i}")).collect::<Vec<_>>().join(" OR ");
        for (sql, deepest) in [
            (chain(" OR ", 5000), 13),
            (chain(" AND ", 1000), 10),
            (mixed, 11),
            (format!("{} OR {}", chain(" AND ", 64), chain(" OR ", 64)), 13),
            ("a OR b OR c".to_owned(), 2),
        ] {
            let read = expression(&sql).unwrap();
            assert!(depth(&read) <= deepest, "{} deep", depth(&read));
            assert_eq!(read.to_string(), sql);
        }
    }
}
