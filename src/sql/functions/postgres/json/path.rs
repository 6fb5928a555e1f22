//! The part of a value at a key, a place or a path: `->`, `->>`, `#>`, `#>>`. What is found in `json` is the text that
//! stands there.

use super::super::declared::{Body::Each, Declaration};
use super::super::made::Args;
use super::tree::at;
use crate::error::Result;
use crate::sql::values::{JsonLevel, json_level, json_zero};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("json_object_field(json, text) json", Each(|row| Ok(field(row).into()))),
    ("json_object_field(jsonb, text) jsonb", Each(|row| Ok(field(row).into()))),
    ("json_object_field_text(json, text) text", Each(|row| Ok(shown(field(row).as_deref())?.into()))),
    ("json_object_field_text(jsonb, text) text", Each(|row| Ok(shown(field(row).as_deref())?.into()))),
    ("json_array_element(json, int4) json", Each(|row| Ok(place(row, false).into()))),
    ("json_array_element(jsonb, int4) jsonb", Each(|row| Ok(place(row, true).into()))),
    ("json_array_element_text(json, int4) text", Each(|row| Ok(shown(place(row, false).as_deref())?.into()))),
    ("json_array_element_text(jsonb, int4) text", Each(|row| Ok(shown(place(row, true).as_deref())?.into()))),
    ("json_at_path(json, text[]) json", Each(|row| Ok(path(row, &row.texts(1)).into()))),
    ("json_at_path(jsonb, text[]) jsonb", Each(|row| Ok(path(row, &row.texts(1)).into()))),
    ("json_at_path_text(json, text[]) text", Each(|row| Ok(shown(path(row, &row.texts(1)).as_deref())?.into()))),
    ("json_at_path_text(jsonb, text[]) text", Each(|row| Ok(shown(path(row, &row.texts(1)).as_deref())?.into()))),
    ("json_extract_path(json, ...text) json", Each(|row| Ok(path(row, &steps(row)).into()))),
    ("json_extract_path_text(json, ...text) text", Each(|row| Ok(shown(path(row, &steps(row)).as_deref())?.into()))),
    ("jsonb_extract_path(jsonb, ...text) jsonb", Each(|row| Ok(path(row, &steps(row)).into()))),
    ("jsonb_extract_path_text(jsonb, ...text) text", Each(|row| Ok(shown(path(row, &steps(row)).as_deref())?.into()))),
];

/// The member of a key; the last one of equal keys.
pub fn member<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    match json_level(text)? {
        JsonLevel::Object(members) => members.into_iter().rev().find(|(known, _)| known == key).map(|(_, part)| part),
        _ => None,
    }
}

fn field(row: &Args<'_>) -> Option<String> {
    member(row.text(0), row.text(1)).map(str::to_owned)
}

fn place(row: &Args<'_>, binary: bool) -> Option<String> {
    let (text, place) = (row.text(0), row.int(1));
    match json_level(text)? {
        JsonLevel::Array(items) => items.get(at(place, items.len())?).map(|part| (*part).to_owned()),
        // To `jsonb` a scalar is an array of itself.
        JsonLevel::Scalar(scalar) if binary && matches!(place, 0 | -1) => Some(scalar.to_owned()),
        _ => None,
    }
}

fn steps(row: &Args<'_>) -> Vec<Option<String>> {
    (1..row.len()).map(|at| row.text_if(at).map(str::to_owned)).collect()
}

fn path(row: &Args<'_>, steps: &[Option<String>]) -> Option<String> {
    let mut part = row.text(0);
    for step in steps {
        let step = step.as_deref()?;
        part = match json_level(part)? {
            JsonLevel::Array(items) => items.get(at(step.trim().parse().ok()?, items.len())?).copied()?,
            JsonLevel::Object(_) => member(part, step)?,
            JsonLevel::Scalar(_) => return None,
        };
    }
    Some(part.to_owned())
}

/// The [`text`] of a part, which holds no zero character.
pub fn shown(part: Option<&str>) -> Result<Option<String>> {
    match part.and_then(text) {
        Some(text) if text.contains('\0') => Err(json_zero()),
        text => Ok(text),
    }
}

/// A part as a text: without quotation marks, none for `null`.
fn text(part: &str) -> Option<String> {
    match json_level(part)? {
        JsonLevel::Scalar("null") => None,
        JsonLevel::Scalar(text) if text.starts_with('"') => serde_json::from_str(text).ok(),
        _ => Some(part.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_texts_that_stand_there() {
        assert_eq!(member("{\"a\": 1, \"a\" : [1,  2]}", "a"), Some("[1,  2]"));
        assert_eq!(text("\"x\\ny\"").as_deref(), Some("x\ny"));
        assert_eq!(text("null"), None);
        assert_eq!(member("[1]", "a"), None);
    }
}
