//! Bytes as they arrive to blocks of whole records.
//!
//! Only ends of records are looked for here, so that blocks can be read on other threads while more arrives.

use super::super::parser::CopyFormat;
use super::split::Form;
use crate::config::SEGMENT_ROWS_MAX;
use crate::error::{Error, Kind, Result};
use std::io::BufRead;
use std::sync::Arc;

/// Bytes of a block from which it is cut: bounds memory whatever the records are.
const BLOCK_BYTES: usize = 32 << 20;

/// Some whole records.
#[derive(Debug)]
pub struct Block {
    /// Their bytes; only the very last record may lack its newline.
    pub data: Vec<u8>,
    /// The line that the first one is on.
    pub line: u64,
}

/// Cuts bytes into blocks.
#[derive(Debug)]
pub struct Cutter {
    form: Arc<Form>,
    /// Bytes of the next block.
    rest: Vec<u8>,
    /// How many of them have been looked at.
    seen: usize,
    /// Where the last whole record of them ends.
    end: usize,
    /// Whole records among them.
    records: usize,
    /// A quoted value is open where `seen` ends.
    quoted: bool,
    /// The line that they begin on.
    line: u64,
    /// The mark of the end was there: what follows does not count.
    ended: bool,
}

impl Cutter {
    /// A cutter of this form.
    pub fn new(form: Arc<Form>) -> Self {
        Self { form, rest: Vec::new(), seen: 0, end: 0, records: 0, quoted: false, line: 1, ended: false }
    }

    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// A block, once there is enough for one.
    pub fn block(&mut self) -> Option<Block> {
        while !self.ended && self.seen < self.rest.len() {
            let mut rest = &self.rest[self.seen..];
            let taken = rest.skip_until(b'\n').unwrap_or(0);
            let piece = &self.rest[self.seen..self.seen + taken];
            self.seen += taken;
            let line_ends = piece.last() == Some(&b'\n');
            let whole = match self.form.format {
                CopyFormat::Csv => {
                    self.quoted ^= piece.iter().filter(|byte| **byte == self.form.quote).count() % 2 == 1;
                    !self.quoted
                }
                CopyFormat::Text => {
                    // A backslash before the newline makes it data, unless it is escaped itself.
                    let before = &self.rest[self.end..self.seen - usize::from(line_ends)];
                    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
                }
            };
            if !(line_ends && whole) {
                continue;
            }
            let record = &self.rest[self.end..self.seen - 1];
            if record.strip_suffix(b"\r").unwrap_or(record) == b"\\." {
                self.ended = true;
                self.rest.truncate(self.end);
                self.seen = self.end;
                break;
            }
            self.end = self.seen;
            self.records += 1;
            if self.records == SEGMENT_ROWS_MAX || self.end >= BLOCK_BYTES {
                return Some(self.cut());
            }
        }
        None
    }

    fn cut(&mut self) -> Block {
        let mut next = Vec::with_capacity(self.rest.capacity());
        next.extend_from_slice(&self.rest[self.end..]);
        let mut data = std::mem::replace(&mut self.rest, next);
        data.truncate(self.end);
        let line = self.line;
        self.line += data.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.seen -= self.end;
        self.end = 0;
        self.records = 0;
        Block { data, line }
    }

    /// What is left, of which the last record needs no end of line.
    pub fn finish(&mut self) -> Result<Option<Block>> {
        if self.quoted && !self.ended {
            let line = self.line + self.rest[..self.end].iter().filter(|byte| **byte == b'\n').count() as u64;
            return Err(
                Error::new(Kind::BadCopy, "unterminated CSV quoted field").with_detail(format!("COPY, line {line}"))
            );
        }
        let last = &self.rest[self.end..];
        if last == b"\\." || last == b"\\.\r" {
            self.rest.truncate(self.end);
        }
        self.end = self.rest.len();
        self.seen = self.end;
        Ok((self.end > 0).then(|| self.cut()))
    }
}
