//! The expressions of one query, without those of the queries within it.

use datafusion::sql::sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};
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
