//! The words of a script of SQL, streamed: names, texts, numbers, signs. Comments and blanks are passed over.

use super::input::{Budget, Guarded, io_error};
use crate::error::{Error, Kind, Result};
use std::io::{BufRead, BufReader, Read};

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A bare name or keyword.
    Name(String),
    /// A name in quotes.
    Quoted(String),
    /// A text, without its quotes.
    Text(String),
    /// A number without its sign.
    Number(String),
    /// Any other sign.
    Sign(u8),
    /// The end of the file.
    End,
}

impl Word {
    /// Whether it is this keyword, in any case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Word::Name(name) if name.eq_ignore_ascii_case(keyword))
    }
}

/// Whose script it is: what quotes and backslashes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `"name"`, `'text'`, `E'text\n'`, `$$text$$`
    Standard,
    /// `` `name` ``, `'text\n'`, `"text"`, `# comment`
    MySql,
    /// `[name]`, `N'text'`; statements end with a line GO, or with nothing at all.
    Transact,
}

/// The words of a script.
pub(super) struct Words {
    reader: BufReader<Guarded<Box<dyn Read + Send>>>,
    budget: Budget,
    dialect: Dialect,
    shown: String,
    peeked: Option<Word>,
    line: u64,
    bytes: u64,
}

impl Words {
    pub(super) fn new(text: Box<dyn Read + Send>, dialect: Dialect, shown: &str) -> Self {
        let budget = Budget::new();
        let reader = BufReader::with_capacity(64 << 10, Guarded::new(text, budget.clone(), shown));
        Self { reader, budget, dialect, shown: shown.to_owned(), peeked: None, line: 1, bytes: 0 }
    }

    /// Whose script it is.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file's name.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The line of the word given last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `InvalidText` with file and line.
    pub(super) fn broken(&self, what: &str) -> Error {
        Error::new(Kind::InvalidText, format!("{}, line {}: {what}", self.shown, self.line))
    }

