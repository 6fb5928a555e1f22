//! Casts to domains, as casts to the types below and calls of the functions that look at what the domains ask for.

use super::super::context::Context;
use super::super::functions::{call_quoted, domain_cast_name};
use super::super::types::{domain_in, written_base};
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{Expr, VisitMut, visit_expressions_mut};
use std::ops::ControlFlow;

/// Writes such casts out.
pub fn write_out(node: &mut impl VisitMut, context: &Context) -> Result<()> {
    if !context.snapshot.catalog.has_domains() {
        return Ok(());
    }
    let done = visit_expressions_mut(node, |expression| {
        let Expr::Cast { data_type, .. } = expression else { return ControlFlow::Continue(()) };
        match domain_in(context, data_type) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some((id, domain))) => {
                match written_base(domain) {
                    Ok(base) => *data_type = base,
                    Err(error) => return ControlFlow::Break(error),
                }
                let cast =
                    std::mem::replace(expression, Expr::Value(datafusion::sql::sqlparser::ast::Value::Null.into()));
                *expression = call_quoted(&domain_cast_name(id), vec![cast]);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    });
    match done {
        ControlFlow::Break(error) => Err::<(), Error>(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}
