//! Words of transactions and locks that sqlparser does not read, put into words that it does.
//!
//! `FOR NO KEY UPDATE OF a, b` becomes `FOR UPDATE OF "NO KEY".a.b`, with a character before the first name that no
//! name has ([`strength`] reads it back). A locking clause before LIMIT, OFFSET or FETCH goes behind them. `[NOT] DEFERRABLE` among modes of a transaction goes: here every snapshot is one
//! that a deferred transaction would wait for.

use datafusion::sql::sqlparser::ast::{Ident, LockClause, LockType};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Begins the name that stands for words of a locking clause.
const MARK: char = '\u{1}';

/// How strong the lock of a FOR clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// `FOR UPDATE`
    Update,
    /// `FOR NO KEY UPDATE`
    NoKeyUpdate,
    /// `FOR SHARE`
    Share,
    /// `FOR KEY SHARE`
    KeyShare,
}

/// The tokens of a statement in words that sqlparser reads.
pub fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens: Vec<_> = tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    let first = [0, 1].map(|n| word(&tokens, n));
    match [first[0].as_deref(), first[1].as_deref()] {
        [Some("BEGIN" | "START"), _] | [Some("SET"), Some("TRANSACTION" | "SESSION")] => without_deferrable(tokens),
        _ => locking(behind_limits(tokens)),
    }
}

/// Locking clauses stand behind LIMIT, OFFSET and FETCH, where they may stand before them too.
fn behind_limits(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut at = 0;
    while at < tokens.len() {
        let end = match lock_ends(&tokens, at) {
            Some(end) => end,
            None => {
                at += 1;
                continue;
            }
        };
        let is_limit = matches!(word(&tokens, end).as_deref(), Some("LIMIT" | "OFFSET" | "FETCH"));
        if is_limit {
            let limits = limits_end(&tokens, end);
            tokens[at..limits].rotate_left(end - at);
        }
        at = end;
    }
    tokens
}

/// Where locking clauses end that begin at a place.
fn lock_ends(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let ahead =
        |at: usize, words: &[&str]| words.iter().enumerate().all(|(n, w)| word(tokens, at + n).as_deref() == Some(*w));
    let begins: [&[&str]; 4] =
        [&["FOR", "UPDATE"], &["FOR", "SHARE"], &["FOR", "NO", "KEY", "UPDATE"], &["FOR", "KEY", "SHARE"]];
    let clause = begins.into_iter().find(|words| ahead(at, words))?;
    let mut end = at + clause.len();
    if ahead(end, &["OF"]) {
        end += 1;
        let is_name = |at: usize| matches!(tokens.get(at).map(|t| &t.token), Some(Token::Word(_)));
        while is_name(end) {
            end += 1;
            match tokens.get(end).map(|t| &t.token) {
                Some(Token::Comma | Token::Period) => end += 1,
                _ => break,
            }
        }
    }
    for words in [&["NOWAIT"][..], &["SKIP", "LOCKED"]] {
        if ahead(end, words) {
            end += words.len();
        }
    }
    // There may be several.
    Some(lock_ends(tokens, end).unwrap_or(end))
}

