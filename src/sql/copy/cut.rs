//! Bytes as they arrive to blocks of whole records.
//!
//! Only ends of records are looked for here, so that blocks can be read on other threads while more arrives. How lines end
//! (`\n`, `\r\n` or `\r`) the first of them says, as in PostgreSQL.

use super::split::Form;
use crate::config::SEGMENT_ROWS_MAX;
use crate::error::{Error, Kind, Result};
use std::io::BufRead;
use std::sync::Arc;

/// Bytes of a block from which it is cut: bounds memory whatever the records are.
const BLOCK_BYTES: usize = 32 << 20;

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`
    Newline,
    /// `\r\n`
    Both,
    /// `\r`
    Return,
}

impl LineEnd {
    /// Its last byte.
    pub fn last(self) -> u8 {
        match self {
            Self::Newline | Self::Both => b'\n',
            Self::Return => b'\r',
        }
    }
}

/// Some whole records.
#[derive(Debug)]
pub struct Block {
    /// Their bytes; only the very last record may lack its end of line.
    pub data: Vec<u8>,
    /// The line that the first one is on.
    pub line: u64,
    /// How lines end.
    pub ends: LineEnd,
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
    /// What comes next there is escaped.
    escaped: bool,
    /// The line that they begin on.
    line: u64,
    /// How lines end, once one has.
    ends: Option<LineEnd>,
    first: First,
    /// The mark of the end was there: what follows does not count.
    ended: bool,
}

/// How far the end of the first line has been looked for, and what is open there.
#[derive(Debug, Default)]
struct First {
    at: usize,
    quoted: bool,
    escaped: bool,
}

impl Cutter {
    /// A cutter of this form.
    pub fn new(form: Arc<Form>) -> Self {
        Self {
            form,
            rest: Vec::new(),
            seen: 0,
            end: 0,
            records: 0,
            quoted: false,
            escaped: false,
            line: 1,
            ends: None,
            first: First::default(),
            ended: false,
        }
    }

    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// A block, once there is enough for one.
    pub fn block(&mut self) -> Result<Option<Block>> {
        if self.ends.is_none() {
            self.ends = self.first_end(false);
        }
        let Some(ends) = self.ends else { return Ok(None) };
        while !self.ended && self.seen < self.rest.len() {
            let mut rest = &self.rest[self.seen..];
            let taken = rest.skip_until(ends.last()).unwrap_or(0);
            let from = self.seen;
            self.seen += taken;
            let line_ends = self.rest.get(self.seen - 1) == Some(&ends.last());
            if !self.is_whole(from, line_ends) || !line_ends {
                continue;
            }
            let record_end =
                self.seen - 1 - usize::from(ends == LineEnd::Both && self.rest[..self.seen - 1].ends_with(b"\r"));
            match self.end_mark(record_end) {
                Ok(None) => {}
                Ok(Some(mark)) => {
                    self.ended = true;
                    self.rest.truncate(mark);
                    self.seen = mark;
                    self.end = mark;
                    break;
                }
                // What is whole before it comes first, and may be wrong first.
                Err(_) if self.end > 0 => {
                    self.seen = self.end;
                    return Ok(Some(self.cut(ends)));
                }
                Err(error) => return Err(error),
            }
            self.end = self.seen;
            self.records += 1;
            if self.records == SEGMENT_ROWS_MAX || self.end >= BLOCK_BYTES {
                return Ok(Some(self.cut(ends)));
            }
        }
        Ok(None)
    }

    /// Whether a record ends with the bytes from there to `seen`, if a line does.
    fn is_whole(&mut self, from: usize, line_ends: bool) -> bool {
        let piece = &self.rest[from..self.seen];
        let (quote, escape) = (self.form.quote, self.form.escape);
        if !self.form.csv {
            // A backslash before the newline makes it data, unless it is escaped itself.
            let before = &self.rest[self.end..self.seen - usize::from(line_ends)];
            return before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0;
        }
        if quote == escape {
            self.quoted ^= piece.iter().filter(|byte| **byte == quote).count() % 2 == 1;
            return !self.quoted;
        }
        for byte in piece {
            match *byte {
                _ if self.escaped => self.escaped = false,
                byte if self.quoted && byte == escape => self.escaped = true,
                byte => self.quoted ^= byte == quote,
            }
        }
        !self.quoted
    }

    /// Where the data end if the record that ends there holds the mark `\.`: CSV has it alone on a line, text wherever it
    /// stands.
    fn end_mark(&self, record_end: usize) -> Result<Option<usize>> {
        let record = &self.rest[self.end..record_end];
        if self.form.csv {
            return Ok((record == b"\\.").then_some(self.end));
        }
        let mut at = 0;
        while let Some(found) = record[at..].iter().position(|byte| *byte == b'\\') {
            at += found;
            match record.get(at + 1) {
                Some(b'.') if at + 2 == record.len() => return Ok(Some(self.end + at)),
                Some(b'.') => return Err(self.corrupt_mark()),
                Some(_) => at += 2,
                None => break,
            }
        }
        Ok(None)
    }

    fn corrupt_mark(&self) -> Error {
        let line = self.line_at(self.end);
        Error::new(Kind::BadCopy, "end-of-copy marker corrupt").with_context(self.form.context(line))
    }

    /// How the first line ends, if that can be told yet; `whole` says that no more bytes come.
    fn first_end(&mut self, whole: bool) -> Option<LineEnd> {
        let First { at, quoted, escaped } = &mut self.first;
        while let Some(byte) = self.rest.get(*at).copied() {
            match byte {
                _ if *escaped => *escaped = false,
                b'\\' if !self.form.csv => *escaped = true,
                byte if *quoted && byte == self.form.escape && byte != self.form.quote => *escaped = true,
                byte if self.form.csv && byte == self.form.quote => *quoted = !*quoted,
                b'\n' if !*quoted => return Some(LineEnd::Newline),
                b'\r' if !*quoted => match self.rest.get(*at + 1) {
                    Some(b'\n') => return Some(LineEnd::Both),
                    Some(_) => return Some(LineEnd::Return),
                    None => return whole.then_some(LineEnd::Return),
                },
                _ => {}
            }
            *at += 1;
        }
        whole.then_some(LineEnd::Newline)
    }

    fn line_at(&self, place: usize) -> u64 {
        let last = self.ends.unwrap_or(LineEnd::Newline).last();
        self.line + self.rest[..place].iter().filter(|byte| **byte == last).count() as u64
    }

    fn cut(&mut self, ends: LineEnd) -> Block {
        let mut next = Vec::with_capacity(self.rest.capacity());
        next.extend_from_slice(&self.rest[self.end..]);
        let line = self.line;
        self.line = self.line_at(self.end);
        let mut data = std::mem::replace(&mut self.rest, next);
        data.truncate(self.end);
        self.seen -= self.end;
        self.end = 0;
        self.records = 0;
        Block { data, line, ends }
    }

    /// What is left, of which the last record needs no end of line. To be called until there is nothing.
    pub fn finish(&mut self) -> Result<Option<Block>> {
        let ends = match self.ends {
            Some(ends) => ends,
            None => self.first_end(true).unwrap_or(LineEnd::Newline),
        };
        self.ends = Some(ends);
        // Where only the news of how lines end was missing, nothing has been looked at yet.
        if let Some(block) = self.block()? {
            return Ok(Some(block));
        }
        if self.quoted && !self.ended {
            // What is whole before it comes first, and may be wrong first.
            if self.end > 0 {
                return Ok(Some(self.cut(ends)));
            }
            let line = self.line_at(self.rest.len());
            return Err(
                Error::new(Kind::BadCopy, "unterminated CSV quoted field").with_context(self.form.context(line))
            );
        }
        // A mark without an end of line is none: in CSV it is data, in text nothing.
        if !self.ended && !self.form.csv && !matches!(self.end_mark(self.rest.len()), Ok(None)) {
            return if self.end > 0 { Ok(Some(self.cut(ends))) } else { Err(self.corrupt_mark()) };
        }
        self.end = self.rest.len();
        self.seen = self.end;
        Ok((self.end > 0).then(|| self.cut(ends)))
    }
}
