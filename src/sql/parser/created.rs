//! What CREATE TABLE and CREATE VIEW say that sqlparser does not read, taken out among the tokens or written in other words.
//!
//! * `CREATE UNLOGGED TABLE`: the word goes, and a notice says so.
//! * `CREATE TABLE t (a int) USING heap`: how PostgreSQL would keep it.
//! * `CREATE TABLE t (a int WITH TAG (k = 'v')) WITH TAG (k = 'v')`: tags of columns and of the table.
//! * `CREATE TABLE t (a, b) AS query`: the names of the columns are kept beside.
//! * `CHECK (condition) NO INHERIT`: there are no tables that inherit from others.
//! * `CREATE RECURSIVE VIEW v (a) AS query` is `CREATE VIEW v (a) AS WITH RECURSIVE v (a) AS (query) SELECT a FROM v`.
//! * `CREATE VIEW v WITH (security_barrier) AS query`: options without a value are true.
//! * `CREATE VIEW v AS query WITH LOCAL CHECK OPTION` is `CREATE VIEW v WITH (check_option = local) AS query`.

use super::tag::{self, TagWithin};
use super::tokens::keyword_at;
use super::words::fold;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{ColumnDef, DataType, Ident};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};
use std::ops::Range;

/// What was taken out of a statement.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// `UNLOGGED`
    pub unlogged: bool,
    /// `USING method`
    pub method: Option<String>,
    /// `WITH TAG (...)`
    pub tags: Vec<TagWithin>,
    /// The names of a table's columns that its query gives.
    columns: Vec<Ident>,
}

impl Taken {
    /// The names as columns whose types the query tells.
    pub fn columns(&self) -> Vec<ColumnDef> {
        let column =
            |name: &Ident| ColumnDef { name: name.clone(), data_type: DataType::Unspecified, options: Vec::new() };
        self.columns.iter().map(column).collect()
    }
}

/// The tokens of a CREATE statement in words that sqlparser reads. There is no white space among them.
pub fn spell(tokens: &mut Vec<TokenWithSpan>) -> Result<Taken> {
    let mut taken = Taken::default();
    if keyword_at(tokens, 0) != Some(Keyword::CREATE) {
        return Ok(taken);
    }
    if is_word(tokens, 1, "unlogged") && is_word(tokens, 2, "table") {
        tokens.remove(1);
        taken.unlogged = true;
    }
    let kind = (1..6).find(|at| matches!(keyword_at(tokens, *at), Some(Keyword::TABLE | Keyword::VIEW)));
    match kind.map(|at| (at, keyword_at(tokens, at))) {
        Some((at, Some(Keyword::TABLE))) => {
            taken.tags = tag::within(tokens)?;
            taken.method = method(tokens, at);
            taken.columns = columns(tokens, at + 1);
        }
        Some((at, Some(Keyword::VIEW))) => {
            check_option(tokens, at)?;
            recursive(tokens, at)?;
            options(tokens);
        }
        _ => {}
    }
    Ok(taken)
}

/// Takes NO INHERIT out of the definitions of CREATE TABLE and ALTER TABLE, where it stands behind the condition of a CHECK.
pub fn without_inherit(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    while at < tokens.len() {
        let meant = at > 0 && is_word(tokens, at, "no") && is_word(tokens, at + 1, "inherit");
        if meant && tokens[at - 1].token == Token::RParen && checks(tokens, at - 1) {
            tokens.drain(at..at + 2);
        }
        at += 1;
    }
}

/// Whether CHECK stands before the parentheses that close at a place.
fn checks(tokens: &[TokenWithSpan], close: usize) -> bool {
    let mut depth = 0usize;
    for at in (0..=close).rev() {
        match tokens[at].token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 1 => return at > 0 && is_word(tokens, at - 1, "check"),
            Token::LParen => depth -= 1,
            _ => {}
        }
    }
    false
}

