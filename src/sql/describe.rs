//! What a statement takes and gives, told before it runs.

use super::context::Context;
use super::dml;
use super::parameters::{self, Parameters};
use super::parser::{Body, Cursor, Own, Statement, fold, last};
use super::planner::Planner;
use super::session::Description;
use super::{erasure, jobs, names, origins, pg_catalog, repair, semantics, statements};
use crate::catalog::{Privilege, SqlType};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{self, Statement as Sql};
use std::sync::Arc;

/// Says what a statement takes and gives, without running it.
pub fn describe(
    context: &Arc<Context>,
    state: &SessionState,
    statement: &Statement,
    declared: &[Option<Field>],
) -> Result<Description> {
    match &statement.body {
        Body::Sql(statement) => of_sql(context, state, statement, declared),
        Body::Own(own) => match own.as_ref() {
            Own::Cursor(Cursor::Declare(declare)) => {
                let params = of_query(context, state, &declare.query, declared)?.params;
                Ok(Description { params, columns: None })
            }
            Own::Cursor(Cursor::Fetch(name, _)) => {
                let cursor = context.cursors.iter().find(|cursor| cursor.name == *name);
                Ok(Description { params: all_told(declared)?, columns: cursor.map(|cursor| cursor.schema.clone()) })
            }
            Own::Repair(words) => {
                let columns = repair::outcome_columns(words).map(|columns| Arc::new(Schema::new(columns)));
                Ok(Description { params: all_told(declared)?, columns })
            }
            Own::Forget(_) => {
                let columns = Some(Arc::new(Schema::new(erasure::columns())));
                Ok(Description { params: all_told(declared)?, columns })
            }
            Own::CreateModel { options, .. } if statements::wants_later(options) => {
                let columns = Some(Arc::new(Schema::new(jobs::later_columns())));
                Ok(Description { params: all_told(declared)?, columns })
            }
            _ => Ok(Description { params: all_told(declared)?, columns: None }),
        },
    }
}

fn of_sql(
    context: &Arc<Context>,
    state: &SessionState,
    statement: &Sql,
    declared: &[Option<Field>],
) -> Result<Description> {
    let text = |name: &str| Some(Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, true)])));
    match statement {
        Sql::Query(query) => of_query(context, state, query, declared),
        // Whatever is given is read as a text.
        edit if statements::edits_grades(edit) => {
            let known = parameters::declared(declared, &parameters::numbers_in(edit)?);
            let field = |(at, known): (usize, Option<FieldRef>)| match known {
                Some(field) => field.as_ref().clone(),
                None => parameters::as_parameter(&SqlType::Text, at + 1),
            };
            Ok(Description { params: known.into_iter().enumerate().map(field).collect(), columns: None })
        }
        Sql::Insert(insert) => {
            let params = dml::insert_parameters(context, state, insert, declared)?;
            let context = knowing(context, &params);
            let columns = match (&insert.table, insert.returning.as_deref()) {
                (ast::TableObject::TableName(name), Some(items)) => {
                    Some(dml::returning_schema(&context, state, (name, None), &[], items, Privilege::Insert)?)
                }
                _ => None,
            };
            Ok(Description { params, columns })
        }
        Sql::Update(update) => {
            let params = dml::update_parameters(context, state, update, declared)?;
            let context = knowing(context, &params);
            let columns = match (&update.table.relation, update.returning.as_deref()) {
                (ast::TableFactor::Table { name, alias, .. }, Some(items)) => {
                    let from = &dml::relations(update)[1..];
                    Some(dml::returning_schema(
                        &context,
                        state,
                        (name, alias.as_ref()),
                        from,
                        items,
                        Privilege::Update,
                    )?)
                }
                _ => None,
            };
            Ok(Description { params, columns })
        }
        Sql::Delete(delete) => {
            let params = dml::delete_parameters(context, state, delete, declared)?;
            let context = knowing(context, &params);
            let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
            let columns = match (from.first().map(|table| &table.relation), delete.returning.as_deref()) {
                (Some(ast::TableFactor::Table { name, alias, .. }), Some(items)) => {
                    let using = [&from[1..], delete.using.as_deref().unwrap_or_default()].concat();
                    Some(dml::returning_schema(
                        &context,
                        state,
                        (name, alias.as_ref()),
                        &using,
                        items,
                        Privilege::Delete,
                    )?)
                }
                _ => None,
            };
            Ok(Description { params, columns })
        }
        Sql::Merge(merge) => {
            let params = dml::merge_parameters(context, state, merge, declared)?;
            Ok(Description { params, columns: None })
        }
        Sql::Explain { statement, .. } => {
            let params = match statement.as_ref() {
                Sql::Query(query) => of_query(context, state, query, declared)?.params,
                _ => all_told(declared)?,
            };
            Ok(Description { params, columns: text("QUERY PLAN") })
        }
        Sql::CreateTable(ast::CreateTable { query: Some(query), .. }) => {
            let params = of_query(context, state, query, declared)?.params;
            Ok(Description { params, columns: None })
        }
        Sql::Execute { name: Some(name), .. } => {
            let prepared = context.prepared.get(&last(name)).ok_or_else(|| {
                let message = format!("prepared statement \"{}\" does not exist", last(name));
                Error::new(Kind::UndefinedStatement, message)
            })?;
            Ok(Description { params: all_told(declared)?, columns: prepared.columns().cloned() })
        }
        Sql::ShowVariable { variable } => {
            let name = variable.iter().map(fold).collect::<Vec<_>>().join(".");
            Ok(Description { params: all_told(declared)?, columns: text(&name) })
        }
        // What is prepared has parameters of its own, and so has a function's body.
        Sql::Prepare { .. } | Sql::CreateFunction(_) => Ok(Description { params: all_told(declared)?, columns: None }),
        other => {
            parameters::must_be_none(other)?;
            Ok(Description { params: all_told(declared)?, columns: None })
        }
    }
}

