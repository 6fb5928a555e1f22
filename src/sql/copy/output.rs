//! COPY TO: rows to lines, or to rows of the binary form.

use super::super::parser::{Chosen, CopyForm, CopyFormat, CopyHeader};
use super::super::session::CopyLines;
use super::binary::{self, BinaryForm};
use crate::encoding::Charset;
use crate::encoding::pg_text::{Column, write_text};
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::sync::Arc;

/// The lines of a stream of rows of this schema; `forced` says by column whether values are always in quotes.
pub fn lines(
    form: CopyForm,
    forced: Vec<bool>,
    (schema, charset): (SchemaRef, Charset),
    rows: SendableRecordBatchStream,
) -> BoxStream<'static, Result<CopyLines>> {
    let writer = Writer { form, forced };
    let names = schema.fields();
    let header = (writer.form.header != CopyHeader::None).then(|| {
        let mut data = Vec::new();
        for (n, field) in names.iter().enumerate() {
            if n > 0 {
                data.push(writer.form.delimiter);
            }
            writer.write(&mut data, Some(field.name().as_bytes()), false, names.len() == 1);
        }
        data.push(b'\n');
        let ends = vec![data.len()];
        Ok(CopyLines { data: Bytes::from(data), ends, rows: 0 })
    });
    let body = rows.map(move |batch| batch.map_err(Error::from).map(|batch| writer.encode(&schema, &batch)));
    let lines = stream::iter(header).chain(body);
    match charset.is_utf8() {
        true => lines.boxed(),
        false => lines.map(move |lines| lines.and_then(|lines| recoded(lines, charset))).boxed(),
    }
}

/// The same lines in an encoding.
fn recoded(lines: CopyLines, charset: Charset) -> Result<CopyLines> {
    let text = std::str::from_utf8(&lines.data).map_err(|_| Error::internal("a line is no text"))?;
    let (mut data, mut ends, mut from) = (Vec::with_capacity(text.len()), Vec::with_capacity(lines.ends.len()), 0);
    for end in lines.ends {
        let line = text.get(from..end).ok_or_else(|| Error::internal("a line ends within a character"))?;
        charset.encode(line, &mut data)?;
        ends.push(data.len());
        from = end;
    }
    Ok(CopyLines { data: Bytes::from(data), ends, rows: lines.rows })
}

/// The rows of a stream in the binary form.
pub fn tuples(
    form: Arc<dyn BinaryForm>,
    (schema, charset): (SchemaRef, Charset),
    rows: SendableRecordBatchStream,
) -> BoxStream<'static, Result<CopyLines>> {
    let mut first = true;
    let body = rows.filter_map(move |batch| {
        let lines = match batch {
            Ok(batch) if batch.num_rows() == 0 => None,
            // Clients read the header in the message of the first row.
            Ok(batch) => Some(binary::encode(form.as_ref(), (&schema, charset), &batch, std::mem::take(&mut first))),
            Err(error) => Some(Err(Error::from(error))),
        };
        let lines = lines.map(|encoded| {
            encoded.map(|(data, ends)| CopyLines { data: Bytes::from(data), rows: ends.len() as u64, ends })
        });
        std::future::ready(lines)
    });
    with_header_and_end(body.boxed())
}

