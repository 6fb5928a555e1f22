//! Arrays of what the functions that give rows give: elements, keys, values, and columns of records. The query unnests them.

use super::super::declared::{Body::Each, Declaration};
use super::super::made::{Args, Made};
use super::invalid;
use super::path::{member, shown};
use crate::error::Result;
use crate::sql::values::{JsonLevel, json_level, json_zero};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("json_array_elements(json) text[]", Each(|row| elements(row, false))),
    ("jsonb_array_elements(jsonb) text[]", Each(|row| elements(row, false))),
    ("json_array_elements_text(json) text[]", Each(|row| elements(row, true))),
    ("jsonb_array_elements_text(jsonb) text[]", Each(|row| elements(row, true))),
    ("json_object_keys(json) text[]", Each(|row| keys(row, "json_object_keys"))),
    ("jsonb_object_keys(jsonb) text[]", Each(|row| keys(row, "jsonb_object_keys"))),
    ("json_each_keys(json) text[]", Each(|row| keys(row, "json_each"))),
    ("json_each_keys(jsonb) text[]", Each(|row| keys(row, "jsonb_each"))),
    ("json_each_values(json, bool) text[]", Each(values)),
    ("json_each_values(jsonb, bool) text[]", Each(values)),
    ("json_record_field(json, text, bool) text[]", Each(|row| record(row, false))),
    ("json_record_field(jsonb, text, bool) text[]", Each(|row| record(row, false))),
    ("json_as_array(text) text", Each(as_array)),
    ("json_recordset_field(json, text, bool) text[]", Each(|row| record(row, true))),
    ("json_recordset_field(jsonb, text, bool) text[]", Each(|row| record(row, true))),
];

/// An array of JSON as PostgreSQL writes arrays; what is none stays.
fn as_array(row: &Args<'_>) -> Result<Made> {
    let Some(JsonLevel::Array(items)) = json_level(row.text(0)) else { return Ok(row.text(0).to_owned().into()) };
    let element = |item: &str| -> Result<String> {
        Ok(match shown(Some(item))? {
            None => "NULL".to_owned(),
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        })
    };
    Ok(format!("{{{}}}", items.into_iter().map(element).collect::<Result<Vec<_>>>()?.join(",")).into())
}

fn part(part: &str, as_text: bool) -> Result<Made> {
    Ok(if as_text { shown(Some(part))?.into() } else { part.into() })
}

fn elements(row: &Args<'_>, as_text: bool) -> Result<Made> {
    match json_level(row.text(0)) {
        Some(JsonLevel::Array(items)) => {
            Ok(Made::List(items.into_iter().map(|item| part(item, as_text)).collect::<Result<_>>()?))
        }
        Some(JsonLevel::Object(_)) => Err(invalid("cannot extract elements from an object")),
        _ => Err(invalid("cannot extract elements from a scalar")),
    }
}

fn members<'t>(row: &'t Args<'_>, function: &str) -> Result<Vec<(String, &'t str)>> {
    match json_level(row.text(0)) {
        Some(JsonLevel::Object(members)) => Ok(members),
        Some(JsonLevel::Array(_)) => Err(invalid(&format!("cannot call {function} on an array"))),
        _ => Err(invalid(&format!("cannot call {function} on a scalar"))),
    }
}

fn keys(row: &Args<'_>, function: &str) -> Result<Made> {
    let keys: Vec<String> = members(row, function)?.into_iter().map(|(key, _)| key).collect();
    match keys.iter().any(|key| key.contains('\0')) {
        true => Err(json_zero()),
        false => Ok(keys.into()),
    }
}

fn values(row: &Args<'_>) -> Result<Made> {
    let members = members(row, "jsonb_each")?;
    Ok(Made::List(members.into_iter().map(|(_, value)| part(value, row.is_true(1))).collect::<Result<_>>()?))
}

/// A column of a record, or of each record of an array: as text, or as JSON where the third argument says so.
fn record(row: &Args<'_>, set: bool) -> Result<Made> {
    let (name, json) = (row.text(1), row.is_true(2));
    let records = match json_level(row.text(0)) {
        Some(JsonLevel::Array(items)) if set => items,
        Some(JsonLevel::Object(_)) if !set => vec![row.text(0)],
        _ if set => return Err(invalid("cannot call jsonb_to_recordset on a non-array")),
        _ => return Err(invalid("cannot call jsonb_to_record on a non-object")),
    };
    let one = |record: &str| match json_level(record) {
        Some(JsonLevel::Object(_)) => member(record, name).map_or(Ok(Made::Null), |value| part(value, !json)),
        _ => Err(invalid("argument of jsonb_to_recordset must be an array of objects")),
    };
    Ok(Made::List(records.into_iter().map(one).collect::<Result<_>>()?))
}
