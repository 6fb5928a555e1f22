//! Which queries are answered here, and the way from one to its rows.
//!
//! A query is the catalogue's if every relation in it is, or if it has none and asks for what only the catalogue knows. One
//! that also reads a relation of a user's is the engine's, whose planner refuses what it does not know.

use super::arrow;
use super::entry;
use super::eval::{self, Shape};
use super::facts::Facts;
use super::relations::listed;
use super::value::Type;
use super::world::World;
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

/// The facts to answer a query with, if it is the catalogue's.
pub fn route(context: &Arc<Context>, state: &SessionState, query: &Query) -> Option<Facts> {
    let mut used = Used::default();
    let _ = query.visit(&mut used);
    let relations = used.relations.iter().filter(|(schema, name)| schema.is_some() || !used.ctes.contains(name));
    let mut any = false;
    for (schema, name) in relations {
        if !is_ours(context, schema.as_deref(), name) {
            return None;
        }
        any = true;
    }
    if !any && !used.reg_cast && used.functions.is_empty() {
        return None;
    }
    let facts = Facts::new(context.clone(), state.clone());
    if any {
        return Some(facts);
    }
    // Without a relation it may be of the engine's functions too, which have precedence in what they know.
    let known = |name: &String| (0..4).any(|count| facts.returns(name, &vec![Type::Text; count]).is_some());
    let concerns = used.reg_cast || used.functions.iter().any(known);
    (concerns && !is_engines(&facts, query)).then_some(facts)
}

/// Whether a query has a function or an expression that is not known here.
fn is_engines(facts: &Facts, query: &Query) -> bool {
    match eval::describe(query, facts, &[]) {
        Ok(_) => false,
        Err(error) => matches!(error.kind(), Kind::UndefinedFunction | Kind::Unsupported),
    }
}

/// Whether a name means a relation of the catalogue.
fn is_ours(context: &Context, schema: Option<&str>, name: &str) -> bool {
    match schema {
        Some(schema) => matches!(schema, "pg_catalog" | "information_schema"),
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
                Ok((Some(schema), name)) if matches!(schema.as_str(), "pg_catalog" | "information_schema") => {
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
    let types: Vec<Type> =
        declared.iter().map(|field| field.as_ref().map_or(Type::Unknown, arrow::type_of)).collect();
    let Shape { params, columns } = eval::describe(query, facts, &types)?;
    let params = params.iter().enumerate().map(|(at, data_type)| match declared.get(at).cloned().flatten() {
        Some(field) => field,
        None => arrow::field(&format!("${}", at + 1), data_type),
    });
    Ok((params.collect(), arrow::schema(&columns)))
}
