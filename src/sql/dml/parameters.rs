//! Types of the parameters of UPDATE and DELETE, which drivers ask for before they send values.
//!
//! A parameter that is assigned as it is has its column's type; one within an expression has the type that the
//! expression's other side lends it, as in a query.

use super::super::context::Context;
use super::super::parameters;
use super::{Work, returning, update};
use crate::catalog::{Column, Privilege};
use crate::error::Result;
use crate::governance::access::Command;
use arrow::datatypes::{Field, FieldRef};
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Types of the parameters of an UPDATE.
pub fn update_parameters(
    context: &Arc<Context>,
    state: &SessionState,
    update: &ast::Update,
    declared: &[Option<Field>],
) -> Result<Vec<Field>> {
    let mut known = parameters::declared(declared, &parameters::numbers_in(update)?);
    let ast::TableFactor::Table { name, alias, .. } = &update.table.relation else { return Ok(Vec::new()) };
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let target = Work::new(context, state).target(name, Privilege::Update)?.called(alias.as_ref());
    let (columns, values) =
        update::changes(&Work::new(context, state), &target, update.assignments.clone(), Privilege::Update)?;
    values.iter().zip(columns).for_each(|(value, column)| lend_type(&mut known, &target.table.columns[column], value));
    let from = update::relations(update);
    let (params, _) = parameters::settle(context, state, known, |context| {
        let work = Work::new(context, state);
        let mut plans = vec![update::plan(
            &work,
            &target,
            &[Command::Select],
            from.clone(),
            update.selection.clone(),
            values.clone(),
        )?];
        plans.extend(returning::described(&work, &target, &from[1..], update.returning.as_deref())?);
        Ok(plans)
    })?;
    Ok(params)
}

/// Types of the parameters of a DELETE.
pub fn delete_parameters(
    context: &Arc<Context>,
    state: &SessionState,
    delete: &ast::Delete,
    declared: &[Option<Field>],
) -> Result<Vec<Field>> {
    let known = parameters::declared(declared, &parameters::numbers_in(delete)?);
    let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
    let Some(ast::TableFactor::Table { name, alias, .. }) = from.first().map(|t| &t.relation) else {
        return Ok(Vec::new());
    };
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let target = Work::new(context, state).target(name, Privilege::Delete)?.called(alias.as_ref());
    let from: Vec<_> = from.iter().chain(delete.using.iter().flatten()).cloned().collect();
    let (params, _) = parameters::settle(context, state, known, |context| {
        let work = Work::new(context, state);
        let mut plans =
            vec![update::plan(&work, &target, &[Command::Select], from.clone(), delete.selection.clone(), Vec::new())?];
        plans.extend(returning::described(&work, &target, &from[1..], delete.returning.as_deref())?);
        Ok(plans)
    })?;
    Ok(params)
}

/// Gives a parameter that is put into a column as it is the column's type, unless another is declared.
pub fn lend_type(known: &mut [Option<FieldRef>], column: &Column, value: &ast::Expr) {
    let Some(number) = placeholder(value) else { return };
    if let Some(field @ None) = known.get_mut(number.wrapping_sub(1)) {
        *field = Some(Arc::new(parameters::as_parameter(&column.data_type, number)));
    }
}

/// The number of an expression that is a parameter and nothing else.
fn placeholder(expression: &ast::Expr) -> Option<usize> {
    let ast::Expr::Value(value) = expression else { return None };
    let ast::Value::Placeholder(name) = &value.value else { return None };
    name.strip_prefix('$')?.parse().ok()
}
