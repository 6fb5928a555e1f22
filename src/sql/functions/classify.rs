//! CLASSIFY, CLASSIFY_DETAIL, EMBED, SIMILARITY: texts through the built-in encoder, or a text classifier of one's own.

use super::super::context::Context;
use super::args;
use super::classify_options::Options;
use super::classify_trained;
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::governance::semantic_type::detect_value;
use crate::models::encoder::{Encoder, Role};
use crate::models::text::{Verdict, ZeroShot};
use arrow::array::{Array, ArrayRef, Float32Builder, Float64Array, ListBuilder, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// The encoder's name in answers.
const MODEL: &str = "e5-small-zh-en";
/// The type of a text that has no type of its own.
const PLAIN_TEXT: &str = "text";

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let context = context.clone();
    let text = Field::new(name, DataType::Utf8, true);
    Some(match name {
        "classify" => Udf::make(name, any_of(&[1, 2, 3]), text, move |args, rows| {
            let answers = answers(&context, args, rows)?;
            Ok(Arc::new(answers.into_iter().map(|a| a.map(|a| a.label)).collect::<StringArray>()) as ArrayRef)
        }),
        "classify_detail" => Udf::make(name, any_of(&[1, 2, 3]), SqlType::Jsonb.field(name), move |args, rows| {
            let answers = answers(&context, args, rows)?;
            let details = answers.into_iter().map(|a| a.map(|a| a.detail.to_string()));
            Ok(Arc::new(details.collect::<StringArray>()) as ArrayRef)
        }),
        "embed" => {
            let item = Field::new("item", DataType::Float32, true);
            let field = Field::new(name, DataType::List(Arc::new(item)), true);
            Udf::make(name, any_of(&[1]), field, move |args, _| embed(&context, &args[0]))
        }
        "similarity" => Udf::make(name, any_of(&[2]), Field::new(name, DataType::Float64, true), move |args, _| {
            let (a, b) = (vectors(&context, &args[0])?, vectors(&context, &args[1])?);
            let cosine = |n: usize| Some(f64::from(a[n].as_ref()?.cosine(b[n].as_ref()?)));
            Ok(Arc::new((0..a.len()).map(cosine).collect::<Float64Array>()) as ArrayRef)
        }),
        _ => return None,
    })
}

/// What is said of one text.
pub struct Answer {
    /// Its label.
    pub label: String,
    /// What CLASSIFY_DETAIL says.
    pub detail: Value,
}

fn answers(context: &Context, args: &[ArrayRef], rows: usize) -> Result<Vec<Option<Answer>>> {
    let inputs = args::texts(&args[0])?;
    let limit = context.settings.number("steward.max_model_rows");
    if rows as u64 > limit {
        return Err(Error::new(Kind::LimitExceeded, format!("CLASSIFY would see more than {limit} rows"))
            .with_hint("Raise steward.max_model_rows, or narrow the query."));
    }
    let Some(labels) = args.get(1) else {
        return Ok(inputs.iter().map(|text| text.map(semantic_type)).collect());
    };
    // Rows with the same labels and options share one classifier; in practice that is all of them.
    let mut groups: HashMap<Asked, Vec<usize>> = HashMap::new();
    for row in 0..rows {
        if inputs.is_valid(row)
            && let Some(asked) = asked(labels, args.get(2), row)?
        {
            groups.entry(asked).or_default().push(row);
        }
    }
    let cancel = || context.cancel.is_cancelled();
    let mut answers: Vec<Option<Answer>> = (0..rows).map(|_| None).collect();
    for ((labels, said), members) in groups {
        let options = Options::read(&said)?;
        let texts: Vec<&str> = members.iter().map(|&row| inputs.value(row)).collect();
        if let Some(reference) = &options.model {
            let said =
                classify_trained::answers(context, reference, labels.as_deref(), &texts, options.min_confidence)?;
            members.iter().zip(said).for_each(|(&row, said)| answers[row] = said);
            continue;
        }
        let Some(labels) = labels else { continue };
        let examples = options
            .examples
            .iter()
            .map(|(input, label)| match labels.iter().position(|l| l == label) {
                Some(at) => Ok((input.clone(), at)),
                None => Err(Error::new(
                    Kind::InvalidParameter,
                    format!("an example has the label \"{label}\", which is not among the labels"),
                )),
            })
            .collect::<Result<Vec<_>>>()?;
        let encoder = Encoder::builtin()?;
        let classifier = ZeroShot::new(encoder, &labels, options.description.as_deref(), &examples, &cancel)?;
        for (&row, verdict) in members.iter().zip(classifier.classify(&texts, &cancel)?) {
            answers[row] = answer(&labels, &verdict, options.min_confidence);
        }
    }
    Ok(answers)
}

