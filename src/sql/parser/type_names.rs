//! Types as PostgreSQL's grammar writes them and sqlparser does not read them.
//!
//! * `NATIONAL CHARACTER(n)`, `NCHAR(n)` are `CHARACTER(n)`.
//! * `int ARRAY`, `int ARRAY[3]` are `int[]`.
//! * `pg_catalog.int4 '1'` is `int4 '1'`.
//! * `inet '10.0.0.1'` is `'10.0.0.1'::inet`.
//! * `x::text COLLATE "C"`: sqlparser reads COLLATE right behind a name or a literal only. Elsewhere it becomes an operator,
//!   which [`read_back`] reads back.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, ObjectName, Value, VisitMut, visit_expressions_mut};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

const COLLATE: &str = "collate";
/// Types that sqlparser does not know, before a literal of theirs.
const OTHERS: [&str; 2] = ["inet", "cidr"];
/// Words of types that have several.
const MORE: [&str; 6] = ["precision", "varying", "with", "without", "time", "zone"];

/// The tokens of a statement in words that sqlparser reads.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    const WORDS: [&str; 5] = ["national", "nchar", "array", "pg_catalog", COLLATE];
    if !tokens.iter().any(|token| WORDS.iter().chain(&OTHERS).any(|wanted| is_word(&token.token, wanted))) {
        return tokens;
    }
    let mut spelt: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // Tokens that are left out: so many that mean something.
    let mut skipped = 0;
    for (at, token) in tokens.iter().enumerate() {
        let blank = matches!(token.token, Token::Whitespace(_));
        if blank || skipped > 0 {
            skipped -= usize::from(!blank);
            if blank {
                spelt.push(token.clone());
            }
            continue;
        }
        let mut next = tokens[at + 1..].iter().map(|token| &token.token);
        let mut next = || next.find(|token| !matches!(token, Token::Whitespace(_)));
        let put = |token_put: Token| TokenWithSpan { token: token_put, span: token.span };
        match &token.token {
            word if is_word(word, "national") && follows_name(&spelt) && next().is_some_and(is_character) => {}
            word if is_word(word, "nchar") && follows_name(&spelt) => {
                spelt.push(put(Token::make_keyword("CHARACTER")));
            }
            word if is_word(word, "array") && ends_type(&spelt) => {
                if next() != Some(&Token::LBracket) {
                    spelt.extend([Token::LBracket, Token::RBracket].map(put));
                }
            }
            word if is_word(word, "pg_catalog")
                && next() == Some(&Token::Period)
                && matches!(next(), Some(Token::Word(_)))
                && matches!(next(), Some(Token::SingleQuotedString(_))) =>
            {
                skipped = 1;
            }
            word if OTHERS.iter().any(|other| is_word(word, other))
                && let Some(literal @ Token::SingleQuotedString(_)) = next() =>
            {
                skipped = 1;
                spelt.extend([literal.clone(), Token::DoubleColon, word.clone()].map(put));
            }
            word if is_word(word, COLLATE)
                && ends_cast(&spelt)
                && let Some(Token::Word(name)) = next() =>
            {
                // The last part of the name says which.
                let (mut name, mut parts) = (name, 1);
                while next() == Some(&Token::Period)
                    && let Some(Token::Word(last)) = next()
                {
                    (name, parts) = (last, parts + 2);
                }
                skipped = parts;
                spelt.push(put(Token::CustomBinaryOperator(COLLATE.to_owned())));
                spelt.push(put(Token::SingleQuotedString(name.value.clone())));
            }
            _ => spelt.push(token.clone()),
        }
    }
    spelt
}

/// Reads back what [`spell`] made of COLLATE.
pub fn read_back(node: &mut impl VisitMut) {
    let _ = visit_expressions_mut(node, |expression| {
        if let Expr::BinaryOp { left, op: BinaryOperator::Custom(operator), right } = expression
            && operator == COLLATE
            && let Expr::Value(value) = right.as_ref()
            && let Value::SingleQuotedString(name) = &value.value
        {
            let collation = ObjectName::from(vec![super::quoted(name)]);
            let expr = std::mem::replace(left, Box::new(Expr::Value(Value::Null.into())));
            *expression = Expr::Collate { expr, collation };
        }
        ControlFlow::<()>::Continue(())
    });
}

