//! Parameters that come as text.

use super::{array, interval, invalid, numeric};
use crate::error::{Error, Kind, Result};
use crate::server::types::{arrow_type, element_of, oid};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use std::num::IntErrorKind;
use std::str::FromStr;

/// Reads a text as a type.
pub fn decode(type_oid: u32, text: &str) -> Result<ScalarValue> {
    let trimmed = text.trim();
    Ok(match type_oid {
        oid::BOOL => ScalarValue::Boolean(Some(boolean(trimmed)?)),
        oid::INT2 => ScalarValue::Int16(Some(integer(trimmed, "smallint")?)),
        oid::INT4 => ScalarValue::Int32(Some(integer(trimmed, "integer")?)),
        oid::INT8 => ScalarValue::Int64(Some(integer(trimmed, "bigint")?)),
        oid::OID | oid::XID | oid::CID | oid::REGPROC => {
            ScalarValue::Int64(Some(i64::from(integer::<u32>(trimmed, "oid")?)))
        }
        oid::FLOAT4 => ScalarValue::Float32(Some(trimmed.parse().map_err(|_| invalid("real"))?)),
        oid::FLOAT8 => ScalarValue::Float64(Some(trimmed.parse().map_err(|_| invalid("double precision"))?)),
        oid::NUMERIC => numeric::from_text(trimmed)?,
        oid::BYTEA => ScalarValue::Binary(Some(bytea(text)?)),
        oid::UUID => ScalarValue::Utf8(Some(uuid(trimmed)?)),
        oid::DATE => by_arrow(trimmed, type_oid, "date")?,
        oid::TIME => by_arrow(trimmed, type_oid, "time")?,
        oid::TIMESTAMP => by_arrow(without_zone(trimmed), type_oid, "timestamp")?,
        oid::TIMESTAMPTZ => by_arrow(trimmed, type_oid, "timestamp with time zone")?,
        oid::INTERVAL => interval::from_text(trimmed)?,
        _ => match element_of(type_oid) {
            Some(element) => array::from_text(element, text)?,
            None => ScalarValue::Utf8(Some(text.to_owned())),
        },
    })
}

/// Any beginning of true, false, yes, no; on, off (or `of`), 1, 0.
fn boolean(text: &str) -> Result<bool> {
    let lower = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || lower == "1" {
        return Ok(true);
    }
    if begins("false", 1) || begins("no", 1) || begins("off", 2) || lower == "0" {
        return Ok(false);
    }
    Err(invalid("boolean"))
}

fn integer<T: FromStr<Err = std::num::ParseIntError>>(text: &str, type_name: &str) -> Result<T> {
    text.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
            Error::new(Kind::NumericOutOfRange, format!("value is out of range for type {type_name}"))
        }
        _ => invalid(type_name),
    })
}

/// `\x` and hexadecimal digits, or text with `\\` and `\ooo`.
fn bytea(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    if let Some(digits) = text.strip_prefix("\\x") {
        let mut high = None;
        for character in digits.chars().filter(|character| !character.is_ascii_whitespace()) {
            let digit = character.to_digit(16).ok_or_else(|| invalid("bytea"))? as u8;
            match high.take() {
                None => high = Some(digit),
                Some(upper) => bytes.push(upper << 4 | digit),
            }
        }
        return if high.is_none() { Ok(bytes) } else { Err(invalid("bytea")) };
    }
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return Err(invalid("bytea")),
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    Ok(bytes)
}

/// Thirty-two digits, with or without braces and hyphens, as PostgreSQL writes them.
fn uuid(text: &str) -> Result<String> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(|| invalid("uuid"))?,
        None => text,
    };
    let digits: String = inner.chars().filter(|character| *character != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("uuid"));
    }
    let digits = digits.to_ascii_lowercase();
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(parts.join("-"))
}

/// A timestamp without time zone takes no notice of a zone that is written.
fn without_zone(text: &str) -> &str {
    let Some(time) = text.find(':') else { return text };
    let zone = text[time..].find(['+', '-', 'Z', 'z']);
    zone.map_or(text, |at| text[..time + at].trim_end())
}

/// Arrow reads ISO dates and times as PostgreSQL does.
fn by_arrow(text: &str, type_oid: u32, type_name: &str) -> Result<ScalarValue> {
    let target: DataType = arrow_type(type_oid);
    let value = ScalarValue::Utf8(Some(text.to_owned())).cast_to(&target).map_err(|_| invalid(type_name))?;
    if value.is_null() { Err(invalid(type_name)) } else { Ok(value) }
}
