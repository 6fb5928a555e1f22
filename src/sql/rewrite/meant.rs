//! Forms that the engine takes for others: set operations over rows that may come twice, of which it would keep or drop all that are
//! alike, and WITH ORDINALITY, of which it makes nothing.

use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, TableFactor, Visit, Visitor};
use std::ops::ControlFlow;

/// Refuses EXCEPT ALL and INTERSECT ALL.
pub fn must_be_meant(query: &Query) -> Result<()> {
    match Visit::visit(query, &mut Meant) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(operator) => Err(Error::new(Kind::Unsupported, format!("{operator} ALL is not supported"))
            .with_hint("Number the rows that are alike with row_number() and take the difference without ALL.")),
    }
}

/// Refuses WITH ORDINALITY where it is left when all that can have it has been said otherwise.
pub fn no_ordinality(query: &Query) -> Result<()> {
    match Visit::visit(query, &mut Ordinality) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(Kind::Unsupported, "WITH ORDINALITY is not supported here")
            .with_hint("Number the rows with row_number().")),
    }
}

struct Meant;

impl Visitor for Meant {
    type Break = SetOperator;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        bags(&query.body)
    }
}

struct Ordinality;

impl Visitor for Ordinality {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { with_ordinality: true, .. }
            | TableFactor::Function { with_ordinality: true, .. }
            | TableFactor::UNNEST { with_ordinality: true, .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
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
