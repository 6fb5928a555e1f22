//! PREDICT, PREDICT_LABEL, PREDICT_PROBA: what a trained model of whatever type says of a row.

use super::super::context::Context;
use super::super::models;
use super::args::{self, Row};
use super::model_rows;
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::models::Trained;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let context = context.clone();
    Some(match name {
        "predict" => Udf::make(name, any_of(&[2]), Field::new(name, DataType::Float64, true), move |args, rows| {
            let mut answers: Vec<Option<f64>> = vec![None; rows];
            each(&context, "PREDICT", (args, rows), &mut |_, model, batch, members| {
                let said = model.predict(batch, &|| context.cancel.is_cancelled())?;
                members.iter().zip(said).for_each(|(&row, said)| answers[row] = said);
                Ok(())
            })?;
            Ok(Arc::new(Float64Array::from(answers)) as ArrayRef)
        }),
        "predict_label" => Udf::make(name, any_of(&[2]), Field::new(name, DataType::Utf8, true), move |args, rows| {
            let mut answers: Vec<Option<String>> = vec![None; rows];
            each(&context, "PREDICT_LABEL", (args, rows), &mut |reference, model, batch, members| {
                let said = labels(&context, reference, model, batch)?;
                members.iter().zip(said).for_each(|(&row, said)| answers[row] = said);
                Ok(())
            })?;
            Ok(Arc::new(StringArray::from(answers)) as ArrayRef)
        }),
        "predict_proba" => Udf::make(name, any_of(&[2]), SqlType::Jsonb.field(name), move |args, rows| {
            let mut answers: Vec<Option<String>> = vec![None; rows];
            each(&context, "PREDICT_PROBA", (args, rows), &mut |reference, model, batch, members| {
                let (names, said) = probabilities(&context, reference, model, batch)?;
                for (&row, said) in members.iter().zip(said) {
                    let Some(said) = said else { continue };
                    let said: Map<String, Value> = names.iter().cloned().zip(said.iter().map(|p| json!(p))).collect();
                    answers[row] = Some(Value::Object(said).to_string());
                }
                Ok(())
            })?;
            Ok(Arc::new(StringArray::from(answers)) as ArrayRef)
        }),
        _ => return None,
    })
}

/// The class of each row, by a model that has classes; none where there is no text to classify.
fn labels(context: &Context, reference: &str, model: &Trained, batch: &RecordBatch) -> Result<Vec<Option<String>>> {
    match model {
        Trained::Tabular(model) => Ok(model.predict_label(batch)?.into_iter().map(Some).collect()),
        Trained::Text(model) => model.predict_label(batch, &|| context.cancel.is_cancelled()),
        other => Err(no_classes(reference, other)),
    }
}

/// The names of a model's classes and how probable each is for each row.
type Probabilities<'a> = (&'a [String], Vec<Option<Vec<f64>>>);

fn probabilities<'a>(
    context: &Context,
    reference: &str,
    model: &'a Trained,
    batch: &RecordBatch,
) -> Result<Probabilities<'a>> {
    match model {
        Trained::Tabular(model) => {
            let (names, said) = model.predict_proba(batch)?;
            Ok((names, said.chunks_exact(names.len().max(1)).map(|row| Some(row.to_vec())).collect()))
        }
        Trained::Text(model) => {
            let said = model.predict_proba(batch, &|| context.cancel.is_cancelled())?;
            let doubles = |row: Vec<f32>| row.into_iter().map(f64::from).collect();
            Ok((model.labels(), said.into_iter().map(|row| row.map(doubles)).collect()))
        }
        other => Err(no_classes(reference, other)),
    }
}

/// Of a click model PREDICT gives the probability.
fn no_classes(reference: &str, model: &Trained) -> Error {
    let error = models::wrong_type(reference, model, "one of classes");
    error.with_hint(match model {
        Trained::Embedding(_) | Trained::Imported(_) => "EMBED and SIMILARITY ask it.",
        _ => "PREDICT and PREDICT_CTR give its probability.",
    })
}

/// What is done with a model, the rows that it is asked about, and their places.
type Asked<'a> = &'a mut dyn FnMut(&str, &Trained, &RecordBatch, &[usize]) -> Result<()>;

/// Asks each model that the first argument names about its rows in the second.
fn each(context: &Context, function: &str, (args, rows): (&[ArrayRef], usize), ask: Asked<'_>) -> Result<()> {
    model_rows::must_be_few(context, function, rows)?;
    let [names, features] = args else {
        return Err(Error::new(Kind::UndefinedFunction, format!("{function} takes a model's name and a row")));
    };
    let names = args::texts(names)?;
    let relation = match features.data_type() {
        DataType::Struct(_) => Some(Row::read(features)?.batch),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => None,
        _ => {
            let message = format!("{function} takes a row of a relation or a jsonb object");
            return Err(Error::new(Kind::DatatypeMismatch, message)
                .with_hint(format!("Write {function}('model', t) where FROM names t.")));
        }
    };
    let objects = match relation {
        Some(_) => None,
        None => Some(args::texts(features)?),
    };
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in 0..rows {
        if !names.is_null(row) && !features.is_null(row) {
            groups.entry(names.value(row)).or_default().push(row);
        }
    }
    for (reference, members) in groups {
        context.cancel.check()?;
        let model = models::trained(context, reference)?;
        let batch = match (&relation, &objects) {
            (Some(relation), _) => model_rows::from_row(reference, &model.inputs(), relation, &members)?,
            (None, Some(objects)) => {
                let what = format!("the features of {function}");
                let read = |&row: &usize| model_rows::object(objects.value(row), &what);
                let objects = members.iter().map(read).collect::<Result<Vec<_>>>()?;
                model_rows::from_objects(reference, &model.inputs(), "object", &objects, |_, _| None)?
            }
            (None, None) => continue,
        };
        ask(reference, &model, &batch, &members)?;
    }
    Ok(())
}
