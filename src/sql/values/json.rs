//! JSON as PostgreSQL keeps it: `json` as it was written, `jsonb` without what says nothing.

use super::numbers::without_exponent;
use crate::error::{Error, Kind};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// Levels of arrays and objects within each other at most: what reads them takes a frame of the stack for each.
const DEPTH_MAX: usize = 128;

/// Whether a text opens more arrays and objects within each other than may be.
pub fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut inside, mut escaped) = (0usize, false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            b'[' | b'{' if !inside => depth += 1,
            b']' | b'}' if !inside => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEPTH_MAX
    })
}

/// Whether a text is one JSON value.
pub fn is_valid(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The error for a zero character, which no text of PostgreSQL's holds; `json` alone keeps how it is written.
pub fn zero() -> Error {
    Error::new(Kind::Untranslatable, "unsupported Unicode escape sequence")
        .with_detail("\\u0000 cannot be converted to text.")
}

/// Whether a text of JSON names the zero character.
pub fn names_zero(text: &str) -> bool {
    if !text.contains("\\u0000") {
        return false;
    }
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at..].starts_with(b"\\u0000") {
            return true;
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

/// A JSON value as `jsonb` shows it: one blank after each colon and comma, shorter keys first, the last of equal keys;
/// `None` if the text is no JSON. Numbers keep their digits.
pub fn normal(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 8);
    write(serde_json::from_str(text).ok()?, &mut out).ok()?;
    Some(out)
}

/// `left || right` of `jsonb`: members of two objects, the right ones where keys are equal; else the elements of both, a value
/// that is no array being one element. `None` if a text is no JSON.
pub fn concatenated(left: &str, right: &str) -> Option<String> {
    let (left, right) = (left.trim(), right.trim());
    let objects = left.starts_with('{') && right.starts_with('{');
    let within = |text: &'_ str| match objects || text.starts_with('[') {
        true => text.get(1..text.len().checked_sub(1)?).map(|text| text.trim().to_owned()),
        false => Some(text.to_owned()),
    };
    let parts = [within(left)?, within(right)?];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let parts = parts.join(",");
    normal(&if objects { format!("{{{parts}}}") } else { format!("[{parts}]") })
}

/// A number as `jsonb` shows it: without an exponent, and zero without a sign.
pub fn number(text: &str) -> String {
    let shown = without_exponent(text);
    match shown.strip_prefix('-') {
        Some(rest) if !rest.bytes().any(|byte| matches!(byte, b'1'..=b'9')) => rest.to_owned(),
        _ => shown,
    }
}

/// One level of a JSON value, what is within as the texts that they are.
pub enum Level<'a> {
    /// What has nothing within.
    Scalar(&'a str),
    /// The elements of an array.
    Array(Vec<&'a str>),
    /// The members of an object as they come, of which keys may be alike.
    Object(Vec<(String, &'a str)>),
}

/// The uppermost level of a text; `None` if it is no JSON.
pub fn level(text: &str) -> Option<Level<'_>> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    Some(match text.as_bytes().first()? {
        b'{' => {
            let Members(members) = serde_json::from_str(text).ok()?;
            Level::Object(members.into_iter().map(|(key, member)| (key, member.get())).collect())
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Level::Array(items.into_iter().map(RawValue::get).collect())
        }
        _ => Level::Scalar(text),
    })
}

/// Members in the order in which they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry()? {
            all.push(member);
        }
        Ok(Members(all))
    }
}

/// One level of a value; what is within stays text until it is its turn.
enum Value<'a> {
    Scalar(&'a str),
    Array(Vec<&'a RawValue>),
    Object(BTreeMap<(usize, String), &'a RawValue>),
}

fn write(raw: &RawValue, out: &mut String) -> serde_json::Result<()> {
    let text = raw.get();
    let value = match text.as_bytes().first() {
        Some(b'{' | b'[') => serde_json::from_str(text)?,
        _ => Value::Scalar(text),
    };
    match value {
        Value::Scalar(text) if text.starts_with('"') => {
            let plain: String = serde_json::from_str(text)?;
            out.push_str(&serde_json::to_string(&plain)?);
        }
        Value::Scalar(text) => out.push_str(&number(text)),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.into_iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (n, ((_, key), member)) in members.into_iter().enumerate() {
                out.push_str(if n > 0 { ", " } else { "" });
                out.push_str(&serde_json::to_string(&key)?);
                out.push_str(": ");
                write(member, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sorted)
    }
}

struct Sorted;

impl<'de> Visitor<'de> for Sorted {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element::<&RawValue>()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        let mut all = BTreeMap::new();
        while let Some(key) = members.next_key::<String>()? {
            all.insert((key.len(), key), members.next_value()?);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_postgres_shows_it() {
        for (text, expected) in [
            (" 1 ", "1"),
            ("{\"bb\":1,\"a\":{\"x\":null},\"a\":\"\\u00e9\"}", "{\"a\": \"é\", \"bb\": 1}"),
            ("[1e3, 1.50, 12.5e-3, -2E0, 0e5, -0]", "[1000, 1.50, 0.0125, -2, 0, 0]"),
            ("[]", "[]"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(expected));
        }
        for (left, right, expected) in [
            ("{\"a\": 1, \"b\": 2}", "{\"a\": [3]}", "{\"a\": [3], \"b\": 2}"),
            ("[1]", "[]", "[1]"),
            ("1", "[\"x\"]", "[1, \"x\"]"),
            ("{}", "[{}]", "[{}, {}]"),
            ("{}", "{}", "{}"),
        ] {
            assert_eq!(concatenated(left, right).as_deref(), Some(expected));
        }
        assert!(names_zero("\"a\\u0000\"") && !names_zero("\"\\\\u0000\"") && !names_zero("\"\\u0001\""));
        assert_eq!(normal("{\"a\":}"), None);
        assert_eq!(normal("1 2"), None);
        let nested = |levels: usize| format!("{}\"]\\\"[\"{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(&nested(DEPTH_MAX)) && is_too_deep(&nested(DEPTH_MAX + 1)));
        assert!(normal(&nested(DEPTH_MAX)).is_some());
    }
}
