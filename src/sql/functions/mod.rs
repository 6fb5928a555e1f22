//! Steward's functions, one file a family. Each converts arrays and calls what does the work.
//!
//! [`scalar`] and [`table`] are asked for a name at planning; what they give carries the statement's context, hence its
//! snapshot, rights and cancellation. A NULL argument gives NULL.

mod advisory;
mod args;
mod audit;
mod called;
mod classify;
mod classify_options;
mod classify_trained;
mod domain;
mod drift;
mod enumeration;
mod evaluate;
mod id_vectors;
mod image;
mod inventory;
mod lineage;
mod lineage_events;
mod linkage;
mod masks;
mod model_rows;
mod notify;
mod now;
mod one;
mod pii;
pub mod postgres;
mod predict;
mod predict_ctr;
mod quality;
mod relation;
mod repair;
mod rules;
mod search;
pub mod sequence;
mod session_info;
mod sleep;
mod stopping;
mod suggest_labels;
mod tables;
mod udf;

pub use called::{ARGUMENT, CALLED, GIVEN, called_name};
pub use classify::BUILTIN as BUILTIN_ENCODER;
pub use domain::{cast_to_domain, domain_cast, domain_cast_name};
pub use lineage_events::all as all_lineage_events;
pub use one::ONE;
pub use postgres::{Unit, takes_anything};
pub use postgres::{network_operator, vector_operator};
pub use relation::{asset_name, written_relation};
pub use stopping::stop;
pub use tables::{argument_names, described, is_table, table};

use super::context::Context;
use super::missing;
use super::parameters::{self, Parameters};
use super::parser::last;
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, Volatility};
use datafusion::sql::sqlparser::ast;
use std::ops::ControlFlow;
use std::sync::Arc;

/// First field name of a struct that is a row of a relation; its value is the relation's name.
pub const ROW_OF: &str = "\u{1}relation";

/// The schema of our functions.
pub const SCHEMA: &str = "steward";

/// A name without the schema of our functions.
fn bare(name: &str) -> &str {
    name.trim_start_matches("steward.")
}

/// Functions whose argument may be a relation's row.
pub fn takes_row(name: &str) -> bool {
    matches!(
        bare(&name.to_lowercase()),
        "quality"
            | "quality_detail"
            | "predict_ctr"
            | "predict_ctr_detail"
            | "predict_cvr"
            | "predict_cvr_detail"
            | "predict_ctcvr"
            | "predict_ctcvr_detail"
            | "predict"
            | "predict_label"
            | "predict_proba"
    )
}

/// Functions of JSON whose argument may be a relation's row.
pub fn takes_json_row(name: &str) -> bool {
    let name = name.to_lowercase();
    let name = name.trim_start_matches("pg_catalog.");
    matches!(
        name,
        "row_to_json"
            | "to_json"
            | "to_jsonb"
            | "json_agg"
            | "jsonb_agg"
            | "json_element"
            | "json_member"
            | "json_object_agg"
            | "jsonb_object_agg"
    ) || name.starts_with("json_build_") && name != "json_build_row"
        || name.starts_with("jsonb_build_")
}

/// The scalar function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<Arc<ScalarUDF>> {
    let name = bare(name);
    let function = session_info::scalar(name, context)
        .or_else(|| sequence::scalar(name, context))
        .or_else(|| enumeration::scalar(name))
        .or_else(|| notify::scalar(name, context))
        .or_else(|| stopping::scalar(name, context))
        .or_else(|| advisory::scalar(name, context))
        .or_else(|| sleep::scalar(name, context))
        .or_else(|| now::scalar(name))
        .or_else(|| one::scalar(name))
        .or_else(|| called::scalar(name))
        .or_else(|| masks::scalar(name, context))
        .or_else(|| classify::scalar(name, context))
        .or_else(|| pii::scalar(name))
        .or_else(|| image::scalar(name))
        .or_else(|| quality::scalar(name, context))
        .or_else(|| rules::scalar(name, context))
        .or_else(|| repair::scalar(name))
        .or_else(|| predict::scalar(name, context))
        .or_else(|| predict_ctr::scalar(name, context))
        .or_else(|| id_vectors::scalar(name, context))
        .or_else(|| postgres::scalar(name))?;
    Some(Arc::new(function))
}

