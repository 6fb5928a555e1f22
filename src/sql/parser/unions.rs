//! Set operations in a row. The grammar makes a chain of them that is as deep as it is long; whoever walks through it needs a frame of
//! the stack for each.
//!
//! UNION is associative: the queries of a long run become a tree that is as deep as the logarithm of their number. Of the others so
//! many are refused.

use super::conditions::paired;
use crate::config::SET_OPERATIONS_MAX;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Values, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// A run that is shorter stays as it is written.
const RUN_MIN: usize = 16;

/// Makes all chains in `node` flat. `LimitExceeded` for one that cannot be.
pub fn balance(node: &mut impl VisitMut) -> Result<()> {
    match VisitMut::visit(node, &mut Flat) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            Err(Error::new(Kind::LimitExceeded, "the statement has too many set operations in a row")
                .with_hint("Part them with parentheses, or keep a part of the result in a table."))
        }
    }
}

struct Flat;

impl VisitorMut for Flat {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let nothing = SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows: Vec::new() });
        let (body, depth) = flat(std::mem::replace(&mut query.body, nothing));
        *query.body = body;
        match depth > SET_OPERATIONS_MAX {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// The queries of a chain, joined again, and how deep they are now.
fn flat(body: SetExpr) -> (SetExpr, usize) {
    let mut rest = Vec::new();
    let mut first = body;
    while let SetExpr::SetOperation { op, set_quantifier, left, right } = first {
        rest.push((op, set_quantifier, *right));
        first = *left;
    }
    rest.reverse();
    let (mut joined, mut depth) = (first, 0);
    let mut rest = rest.into_iter().peekable();
    while let Some((op, quantifier, right)) = rest.next() {
        let mut run = vec![right];
        while op == SetOperator::Union
            && let Some((_, _, next)) = rest.next_if(|(o, q, _)| (*o, *q) == (op, quantifier))
        {
            run.push(next);
        }
        let long = run.len() >= RUN_MIN;
        depth += if long { run.len().ilog2() as usize + 2 } else { run.len() };
        joined = match long {
            true => tree(op, quantifier, std::iter::once(joined).chain(run).collect()),
            false => run.into_iter().fold(joined, |left, right| both(op, quantifier, left, right)),
        };
    }
    (joined, depth)
}

/// A tree of queries, in their order.
pub fn tree(op: SetOperator, quantifier: SetQuantifier, queries: Vec<SetExpr>) -> SetExpr {
    paired(queries, |left, right| both(op, quantifier, left, right))
        .unwrap_or_else(|| SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows: Vec::new() }))
}

fn both(op: SetOperator, set_quantifier: SetQuantifier, left: SetExpr, right: SetExpr) -> SetExpr {
    SetExpr::SetOperation { op, set_quantifier, left: Box::new(left), right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, parse};
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement;

    fn depth(body: &SetExpr) -> usize {
        match body {
            SetExpr::SetOperation { left, right, .. } => 1 + depth(left).max(depth(right)),
            _ => 0,
        }
    }

    #[test]
    fn long_chains_are_flat_and_in_order() {
        let chain = |between: &str, n: usize| (0..n).map(|n| format!("SELECT {n}")).collect::<Vec<_>>().join(between);
        for (sql, deepest) in [
            (chain(" UNION ALL ", 3000), 13),
            (chain(" UNION ", 100), 8),
            (chain(" EXCEPT ", 100), 99),
            (format!("{} EXCEPT {}", chain(" UNION ALL ", 64), chain(" UNION ", 64)), 14),
            ("SELECT 1 UNION SELECT 2 UNION ALL SELECT 3".to_owned(), 2),
        ] {
            let statements = parse(&sql).unwrap();
            let Body::Sql(statement) = &statements[0].body else { panic!() };
            let Statement::Query(query) = statement.as_ref() else { panic!() };
            assert!(depth(&query.body) <= deepest, "{} deep", depth(&query.body));
            if !sql.contains("EXCEPT") {
                assert_eq!(query.to_string().replace(['(', ')'], ""), sql);
            }
        }
        assert_eq!(parse(&chain(" EXCEPT ", 5000)).unwrap_err().kind(), Kind::LimitExceeded);
        assert_eq!(
            parse(&format!("SELECT 1 IN ({})", chain(" EXCEPT ", 5000))).unwrap_err().kind(),
            Kind::LimitExceeded
        );
    }
}
