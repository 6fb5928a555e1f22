//! `FROM t FOR SYSTEM_TIME AS OF moment`: the past of a relation.
//!
//! PostgreSQL's grammar has no such thing, and sqlparser reads it for other dialects only. So the words are taken out of the
//! tokens before they are parsed, and the moment becomes a first part of the relation's name, which nobody can write by
//! accident: `t FOR SYSTEM_TIME AS OF TIMESTAMP '...'` is parsed as `"\u{1}time TIMESTAMP '...'".t`. The planner reads it back
//! ([`split_off`]).

use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

const TIME: &str = "\u{1}time ";
const COMMIT: &str = "\u{1}commit ";

/// A moment as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// An expression that gives a time.
    Time(&'a str),
    /// An expression that gives the number of a commit.
    Commit(&'a str),
}

/// The moment in a part of a name, if it is one.
pub fn split_off(part: &str) -> Option<Written<'_>> {
    let time = part.strip_prefix(TIME).map(Written::Time);
    time.or_else(|| part.strip_prefix(COMMIT).map(Written::Commit))
}

/// A parsed statement's text as it was written, for those who read it.
pub fn readable(sql: &str) -> String {
    let (mut out, mut rest) = (String::new(), sql);
    while let Some((before, after)) = rest.split_once("\"\u{1}") {
        out += before;
        let (mark, after) = quoted(after);
        let name = after.strip_prefix('.').unwrap_or(after);
        let (name, after) = name.split_at(name_end(name));
        let mark = format!("\u{1}{mark}");
        out += &match split_off(&mark) {
            Some(Written::Time(time)) => format!("{name} FOR SYSTEM_TIME AS OF {time}"),
            Some(Written::Commit(commit)) => format!("{name} FOR VERSION AS OF {commit}"),
            None => name.to_owned(),
        };
        rest = after;
    }
    out + rest
}

/// What stands before the end of a quoted name, and what after it.
fn quoted(text: &str) -> (String, &str) {
    let mut at = 0;
    while let Some(found) = text[at..].find('"') {
        at += found + 1;
        match text[at..].starts_with('"') {
            true => at += 1,
            false => return (text[..at - 1].replace("\"\"", "\""), &text[at..]),
        }
    }
    (text.to_owned(), "")
}

/// Where a name with dots ends.
fn name_end(text: &str) -> usize {
    let mut in_quotes = false;
    let ends = |c: char| {
        in_quotes ^= c == '"';
        !(in_quotes || c == '"' || c == '.' || c == '_' || c.is_alphanumeric())
    };
    text.find(ends).unwrap_or(text.len())
}

/// Refuses a name with a moment where only the present can be meant.
pub fn refuse(part: &str) -> Result<()> {
    match split_off(part) {
        None => Ok(()),
        Some(_) => Err(Error::new(Kind::Syntax, "AS OF is for relations that a query reads, in FROM")),
    }
}

/// The tokens with each moment moved to the front of its relation's name.
pub fn to_names(mut tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let mut at = 0;
    while let Some(found) = find(&tokens, at) {
        let (start, moment) = found;
        let name = name_before(&tokens, start).ok_or_else(|| unexpected(&tokens[start]))?;
        let mut parser = Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(tokens[moment.1..].to_vec());
        let expression = parser.parse_expr().map_err(Error::from)?;
        let end = moment.1 + parser.index();
        let mark = format!("{}{expression}", moment.0);
        let span = tokens[start].span;
        let word = Word { value: mark, quote_style: Some('"'), keyword: Keyword::NoKeyword };
        tokens.drain(start..end.min(tokens.len()));
        tokens.insert(name, TokenWithSpan { token: Token::Period, span });
        tokens.insert(name, TokenWithSpan { token: Token::Word(word), span });
        at = start + 2;
    }
    Ok(tokens)
}

/// Where the next `FOR ... AS OF` begins, what it is, and where its moment begins.
fn find(tokens: &[TokenWithSpan], from: usize) -> Option<(usize, (&'static str, usize))> {
    (from..tokens.len()).find_map(|start| {
        let mut at = start;
        let mut next = || {
            while matches!(tokens.get(at)?.token, Token::Whitespace(_)) {
                at += 1;
            }
            at += 1;
            match &tokens[at - 1].token {
                Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
                _ => Some(String::new()),
            }
        };
        if !matches!(&tokens[start].token, Token::Word(word) if word.value.eq_ignore_ascii_case("for")) {
            return None;
        }
        (next()? == "FOR").then_some(())?;
        let kind = match next()?.as_str() {
            "SYSTEM_TIME" | "TIMESTAMP" => TIME,
            "SYSTEM_VERSION" | "VERSION" => COMMIT,
            _ => return None,
        };
        (next()? == "AS" && next()? == "OF").then_some((start, (kind, at)))
    })
}

/// Where the name that ends before `end` begins.
fn name_before(tokens: &[TokenWithSpan], end: usize) -> Option<usize> {
    let (mut start, mut wants_word) = (None, true);
    for at in (0..end).rev() {
        match &tokens[at].token {
            Token::Whitespace(_) if start.is_none() => {}
            Token::Word(_) if wants_word => {
                start = Some(at);
                wants_word = false;
            }
            Token::Period if !wants_word => wants_word = true,
            _ => break,
        }
    }
    start
}

fn unexpected(token: &TokenWithSpan) -> Error {
    let place =
        format!("Expected: a relation. at Line: {}, Column: {}", token.span.start.line, token.span.start.column);
    Error::new(Kind::Syntax, format!("syntax error at or near \"{}\"", token.token)).with_detail(place)
}

#[cfg(test)]
mod tests {
    use super::super::{parse, read};
    use super::*;

    #[test]
    fn a_moment_goes_before_the_name() {
        let read_back = |sql: &str| read(sql).replace('\u{1}', "!");
        assert_eq!(
            read_back(
                "SELECT * FROM s.t FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-02' AS a JOIN u FOR VERSION AS OF 5 ON true"
            ),
            r#"SELECT * FROM "!time TIMESTAMP '2026-01-02'".s.t AS a JOIN "!commit 5".u ON true"#
        );
        assert_eq!(
            read_back("SELECT 1 FROM t for system_time as of now() - interval '5 min' WHERE x = 1"),
            r#"SELECT 1 FROM "!time now() - INTERVAL '5 min'".t WHERE x = 1"#
        );
        // Other words after FOR are other grammar.
        assert_eq!(read("SELECT * FROM t FOR UPDATE"), "SELECT * FROM t FOR UPDATE");
        assert_eq!(parse("SELECT * FROM FOR SYSTEM_TIME AS OF now()").unwrap_err().kind(), Kind::Syntax);
        assert_eq!(split_off("\u{1}commit 7"), Some(Written::Commit("7")));
        assert_eq!(split_off("public"), None);
        let parsed = read(
            r#"SELECT 1 FROM "A b"."c" FOR SYSTEM_TIME AS OF now() - INTERVAL '1 day' AS d, e FOR VERSION AS OF 7 WHERE f"#,
        );
        let written = r#"SELECT 1 FROM "A b"."c" FOR SYSTEM_TIME AS OF now() - INTERVAL '1 day' AS d, e FOR VERSION AS OF 7 WHERE f"#;
        assert_eq!(readable(&parsed), written);
        assert_eq!(readable("SELECT 1"), "SELECT 1");
    }
}
