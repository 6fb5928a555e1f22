//! GENERATED ALWAYS AS (...) STORED: columns that are computed from the others of their row.

use super::super::context::Context;
use super::super::dml::Work;
use super::super::parser::{expression, fold};
use super::super::planner::{Planner, parse_expression};
use super::super::rewrite::inline;
use super::super::semantics::changes;
use super::super::values::assign;
use super::Ddl;
use super::retype::changes_by_itself;
use crate::catalog::{Returns, SqlType, Table};
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Refuses generated columns that cannot be computed from the others of their row.
pub(super) fn check_generated(ddl: &Ddl<'_>, table: &Table) -> Result<()> {
    if table.generated().next().is_none() {
        return Ok(());
    }
    let schema = DFSchema::try_from(table.arrow_schema().as_ref().clone())?;
    let context = ddl.looking();
    for column in table.columns.iter() {
        let Some(text) = &column.generated else { continue };
        let message = "generation expression is not immutable";
        must_be_immutable((&context, ddl.state), &parse_expression(text)?, &schema, message)?;
        let read = named_in(text);
        if let Some(other) = table.columns.iter().find(|other| other.generated.is_some() && read.contains(&other.name))
        {
            let message = format!("cannot use generated column \"{}\" in column generation expression", other.name);
            return Err(Error::new(Kind::InvalidDefinition, message)
                .with_detail("A generated column cannot reference another generated column."));
        }
        if let Some(other) = table.columns.iter().find(|other| other.class.is_some() && read.contains(&other.name)) {
            let message = format!(
                "column \"{}\" cannot be computed from column \"{}\", which belongs to a class",
                column.name, other.name
            );
            return Err(Error::new(Kind::InvalidDefinition, message)
                .with_detail("When a class is erased nothing else may know its values."));
        }
        let none = RecordBatch::new_empty(table.arrow_schema());
        let made = Work::new(&context, ddl.state).compute(text, &schema, &none)?;
        let have = SqlType::from_arrow(made.data_type())?;
        // Of text a literal, and what is kept as text, is no other type yet.
        let open = matches!(parse_expression(text)?, Expr::Value(_)) || made.data_type() == &column.data_type.arrow();
        if !(open || changes_by_itself(&have, &column.data_type)) || assign(&made, &column.data_type).is_err() {
            let message = format!(
                "column \"{}\" is of type {} but default expression is of type {have}",
                column.name, column.data_type
            );
            return Err(Error::new(Kind::DatatypeMismatch, message)
                .with_hint("You will need to rewrite or cast the expression."));
        }
    }
    Ok(())
}

/// Refuses an expression that gives another value at another time, or in another session.
pub(super) fn must_be_immutable(
    (context, state): (&Arc<Context>, &SessionState),
    expression: &Expr,
    schema: &DFSchema,
    message: &str,
) -> Result<()> {
    let planned = Planner::new(context, state).expression(as_declared(expression.clone(), context)?, schema)?;
    match changes(&planned, schema)? {
        false => Ok(()),
        true => Err(Error::new(Kind::InvalidDefinition, message)),
    }
}

/// The expression with values of their types for calls of functions that are declared IMMUTABLE, whatever is in their bodies: PostgreSQL
/// takes their makers' word. What they are given stays.
fn as_declared(mut expression: Expr, context: &Context) -> Result<Expr> {
    let found = ast::visit_expressions_mut(&mut expression, |inner| {
        let Expr::Function(call) = inner else { return ControlFlow::Continue(()) };
        let Some(function) = inline::find(context, &call.name).filter(|function| function.volatility == 'i') else {
            return ControlFlow::Continue(());
        };
        let Returns::Value(data_type) = &function.returns else { return ControlFlow::Continue(()) };
        let given = match &call.args {
            FunctionArguments::List(list) => list.args.as_slice(),
            _ => &[],
        };
        let given = given.iter().filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value))
            | FunctionArg::Named { arg: FunctionArgExpr::Expr(value), .. } => Some(format!("({value}) IS NULL")),
            _ => None,
        });
        let conditions: Vec<String> = given.chain(["true".to_owned()]).collect();
        let value = parse_expression("NULL").and_then(|null| inline::typed(null, data_type));
        let said = value
            .and_then(|value| parse_expression(&format!("CASE WHEN {} THEN {value} END", conditions.join(" OR "))));
        match said {
            Ok(said) => {
                *inner = said;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    });
    match found {
        ControlFlow::Continue(()) => Ok(expression),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The columns that an expression names.
pub fn named_in(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    if let Ok(expression) = expression(text) {
        let _ = ast::visit_expressions(&expression, |expression| {
            match expression {
                Expr::Identifier(name) => _ = named.insert(fold(name)),
                Expr::CompoundIdentifier(path) => named.extend(path.last().map(fold)),
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
    }
    named
}

/// An expression with another name for one of its columns.
pub(super) fn with_column_renamed(text: &str, from: &str, to: &str) -> Result<String> {
    let mut expression = expression(text)?;
    let _ = ast::visit_expressions_mut(&mut expression, |expression| {
        match expression {
            Expr::Identifier(name) if fold(name) == from => *name = named(to),
            Expr::CompoundIdentifier(path) => {
                if let Some(name) = path.last_mut().filter(|name| fold(name) == from) {
                    *name = named(to);
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(expression.to_string())
}

/// A name as a statement would write it.
fn named(name: &str) -> ast::Ident {
    match super::super::pg_catalog::identifier::quoted(name) == name {
        true => ast::Ident::new(name),
        false => ast::Ident::with_quote('"', name),
    }
}
