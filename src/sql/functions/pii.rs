//! DETECT_PII and REDACT: personal data within texts.

use super::args;
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::governance::pii::{Manner, PiiType, Redaction, redact};
use arrow::array::{Array, ArrayRef, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    Some(match name {
        "detect_pii" => Udf::make(name, any_of(&[1, 2]), SqlType::Jsonb.field(name), |args, rows| {
            each(args, rows, "DETECT_PII", found)
        }),
        "redact" => {
            let field = Field::new(name, DataType::Utf8, true);
            Udf::make(name, any_of(&[1, 2]), field, |args, rows| {
                each(args, rows, "REDACT", |text, how, out| out.push_str(&redact(text, how)))
            })
        }
        _ => return None,
    })
}

/// The answer for each row, written into a text; NULL for NULL.
fn each(
    args: &[ArrayRef],
    rows: usize,
    function: &str,
    answer: impl Fn(&str, &Redaction, &mut String),
) -> Result<ArrayRef> {
    let inputs = args::texts(&args[0])?;
    let options = args.get(1).map(args::texts).transpose()?;
    // In practice all rows have the same options.
    let mut read: HashMap<&str, Redaction> = HashMap::new();
    let plain = Redaction::default();
    let mut answers = StringBuilder::with_capacity(rows, inputs.value_data().len());
    let mut buffer = String::new();
    for row in 0..rows {
        if inputs.is_null(row) || options.as_ref().is_some_and(|options| options.is_null(row)) {
            answers.append_null();
            continue;
        }
        let how = match options.as_ref().map(|options| options.value(row)) {
            None => &plain,
            Some(said) => {
                if !read.contains_key(said) {
                    read.insert(said, redaction(said, function)?);
                }
                read.get(said).unwrap_or(&plain)
            }
        };
        buffer.clear();
        answer(inputs.value(row), how, &mut buffer);
        answers.append_value(&buffer);
    }
    let answers: StringArray = answers.finish();
    Ok(Arc::new(answers))
}

/// What was found, as a JSON array. Places count characters from 1; `end` is the place behind the last, so that `substr(text, start, "end" -
/// start)` is the span.
fn found(text: &str, how: &Redaction, out: &mut String) {
    out.push('[');
    let (mut bytes, mut characters) = (0, 1);
    for (n, span) in how.spans(text).into_iter().enumerate() {
        let count = |from: usize, to: usize| text.get(from..to).map_or(0, |part| part.chars().count());
        let start = characters + count(bytes, span.start);
        let end = start + count(span.start, span.end);
        (bytes, characters) = (span.end, end);
        let value = text.get(span.start..span.end).unwrap_or_default();
        let comma = if n > 0 { ", " } else { "" };
        let score = (f64::from(span.score) * 100.0).round() / 100.0;
        // Keys in the order that PostgreSQL gives those of jsonb.
        let _ = write!(
            out,
            "{comma}{{\"end\": {end}, \"text\": {}, \"type\": \"{}\", \"score\": {score}, \"start\": {start}}}",
            Value::from(value),
            span.kind.name()
        );
    }
    out.push(']');
}

/// Options as they are written: `types`, `min_score`, and of REDACT `mode`, `mask`, `keep_first`, `keep_last`.
fn redaction(said: &str, function: &str) -> Result<Redaction> {
    let invalid = |what: String| Error::new(Kind::InvalidParameter, format!("options of {function}: {what}"));
    let what = format!("options of {function}");
    let Value::Object(map) = args::json(said, &what, Kind::InvalidParameter)? else {
        return Err(invalid("not a JSON object".to_owned()));
    };
    let mut how = Redaction::default();
    let (mut mode, mut sign, mut keep_first, mut keep_last) = (None, None, 0usize, 0usize);
    for (name, value) in map {
        match (name.as_str(), &value) {
            ("types", Value::Array(types)) => {
                for kind in types {
                    let name = kind.as_str().unwrap_or_default();
                    how.kinds.push(PiiType::get(name).ok_or_else(|| unknown_type(name, function))?);
                }
            }
            ("min_score", Value::Number(score)) => {
                let score = score.as_f64().filter(|score| (0.0..=1.0).contains(score));
                how.score_min = score.ok_or_else(|| invalid("min_score is not from 0 to 1".to_owned()))? as f32;
            }
            ("mode", Value::String(said)) if function == "REDACT" => mode = Some(said.clone()),
            ("mask", Value::String(said)) if function == "REDACT" => {
                let mut characters = said.chars();
                sign = match (characters.next(), characters.next()) {
                    (Some(sign), None) => Some(sign),
                    _ => return Err(invalid("mask is not one character".to_owned())),
                };
            }
            ("keep_first" | "keep_last", Value::Number(count)) if function == "REDACT" => {
                let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
                let count = count.ok_or_else(|| invalid(format!("{name} is not a whole number from 0 on")))?;
                *(if name == "keep_first" { &mut keep_first } else { &mut keep_last }) = count;
            }
            _ => return Err(invalid(format!("\"{name}\" is unknown or has a value it cannot have"))),
        }
    }
    let masks = sign.is_some() || keep_first + keep_last > 0;
    how.manner = match mode.as_deref() {
        None if masks => Manner::Mask { sign: sign.unwrap_or('*'), keep_first, keep_last },
        Some("mask") => Manner::Mask { sign: sign.unwrap_or('*'), keep_first, keep_last },
        Some("replace") | None => Manner::Replace,
        Some("remove") => Manner::Remove,
        Some(other) => {
            return Err(invalid(format!("mode cannot be \"{other}\"")).with_hint("Modes are replace, mask and remove."));
        }
    };
    if masks && !matches!(how.manner, Manner::Mask { .. }) {
        return Err(invalid("mask, keep_first and keep_last are for mode mask".to_owned()));
    }
    Ok(how)
}

fn unknown_type(name: &str, function: &str) -> Error {
    let names: Vec<&str> = PiiType::ALL.iter().map(|kind| kind.name()).collect();
    Error::new(Kind::InvalidParameter, format!("options of {function}: there is no type \"{name}\""))
        .with_hint(format!("Types are {}.", names.join(", ")))
}
