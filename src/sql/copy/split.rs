//! Records of COPY's text and CSV forms to values.
//!
//! CSV as PostgreSQL reads it: a value that is written without quotes and equals the NULL string is NULL, one in quotes
//! never is. General CSV readers lose that difference, hence this one. A value is borrowed from the text unless
//! something in it is escaped.

use super::super::parser::CopyFormat;
use super::cut::Block;
use crate::error::{Error, Kind, Result};
use std::borrow::Cow;

/// How the text is written.
#[derive(Debug, Clone)]
pub struct Form {
    /// Text or CSV.
    pub format: CopyFormat,
    /// Between values.
    pub delimiter: u8,
    /// Around values of CSV.
    pub quote: u8,
    /// What NULL is written as.
    pub null: String,
}

/// A value, none for NULL.
pub type Value<'a> = Option<Cow<'a, str>>;

impl Form {
    /// Gives each record of a block to `each`, with the line it begins on.
    pub fn records<'a>(&self, block: &'a Block, mut each: impl FnMut(u64, &[Value<'a>]) -> Result<()>) -> Result<()> {
        let text = match std::str::from_utf8(&block.data) {
            Ok(text) => text,
            Err(error) => {
                let before = &block.data[..error.valid_up_to()];
                let line = block.line + before.iter().filter(|byte| **byte == b'\n').count() as u64;
                return Err(Error::new(Kind::BadCopy, "invalid byte sequence for encoding \"UTF8\"")
                    .with_detail(format!("COPY, line {line}")));
            }
        };
        let (mut rest, mut line) = (text, block.line);
        let mut values = Vec::new();
        while !rest.is_empty() {
            values.clear();
            let length = match self.format {
                CopyFormat::Text => self.text(rest, line, &mut values)?,
                CopyFormat::Csv => self.csv(rest, line, &mut values)?,
            };
            each(line, &values)?;
            line += 1;
            if values.iter().any(|value| matches!(value, Some(Cow::Owned(_)))) {
                // Only what was escaped or quoted can hold a newline.
                line += rest[..length].bytes().filter(|byte| *byte == b'\n').count().saturating_sub(1) as u64;
            }
            rest = &rest[length..];
        }
        Ok(())
    }

    /// The values of the first record of `text`, and its length with the newline.
    fn text<'a>(&self, text: &'a str, line: u64, values: &mut Vec<Value<'a>>) -> Result<usize> {
        let bytes = text.as_bytes();
        let mut start = 0;
        loop {
            let special = |byte: &u8| *byte == self.delimiter || *byte == b'\n' || *byte == b'\\';
            let mut end = bytes[start..].iter().position(special).map_or(bytes.len(), |at| start + at);
            let mut escaped = false;
            while bytes.get(end) == Some(&b'\\') {
                escaped = true;
                let after = (end + 2).min(bytes.len());
                end = bytes[after..].iter().position(special).map_or(bytes.len(), |at| after + at);
            }
            let last = bytes.get(end) != Some(&self.delimiter);
            // The program that wrote the file may end lines as Windows does.
            let whole = match last {
                true => text[start..end].strip_suffix('\r').unwrap_or(&text[start..end]),
                false => &text[start..end],
            };
            values.push(match whole == self.null {
                true => None,
                false if escaped => {
                    let plain = unescaped(whole).map_err(|error| error.with_detail(format!("COPY, line {line}")))?;
                    Some(Cow::Owned(plain))
                }
                false => Some(Cow::Borrowed(whole)),
            });
            if last {
                return Ok((end + 1).min(bytes.len()));
            }
            start = end + 1;
        }
    }

    fn csv<'a>(&self, text: &'a str, line: u64, values: &mut Vec<Value<'a>>) -> Result<usize> {
        let bytes = text.as_bytes();
        let mut start = 0;
        loop {
            let ends = |byte: &u8| *byte == self.delimiter || *byte == b'\n';
            let special = |byte: &u8| ends(byte) || *byte == self.quote;
            let mut end = bytes[start..].iter().position(special).map_or(bytes.len(), |at| start + at);
            let mut quoted = false;
            while bytes.get(end) == Some(&self.quote) {
                quoted = true;
                let inside = end + 1;
                let Some(close) = bytes[inside..].iter().position(|byte| *byte == self.quote) else {
                    return Err(Error::new(Kind::BadCopy, "unterminated CSV quoted field")
                        .with_detail(format!("COPY, line {line}")));
                };
                let after = inside + close + 1;
                end = bytes[after..].iter().position(special).map_or(bytes.len(), |at| after + at);
            }
            let last = bytes.get(end) != Some(&self.delimiter);
            let whole = match last {
                true => text[start..end].strip_suffix('\r').unwrap_or(&text[start..end]),
                false => &text[start..end],
            };
            values.push(match quoted {
                true => Some(Cow::Owned(self.unquoted(whole))),
                false => (whole != self.null).then_some(Cow::Borrowed(whole)),
            });
            if last {
                return Ok((end + 1).min(bytes.len()));
            }
            start = end + 1;
        }
    }

    /// A value without its quotes; two of them within quotes are one.
    fn unquoted(&self, text: &str) -> String {
        let quote = self.quote as char;
        let mut value = String::with_capacity(text.len());
        let (mut inside, mut chars) = (false, text.chars().peekable());
        while let Some(c) = chars.next() {
            match c == quote {
                true if inside && chars.peek() == Some(&quote) => {
                    value.push(quote);
                    chars.next();
                }
                true => inside = !inside,
                false => value.push(c),
            }
        }
        value
    }
}