/// Adds the mark of the end; and the header, if there was no row to stand before.
fn with_header_and_end(body: BoxStream<'static, Result<CopyLines>>) -> BoxStream<'static, Result<CopyLines>> {
    stream::unfold(Some((body, true)), |state| async move {
        let (mut body, empty) = state?;
        match body.next().await {
            Some(lines) => Some((lines, Some((body, false)))),
            None => {
                let mut data = if empty { binary::header() } else { Vec::new() };
                data.extend_from_slice(&binary::TRAILER);
                let ends = vec![data.len()];
                Some((Ok(CopyLines { data: Bytes::from(data), ends, rows: 0 }), None))
            }
        }
    })
    .boxed()
}

/// By column of the rows, whether FORCE_QUOTE names it.
pub fn forced(form: &CopyForm, names: &[String], relation: Option<(&str, &SchemaRef)>) -> Result<Vec<bool>> {
    let chosen = match &form.force_quote {
        Chosen::All => return Ok(vec![true; names.len()]),
        Chosen::Named(chosen) => chosen,
    };
    if let Some(name) = chosen.iter().find(|name| !names.contains(name)) {
        return Err(match relation {
            Some((_, schema)) if schema.index_of(name).is_ok() => Error::new(
                Kind::InvalidColumnReference,
                format!("FORCE_QUOTE column \"{name}\" not referenced by COPY"),
            ),
            Some((table, _)) => {
                let message = format!("column \"{name}\" of relation \"{table}\" does not exist");
                Error::new(Kind::UndefinedColumn, message)
            }
            None => Error::new(Kind::UndefinedColumn, format!("column \"{name}\" does not exist")),
        });
    }
    Ok(names.iter().map(|name| chosen.contains(name)).collect())
}

/// The rows of a batch as lines of CSV.
pub fn csv_lines(batch: &RecordBatch) -> Result<Bytes> {
    let writer = Writer { form: CopyForm::csv(), forced: Vec::new() };
    Ok(writer.encode(&batch.schema(), batch).data)
}

/// Writes values as the statement wants them.
struct Writer {
    form: CopyForm,
    forced: Vec<bool>,
}

impl Writer {
    /// The rows of a batch, whose columns are those of the schema.
    fn encode(&self, schema: &SchemaRef, batch: &RecordBatch) -> CopyLines {
        let (mut data, mut cell) = (Vec::new(), Vec::new());
        let columns: Vec<Column<'_>> = (batch.columns().iter().zip(schema.fields()))
            .map(|(array, field)| Column::new(field, array.as_ref()))
            .collect();
        let mut ends = Vec::with_capacity(batch.num_rows());
        let alone = batch.num_columns() == 1;
        for row in 0..batch.num_rows() {
            for (n, column) in columns.iter().enumerate() {
                if n > 0 {
                    data.push(self.form.delimiter);
                }
                let forced = self.forced.get(n).copied().unwrap_or(false);
                let value = match column.cell(row) {
                    Some(value) => {
                        cell.clear();
                        write_text(&value, &mut cell);
                        Some(cell.as_slice())
                    }
                    None => None,
                };
                self.write(&mut data, value, forced, alone);
            }
            data.push(b'\n');
            ends.push(data.len());
        }
        CopyLines { data: Bytes::from(data), rows: ends.len() as u64, ends }
    }

    /// Writes a value; `alone` says that it is all that its line has.
    fn write(&self, data: &mut Vec<u8>, value: Option<&[u8]>, forced: bool, alone: bool) {
        match value {
            None => data.extend_from_slice(self.form.null.as_bytes()),
            Some(value) if self.form.format == CopyFormat::Csv => self.write_csv(data, value, forced, alone),
            Some(value) => self.write_text(data, value),
        }
    }

    fn write_csv(&self, data: &mut Vec<u8>, value: &[u8], forced: bool, alone: bool) {
        let (quote, escape) = (self.form.quote, self.form.escape);
        let special = |b: u8| b == self.form.delimiter || b == quote || b == b'\n' || b == b'\r';
        // The mark of the end is one only where it is alone on a line.
        let plain = value != self.form.null.as_bytes() && !(alone && value == b"\\.");
        if !forced && plain && !value.iter().copied().any(special) {
            data.extend_from_slice(value);
            return;
        }
        data.push(quote);
        for &byte in value {
            if byte == quote || byte == escape {
                data.push(escape);
            }
            data.push(byte);
        }
        data.push(quote);
    }

    fn write_text(&self, data: &mut Vec<u8>, value: &[u8]) {
        for &byte in value {
            match byte {
                b'\\' => data.extend_from_slice(b"\\\\"),
                8 => data.extend_from_slice(b"\\b"),
                12 => data.extend_from_slice(b"\\f"),
                b'\n' => data.extend_from_slice(b"\\n"),
                b'\r' => data.extend_from_slice(b"\\r"),
                b'\t' => data.extend_from_slice(b"\\t"),
                11 => data.extend_from_slice(b"\\v"),
                byte if byte == self.form.delimiter => data.extend_from_slice(&[b'\\', byte]),
                byte => data.push(byte),
            }
        }
    }
}
