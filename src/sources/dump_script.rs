//! The statements of a dump: the tables that it makes, and the rows that it fills them with.

use super::csv_file::Place;
use super::dump_cast;
use super::dump_types::declared;
use super::dump_words::{Dialect, Word, Words};
use super::input::io_error;
use super::options::FileOptions;
use crate::catalog::SqlType;
use crate::config::{SOURCE_COLUMNS_MAX, SOURCE_SNIFF_BYTES};
use crate::error::{Error, Result};
use crate::fail;
use std::io::Read;
use std::sync::Arc;

/// What is found in a dump.
pub(super) enum Found {
    /// A table with its columns, and the types that [`declared`] finds for them.
    Table(String, Vec<(String, Vec<SqlType>)>),
    /// A row, whose values stand for these columns.
    Row(String, Option<Arc<Vec<String>>>, Vec<Option<String>>),
}

enum State {
    Statements,
    Values(String, Option<Arc<Vec<String>>>),
    Copied(String, Option<Arc<Vec<String>>>),
}

/// A dump being read.
pub(super) struct Dump {
    pub(super) words: Words,
    state: State,
    /// The one table whose rows are wanted.
    only: Option<String>,
    /// Whether rows are wanted at all.
    rows: bool,
}

impl Dump {
    pub(super) fn open(place: &Place, options: &FileOptions, only: Option<&str>, rows: bool) -> Result<Self> {
        let shown = place.shown();
        let charset = place.charset(options)?;
        let mut head = Vec::new();
        let text = place.text(charset)?.take(SOURCE_SNIFF_BYTES as u64).read_to_end(&mut head);
        text.map_err(|error| io_error(&shown, &error))?;
        let words = Words::new(Box::new(place.text(charset)?), dialect(&String::from_utf8_lossy(&head)), &shown);
        Ok(Self { words, state: State::Statements, only: only.map(str::to_owned), rows })
    }

    fn wants(&self, table: &str) -> bool {
        self.rows && self.only.as_deref().is_none_or(|only| only == table)
    }

