//! Texts that sqlparser reads somehow, since another database has such a form, and PostgreSQL's grammar refuses: most are slips
//! of the pen, and should be told where they are.

use super::tokens::{self, is_meant, placed};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Refuses `b'101'` and `x'1f'`, which sqlparser takes for bytes, and `0x1f`, which PostgreSQL takes for a zero and a name.
fn must_be_no_bits(token: &TokenWithSpan) -> Result<()> {
    let digits = match &token.token {
        Token::HexStringLiteral(digits) => digits,
        Token::SingleQuotedByteStringLiteral(bits) => bits,
        _ => return Ok(()),
    };
    let width = token.span.end.column.saturating_sub(token.span.start.column);
    if width == digits.len() as u64 + 2 {
        let message = format!("trailing junk after numeric literal at or near \"0x{digits}\"");
        return Err(placed(Kind::Syntax, token, message));
    }
    Err(Error::new(Kind::Unsupported, "bit strings are not supported")
        .with_hint("Bytes are written as '\\x1f'::bytea."))
}

/// Refuses them.
pub fn must_not_be(tokens: &[TokenWithSpan]) -> Result<()> {
    let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(|token| is_meant(&token.token)).collect();
    tokens.iter().try_for_each(|token| must_be_no_bits(token))?;
    let defines = tokens.first().is_some_and(|first| is(first, Keyword::CREATE) || is(first, Keyword::ALTER));
    for (before, after) in tokens.iter().zip(tokens.iter().skip(1)) {
        match (&before.token, &after.token) {
            (Token::Number(number, _), Token::Word(word)) if before.span.end == after.span.start => {
                let message = format!("trailing junk after numeric literal at or near \"{number}{}\"", word.value);
                return Err(placed(Kind::Syntax, before, message));
            }
            // With a new line between they are one.
            (Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_), Token::SingleQuotedString(_)) => {
                return Err(unexpected(after));
            }
            // The word of MySQL and SQLite behind a column's type, which sqlparser passes over.
            (Token::Word(_) | Token::RParen, Token::Word(word))
                if defines
                    && matches!(word.keyword, Keyword::AUTOINCREMENT | Keyword::AUTO_INCREMENT)
                    && !is(before, Keyword::AS) =>
            {
                return Err(unexpected(after));
            }
            // It is an operator that nobody has made.
            (_, Token::DoubleEq) => {
                let error = placed(Kind::UndefinedFunction, after, "operator does not exist: ==".to_owned());
                return Err(error.with_hint("Equality is =. No operator matches the given name and argument types."));
            }
            _ => {}
        }
    }
    for (at, [before, star, name]) in tokens.array_windows().enumerate() {
        // `SELECT * name`, `SELECT t.* name`: all columns have no name.
        let all = match &before.token {
            Token::Comma | Token::Period => at > 0,
            Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::ALL | Keyword::DISTINCT),
            _ => false,
        };
        if all && star.token == Token::Mul && is_name(name) {
            return Err(unexpected(name));
        }
    }
    match tokens.as_slice() {
        [word, name, ..] if (is(word, Keyword::DELETE) || is(word, Keyword::INSERT)) && is_name(name) => {
            Err(unexpected(name))
        }
        [insert, into, rest @ ..] if is(insert, Keyword::INSERT) && is(into, Keyword::INTO) => {
            // `INSERT INTO t name`: a name for it needs AS.
            let parts = rest.iter().skip(1).step_by(2).take_while(|token| token.token == Token::Period).count();
            match rest.get(2 * parts + 1) {
                Some(name) if is_name(name) => Err(unexpected(name)),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn is(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword)
}

/// Whether it is a word that is nothing but a name.
fn is_name(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(Word { keyword: Keyword::NoKeyword, .. }))
}

fn unexpected(token: &TokenWithSpan) -> Error {
    tokens::unexpected(token, &token.token.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use crate::error::Kind;

    #[test]
    fn slips_of_the_pen_are_told_where_they_are() {
        for (sql, place) in [
            ("SELECT * form t", 10),
            ("SELECT t.* x FROM t", 12),
            ("SELECT 'a' 'b'", 12),
            ("SELECT 1e", 8),
            ("DELETE t", 8),
            ("INSERT t VALUES (1)", 8),
            ("INSERT INTO t valeus (1)", 15),
            ("INSERT INTO s.t valeus (1)", 17),
            ("CREATE TABLE t (a int autoincrement)", 23),
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!((error.kind(), error.position()), (Kind::Syntax, Some(place)), "{sql}: {error}");
        }
        for sql in [
            "SELECT * FROM t",
            "SELECT 2 * a FROM t",
            "SELECT a, * FROM t",
            "SELECT 'a'\n'b'",
            "SELECT count(*) n FROM t",
            "INSERT INTO t AS x VALUES (1)",
            "SELECT f(a, 2 * b) c",
            "SELECT 1e5, 1.5e-3, .5",
        ] {
            assert!(parse(sql).is_ok(), "{sql}");
        }
    }
}
