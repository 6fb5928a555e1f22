//! The expressions of one query, without those of the queries within it.

use datafusion::sql::sqlparser::ast::{Expr, Query, Visit, VisitMut, Visitor, VisitorMut};
use std::ops::ControlFlow;

/// Changes each expression of `node` before its parts are visited; queries within it are left alone.
pub fn change(node: &mut impl VisitMut, change: impl FnMut(&mut Expr)) {
    let _ = VisitMut::visit(node, &mut Level { change, depth: 0 });
}

struct Level<F> {
    change: F,
    /// Queries around an expression.
    depth: usize,
}

impl<F: FnMut(&mut Expr)> VisitorMut for Level<F> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0 {
            (self.change)(expression);
        }
        ControlFlow::Continue(())
    }
}

/// Whether there is a query within `node`.
pub fn asks(node: &impl Visit) -> bool {
    Visit::visit(node, &mut Asks).is_break()
}

struct Asks;

impl Visitor for Asks {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}
