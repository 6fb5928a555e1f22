//! classify_table: what columns are, a row for each.

use super::super::context::Context;
use super::super::functions::asset_name;
use super::super::system::rows::{Cell, column, four_places, jsonb};
use super::judge::{Judged, classifiers, judge};
use super::options::Options;
use super::remembered::columns_said;
use crate::catalog::Privilege;
use crate::error::{Error, Result};
use crate::governance::Privacy;
use arrow::datatypes::{DataType, Field};
use serde_json::{Value, json};
use std::sync::Arc;

/// What is told of each column.
pub fn columns() -> Vec<Field> {
    vec![
        column("column_name", DataType::Utf8),
        column("semantic_category", DataType::Utf8),
        column("privacy_category", DataType::Utf8),
        column("sensitivity", DataType::Utf8),
        column("confidence", DataType::Float64),
        column("coverage", DataType::Float64),
        column("sampled", DataType::Int64),
        jsonb("evidence"),
        jsonb("alternates"),
        column("recommended_tag", DataType::Utf8),
        column("previous", DataType::Utf8),
        column("changed", DataType::Boolean),
        column("state", DataType::Utf8),
    ]
}

/// The rows of classify_table of a relation as it is written.
pub fn rows(context: &Arc<Context>, written: &str, options: &Options) -> Result<Vec<Vec<Cell>>> {
    let asset = asset_name(context, written);
    let (schema, name) = asset.split_once('.').unwrap_or(("public", &asset));
    context.must_reach(schema)?;
    let catalog = &context.snapshot.catalog;
    if let Some((_, table)) = catalog.table(schema, name) {
        super::super::tables::must_have(context, table, Privilege::Select)?;
    }
    let classifiers = classifiers(catalog, context.role, options.classifiers.as_deref())?;
    let state = context.database.state();
    let handle =
        tokio::runtime::Handle::try_current().map_err(|_| Error::internal("classify_table needs a runtime"))?;
    // Columns that were found are not looked at again where nobody wants it.
    let finding = catalog.finding(&asset).map(|(_, finding)| finding).filter(|finding| !finding.is_hint());
    let found = finding.map(|finding| columns_said(catalog, finding));
    let known = |name: &str| found.iter().flat_map(|found| found.iter()).find(|facts| facts["column_name"] == name);
    let count = if options.reevaluate || finding.is_none() { options.sample_count } else { 0 };
    let judged = handle.block_on(judge(context, &state, (schema, name), &[], count, &classifiers))?;
    let told = judged.iter().map(|judged| match known(&judged.verdict.name) {
        Some(facts) if !options.reevaluate => of_facts(facts, &options.tag),
        before => of_judged(judged, before, &options.tag),
    });
    Ok(told.collect())
}

/// `pii = 'email'`, where the category is private.
fn recommended(tag: &str, category: Option<&str>, private: bool) -> Cell {
    let text = |category: &str| format!("{tag} = '{}'", category.replace('\'', "''"));
    Cell::Text(category.filter(|_| private).map(text))
}

fn of_judged(judged: &Judged, before: Option<&Value>, tag: &str) -> Vec<Cell> {
    let verdict = &judged.verdict;
    let alternates: Vec<Value> = verdict
        .alternates
        .iter()
        .map(|(other, score)| json!({"category": other.name(), "confidence": four_places(*score)}))
        .collect();
    let previous = before.and_then(|facts| facts["semantic_type"].as_str());
    vec![
        Cell::text(&verdict.name),
        Cell::Text(verdict.category().map(str::to_owned)),
        Cell::text(verdict.privacy().name()),
        Cell::text(verdict.sensitivity().name()),
        Cell::Float(Some(four_places(verdict.confidence))),
        Cell::Float(Some(four_places(verdict.coverage))),
        Cell::Int(Some(verdict.sampled as i64)),
        Cell::text(json!(verdict.evidence).to_string()),
        Cell::text(json!(alternates).to_string()),
        recommended(tag, verdict.category(), verdict.privacy() > Privacy::None),
        Cell::Text(previous.map(str::to_owned)),
        Cell::Bool(before.map(|_| previous != verdict.category())),
        Cell::Text(judged.state().map(str::to_owned)),
    ]
}

/// What an inventory found, without a look at the rows.
fn of_facts(facts: &Value, tag: &str) -> Vec<Cell> {
    let text = |name: &str| Cell::of(facts.get(name), &DataType::Utf8);
    let category = facts["semantic_type"].as_str();
    let private = facts["privacy_category"].as_str().is_some_and(|privacy| privacy != Privacy::None.name());
    vec![
        text("column_name"),
        text("semantic_type"),
        text("privacy_category"),
        text("sensitivity"),
        Cell::Float(facts["confidence"].as_f64()),
        Cell::Float(facts["coverage"].as_f64()),
        Cell::Int(facts["sampled"].as_i64()),
        text("evidence"),
        Cell::text(facts.get("alternates").filter(|a| !a.is_null()).map_or("[]".to_owned(), Value::to_string)),
        recommended(tag, category, private),
        Cell::Text(category.map(str::to_owned)),
        Cell::Bool(Some(false)),
        Cell::Text(facts["state"].as_str().or(category.map(|_| "suggested")).map(str::to_owned)),
    ]
}
