//! Errors of grammar, and their places among the tokens of a statement.

use super::super::tokens::{is_meant, unexpected};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

/// Stands at the beginning of the detail of an error whose place is still to be found.
const UNLOCATED: &str = "\u{1}near ";

/// The words that a statement of PostgreSQL's begins with.
const VERBS: &[&str] = &[
    "ABORT",
    "ALTER",
    "ANALYSE",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "IMPORT",
    "INSERT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MERGE",
    "MOVE",
    "NOTIFY",
    "PREPARE",
    "REASSIGN",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SECURITY",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TABLE",
    "TRUNCATE",
    "UNLISTEN",
    "UPDATE",
    "VACUUM",
    "VALUES",
    "WITH",
];

/// The error at the `at`-th token from the first of these words, which are parted by blanks; where they stand more than once, the last are
/// meant.
pub fn near(words: &str, at: usize) -> Error {
    let word = words.split(' ').nth(at).unwrap_or(words);
    let error = Error::new(Kind::Syntax, format!("syntax error at or near \"{word}\""));
    error.with_detail(format!("{UNLOCATED}word {at} {words}"))
}

/// The error so many tokens behind the one that begins a node, or before it.
pub fn here(word: &str, span: Span, offset: isize) -> Error {
    let error = Error::new(Kind::Syntax, format!("syntax error at or near \"{word}\""));
    error.with_detail(format!("{UNLOCATED}span {offset} {} {}", span.start.line, span.start.column))
}

/// What PostgreSQL has and is not here.
pub fn absent(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{what} is not supported"))
}

/// Refuses each of the clauses that is there; see [`near`].
pub fn only(clauses: &[(bool, &str, usize)]) -> Result<()> {
    match clauses.iter().find(|(there, ..)| *there) {
        Some((_, words, at)) => Err(near(words, *at)),
        None => Ok(()),
    }
}

/// Refuses a statement that begins with no word of PostgreSQL's.
pub fn must_begin(first: &TokenWithSpan) -> Result<()> {
    match &first.token {
        Token::LParen | Token::EOF => Ok(()),
        Token::Word(word) if word.quote_style.is_none() && VERBS.iter().any(|v| word.value.eq_ignore_ascii_case(v)) => {
            Ok(())
        }
        token => Err(unexpected(first, &token.to_string())),
    }
}

/// The error of `CREATE OR ALTER`.
pub fn or_alter() -> Error {
    near("OR ALTER", 1)
}

/// An error of grammar with the place that [`near`] and [`here`] only describe, as `locate` takes it.
pub fn located(error: Error, tokens: &[TokenWithSpan]) -> Error {
    let Some(place) = error.detail().and_then(|detail| detail.strip_prefix(UNLOCATED)) else { return error };
    let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(|token| is_meant(&token.token)).collect();
    match found(place, &tokens) {
        Some(place) => match tokens.get(place) {
            Some(token) => unexpected(token, &token.token.to_string()),
            None => Error::new(error.kind(), "syntax error at end of input"),
        },
        None => Error::new(error.kind(), error.message()),
    }
}

/// Which token a place means.
fn found(place: &str, tokens: &[&TokenWithSpan]) -> Option<usize> {
    let mut parts = place.split(' ');
    let (how, offset) = (parts.next()?, parts.next()?.parse::<isize>().ok()?);
    let start = match how {
        "word" => {
            let words: Vec<&str> = parts.collect();
            let is = |token: &TokenWithSpan, word: &str| token.token.to_string().eq_ignore_ascii_case(word);
            tokens
                .windows(words.len())
                .rposition(|found| found.iter().zip(&words).all(|(token, word)| is(token, word)))?
        }
        _ => {
            let (line, column) = (parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?);
            tokens.iter().position(|token| (token.span.start.line, token.span.start.column) == (line, column))?
        }
    };
    start.checked_add_signed(offset)
}
