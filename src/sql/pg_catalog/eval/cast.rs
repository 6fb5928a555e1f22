//! Values from one type to another, and to text.

use super::super::value::{Type, Value};
use super::super::world::World;
use super::functions::span;
use super::types::{element, is_reg, shown};
use crate::encoding::pg_text::{write_float8, write_timestamptz};
use crate::error::{Error, Kind, Result};
use crate::sql::values::array_elements;
use std::sync::Arc;

/// Characters that a `name` has at most.
const NAME_MAX: usize = 63;

/// A text.
pub fn text(text: impl Into<Arc<str>>) -> Value {
    Value::Text(text.into())
}

fn invalid(data_type: &Type, text: &str) -> Error {
    Error::new(Kind::InvalidText, format!("invalid input syntax for type {}: \"{text}\"", shown(data_type)))
}

/// A value of one type as one of another.
pub fn cast(world: &dyn World, value: &Value, from: &Type, to: &Type) -> Result<Value> {
    Ok(match (value, to) {
        (Value::Null, _) => Value::Null,
        _ if from == to => value.clone(),
        (_, Type::Array(item)) => match value {
            Value::Array(items) => {
                let have = element(from).unwrap_or(Type::Unknown);
                let items = items.iter().map(|value| cast(world, value, &have, item));
                Value::Array(items.collect::<Result<_>>()?)
            }
            Value::Text(written) => {
                let Some(items) = array_elements(written) else {
                    return Err(Error::new(Kind::InvalidText, format!("malformed array literal: \"{written}\"")));
                };
                let items = items.into_iter().map(|item_text| match item_text {
                    None => Ok(Value::Null),
                    Some(item_text) => cast(world, &text(item_text), &Type::Unknown, item),
                });
                Value::Array(items.collect::<Result<_>>()?)
            }
            _ => return Err(impossible(from, to)),
        },
        (Value::Array(_), Type::Int2Vector | Type::OidVector) => value.clone(),
        (Value::Text(written), Type::Int2Vector | Type::OidVector) => {
            let items = written.split_whitespace().map(|item| integer(item, to).map(Value::Int));
            Value::Array(items.collect::<Result<_>>()?)
        }
        (Value::Text(written), Type::Bool) => Value::Bool(boolean(written).ok_or_else(|| invalid(to, written))?),
        (Value::Int(number), Type::Bool) => Value::Bool(*number != 0),
        (Value::Text(written), _) if is_reg(to) => match written.trim() {
            "-" => Value::Int(0),
            digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Value::Int(integer(digits, &Type::Oid)?)
            }
            name => Value::Int(i64::from(world.oid_of(to, name)?)),
        },
        (Value::Text(letter), Type::Int4) if *from == Type::Char => {
            Value::Int(letter.chars().next().map_or(0, |letter| letter as i64))
        }
        (_, Type::Int2 | Type::Int4 | Type::Int8 | Type::Oid | Type::Xid) => Value::Int(fitting(
            match value {
                Value::Int(number) => *number,
                Value::Bool(flag) if *to == Type::Int4 => i64::from(*flag),
                Value::Float(number) => number.round_ties_even() as i64,
                Value::Text(written) => integer(written, to)?,
                _ => return Err(impossible(from, to)),
            },
            to,
        )?),
        (Value::Int(_), _) if is_reg(to) => value.clone(),
        (_, Type::Float4 | Type::Float8 | Type::Numeric) => match value {
            Value::Int(number) => Value::Float(*number as f64),
            Value::Float(_) => value.clone(),
            Value::Text(written) => Value::Float(written.trim().parse().map_err(|_| invalid(to, written))?),
            _ => return Err(impossible(from, to)),
        },
        (Value::Moment(_), Type::Timestamptz) => value.clone(),
        (Value::Text(written), Type::Timestamptz) => {
            Value::Moment(moment(written).ok_or_else(|| invalid(to, written))?)
        }
        (Value::Span(_), Type::Interval) => value.clone(),
        (Value::Text(written), Type::Interval) => Value::Span(span::read(written).ok_or_else(|| invalid(to, written))?),
        (Value::Record(_), Type::Record) => value.clone(),
        (_, Type::Bool | Type::Timestamptz | Type::Interval | Type::Int2Vector | Type::OidVector | Type::Record) => {
            return Err(impossible(from, to));
        }
        (Value::Bool(flag), _) => text(if *flag { "true" } else { "false" }),
        (_, Type::Char) => {
            let whole = shown_value(world, value, from);
            text(whole.chars().next().map(String::from).unwrap_or_default())
        }
        (_, Type::Name) => {
            let whole = shown_value(world, value, from);
            text(whole.chars().take(NAME_MAX).collect::<String>())
        }
        _ => text(shown_value(world, value, from)),
    })
}

