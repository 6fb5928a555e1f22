//! Records of COPY's text and CSV forms to values.
//!
//! CSV as PostgreSQL reads it: a value that is written without quotes and equals the NULL string is NULL, one in quotes
//! never is, unless the statement forces it. General CSV readers lose that difference, hence this one. A value is borrowed
//! from the text unless something in it is escaped.

use super::cut::{Block, LineEnd};
use crate::error::{Error, Kind, Result};
use memchr::{memchr2, memchr3};
use std::borrow::Cow;

/// How the text is written.
#[derive(Debug, Clone)]
pub struct Form {
    /// CSV, and not PostgreSQL's own text.
    pub csv: bool,
    /// Between values.
    pub delimiter: u8,
    /// Around values of CSV.
    pub quote: u8,
    /// Before a quote that ends no value of CSV.
    pub escape: u8,
    /// What NULL is written as.
    pub null: String,
    /// By column, whether NULL is read as the text that it is written as; empty where no column has that.
    pub force_not_null: Vec<bool>,
    /// By column, whether NULL may be in quotes; empty where no column has that.
    pub force_null: Vec<bool>,
    /// The table, for errors.
    pub table: String,
}

/// A value, none for NULL.
pub type Value<'a> = Option<Cow<'a, str>>;

impl Form {
    /// What errors say of a line. Never what stands there.
    pub fn context(&self, line: u64) -> String {
        format!("COPY {}, line {line}", self.table)
    }