/// Where the query ends whose LIMIT begins at a place.
fn limits_end(tokens: &[TokenWithSpan], at: usize) -> usize {
    let mut depth = 0usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return place,
            Token::RParen => depth -= 1,
            Token::EOF | Token::SemiColon => return place,
            Token::Word(_) if depth == 0 && matches!(word(tokens, place).as_deref(), Some("ON" | "RETURNING")) => {
                return place;
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The word at a place in upper case, if it is one without quotes.
fn word(tokens: &[TokenWithSpan], at: usize) -> Option<String> {
    match tokens.get(at).map(|t| &t.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => None,
    }
}

fn without_deferrable(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    while let Some(mut at) = (1..tokens.len()).find(|at| word(&tokens, *at).as_deref() == Some("DEFERRABLE")) {
        tokens.remove(at);
        if word(&tokens, at - 1).as_deref() == Some("NOT") {
            at -= 1;
            tokens.remove(at);
        }
        // The comma that joined it to what stands before, or else to what comes after.
        let comma =
            [at.wrapping_sub(1), at].into_iter().find(|n| matches!(tokens.get(*n), Some(t) if t.token == Token::Comma));
        if let Some(comma) = comma {
            tokens.remove(comma);
        }
    }
    tokens
}

fn locking(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut spelt = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let clause = (word(&tokens, at).as_deref() == Some("FOR")).then(|| clause(&tokens, at)).flatten();
        match clause {
            Some((words, next)) => {
                let span = token.span;
                spelt.extend(words.into_iter().map(|token| TokenWithSpan { token, span }));
                at = next;
            }
            None => {
                spelt.push(token.clone());
                at += 1;
            }
        }
    }
    spelt
}

/// The words for a clause that begins at `at`, and where it ends; none if sqlparser reads it as it is.
fn clause(tokens: &[TokenWithSpan], at: usize) -> Option<(Vec<Token>, usize)> {
    let ahead: Vec<Option<String>> = (1..=3).map(|n| word(tokens, at + n)).collect();
    let ahead: Vec<&str> = ahead.iter().map(|word| word.as_deref().unwrap_or_default()).collect();
    let (mark, kind, mut next) = match ahead[..] {
        ["NO", "KEY", "UPDATE"] => ("NO KEY", "UPDATE", at + 4),
        ["KEY", "SHARE", _] => ("KEY", "SHARE", at + 3),
        ["UPDATE", "OF", _] => ("", "UPDATE", at + 2),
        ["SHARE", "OF", _] => ("", "SHARE", at + 2),
        _ => return None,
    };
    let plain = |word: &str| Token::make_word(word, None);
    let mark = Token::make_word(&format!("{MARK}{mark}"), Some('"'));
    let mut words = vec![plain("FOR"), plain(kind), plain("OF"), mark];
    if word(tokens, next).as_deref() == Some("OF") {
        loop {
            let name = tokens.get(next + 1).filter(|t| matches!(t.token, Token::Word(_)))?;
            words.extend([Token::Period, name.token.clone()]);
            next += 2;
            if tokens.get(next).is_none_or(|t| t.token != Token::Comma) {
                break;
            }
        }
    }
    Some((words, next))
}

/// What a clause says: its strength, and the relations named after OF.
pub fn strength(clause: &LockClause) -> (Strength, Vec<Ident>) {
    let mut names: Vec<Ident> =
        clause.of.iter().flat_map(|name| name.0.iter().filter_map(|part| part.as_ident().cloned())).collect();
    let mark = match names.first() {
        Some(first) if first.value.starts_with(MARK) => names.remove(0).value,
        _ => String::new(),
    };
    let strength = match (&clause.lock_type, mark.trim_start_matches(MARK)) {
        (LockType::Update, "NO KEY") => Strength::NoKeyUpdate,
        (LockType::Update, _) => Strength::Update,
        (LockType::Share, "KEY") => Strength::KeyShare,
        (LockType::Share, _) => Strength::Share,
    };
    (strength, names)
}

#[cfg(test)]
mod tests {
    use super::super::{Body, parse};
    use super::*;
    use datafusion::sql::sqlparser::ast::{NonBlock, Statement};

    fn clauses(sql: &str) -> Vec<(Strength, Vec<String>, Option<NonBlock>)> {
        let statements = parse(sql).unwrap();
        let Body::Sql(statement) = &statements[0].body else { panic!("not SQL") };
        let Statement::Query(query) = statement.as_ref() else { panic!("no query") };
        let read = |clause: &LockClause| {
            let (strength, names) = strength(clause);
            (strength, names.into_iter().map(|name| name.value).collect(), clause.nonblock)
        };
        query.locks.iter().map(read).collect()
    }

    #[test]
    fn all_strengths_are_read() {
        assert_eq!(clauses("SELECT 1 FROM t FOR UPDATE"), [(Strength::Update, vec![], None)]);
        assert_eq!(
            clauses("SELECT 1 FROM a, b FOR NO KEY UPDATE OF a, \"B\" SKIP LOCKED FOR KEY SHARE"),
            [
                (Strength::NoKeyUpdate, vec!["a".to_owned(), "B".to_owned()], Some(NonBlock::SkipLocked)),
                (Strength::KeyShare, vec![], None)
            ]
        );
        assert_eq!(
            clauses("SELECT 1 FROM a FOR SHARE OF a NOWAIT"),
            [(Strength::Share, vec!["a".to_owned()], Some(NonBlock::Nowait))]
        );
        assert!(parse("SELECT 1 FROM a FOR NO KEY SHARE").is_err());
    }

    #[test]
    fn deferrable_is_read_and_goes() {
        for sql in [
            "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
            "START TRANSACTION DEFERRABLE, READ ONLY",
            "SET TRANSACTION READ ONLY NOT DEFERRABLE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION NOT DEFERRABLE, READ WRITE",
        ] {
            parse(sql).unwrap();
        }
    }
}
