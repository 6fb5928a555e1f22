//! Rows for a model out of a function's arguments: of a relation, or of JSON objects.
//!
//! Columns are matched by name. A row may have more than the model wants, as BigQuery's ML.PREDICT allows, so that a whole table can
//! be given; JSON is written for one call, and a key that the model does not know is an error there. A missing column always is.

use super::super::context::Context;
use super::super::values;
use super::args;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::models::features::InputColumn;
use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Counts rows that a model function is to see, and refuses it when those of its statement are too many: `LimitExceeded`.
pub fn must_be_few(context: &Context, function: &str, rows: usize) -> Result<()> {
    let (rows, limit) = (rows as u64, context.settings.number("steward.max_model_rows"));
    let seen = context.model_rows.fetch_add(rows, Ordering::Relaxed).saturating_add(rows);
    match limit > 0 && seen > limit {
        true => Err(Error::new(Kind::LimitExceeded, format!("{function} would see more than {limit} rows"))
            .with_hint("Raise steward.max_model_rows, or narrow the query.")),
        false => Ok(()),
    }
}

fn missing(reference: &str, column: &str, given: &str) -> Error {
    Error::new(
        Kind::UndefinedColumn,
        format!("model \"{reference}\" needs column \"{column}\", which the {given} does not have"),
    )
}

/// The columns that a model wants, of some rows of a relation.
pub fn from_row(
    reference: &str,
    inputs: &[InputColumn],
    batch: &RecordBatch,
    members: &[usize],
) -> Result<RecordBatch> {
    let picked: UInt64Array = members.iter().map(|&row| row as u64).collect();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for input in inputs {
        let Some(column) = batch.column_by_name(&input.name) else {
            return Err(missing(reference, &input.name, "row"));
        };
        fields.push(Field::new(&input.name, column.data_type().clone(), true));
        columns.push(take(column, &picked, None)?);
    }
    crate::txn::batch(Arc::new(Schema::new(fields)), columns, members.len())
}

/// A text as a JSON object; `what` names it in errors, which never quote it.
pub fn object(text: &str, what: &str) -> Result<Map<String, Value>> {
    match args::json(text, what, Kind::InvalidText)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(Kind::InvalidText, format!("{what} must be a JSON object"))),
    }
}

/// The columns that a model wants, out of an object for each row; `given` knows values of some columns otherwise. `what` is what the
/// objects are called in errors.
pub fn from_objects(
    reference: &str,
    inputs: &[InputColumn],
    what: &str,
    objects: &[Map<String, Value>],
    given: impl Fn(usize, &String) -> Option<String>,
) -> Result<RecordBatch> {
    for object in objects {
        if let Some(unknown) = object.keys().find(|key| !inputs.iter().any(|input| input.name == **key)) {
            return Err(Error::new(
                Kind::UndefinedColumn,
                format!("model \"{reference}\" knows no column \"{unknown}\""),
            )
            .with_hint("SELECT * FROM FEATURE_IMPORTANCE('model') lists its columns."));
        }
    }
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for input in inputs {
        let texts: Vec<Option<String>> = objects
            .iter()
            .enumerate()
            .map(|(place, object)| {
                if let Some(known) = given(place, &input.name) {
                    return Ok(Some(known));
                }
                match object.get(&input.name) {
                    None => Err(missing(reference, &input.name, what)),
                    Some(Value::Null) => Ok(None),
                    Some(value) if input.type_name == "jsonb" => Ok(Some(value.to_string())),
                    Some(Value::String(text)) => Ok(Some(text.clone())),
                    Some(Value::Array(items)) if input.type_name.ends_with("[]") => Ok(Some(array_literal(items))),
                    Some(other) => Ok(Some(other.to_string())),
                }
            })
            .collect::<Result<_>>()?;
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        let column = values::assign(&texts, &input_type(input.type_name)).map_err(|e| {
            Error::new(e.kind(), format!("column \"{}\" of model \"{reference}\": {}", input.name, e.message()))
        })?;
        fields.push(Field::new(&input.name, column.data_type().clone(), true));
        columns.push(column);
    }
    crate::txn::batch(Arc::new(Schema::new(fields)), columns, objects.len())
}

/// An array of JSON as PostgreSQL writes one.
fn array_literal(items: &[Value]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let items = items.iter().map(|item| match item {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    });
    format!("{{{}}}", items.collect::<Vec<_>>().join(","))
}

/// The type of a model's column as the catalogue has it.
pub fn input_type(name: &str) -> SqlType {
    match name {
        "integer" => SqlType::Int8,
        "float8" => SqlType::Float8,
        "boolean" => SqlType::Bool,
        "timestamp" => SqlType::Timestamp,
        "text[]" => SqlType::Array(Box::new(SqlType::Text)),
        "bigint[]" => SqlType::Array(Box::new(SqlType::Int8)),
        "real[]" => SqlType::Array(Box::new(SqlType::Float4)),
        "jsonb" => SqlType::Jsonb,
        _ => SqlType::Text,
    }
}