    /// The next table or row; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Found>> {
        loop {
            match &self.state {
                State::Statements => match self.statement()? {
                    Some(Some(found)) => return Ok(Some(found)),
                    Some(None) => {}
                    None => return Ok(None),
                },
                State::Values(table, columns) => {
                    let (table, columns) = (table.clone(), columns.clone());
                    if !self.words.take_sign(b'(')? {
                        return Err(self.words.broken(&format!("rows of table {table} are expected")));
                    }
                    let values = self.tuple(&table)?;
                    if !self.words.take_sign(b',')? {
                        // ON CONFLICT, ON DUPLICATE KEY and the like.
                        self.words.skip_statement()?;
                        self.state = State::Statements;
                    }
                    return Ok(Some(Found::Row(table, columns, values)));
                }
                State::Copied(table, columns) => {
                    let (table, columns) = (table.clone(), columns.clone());
                    let Some(line) = self.words.raw_line()? else {
                        return Err(self.words.broken(&format!("the rows of table {table} do not end")));
                    };
                    if line == b"\\." {
                        self.state = State::Statements;
                        continue;
                    }
                    if self.wants(&table) {
                        let values = fields(&line)
                            .ok_or_else(|| self.words.broken("a text that is none in the file's encoding"))?;
                        return Ok(Some(Found::Row(table, columns, values)));
                    }
                }
            }
        }
    }

    /// Reads one statement, or its beginning: what was found in it; none at the end.
    #[allow(clippy::option_option, reason = "no statement and nothing in it are two answers")]
    fn statement(&mut self) -> Result<Option<Option<Found>>> {
        let word = self.words.next()?;
        let found = match &word {
            Word::End => return Ok(None),
            Word::Sign(b';') => None,
            word if word.is("GO") => None,
            // A command of psql's.
            Word::Sign(b'\\') => {
                self.words.raw_line()?;
                None
            }
            word if word.is("DELIMITER") => {
                self.skip_bodies()?;
                None
            }
            word if word.is("CREATE") => self.create()?,
            word if word.is("INSERT") || word.is("REPLACE") => return self.insert().map(Some),
            word if word.is("COPY") => return self.copy().map(Some),
            _ => {
                self.words.skip_statement()?;
                None
            }
        };
        Ok(Some(found))
    }

    /// Passes over bodies of triggers and functions, which have semicolons of their own.
    fn skip_bodies(&mut self) -> Result<()> {
        let mark = self.words.raw_line()?.unwrap_or_default();
        if mark.trim_ascii() == b";" {
            return Ok(());
        }
        while let Some(line) = self.words.raw_line()? {
            let mut parts = line.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
            if parts.next().is_some_and(|word| word.eq_ignore_ascii_case(b"DELIMITER")) && parts.next() == Some(b";") {
                break;
            }
        }
        Ok(())
    }

    /// `schema.table`; what is in the schema that everybody uses goes by its own name.
    fn table(&mut self) -> Result<String> {
        let mut parts = vec![self.name()?];
        while self.words.take_sign(b'.')? {
            parts.push(self.name()?);
        }
        let usual = parts.len() > 1 && matches!(parts.first().map(String::as_str), Some("public" | "dbo"));
        Ok(parts.split_off(usize::from(usual)).join("."))
    }

    fn name(&mut self) -> Result<String> {
        match self.words.next()? {
            Word::Name(name) | Word::Quoted(name) => Ok(name),
            Word::Text(name) if !name.is_empty() => Ok(name),
            _ => Err(self.words.broken("a name is expected")),
        }
    }

    fn create(&mut self) -> Result<Option<Found>> {
        for word in ["GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN"] {
            self.words.take(word)?;
        }
        if !self.words.take("TABLE")? {
            self.words.skip_statement()?;
            return Ok(None);
        }
        if self.words.take("IF")? {
            self.words.take("NOT")?;
            self.words.take("EXISTS")?;
        }
        let table = self.table()?;
        let mut columns = Vec::new();
        // CREATE TABLE ... AS and PARTITION OF say nothing of columns.
        if self.words.take_sign(b'(')? {
            while self.column(&mut columns)? {}
            if columns.len() > SOURCE_COLUMNS_MAX {
                fail!(
                    LimitExceeded,
                    "{}: table {table} has more than {SOURCE_COLUMNS_MAX} columns",
                    self.words.shown()
                );
            }
        }
        self.words.skip_statement()?;
        Ok(Some(Found::Table(table, columns)))
    }

    /// Reads one element of CREATE TABLE's list; whether there are more.
    fn column(&mut self, columns: &mut Vec<(String, Vec<SqlType>)>) -> Result<bool> {
        const OTHERS: [&str; 12] = [
            "CONSTRAINT",
            "PRIMARY",
            "UNIQUE",
            "FOREIGN",
            "CHECK",
            "EXCLUDE",
            "KEY",
            "INDEX",
            "FULLTEXT",
            "SPATIAL",
            "LIKE",
            "PERIOD",
        ];
        if self.words.take_sign(b')')? {
            return Ok(false);
        }
        let is_column = !OTHERS.iter().any(|other| matches!(self.words.peek(), Ok(word) if word.is(other)));
        let name = if is_column { self.name()? } else { String::new() };
        let (mut kind, mut numbers, mut depth, mut parts) = (Vec::new(), Vec::new(), 0usize, 0usize);
        let mut is_array = false;
        let more = loop {
            match self.words.next()? {
                Word::Sign(b'(') => {
                    parts += usize::from(depth == 0);
                    depth += 1;
                }
                Word::Sign(b'[') if depth == 0 => is_array = true,
                Word::Sign(b')') if depth == 0 => break false,
                Word::Sign(b')') => depth -= 1,
                Word::Sign(b',') if depth == 0 => break true,
                Word::Name(word) if depth == 0 => kind.push(word.to_ascii_lowercase()),
                // Some write types in quotes, too.
                Word::Quoted(word) if depth == 0 && kind.is_empty() => kind.push(word.to_ascii_lowercase()),
                Word::Number(number) if depth == 1 && parts == 1 && has_length(&kind) => numbers.push(number),
                Word::End => return Err(self.words.broken("a table's definition does not end")),
                _ => {}
            }
        };
        if is_column {
            let types = if is_array { vec![SqlType::Text] } else { declared(&kind, &numbers, self.words.dialect()) };
            columns.push((name, types));
        }
        Ok(more)
    }

    fn insert(&mut self) -> Result<Option<Found>> {
        for word in ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "OR", "REPLACE", "INTO"] {
            self.words.take(word)?;
        }
        let table = self.table()?;
        let columns = self.columns()?;
        if self.words.take("OVERRIDING")? {
            self.words.next()?;
            self.words.take("VALUE")?;
        }
        if !(self.words.take("VALUES")? || self.words.take("VALUE")?) {
            self.words.skip_statement()?;
            return Ok(None);
        }
        if self.wants(&table) {
            self.state = State::Values(table, columns);
            return Ok(None);
        }
        self.words.skip_statement()?;
        // That it has rows is all that is asked for.
        Ok((self.only.is_none()).then(|| Found::Table(table, Vec::new())))
    }

    fn columns(&mut self) -> Result<Option<Arc<Vec<String>>>> {
        if !self.words.take_sign(b'(')? {
            return Ok(None);
        }
        let mut columns = Vec::new();
        loop {
            columns.push(self.name()?);
            match self.words.next()? {
                Word::Sign(b',') => {}
                Word::Sign(b')') => return Ok(Some(Arc::new(columns))),
                _ => return Err(self.words.broken("a list of columns does not end")),
            }
        }
    }

    fn copy(&mut self) -> Result<Option<Found>> {
        if *self.words.peek()? == Word::Sign(b'(') {
            self.words.skip_statement()?;
            return Ok(None);
        }
        let table = self.table()?;
        let columns = self.columns()?;
        let is_data = self.words.take("FROM")? && self.words.take("STDIN")?;
        let plain = *self.words.peek()? == Word::Sign(b';');
        if is_data && !plain {
            return Err(self
                .words
                .broken(&format!("the rows of table {table} are in another form than COPY's text"))
                .with_hint("Dump it without options of COPY, as pg_dump does."));
        }
        self.words.skip_statement()?;
        if !is_data {
            return Ok(None);
        }
        self.words.raw_line()?;
        let found = (!self.rows).then(|| Found::Table(table.clone(), Vec::new()));
        self.state = State::Copied(table, columns);
        Ok(found)
    }

    /// The values up to the closing parenthesis.
    fn tuple(&mut self, table: &str) -> Result<Vec<Option<String>>> {
        let mut values = Vec::new();
        loop {
            values.push(self.value(table)?);
            if values.len() > SOURCE_COLUMNS_MAX {
                return Err(self.words.broken(&format!("a row of more than {SOURCE_COLUMNS_MAX} values")));
            }
            match self.words.next()? {
                Word::Sign(b',') => {}
                Word::Sign(b')') => return Ok(values),
                _ => return Err(self.not_written_out(table)),
            }
        }
    }

    fn not_written_out(&self, table: &str) -> Error {
        self.words
            .broken(&format!("a value of table {table} is not written out"))
            .with_hint("Values that a dump computes are not read, as nothing in it is run.")
    }

    fn value(&mut self, table: &str) -> Result<Option<String>> {
        let value = match self.words.next()? {
            Word::Text(text) => Some(text),
            Word::Number(number) => Some(written(number)),
            Word::Sign(sign @ (b'-' | b'+')) => match self.words.next()? {
                Word::Number(number) if sign == b'-' => Some(format!("-{number}")),
                Word::Number(number) => Some(number),
                _ => return Err(self.not_written_out(table)),
            },
            word if word.is("NULL") || word.is("DEFAULT") => None,
            word if word.is("CAST") || word.is("CONVERT") || word.is("TRY_CAST") => {
                return dump_cast::value(&mut self.words, &word)?.ok_or_else(|| self.not_written_out(table));
            }
            word if word.is("TRUE") => Some("true".to_owned()),
            word if word.is("FALSE") => Some("false".to_owned()),
            // A text with its type or character set before it: X'00', N'text', _binary 'text', DATE '2020-01-01'.
            Word::Name(kind) => match self.words.next()? {
                Word::Text(text) if kind.eq_ignore_ascii_case("x") => Some(format!("\\x{}", text.to_ascii_lowercase())),
                Word::Text(text) => Some(text),
                _ => return Err(self.not_written_out(table)),
            },
            _ => return Err(self.not_written_out(table)),
        };
        // 'text'::type
        while self.words.take_sign(b':')? {
            self.words.take_sign(b':')?;
            self.table()?;
            while matches!(self.words.peek()?, Word::Name(_) | Word::Number(_) | Word::Sign(b'(' | b'[' | b']')) {
                if self.words.next()? == Word::Sign(b'(') {
                    while !matches!(self.words.next()?, Word::Sign(b')') | Word::End) {}
                }
            }
        }
        Ok(value)
    }
}