    /// The next word, which stays the next.
    pub(super) fn peek(&mut self) -> Result<&Word> {
        let word = match self.peeked.take() {
            Some(word) => word,
            None => self.read()?,
        };
        Ok(self.peeked.insert(word))
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Result<Word> {
        match self.peeked.take() {
            Some(word) => Ok(word),
            None => self.read(),
        }
    }

    /// Takes the next word if it is this keyword.
    pub(super) fn take(&mut self, keyword: &str) -> Result<bool> {
        let found = self.peek()?.is(keyword);
        if found {
            self.peeked = None;
        }
        Ok(found)
    }

    /// Takes the next word if it is this sign.
    pub(super) fn take_sign(&mut self, sign: u8) -> Result<bool> {
        let found = *self.peek()? == Word::Sign(sign);
        if found {
            self.peeked = None;
        }
        Ok(found)
    }

    /// Passes over the rest of a statement, its semicolon too.
    pub(super) fn skip_statement(&mut self) -> Result<()> {
        let ends_anyhow = self.dialect == Dialect::Transact;
        loop {
            let word = self.peek()?;
            if ends_anyhow && word.is("INSERT") {
                return Ok(());
            }
            let ends = matches!(word, Word::Sign(b';') | Word::End) || (ends_anyhow && word.is("GO"));
            self.peeked = None;
            if ends {
                return Ok(());
            }
        }
    }

    /// The rest of the line as it stands, without its end; none at the end of the file. No word may have been peeked.
    pub(super) fn raw_line(&mut self) -> Result<Option<Vec<u8>>> {
        self.budget.renew();
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line).map_err(|error| io_error(&self.shown, &error))?;
        if read == 0 {
            return Ok(None);
        }
        self.bytes += read as u64;
        if line.ends_with(b"\n") {
            line.pop();
            self.line += 1;
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        Ok(Some(line))
    }

    fn look(&mut self) -> Result<Option<u8>> {
        Ok(self.reader.fill_buf().map_err(|error| io_error(&self.shown, &error))?.first().copied())
    }

    fn byte(&mut self) -> Result<Option<u8>> {
        let byte = self.look()?;
        if byte.is_some() {
            self.reader.consume(1);
            self.bytes += 1;
            self.line += u64::from(byte == Some(b'\n'));
        }
        Ok(byte)
    }

    fn while_true(&mut self, into: &mut Vec<u8>, is: impl Fn(u8) -> bool) -> Result<()> {
        while let Some(byte) = self.look()?.filter(|byte| is(*byte)) {
            into.push(byte);
            self.byte()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Word> {
        loop {
            self.budget.renew();
            let Some(byte) = self.byte()? else { return Ok(Word::End) };
            return Ok(match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0xc => continue,
                b'-' if self.look()? == Some(b'-') => {
                    self.rest_of_line()?;
                    continue;
                }
                b'#' if self.dialect == Dialect::MySql => {
                    self.rest_of_line()?;
                    continue;
                }
                b'/' if self.look()? == Some(b'*') => {
                    self.comment()?;
                    continue;
                }
                b'\'' => Word::Text(self.quoted(b'\'', self.dialect == Dialect::MySql)?),
                b'"' if self.dialect == Dialect::MySql => Word::Text(self.quoted(b'"', true)?),
                b'"' => Word::Quoted(self.quoted(b'"', false)?),
                b'`' => Word::Quoted(self.quoted(b'`', false)?),
                b'[' if self.dialect == Dialect::Transact => Word::Quoted(self.quoted(b']', false)?),
                b'$' if self.dialect == Dialect::Standard => self.dollars()?,
                b'0'..=b'9' => self.number(byte)?,
                b'.' if self.look()?.is_some_and(|next| next.is_ascii_digit()) => self.number(byte)?,
                _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => self.name(byte)?,
                sign => Word::Sign(sign),
            });
        }
    }

    fn rest_of_line(&mut self) -> Result<()> {
        while self.byte()?.is_some_and(|byte| byte != b'\n') {
            self.budget.renew();
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<()> {
        self.byte()?;
        let mut last = 0;
        while let Some(byte) = self.byte()? {
            if (last, byte) == (b'*', b'/') {
                return Ok(());
            }
            self.budget.renew();
            last = byte;
        }
        Err(self.broken("a comment is opened and never closed"))
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String> {
        String::from_utf8(bytes).map_err(|_| self.broken("a text that is none in the file's encoding"))
    }

    fn quoted(&mut self, quote: u8, backslashes: bool) -> Result<String> {
        let from = self.line;
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                Some(byte) if byte == quote => {
                    if self.look()? != Some(quote) {
                        return self.text(text);
                    }
                    self.byte()?;
                    text.push(quote);
                }
                Some(b'\\') if backslashes => match self.byte()? {
                    // What PostgreSQL's texts cannot hold is left out there too.
                    Some(b'0') if self.dialect == Dialect::MySql => {}
                    Some(byte) => text.push(match byte {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'r' => b'\r',
                        b'b' => 8,
                        b'f' if self.dialect == Dialect::Standard => 0xc,
                        b'Z' if self.dialect == Dialect::MySql => 0x1a,
                        other => other,
                    }),
                    None => {}
                },
                Some(byte) => text.push(byte),
                None => {
                    self.line = from;
                    return Err(self.broken("a quote is opened and never closed"));
                }
            }
        }
    }

    fn dollars(&mut self) -> Result<Word> {
        let mut mark = vec![b'$'];
        self.while_true(&mut mark, |byte| byte.is_ascii_alphanumeric() || byte == b'_')?;
        if self.look()? != Some(b'$') {
            return Ok(Word::Sign(b'$'));
        }
        self.byte()?;
        mark.push(b'$');
        let mut text = Vec::new();
        while let Some(byte) = self.byte()? {
            text.push(byte);
            if text.ends_with(&mark) {
                text.truncate(text.len() - mark.len());
                return self.text(text).map(Word::Text);
            }
        }
        Err(self.broken("a quote is opened and never closed"))
    }

    fn number(&mut self, first: u8) -> Result<Word> {
        let mut digits = vec![first];
        self.while_true(&mut digits, |byte| byte.is_ascii_alphanumeric() || byte == b'.')?;
        // 1e-5: the sign belongs to the exponent.
        if (digits.ends_with(b"e") || digits.ends_with(b"E"))
            && let Some(sign) = self.look()?.filter(|byte| matches!(byte, b'-' | b'+'))
        {
            digits.push(sign);
            self.byte()?;
            self.while_true(&mut digits, |byte| byte.is_ascii_digit())?;
        }
        self.text(digits).map(Word::Number)
    }

    fn name(&mut self, first: u8) -> Result<Word> {
        let mut name = vec![first];
        self.while_true(&mut name, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80)?;
        if matches!(name.as_slice(), b"E" | b"e") && self.look()? == Some(b'\'') {
            self.byte()?;
            return self.quoted(b'\'', true).map(Word::Text);
        }
        self.text(name).map(Word::Name)
    }
}
