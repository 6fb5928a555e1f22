//! What PostgreSQL's lexer and grammar read otherwise than sqlparser's, mended among the tokens.
//!
//! * `'a'`, a new line, `'b'` is one literal.
//! * `$tag$a$tag$` is a literal wherever `'a'` is.
//! * An operator does not end in `+` or `-` unless it has one of `~ ! @ # % ^ & | ?` in it: `a>-1` is `a > -1`. (`%-` would be one by that
//!   rule, but no such operator exists.)
//! * `a IS DISTINCT FROM b AND c` means `(a IS DISTINCT FROM b) AND c`; sqlparser takes all that follows for the right
//!   side. So the words become one operator, which [`distinct`] reads back.
//! * Words that only other databases reserve are names.
//! * `a ISNULL` and `a NOTNULL` are `a IS NULL` and `a IS NOT NULL`, and no names.
//! * Names are cut after 63 bytes.
//! * Chains of thousands of operators are refused: they are as deep as they are long, and planning them takes for ever.

use crate::config::{ARITHMETIC_CHAIN_MAX, BOOLEAN_CHAIN_MAX, NAME_BYTES_MAX, NESTING_MAX};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, VisitMut, visit_expressions_mut};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace, Word};
use std::ops::ControlFlow;

const DISTINCT: &str = "is distinct from";
const NOT_DISTINCT: &str = "is not distinct from";

/// Words of sqlparser's grammar that are none of PostgreSQL's.
const FOREIGN: &[Keyword] = &[
    Keyword::ANTI,
    Keyword::ASOF,
    Keyword::DISTRIBUTE,
    Keyword::DIV,
    Keyword::MATCH_CONDITION,
    Keyword::MATCH_RECOGNIZE,
    Keyword::MINUS,
    Keyword::PIVOT,
    Keyword::PREWHERE,
    Keyword::QUALIFY,
    Keyword::REGEXP,
    Keyword::RLIKE,
    Keyword::SAMPLE,
    Keyword::SEMI,
    Keyword::SETTINGS,
    Keyword::SORT,
    Keyword::TOP,
    Keyword::UNPIVOT,
    Keyword::XOR,
];

/// The tokens of a text as PostgreSQL reads them.
pub fn tokenize(sql: &str) -> std::result::Result<Vec<TokenWithSpan>, TokenizerError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(true).tokenize_with_location()?;
    let mut read: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        if let Token::Word(word) = &mut token.token
            && FOREIGN.contains(&word.keyword)
        {
            word.keyword = Keyword::NoKeyword;
        }
        match &token.token {
            Token::SingleQuotedString(text) => match continued(&read) {
                Some(at) => {
                    read.truncate(at + 1);
                    if let Token::SingleQuotedString(begun) = &mut read[at].token {
                        begun.push_str(text);
                    }
                }
                None => read.push(token),
            },
            Token::DollarQuotedString(quoted) => {
                let literal = Token::SingleQuotedString(quoted.value.clone());
                read.push(TokenWithSpan { token: literal, span: token.span });
            }
            // They bind as PostgreSQL's other operators do, closer than comparisons.
            Token::Spaceship | Token::TwoWayArrow => {
                let operator = Token::CustomBinaryOperator(token.token.to_string());
                read.push(TokenWithSpan { token: operator, span: token.span });
            }
            Token::Gt if taxicab_before(&read, &token) => {
                read.truncate(read.len() - 2);
                read.push(TokenWithSpan { token: Token::CustomBinaryOperator("<+>".to_owned()), span: token.span });
            }
            Token::CustomBinaryOperator(operator) => match split(operator) {
                Some(parts) => {
                    read.extend(parts.into_iter().map(|part| TokenWithSpan { token: part, span: token.span }));
                }
                None => read.push(token),
            },
            Token::Word(word) if word.keyword == Keyword::FROM => match distinct_before(&read) {
                Some((at, operator)) => {
                    let span = read[at].span;
                    read.truncate(at);
                    let token = Token::CustomBinaryOperator(operator.to_owned());
                    read.push(TokenWithSpan { token, span });
                }
                None => read.push(token),
            },
            Token::Word(word) if let Some(words) = null_test(word).filter(|_| ends_operand(&read)) => {
                let token = |word: &&str| TokenWithSpan { token: Token::make_keyword(word), span: token.span };
                read.extend(words.iter().map(token));
            }
            // Those with a control character are ours.
            Token::Word(word) if word.value.len() > NAME_BYTES_MAX && !word.value.starts_with('\u{1}') => {
                let cut = Word { value: cut_name(&word.value).to_owned(), ..word.clone() };
                read.push(TokenWithSpan { token: Token::Word(cut), span: token.span });
            }
            _ => read.push(token),
        }
    }
    Ok(read)
}

