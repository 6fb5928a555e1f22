//! Arrays.

use super::super::super::value::Value;
use super::super::cast::text;
use super::super::compare::Key;
use super::super::plan::Builtin;
use super::{int_at, items_at, lax, strict, text_at};
use crate::error::Result;

/// What a function of an array's only dimension gives; NULL for another one, or for an empty array.
fn bound(args: &[Value], by: fn(usize) -> i64) -> Result<Value> {
    let items = items_at(args, 0)?;
    Ok(match int_at(args, 1)? == 1 && !items.is_empty() {
        true => Value::Int(by(items.len())),
        false => Value::Null,
    })
}

pub const LENGTH: Builtin = strict("array_length", |args| bound(args, |length| length as i64));
pub const UPPER_FROM_0: Builtin = strict("array_upper", |args| bound(args, |length| length as i64 - 1));
pub const LOWER: Builtin = strict("array_lower", |args| bound(args, |_| 1));
pub const LOWER_FROM_0: Builtin = strict("array_lower_from_0", |args| bound(args, |_| 0));
pub const CARDINALITY: Builtin = strict("cardinality", |args| Ok(Value::Int(items_at(args, 0)?.len() as i64)));
pub const NDIMS: Builtin = strict("array_ndims", |args| match items_at(args, 0)?.is_empty() {
    true => Ok(Value::Null),
    false => Ok(Value::Int(1)),
});
pub const TO_STRING: Builtin = lax("array_to_string", |args| {
    if matches!(args, [Value::Null, ..] | [_, Value::Null, ..]) {
        return Ok(Value::Null);
    }
    let (items, between) = (items_at(args, 0)?, text_at(args, 1)?);
    let null = match args.get(2) {
        Some(Value::Text(null)) => Some(null.as_ref()),
        _ => None,
    };
    let shown: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Value::Text(text) => Some(text.as_ref()),
            _ => null,
        })
        .collect();
    Ok(text(shown.join(between)))
});
pub const POSITION: Builtin = lax("array_position", |args| {
    let Some(Value::Array(items)) = args.first() else { return Ok(Value::Null) };
    let wanted = Key::of(args.get(1).unwrap_or(&Value::Null));
    let at = items.iter().position(|item| Key::of(item) == wanted);
    Ok(at.map_or(Value::Null, |at| Value::Int(at as i64 + 1)))
});
pub const REMOVE: Builtin = lax("array_remove", |args| {
    let Some(Value::Array(items)) = args.first() else { return Ok(Value::Null) };
    let unwanted = Key::of(args.get(1).unwrap_or(&Value::Null));
    Ok(Value::Array(items.iter().filter(|item| Key::of(item) != unwanted).cloned().collect()))
});

/// The items of an array, none of NULL.
fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}

pub const CAT: Builtin = lax("array_cat", |args| match args {
    [Value::Null, Value::Null] => Ok(Value::Null),
    _ => Ok(Value::Array(items(args.first()).iter().chain(items(args.get(1))).cloned().collect())),
});
pub const APPEND: Builtin =
    lax("array_append", |args| Ok(Value::Array(items(args.first()).iter().chain(args.get(1)).cloned().collect())));
pub const PREPEND: Builtin = lax("array_prepend", |args| {
    Ok(Value::Array(args.first().into_iter().chain(items(args.get(1))).cloned().collect()))
});
pub const CONTAINS: Builtin = strict("@>", |args| {
    let (all, wanted) = (items_at(args, 0)?, items_at(args, 1)?);
    let keys: Vec<Key> = all.iter().map(Key::of).collect();
    Ok(Value::Bool(wanted.iter().all(|item| *item != Value::Null && keys.contains(&Key::of(item)))))
});
pub const OVERLAPS: Builtin = strict("&&", |args| {
    let (left, right) = (items_at(args, 0)?, items_at(args, 1)?);
    let keys: Vec<Key> = left.iter().filter(|item| **item != Value::Null).map(Key::of).collect();
    Ok(Value::Bool(right.iter().any(|item| keys.contains(&Key::of(item)))))
});
pub const FROM_STRING: Builtin = lax("string_to_array", |args| {
    let Some(Value::Text(whole)) = args.first() else { return Ok(Value::Null) };
    let parts: Vec<String> = match args.get(1) {
        _ if whole.is_empty() => Vec::new(),
        Some(Value::Text(between)) if between.is_empty() => vec![whole.to_string()],
        Some(Value::Text(between)) => whole.split(between.as_ref()).map(str::to_owned).collect(),
        _ => whole.chars().map(String::from).collect(),
    };
    let null = args.get(2);
    let items = parts.into_iter().map(text).map(|part| if Some(&part) == null { Value::Null } else { part });
    Ok(Value::Array(items.collect()))
});
