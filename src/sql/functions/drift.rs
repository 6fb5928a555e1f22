//! DRIFT: how far rows are from those that a model was trained on.
//!
//! The statistics of the training lie sealed with the version, and none of them is shown: what is told are distances. Who may choose
//! the other rows could still find out shares of values, a value at a time, so that only the model's owner may ask.

use super::super::context::Context;
use super::super::models;
use super::super::parser;
use super::super::planner::Planner;
use super::super::query_rows::QueryRows;
use super::super::system::rows::{Cell, RowsTable, column};
use super::args;
use super::evaluate::DAY_US;
use super::relation::asset_name;
use crate::error::{Error, Kind, Result};
use crate::models::{Divergence, DriftOptions, Source, Tally, Trained, add_tally};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast;
use serde_json::Value;
use std::sync::Arc;

/// `DRIFT(model [, serving [, window [, options]]])`: the rows of a relation or query, or of the latest updates, beside those of training.
pub fn drift(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let reference = args::must_text(args, 0, "the model's name")?;
    let serving = args::text(args, 1, "the serving relation or query")?;
    let window_us = args::length(args, 2, "the window")?;
    let options = options(args::text(args, 3, "the options")?.as_deref().unwrap_or("{}"))?;
    let (_, model, version) = models::resolve(context, &reference)?;
    context.must_own(model.owner, "model", &model.name)?;
    let baseline = format!("{}@{}", model.name, version.number);
    let query = serving.as_deref().map(|text| query_of(context, text)).transpose()?;
    let context = context.clone();
    Ok(RowsTable::make(columns(), move || {
        let model = models::trained(&context, &reference)?;
        must_have_statistics(&model, &reference)?;
        let tally = match &query {
            Some(query) => of_query(&context, &model, query.clone(), window_us)?,
            None => of_updates(&context, &reference, window_us.unwrap_or(DAY_US))?,
        };
        let drifts = model.drift(&tally, &options);
        if drifts.is_empty() {
            return Err(Error::new(
                Kind::UndefinedColumn,
                "there is no row with a column that the model was trained on",
            )
            .with_hint("SELECT * FROM FEATURE_IMPORTANCE('model') lists its columns."));
        }
        let row = |drift: crate::models::Drift| {
            vec![
                Cell::text(&drift.feature),
                Cell::text(drift.metric.name()),
                Cell::Float(Some(drift.value).filter(|value| value.is_finite())),
                Cell::Float(Some(drift.threshold)),
                Cell::Bool(Some(drift.is_anomaly())),
                Cell::text(&baseline),
            ]
        };
        Ok(drifts.into_iter().map(row).collect())
    }))
}

fn must_have_statistics(model: &Trained, reference: &str) -> Result<()> {
    if model.has_spreads() {
        return Ok(());
    }
    if let Trained::Text(_) | Trained::Embedding(_) | Trained::Imported(_) = model {
        let message =
            format!("model \"{reference}\" is of type {}, which has no columns to compare", model.model_type());
        return Err(Error::new(Kind::Unsupported, message));
    }
    Err(Error::new(Kind::NotReady, format!("model \"{reference}\" keeps no statistics of its training"))
        .with_hint("It is from before they were kept: CREATE OR REPLACE MODEL trains a version that has them."))
}

/// Columns of DRIFT.
pub fn columns() -> Vec<Field> {
    vec![
        column("feature", DataType::Utf8),
        column("metric", DataType::Utf8),
        column("value", DataType::Float64),
        column("threshold", DataType::Float64),
        column("is_anomaly", DataType::Boolean),
        column("baseline", DataType::Utf8),
    ]
}

/// A query that is written out, or all rows of the relation of this name.
fn query_of(context: &Context, text: &str) -> Result<ast::Query> {
    let first: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let is_query = ["select", "with", "values", "table"].contains(&first.to_lowercase().as_str())
        || text.trim_start().starts_with('(');
    if is_query {
        return parser::query(text);
    }
    let name = asset_name(context, text.trim());
    let (schema, name) = name.split_once('.').unwrap_or(("public", &name));
    parser::query(&format!("SELECT * FROM {}.{}", parser::quoted(schema), parser::quoted(name)))
}