/// What ISNULL and NOTNULL stand for.
fn null_test(word: &Word) -> Option<&'static [&'static str]> {
    match word.value.to_ascii_lowercase().as_str() {
        _ if word.quote_style.is_some() => None,
        "isnull" => Some(&["IS", "NULL"]),
        "notnull" => Some(&["IS", "NOT", "NULL"]),
        _ => None,
    }
}

/// Whether what was read last may be the end of a value, so that an operator may follow.
fn ends_operand(read: &[TokenWithSpan]) -> bool {
    let Some(before) = read.iter().rev().find(|token| is_meant(&token.token)) else { return false };
    match &before.token {
        Token::Word(word) => !matches!(
            word.keyword,
            Keyword::AS
                | Keyword::SELECT
                | Keyword::DISTINCT
                | Keyword::ALL
                | Keyword::WHERE
                | Keyword::HAVING
                | Keyword::ON
                | Keyword::BY
                | Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::THEN
                | Keyword::ELSE
                | Keyword::RETURNING
                | Keyword::SET
                | Keyword::VALUES
                | Keyword::FROM
                | Keyword::JOIN
                | Keyword::INTO
                | Keyword::TABLE
        ),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket => true,
        _ => false,
    }
}

/// Whether a token is more than a blank, a comment or the end.
pub fn is_meant(token: &Token) -> bool {
    !matches!(token, Token::Whitespace(_) | Token::EOF)
}

/// The error of grammar at a token, which is called `word`.
pub fn unexpected(token: &TokenWithSpan, word: &str) -> Error {
    placed(Kind::Syntax, token, format!("syntax error at or near \"{word}\""))
}

/// An error at a token.
pub fn placed(kind: Kind, token: &TokenWithSpan, message: String) -> Error {
    let start = token.span.start;
    // The place as `locate` takes it.
    Error::new(kind, message).with_detail(format!(" at Line: {}, Column: {}", start.line, start.column))
}

/// As much of a name as a name may have.
pub fn cut_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

/// Names in a text that are too long, each once.
pub fn long_names(sql: &str) -> Vec<String> {
    // Most texts have no word so long, and are not read again.
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let is_long = |part: &str| part.len() > NAME_BYTES_MAX;
    if !sql.split(|c: char| !in_name(c)).any(is_long) && !sql.split('"').skip(1).step_by(2).any(is_long) {
        return Vec::new();
    }
    let mut names = Vec::new();
    for token in Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(true).tokenize().unwrap_or_default() {
        if let Token::Word(Word { value, .. }) = token
            && is_long(&value)
            && !names.contains(&value)
        {
            names.push(value);
        }
    }
    names
}

/// Whether `<+` is written right before a `>`: the operator `<+>` of vectors.
fn taxicab_before(read: &[TokenWithSpan], end: &TokenWithSpan) -> bool {
    let near = |a: &TokenWithSpan, b: &TokenWithSpan| {
        a.span.start.line == b.span.start.line && a.span.start.column + 1 == b.span.start.column
    };
    match read {
        [.., less, plus] => less.token == Token::Lt && plus.token == Token::Plus && near(less, plus) && near(plus, end),
        _ => false,
    }
}

/// Where a literal is that goes on after white space with a new line in it.
fn continued(read: &[TokenWithSpan]) -> Option<usize> {
    let blank = read.iter().rev().take_while(|t| matches!(t.token, Token::Whitespace(_))).count();
    let at = (read.len() - blank).checked_sub(1)?;
    let lines = read[at + 1..]
        .iter()
        .any(|t| matches!(t.token, Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. })));
    (lines && matches!(read[at].token, Token::SingleQuotedString(_))).then_some(at)
}

