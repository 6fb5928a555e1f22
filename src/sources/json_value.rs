//! Reading one JSON value at a time out of a document in memory, with the place of what is wrong.

use super::records::Record;
use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// A value, and the order of its members where it is an object.
pub(super) struct Row(pub(super) Record);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(RowVisitor).map(Row)
    }
}

struct RowVisitor;

fn single<E>(value: impl Into<Value>) -> std::result::Result<Record, E> {
    Ok(vec![("value".to_owned(), value.into())])
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Record;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> std::result::Result<Record, E> {
        single(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> std::result::Result<Record, E> {
        single(value)
    }
    fn visit_i64<E>(self, value: i64) -> std::result::Result<Record, E> {
        single(value)
    }
    fn visit_u64<E>(self, value: u64) -> std::result::Result<Record, E> {
        single(value)
    }
    fn visit_f64<E>(self, value: f64) -> std::result::Result<Record, E> {
        single(value)
    }
    fn visit_str<E>(self, value: &str) -> std::result::Result<Record, E> {
        single(value)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> std::result::Result<Record, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = values.next_element::<Value>()? {
            items.push(item);
        }
        single(items)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Record, A::Error> {
        let mut record = Record::new();
        while let Some((key, Exact(value))) = members.next_entry::<String, Exact>()? {
            record.push((key, value));
        }
        Ok(record)
    }
}

/// A value whose number, where it has more digits than a double keeps, is the text of it.
struct Exact(Value);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        match text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) && is_longer_than_a_double(text) {
            true => Ok(Self(Value::String(text.to_owned()))),
            false => serde_json::from_str(text).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// Whether a JSON number has more significant digits than every double gives back (IEEE 754: 17), and is no 64-bit integer.
fn is_longer_than_a_double(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    digits > 17 && number.parse::<i64>().is_err()
}

/// A member of an object: its key, and where its value begins.
pub(super) struct Member {
    pub(super) key: String,
    pub(super) at: usize,
}

impl Member {
    /// Whether the value is an array whose first element is an object.
    pub(super) fn is_table(&self, bytes: &[u8]) -> bool {
        bytes.get(self.at) == Some(&b'[') && bytes.get(skip_blanks(bytes, self.at + 1)) == Some(&b'{')
    }
}

pub(super) fn members(shown: &str, bytes: &[u8], object: usize) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    let mut at = skip_blanks(bytes, object + 1);
    while bytes.get(at) == Some(&b'"') {
        let (name, from) = key(shown, bytes, at)?;
        let (IgnoredAny, end) = value(shown, bytes, from)?;
        found.push(Member { key: name, at: from });
        at = skip_blanks(bytes, end);
        if bytes.get(at) == Some(&b',') {
            at = skip_blanks(bytes, at + 1);
        }
    }
    Ok(found)
}

/// Whether nothing follows the value at `at`.
pub(super) fn is_one_value(shown: &str, bytes: &[u8], at: usize) -> Result<bool> {
    let (IgnoredAny, end) = value(shown, bytes, at)?;
    Ok(skip_blanks(bytes, end) >= bytes.len())
}

/// The key at `at`, and where its value begins.
pub(super) fn key(shown: &str, bytes: &[u8], at: usize) -> Result<(String, usize)> {
    let (key, end) = value::<String>(shown, bytes, at)?;
    let colon = skip_blanks(bytes, end);
    if bytes.get(colon) != Some(&b':') {
        return Err(broken(shown, bytes, colon));
    }
    Ok((key, skip_blanks(bytes, colon + 1)))
}

/// The value at `at`, and where it ends.
pub(super) fn value<'a, T: Deserialize<'a>>(shown: &str, bytes: &'a [u8], at: usize) -> Result<(T, usize)> {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
    match values.next() {
        Some(Ok(found)) => Ok((found, at + values.byte_offset())),
        Some(Err(error)) => {
            let line = line_of(bytes, at) + error.line().saturating_sub(1);
            Err(wrong(shown, &format!("line {line}"), &error))
        }
        None => Err(broken(shown, bytes, at)),
    }
}

pub(super) fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.get(..at).unwrap_or(bytes).iter().filter(|byte| **byte == b'\n').count()
}

pub(super) fn broken(shown: &str, bytes: &[u8], at: usize) -> Error {
    Error::new(Kind::InvalidText, format!("{shown}, line {}: this is not JSON", line_of(bytes, at)))
}

/// The parser's verdict without the text it met: its messages name kinds and places, and may quote a value's type only.
pub(super) fn wrong(shown: &str, place: &str, error: &serde_json::Error) -> Error {
    let depth = error.to_string().contains("recursion limit");
    if depth {
        return Error::new(Kind::LimitExceeded, format!("{shown}, {place}: JSON is nested too deeply"))
            .with_hint("A hundred levels and some are read.");
    }
    if error.to_string().contains("number out of range") {
        let message = format!("{shown}, {place}, column {}: this number is beyond double precision", error.column());
        return Error::new(Kind::NumericOutOfRange, message);
    }
    let what = match error.classify() {
        serde_json::error::Category::Eof => "the JSON text ends too early",
        _ => "this is not JSON",
    };
    Error::new(Kind::InvalidText, format!("{shown}, {place}, column {}: {what}", error.column()))
}
