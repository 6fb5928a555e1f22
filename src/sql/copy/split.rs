//! Bytes of COPY's text and CSV forms to values, a record at a time.
//!
//! CSV as PostgreSQL reads it: a value that is written without quotes and equals the NULL string is NULL, one in quotes
//! never is. General CSV readers lose that difference, hence this one.

use super::super::parser::CopyFormat;
use crate::error::{Error, Kind, Result};

/// Values of one record, none for NULL.
pub type Record = Vec<Option<String>>;

/// Splits a stream of bytes into records.
#[derive(Debug)]
pub struct Splitter {
    format: CopyFormat,
    delimiter: u8,
    quote: u8,
    null: String,
    /// Bytes of a record that is not whole yet.
    rest: Vec<u8>,
    /// Lines seen.
    pub line: u64,
    ended: bool,
}

impl Splitter {
    /// A splitter for this form.
    pub fn new(format: CopyFormat, delimiter: u8, quote: u8, null: String) -> Self {
        Self { format, delimiter, quote, null, rest: Vec::new(), line: 0, ended: false }
    }

    /// Takes bytes and gives the records that are whole now to `each`, with the line they are on.
    pub fn feed(&mut self, bytes: &[u8], each: &mut dyn FnMut(u64, Record) -> Result<()>) -> Result<()> {
        self.rest.extend_from_slice(bytes);
        let data = std::mem::take(&mut self.rest);
        let mut at = 0;
        while let Some(length) = self.whole(&data[at..]) {
            self.record(&data[at..at + length], each)?;
            at += length + 1;
        }
        self.rest = data[at..].to_vec();
        Ok(())
    }

    /// Takes the last record, which needs no end of line.
    pub fn finish(&mut self, each: &mut dyn FnMut(u64, Record) -> Result<()>) -> Result<()> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return Ok(());
        }
        if self.format == CopyFormat::Csv && rest.iter().filter(|b| **b == self.quote).count() % 2 == 1 {
            return Err(Error::new(Kind::BadCopy, "unterminated CSV quoted field")
                .with_detail(format!("COPY, line {}", self.line + 1)));
        }
        self.record(&rest, each)
    }

    /// Bytes of the first record up to its newline, if it is whole.
    fn whole(&self, data: &[u8]) -> Option<usize> {
        match self.format {
            CopyFormat::Text => {
                // A backslash before the newline makes it data.
                let mut escaped = false;
                data.iter().position(|&byte| {
                    let end = byte == b'\n' && !escaped;
                    escaped = byte == b'\\' && !escaped;
                    end
                })
            }
            CopyFormat::Csv => {
                let mut quoted = false;
                data.iter().position(|&byte| {
                    quoted ^= byte == self.quote;
                    byte == b'\n' && !quoted
                })
            }
        }
    }

    fn record(&mut self, bytes: &[u8], each: &mut dyn FnMut(u64, Record) -> Result<()>) -> Result<()> {
        self.line += 1;
        let line = self.line;
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if self.ended || bytes == b"\\." {
            self.ended = true;
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Error::new(Kind::BadCopy, "invalid byte sequence for encoding \"UTF8\"")
                .with_detail(format!("COPY, line {line}"))
        })?;
        let record = match self.format {
            CopyFormat::Text => self.text(text),
            CopyFormat::Csv => self.csv(text, line)?,
        };
        self.line += bytes.iter().filter(|b| **b == b'\n').count() as u64;
        each(line, record)
    }

    fn text(&self, text: &str) -> Record {
        let delimiter = self.delimiter as char;
        let mut values = Vec::new();
        let mut value = String::new();
        let mut raw = String::new();
        let mut chars = text.chars();
        loop {
            let next = chars.next();
            match next {
                Some('\\') => {
                    let escaped = chars.next();
                    raw.push('\\');
                    raw.extend(escaped);
                    value.extend(escaped.map(|c| match c {
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'v' => '\u{b}',
                        other => other,
                    }));
                }
                Some(c) if c != delimiter => {
                    value.push(c);
                    raw.push(c);
                }
                _ => {
                    let value = std::mem::take(&mut value);
                    values.push((raw != self.null).then_some(value));
                    raw.clear();
                    if next.is_none() {
                        return values;
                    }
                }
            }
        }
    }

    fn csv(&self, text: &str, line: u64) -> Result<Record> {
        let (delimiter, quote) = (self.delimiter as char, self.quote as char);
        let mut values = Vec::new();
        let mut value = String::new();
        let mut was_quoted = false;
        let mut quoted = false;
        let mut chars = text.chars().peekable();
        loop {
            match chars.next() {
                Some(c) if quoted && c == quote => match chars.peek() {
                    Some(next) if *next == quote => {
                        value.push(quote);
                        chars.next();
                    }
                    _ => quoted = false,
                },
                Some(c) if !quoted && c == quote => {
                    quoted = true;
                    was_quoted = true;
                }
                Some(c) if quoted || c != delimiter => value.push(c),
                end => {
                    if quoted {
                        return Err(Error::new(Kind::BadCopy, "unterminated CSV quoted field")
                            .with_detail(format!("COPY, line {line}")));
                    }
                    let value = std::mem::take(&mut value);
                    values.push((was_quoted || value != self.null).then_some(value));
                    was_quoted = false;
                    if end.is_none() {
                        return Ok(values);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(format: CopyFormat, pieces: &[&str]) -> Vec<Record> {
        let (delimiter, null) = match format {
            CopyFormat::Csv => (b',', String::new()),
            CopyFormat::Text => (b'\t', "\\N".to_owned()),
        };
        let mut splitter = Splitter::new(format, delimiter, b'"', null);
        let mut records = Vec::new();
        let mut each = |_, record| {
            records.push(record);
            Ok(())
        };
        pieces.iter().for_each(|piece| splitter.feed(piece.as_bytes(), &mut each).unwrap());
        splitter.finish(&mut each).unwrap();
        records
    }

    fn some(values: &[&str]) -> Record {
        values.iter().map(|v| (*v != "NULL").then(|| (*v).to_owned())).collect()
    }

    #[test]
    fn csv_tells_null_from_empty_and_keeps_newlines_in_quotes() {
        let records = split(CopyFormat::Csv, &["a,,\"\"\r\n\"x\"\"y\n", "z\",商", "品,1\n"]);
        assert_eq!(records, [some(&["a", "NULL", ""]), some(&["x\"y\nz", "商品", "1"])]);
    }

    #[test]
    fn text_unescapes_and_ends_at_the_mark() {
        let records = split(CopyFormat::Text, &["a\\tb\t\\N\t\\\\N\n\\.\nlost\n"]);
        assert_eq!(records, [some(&["a\tb", "NULL", "\\N"])]);
    }
}
