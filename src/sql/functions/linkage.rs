//! DEDUPE and MATCH.

use super::super::context::Context;
use super::super::linkage::{DedupeWanted, MatchWanted, dedupe_table, match_table};
use super::args;
use super::rules::{must_get_relation, must_read};
use crate::catalog::ObjectId;
use crate::error::{Kind, Result};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use serde_json::Value;
use std::sync::Arc;

/// `DEDUPE(relation [, options])`.
pub fn dedupe(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let id = relation(args, 0, "the relation's name", context)?;
    let wanted = DedupeWanted::of(options(args, 1, "DEDUPE")?.as_ref())?;
    Ok(dedupe_table(context, id, wanted))
}

/// `MATCH(left, right [, options])`.
pub fn matches(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let left = relation(args, 0, "the left relation's name", context)?;
    let right = relation(args, 1, "the right relation's name", context)?;
    let wanted = MatchWanted::of(options(args, 2, "MATCH")?.as_ref())?;
    Ok(match_table(context, (left, right), wanted))
}

fn relation(args: &[Expr], at: usize, what: &str, context: &Arc<Context>) -> Result<ObjectId> {
    let id = must_get_relation(context, &args::must_text(args, at, what)?)?;
    must_read(context, id)?;
    Ok(id)
}

fn options(args: &[Expr], at: usize, function: &str) -> Result<Option<Value>> {
    let what = format!("options of {function}");
    let text = args::text(args, at, &what)?;
    text.map(|text| args::json(&text, &what, Kind::InvalidParameter)).transpose()
}
