//! What `json_agg` and its kin are made of: an element as text, gathered by `array_agg`, and the gathered elements as one value.
//!
//! `jsonb_agg(x ORDER BY y)` is `jsonb_gathered(array_agg(json_element(x) ORDER BY y))`.

use super::super::call::Whole;
use super::super::declared::{
    Body::{Each, Whole as All},
    Declaration,
};
use super::super::made::{Args, Made};
use super::build::finished;
use super::invalid;
use super::order::order_key;
use super::tree::quoted;
use super::write::Writer;
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, StringArray};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("?json_element(any) text", All(element)),
    ("?json_row_element(json) text", Each(|row| Ok(row_element(row)))),
    ("?json_member(any, any) text", All(member)),
    ("json_gathered(text[], bool) json", Each(|row| gathered(row, false))),
    ("jsonb_gathered(text[], bool) jsonb", Each(|row| gathered(row, true))),
    ("json_members_gathered(text[]) json", Each(|row| members(row, false))),
    ("jsonb_members_gathered(text[]) jsonb", Each(|row| members(row, true))),
];

/// Begins an element that has a line of its own.
const LINE: &str = "\n ";

fn element(whole: &Whole<'_>) -> Result<ArrayRef> {
    let writer = Writer::new(&whole.fields[0], &whole.arrays[0]);
    // A row was made an object before it came here.
    let line = if writer.is_composite() { LINE } else { "" };
    let one = |row: usize| {
        let mut out = String::from(line);
        writer.write(row, &mut out);
        Some(out)
    };
    Ok(Arc::new((0..whole.rows).map(one).collect::<StringArray>()))
}

/// The element that a row is, NULL where there is none.
fn row_element(row: &Args<'_>) -> Made {
    match row.is_null(0) {
        true => "null".into(),
        false => format!("{LINE}{}", row.text(0)).into(),
    }
}

fn member(whole: &Whole<'_>) -> Result<ArrayRef> {
    let writers = Writer::all(whole.fields, whole.arrays);
    let one = |row: usize| {
        let key = writers[0].text(row).ok_or_else(|| invalid("field name must not be null"))?;
        let mut out = format!("{} : ", quoted(&key));
        writers[1].write(row, &mut out);
        Ok(Some(out))
    };
    Ok(Arc::new((0..whole.rows).map(one).collect::<Result<StringArray>>()?))
}

/// The elements as an array, where it is asked for in order and each once.
fn gathered(row: &Args<'_>, binary: bool) -> Result<Made> {
    let mut elements: Vec<String> = row.texts(0).into_iter().flatten().collect();
    if row.is_true(1) {
        let keys = elements.iter().map(|element| order_key(element));
        let keys: Vec<_> = keys.collect::<Option<_>>().ok_or_else(|| Error::internal("an element is no JSON"))?;
        let mut keyed: Vec<_> = keys.into_iter().zip(elements).collect();
        // NULL is last, as it is where values are sorted.
        keyed.sort_by_key(|(key, element)| (element == "null", key.clone()));
        keyed.dedup_by(|(a, _), (b, _)| a == b);
        elements = keyed.into_iter().map(|(_, element)| element).collect();
    }
    let text = elements.join(", ");
    finished(format!("[{}]", text.strip_prefix(LINE).unwrap_or(&text)), binary).map(Made::Text)
}

fn members(row: &Args<'_>, binary: bool) -> Result<Made> {
    let members: Vec<String> = row.texts(0).into_iter().flatten().collect();
    finished(format!("{{ {} }}", members.join(", ")), binary).map(Made::Text)
}