/// The rows of a query as who asks sees them; with a window those of the latest time alone.
fn of_query(context: &Arc<Context>, model: &Trained, mut query: ast::Query, window_us: Option<i64>) -> Result<Tally> {
    if let Some(window_us) = window_us {
        let Some(time_col) = model.time_col() else {
            return Err(Error::new(
                Kind::InvalidParameter,
                "a window of serving rows needs a model with the option time_col",
            )
            .with_hint("Choose the rows in the query instead."));
        };
        let time_col = parser::quoted(time_col);
        query = parser::query(&format!(
            "SELECT * FROM ({query}) AS serving WHERE {time_col} > now() - interval '{window_us} microseconds'"
        ))?;
    }
    let state = context.database.state();
    let plan = Planner::new(context, &state).relation_of(query, &[])?;
    let (mut tally, mut rows) = (Tally::new(), 0);
    QueryRows::new(context, state, plan)?.read(&mut |batch| {
        context.cancel.check()?;
        rows += batch.num_rows();
        model.tally(batch, &mut tally)
    })?;
    match rows {
        0 => Err(Error::new(Kind::NotReady, "there are no serving rows to compare with those of training")
            .with_hint("Name another relation or query, or a longer window.")),
        _ => Ok(tally),
    }
}

/// The rows of the model's updates within the window, up to the version that is asked about.
fn of_updates(context: &Context, reference: &str, window_us: i64) -> Result<Tally> {
    let (_, model, version) = models::resolve(context, reference)?;
    let from_us = chrono::Utc::now().timestamp_micros().saturating_sub(window_us);
    let trained = model.versions.iter().filter(|v| v.base == 0 && v.number <= version.number).map(|v| v.number).max();
    let mut tally = Tally::new();
    let mut any = false;
    for update in &model.versions {
        let is_in = update.base != 0
            && update.number <= version.number
            && Some(update.number) > trained
            && update.created_ms.saturating_mul(1000) >= from_us;
        if is_in {
            context.cancel.check()?;
            add_tally(&mut tally, &context.database.models.trained(update.file)?.facts().seen);
            any = true;
        }
    }
    match any {
        true => Ok(tally),
        false => Err(Error::new(Kind::NotReady, format!("model \"{reference}\" was not updated within the window"))
            .with_hint("Name a relation or a query to compare with, or a longer window.")),
    }
}

/// The options, a JSON object with the names of BigQuery's `ML.VALIDATE_DATA_SKEW`.
fn options(text: &str) -> Result<DriftOptions> {
    let bad = |name: &str| Error::new(Kind::InvalidParameter, format!("option {name} of DRIFT has no such value"));
    let Value::Object(given) = args::json(text, "options of DRIFT", Kind::InvalidParameter)? else {
        return Err(Error::new(Kind::InvalidParameter, "options of DRIFT: not a JSON object"));
    };
    let mut options = DriftOptions::default();
    let threshold = |name: &str, value: &Value| value.as_f64().filter(|t| *t >= 0.0).ok_or_else(|| bad(name));
    // The measures first: each has a threshold of its own.
    for (name, value) in &given {
        let of_numbers = match name.as_str() {
            "numerical_metric_type" => true,
            "categorical_metric_type" => false,
            _ => continue,
        };
        let metric = Divergence::parse(value.as_str().ok_or_else(|| bad(name))?, of_numbers)?;
        *(if of_numbers { &mut options.numbers } else { &mut options.categories }) = (metric, metric.threshold());
    }
    for (name, value) in &given {
        match name.as_str() {
            "numerical_metric_type" | "categorical_metric_type" => {}
            "numerical_default_threshold" => options.numbers.1 = threshold(name, value)?,
            "categorical_default_threshold" => options.categories.1 = threshold(name, value)?,
            "thresholds" => {
                let columns = value.as_object().ok_or_else(|| bad(name))?.iter();
                let each = columns.map(|(column, value)| Ok((column.clone(), threshold(name, value)?)));
                options.thresholds = each.collect::<Result<_>>()?;
            }
            name => {
                return Err(Error::new(Kind::InvalidParameter, format!("unrecognized option \"{name}\" of DRIFT"))
                    .with_hint(
                        "Available options: categorical_metric_type, categorical_default_threshold, \
                         numerical_metric_type, numerical_default_threshold, thresholds.",
                    ));
            }
        }
    }
    Ok(options)
}
