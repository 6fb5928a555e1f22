//! Record batches as `DataRow` messages.
//!
//! A [`RowEncoder`] is made once for a result: it knows each column's PostgreSQL type and the format the client chose.
//! For each batch it looks at every array once and then writes row after row straight into the answer's buffer, each
//! value behind its length. What does not fit the buffer's budget is left for the next call, so that memory stays flat
//! however large the result is.

mod binary;
mod numeric;

pub(super) use binary::{EPOCH_DAYS, EPOCH_MICROS, IPV4, IPV6};
pub(super) use numeric::{NUMERIC_NAN, NUMERIC_NEGATIVE};

use super::types::wire_type;
use crate::encoding::Charset;
use crate::encoding::pg_text::{Column, write_text};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::sql::ORIGIN_METADATA;
use binary::{Shape, write_binary};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{FieldDescription, RowDescription};
use std::sync::Arc;

/// How a value goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As text.
    Text,
    /// As the type's bytes.
    Binary,
}

impl Format {
    /// The format that a code of the protocol means.
    pub fn from_code(code: i16) -> Result<Self> {
        match code {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            other => fail!(Protocol, "invalid format code: {other}"),
        }
    }

    fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// One format for each of `count` values, from the codes of a Bind: none (all text), one (for all), or one for each.
pub fn formats_of(codes: &[i16], count: usize, what: &str) -> Result<Vec<Format>> {
    match codes {
        [] => Ok(vec![Format::Text; count]),
        [one] => Ok(vec![Format::from_code(*one)?; count]),
        each if each.len() == count => each.iter().map(|code| Format::from_code(*code)).collect(),
        each => fail!(Protocol, "bind message has {} {what} formats but there are {count}", each.len()),
    }
}

/// The most columns that a row description can count.
const COLUMNS_MAX: usize = 1664;

/// The relation that a column is of, and its number there; zeros for an expression.
fn origin(field: &Field) -> (i32, i16) {
    let said = field.metadata().get(ORIGIN_METADATA).and_then(|text| text.split_once(' '));
    let read = said.and_then(|(table, column)| Some((table.parse::<u32>().ok()?, column.parse().ok()?)));
    read.map_or((0, 0), |(table, column)| (table.cast_signed(), column))
}

/// Writes the rows of one result.
pub struct RowEncoder {
    schema: SchemaRef,
    formats: Vec<Format>,
    /// Of the columns that go as bytes.
    shapes: Vec<Option<Shape>>,
}

impl RowEncoder {
    /// An encoder for rows of `schema`, each column in its format.
    pub fn new(schema: SchemaRef, formats: Vec<Format>) -> Result<Self> {
        if schema.fields().len() > COLUMNS_MAX {
            fail!(LimitExceeded, "a result can have at most {COLUMNS_MAX} columns");
        }
        if schema.fields().len() != formats.len() {
            return Err(Error::internal("a result needs a format for each column"));
        }
        let shape = |(field, format): (&Arc<Field>, &Format)| (*format == Format::Binary).then(|| Shape::of(field));
        let shapes = schema.fields().iter().zip(&formats).map(shape).collect();
        Ok(Self { schema, formats, shapes })
    }

    /// The row description of the result.
    pub fn description(&self) -> PgWireBackendMessage {
        let fields = self.schema.fields().iter().zip(&self.formats).map(|(field, format)| {
            let wire = wire_type(field);
            let (table, column) = origin(field);
            FieldDescription::new(
                field.name().replace('\0', ""),
                table,
                column,
                wire.oid,
                wire.len,
                wire.modifier,
                format.code(),
            )
        });
        PgWireBackendMessage::RowDescription(RowDescription::new(fields.collect()))
    }

    /// Appends rows of `batch` from row `from` on until `rows_max` are written, the batch ends, or `out` holds
    /// `bytes_max`; says how many it wrote. Texts are in an encoding.
    pub fn encode(
        &self,
        batch: &RecordBatch,
        (from, rows_max): (usize, usize),
        bytes_max: usize,
        charset: Charset,
        out: &mut Vec<u8>,
    ) -> Result<usize> {
        if batch.num_columns() != self.formats.len() {
            return Err(Error::internal("a batch has other columns than its result"));
        }
        let fields = self.schema.fields();
        let columns: Vec<Column<'_>> =
            batch.columns().iter().zip(fields).map(|(array, field)| Column::new(field, array.as_ref())).collect();
        let to = batch.num_rows().min(from.saturating_add(rows_max));
        let mut row = from;
        while row < to && (row == from || out.len() < bytes_max) {
            let start = out.len();
            if let Err(error) = self.encode_row(&columns, row, charset, out) {
                // Half a message would leave the client out of step.
                out.truncate(start);
                return Err(error);
            }
            row += 1;
        }
        Ok(row - from)
    }

    fn encode_row(&self, columns: &[Column<'_>], row: usize, charset: Charset, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'D');
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        // At most COLUMNS_MAX, so it fits.
        out.extend_from_slice(&(columns.len() as i16).to_be_bytes());
        for (column, shape) in columns.iter().zip(&self.shapes) {
            let Some(cell) = column.cell(row) else {
                out.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            };
            let length_at = out.len();
            out.extend_from_slice(&[0; 4]);
            match shape {
                None => {
                    write_text(&cell, out);
                    recode(out, length_at + 4, charset)?;
                }
                Some(shape) => write_binary(&cell, shape, charset, out)?,
            }
            set_length(out, length_at, 4)?;
        }
        set_length(out, start, 0)
    }
}

/// Brings what was written since `at`, in UTF-8, into an encoding.
fn recode(out: &mut Vec<u8>, at: usize, charset: Charset) -> Result<()> {
    if charset.is_utf8() || out[at..].is_ascii() {
        return Ok(());
    }
    let written = out.split_off(at);
    let text = std::str::from_utf8(&written).map_err(|_| Error::internal("a text is no text"))?;
    charset.encode(text, out)
}

/// Puts the count of bytes since `at`, less `skip`, into the four bytes at `at`.
fn set_length(out: &mut [u8], at: usize, skip: usize) -> Result<()> {
    let length = i32::try_from(out.len() - at - skip)
        .map_err(|_| Error::new(Kind::LimitExceeded, "a row is larger than the protocol can carry"))?;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};

    #[test]
    fn rows_stop_at_the_budget() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int32Array::from(vec![Some(7), None, Some(-1)]))),
            ("t", Arc::new(StringArray::from(vec!["a", "bc", ""]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let encoder = RowEncoder::new(batch.schema(), vec![Format::Text, Format::Binary]).unwrap();
        let mut out = Vec::new();
        assert_eq!(encoder.encode(&batch, (0, usize::MAX), 1, Charset::Utf8, &mut out).unwrap(), 1);
        assert_eq!(out, b"D\0\0\0\x10\0\x02\0\0\0\x017\0\0\0\x01a");
        assert_eq!(encoder.encode(&batch, (1, 5), usize::MAX, Charset::Utf8, &mut out).unwrap(), 2);
        assert!(out.ends_with(b"D\0\0\0\x10\0\x02\0\0\0\x02-1\0\0\0\0"));
        assert!(formats_of(&[0, 1, 0], 2, "result").is_err());
        assert_eq!(formats_of(&[1], 2, "result").unwrap(), [Format::Binary; 2]);
    }
}