fn is_word(token: &Token, wanted: &str) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

fn is_character(token: &Token) -> bool {
    is_word(token, "character") || is_word(token, "char")
}

/// The tokens that mean something, from the last on.
fn back(tokens: &[TokenWithSpan]) -> impl Iterator<Item = &Token> + Clone {
    tokens.iter().rev().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)))
}

/// Whether a type may come next: behind the name of a column or an argument, `::`, or AS.
fn follows_name(before: &[TokenWithSpan]) -> bool {
    const NO_NAMES: [&str; 3] = ["add", "column", "table"];
    match back(before).next() {
        Some(Token::Word(_)) if NO_NAMES.iter().any(|word| back(before).next().is_some_and(|t| is_word(t, word))) => {
            false
        }
        Some(Token::Word(_) | Token::DoubleColon) => true,
        _ => false,
    }
}

/// Whether the tokens end with the name of a type, with or without a length.
fn ends_type(before: &[TokenWithSpan]) -> bool {
    let mut back = without_length(before);
    let Some(Token::Word(name)) = back.next() else { return false };
    let several = MORE.iter().any(|more| name.value.eq_ignore_ascii_case(more));
    let known = |name: &str| super::data_type(name).is_some_and(|read| super::super::types::sql_type(&read).is_ok());
    (several || known(&name.value)) && matches!(back.next(), Some(Token::Word(_) | Token::DoubleColon | Token::Period))
}

/// Whether the tokens end with `::type`.
fn ends_cast(before: &[TokenWithSpan]) -> bool {
    let mut back = without_length(before).peekable();
    while let Some(Token::Word(_)) = back.next() {
        match back.peek() {
            Some(Token::DoubleColon) => return true,
            Some(Token::Period) => _ = back.next(),
            Some(Token::Word(_)) => {}
            _ => return false,
        }
    }
    false
}

/// The tokens from the last on, without `[]` and a length in parentheses at the end.
fn without_length(before: &[TokenWithSpan]) -> impl Iterator<Item = &Token> {
    let mut rest = back(before);
    loop {
        let mut ahead = rest.clone();
        let open = match ahead.next() {
            Some(Token::RBracket) => Token::LBracket,
            Some(Token::RParen) => Token::LParen,
            _ => return rest,
        };
        for token in ahead.by_ref() {
            match token {
                Token::Number(..) | Token::Comma => {}
                token if *token == open => break,
                // No length of a type.
                _ => return rest,
            }
        }
        rest = ahead;
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn types_have_more_spellings() {
        assert_eq!(
            read(
                "CREATE TABLE t (a national character(2), b nchar, national char(3), c int array, d varchar(5) ARRAY[3])"
            ),
            "CREATE TABLE t (a CHARACTER(2), b CHARACTER, national CHAR(3), c INT[], d VARCHAR(5)[3])"
        );
        assert_eq!(read("SELECT pg_catalog.int4 '1', pg_catalog.f('x')"), "SELECT INT4 '1', pg_catalog.f('x')");
        assert_eq!(read("SELECT inet '::1', inet FROM t"), "SELECT '::1'::inet, inet FROM t");
        assert_eq!(read("SELECT array[1], x::int array, a = array[2]"), "SELECT ARRAY[1], x::INT[], a = ARRAY[2]");
    }

    #[test]
    fn collations_stand_behind_casts() {
        for collated in ["a::text", "b::pg_catalog.varchar(3)", "c::character varying", "d::timestamp with time zone"] {
            assert!(
                read(&format!("SELECT {collated} COLLATE pg_catalog.\"C\" FROM t")).ends_with("COLLATE \"C\" FROM t")
            );
        }
        assert_eq!(read("SELECT a COLLATE \"C\" FROM t"), "SELECT a COLLATE \"C\" FROM t");
    }
}
