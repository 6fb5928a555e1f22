//! JSON made of values: `to_jsonb`, `jsonb_build_object`, `jsonb_build_array`, `jsonb_object`, and of rows.

use super::super::call::Whole;
use super::super::declared::{
    Body::{Each, Whole as All},
    Declaration,
};
use super::super::made::{Args, Made};
use super::invalid;
use super::tree::{Tree, quoted};
use super::write::Writer;
use crate::error::{Error, Kind, Result};
use crate::sql::values::json_is_too_deep;
use arrow::array::{ArrayRef, StringArray};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("to_json(any) json", All(|whole| one(whole, false))),
    ("to_jsonb(any) jsonb", All(|whole| one(whole, true))),
    ("row_to_json(any, bool?) json", All(|whole| one(whole, false))),
    ("array_to_json(anyarray, bool?) json", All(|whole| one(whole, false))),
    ("?json_build_array(...any) json", All(|whole| array(whole, false))),
    ("?jsonb_build_array(...any) jsonb", All(|whole| array(whole, true))),
    ("?json_build_object(...any) json", All(|whole| object(whole, false))),
    ("?jsonb_build_object(...any) jsonb", All(|whole| object(whole, true))),
    ("?json_build_row(...any) json", All(row_object)),
    ("as_json(text) json", Each(|row| Ok(row.text(0).into()))),
    ("as_jsonb(text) jsonb", Each(|row| Ok(row.text(0).into()))),
    ("json_object(text[]) json", Each(|row| pairs(row, false))),
    ("json_object(text[], text[]) json", Each(|row| pairs(row, false))),
    ("jsonb_object(text[]) jsonb", Each(|row| pairs(row, true))),
    ("jsonb_object(text[], text[]) jsonb", Each(|row| pairs(row, true))),
];

/// Texts of JSON as they are, or in the form of `jsonb`.
pub fn finished(text: String, binary: bool) -> Result<String> {
    if json_is_too_deep(&text) {
        return Err(Error::new(Kind::LimitExceeded, "a JSON value is nested too deeply"));
    }
    match binary {
        false => Ok(text),
        true => Tree::read(&text)
            .map(|tree| tree.to_string())
            .ok_or_else(|| Error::internal("a value was not written as JSON")),
    }
}

fn texts(rows: usize, mut one: impl FnMut(usize) -> Result<Option<String>>) -> Result<ArrayRef> {
    Ok(Arc::new((0..rows).map(&mut one).collect::<Result<StringArray>>()?))
}

fn one(whole: &Whole<'_>, binary: bool) -> Result<ArrayRef> {
    let writer = Writer::new(&whole.fields[0], &whole.arrays[0]);
    texts(whole.rows, |row| {
        if writer.is_null(row) {
            return Ok(None);
        }
        let mut out = String::new();
        writer.write(row, &mut out);
        finished(out, binary).map(Some)
    })
}

fn array(whole: &Whole<'_>, binary: bool) -> Result<ArrayRef> {
    let writers = Writer::all(whole.fields, whole.arrays);
    texts(whole.rows, |row| {
        let mut out = String::from("[");
        for (n, writer) in writers.iter().enumerate() {
            out.push_str(if n > 0 { ", " } else { "" });
            writer.write(row, &mut out);
        }
        out.push(']');
        finished(out, binary).map(Some)
    })
}

fn object(whole: &Whole<'_>, binary: bool) -> Result<ArrayRef> {
    if !whole.arrays.len().is_multiple_of(2) {
        let name = if binary { "jsonb_build_object()" } else { "json_build_object()" };
        return Err(invalid("argument list must have even number of elements")
            .with_hint(format!("The arguments of {name} must consist of alternating keys and values.")));
    }
    let writers = Writer::all(whole.fields, whole.arrays);
    texts(whole.rows, |row| {
        let mut out = String::from("{");
        for (n, pair) in writers.chunks(2).enumerate() {
            let [key, value] = pair else { continue };
            let Some(key) = key.text(row) else {
                let at = 2 * n + 1;
                return Err(match binary {
                    true => invalid(&format!("argument {at}: key must not be null")),
                    false => invalid(&format!("argument {at} cannot be null")).with_hint("Object keys should be text."),
                });
            };
            out.push_str(if n > 0 { ", " } else { "" });
            out.push_str(&quoted(&key));
            out.push_str(" : ");
            value.write(row, &mut out);
        }
        out.push('}');
        finished(out, binary).map(Some)
    })
}

/// A row of a relation, given as names and columns: `{"id":1,"name":"ann"}`.
fn row_object(whole: &Whole<'_>) -> Result<ArrayRef> {
    let writers = Writer::all(whole.fields, whole.arrays);
    texts(whole.rows, |row| {
        let mut out = String::from("{");
        for (n, pair) in writers.chunks(2).enumerate() {
            let [key, value] = pair else { continue };
            out.push_str(if n > 0 { "," } else { "" });
            out.push_str(&quoted(&key.text(row).unwrap_or_default()));
            out.push(':');
            value.write(row, &mut out);
        }
        out.push('}');
        finished(out, false).map(Some)
    })
}

/// An object of texts: of keys and values in turns, or of an array of each.
fn pairs(row: &Args<'_>, binary: bool) -> Result<Made> {
    let first = row.texts(0);
    let (keys, values): (Vec<_>, Vec<_>) = match row.len() {
        1 if !first.len().is_multiple_of(2) => return Err(invalid("array must have even number of elements")),
        1 => {
            let pairs = first.chunks(2).map(|pair| (pair[0].clone(), pair.get(1).cloned().flatten()));
            pairs.unzip()
        }
        _ => (first, row.texts(1)),
    };
    if keys.len() != values.len() {
        return Err(invalid("mismatched array dimensions"));
    }
    let mut out = String::from("{");
    for (n, (key, value)) in keys.into_iter().zip(values).enumerate() {
        let key = key.ok_or_else(|| invalid("null value not allowed for object key"))?;
        let value = value.map_or_else(|| "null".to_owned(), |value| quoted(&value));
        out.push_str(&format!("{}{} : {value}", if n > 0 { ", " } else { "" }, quoted(&key)));
    }
    out.push('}');
    finished(out, binary).map(Made::Text)
}
