//! The rows of a sheet, streamed.

use super::records::{Record, RecordSource};
use super::remarks::Met;
use super::xlsx::{Book, Part, attribute, markup_text};
use super::xlsx_style::{Style, moment, time};
use crate::config::SOURCE_COLUMNS_MAX;
use crate::error::{Error, Kind, Result};
use quick_xml::events::Event;
use serde_json::{Number, Value};
use std::sync::Arc;

/// Cells of a row that hold something: columns from 0, in order.
pub(super) type Row = Vec<(usize, Value)>;

/// The rows of a sheet that hold something.
pub(super) struct Cells {
    book: Arc<Book>,
    part: Part,
    shown: String,
    /// The number of the row given last, as people count.
    row: u64,
    /// Cells with the error of a formula.
    errors: Met,
}

/// A cell while it is read.
#[derive(Default)]
struct Open {
    column: usize,
    kind: String,
    style: usize,
    text: String,
}

impl Cells {
    pub(super) fn new(book: Arc<Book>, part: Part, shown: String) -> Self {
        Self { book, part, shown, row: 0, errors: Met::default() }
    }

    /// A value as text.
    pub(super) fn text(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The next row that holds something.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        let mut row = Row::new();
        let mut cell: Option<Open> = None;
        // Within a value, or a text that stands in its cell; how phonetic guides say it is no part of it.
        let (mut within, mut guides) = (false, 0usize);
        let mut column = 0usize;
        loop {
            let event = match self.part.next() {
                Ok(event) => event,
                Err(error) => {
                    let place = format!("{} (after row {})", error.message(), self.row);
                    return Err(Error::new(error.kind(), place));
                }
            };
            let mut finished = false;
            match event {
                Event::Start(element) => match element.local_name().as_ref() {
                    "row" => {
                        column = 0;
                        self.row = attribute(&element, "r").and_then(|r| r.parse().ok()).unwrap_or(self.row + 1);
                    }
                    "c" => {
                        column = attribute(&element, "r").and_then(|r| column_of(&r)).unwrap_or(column);
                        let style = attribute(&element, "s").and_then(|s| s.parse().ok()).unwrap_or(0);
                        let kind = attribute(&element, "t").unwrap_or_default();
                        cell = Some(Open { column, kind, style, text: String::new() });
                        column += 1;
                    }
                    "v" | "t" => within = cell.is_some() && guides == 0,
                    "rPh" => guides += 1,
                    _ => {}
                },
                Event::Empty(element) => match element.local_name().as_ref() {
                    "row" => {
                        self.row = attribute(&element, "r").and_then(|r| r.parse().ok()).unwrap_or(self.row + 1);
                    }
                    "c" => column = attribute(&element, "r").and_then(|r| column_of(&r)).unwrap_or(column) + 1,
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "row" if !row.is_empty() => {
                        self.part.renew();
                        row.sort_by_key(|(column, _)| *column);
                        return Ok(Some(row));
                    }
                    "c" => finished = true,
                    "v" | "t" => within = false,
                    "rPh" => guides = guides.saturating_sub(1),
                    "sheetData" => return Ok(None),
                    _ => {}
                },
                Event::Eof => {
                    let message = format!("{}: the sheet ends within its rows, after row {}", self.shown, self.row);
                    return Err(Error::new(Kind::InvalidText, message));
                }
                event if within => {
                    if let Some(cell) = &mut cell {
                        cell.text.push_str(&markup_text(&event));
                    }
                }
                _ => {}
            }
            if finished && let Some(cell) = cell.take() {
                if cell.column >= SOURCE_COLUMNS_MAX {
                    let message = format!("{}, row {}: more than {SOURCE_COLUMNS_MAX} columns", self.shown, self.row);
                    return Err(Error::new(Kind::LimitExceeded, message));
                }
                let column = cell.column;
                if let Some(value) = self.value(cell)? {
                    row.push((column, value));
                }
            }
        }
    }

