//! PREDICT_CTR and PREDICT_CTR_DETAIL: the probability of a click, by a trained model.
//!
//! Features are matched by column name. A row may have more columns than the model wants, as BigQuery's ML.PREDICT
//! allows, so that `PREDICT_CTR(t)` works on a whole table; a missing one is an error that names it.

use super::super::context::Context;
use super::super::models;
use super::args::{self, Row};
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::models::CtrModel;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The model asked when none is named.
const DEFAULT_MODEL: &str = "ctr";

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let context = context.clone();
    Some(match name {
        "predict_ctr" => {
            Udf::make(name, any_of(&[1, 2, 3, 4]), Field::new(name, DataType::Float64, true), move |args, rows| {
                let mut answers: Vec<Option<f64>> = vec![None; rows];
                for (_, model, batch, members) in requests(&context, args, rows)? {
                    context.cancel.check()?;
                    for (&row, probability) in members.iter().zip(model.predict(&batch)?) {
                        answers[row] = Some(f64::from(probability));
                    }
                }
                Ok(Arc::new(Float64Array::from(answers)) as ArrayRef)
            })
        }
        "predict_ctr_detail" => {
            Udf::make(name, any_of(&[1, 2, 3, 4]), SqlType::Jsonb.field(name), move |args, rows| {
                let mut answers: Vec<Option<String>> = vec![None; rows];
                for (reference, model, batch, members) in requests(&context, args, rows)? {
                    context.cancel.check()?;
                    let (_, facts, version) = models::resolve(&context, &reference)?;
                    for (&row, detail) in members.iter().zip(model.predict_detail(&batch)?) {
                        let top: Vec<Value> = detail
                            .top_features
                            .iter()
                            .map(|(name, change)| json!({"feature": name, "change": change}))
                            .collect();
                        let answer = json!({
                            "ctr": detail.ctr, "raw": detail.raw, "model": facts.name, "version": version.number,
                            "cold_start": detail.cold_start, "top_features": top,
                        });
                        answers[row] = Some(answer.to_string());
                    }
                }
                Ok(Arc::new(StringArray::from(answers)) as ArrayRef)
            })
        }
        _ => return None,
    })
}

/// A model, the rows it is asked about, and where their answers go.
type Request = (String, Arc<CtrModel>, RecordBatch, Vec<usize>);

fn requests(context: &Context, args: &[ArrayRef], rows: usize) -> Result<Vec<Request>> {
    let limit = context.settings.number("steward.max_model_rows");
    if rows as u64 > limit {
        return Err(Error::new(Kind::LimitExceeded, format!("PREDICT_CTR would see more than {limit} rows"))
            .with_hint("Raise steward.max_model_rows, or narrow the query."));
    }
    let by_row = matches!(args[0].data_type(), DataType::Struct(_));
    if by_row && args.len() > 2 {
        return Err(Error::new(
            Kind::UndefinedFunction,
            "PREDICT_CTR of a row takes the row and the model's name only",
        ));
    }
    if !by_row && args.len() < 2 {
        return Err(Error::new(Kind::UndefinedFunction, "PREDICT_CTR takes a row, or a user and an item")
            .with_hint("Write PREDICT_CTR(t) where FROM names t, or PREDICT_CTR(user_id, item_id, context, model)."));
    }
    let names = args.get(if by_row { 1 } else { 3 }).map(args::texts).transpose()?;
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in 0..rows {
        let name = match &names {
            Some(names) if names.is_null(row) => continue,
            Some(names) => names.value(row),
            None => DEFAULT_MODEL,
        };
        let any_null = !by_row && args.iter().take(3).any(|argument| argument.is_null(row));
        if !any_null {
            groups.entry(name.to_owned()).or_default().push(row);
        }
    }
    let mut requests = Vec::new();
    for (reference, members) in groups {
        let model = models::ctr(context, &reference)?;
        let batch = match by_row {
            true => from_row(&model, &reference, &Row::read(&args[0])?.batch, &members)?,
            false => from_context(&model, &reference, args, &members)?,
        };
        requests.push((reference, model, batch, members));
    }
    Ok(requests)
}

fn missing(reference: &str, column: &str, given: &str) -> Error {
    Error::new(
        Kind::UndefinedColumn,
        format!("model \"{reference}\" needs column \"{column}\", which the {given} does not have"),
    )
}

fn from_row(model: &CtrModel, reference: &str, batch: &RecordBatch, members: &[usize]) -> Result<RecordBatch> {
    let picked: arrow::array::UInt64Array = members.iter().map(|&row| row as u64).collect();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for input in model.inputs() {
        let Some(column) = batch.column_by_name(&input.name) else {
            return Err(missing(reference, &input.name, "row"));
        };
        fields.push(Field::new(&input.name, column.data_type().clone(), true));
        columns.push(take(column, &picked, None)?);
    }
    crate::txn::batch(Arc::new(Schema::new(fields)), columns, members.len())
}

fn from_context(model: &CtrModel, reference: &str, args: &[ArrayRef], members: &[usize]) -> Result<RecordBatch> {
    let (users, items) = (args::texts(&args[0])?, args::texts(&args[1])?);
    let contexts = args.get(2).map(args::texts).transpose()?;
    let options = model.options();
    if options.user_col.is_none() || options.item_col.is_none() {
        return Err(Error::new(
            Kind::InvalidParameter,
            format!(
                "model \"{reference}\" was trained without user_col and item_col; ask it by row: PREDICT_CTR(t, '{reference}')"
            ),
        ));
    }
    let mut objects = Vec::with_capacity(members.len());
    for &row in members {
        let text = contexts.as_ref().map_or("{}", |contexts| contexts.value(row));
        match args::json(text, "the context of PREDICT_CTR", Kind::InvalidText)? {
            Value::Object(object) => objects.push(object),
            _ => return Err(Error::new(Kind::InvalidText, "the context of PREDICT_CTR must be a JSON object")),
        }
    }
    let inputs = model.inputs();
    for object in &objects {
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
    for input in &inputs {
        let texts: Vec<Option<String>> = if Some(&input.name) == options.user_col.as_ref() {
            members.iter().map(|&row| Some(users.value(row).to_owned())).collect()
        } else if Some(&input.name) == options.item_col.as_ref() {
            members.iter().map(|&row| Some(items.value(row).to_owned())).collect()
        } else {
            objects
                .iter()
                .map(|object| match object.get(&input.name) {
                    None => Err(missing(reference, &input.name, "context")),
                    Some(Value::Null) => Ok(None),
                    Some(Value::String(text)) => Ok(Some(text.clone())),
                    Some(other) => Ok(Some(other.to_string())),
                })
                .collect::<Result<_>>()?
        };
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        let column = super::super::values::assign(&texts, &input_type(input.type_name)).map_err(|e| {
            Error::new(e.kind(), format!("column \"{}\" of model \"{reference}\": {}", input.name, e.message()))
        })?;
        fields.push(Field::new(&input.name, column.data_type().clone(), true));
        columns.push(column);
    }
    crate::txn::batch(Arc::new(Schema::new(fields)), columns, members.len())
}

/// The type of a model's column as the catalogue has it.
fn input_type(name: &str) -> SqlType {
    match name {
        "integer" => SqlType::Int8,
        "float8" => SqlType::Float8,
        "boolean" => SqlType::Bool,
        "timestamp" => SqlType::Timestamp,
        _ => SqlType::Text,
    }
}