/// An operator that ends in a sign, without the sign, and the sign.
fn split(operator: &str) -> Option<Vec<Token>> {
    let plain = operator.trim_end_matches(['+', '-']);
    if plain.len() == operator.len() || plain.len() > 1 && plain.contains(['~', '!', '@', '#', '%', '^', '&', '|', '?'])
    {
        return None;
    }
    // `->-` is the operator `->` and a sign.
    let plain = match operator.strip_prefix("->") {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|sign| matches!(sign, b'+' | b'-')) => "->",
        _ => plain,
    };
    if plain.is_empty() {
        return None;
    }
    let mut tokens = Tokenizer::new(&PostgreSqlDialect {}, plain).tokenize().ok()?;
    for sign in operator[plain.len()..].chars() {
        tokens.push(if sign == '-' { Token::Minus } else { Token::Plus });
    }
    tokens.retain(|token| !matches!(token, Token::EOF));
    Some(tokens)
}

/// Where `IS [NOT] DISTINCT` begins that the tokens end with.
fn distinct_before(read: &[TokenWithSpan]) -> Option<(usize, &'static str)> {
    let mut words = read.iter().enumerate().rev().filter(|(_, t)| !matches!(t.token, Token::Whitespace(_)));
    let mut keyword = || match words.next() {
        Some((at, TokenWithSpan { token: Token::Word(word), .. })) => Some((at, word.keyword)),
        _ => None,
    };
    if keyword()?.1 != Keyword::DISTINCT {
        return None;
    }
    match keyword()? {
        (at, Keyword::IS) => Some((at, DISTINCT)),
        (_, Keyword::NOT) => match keyword()? {
            (at, Keyword::IS) => Some((at, NOT_DISTINCT)),
            _ => None,
        },
        _ => None,
    }
}

/// A parser over a text of one statement or a part of one.
pub fn parser(text: &str) -> Result<Parser<'static>> {
    let tokens = tokenize(text).map_err(|error| Error::from(ParserError::from(error)))?;
    must_be_shallow(&tokens)?;
    let tokens = super::type_names::spell(tokens);
    Ok(Parser::new(&super::dialect::POSTGRES).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens))
}

