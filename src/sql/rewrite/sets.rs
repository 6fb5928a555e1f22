//! Set operations over rows that may come twice: the engine would keep or drop all rows that are alike.

use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};
use std::ops::ControlFlow;

/// Refuses EXCEPT ALL and INTERSECT ALL.
pub fn must_be_sets(query: &Query) -> Result<()> {
    match Visit::visit(query, &mut Bags) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(operator) => Err(Error::new(Kind::Unsupported, format!("{operator} ALL is not supported"))
            .with_hint("Number the rows that are alike with row_number() and take the difference without ALL.")),
    }
}

struct Bags;

impl Visitor for Bags {
    type Break = SetOperator;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SetOperator> {
        bags(&query.body)
    }
}

fn bags(body: &SetExpr) -> ControlFlow<SetOperator> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return ControlFlow::Continue(()) };
    match (op, set_quantifier) {
        (SetOperator::Except | SetOperator::Intersect, SetQuantifier::All) => ControlFlow::Break(*op),
        _ => {
            bags(left)?;
            bags(right)
        }
    }
}
