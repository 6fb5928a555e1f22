//! Evaluates a statement over the catalogue's relations, with PostgreSQL's semantics.
//!
//! [`bind`] looks up names and settles types, which gives a [`plan`]; [`run`] makes rows of it. Joins are nested loops, with
//! hash tables where an equality allows: a catalogue has some thousands of rows. Subqueries may stand anywhere and use
//! what is around them.
//!
//! What is left out: window frames, grouping sets, arrays of more than one dimension, statements that change data.

mod bind;
mod cast;
mod compare;
mod functions;
mod pattern;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod types;
mod walk;

use super::value::{Column, Type, Value};
use super::world::World;
use crate::error::Result;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// What a statement gives.
#[derive(Debug)]
pub struct Answer {
    /// Its columns. Two may have one name.
    pub columns: Vec<Column>,
    /// Its rows, each with a value for each column.
    pub rows: Vec<Arc<[Value]>>,
}

/// What a statement takes and gives.
#[derive(Debug)]
pub struct Shape {
    /// Types of the parameters.
    pub params: Vec<Type>,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// Runs a query. `check` is asked now and then whether to go on.
pub fn evaluate(
    query: &ast::Query,
    world: &dyn World,
    params: &[(Value, Type)],
    check: &dyn Fn() -> Result<()>,
) -> Result<Answer> {
    let types: Vec<Type> = params.iter().map(|(_, data_type)| data_type.clone()).collect();
    let mut binder = bind::Binder::new(world, &types);
    let plan = binder.statement(query)?;
    let run = run::Run::new(world, params, &binder.into_params(), check)?;
    let rows = run.query(&plan, None)?;
    Ok(Answer { columns: columns(&plan), rows })
}

/// Says what a query takes and gives, without running it. Parameters that are not declared are
/// [`Type::Unknown`] in `declared`.
pub fn describe(query: &ast::Query, world: &dyn World, declared: &[Type]) -> Result<Shape> {
    let mut binder = bind::Binder::new(world, declared);
    let plan = binder.statement(query)?;
    Ok(Shape { params: binder.into_params(), columns: columns(&plan) })
}

/// A value as a client sees it in text.
pub fn text_of(world: &dyn World, value: &Value, data_type: &Type) -> String {
    cast::shown_value(world, value, data_type)
}

fn columns(plan: &plan::Query) -> Vec<Column> {
    let columns = plan.columns.iter().map(|output| Column {
        name: output.name.clone(),
        data_type: if output.data_type == Type::Unknown { Type::Text } else { output.data_type.clone() },
    });
    columns.collect()
}