/// Reads back what [`tokenize`] made of `IS DISTINCT FROM`.
pub fn distinct(node: &mut impl VisitMut) {
    let _ = visit_expressions_mut(node, |expression| {
        if let Expr::BinaryOp { left, op: BinaryOperator::Custom(operator), right } = expression {
            let taken = |side: &mut Box<Expr>| std::mem::replace(side, Box::new(Expr::Value(Value::Null.into())));
            match operator.as_str() {
                DISTINCT => *expression = Expr::IsDistinctFrom(taken(left), taken(right)),
                NOT_DISTINCT => *expression = Expr::IsNotDistinctFrom(taken(left), taken(right)),
                _ => {}
            }
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Refuses a statement with chains of operators that are too long.
pub fn must_be_shallow(tokens: &[TokenWithSpan]) -> Result<()> {
    // For each open parenthesis: operators, and words that join conditions, since something else stood there.
    let mut open = vec![(0usize, 0usize)];
    for token in tokens {
        let depth = open.len();
        let Some(chain) = open.last_mut() else { break };
        match &token.token {
            Token::LParen => open.push((0, 0)),
            Token::RParen if depth > 1 => _ = open.pop(),
            Token::Comma => *chain = (0, 0),
            Token::Word(word) => match word.keyword {
                Keyword::AND | Keyword::OR => *chain = (0, chain.1 + 1),
                Keyword::SELECT | Keyword::FROM | Keyword::WHERE | Keyword::UNION | Keyword::VALUES => *chain = (0, 0),
                _ => {}
            },
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::StringConcat
            | Token::DoubleColon
            | Token::CustomBinaryOperator(_) => chain.0 += 1,
            _ => {}
        }
        if open.last().is_some_and(|(a, b)| *a > ARITHMETIC_CHAIN_MAX || *b > BOOLEAN_CHAIN_MAX) {
            return Err(Error::new(Kind::LimitExceeded, "the statement has too many operators in one expression")
                .with_hint("Say it with IN, a join or an aggregate, or part it with parentheses."));
        }
    }
    Ok(())
}

/// Refuses a reserved word where a relation is to be named, which sqlparser takes for its name: `SELECT 1 FROM WHERE`.
pub fn must_be_names(tokens: &[TokenWithSpan]) -> Result<()> {
    let words: Vec<_> = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let wrong = words.windows(2).find_map(|pair| match (&pair[0].token, &pair[1].token) {
        (Token::Word(before), Token::Word(word))
            if matches!(before.keyword, Keyword::FROM | Keyword::JOIN | Keyword::INTO) && ends_from(word.keyword) =>
        {
            Some((word, pair[1].span.start))
        }
        _ => None,
    });
    match wrong {
        Some((word, at)) => {
            let place = format!(" at Line: {}, Column: {}", at.line, at.column);
            Err(Error::new(Kind::Syntax, format!("syntax error at or near \"{}\"", word.value)).with_detail(place))
        }
        None => Ok(()),
    }
}

/// Refuses a text with the zero character, which no text of PostgreSQL's holds.
pub fn must_have_no_zero(tokens: &[TokenWithSpan]) -> Result<()> {
    let zero = |token: &&TokenWithSpan| match &token.token {
        Token::UnicodeStringLiteral(text) | Token::EscapedStringLiteral(text) => text.contains('\0'),
        _ => false,
    };
    match tokens.iter().find(zero) {
        Some(token) => {
            let at = token.span.start;
            let place = format!(" at Line: {}, Column: {}", at.line, at.column);
            Err(Error::new(Kind::Syntax, "invalid Unicode escape value").with_detail(place))
        }
        None => Ok(()),
    }
}

/// Words that begin what may come after FROM, and are therefore reserved.
fn ends_from(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::WHERE
            | Keyword::FROM
            | Keyword::GROUP
            | Keyword::ORDER
            | Keyword::HAVING
            | Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::FETCH
            | Keyword::WINDOW
            | Keyword::ON
            | Keyword::USING
            | Keyword::AND
            | Keyword::OR
    )
}

/// The keyword that a token is.
pub(super) fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

/// The keyword at a place.
pub(super) fn keyword_at(tokens: &[TokenWithSpan], at: usize) -> Option<Keyword> {
    keyword(tokens.get(at)?)
}

/// Where the parentheses that open at a place close.
pub(super) fn close(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    (open..tokens.len()).find(|at| {
        match tokens[*at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::super::{parse, read};

    #[test]
    fn operators_end_where_postgresql_ends_them() {
        assert_eq!(read("SELECT a>-1, b>=-1, c*-2, d->-1"), "SELECT a > -1, b >= -1, c * -2, d -> -1");
    }

    #[test]
    fn reserved_words_are_no_relations() {
        for sql in
            ["SELECT FROM WHERE", "SELECT 1 FROM from", "SELECT 1 FROM a JOIN ON true", "INSERT INTO where VALUES (1)"]
        {
            let error = parse(sql).unwrap_err();
            assert!(error.message().starts_with("syntax error at or near"), "{error}");
            assert!(error.position().is_some(), "{sql}");
        }
        for sql in ["SELECT 1 FROM \"where\"", "SELECT a IS DISTINCT FROM b OR c FROM d", "SELECT extract(year FROM e)"]
        {
            assert!(parse(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn literals_go_on_over_lines() {
        assert_eq!(read("SELECT 'a'\n  'b', 'c' AS d"), "SELECT 'ab', 'c' AS d");
    }

    #[test]
    fn distinct_from_takes_no_more_than_its_operand() {
        assert_eq!(
            read("SELECT 1 WHERE NOT a IS DISTINCT FROM b + 1 AND c OR d is not  distinct FROM e"),
            "SELECT 1 WHERE NOT a IS DISTINCT FROM b + 1 AND c OR d IS NOT DISTINCT FROM e"
        );
        assert_eq!(read("SELECT DISTINCT a FROM t"), "SELECT DISTINCT a FROM t");
    }

    #[test]
    fn long_chains_are_refused() {
        for chain in [" AND 1=1", "||'a'", "+1"] {
            assert!(parse(&format!("SELECT 1 WHERE 1=1{}", chain.repeat(20_000))).is_err(), "{chain}");
            assert!(parse(&format!("SELECT 1 WHERE 1=1{}", chain.repeat(100))).is_ok(), "{chain}");
        }
        assert!(parse(&format!("VALUES (1+1){}", ", (1+1)".repeat(20_000))).is_ok());
    }
}
