//! DEDUPE and MATCH.

use super::super::context::Context;
use super::super::linkage::{DedupeWanted, MatchWanted, dedupe_table, match_table};
use super::args;
use super::relation::must_get_relation;
use crate::error::{Kind, Result};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use serde_json::Value;
use std::sync::Arc;

/// `DEDUPE(relation [, options])`.
pub fn dedupe(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let relation = must_get_relation(context, &args::must_text(args, 0, "the relation's name")?)?;
    let wanted = DedupeWanted::of(options(args, 1, "DEDUPE")?.as_ref())?;
    dedupe_table(context, relation, wanted)
}

/// `MATCH(left, right [, options])`.
pub fn matches(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let left = must_get_relation(context, &args::must_text(args, 0, "the left relation's name")?)?;
    let right = must_get_relation(context, &args::must_text(args, 1, "the right relation's name")?)?;
    let wanted = MatchWanted::of(options(args, 2, "MATCH")?.as_ref())?;
    match_table(context, (left, right), wanted)
}

fn options(args: &[Expr], at: usize, function: &str) -> Result<Option<Value>> {
    let what = format!("options of {function}");
    let text = args::text(args, at, &what)?;
    text.map(|text| args::json(&text, &what, Kind::InvalidParameter)).transpose()
}
