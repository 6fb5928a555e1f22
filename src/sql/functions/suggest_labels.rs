//! SUGGEST_LABELS: the rows most worth a label, as the one who asks sees them.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::models;
use super::super::parser;
use super::super::planner::Planner;
use super::super::quality::{Ruled, column_name, named_by, readable, row_key};
use super::super::query_rows::QueryRows;
use super::super::run;
use super::super::system::rows::{Cell, RowsTable, column};
use super::args;
use super::model_rows;
use super::relation::must_get_relation;
use crate::catalog::Influence;
use crate::config::{SUGGEST_ROWS_MAX, SUGGESTED_ROWS_MAX};
use crate::error::{Error, Kind, Result};
use crate::models::text::classifier::suggest;
use crate::models::{Source, TextClassifier, Trained};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// Rows suggested unless said.
const ROWS: usize = 10;

/// What is told of each row.
pub fn columns() -> Vec<Field> {
    vec![
        column("rank", DataType::Int32),
        column("row_key", DataType::Utf8),
        column("text", DataType::Utf8),
        column("label", DataType::Utf8),
        column("probability", DataType::Float64),
        column("uncertainty", DataType::Float64),
    ]
}

/// `SUGGEST_LABELS(relation, model [, k])`: rows without a label, where the relation has the model's column of labels.
pub fn table(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let relation = must_get_relation(context, &args::must_text(args, 0, "the relation's name")?)?;
    let reference = args::must_text(args, 1, "the model's name")?;
    let count = args::number(args, 2, "k", ROWS, SUGGESTED_ROWS_MAX)?;
    let trained = models::trained(context, &reference)?;
    let model = of_texts(&reference, &trained)?;
    let query = query(context, &relation, model)?;
    let reads = reads(context, &relation, model, &reference)?;
    let context = context.clone();
    Ok(reads.by(RowsTable::make(columns(), move || match trained.as_ref() {
        Trained::Text(model) => find(&context, model, &query, count),
        _ => Ok(Vec::new()),
    })))
}

/// What it reads, and which of it its columns come from.
fn reads(context: &Arc<Context>, relation: &Ruled, model: &TextClassifier, reference: &str) -> Result<Reads> {
    let readable = readable(context, relation.id, relation)?;
    let options = model.options();
    let (text, label): (Vec<String>, Vec<String>) =
        (options.text_col.iter().cloned().collect(), options.label_col.iter().cloned().collect());
    let mut reads = Reads::default()
        .relation(context, &context.database.state(), &relation.schema, &relation.name)?
        .key("row_key", 0, named_by(relation, &readable))
        .column("text", 0, &text, Influence::Identity)
        .column("rank", 0, &text, Influence::Window)
        .rows(0, &text, Influence::Sort)
        .rows(0, &label, Influence::Filter);
    for said in ["label", "probability", "uncertainty"] {
        reads = reads.column(said, 0, &text, Influence::Transformation).model(said, reference);
    }
    Ok(reads)
}

fn of_texts<'a>(reference: &str, trained: &'a Trained) -> Result<&'a TextClassifier> {
    match trained {
        Trained::Text(model) => Ok(model),
        other => Err(models::wrong_type(reference, other, "text_classifier")),
    }
}

/// The query for what names a row and its text.
fn query(context: &Context, relation: &Ruled, model: &TextClassifier) -> Result<String> {
    let readable = readable(context, relation.id, relation)?;
    let text = model.options().text_col.clone().unwrap_or_default();
    if relation.columns.field_with_name(&text).is_err() {
        let message = format!("relation \"{}\" has no column \"{text}\", which the model reads", relation.name);
        return Err(Error::new(Kind::UndefinedColumn, message)
            .with_hint("A view can give a column the name that it had in training."));
    }
    let text = column_name(&text);
    let unlabelled = match model.options().label_col.as_ref().filter(|label| readable.contains(label)) {
        Some(label) => format!(" AND t.{} IS NULL", column_name(label)),
        None => String::new(),
    };
    let key = row_key(relation, &readable);
    let (schema, name) = (column_name(&relation.schema), column_name(&relation.name));
    Ok(format!("SELECT {key}, t.{text}::text FROM {schema}.{name} t WHERE t.{text} IS NOT NULL{unlabelled}"))
}

fn find(context: &Arc<Context>, model: &TextClassifier, query: &str, count: usize) -> Result<Vec<Vec<Cell>>> {
    let state = context.database.state();
    let plan = Planner::new(context, &state).query(parser::query(query)?)?;
    let mut source = QueryRows::new(context, run::in_order(&state), plan)?;
    // Of many rows an even part: each time that there are twice too many every second one stays, and half as many come.
    let mut kept: Vec<(Option<String>, String)> = Vec::new();
    let (mut stride, mut number) = (1usize, 0usize);
    source.read(&mut |batch| {
        context.cancel.check()?;
        let texts = [cast(batch.column(0), &DataType::Utf8)?, cast(batch.column(1), &DataType::Utf8)?];
        let [keys, texts] = [texts[0].as_string::<i32>(), texts[1].as_string::<i32>()];
        for row in 0..batch.num_rows() {
            if number.is_multiple_of(stride) && texts.is_valid(row) {
                kept.push((keys.is_valid(row).then(|| keys.value(row).to_owned()), texts.value(row).to_owned()));
            }
            number += 1;
            if kept.len() == 2 * SUGGEST_ROWS_MAX {
                let mut place = 0usize;
                kept.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                stride *= 2;
            }
        }
        Ok(())
    })?;
    model_rows::must_be_few(context, "SUGGEST_LABELS", kept.len())?;
    if stride > 1 {
        context.notice(format!("SUGGEST_LABELS looked at one row of {stride}"));
    }
    let texts: Vec<&str> = kept.iter().map(|(_, text)| text.as_str()).collect();
    let found = suggest(model, &texts, count, &|| context.cancel.is_cancelled())?;
    let cells = found.into_iter().enumerate().filter_map(|(rank, one)| {
        let (key, text) = kept.get(one.place)?;
        Some(vec![
            Cell::Int(Some(rank as i64 + 1)),
            Cell::Text(key.clone()),
            Cell::text(text),
            Cell::Text(model.labels().get(one.class).cloned()),
            Cell::Float(Some(f64::from(one.probability))),
            Cell::Float(Some(f64::from(one.uncertainty))),
        ])
    });
    Ok(cells.collect())
}
