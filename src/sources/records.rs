//! Records of named values, as JSON and XML have them: their columns, and the batches they become.

use super::columns::{Misfit, Rows, Spec, Writer, misfit};
use super::infer::{Guess, Type};
use super::names;
use super::remarks::{Met, told};
use crate::config::SOURCE_COLUMNS_MAX;
use crate::error::Result;
use crate::fail;
use serde_json::Value;
use std::collections::HashMap;

/// One record: names in the order of the file, and their values.
pub(super) type Record = Vec<(String, Value)>;

/// Gives the records of a file one after another.
pub(super) trait RecordSource: Send {
    /// The next record, or `None` at the end.
    fn next_record(&mut self) -> Result<Option<Record>>;
    /// Where the record given last stands, for errors.
    fn place(&self) -> String;
    /// The file's name, for errors.
    fn shown(&self) -> &str;
    /// Bytes of the file read so far, roughly.
    fn bytes(&self) -> u64;
    /// What the records so far cannot show of the file.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Keys as the file has them, and the columns they become, in the order of first appearance.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordLayout {
    keys: Vec<String>,
    pub(super) specs: Vec<Spec>,
}

impl RecordLayout {
    /// Every column is text.
    pub(super) fn all_text(&mut self) {
        self.specs.iter_mut().for_each(|spec| spec.kind = Type::Text);
    }
}

/// What values of one key have been seen.
struct Seen {
    texts: Guess,
    bools: bool,
    ints: bool,
    floats: bool,
    strings: bool,
    nested: bool,
}

impl Seen {
    fn see(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(_) => self.bools = true,
            Value::Number(number) if number.is_i64() => self.ints = true,
            // Beyond 63 bits only text keeps every digit.
            Value::Number(number) if number.is_u64() => self.strings = true,
            Value::Number(_) => self.floats = true,
            Value::String(text) => {
                self.strings = true;
                self.texts.see(if text.trim().is_empty() { "-" } else { text });
            }
            Value::Array(_) | Value::Object(_) => self.nested = true,
        }
    }

    fn decide(&self, typed_texts: bool) -> Type {
        match (self.nested, self.strings, self.bools, self.ints, self.floats) {
            (true, ..) => Type::Json,
            (_, true, false, false, false) if typed_texts => self.texts.decide(),
            (_, true, false, false, false) => self.texts.decide_moment(),
            (_, false, true, false, false) => Type::Bool,
            (_, false, false, true, false) => Type::Int,
            (_, false, false, _, true) => Type::Float,
            _ => Type::Text,
        }
    }
}

/// Reads records up to `rows` and `bytes` and tells their columns. With `typed_texts` (XML) texts may be numbers;
/// in JSON they may only be dates.
pub(super) fn inspect(
    source: &mut dyn RecordSource,
    rows: usize,
    bytes: u64,
    typed_texts: bool,
    normalize: bool,
) -> Result<RecordLayout> {
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut keys: Vec<String> = Vec::new();
    let mut seen: Vec<Seen> = Vec::new();
    let mut count = 0;
    while count < rows && source.bytes() < bytes {
        let Some(record) = source.next_record()? else { break };
        count += 1;
        for (key, value) in &record {
            let position = match positions.get(key) {
                Some(position) => *position,
                None => {
                    if keys.len() >= SOURCE_COLUMNS_MAX {
                        fail!(LimitExceeded, "{} has more than {SOURCE_COLUMNS_MAX} different keys", source.shown());
                    }
                    positions.insert(key.clone(), keys.len());
                    keys.push(key.clone());
                    seen.push(Seen {
                        texts: Guess::new(),
                        bools: false,
                        ints: false,
                        floats: false,
                        strings: false,
                        nested: false,
                    });
                    keys.len() - 1
                }
            };
            if let Some(seen) = seen.get_mut(position) {
                seen.see(value);
            }
        }
    }
    let names = names::columns(&keys, normalize);
    let specs = names.into_iter().zip(&seen).map(|(name, seen)| Spec::new(name, seen.decide(typed_texts))).collect();
    Ok(RecordLayout { keys, specs })
}

/// The rows of a file of records.
pub(super) struct RecordRows {
    source: Box<dyn RecordSource>,
    positions: HashMap<String, usize>,
    specs: Vec<Spec>,
    /// The record's values by column, NULL where it lacks the key.
    values: Vec<Value>,
    /// Texts may be numbers (XML).
    typed_texts: bool,
    /// Which record last gave each column a value.
    given: Vec<u64>,
    count: u64,
    /// Records with a key twice.
    repeated: Met,
}

impl RecordRows {
    pub(super) fn new(source: Box<dyn RecordSource>, layout: &RecordLayout, typed_texts: bool) -> Self {
        let positions = layout.keys.iter().enumerate().map(|(index, key)| (key.clone(), index)).collect();
        let values = vec![Value::Null; layout.keys.len()];
        let given = vec![0; layout.keys.len()];
        let specs = layout.specs.clone();
        Self { source, positions, specs, values, typed_texts, given, count: 0, repeated: Met::default() }
    }
}

impl Rows for RecordRows {
    fn next_row(&mut self, writer: &mut Writer) -> Result<bool> {
        let before = self.source.bytes();
        let Some(record) = self.source.next_record()? else { return Ok(false) };
        self.values.fill(Value::Null);
        self.count += 1;
        let mut repeated = false;
        for (key, value) in record {
            let index = self.positions.get(&key).copied().unwrap_or(usize::MAX);
            let (Some(slot), Some(given)) = (self.values.get_mut(index), self.given.get_mut(index)) else {
                fail!(
                    InvalidText,
                    "{}, {}: a key that the asset's columns lack; raise sample_rows or REFRESH SOURCE",
                    self.source.shown(),
                    self.source.place()
                );
            };
            *slot = value;
            repeated |= *given == self.count;
            *given = self.count;
        }
        if repeated {
            self.repeated.note(|| self.source.place());
        }
        for (index, column) in writer.columns() {
            let value = self.values.get(index).unwrap_or(&Value::Null);
            let pushed = match value {
                // In typed columns of XML a blank text is nothing, as in CSV.
                Value::String(text) if self.typed_texts => match self.specs.get(index).map(|spec| spec.kind) {
                    Some(Type::Json) => column.push_value(value),
                    _ => column.push_text(text),
                },
                _ => column.push_value(value),
            };
            if pushed.is_err_and(|Misfit| true) {
                let (name, kind) = self.specs.get(index).map_or(("", Type::Text), |spec| (&spec.name, spec.kind));
                return Err(misfit(self.source.shown(), &self.source.place(), name, kind));
            }
        }
        writer.end_row(usize::try_from(self.source.bytes().saturating_sub(before)).unwrap_or(usize::MAX));
        Ok(true)
    }

    fn remarks(&self) -> Vec<String> {
        let repeated = self.repeated.remark("record", "a key twice", "the last value counts");
        told(self.source.shown(), repeated.into_iter().chain(self.source.remarks()))
    }
}
