//! The backslash commands that a script may hold: those of psql that need no catalogue.

use crate::error::{Error, Kind, Result};
use std::path::PathBuf;

/// A backslash command.
#[derive(Debug, PartialEq, Eq)]
pub enum Backslash {
    /// `\echo`: a text, with its newline unless `-n` was given.
    Echo(String),
    /// `\copy`.
    Copy(Copy),
    /// `\timing`: on, off, or the other one.
    Timing(Option<bool>),
    /// `\set ON_ERROR_STOP`.
    StopOnError(bool),
    /// `\q`
    Quit,
}

/// A COPY whose data are in a file of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Copy {
    /// The same as a statement, with STDIN or STDOUT.
    pub sql: String,
    /// The file; none for the script's own rows, or for the standard output.
    pub file: Option<PathBuf>,
}

impl Backslash {
    /// Reads a command, which begins with its backslash.
    pub fn parse(text: &str) -> Result<Self> {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let rest = rest.trim();
        Ok(match name {
            "\\echo" => Self::echo(rest)?,
            "\\copy" => Self::Copy(copy(rest)?),
            "\\q" | "\\quit" => Self::Quit,
            "\\timing" => Self::Timing(match rest {
                "" => None,
                value => Some(switch("\\timing", value)?),
            }),
            "\\set" => match words(rest)?.as_slice() {
                [variable] if variable == "ON_ERROR_STOP" => Self::StopOnError(true),
                [variable, value] if variable == "ON_ERROR_STOP" => Self::StopOnError(switch("ON_ERROR_STOP", value)?),
                _ => return Err(Error::new(Kind::Unsupported, "\\set is supported for ON_ERROR_STOP only")),
            },
            _ => {
                return Err(Error::new(Kind::Syntax, format!("invalid command {name}"))
                    .with_hint("Commands here: \\copy, \\echo, \\timing, \\set ON_ERROR_STOP, \\q. psql knows more."));
            }
        })
    }

    fn echo(rest: &str) -> Result<Self> {
        let words = words(rest)?;
        let (words, newline) = match words.split_first() {
            Some((first, others)) if first == "-n" => (others, ""),
            _ => (words.as_slice(), "\n"),
        };
        Ok(Self::Echo(words.join(" ") + newline))
    }
}

fn switch(what: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(Error::new(Kind::InvalidParameter, format!("unrecognized value \"{value}\" for {what}"))
            .with_hint("Use on or off.")),
    }
}

/// Arguments with blanks between; single quotes hold blanks and double themselves, double quotes stay.
fn words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// The first argument, and what follows it.
fn word(text: &str) -> Result<(String, &str)> {
    let mut word = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c.is_whitespace() => return Ok((word, &text[at..])),
            '\'' => loop {
                match chars.next() {
                    Some((_, '\'')) if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                        word.push('\'');
                        chars.next();
                    }
                    Some((_, '\'')) => break,
                    Some((_, '\\')) => word.extend(chars.next().map(|(_, c)| escaped(c))),
                    Some((_, c)) => word.push(c),
                    None => return Err(Error::new(Kind::Syntax, "unterminated quoted string")),
                }
            },
            '"' => {
                word.push('"');
                loop {
                    match chars.next() {
                        Some((_, c)) => {
                            word.push(c);
                            if c == '"' {
                                break;
                            }
                        }
                        None => return Err(Error::new(Kind::Syntax, "unterminated quoted string")),
                    }
                }
            }
            c => word.push(c),
        }
    }
    Ok((word, ""))
}

fn escaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        other => other,
    }
}

