//! EVALUATE and FEATURE_IMPORTANCE: how good a model is, and what it looks at.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::models;
use super::super::parser;
use super::super::planner::Planner;
use super::super::query_rows::QueryRows;
use super::super::system::rows::{Cell, RowsTable, column};
use super::args;
use crate::catalog::{Influence, ModelUpdate};
use crate::error::Result;
use crate::models::Metric;
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// `EVALUATE(model [, query])`: without a query the measures on the rows that training set aside; with one, on its rows.
pub fn evaluate(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let reference = args::must_text(args, 0, "the model's name")?;
    let query = args::text(args, 1, "the query")?;
    // Asked now, so that a name that is not there is an error of the statement and not of its rows.
    let (_, _, version) = models::resolve(context, &reference)?;
    let (number, created) = (version.number, version.created_ms);
    let context = context.clone();
    let mut reads = Reads::default().model("value", &reference);
    if let Some(query) = &query {
        let state = context.database.state();
        reads = reads.query(Planner::new(&context, &state).relation_of(parser::query(query)?, &[])?);
        let all = reads.columns_of(0);
        reads = reads.column("value", 0, &all, Influence::Aggregation);
    }
    Ok(reads.by(RowsTable::make(measures(), move || {
        let model = models::trained(&context, &reference)?;
        let measured: Vec<Metric> = match &query {
            None => model.facts().evaluation.clone(),
            Some(query) => {
                let state = context.database.state();
                let plan = Planner::new(&context, &state).relation_of(parser::query(query)?, &[])?;
                let cancel = || context.cancel.is_cancelled();
                model.evaluate(&mut QueryRows::new(&context, state, plan)?, &cancel)?
            }
        };
        Ok(measured
            .into_iter()
            .map(|m| {
                vec![
                    Cell::text(m.metric),
                    Cell::Float(m.value),
                    Cell::text(m.segment),
                    Cell::Int(Some(m.n as i64)),
                    Cell::Int(Some(i64::from(number))),
                    Cell::Int(Some(created * 1000)),
                ]
            })
            .collect())
    })))
}

/// `FEATURE_IMPORTANCE(model)`: how much worse held-out rows are predicted without each column.
pub fn feature_importance(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let reference = args::must_text(args, 0, "the model's name")?;
    models::resolve(context, &reference)?;
    let context = context.clone();
    Ok(RowsTable::make(importances(), move || {
        let model = models::trained(&context, &reference)?;
        Ok(model
            .facts()
            .importance
            .iter()
            .map(|(name, worth)| vec![Cell::text(name.clone()), Cell::Float(Some(*worth))])
            .collect())
    }))
}

/// `MODEL_METRICS(model [, since])`: how well the rows of updates were predicted before the model learnt from them.
pub fn model_metrics(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let reference = args::must_text(args, 0, "the model's name")?;
    let since_us = args::length(args, 1, "since")?.unwrap_or(DAY_US);
    models::resolve(context, &reference)?;
    let context = context.clone();
    Ok(RowsTable::make(progress(), move || {
        let (_, model, version) = models::resolve(&context, &reference)?;
        // Of `name@version` that version alone, of `name` all.
        let one = reference.contains('@').then_some(version.number);
        let from_us = chrono::Utc::now().timestamp_micros().saturating_sub(since_us);
        let is_asked = |update: &&ModelUpdate| {
            update.at_ms.saturating_mul(1000) >= from_us && one.is_none_or(|one| update.version == one)
        };
        let rows = model.updates.iter().filter(is_asked).flat_map(|update| {
            update.metrics.iter().map(|(metric, _, value, n)| {
                vec![
                    Cell::Int(Some(update.at_ms * 1000)),
                    Cell::Int(Some(i64::from(update.version))),
                    Cell::text(metric),
                    Cell::Float(Some(*value)),
                    Cell::Int(Some(*n as i64)),
                ]
            })
        });
        Ok(rows.collect())
    }))
}

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// Columns of MODEL_METRICS.
pub fn progress() -> Vec<Field> {
    vec![
        column("at", super::super::system::rows::timestamp()),
        column("version", DataType::Int32),
        column("metric", DataType::Utf8),
        column("value", DataType::Float64),
        column("window_rows", DataType::Int64),
    ]
}

/// Columns of EVALUATE.
pub fn measures() -> Vec<Field> {
    vec![
        column("metric", DataType::Utf8),
        column("value", DataType::Float64),
        column("segment", DataType::Utf8),
        column("n", DataType::Int64),
        column("version", DataType::Int32),
        column("at", super::super::system::rows::timestamp()),
    ]
}

/// Columns of FEATURE_IMPORTANCE.
pub fn importances() -> Vec<Field> {
    vec![column("feature", DataType::Utf8), column("importance", DataType::Float64)]
}
