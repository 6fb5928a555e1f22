//! PREDICT_CTR, PREDICT_CVR, PREDICT_CTCVR and their twins: the probability of a click, of a conversion after it, and of both, by a
//! trained model.
//!
//! Features are matched by column name. A row may have more columns than the model wants, as BigQuery's ML.PREDICT
//! allows, so that `PREDICT_CTR(t)` works on a whole table; a missing one is an error that names it.

use super::super::context::Context;
use super::super::models;
use super::args::{self, Row};
use super::model_rows;
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::models::{CtrModel, Target, Trained};
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The model asked when none is named.
pub const DEFAULT_MODEL: &str = "ctr";

/// What a function of this name asks for, and whether with reasons.
fn asked(name: &str) -> Option<(Target, bool)> {
    Some(match name {
        "predict_ctr" => (Target::Ctr, false),
        "predict_ctr_detail" => (Target::Ctr, true),
        "predict_cvr" => (Target::Cvr, false),
        "predict_cvr_detail" => (Target::Cvr, true),
        "predict_ctcvr" => (Target::Ctcvr, false),
        "predict_ctcvr_detail" => (Target::Ctcvr, true),
        _ => return None,
    })
}

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let context = context.clone();
    let (target, is_detail) = asked(name)?;
    if !is_detail {
        let field = Field::new(name, DataType::Float64, true);
        return Some(Udf::make(name, any_of(&[1, 2, 3, 4]), field, move |args, rows| {
            let mut answers: Vec<Option<f64>> = vec![None; rows];
            for (reference, model, batch, members) in requests(&context, target, args, rows)? {
                context.cancel.check()?;
                let said = ctr_of(&reference, &model, target)?.predict_target(&batch, target)?;
                members.iter().zip(said).for_each(|(&row, said)| answers[row] = Some(said));
            }
            Ok(Arc::new(Float64Array::from(answers)) as ArrayRef)
        }));
    }
    Some(Udf::make(name, any_of(&[1, 2, 3, 4]), SqlType::Jsonb.field(name), move |args, rows| {
        let mut answers: Vec<Option<String>> = vec![None; rows];
        for (reference, model, batch, members) in requests(&context, target, args, rows)? {
            context.cancel.check()?;
            let (_, facts, version) = models::resolve(&context, &reference)?;
            let details = ctr_of(&reference, &model, target)?.predict_detail(&batch, target)?;
            for (&row, detail) in members.iter().zip(details) {
                let top: Vec<Value> = detail
                    .top_features
                    .iter()
                    .map(|(name, change)| json!({"feature": name, "change": change}))
                    .collect();
                let mut answer = json!({
                    "ctr": detail.ctr, "raw": detail.raw, "model": facts.name, "version": version.number,
                    "cold_start": detail.cold_start, "top_features": top,
                });
                if let (Some(cvr), Some(object)) = (detail.cvr, answer.as_object_mut()) {
                    object.insert("cvr".to_owned(), json!(cvr));
                    object.insert("ctcvr".to_owned(), json!(detail.ctr * cvr));
                }
                answers[row] = Some(answer.to_string());
            }
        }
        Ok(Arc::new(StringArray::from(answers)) as ArrayRef)
    }))
}

/// A model, the rows it is asked about, and where their answers go.
type Request = (String, Arc<Trained>, RecordBatch, Vec<usize>);

/// The model, which must be one of clicks, and of conversions where they are asked for.
fn ctr_of<'a>(reference: &str, model: &'a Trained, target: Target) -> Result<&'a CtrModel> {
    match model {
        Trained::Ctr(model) if target == Target::Ctr || model.has_conversion() => Ok(model.as_ref()),
        Trained::Ctr(_) => {
            let message = format!("model \"{reference}\" was trained without conversion_col");
            Err(Error::new(Kind::InvalidParameter, message)
                .with_hint("CREATE MODEL ... OPTIONS (conversion_col = ...) says what may follow a click."))
        }
        other => Err(models::wrong_type(reference, other, "ctr")),
    }
}

fn requests(context: &Context, target: Target, args: &[ArrayRef], rows: usize) -> Result<Vec<Request>> {
    let function = format!("PREDICT_{}", target.name().to_uppercase());
    model_rows::must_be_few(context, &function, rows)?;
    let by_row = matches!(args[0].data_type(), DataType::Struct(_));
    if by_row && args.len() > 2 {
        return Err(Error::new(
            Kind::UndefinedFunction,
            format!("{function} of a row takes the row and the model's name only"),
        ));
    }
    if !by_row && args.len() < 2 {
        return Err(Error::new(Kind::UndefinedFunction, format!("{function} takes a row, or a user and an item"))
            .with_hint(format!(
                "Write {function}(t) where FROM names t, or {function}(user_id, item_id, context, model)."
            )));
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
        let model = models::trained(context, &reference)?;
        let ctr = ctr_of(&reference, &model, target)?;
        let batch = match by_row {
            true => model_rows::from_row(&reference, &ctr.inputs(), &Row::read(&args[0])?.batch, &members)?,
            false => from_context(ctr, (&reference, &function), args, &members)?,
        };
        requests.push((reference, model, batch, members));
    }
    Ok(requests)
}

fn from_context(
    model: &CtrModel,
    (reference, function): (&str, &str),
    args: &[ArrayRef],
    members: &[usize],
) -> Result<RecordBatch> {
    let (users, items) = (args::texts(&args[0])?, args::texts(&args[1])?);
    let contexts = args.get(2).map(args::texts).transpose()?;
    let options = model.options();
    if options.user_col.is_none() || options.item_col.is_none() {
        return Err(Error::new(
            Kind::InvalidParameter,
            format!(
                "model \"{reference}\" was trained without user_col and item_col; ask it by row: {function}(t, '{reference}')"
            ),
        ));
    }
    let mut objects = Vec::with_capacity(members.len());
    for &row in members {
        let text = contexts.as_ref().map_or("{}", |contexts| contexts.value(row));
        objects.push(model_rows::object(text, &format!("the context of {function}"))?);
    }
    let given = [(options.user_col.as_ref(), &users), (options.item_col.as_ref(), &items)];
    model_rows::from_objects(reference, &model.inputs(), "context", &objects, |place, column| {
        let (_, texts) = given.iter().find(|(name, _)| *name == Some(column))?;
        members.get(place).map(|&row| texts.value(row).to_owned())
    })
}
