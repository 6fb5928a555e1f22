//! COPY TO STDOUT: rows to lines.

use super::super::parser::{Copy, CopyFormat};
use super::super::session::CopyLines;
use crate::encoding::pg_text::cell_text;
use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// The lines of a stream of rows.
pub fn lines(copy: Copy, names: Vec<String>, rows: SendableRecordBatchStream) -> BoxStream<'static, Result<CopyLines>> {
    let header = copy.header.then(|| {
        let mut data = Vec::new();
        for (n, name) in names.iter().enumerate() {
            if n > 0 {
                data.push(copy.delimiter);
            }
            write(&copy, &mut data, Some(name));
        }
        data.push(b'\n');
        let ends = vec![data.len()];
        Ok(CopyLines { data: Bytes::from(data), ends, rows: 0 })
    });
    let body = rows.map(move |batch| batch.map_err(Error::from).and_then(|batch| encode(&copy, &batch)));
    stream::iter(header).chain(body).boxed()
}

/// The rows of a batch as lines of CSV.
pub fn csv_lines(batch: &RecordBatch) -> Result<Bytes> {
    let copy = Copy {
        relation: None,
        query: None,
        columns: Vec::new(),
        from: false,
        parquet: false,
        format: CopyFormat::Csv,
        header: false,
        delimiter: b',',
        null: String::new(),
        quote: b'"',
    };
    Ok(encode(&copy, batch)?.data)
}

fn encode(copy: &Copy, batch: &RecordBatch) -> Result<CopyLines> {
    let mut data = Vec::new();
    let mut ends = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        for (n, column) in batch.columns().iter().enumerate() {
            if n > 0 {
                data.push(copy.delimiter);
            }
            write(copy, &mut data, cell_text(column, row).as_deref());
        }
        data.push(b'\n');
        ends.push(data.len());
    }
    Ok(CopyLines { data: Bytes::from(data), rows: ends.len() as u64, ends })
}

fn write(copy: &Copy, data: &mut Vec<u8>, value: Option<&str>) {
    let Some(value) = value else {
        data.extend_from_slice(copy.null.as_bytes());
        return;
    };
    match copy.format {
        CopyFormat::Csv => {
            let special = |b: u8| b == copy.delimiter || b == copy.quote || b == b'\n' || b == b'\r';
            if value == copy.null || value == "\\." || value.bytes().any(special) {
                data.push(copy.quote);
                for byte in value.bytes() {
                    if byte == copy.quote {
                        data.push(copy.quote);
                    }
                    data.push(byte);
                }
                data.push(copy.quote);
            } else {
                data.extend_from_slice(value.as_bytes());
            }
        }
        CopyFormat::Text => {
            for byte in value.bytes() {
                match byte {
                    b'\\' => data.extend_from_slice(b"\\\\"),
                    b'\n' => data.extend_from_slice(b"\\n"),
                    b'\r' => data.extend_from_slice(b"\\r"),
                    b'\t' => data.extend_from_slice(b"\\t"),
                    byte if byte == copy.delimiter => data.extend_from_slice(&[b'\\', byte]),
                    byte => data.push(byte),
                }
            }
        }
    }
}
