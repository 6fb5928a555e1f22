//! JSON, as text.

use super::super::super::value::Value;
use super::super::cast::{float, text};
use super::super::plan::{Builtin, Output};
use super::{int_at, lax, strict, text_at};
use crate::error::{Error, Kind, Result};

/// A text in quotes.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value that is no row and no array, as JSON. `shown` is its text.
pub fn scalar(value: &Value, shown: &str) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(_) if shown.parse::<i64>().is_ok() => shown.to_owned(),
        Value::Float(number) if number.is_finite() => float(*number),
        _ => quoted(shown),
    }
}

/// A row as JSON, given its fields as JSON.
pub fn object(names: &[Output], fields: &[String]) -> String {
    let fields = fields.iter().enumerate().map(|(at, field)| {
        let name = names.get(at).map_or_else(|| format!("f{}", at + 1), |output| output.name.clone());
        format!("{}:{field}", quoted(&name))
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A value that is JSON text already.
pub fn inner(value: Option<&Value>) -> &str {
    match value {
        Some(Value::Text(json)) => json,
        _ => "null",
    }
}

pub const OBJECT: Builtin = lax("json_build_object", |args| {
    let mut fields = Vec::new();
    for pair in args.chunks(2) {
        let Some(Value::Text(key)) = pair.first() else {
            return Err(Error::new(Kind::InvalidParameter, "argument 1: key must not be null"));
        };
        fields.push(format!("{} : {}", quoted(key), inner(pair.get(1))));
    }
    Ok(text(format!("{{{}}}", fields.join(", "))))
});
pub const ARRAY: Builtin = lax("json_build_array", |args| {
    let items: Vec<&str> = args.iter().map(|item| inner(Some(item))).collect();
    Ok(text(format!("[{}]", items.join(", "))))
});
pub const SAME: Builtin = strict("to_json", |args| Ok(args.first().cloned().unwrap_or(Value::Null)));

fn found(args: &[Value]) -> Result<Option<serde_json::Value>> {
    let json: serde_json::Value = serde_json::from_str(text_at(args, 0)?)
        .map_err(|_| Error::new(Kind::InvalidText, "invalid input syntax for type json"))?;
    Ok(match args.get(1) {
        Some(Value::Text(key)) => json.get(key.as_ref()).cloned(),
        _ => usize::try_from(int_at(args, 1)?).ok().and_then(|at| json.get(at).cloned()),
    })
}

pub const GET: Builtin = strict("->", |args| Ok(found(args)?.map_or(Value::Null, |value| text(value.to_string()))));
pub const GET_TEXT: Builtin = strict("->>", |args| {
    Ok(match found(args)? {
        None | Some(serde_json::Value::Null) => Value::Null,
        Some(serde_json::Value::String(found)) => text(found),
        Some(other) => text(other.to_string()),
    })
});