/// Whether what stands in parentheses behind these words of a column belongs to its type.
fn has_length(kind: &[String]) -> bool {
    let words: Vec<&str> = kind.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        [_] | ["character" | "char" | "nchar" | "bit" | "binary", "varying"]
            | ["national", "character" | "char" | "varchar"]
            | ["national", "character" | "char", "varying"]
    )
}

fn dialect(head: &str) -> Dialect {
    let says = head.contains("MySQL dump") || head.contains("MariaDB dump") || head.contains("phpMyAdmin");
    if says || head.contains("ENGINE=") || head.contains("INSERT INTO `") || head.contains("CREATE TABLE `") {
        return Dialect::MySql;
    }
    match head.lines().any(|line| line.trim().eq_ignore_ascii_case("go")) {
        true => Dialect::Transact,
        false => Dialect::Standard,
    }
}

/// A number as it is, and bytes as PostgreSQL writes them.
pub(super) fn written(number: String) -> String {
    match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        Some(hex) => format!("\\x{}", hex.to_ascii_lowercase()),
        None => number,
    }
}

/// The fields of a line of COPY's text form; none if it is no text.
fn fields(line: &[u8]) -> Option<Vec<Option<String>>> {
    line.split(|byte| *byte == b'\t')
        .map(|field| if field == b"\\N" { Some(None) } else { unescaped(field).map(Some) })
        .collect()
}

fn unescaped(field: &[u8]) -> Option<String> {
    if !field.contains(&b'\\') {
        return std::str::from_utf8(field).ok().map(str::to_owned);
    }
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied().peekable();
    let digit = |byte: u8, base: u32| char::from(byte).to_digit(base).map(|digit| digit as u8);
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        match bytes.next()? {
            b'b' => text.push(8),
            b'f' => text.push(0xc),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'v' => text.push(0xb),
            b'x' if bytes.peek().is_some_and(|next| next.is_ascii_hexdigit()) => {
                let mut code = 0u8;
                for _ in 0..2 {
                    let Some(value) = bytes.peek().and_then(|next| digit(*next, 16)) else { break };
                    code = code << 4 | value;
                    bytes.next();
                }
                text.push(code);
            }
            first @ b'0'..=b'7' => {
                let mut code = first - b'0';
                for _ in 0..2 {
                    let Some(value) = bytes.peek().and_then(|next| digit(*next, 8)) else { break };
                    code = code.wrapping_mul(8).wrapping_add(value);
                    bytes.next();
                }
                text.push(code);
            }
            other => text.push(other),
        }
    }
    String::from_utf8(text).ok()
}