    /// Gives each record of a block to `each`, with the line it ends on, as PostgreSQL counts.
    pub fn records<'a>(&self, block: &'a Block, mut each: impl FnMut(u64, &[Value<'a>]) -> Result<()>) -> Result<()> {
        let text = self.text_of(block)?;
        // Rare enough to be looked for once and not at every value.
        let stray = match block.ends {
            LineEnd::Newline => block.data.contains(&b'\r'),
            LineEnd::Both | LineEnd::Return => true,
        };
        let (mut rest, mut line) = (text, block.line);
        let mut values = Vec::new();
        while !rest.is_empty() {
            values.clear();
            let length = match self.csv {
                false => self.text(rest, block.ends, &mut values),
                true => self.csv(rest, block.ends, &mut values),
            };
            let length = length.map_err(|error| error.with_context(self.context(line)))?;
            if stray {
                let record = &rest[..length];
                self.must_end_alike(record, block.ends).map_err(|error| error.with_context(self.context(line)))?;
            }
            if values.iter().any(|value| matches!(value, Some(Cow::Owned(_)))) {
                // Only what was escaped or quoted can hold a newline.
                let last = block.ends.last();
                let ended = usize::from(rest[..length].ends_with(char::from(last)));
                line += (rest[..length].bytes().filter(|byte| *byte == last).count() - ended) as u64;
            }
            each(line, &values)?;
            line += 1;
            rest = &rest[length..];
        }
        Ok(())
    }

    fn text_of<'a>(&self, block: &'a Block) -> Result<&'a str> {
        let bad = |at: usize, what: &str| {
            let line = block.line + block.data[..at].iter().filter(|byte| **byte == block.ends.last()).count() as u64;
            Error::new(Kind::InvalidByteSequence, format!("invalid byte sequence for encoding \"UTF8\"{what}"))
                .with_context(self.context(line))
        };
        if let Some(at) = memchr::memchr(0, &block.data) {
            return Err(bad(at, ": 0x00"));
        }
        std::str::from_utf8(&block.data).map_err(|error| bad(error.valid_up_to(), ""))
    }

    /// A value without quotes or backslashes, or one that the statement forces to be something else.
    fn put<'a>(&self, values: &mut Vec<Value<'a>>, value: Value<'a>) {
        let column = values.len();
        let forced = |columns: &[bool]| columns.get(column).copied().unwrap_or(false);
        values.push(match value {
            None if forced(&self.force_not_null) => Some(Cow::Owned(self.null.clone())),
            Some(text) if forced(&self.force_null) && *text == *self.null => None,
            value => value,
        });
    }

    /// The values of the first record of `text`, and its length with the end of line.
    fn text<'a>(&self, text: &'a str, ends: LineEnd, values: &mut Vec<Value<'a>>) -> Result<usize> {
        let bytes = text.as_bytes();
        let line_end = ends.last();
        let mut start = 0;
        loop {
            let special =
                |from| memchr3(self.delimiter, line_end, b'\\', &bytes[from..]).map_or(bytes.len(), |at| from + at);
            let mut end = special(start);
            let mut escaped = false;
            while bytes.get(end) == Some(&b'\\') {
                escaped = true;
                let after = (end + 2).min(bytes.len());
                end = special(after);
            }
            let last = bytes.get(end) != Some(&self.delimiter);
            let whole = without_return(&text[start..end], last, ends);
            values.push(match whole == self.null {
                true => None,
                false if escaped => Some(Cow::Owned(unescaped(whole)?)),
                false => Some(Cow::Borrowed(whole)),
            });
            if last {
                return Ok((end + 1).min(bytes.len()));
            }
            start = end + 1;
        }
    }

    fn csv<'a>(&self, text: &'a str, line_ends: LineEnd, values: &mut Vec<Value<'a>>) -> Result<usize> {
        let bytes = text.as_bytes();
        let line_end = line_ends.last();
        let mut start = 0;
        loop {
            let special = |from| {
                memchr3(self.delimiter, line_end, self.quote, &bytes[from..]).map_or(bytes.len(), |at| from + at)
            };
            let mut end = special(start);
            let mut quoted = false;
            while bytes.get(end) == Some(&self.quote) {
                quoted = true;
                let after = self.closing_quote(bytes, end + 1)? + 1;
                end = special(after);
            }
            let last = bytes.get(end) != Some(&self.delimiter);
            let whole = without_return(&text[start..end], last, line_ends);
            self.put(
                values,
                match quoted {
                    true => Some(Cow::Owned(self.unquoted(whole))),
                    false => (whole != self.null).then_some(Cow::Borrowed(whole)),
                },
            );
            if last {
                return Ok((end + 1).min(bytes.len()));
            }
            start = end + 1;
        }
    }

    /// Where the quote is that closes a value which is open at `from`.
    fn closing_quote(&self, bytes: &[u8], from: usize) -> Result<usize> {
        let mut at = from;
        while let Some(found) = memchr2(self.quote, self.escape, &bytes[at..]) {
            at += found;
            match bytes.get(at + 1) {
                Some(next) if bytes[at] == self.escape && (*next == self.quote || *next == self.escape) => at += 2,
                _ if bytes[at] == self.quote => return Ok(at),
                // An escape before anything else is itself.
                _ => at += 1,
            }
        }
        Err(Error::new(Kind::BadCopy, "unterminated CSV quoted field"))
    }

    /// A value without its quotes and escapes.
    fn unquoted(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut value = String::with_capacity(text.len());
        let (mut inside, mut at, mut kept) = (false, 0, 0);
        while let Some(&byte) = bytes.get(at) {
            let next = bytes.get(at + 1).copied();
            if inside && byte == self.escape && (next == Some(self.quote) || next == Some(self.escape)) {
                value.push_str(&text[kept..at]);
                kept = at + 1;
                at += 2;
                continue;
            }
            if byte == self.quote {
                value.push_str(&text[kept..at]);
                kept = at + 1;
                inside = !inside;
            }
            at += 1;
        }
        value.push_str(&text[kept..]);
        value
    }

    /// Refuses ends of lines within a record that are not those of the file: it was probably put together of two.
    fn must_end_alike(&self, record: &str, ends: LineEnd) -> Result<()> {
        let data = match ends {
            LineEnd::Newline => record.strip_suffix('\n'),
            LineEnd::Both => record.strip_suffix("\r\n"),
            LineEnd::Return => record.strip_suffix('\r'),
        };
        let (mut quoted, mut escaped) = (false, false);
        for byte in data.unwrap_or(record).bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if !self.csv => escaped = true,
                byte if quoted && byte == self.escape && byte != self.quote => escaped = true,
                byte if self.csv && byte == self.quote => quoted = !quoted,
                b'\r' if !quoted => return Err(self.literal("carriage return", "\\r")),
                b'\n' if !quoted => return Err(self.literal("newline", "\\n")),
                _ => {}
            }
        }
        Ok(())
    }

    fn literal(&self, what: &str, written: &str) -> Error {
        match self.csv {
            true => Error::new(Kind::BadCopy, format!("unquoted {what} found in data"))
                .with_hint(format!("Use quoted CSV field to represent {what}.")),
            false => Error::new(Kind::BadCopy, format!("literal {what} found in data"))
                .with_hint(format!("Use \"{written}\" to represent {what}.")),
        }
    }
}