/// `TABLE [(COLUMNS)] | (QUERY)  FROM | TO  'FILE' | STDIN | STDOUT  OPTIONS`
fn copy(text: &str) -> Result<Copy> {
    let usage = |what: &str| {
        Error::new(Kind::Syntax, format!("\\copy: {what}"))
            .with_hint("Write \\copy TABLE FROM 'FILE' WITH (FORMAT csv), or \\copy (QUERY) TO 'FILE'.")
    };
    let text = text.trim_end().trim_end_matches(';');
    let (at, to) = direction(text).ok_or_else(|| usage("FROM or TO is missing"))?;
    let keyword = if to { "TO" } else { "FROM" };
    let rest = text.get(at + keyword.len()..).unwrap_or_default().trim_start();
    if rest.is_empty() {
        return Err(usage("a file is missing"));
    }
    let (file, options) = word(rest)?;
    let quoted = rest.starts_with('\'');
    let stream = !quoted && ["stdin", "stdout", "pstdin", "pstdout"].iter().any(|s| file.eq_ignore_ascii_case(s));
    if !quoted && file.eq_ignore_ascii_case("program") {
        return Err(Error::new(Kind::Unsupported, "\\copy with PROGRAM is not supported"));
    }
    let subject = text.get(..at).unwrap_or_default().trim();
    if subject.is_empty() {
        return Err(usage("a table is missing"));
    }
    let sql = format!("COPY {subject} {keyword} {} {}", if to { "STDOUT" } else { "STDIN" }, options.trim());
    let file = (!stream).then(|| PathBuf::from(file.trim_matches('"')));
    Ok(Copy { sql: sql.trim_end().to_owned(), file })
}

/// Where FROM or TO stands outside of quotes and parentheses, and whether it is TO.
fn direction(text: &str) -> Option<(usize, bool)> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut begin = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let part = c.is_alphanumeric() || c == '_' || quote.is_some();
        if !part && depth == 0 {
            match text.get(begin..at) {
                Some(word) if word.eq_ignore_ascii_case("from") => return Some((begin, false)),
                Some(word) if word.eq_ignore_ascii_case("to") => return Some((begin, true)),
                _ => {}
            }
        }
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if !part {
            begin = at + c.len_utf8();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(text: &str) -> (String, Option<String>) {
        match Backslash::parse(text).unwrap() {
            Backslash::Copy(copy) => (copy.sql, copy.file.map(|file| file.display().to_string())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn echo_unquotes_as_psql_does() {
        let echo = |text| match Backslash::parse(text).unwrap() {
            Backslash::Echo(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(echo("\\echo"), "\n");
        assert_eq!(echo("\\echo 'it''s' a  \"b c\" -n"), "it's a \"b c\" -n\n");
        assert_eq!(echo("\\echo -n '第三章   x'"), "第三章   x");
    }

    #[test]
    fn copy_becomes_a_statement_and_a_file() {
        assert_eq!(
            copied("\\copy t FROM 'a/b''s.csv' WITH (FORMAT csv, HEADER true)"),
            ("COPY t FROM STDIN WITH (FORMAT csv, HEADER true)".to_owned(), Some("a/b's.csv".to_owned()))
        );
        assert_eq!(
            copied("\\copy \"from\" (\"to\", b) from x.csv csv;"),
            ("COPY \"from\" (\"to\", b) FROM STDIN csv".to_owned(), Some("x.csv".to_owned()))
        );
        assert_eq!(
            copied("\\copy (SELECT a FROM t WHERE b = ' to ') To 'o.csv'"),
            ("COPY (SELECT a FROM t WHERE b = ' to ') TO STDOUT".to_owned(), Some("o.csv".to_owned()))
        );
        assert_eq!(copied("\\copy t to stdout"), ("COPY t TO STDOUT".to_owned(), None));
        for wrong in ["\\copy", "\\copy t", "\\copy t from", "\\copy from 'x'", "\\copy t from 'x"] {
            assert_eq!(Backslash::parse(wrong).unwrap_err().kind(), Kind::Syntax, "{wrong}");
        }
        assert_eq!(Backslash::parse("\\copy t from program 'ls'").unwrap_err().kind(), Kind::Unsupported);
    }

    #[test]
    fn others_are_known_or_told() {
        assert_eq!(Backslash::parse("\\q").unwrap(), Backslash::Quit);
        assert_eq!(Backslash::parse("\\timing").unwrap(), Backslash::Timing(None));
        assert_eq!(Backslash::parse("\\timing off").unwrap(), Backslash::Timing(Some(false)));
        assert_eq!(Backslash::parse("\\set ON_ERROR_STOP on").unwrap(), Backslash::StopOnError(true));
        assert_eq!(Backslash::parse("\\set x 1").unwrap_err().kind(), Kind::Unsupported);
        assert_eq!(Backslash::parse("\\d t").unwrap_err().kind(), Kind::Syntax);
    }
}