fn of_query(
    context: &Arc<Context>,
    state: &SessionState,
    query: &ast::Query,
    declared: &[Option<Field>],
) -> Result<Description> {
    if dml::with::is_in(query) {
        return dml::with::describe(context, state, query, declared);
    }
    if let Some(facts) = pg_catalog::route(query, || (context.clone(), state.clone())) {
        let (params, columns) = pg_catalog::describe(&facts, query, declared)?;
        return Ok(Description { params, columns: Some(columns) });
    }
    let known = parameters::declared(declared, &parameters::numbers_in(query)?);
    let plan = |context: &Arc<Context>| Planner::new(context, state).answer(query.clone());
    let (params, planned) = parameters::settle(context, state, known, |context| Ok(vec![plan(context)?]))?;
    let context = knowing(context, &params);
    let plan = match planned.and_then(|mut plans| plans.pop()) {
        Some(plan) => plan,
        None => plan(&context)?,
    };
    let written = context.params.bind_nulls(plan)?;
    let plan = semantics::joined(written.clone())?;
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    let columns: SchemaRef = Arc::new(plan.schema().as_arrow().clone());
    let columns = origins::marked(&written, &names::named(query, &columns), &context);
    Ok(Description { params, columns: Some(columns) })
}

/// The context with the types of all parameters.
fn knowing(context: &Arc<Context>, params: &[Field]) -> Arc<Context> {
    if params.is_empty() {
        return context.clone();
    }
    let fields = params.iter().map(|field| Some(Arc::new(field.clone()))).collect();
    Arc::new(Context { params: Arc::new(Parameters::of_types(fields)), ..context.as_ref().clone() })
}

/// Parameters that the statement has no use for: their types must be declared.
fn all_told(declared: &[Option<Field>]) -> Result<Vec<Field>> {
    let known = parameters::declared(declared, &std::collections::BTreeSet::new());
    let known = known.into_iter().enumerate().map(|(at, field)| match field {
        Some(field) => Ok(field.as_ref().clone()),
        None => Err(parameters::indeterminate(at + 1)),
    });
    known.collect()
}
