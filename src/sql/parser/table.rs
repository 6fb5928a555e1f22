//! `TABLE t`: all of a relation. The grammar below reads too much behind it, so the word becomes `SELECT * FROM` where a query
//! may begin.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// The tokens of a statement in words that sqlparser reads.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens = without_only(tokens);
    if !tokens.iter().any(|token| keyword(token) == Some(Keyword::TABLE)) {
        return tokens;
    }
    let first = tokens.first().and_then(keyword);
    let mut spelt: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 3);
    for token in tokens {
        if keyword(&token) == Some(Keyword::TABLE) && begins(spelt.last(), first) {
            let words = Tokenizer::new(&PostgreSqlDialect {}, "SELECT * FROM").tokenize().unwrap_or_default();
            let words = words.into_iter().filter(|word| !matches!(word, Token::Whitespace(_) | Token::EOF));
            spelt.extend(words.map(|word| TokenWithSpan { token: word, span: token.span }));
        } else {
            spelt.push(token);
        }
    }
    spelt
}

/// `FROM ONLY t`: there are no tables that inherit from others.
fn without_only(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    use Keyword::{FROM, JOIN, ONLY, TRUNCATE, UPDATE, USING};
    if !tokens.iter().any(|token| keyword(token) == Some(ONLY)) {
        return tokens;
    }
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut before = None;
    for token in tokens {
        let here = keyword(&token);
        if here == Some(ONLY) && matches!(before, Some(FROM | JOIN | UPDATE | USING | TRUNCATE | Keyword::TABLE)) {
            continue;
        }
        if !matches!(token.token, Token::Whitespace(_)) {
            before = here;
        }
        kept.push(token);
    }
    kept
}

/// Whether a query may begin behind this token, in a statement that begins with `first`.
fn begins(before: Option<&TokenWithSpan>, first: Option<Keyword>) -> bool {
    use Keyword::{ALL, AS, DISTINCT, EXCEPT, INSERT, INTERSECT, UNION, WITH};
    match before {
        None => true,
        Some(token) if token.token == Token::LParen => true,
        Some(token) if token.token == Token::RParen => matches!(first, Some(WITH | INSERT)),
        Some(token) => matches!(keyword(token), Some(UNION | EXCEPT | INTERSECT | ALL | DISTINCT | AS)),
    }
}

fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}