/// Whether a function reads relations, models or what is known of them, that are no part of the query's plan.
pub fn reads_relations(name: &str) -> bool {
    is_table(name) || takes_row(name) || rules::is_metric(name)
}

/// Whether a function is told by name what it reads, and reads it with the rights of whom the plan is made for.
pub fn reads_by_name(name: &str, context: &Arc<Context>) -> bool {
    let name = name.to_lowercase();
    let name = bare(&name);
    is_table(name)
        || sequence::scalar(name, context).is_some()
        || quality::scalar(name, context).is_some()
        || rules::scalar(name, context).is_some()
        || predict::scalar(name, context).is_some()
        || predict_ctr::scalar(name, context).is_some()
        || id_vectors::scalar(name, context).is_some()
}

/// Where a call names the model that it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// In its first argument.
    Named,
    /// In its fourth argument, or in its second after a row; else it is this one.
    Click(&'static str),
    /// In the argument of this place, from 0, if it is there.
    At(usize),
    /// In an option of JSON, if it asks one at all.
    Option,
}

/// Where a function is told which model to ask; none if it asks none.
pub fn asks_model(name: &str) -> Option<Asks> {
    match bare(name) {
        "predict" | "predict_label" | "predict_proba" | "user_vector" | "item_vector" => Some(Asks::Named),
        "predict_ctr"
        | "predict_ctr_detail"
        | "predict_cvr"
        | "predict_cvr_detail"
        | "predict_ctcvr"
        | "predict_ctcvr_detail" => Some(Asks::Click(predict_ctr::DEFAULT_MODEL)),
        "classify" | "classify_detail" => Some(Asks::Option),
        "embed" => Some(Asks::At(1)),
        "similarity" => Some(Asks::At(2)),
        _ => None,
    }
}

/// Whether a function tells values of the columns of a relation that it is given by name.
pub fn tells_values(name: &str) -> bool {
    rules::is_metric(bare(name))
}

/// The clock of a statement: what it gives is the same all through it.
pub const NOW: &str = "now";

/// The engine's function that makes an array of its arguments, under a name that nobody writes.
pub const ARRAY: &str = "\u{1}array";

/// Whether what a function gives may differ between two runs of a statement with the same catalogue, roles and settings: it
/// carries the statement's snapshot, or asks for the time.
pub fn is_of_one_run(name: &str, function: &ScalarUDF) -> bool {
    // Those of ours are called stable for what they carry.
    let same = matches!(
        bare(name),
        "current_user"
            | "user"
            | "current_role"
            | "session_user"
            | "current_database"
            | "current_catalog"
            | "current_schema"
            | "version"
            | "pg_backend_pid"
            | "current_setting"
            | "mask_email"
            | "mask_phone"
            | "mask_name"
            | "mask_address"
            | "mask_null"
            | "mask_partial"
            | "tokenize"
            | "detect_pii"
            | "redact"
            | "image_similarity"
    );
    !same && function.signature().volatility != Volatility::Immutable
}

/// A call of one of PostgreSQL's functions that are ours.
pub fn postgres_call(name: &str, args: Vec<Expr>) -> Option<Expr> {
    postgres::scalar(name).map(|function| Arc::new(function).call(args))
}

/// The one value of a list.
pub fn one_of(list: Expr) -> Expr {
    match one::scalar(ONE) {
        Some(function) => Arc::new(function).call(vec![list]),
        None => list,
    }
}

/// An array, of a NULL where it would have no element.
pub fn rows_or_null(list: Expr) -> Expr {
    postgres_call("rows_or_null", vec![list.clone()]).unwrap_or(list)
}

fn names_parameter(arg: &Expr) -> bool {
    arg.exists(|inner| Ok(matches!(inner, Expr::Placeholder(_)))).unwrap_or(false)
}

/// Arguments of the engine's table functions, which take whole numbers of eight bytes. Only types matter for their columns: as long as
/// a parameter has no value, it is 1.
pub fn of_engine(args: Vec<Expr>, params: &Parameters) -> Vec<Expr> {
    let one = |arg: Expr| {
        let arg = match params.values().is_none() && names_parameter(&arg) {
            true => example(arg, params),
            false => arg,
        };
        match &arg {
            // A bound that is not known, of whatever type.
            Expr::Literal(value, _) if value.is_null() => Expr::Literal(ScalarValue::Null, None),
            Expr::Literal(value @ (ScalarValue::Int16(_) | ScalarValue::Int32(_)), _) => {
                value.cast_to(&DataType::Int64).map_or(arg.clone(), |wide| Expr::Literal(wide, None))
            }
            _ => arg,
        }
    };
    args.into_iter().map(one).collect()
}

