//! CLASSIFY, CLASSIFY_DETAIL, EMBED, SIMILARITY: texts through the built-in encoder, or a text classifier of one's own.

use super::super::context::Context;
use super::super::models;
use super::super::system::rows::four_places;
use super::args;
use super::classify_options::Options;
use super::classify_trained;
use super::model_rows;
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::governance::semantic_type::detect_value;
use crate::models::Trained;
use crate::models::encoder::{Embedding, Encoder, Role};
use crate::models::text::{Verdict, ZeroShot};
use arrow::array::{Array, ArrayRef, Float32Builder, Float64Array, ListBuilder, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The encoder's name in answers.
const MODEL: &str = "e5-small-zh-en";
/// What it is called where a model is asked for by name.
pub const BUILTIN: &str = "default";
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
            Udf::make(name, any_of(&[1, 2]), field, move |args, rows| {
                model_rows::must_be_few(&context, "EMBED", rows)?;
                embed(&context, &args[0], args.get(1))
            })
        }
        "similarity" => {
            Udf::make(name, any_of(&[2, 3]), Field::new(name, DataType::Float64, true), move |args, rows| {
                model_rows::must_be_few(&context, "SIMILARITY", rows)?;
                let model = args.get(2);
                let (a, b) = (vectors(&context, &args[0], model)?, vectors(&context, &args[1], model)?);
                let cosine = |n: usize| Some(f64::from(a[n].as_ref()?.cosine(b[n].as_ref()?)));
                Ok(Arc::new((0..a.len()).map(cosine).collect::<Float64Array>()) as ArrayRef)
            })
        }
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
    model_rows::must_be_few(context, "CLASSIFY", rows)?;
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
        // A model of texts has learnt its labels; an encoder compares with those that are given.
        let asked = match &options.model {
            Some(reference) => Some((reference, models::trained(context, reference)?)),
            None => None,
        };
        if let Some((reference, model)) = &asked
            && model.encoder()?.is_none()
        {
            options.must_be_alone()?;
            let said =
                classify_trained::answers(context, reference, labels.as_deref(), &texts, options.min_confidence)?;
            members.iter().zip(said).for_each(|(&row, said)| answers[row] = said);
            continue;
        }
        let Some(labels) = labels else {
            if let Some((reference, _)) = asked {
                let message = format!("model \"{reference}\" is an encoder, which has learnt no labels");
                return Err(Error::new(Kind::InvalidParameter, message)
                    .with_hint("Give the labels: CLASSIFY(text, ARRAY['a', 'b'], '{\"model\": \"m\"}')."));
            }
            continue;
        };
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
        let encoder = match &asked {
            Some((reference, model)) => must_be_encoder(reference, model)?,
            None => Encoder::builtin()?,
        };
        let named = match &asked {
            Some((reference, _)) => {
                let (_, facts, version) = models::resolve(context, reference)?;
                (facts.name.as_str(), version.number)
            }
            None => (MODEL, 1),
        };
        let classifier = ZeroShot::new(encoder, &labels, options.description.as_deref(), &examples, &cancel)?;
        for (&row, verdict) in members.iter().zip(classifier.classify(&texts, &cancel)?) {
            answers[row] = answer(&labels, &verdict, options.min_confidence, named);
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

fn answer(labels: &[String], verdict: &Verdict, min_confidence: f64, (model, version): (&str, u32)) -> Option<Answer> {
    let label = labels.get(verdict.label)?.clone();
    let score = f64::from(*verdict.scores.get(verdict.label)?);
    if score < min_confidence {
        return None;
    }
    let rounded = |score: f32| four_places(f64::from(score));
    let scores: serde_json::Map<String, Value> =
        labels.iter().zip(&verdict.scores).map(|(l, s)| (l.clone(), json!(rounded(*s)))).collect();
    let detail = json!({
        "label": label, "scores": scores, "method": "model", "evidence": ["nearest label in the encoder's space"],
        "model": model, "version": version,
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

/// The vector of each text by the model that stands beside it, or by the built-in encoder where no model is named; none where a text or
/// a model is NULL.
fn vectors(context: &Context, array: &ArrayRef, model: Option<&ArrayRef>) -> Result<Vec<Option<Embedding>>> {
    let inputs = args::texts(array)?;
    let cancel = || context.cancel.is_cancelled();
    let mut vectors: Vec<Option<Embedding>> = vec![None; inputs.len()];
    let mut encode = |encoder: &Encoder, members: &[usize]| -> Result<()> {
        let texts: Vec<&str> = members.iter().map(|&row| inputs.value(row)).collect();
        for (&row, vector) in members.iter().zip(encoder.encode(&texts, Role::Query, &cancel)?) {
            vectors[row] = Some(vector);
        }
        Ok(())
    };
    let Some(model) = model else {
        let members: Vec<usize> = (0..inputs.len()).filter(|&row| inputs.is_valid(row)).collect();
        encode(Encoder::builtin()?, &members)?;
        return Ok(vectors);
    };
    let names = args::texts(model)?;
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in (0..inputs.len()).filter(|&row| inputs.is_valid(row) && names.is_valid(row)) {
        groups.entry(names.value(row)).or_default().push(row);
    }
    for (reference, members) in groups {
        match reference {
            BUILTIN => encode(Encoder::builtin()?, &members)?,
            _ => encode(must_be_encoder(reference, &*models::trained(context, reference)?)?, &members)?,
        }
    }
    Ok(vectors)
}

/// The encoder that a model is.
fn must_be_encoder<'a>(reference: &str, model: &'a Trained) -> Result<&'a Encoder> {
    model.encoder()?.ok_or_else(|| {
        models::wrong_type(reference, model, "embedding or imported").with_hint("Only these give vectors of texts.")
    })
}

fn embed(context: &Context, array: &ArrayRef, model: Option<&ArrayRef>) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(Float32Builder::new());
    for vector in vectors(context, array, model)? {
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