/// The last value of a line without what belongs to the line's end.
fn without_return(value: &str, last: bool, ends: LineEnd) -> &str {
    match last && ends == LineEnd::Both {
        true => value.strip_suffix('\r').unwrap_or(value),
        false => value,
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
    match String::from_utf8(value) {
        Ok(value) if !value.contains('\0') => Ok(value),
        _ => {
            Err(Error::new(Kind::InvalidByteSequence, "invalid byte sequence for encoding \"UTF8\" after a backslash"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cut::Cutter;
    use super::*;
    use std::sync::Arc;

    type Record = (u64, Vec<Option<String>>);

    fn form(csv: bool) -> Form {
        let (delimiter, null) = if csv { (b',', String::new()) } else { (b'\t', "\\N".to_owned()) };
        let none = Vec::new;
        let (force_not_null, force_null) = (none(), none());
        Form { csv, delimiter, quote: b'"', escape: b'"', null, force_not_null, force_null, table: "t".to_owned() }
    }

    fn split(form: &Form, pieces: &[&str]) -> Result<Vec<Record>> {
        let form = Arc::new(form.clone());
        let mut cutter = Cutter::new(form.clone());
        let mut blocks = Vec::new();
        for piece in pieces {
            cutter.feed(piece.as_bytes());
            while let Some(block) = cutter.block()? {
                blocks.push(block);
            }
        }
        while let Some(block) = cutter.finish()? {
            blocks.push(block);
        }
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
    fn in_all_pieces(form: &Form, text: &str, expected: &[Record]) {
        let cuts = text.char_indices().map(|(at, _)| at);
        for cut in cuts {
            let (a, b) = text.split_at(cut);
            assert_eq!(split(form, &[a, b]).unwrap(), expected, "cut at {cut}");
        }
        let each: Vec<String> = text.chars().map(String::from).collect();
        let each: Vec<&str> = each.iter().map(String::as_str).collect();
        assert_eq!(split(form, &each).unwrap(), expected);
    }

    #[test]
    fn csv_tells_null_from_empty_and_keeps_newlines_in_quotes() {
        let expected = [
            some(1, &["a", "NULL", ""]),
            some(3, &["x\"y\nz", "商品", "1"]),
            some(4, &["NULL"]),
            some(5, &["mid dle", "NULL"]),
        ];
        in_all_pieces(&form(true), "a,,\"\"\r\n\"x\"\"y\nz\",商品,1\r\n\r\nmid\" dle\",", &expected);
        in_all_pieces(&form(true), "a,,\"\"\n\"x\"\"y\nz\",商品,1\n\nmid\" dle\",\n", &expected);
        assert_eq!(split(&form(true), &["a\n\"b\n", "c\n"]).unwrap_err().kind(), Kind::BadCopy);
        assert_eq!(split(&form(true), &["a\n\\.\nlost\n"]).unwrap(), [some(1, &["a"])]);
    }

    #[test]
    fn text_unescapes_and_ends_at_the_mark() {
        let expected = [
            some(1, &["a\tb", "NULL", "\\N"]),
            some(3, &["two\nlines", "\\"]),
            some(5, &["", "x\r\n"]),
            some(6, &["last"]),
        ];
        let text = "a\\tb\t\\N\t\\\\N\ntwo\\\nlines\t\\\\\n\tx\\r\\\n\nlast\n\\.\nlost\n";
        in_all_pieces(&form(false), text, &expected);
        assert_eq!(split(&form(false), &["a\n\\.\n"]).unwrap(), [some(1, &["a"])]);
        assert_eq!(split(&form(false), &["a\n\\."]).unwrap_err().message(), "end-of-copy marker corrupt");
        assert_eq!(split(&form(true), &["a\n\\."]).unwrap(), [some(1, &["a"]), some(2, &["\\."])]);
        let numbers = split(&form(false), &["\\x41\\101\\xe4\\xbf\\x9d\\xg\\1018\n"]);
        assert_eq!(numbers.unwrap(), [some(1, &["AA保xgA8"])]);
        assert_eq!(split(&form(false), &["\\xff\n"]).unwrap_err().kind(), Kind::InvalidByteSequence);
        assert_eq!(split(&form(false), &[""]).unwrap(), []);
    }
    #[test]
    fn an_escape_may_be_another_character_than_the_quote() {
        let form = Form { quote: b'\'', escape: b'\\', ..form(true) };
        let expected = [some(1, &["it's", "\\n"]), some(2, &["a''b", "'", "\\"])];
        in_all_pieces(&form, "'it\\'s','\\n'\n'a\\'\\'b','\\'',\\\n", &expected);
    }

    #[test]
    fn columns_are_forced() {
        let form = Form { force_not_null: vec![true, false], force_null: vec![false, true], ..form(true) };
        assert_eq!(split(&form, &[",\"\"\n\"\",\n"]).unwrap(), [some(1, &["", "NULL"]), some(2, &["", "NULL"])]);
    }

    #[test]
    fn lines_end_alike() {
        let expected = [some(1, &["a", "b"]), some(2, &["c", "d"])];
        for csv in [true, false] {
            let text = if csv { "a,b\rc,d" } else { "a\tb\rc\td" };
            in_all_pieces(&form(csv), text, &expected);
            in_all_pieces(&form(csv), &format!("{text}\r"), &expected);
            in_all_pieces(&form(csv), &format!("{}\r\n\\.\r\nlost", text.replace('\r', "\r\n")), &expected);
        }
        let said = |csv, text| split(&form(csv), &[text]).unwrap_err().message().to_owned();
        assert_eq!(said(false, "a\nb\r\n"), "literal carriage return found in data");
        assert_eq!(said(true, "a\nb\r\n"), "unquoted carriage return found in data");
        assert_eq!(said(true, "a\r\nb\n"), "unquoted newline found in data");
        assert_eq!(said(false, "a\rb\n"), "literal newline found in data");
        assert_eq!(split(&form(true), &["a\n\"b\r\"\n"]).unwrap()[1], some(2, &["b\r"]));
    }

    #[test]
    fn the_mark_of_the_end_is_not_data() {
        assert_eq!(split(&form(false), &["a\nb\\.\nlost\n"]).unwrap(), [some(1, &["a"]), some(2, &["b"])]);
        let error = split(&form(false), &["a\nb\\.c\n"]).unwrap_err();
        assert_eq!((error.message(), error.context()), ("end-of-copy marker corrupt", Some("COPY t, line 2")));
        assert_eq!(split(&form(false), &["\\\\.\n"]).unwrap(), [some(1, &["\\."])]);
        assert_eq!(split(&form(true), &["b\\.\n\\.c\n\"\n\\.\n\"\n\\.\nlost\n"]).unwrap().len(), 3);
    }
}
