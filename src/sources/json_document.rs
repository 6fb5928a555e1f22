//! A JSON document in memory, walked row by row.

use super::json_value::{Member, Row, broken, is_one_value, key, members, skip_blanks, value};
use super::records::{Record, RecordSource};
use crate::error::{Error, Kind, Result};
use serde_json::Value;

/// How the rows of a whole document follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    Sequence,
    Elements,
    /// Members of an object, each an object of its own.
    Dictionary,
    /// Members of an object as (key, value).
    Pairs,
    /// Members of an object, each a column whose values are counted 0, 1, 2, ...
    Columns,
}

/// A document in memory, parsed value by value.
pub(super) struct Whole {
    text: String,
    walk: Walk,
    at: usize,
    shown: String,
    count: u64,
}

impl Whole {
    pub(super) fn new(shown: String, text: String, walk: Walk, at: usize) -> Self {
        Self { text, walk, at, shown, count: 0 }
    }
}

impl RecordSource for Whole {
    fn next_record(&mut self) -> Result<Option<Record>> {
        let bytes = self.text.as_bytes();
        self.count += 1;
        let mut at = skip_blanks(bytes, self.at);
        let closing = if self.walk == Walk::Elements { b']' } else { b'}' };
        if self.walk != Walk::Sequence {
            if self.count > 1 && bytes.get(at) == Some(&b',') {
                at = skip_blanks(bytes, at + 1);
            } else if self.count > 1 && bytes.get(at) != Some(&closing) {
                return Err(broken(&self.shown, bytes, at));
            }
            if bytes.get(at) == Some(&closing) {
                return Ok(None);
            }
        } else if at >= bytes.len() {
            return Ok(None);
        }
        let record = match self.walk {
            Walk::Sequence | Walk::Elements => {
                let (Row(record), end) = value(&self.shown, bytes, at)?;
                self.at = end;
                record
            }
            Walk::Dictionary | Walk::Pairs | Walk::Columns => {
                let (key, from) = key(&self.shown, bytes, at)?;
                let mut record = vec![("key".to_owned(), Value::String(key))];
                if self.walk == Walk::Pairs {
                    let (inner, end): (Value, usize) = value(&self.shown, bytes, from)?;
                    self.at = end;
                    record.push(("value".to_owned(), inner));
                } else {
                    let (Row(inner), end) = value(&self.shown, bytes, from)?;
                    self.at = end;
                    record.extend(
                        inner
                            .into_iter()
                            .map(|(name, inner)| (if name == "key" { "key_value".to_owned() } else { name }, inner)),
                    );
                }
                record
            }
        };
        Ok(Some(record))
    }
    fn place(&self) -> String {
        format!("record {}", self.count)
    }
    fn shown(&self) -> &str {
        &self.shown
    }
    fn bytes(&self) -> u64 {
        self.at as u64
    }
}

/// A data frame saved by columns.
pub(super) struct Frame {
    names: Vec<String>,
    columns: Vec<std::vec::IntoIter<Value>>,
    bytes: u64,
    rows: u64,
    count: u64,
    shown: String,
}

impl Frame {
    pub(super) fn new(shown: String, bytes: &[u8], object: usize) -> Result<Self> {
        let mut names = Vec::new();
        let mut columns = Vec::new();
        for member in members(&shown, bytes, object)? {
            let (Row(values), _) = value(&shown, bytes, member.at)?;
            if values.iter().enumerate().any(|(index, (key, _))| *key != index.to_string()) {
                return Err(Error::new(
                    Kind::InvalidText,
                    format!("{shown}: the values of column {} are not counted 0, 1, 2, ...", names.len() + 1),
                ));
            }
            names.push(member.key);
            columns.push(values.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
        }
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0) as u64;
        let columns = columns.into_iter().map(Vec::into_iter).collect();
        Ok(Self { names, columns, bytes: bytes.len() as u64, rows, count: 0, shown })
    }
}

impl RecordSource for Frame {
    fn next_record(&mut self) -> Result<Option<Record>> {
        if self.count >= self.rows {
            return Ok(None);
        }
        self.count += 1;
        let values = self.columns.iter_mut().map(|column| column.next().unwrap_or(Value::Null));
        Ok(Some(self.names.iter().cloned().zip(values).collect()))
    }
    fn place(&self) -> String {
        format!("row {}", self.count)
    }
    fn shown(&self) -> &str {
        &self.shown
    }
    fn bytes(&self) -> u64 {
        self.bytes.saturating_mul(self.count) / self.rows.max(1)
    }
}

/// How the rows of a document follow each other, and the byte where they begin.
pub(super) fn shape(shown: &str, bytes: &[u8], member: Option<&str>) -> Result<(Walk, usize)> {
    let at = skip_blanks(bytes, 0);
    let whole = |walk, at| Ok((walk, at));
    match bytes.get(at) {
        Some(b'[') if is_one_value(shown, bytes, at)? => return whole(Walk::Elements, at + 1),
        Some(b'{') if is_one_value(shown, bytes, at)? => {}
        _ => return whole(Walk::Sequence, at),
    }
    let members = members(shown, bytes, at)?;
    let mut tables = members.iter().filter(|found| match member {
        Some(name) => found.key == name,
        None => found.is_table(bytes),
    });
    if let Some(table) = tables.next() {
        // An object that merely has lists beside its own values is one record.
        let wrapper = member.is_some() || members.len() <= 8;
        if wrapper && bytes.get(table.at) == Some(&b'[') && tables.next().is_none() {
            return whole(Walk::Elements, table.at + 1);
        }
    } else if let Some(name) = member {
        return Err(Error::new(Kind::UndefinedTable, format!("{shown} has no array \"{name}\""))
            .with_hint("REFRESH SOURCE if the file has changed."));
    }
    if members.len() > 1 && members.iter().all(|found| bytes.get(found.at) == Some(&b'{')) {
        let counted = |found: &Member| {
            let (Row(values), _) = value(shown, bytes, found.at)?;
            Ok(values.len() > 1 && values.iter().enumerate().all(|(index, (key, _))| *key == index.to_string()))
        };
        if members.iter().map(counted).collect::<Result<Vec<bool>>>()?.into_iter().all(|counted| counted) {
            return whole(Walk::Columns, at);
        }
        return whole(Walk::Dictionary, at + 1);
    }
    if members.len() > 256 {
        return whole(Walk::Pairs, at + 1);
    }
    whole(Walk::Sequence, at)
}