fn impossible(from: &Type, to: &Type) -> Error {
    Error::new(Kind::CannotCoerce, format!("cannot cast type {} to {}", shown(from), shown(to)))
}

fn integer(written: &str, to: &Type) -> Result<i64> {
    written.trim().parse().map_err(|_| invalid(to, written))
}

/// A number that fits its type.
pub fn fitting(number: i64, data_type: &Type) -> Result<i64> {
    let fits = match data_type {
        Type::Int2 => i16::try_from(number).is_ok(),
        Type::Int4 => i32::try_from(number).is_ok(),
        // A signed number is taken for the OID of the same bits.
        Type::Oid | Type::Xid if i32::try_from(number).is_ok() => return Ok(i64::from(number as u32)),
        Type::Oid | Type::Xid => u32::try_from(number).is_ok(),
        _ => true,
    };
    match fits {
        true => Ok(number),
        false => Err(Error::new(Kind::NumericOutOfRange, format!("{} out of range", shown(data_type)))),
    }
}

fn boolean(written: &str) -> Option<bool> {
    let word = written.trim().to_lowercase();
    match word.as_str() {
        "" | "o" => None,
        "on" | "1" => Some(true),
        "off" | "of" | "0" => Some(false),
        word if "true".starts_with(word) || "yes".starts_with(word) => Some(true),
        word if "false".starts_with(word) || "no".starts_with(word) => Some(false),
        _ => None,
    }
}

fn moment(written: &str) -> Option<i64> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime};
    let written = written.trim();
    for form in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
        if let Ok(moment) = DateTime::parse_from_str(written, form) {
            return Some(moment.timestamp_micros());
        }
    }
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(written, form) {
            return Some(moment.and_utc().timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(written, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// A value as a client sees it in text.
pub fn shown_value(world: &dyn World, value: &Value, data_type: &Type) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => if *flag { "t" } else { "f" }.to_owned(),
        Value::Int(0) if is_reg(data_type) => "-".to_owned(),
        Value::Int(oid) if is_reg(data_type) => world.name_of(data_type, *oid as u32),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::Text(text) => text.to_string(),
        Value::Moment(micros) => {
            let mut bytes = Vec::new();
            write_timestamptz(*micros, 0, &mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Value::Span(micros) => span::shown(*micros),
        Value::Array(items) => {
            let item_type = element(data_type).unwrap_or(Type::Unknown);
            let shown = items.iter().map(|item| match item {
                Value::Null => None,
                item => Some(shown_value(world, item, &item_type)),
            });
            if matches!(data_type, Type::Int2Vector | Type::OidVector) {
                return shown.flatten().collect::<Vec<_>>().join(" ");
            }
            let items = shown.map(|item| item.map_or_else(|| "NULL".to_owned(), |item| quoted_item(&item)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(","))
        }
        Value::Record(fields) => {
            let fields = fields.iter().map(|field| quoted_field(&shown_value(world, field, &Type::Unknown), field));
            format!("({})", fields.collect::<Vec<_>>().join(","))
        }
    }
}

/// A number in text.
pub fn float(number: f64) -> String {
    let mut bytes = Vec::new();
    write_float8(number, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn quoted_item(item: &str) -> String {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_whitespace();
    match item.is_empty() || item.eq_ignore_ascii_case("null") || item.contains(special) {
        true => format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\"")),
        false => item.to_owned(),
    }
}

fn quoted_field(shown: &str, field: &Value) -> String {
    let special = |c: char| matches!(c, '(' | ')' | ',' | '"' | '\\') || c.is_whitespace();
    match *field != Value::Null && (shown.is_empty() || shown.contains(special)) {
        true => format!("\"{}\"", shown.replace('\\', "\\\\").replace('"', "\"\"")),
        false => shown.to_owned(),
    }
}
