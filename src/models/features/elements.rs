//! Columns that hold several values a row: arrays, and objects of JSON.
//!
//! An array of names is a set of entries; an object one of its scalars, each with the path to it: `{"device": {"os": "ios"}, "tags": ["a"]}`
//! has `device.os=ios` and `tags=a`. Numbers in objects count by two significant digits. An array of floats is a vector: so many dense
//! numbers.

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float32Type};
use serde_json::Value;
use std::sync::Arc;

use super::column::{Family, text_hashes, texts};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::random::{hash_bytes, mix};

/// Scalars of an object that are looked at.
const SCALARS_MAX: usize = 256;
/// Objects within objects that are looked into.
const DEPTH_MAX: usize = 8;

/// Calls `each` with the hashes of every row's values, `None` where the row has no array or object.
pub(super) fn element_hashes(
    name: &str,
    family: Family,
    array: &ArrayRef,
    mut each: impl FnMut(Option<&[u64]>),
) -> Result<()> {
    let mut hashes = Vec::new();
    if family == Family::Json {
        let mut is_bad = false;
        texts(name, array, |_, text| {
            let Some(text) = text else { return each(None) };
            hashes.clear();
            match serde_json::from_str(text) {
                Ok(Value::Null) => each(None),
                Ok(value) => {
                    scalars(&mut String::new(), &value, 0, &mut hashes);
                    each(Some(&hashes));
                }
                Err(_) => is_bad = true,
            }
        })?;
        if is_bad {
            fail!(InvalidText, "column \"{name}\" holds something that is not JSON");
        }
        return Ok(());
    }
    let list = lists(name, array)?;
    let all = text_hashes(name, list.values())?;
    for (row, ends) in list.value_offsets().windows(2).enumerate() {
        let [from, to] = ends else { continue };
        if list.is_null(row) {
            each(None);
            continue;
        }
        hashes.clear();
        hashes.extend(all.get(*from as usize..*to as usize).unwrap_or_default().iter().flatten());
        each(Some(&hashes));
    }
    Ok(())
}

/// Calls `each` with every row's vector, `None` where it has none or one with a missing number.
pub(super) fn vectors(name: &str, array: &ArrayRef, mut each: impl FnMut(Option<&[f32]>) -> Result<()>) -> Result<()> {
    let list = lists(name, array)?;
    let values = cast(list.values(), &DataType::Float32).map_err(|_| unreadable(name))?;
    let floats = values.as_primitive::<Float32Type>();
    for (row, ends) in list.value_offsets().windows(2).enumerate() {
        let [from, to] = ends else { continue };
        let (from, to) = (*from as usize, *to as usize);
        let vector = floats.values().get(from..to).unwrap_or_default();
        let is_whole = !list.is_null(row)
            && (from..to).all(|place| floats.is_valid(place))
            && vector.iter().all(|value| value.is_finite());
        each(is_whole.then_some(vector))?;
    }
    Ok(())
}

fn lists(name: &str, array: &ArrayRef) -> Result<ListArray> {
    let cast = match array.data_type() {
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let item = Arc::new(Field::new("item", item.data_type().clone(), true));
            cast(array, &DataType::List(item)).map_err(|_| unreadable(name))?
        }
        _ => array.clone(),
    };
    cast.as_list_opt::<i32>().cloned().ok_or_else(|| unreadable(name))
}

fn unreadable(name: &str) -> Error {
    Error::new(Kind::DatatypeMismatch, format!("column \"{name}\" cannot be read as a feature"))
}

/// The hashes of a value's scalars with their paths.
fn scalars(path: &mut String, value: &Value, depth: usize, into: &mut Vec<u64>) {
    if into.len() >= SCALARS_MAX {
        return;
    }
    let mut add = |text: &str| into.push(mix(hash_bytes(path.as_bytes()) ^ mix(hash_bytes(text.as_bytes()))));
    match value {
        Value::Null => add("null"),
        Value::Bool(yes) => add(if *yes { "true" } else { "false" }),
        Value::String(text) => add(text),
        // Whole numbers of two digits as they are, larger and broken ones by magnitude.
        Value::Number(number) => add(&format!("{:.1e}", number.as_f64().unwrap_or(f64::NAN))),
        Value::Array(items) => items.iter().for_each(|item| scalars(path, item, depth, into)),
        Value::Object(_) if depth >= DEPTH_MAX => {}
        Value::Object(members) => {
            for (key, member) in members {
                let length = path.len();
                path.push('.');
                path.push_str(key);
                scalars(path, member, depth + 1, into);
                path.truncate(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    fn hashes(text: &str) -> Vec<u64> {
        let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let mut all = Vec::new();
        element_hashes("c", Family::Json, &array, |found| all.extend_from_slice(found.unwrap_or_default())).unwrap();
        all.sort_unstable();
        all
    }

    #[test]
    fn objects_are_their_scalars_with_paths() {
        let of = hashes(r#"{"device": {"os": "ios"}, "tags": ["a", "b"], "price": 1234.5}"#);
        assert_eq!(of.len(), 4);
        assert_eq!(of, hashes(r#"{"tags": ["b", "a"], "price": 1239, "device": {"os": "ios"}}"#));
        assert_ne!(hashes(r#"{"a": {"b": 1}}"#), hashes(r#"{"b": {"a": 1}}"#));
        assert_ne!(hashes(r#"{"a": 12}"#), hashes(r#"{"a": 13}"#));
        assert_ne!(hashes(r#"{"a": null}"#), hashes("{}"));
        assert!(hashes("null").is_empty() && hashes("{}").is_empty());
        let deep = format!("{}1{}", r#"{"a":"#.repeat(60), "}".repeat(60));
        assert!(hashes(&deep).is_empty());
    }

    #[test]
    fn what_is_no_json_is_an_error_that_quotes_nothing() {
        let array: ArrayRef = Arc::new(StringArray::from(vec!["{secret"]));
        let error = element_hashes("c", Family::Json, &array, |_| {}).unwrap_err();
        assert!(error.kind() == Kind::InvalidText && !error.message().contains("secret"));
    }
}