/// A field with what its backslashes mean. Bytes said by their numbers (`\x41`, `\101`) must be UTF-8 together.
fn unescaped(text: &str) -> Result<String> {
    let mut value = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        let Some(escaped) = bytes.next() else { break };
        // Up to so many digits, the first ones of which may be known.
        let mut number = |known: Option<u32>, base: u32, most: u32| {
            let mut number = known;
            for _ in known.map_or(0, |_| 1)..most {
                let Some(digit) = bytes.peek().and_then(|byte| char::from(*byte).to_digit(base)) else { break };
                number = Some(number.unwrap_or(0) * base + digit);
                bytes.next();
            }
            number
        };
        value.push(match escaped {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'x' => number(None, 16, 2).map_or(b'x', |number| number as u8),
            b'0'..=b'7' => number(Some(u32::from(escaped - b'0')), 8, 3).map_or(escaped, |number| number as u8),
            other => other,
        });
    }
    String::from_utf8(value).map_err(|_| {
        Error::new(Kind::InvalidByteSequence, "invalid byte sequence for encoding \"UTF8\" after a backslash")
    })
}

#[cfg(test)]
mod tests {
    use super::super::cut::Cutter;
    use super::*;
    use std::sync::Arc;

    type Record = (u64, Vec<Option<String>>);

    fn split(format: CopyFormat, pieces: &[&str]) -> Result<Vec<Record>> {
        let (delimiter, null) = match format {
            CopyFormat::Csv => (b',', String::new()),
            CopyFormat::Text => (b'\t', "\\N".to_owned()),
        };
        let form = Arc::new(Form { format, delimiter, quote: b'"', null });
        let mut cutter = Cutter::new(form.clone());
        let mut blocks = Vec::new();
        for piece in pieces {
            cutter.feed(piece.as_bytes());
            while let Some(block) = cutter.block() {
                blocks.push(block);
            }
        }
        blocks.extend(cutter.finish()?);
        let mut records = Vec::new();
        for block in &blocks {
            form.records(block, |line, values| {
                records.push((line, values.iter().map(|v| v.as_deref().map(str::to_owned)).collect()));
                Ok(())
            })?;
        }
        Ok(records)
    }

    fn some(line: u64, values: &[&str]) -> Record {
        (line, values.iter().map(|v| (*v != "NULL").then(|| (*v).to_owned())).collect())
    }

    /// However the bytes arrive, the records are the same.
    fn in_all_pieces(format: CopyFormat, text: &str, expected: &[Record]) {
        let cuts = text.char_indices().map(|(at, _)| at);
        for cut in cuts {
            let (a, b) = text.split_at(cut);
            assert_eq!(split(format, &[a, b]).unwrap(), expected, "cut at {cut}");
        }
        let each: Vec<String> = text.chars().map(String::from).collect();
        let each: Vec<&str> = each.iter().map(String::as_str).collect();
        assert_eq!(split(format, &each).unwrap(), expected);
    }

    #[test]
    fn csv_tells_null_from_empty_and_keeps_newlines_in_quotes() {
        let expected = [
            some(1, &["a", "NULL", ""]),
            some(2, &["x\"y\nz", "商品", "1"]),
            some(4, &["NULL"]),
            some(5, &["mid dle", "NULL"]),
        ];
        in_all_pieces(CopyFormat::Csv, "a,,\"\"\r\n\"x\"\"y\nz\",商品,1\n\nmid\" dle\",", &expected);
        assert_eq!(split(CopyFormat::Csv, &["a\n\"b\n", "c\n"]).unwrap_err().kind(), Kind::BadCopy);
        assert_eq!(split(CopyFormat::Csv, &["a\n\\.\nlost\n"]).unwrap(), [some(1, &["a"])]);
    }

    #[test]
    fn text_unescapes_and_ends_at_the_mark() {
        let expected = [
            some(1, &["a\tb", "NULL", "\\N"]),
            some(2, &["two\nlines", "\\"]),
            some(4, &["", "x\r\n"]),
            some(6, &["last"]),
        ];
        let text = "a\\tb\t\\N\t\\\\N\ntwo\\\nlines\t\\\\\n\tx\\r\\\n\nlast\r\n\\.\nlost\n";
        in_all_pieces(CopyFormat::Text, text, &expected);
        assert_eq!(split(CopyFormat::Text, &["a\n\\."]).unwrap(), [some(1, &["a"])]);
        let numbers = split(CopyFormat::Text, &["\\x41\\101\\xe4\\xbf\\x9d\\xg\\1018\n"]);
        assert_eq!(numbers.unwrap(), [some(1, &["AA保xgA8"])]);
        assert_eq!(split(CopyFormat::Text, &["\\xff\n"]).unwrap_err().kind(), Kind::InvalidByteSequence);
        assert_eq!(split(CopyFormat::Text, &[""]).unwrap(), []);
    }
}