/// Labels, if there are any, and options.
type Asked = (Option<Vec<String>>, String);

/// Labels and options of a row's call. With a model of one's own there need be no labels: the second argument may be the options.
/// None where an argument is NULL.
fn asked(labels: &ArrayRef, options: Option<&ArrayRef>, row: usize) -> Result<Option<Asked>> {
    let is_text = matches!(labels.data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
    if options.is_none() && is_text && labels.is_valid(row) {
        let second = args::texts(&labels.slice(row, 1))?;
        if Options::are_in(second.value(0)) {
            return match Options::read(second.value(0))?.model {
                Some(_) => Ok(Some((None, second.value(0).to_owned()))),
                None => Err(Error::new(Kind::InvalidParameter, "CLASSIFY without labels needs the option model")
                    .with_hint("Write CLASSIFY(text, ARRAY['a', 'b']), or CLASSIFY(text, '{\"model\": \"m\"}').")),
            };
        }
    }
    let list = args::text_list(labels, row)?;
    let said = match options {
        Some(options) if options.is_null(row) => return Ok(None),
        Some(options) => args::texts(&options.slice(row, 1))?.value(0).to_owned(),
        None => "{}".to_owned(),
    };
    match list {
        Some(_) => Ok(Some((list, said))),
        None => Ok(Options::read(&said)?.model.map(|_| (None, said))),
    }
}

fn answer(labels: &[String], verdict: &Verdict, min_confidence: f64) -> Option<Answer> {
    let label = labels.get(verdict.label)?.clone();
    let score = f64::from(*verdict.scores.get(verdict.label)?);
    if score < min_confidence {
        return None;
    }
    let rounded = |score: f32| (f64::from(score) * 1e4).round() / 1e4;
    let scores: serde_json::Map<String, Value> =
        labels.iter().zip(&verdict.scores).map(|(l, s)| (l.clone(), json!(rounded(*s)))).collect();
    let detail = json!({
        "label": label, "scores": scores, "method": "model", "evidence": ["nearest label in the encoder's space"],
        "model": MODEL, "version": 1,
    });
    Some(Answer { label, detail })
}

/// The built-in semantic type of a value, by its form.
fn semantic_type(text: &str) -> Answer {
    match detect_value(text) {
        Some(verdict) => {
            let label = verdict.semantic_type.name().to_owned();
            let detail = json!({
                "label": label, "label_zh": verdict.semantic_type.label_zh(),
                "scores": {label.clone(): verdict.confidence}, "method": "rule", "evidence": [verdict.evidence.to_string()],
                "model": null, "version": null,
            });
            Answer { label, detail }
        }
        None => {
            let detail = json!({
                "label": PLAIN_TEXT, "scores": {PLAIN_TEXT: 1.0}, "method": "rule", "evidence": ["no type's form"],
                "model": null, "version": null,
            });
            Answer { label: PLAIN_TEXT.to_owned(), detail }
        }
    }
}

fn vectors(context: &Context, array: &ArrayRef) -> Result<Vec<Option<crate::models::encoder::Embedding>>> {
    let inputs = args::texts(array)?;
    let texts: Vec<&str> = inputs.iter().flatten().collect();
    let cancel = || context.cancel.is_cancelled();
    let mut found = Encoder::builtin()?.encode(&texts, Role::Query, &cancel)?.into_iter();
    Ok(inputs.iter().map(|text| text.and_then(|_| found.next())).collect())
}

fn embed(context: &Context, array: &ArrayRef) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(Float32Builder::new());
    for vector in vectors(context, array)? {
        match vector {
            Some(vector) => {
                builder.values().append_slice(&vector);
                builder.append(true);
            }
            None => builder.append(false),
        }
    }
    Ok(Arc::new(builder.finish()))
}
