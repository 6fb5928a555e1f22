//! WITH ORDINALITY, of which the engine makes nothing.

use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Query, TableFactor, Visit, Visitor};
use std::ops::ControlFlow;

/// Refuses WITH ORDINALITY where it is left when all that can have it has been said otherwise.
pub fn no_ordinality(query: &Query) -> Result<()> {
    match Visit::visit(query, &mut Ordinality) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(Kind::Unsupported, "WITH ORDINALITY is not supported here")
            .with_hint("Number the rows with row_number().")),
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
