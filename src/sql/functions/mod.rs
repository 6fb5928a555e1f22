//! Steward's functions, one file a family. Each converts arrays and calls what does the work.
//!
//! [`scalar`] and [`table`] are asked for a name at planning; what they give carries the statement's context, hence its
//! snapshot, rights and cancellation. A NULL argument gives NULL.

mod args;
mod classify;
mod enumeration;
mod evaluate;
mod masks;
mod predict;
mod quality;
mod relation;
mod search;
pub mod sequence;
mod session_info;
mod to_char;
mod udf;

use super::context::Context;
use crate::error::{Error, Kind, Result};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// First field name of a struct that is a row of a relation; its value is the relation's name.
pub const ROW_OF: &str = "\u{1}relation";

/// A name without the schema of our functions.
fn bare(name: &str) -> &str {
    name.trim_start_matches("steward.")
}

/// Functions whose argument may be a relation's row.
pub fn takes_row(name: &str) -> bool {
    matches!(bare(&name.to_lowercase()), "quality" | "quality_detail" | "predict_ctr" | "predict_ctr_detail")
}

/// The scalar function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<Arc<ScalarUDF>> {
    let name = bare(name);
    let function = session_info::scalar(name, context)
        .or_else(|| sequence::scalar(name, context))
        .or_else(|| enumeration::scalar(name))
        .or_else(|| to_char::scalar(name))
        .or_else(|| masks::scalar(name, context))
        .or_else(|| classify::scalar(name, context))
        .or_else(|| quality::scalar(name, context))
        .or_else(|| predict::scalar(name, context))?;
    Some(Arc::new(function))
}

/// The table function of this name.
pub fn table(name: &str, args: &[Expr], context: &Arc<Context>) -> Result<Option<Arc<dyn TableProvider>>> {
    let name = name.to_lowercase();
    let name = bare(&name);
    let table = match name {
        "search" | "text_search" => search::search(args, context)?,
        "evaluate" => evaluate::evaluate(args, context)?,
        "feature_importance" => evaluate::feature_importance(args, context)?,
        "quality_report" => quality::report(args, context)?,
        "profile" => relation::profile(args, context)?,
        "inventory" => relation::inventory(args, context)?,
        "tag_references" => relation::tag_references(args, context)?,
        "encryption_status" => relation::encryption_status(args, context)?,
        "effective_policy" => relation::effective_policy(args, context)?,
        _ => return Ok(None),
    };
    Ok(Some(table))
}

/// The error for a function that is not there.
pub fn undefined(name: &str) -> Error {
    Error::new(Kind::UndefinedFunction, format!("function {name} does not exist"))
        .with_hint("No function matches the given name. docs/sql.md lists Steward's functions.")
}

/// A call of a function, as the parser would have read it.
pub fn call(name: &str, args: Vec<ast::Expr>) -> ast::Expr {
    let args = args.into_iter().map(|arg| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(arg))).collect();
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