/// A value of the type that an argument has, which hears it if nothing told.
fn example(arg: Expr, params: &Parameters) -> Expr {
    let arg = parameters::of_type(arg, &SqlType::Int4);
    params.note(&arg);
    let one = ScalarValue::Int32(Some(1));
    let data_type = arg.get_type(&DFSchema::empty()).ok();
    Expr::Literal(data_type.and_then(|t| one.cast_to(&t).ok()).unwrap_or(one), None)
}

/// Functions that may give another value each time that they are called.
const VOLATILE: &[&str] = &[
    "random",
    "random_normal",
    "uuid",
    "gen_random_uuid",
    "nextval",
    "setval",
    "setseed",
    "clock_timestamp",
    "timeofday",
    "pg_notify",
    "pg_cancel_backend",
    "pg_terminate_backend",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_shared",
    "pg_advisory_unlock_all",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
];

/// Whether a query or an expression calls one of them.
pub fn names_volatile(node: &impl ast::Visit) -> bool {
    let found = ast::visit_expressions(node, |expression| match expression {
        ast::Expr::Function(call) if VOLATILE.contains(&last(&call.name).as_str()) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Functions whose value is another in another statement: the moment, and the session. `age` of one moment counts from today.
const STABLE: &[&str] = &[
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "transaction_timestamp",
    "statement_timestamp",
    "age",
    "current_setting",
];

/// Whether a function's value may be another in another statement over the same rows.
pub fn is_of_statement(name: &str) -> bool {
    VOLATILE.contains(&name) || STABLE.contains(&name)
}

/// The error for a table function that is not there.
pub fn undefined_table(name: &str, args: &[Expr]) -> Error {
    let named = |arg: &Expr| match arg {
        Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, None) => "unknown".to_owned(),
        Expr::Literal(ScalarValue::Int64(Some(n)), _) if i32::try_from(*n).is_ok() => "integer".to_owned(),
        arg => {
            let field = arg.to_field(&DFSchema::empty()).map(|(_, field)| field);
            let sql_type = field.ok().and_then(|field| SqlType::from_field(&field).ok());
            sql_type.map_or_else(|| "unknown".to_owned(), |t| super::semantics::name_of(&t))
        }
    };
    let types: Vec<String> = args.iter().map(named).collect();
    missing::function(name, &types)
}

/// Bounds of a series, quoted ones read as the whole numbers that the others are.
pub fn series_bounds(name: &str, args: Vec<Expr>) -> Result<Vec<Expr>> {
    let open = |arg: &Expr| matches!(arg, Expr::Literal(ScalarValue::Utf8(Some(_)), None));
    if name != "generate_series" || !args.iter().any(open) {
        return Ok(args);
    }
    if args.iter().all(open) {
        return Err(missing::one_function(name, &vec!["unknown"; args.len()]));
    }
    let whole = |arg: &Expr| matches!(arg, Expr::Literal(value, _) if value.data_type().is_integer());
    if !args.iter().all(|arg| open(arg) || whole(arg)) {
        return Ok(args);
    }
    let read = |arg: Expr| match arg {
        Expr::Literal(ScalarValue::Utf8(Some(text)), None) => {
            Ok(Expr::Literal(super::values::read_one(&text, &SqlType::Int4)?, None))
        }
        arg => Ok(arg),
    };
    args.into_iter().map(read).collect()
}

/// A call of a function, as the parser would have read it.
pub fn call(name: &str, args: Vec<ast::Expr>) -> ast::Expr {
    match name.starts_with('\u{1}') {
        true => call_quoted(name, args),
        false => call_of(ast::Ident::new(name), args),
    }
}

/// A call of a function whose name is no word.
pub fn call_quoted(name: &str, args: Vec<ast::Expr>) -> ast::Expr {
    call_of(ast::Ident::with_quote('"', name), args)
}

fn call_of(name: ast::Ident, args: Vec<ast::Expr>) -> ast::Expr {
    let args = args.into_iter().map(|arg| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(arg))).collect();
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![name]),
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
