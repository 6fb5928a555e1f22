//! `TABLE t`: all of a relation. The grammar below reads too much behind it, so the word becomes `SELECT * FROM` where a query
//! may begin.

use super::tokens::{is_meant, keyword};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// The tokens of a statement in words that sqlparser reads.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens = settings(from_something(without_only(tokens)));
    if !tokens.iter().any(|token| keyword(token) == Some(Keyword::TABLE)) {
        return tokens;
    }
    let first = tokens.first().and_then(keyword);
    let mut spelt: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 3);
    // The first AS of a definition comes before its query; any other gives a name, which may be this word.
    let mut defines = matches!(first, Some(Keyword::CREATE | Keyword::PREPARE));
    for token in tokens {
        let before = spelt.iter().rev().find(|token| !matches!(token.token, Token::Whitespace(_)));
        let after_as = before.and_then(keyword) == Some(Keyword::AS);
        let names = after_as && !defines;
        defines &= !after_as;
        if keyword(&token) == Some(Keyword::TABLE) && !names && (begins(before, first) || fills(&spelt)) {
            let words = Tokenizer::new(&PostgreSqlDialect {}, "SELECT * FROM").tokenize().unwrap_or_default();
            let words = words.into_iter().filter(is_meant);
            spelt.extend(words.map(|word| TokenWithSpan { token: word, span: token.span }));
        } else {
            spelt.push(token);
        }
    }
    spelt
}

/// `SELECT` of nothing from nothing, as within EXISTS: a row without columns, which is read where there is a FROM.
fn from_something(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let ends = |token: Option<&TokenWithSpan>| match token {
        None => true,
        Some(token) if matches!(token.token, Token::RParen | Token::EOF) => true,
        Some(token) => keyword(token) == Some(Keyword::WHERE),
    };
    let begins = |at: usize| match at.checked_sub(1).map(|before| &tokens[before]) {
        None => true,
        Some(before) if before.token == Token::LParen => true,
        Some(before) => matches!(keyword(before), Some(Keyword::UNION | Keyword::ALL | Keyword::AS)),
    };
    let bare = |at: usize| keyword(&tokens[at]) == Some(Keyword::SELECT) && begins(at) && ends(tokens.get(at + 1));
    if !(0..tokens.len()).any(bare) {
        return tokens;
    }
    let row = Tokenizer::new(&PostgreSqlDialect {}, "FROM (VALUES (1)) AS row").tokenize().unwrap_or_default();
    let row: Vec<Token> = row.into_iter().filter(is_meant).collect();
    let mut spelt = Vec::with_capacity(tokens.len() + row.len());
    for (at, token) in tokens.iter().enumerate() {
        spelt.push(token.clone());
        if bare(at) {
            let span = token.span;
            spelt.extend(row.iter().map(|token| TokenWithSpan { token: token.clone(), span }));
        }
    }
    spelt
}

/// `pg_show_all_settings()` gives what `pg_settings` shows.
fn settings(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let named = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case("pg_show_all_settings"));
    while let Some(at) = tokens.iter().position(named) {
        tokens[at].token = Token::make_word("pg_settings", None);
        if let [open, close, ..] = &tokens[at + 1..]
            && open.token == Token::LParen
            && close.token == Token::RParen
        {
            tokens.drain(at + 1..at + 3);
        }
    }
    tokens
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

/// Whether these tokens are `INSERT INTO name [AS name]`.
fn fills(before: &[TokenWithSpan]) -> bool {
    let mut meant = before.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let begins = [Keyword::INSERT, Keyword::INTO].iter().all(|word| meant.next().and_then(keyword) == Some(*word));
    let mut rest = meant.peekable();
    begins && rest.peek().is_some() && rest.all(|token| matches!(token.token, Token::Word(_) | Token::Period))
}

/// Whether a query may begin behind this token, in a statement that begins with `first`.
fn begins(before: Option<&TokenWithSpan>, first: Option<Keyword>) -> bool {
    use Keyword::{ALL, ANALYZE, AS, DISTINCT, EXCEPT, EXPLAIN, INSERT, INTERSECT, UNION, VERBOSE, WITH};
    match before {
        None => true,
        Some(token) if token.token == Token::LParen => true,
        Some(token) if token.token == Token::RParen => matches!(first, Some(WITH | INSERT | EXPLAIN)),
        Some(token) if first == Some(EXPLAIN) && matches!(keyword(token), Some(EXPLAIN | ANALYZE | VERBOSE)) => true,
        Some(token) => matches!(keyword(token), Some(UNION | EXCEPT | INTERSECT | ALL | DISTINCT | AS)),
    }
}