fn is_word(tokens: &[TokenWithSpan], at: usize, wanted: &str) -> bool {
    match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

/// Where a name of a relation that begins at a place ends.
fn name_end(tokens: &[TokenWithSpan], mut at: usize) -> usize {
    while tokens.get(at + 1).is_some_and(|token| token.token == Token::Period) {
        at += 2;
    }
    at + 1
}

/// The names between the parentheses that begin at a place, and where these are; none if something else is there.
fn names(tokens: &[TokenWithSpan], at: usize) -> Option<(Vec<Ident>, Range<usize>)> {
    let mut names = Vec::new();
    let mut rest = at + 1;
    if tokens.get(at)?.token != Token::LParen {
        return None;
    }
    loop {
        let Token::Word(word) = &tokens.get(rest)?.token else { return None };
        names.push(Ident { value: word.value.clone(), quote_style: word.quote_style, span: Span::empty() });
        rest += 2;
        match tokens.get(rest - 1)?.token {
            Token::Comma => {}
            Token::RParen => return Some((names, at..rest)),
            _ => return None,
        }
    }
}

/// Takes the names of the columns out of CREATE TABLE ... AS, whose name begins at a place.
fn columns(tokens: &mut Vec<TokenWithSpan>, mut at: usize) -> Vec<Ident> {
    if [Keyword::IF, Keyword::NOT, Keyword::EXISTS]
        .iter()
        .enumerate()
        .all(|(n, k)| keyword_at(tokens, at + n) == Some(*k))
    {
        at += 3;
    }
    let end = name_end(tokens, at);
    let Some((names, place)) = names(tokens, end) else { return Vec::new() };
    // Of other tables no column is without a type.
    if !matches!(keyword_at(tokens, place.end), Some(Keyword::AS | Keyword::ON | Keyword::WITH | Keyword::USING)) {
        return Vec::new();
    }
    tokens.drain(place);
    names
}

/// Takes `USING method` out of CREATE TABLE, whose word TABLE stands at a place; it comes before a query.
fn method(tokens: &mut Vec<TokenWithSpan>, at: usize) -> Option<String> {
    let mut depth = 0usize;
    for place in at..tokens.len() {
        match tokens[place].token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        match keyword_at(tokens, place).filter(|_| depth == 0) {
            Some(Keyword::AS) => return None,
            Some(Keyword::USING) => {
                let Token::Word(word) = &tokens.get(place + 1)?.token else { return None };
                let name =
                    fold(&Ident { value: word.value.clone(), quote_style: word.quote_style, span: Span::empty() });
                tokens.drain(place..place + 2);
                return Some(name);
            }
            _ => {}
        }
    }
    None
}

/// Writes a recursive view as the view that it is; VIEW stands at a place.
fn recursive(tokens: &mut Vec<TokenWithSpan>, at: usize) -> Result<()> {
    let Some(word) = (1..at).find(|n| keyword_at(tokens, *n) == Some(Keyword::RECURSIVE)) else { return Ok(()) };
    let end = name_end(tokens, at + 1);
    let Some((columns, place)) = names(tokens, end) else {
        return Err(Error::new(Kind::Syntax, "CREATE RECURSIVE VIEW needs the names of its columns"));
    };
    if keyword_at(tokens, place.end) != Some(Keyword::AS) {
        return Err(Error::new(Kind::Unsupported, "CREATE RECURSIVE VIEW ... WITH (options) is not supported"));
    }
    let span = tokens[word].span;
    let put = |token: Token| TokenWithSpan { token, span };
    let name = tokens[end - 1].clone();
    let listed = columns.iter().map(|column| Token::make_word(&column.value, column.quote_style));
    let listed = listed.flat_map(|column| [put(Token::Comma), put(column)]).skip(1);
    let mut query = tokens.split_off(place.end + 1);
    query.retain(|token| token.token != Token::EOF);
    let opening = [Token::make_keyword("WITH"), Token::make_keyword("RECURSIVE")].map(put);
    let parameters: Vec<TokenWithSpan> = tokens[place].to_vec();
    tokens.extend(opening);
    tokens.push(name.clone());
    tokens.extend(parameters);
    tokens.extend([Token::make_keyword("AS"), Token::LParen].map(put));
    tokens.extend(query);
    tokens.extend([Token::RParen, Token::make_keyword("SELECT")].map(put));
    tokens.extend(listed);
    tokens.extend([put(Token::make_keyword("FROM")), name]);
    tokens.remove(word);
    Ok(())
}

/// Writes the words about a check option behind a view's query among its options; VIEW stands at a place.
fn check_option(tokens: &mut Vec<TokenWithSpan>, at: usize) -> Result<()> {
    let end = tokens.iter().rposition(|token| token.token != Token::EOF).map_or(0, |last| last + 1);
    let ends_so = |words: &[&str]| {
        end > words.len() && words.iter().enumerate().all(|(n, word)| is_word(tokens, end - words.len() + n, word))
    };
    let (length, value) = match () {
        () if ends_so(&["with", "check", "option"]) => (3, "cascaded"),
        () if ends_so(&["with", "cascaded", "check", "option"]) => (4, "cascaded"),
        () if ends_so(&["with", "local", "check", "option"]) => (4, "local"),
        () => return Ok(()),
    };
    if (1..at).any(|n| matches!(keyword_at(tokens, n), Some(Keyword::MATERIALIZED))) {
        return Ok(());
    }
    if (1..at).any(|n| keyword_at(tokens, n) == Some(Keyword::RECURSIVE)) {
        return Err(Error::new(Kind::Unsupported, "WITH CHECK OPTION not supported on recursive views"));
    }
    let Some(query) = (at..end).find(|n| keyword_at(tokens, *n) == Some(Keyword::AS)) else { return Ok(()) };
    let span = tokens[end - length].span;
    tokens.drain(end - length..end);
    let word = |text: &str| Token::make_word(text, None);
    let said = [word("check_option"), Token::Eq, word(value), Token::RParen];
    let opened = (at..query).any(|n| keyword_at(tokens, n) == Some(Keyword::WITH));
    let (place, before) = match opened && tokens[query - 1].token == Token::RParen {
        true => (query - 1..query, vec![Token::Comma]),
        false => (query..query, vec![Token::make_keyword("WITH"), Token::LParen]),
    };
    let put = before.into_iter().chain(said).map(|token| TokenWithSpan { token, span });
    tokens.splice(place, put);
    Ok(())
}

/// Gives options of a view without a value the value that they have.
fn options(tokens: &mut Vec<TokenWithSpan>) {
    let query = tokens.iter().position(|token| matches!(&token.token, Token::Word(w) if w.keyword == Keyword::AS));
    let with = tokens.iter().position(|token| matches!(&token.token, Token::Word(w) if w.keyword == Keyword::WITH));
    let (Some(query), Some(with)) = (query, with) else { return };
    if with > query || tokens[with + 1].token != Token::LParen {
        return;
    }
    let mut at = with + 2;
    while at + 1 < tokens.len() && at < query + 1 {
        let ends = matches!(tokens[at + 1].token, Token::Comma | Token::RParen);
        if matches!(tokens[at].token, Token::Word(_)) && ends && tokens[at - 1].token != Token::Eq {
            let span = tokens[at].span;
            let value = [Token::Eq, Token::make_keyword("TRUE")].map(|token| TokenWithSpan { token, span });
            tokens.splice(at + 1..at + 1, value);
        }
        if tokens[at].token == Token::RParen {
            break;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn definitions_are_written_in_other_words() {
        assert_eq!(
            read("CREATE RECURSIVE VIEW s.v (n, \"M\") AS VALUES (1, 2) UNION ALL SELECT n + 1, 2 FROM v"),
            "CREATE VIEW s.v (n, \"M\") AS WITH RECURSIVE v (n, \"M\") AS \
             (VALUES (1, 2) UNION ALL SELECT n + 1, 2 FROM v) SELECT n, \"M\" FROM v"
        );
        assert_eq!(
            read("CREATE VIEW v WITH (security_barrier) AS SELECT 1"),
            "CREATE VIEW v WITH (security_barrier = true) AS SELECT 1"
        );
        let checked = "CREATE VIEW v (a) WITH (check_option = local) AS SELECT 1";
        assert_eq!(read("CREATE VIEW v (a) AS SELECT 1 WITH LOCAL CHECK OPTION"), checked);
        assert_eq!(
            read("CREATE VIEW v WITH (security_barrier) AS SELECT 1 WITH CHECK OPTION"),
            "CREATE VIEW v WITH (security_barrier = true, check_option = cascaded) AS SELECT 1"
        );
        assert_eq!(read("CREATE TABLE IF NOT EXISTS s.t (a int) "), "CREATE TABLE IF NOT EXISTS s.t (a INT)");
        assert!(read("CREATE TEMP TABLE t (a, \"B\") AS SELECT 1, 2").contains("\"B\""));
        assert!(read("CREATE UNLOGGED TABLE t (a int)").contains("unlogged: true"));
        assert!(read("CREATE TABLE t (a int) USING heap").contains("method: Some(\"heap\")"));
    }
}
