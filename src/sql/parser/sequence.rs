//! Grammar of sequences: their options, which PostgreSQL takes in any order.

use super::own::Relation;
use super::words::Words;
use crate::catalog::{Privilege, SqlType};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// An option of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceOption {
    /// `AS type`
    As(SqlType),
    /// `INCREMENT [BY] n`
    Increment(i64),
    /// `MINVALUE n`, `NO MINVALUE`
    Min(Option<i64>),
    /// `MAXVALUE n`, `NO MAXVALUE`
    Max(Option<i64>),
    /// `START [WITH] n`
    Start(i64),
    /// `RESTART [[WITH] n]`
    Restart(Option<i64>),
    /// `CACHE n`
    Cache(i64),
    /// `CYCLE`, `NO CYCLE`
    Cycle(bool),
    /// `OWNED BY table.column`, `OWNED BY NONE`
    OwnedBy(Option<(Relation, String)>),
    /// `SEQUENCE NAME name`, of an identity column
    Name(Relation),
}

/// The options that come next.
pub fn options(words: &mut Words) -> Result<Vec<SequenceOption>> {
    let mut options = Vec::new();
    while let Some(option) = option(words)? {
        let same = |other: &SequenceOption| std::mem::discriminant(other) == std::mem::discriminant(&option);
        if options.iter().any(same) {
            return Err(Error::new(Kind::Syntax, "conflicting or redundant options"));
        }
        options.push(option);
    }
    Ok(options)
}

fn option(words: &mut Words) -> Result<Option<SequenceOption>> {
    Ok(Some(match () {
        () if words.take(&["AS"]) => {
            let written = words.parser.parse_data_type().map_err(Error::from)?;
            match super::super::types::sql_type(&written)? {
                whole @ (SqlType::Int2 | SqlType::Int4 | SqlType::Int8) => SequenceOption::As(whole),
                _ => {
                    let message = "sequence type must be smallint, integer, or bigint";
                    return Err(Error::new(Kind::InvalidParameter, message));
                }
            }
        }
        () if words.take(&["INCREMENT"]) => {
            words.take(&["BY"]);
            SequenceOption::Increment(number(words)?)
        }
        () if words.take(&["NO", "MINVALUE"]) => SequenceOption::Min(None),
        () if words.take(&["MINVALUE"]) => SequenceOption::Min(Some(number(words)?)),
        () if words.take(&["NO", "MAXVALUE"]) => SequenceOption::Max(None),
        () if words.take(&["MAXVALUE"]) => SequenceOption::Max(Some(number(words)?)),
        () if words.take(&["START"]) => {
            words.take(&["WITH"]);
            SequenceOption::Start(number(words)?)
        }
        () if words.take(&["RESTART"]) => {
            let with = words.take(&["WITH"]);
            let next = words.parser.peek_token().token;
            let given = with || matches!(next, Token::Number(..) | Token::Minus | Token::Plus);
            SequenceOption::Restart(if given { Some(number(words)?) } else { None })
        }
        () if words.take(&["CACHE"]) => SequenceOption::Cache(number(words)?),
        () if words.take(&["NO", "CYCLE"]) => SequenceOption::Cycle(false),
        () if words.take(&["CYCLE"]) => SequenceOption::Cycle(true),
        () if words.take(&["OWNED", "BY"]) => SequenceOption::OwnedBy(owner(words)?),
        () if words.take(&["SEQUENCE", "NAME"]) => SequenceOption::Name(words.relation()?),
        () => return Ok(None),
    }))
}

fn owner(words: &mut Words) -> Result<Option<(Relation, String)>> {
    let mut parts = vec![words.name()?];
    while words.token(&Token::Period) {
        parts.push(words.name()?);
    }
    let column = parts.pop().unwrap_or_default();
    match (parts.pop(), parts.pop()) {
        (None, _) if column == "none" => Ok(None),
        (None, _) => Err(Error::new(Kind::Syntax, "invalid OWNED BY option")
            .with_hint("Specify OWNED BY table.column or OWNED BY NONE.")),
        (Some(table), schema) => Ok(Some(((schema, table), column))),
    }
}

/// A whole number with a sign.
fn number(words: &mut Words) -> Result<i64> {
    let negative = words.token(&Token::Minus);
    if !negative {
        words.token(&Token::Plus);
    }
    let next = words.parser.peek_token();
    let Token::Number(digits, _) = next.token else { return Err(words.unexpected("a number")) };
    words.parser.next_token();
    let text = if negative { format!("-{digits}") } else { digits };
    text.parse()
        .map_err(|_| Error::new(Kind::NumericOutOfRange, format!("value \"{text}\" is out of range for type bigint")))
}

/// Where the options of `... AS IDENTITY (options)` stand among tokens: each between its parentheses.
pub fn identities(tokens: &[TokenWithSpan]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let meaningful: Vec<usize> =
        (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let word = |at: usize, wanted: &str| match &tokens[at].token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    for window in meaningful.windows(3) {
        let [first, second, third] = window else { continue };
        if word(*first, "as") && word(*second, "identity") && tokens[*third].token == Token::LParen {
            let end = tokens[*third..].iter().position(|token| token.token == Token::RParen);
            found.extend(end.map(|end| third + 1..third + end));
        }
    }
    found
}

/// Relations with commas between.
pub fn relations(words: &mut Words) -> Result<Vec<Relation>> {
    let mut relations = vec![words.relation()?];
    while words.token(&Token::Comma) {
        relations.push(words.relation()?);
    }
    Ok(relations)
}

/// Those of the rights that a sequence has; ALL means them.
pub fn rights(rights: Vec<(Privilege, Option<Vec<String>>)>) -> Result<Vec<Privilege>> {
    const OF_SEQUENCE: [Privilege; 3] = [Privilege::Usage, Privilege::Select, Privilege::Update];
    let named: Vec<Privilege> = rights.into_iter().map(|(right, _)| right).collect();
    match named.iter().find(|right| !OF_SEQUENCE.contains(right)) {
        None => Ok(named),
        Some(_) if named.contains(&Privilege::Truncate) && named.contains(&Privilege::Select) => {
            Ok(OF_SEQUENCE.to_vec())
        }
        Some(_) => {
            Err(Error::new(Kind::InvalidParameter, "a sequence has the privileges USAGE, SELECT and UPDATE only"))
        }
    }
}
