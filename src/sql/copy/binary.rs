//! COPY's binary form: a signature, rows of counted values, a mark of the end.
//!
//! What a value's bytes mean the protocol knows, which stands above this room: it lends its knowledge as a [`BinaryForm`].

use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::fail;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, SchemaRef};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What such data begin with.
pub const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Flags, and the length of an extension; none of both is in use.
const HEADER_REST: [u8; 8] = [0; 8];
/// What they end with, in place of the count of a row's values.
pub const TRAILER: [u8; 2] = [0xff, 0xff];
/// Rows of a block.
const BLOCK_ROWS: usize = 1 << 16;
/// Bytes of a block from which it is cut.
const BLOCK_BYTES: usize = 32 << 20;
/// Bytes of the header's extension that are passed over.
const EXTENSION_BYTES_MAX: usize = 1 << 20;

/// Knows the binary form of values.
pub trait BinaryForm: Send + Sync + fmt::Debug {
    /// Appends each row of a batch, whose columns are those of the schema (the count of its values, then each behind its length) and
    /// says where each ends. Texts are in an encoding.
    fn write(
        &self,
        schema: (&SchemaRef, Charset),
        batch: &RecordBatch,
        out: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()>;

    /// The values of a column, none for NULL, whose texts are in an encoding. Its type may be wider than the field's.
    fn read(&self, field: (&Field, Charset), values: &[Option<&[u8]>]) -> Result<ArrayRef>;
}

/// A session's form; without one there is none.
pub type Lent = Option<Arc<dyn BinaryForm>>;

/// The form that was lent, or why there is none.
pub fn must_have(lent: &Lent) -> Result<Arc<dyn BinaryForm>> {
    lent.clone().ok_or_else(|| Error::new(Kind::Unsupported, "COPY in format \"binary\" needs a connection"))
}

/// What stands before the first row.
pub fn header() -> Vec<u8> {
    [&SIGNATURE[..], &HEADER_REST].concat()
}

/// Some whole rows.
#[derive(Debug)]
pub struct Tuples {
    /// Their bytes.
    pub data: Vec<u8>,
    /// The number of the first one, from 1.
    pub first: u64,
    /// How many.
    pub rows: usize,
}

/// Cuts bytes as they arrive into rows.
#[derive(Debug)]
pub struct TupleCutter {
    columns: usize,
    table: String,
    rest: Vec<u8>,
    begun: bool,
    ended: bool,
    /// Where the whole rows of `rest` end, and how many they are.
    end: usize,
    rows: usize,
    /// The number of its first row.
    first: u64,
}

impl TupleCutter {
    /// A cutter for rows of so many columns.
    pub fn new(columns: usize, table: String) -> Self {
        Self { columns, table, rest: Vec::new(), begun: false, ended: false, end: 0, rows: 0, first: 1 }
    }

    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if self.ended && !bytes.is_empty() {
            return Err(self.bad("received copy data after EOF marker"));
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    /// Rows, once there are enough.
    pub fn tuples(&mut self) -> Result<Option<Tuples>> {
        if !self.begun && !self.begin()? {
            return Ok(None);
        }
        while !self.ended {
            let Some(length) = self.length_at(self.end)? else { return Ok(None) };
            if length == 0 {
                self.ended = true;
                if self.rest.len() > self.end + TRAILER.len() {
                    return Err(self.bad("received copy data after EOF marker"));
                }
                self.rest.truncate(self.end);
                break;
            }
            self.end += length;
            self.rows += 1;
            if self.rows == BLOCK_ROWS || self.end >= BLOCK_BYTES {
                return Ok(Some(self.cut()));
            }
        }
        Ok(None)
    }

    /// The last rows. A mark of the end may be missing, but not a part of a row.
    pub fn finish(&mut self) -> Result<Option<Tuples>> {
        if !self.begun {
            return Err(Error::new(Kind::BadCopy, "COPY file signature not recognized"));
        }
        if self.rest.len() > self.end {
            return Err(self.bad("unexpected EOF in COPY data"));
        }
        Ok((self.rows > 0).then(|| self.cut()))
    }

    /// Reads the header; false when it is not all there.
    fn begin(&mut self) -> Result<bool> {
        let known = self.rest.len().min(SIGNATURE.len());
        if self.rest[..known] != SIGNATURE[..known] {
            fail!(BadCopy, "COPY file signature not recognized");
        }
        let Some(head) = self.rest.get(SIGNATURE.len()..SIGNATURE.len() + 8) else { return Ok(false) };
        let word = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (flags, extension) = (word(0), word(4));
        if flags & (1 << 16) != 0 {
            fail!(BadCopy, "invalid COPY file header (WITH OIDS)");
        }
        if (flags as u32) >> 16 != 0 {
            fail!(BadCopy, "unrecognized critical flags in COPY file header");
        }
        let extension = match usize::try_from(extension) {
            Ok(length) if length <= EXTENSION_BYTES_MAX => length,
            _ => fail!(BadCopy, "invalid COPY file header (wrong length)"),
        };
        let whole = SIGNATURE.len() + 8 + extension;
        if self.rest.len() < whole {
            return Ok(false);
        }
        self.rest.drain(..whole);
        self.begun = true;
        Ok(true)
    }

    /// The length of the row that begins there; 0 for the mark of the end, none when it is not all there.
    fn length_at(&self, from: usize) -> Result<Option<usize>> {
        let Some(count) = self.rest.get(from..from + 2) else { return Ok(None) };
        let count = i16::from_be_bytes([count[0], count[1]]);
        if count == -1 {
            return Ok(Some(0));
        }
        if usize::try_from(count) != Ok(self.columns) {
            return Err(self.bad(&format!("row field count is {count}, expected {}", self.columns)));
        }
        let mut at = from + 2;
        for _ in 0..self.columns {
            match next_value(&self.rest, at) {
                Err(()) => return Err(self.bad("invalid field size")),
                Ok(None) => return Ok(None),
                Ok(Some((_, behind))) => at = behind,
            }
        }
        Ok((at <= self.rest.len()).then_some(at - from))
    }

    fn bad(&self, message: &str) -> Error {
        let row = self.first + self.rows as u64;
        Error::new(Kind::BadCopy, message).with_context(format!("COPY {}, line {row}", self.table))
    }

    fn cut(&mut self) -> Tuples {
        let rest = self.rest.split_off(self.end);
        let data = std::mem::replace(&mut self.rest, rest);
        let (first, rows) = (self.first, self.rows);
        self.first += rows as u64;
        self.end = 0;
        self.rows = 0;
        Tuples { data, first, rows }
    }
}

impl Tuples {
    /// The values of each column.
    pub fn columns(&self, count: usize) -> Vec<Vec<Option<&[u8]>>> {
        let mut columns: Vec<Vec<Option<&[u8]>>> = (0..count).map(|_| Vec::with_capacity(self.rows)).collect();
        let mut at = 0;
        for _ in 0..self.rows {
            at += 2;
            for column in &mut columns {
                // The cutter has looked at all lengths.
                let Ok(Some((value, behind))) = next_value(&self.data, at) else { return columns };
                column.push(value.and_then(|range| self.data.get(range)));
                at = behind;
            }
        }
        columns
    }
}

/// Where a value lies, if it is not NULL, and what is behind it.
type Place = (Option<Range<usize>>, usize);

/// Where the value at a place lies (nowhere for NULL), and what is behind it; none when its length is not there yet.
fn next_value(bytes: &[u8], at: usize) -> Result<Option<Place>, ()> {
    let Some(length) = bytes.get(at..at + 4) else { return Ok(None) };
    match i32::from_be_bytes([length[0], length[1], length[2], length[3]]) {
        -1 => Ok(Some((None, at + 4))),
        length if length < 0 => Err(()),
        length => {
            let end = at + 4 + length as usize;
            Ok(Some((Some(at + 4..end), end)))
        }
    }
}

/// Rows of a batch, behind the header if they are the first.
pub fn encode(
    form: &dyn BinaryForm,
    schema: (&SchemaRef, Charset),
    batch: &RecordBatch,
    first: bool,
) -> Result<(Vec<u8>, Vec<usize>)> {
    let mut data = if first { header() } else { Vec::new() };
    let mut ends = Vec::with_capacity(batch.num_rows());
    form.write(schema, batch, &mut data, &mut ends)?;
    Ok((data, ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(columns: usize, bytes: &[u8], step: usize) -> Result<Vec<Vec<Option<Vec<u8>>>>> {
        let mut cutter = TupleCutter::new(columns, "t".to_owned());
        let mut found = Vec::new();
        for piece in bytes.chunks(step) {
            cutter.feed(piece)?;
            while let Some(tuples) = cutter.tuples()? {
                found.push(tuples);
            }
        }
        found.extend(cutter.finish()?);
        let mut rows = Vec::new();
        for tuples in &found {
            let columns = tuples.columns(columns);
            rows.extend((0..tuples.rows).map(|row| columns.iter().map(|c| c[row].map(<[u8]>::to_vec)).collect()));
        }
        Ok(rows)
    }

    #[test]
    fn rows_are_cut_wherever_their_bytes_are() {
        let mut bytes = header();
        bytes.extend_from_slice(b"\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x02\0\0\0\0\0\0\0\x02bc");
        let expected = [vec![Some(b"a".to_vec()), None], vec![Some(Vec::new()), Some(b"bc".to_vec())]];
        for step in 1..bytes.len() {
            assert_eq!(cut(2, &bytes, step).unwrap(), expected, "step {step}");
            assert_eq!(cut(2, &[&bytes[..], &TRAILER].concat(), step).unwrap(), expected, "step {step}");
        }
        assert!(cut(2, &[&header()[..], &TRAILER].concat(), 3).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let said = |rest: &[u8]| cut(1, &[&header()[..], rest].concat(), 4).unwrap_err().message().to_owned();
        assert_eq!(said(b"\0\x02\0\0\0\0\0\0\0\0"), "row field count is 2, expected 1");
        assert_eq!(said(b"\0\x01\xff\xff\xff\xfe"), "invalid field size");
        assert_eq!(said(b"\0\x01\x7f\xff\xff\xff"), "unexpected EOF in COPY data");
        assert_eq!(said(b"\0\x01\0\0\0\x04ab"), "unexpected EOF in COPY data");
        assert_eq!(said(b"\xff\xff\0\x01"), "received copy data after EOF marker");
        for bytes in [&b""[..], b"PGCOPY", b"PGCOPY\n\xff\r\n\x01\0\0\0\0\0\0\0\0"] {
            assert_eq!(cut(1, bytes, 2).unwrap_err().message(), "COPY file signature not recognized");
        }
        let error = cut(1, b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0", 30).unwrap_err();
        assert_eq!(error.message(), "invalid COPY file header (WITH OIDS)");
    }
}