    /// What a cell holds; nothing for an empty one, and for the error of a formula.
    fn value(&mut self, cell: Open) -> Result<Option<Value>> {
        let text = cell.text.as_str();
        let row = self.row;
        let broken = |what: &str| Error::new(Kind::InvalidText, format!("{}, row {row}: a cell {what}", self.shown));
        let text_of = |text: &str| Some(Value::from(text)).filter(|_| !text.is_empty());
        Ok(match cell.kind.as_str() {
            "s" => {
                let number: usize = text.trim().parse().map_err(|_| broken("names no text of the workbook"))?;
                let text = self.book.texts.get(number).ok_or_else(|| broken("names no text of the workbook"))?;
                text_of(text)
            }
            "str" | "inlineStr" => text_of(&shown_text(text)),
            "d" => text_of(text.trim_end_matches("T00:00:00")),
            "b" => Some(Value::Bool(matches!(text.trim(), "1" | "true"))).filter(|_| !text.is_empty()),
            "e" => {
                self.errors.note(|| format!("row {row}"));
                None
            }
            _ if text.trim().is_empty() => None,
            _ => {
                let number: f64 = text.trim().parse().map_err(|_| broken("holds no number"))?;
                let style = self.book.styles.get(cell.style).copied().unwrap_or_default();
                let told = match style {
                    Style::Moment => moment(number, self.book.since_1904),
                    Style::Time if number >= 0.0 => time(number),
                    _ => None,
                };
                Some(told.map_or_else(|| plain(text.trim(), number), Value::from))
            }
        })
    }
}

/// A number as it would be written: whole ones without a point.
fn plain(text: &str, number: f64) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or_else(|| Value::from(text), Value::Number)
}

/// Letters that XML cannot hold are written as `_x000D_`.
pub(super) fn shown_text(text: &str) -> String {
    if !text.contains("_x") {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let letter = code.and_then(char::from_u32).filter(|_| rest.get(at + 6..at + 7) == Some("_"));
        shown.push_str(&rest[..at]);
        match letter {
            // PostgreSQL's texts hold no zero either.
            Some(letter) => {
                shown.extend(Some(letter).filter(|letter| *letter != '\0'));
                rest = &rest[at + 7..];
            }
            None => {
                shown.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    shown + rest
}

/// The column of a cell's name: `AB12` is 27.
fn column_of(name: &str) -> Option<usize> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.fold(0usize, |number, letter| {
        number.saturating_mul(26).saturating_add(usize::from(letter.to_ascii_uppercase() - b'A') + 1)
    });
    number.checked_sub(1)
}

/// The rows of a table in a sheet as records.
pub(super) struct SheetRecords {
    cells: Cells,
    keys: Vec<String>,
    first: usize,
}

impl SheetRecords {
    /// The records behind the first `above` rows.
    pub(super) fn new(mut cells: Cells, above: usize, keys: Vec<String>, first: usize) -> Result<Self> {
        for _ in 0..above {
            cells.next()?;
        }
        Ok(Self { cells, keys, first })
    }
}

impl RecordSource for SheetRecords {
    fn next_record(&mut self) -> Result<Option<Record>> {
        let Some(row) = self.cells.next()? else { return Ok(None) };
        let mut record: Record = self.keys.iter().map(|key| (key.clone(), Value::Null)).collect();
        for (column, value) in row {
            let place = column.checked_sub(self.first).and_then(|at| record.get_mut(at));
            match place {
                Some((_, cell)) => *cell = value,
                // A column that the table's top has not.
                None => record.push((format!("column{}", column + 1), value)),
            }
        }
        Ok(Some(record))
    }

    fn place(&self) -> String {
        format!("row {}", self.cells.row)
    }

    fn shown(&self) -> &str {
        &self.cells.shown
    }

    fn bytes(&self) -> u64 {
        self.cells.part.position()
    }

    fn remarks(&self) -> Vec<String> {
        self.cells.errors.remark("row", "a cell with the error of a formula", "it is NULL").into_iter().collect()
    }
}
