//! Which queries are answered here, and the way from one to its rows.
//!
//! A query is the catalogue's if every relation in it is, or if it has none and asks for what only the catalogue knows. One
//! that also reads a relation of a user's is the engine's, whose planner refuses what it does not know.

use super::arrow;
use super::entry;
use super::eval::{self, Shape};
use super::facts::Facts;
use super::functions;
use super::relations::listed;
use super::value::Type;
use crate::error::{Kind, Result};
use crate::sql::context::Context;
use crate::sql::parser::{fold, split};
use ::arrow::array::RecordBatch;
use ::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{self, Expr, Query, TableFactor, Visit, Visitor};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The facts to answer a query with, if it is the catalogue's. `context` is asked for only if it may be.
pub fn route(query: &Query, context: impl FnOnce() -> (Arc<Context>, SessionState)) -> Option<Facts> {
    let used = Used::of(query);
    if !used.may_be_ours() {
        return None;
    }
    let (context, state) = context();
    if !used.relations.iter().all(|(schema, name)| is_ours(&context, schema.as_deref(), name)) {
        return None;
    }
    let facts = Facts::new(context, state);
    // Without a relation it may be of functions that only the engine has.
    (!used.relations.is_empty() || !is_engines(&facts, query)).then_some(facts)
}

/// Whether the names in a query are those of the catalogue, whatever the search path has.
#[cfg(test)]
pub fn concerns_catalogue(query: &Query) -> bool {
    Used::of(query).may_be_ours()
}

/// Whether a query has a function or an expression that is not known here.
fn is_engines(facts: &Facts, query: &Query) -> bool {
    match eval::describe(query, facts, &[]) {
        Ok(_) => false,
        Err(error) => matches!(error.kind(), Kind::UndefinedFunction | Kind::Unsupported),
    }
}

fn is_catalogue(schema: &str) -> bool {
    matches!(schema, "pg_catalog" | "information_schema")
}

/// Whether a name means a relation of the catalogue.
fn is_ours(context: &Context, schema: Option<&str>, name: &str) -> bool {
    match schema {
        Some(schema) => is_catalogue(schema),
        None => {
            let mut path = context.settings.search_path();
            if !path.iter().any(|schema| schema == "pg_catalog") {
                path.insert(0, "pg_catalog".to_owned());
            }
            let found = path.iter().find_map(|schema| match listed::find(schema, name) {
                Some(_) => Some(true),
                None => entry::by_name(&context.snapshot.catalog, schema, name).map(|_| false),
            });
            found.unwrap_or(false)
        }
    }
}

/// What a query uses.
#[derive(Default)]
struct Used {
    relations: Vec<(Option<String>, String)>,
    ctes: Vec<String>,
    functions: Vec<String>,
    /// It casts to a type that only the catalogue knows.
    reg_cast: bool,
}

impl Visitor for Used {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.ctes.extend(query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| fold(&cte.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: None, .. } => match split(name) {
                Ok(relation) => self.relations.push(relation),
                Err(_) => return self.not_ours(),
            },
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => match split(name) {
                Ok((None, name)) => self.functions.push(name),
                Ok((Some(schema), name)) if is_catalogue(&schema) => {
                    // A function of the catalogue is as good as a relation of it.
                    self.functions.push(name);
                    self.reg_cast = true;
                }
                _ => return self.not_ours(),
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.functions.extend(split(&function.name).map(|(_, name)| name)),
            Expr::Cast { data_type, .. } => self.reg_cast |= is_reg(data_type),
            Expr::TypedString(typed) => self.reg_cast |= is_reg(&typed.data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Used {
    fn of(query: &Query) -> Self {
        let mut used = Self::default();
        let _ = query.visit(&mut used);
        let ctes = std::mem::take(&mut used.ctes);
        used.relations.retain(|(schema, name)| schema.is_some() || !ctes.contains(name));
        used
    }

    fn may_be_ours(&self) -> bool {
        let listed = |(schema, name): &(Option<String>, String)| match schema {
            Some(schema) => is_catalogue(schema),
            None => ["pg_catalog", "information_schema"].iter().any(|schema| listed::find(schema, name).is_some()),
        };
        // What a function of the world's gives depends on its arguments; which they are is looked at later.
        let known = |name: &String| (0..4).any(|count| functions::returns(name, &vec![Type::Text; count]).is_some());
        match self.relations.is_empty() {
            true => self.reg_cast || self.functions.iter().any(known),
            false => self.relations.iter().all(listed),
        }
    }

    /// Something in FROM that the catalogue cannot have.
    fn not_ours(&mut self) -> ControlFlow<()> {
        self.relations.push((Some(String::new()), String::new()));
        ControlFlow::Break(())
    }
}

fn is_reg(data_type: &ast::DataType) -> bool {
    match data_type {
        ast::DataType::Regclass => true,
        ast::DataType::Custom(name, _) => {
            let name = crate::sql::parser::last(name);
            matches!(
                name.as_str(),
                "regclass" | "regtype" | "regproc" | "regprocedure" | "regnamespace" | "regrole" | "oid" | "xid"
            )
        }
        ast::DataType::Array(ast::ArrayElemTypeDef::SquareBracket(item, _)) => is_reg(item),
        _ => false,
    }
}

/// The rows of a query.
pub fn answer(facts: &Facts, query: &Query, params: &[ScalarValue]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let params = params.iter().map(arrow::parameter).collect::<Result<Vec<_>>>()?;
    let answer = eval::evaluate(query, facts, &params, &|| facts.check())?;
    let schema = arrow::schema(&answer.columns);
    let batches = arrow::batches(&answer, &schema, facts)?;
    Ok((schema, batches))
}

/// What a query takes and gives.
pub fn describe(facts: &Facts, query: &Query, declared: &[Option<Field>]) -> Result<(Vec<Field>, SchemaRef)> {
    let types: Vec<Type> = declared.iter().map(|field| field.as_ref().map_or(Type::Unknown, arrow::type_of)).collect();
    let Shape { params, columns } = eval::describe(query, facts, &types)?;
    let params = params.iter().enumerate().map(|(at, data_type)| match declared.get(at).cloned().flatten() {
        Some(field) => field,
        None => arrow::field(&format!("${}", at + 1), data_type),
    });
    Ok((params.collect(), arrow::schema(&columns)))
}
