//! Types of the parameters of UPDATE and DELETE, which drivers ask for before they send values.
//!
//! A parameter that is assigned as it is has its column's type; one within an expression has the type that the
//! expression's other side lends it, as in a query.

use super::super::context::Context;
use super::super::execute::{parameters, statement_parameters};
use super::super::parser::last;
use super::{Work, is_default, lend_type, placeholder, update};
use crate::catalog::{Privilege, SqlType};
use crate::error::Result;
use arrow::datatypes::Field;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Types of the parameters of an UPDATE: those declared, else those inferred, else text.
pub fn update_parameters(
    context: &Arc<Context>,
    state: &SessionState,
    update: &ast::Update,
    declared: &[Option<Field>],
) -> Result<Vec<Field>> {
    let mut params = statement_parameters(&update.to_string(), declared);
    let ast::TableFactor::Table { name, alias, .. } = &update.table.relation else { return Ok(params) };
    if params.is_empty() {
        return Ok(params);
    }
    let work = Work::new(context, state, &[]);
    let target = work.target(name, Privilege::Update)?.called(alias.as_ref());
    let mut assigned: Vec<(usize, SqlType)> = Vec::new();
    let mut expressions = Vec::new();
    for (name, value) in update::assigned(update.assignments.clone())? {
        let column = target.table.column_index(&last(&name)).map(|at| target.table.columns[at].data_type.clone());
        match (placeholder(&value), column) {
            (Some(number), Some(data_type)) => assigned.push((number, data_type)),
            (None, Some(_)) if !is_default(&value) => expressions.push(value),
            _ => {}
        }
    }
    let plan = update::plan(&work, &target, update::relations(update), update.selection.clone(), expressions)?;
    take(&mut params, parameters(&plan, declared)?);
    for (number, data_type) in assigned {
        lend_type(&mut params, declared, number, &data_type);
    }
    Ok(params)
}

/// Types of the parameters of a DELETE: those declared, else those inferred, else text.
pub fn delete_parameters(
    context: &Arc<Context>,
    state: &SessionState,
    delete: &ast::Delete,
    declared: &[Option<Field>],
) -> Result<Vec<Field>> {
    let mut params = statement_parameters(&delete.to_string(), declared);
    let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
    let Some(ast::TableFactor::Table { name, alias, .. }) = from.first().map(|t| &t.relation) else {
        return Ok(params);
    };
    if params.is_empty() {
        return Ok(params);
    }
    let work = Work::new(context, state, &[]);
    let target = work.target(name, Privilege::Delete)?.called(alias.as_ref());
    let from = from.iter().chain(delete.using.iter().flatten()).cloned().collect();
    let plan = update::plan(&work, &target, from, delete.selection.clone(), Vec::new())?;
    take(&mut params, parameters(&plan, declared)?);
    Ok(params)
}

/// Puts what a plan knows in place of what the text alone told.
fn take(params: &mut [Field], known: Vec<Field>) {
    params.iter_mut().zip(known).for_each(|(param, known)| *param = known);
}
