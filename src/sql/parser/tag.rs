//! Grammar of tags.

use super::words::{Words, fold};
use crate::catalog::{OnConflict, Propagation, TagSource};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

/// `CREATE [OR REPLACE] TAG [IF NOT EXISTS] name ...`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: String,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// `ALLOWED_VALUES`
    pub allowed_values: Vec<String>,
    /// `COMMENT`
    pub comment: Option<String>,
    /// `PROPAGATE`
    pub propagate: Option<Propagation>,
    /// `ON_CONFLICT`
    pub on_conflict: Option<OnConflict>,
}

/// A tag within CREATE TABLE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagWithin {
    /// The column that it is of; none for the table.
    pub column: Option<String>,
    /// Its name.
    pub tag: String,
    /// Its value.
    pub value: String,
}

/// What follows `CREATE TAG`.
pub fn create(words: &mut Words, or_replace: bool) -> Result<NewTag> {
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    let (name, allowed_values) = (words.name()?, Vec::new());
    let mut tag =
        NewTag { name, or_replace, if_not_exists, allowed_values, comment: None, propagate: None, on_conflict: None };
    loop {
        if words.take(&["ALLOWED_VALUES"]) {
            tag.allowed_values.push(words.string()?);
            while words.token(&Token::Comma) {
                tag.allowed_values.push(words.string()?);
            }
        } else if words.take(&["COMMENT"]) {
            words.token(&Token::Eq);
            tag.comment = Some(words.string()?);
        } else if words.take(&["PROPAGATE"]) {
            words.token(&Token::Eq);
            let known = words.peek(0).and_then(|word| Propagation::from_words(&word));
            let Some(known) = known else {
                return Err(words.unexpected("ON_DEPENDENCY_AND_DATA_MOVEMENT, ON_DEPENDENCY or ON_DATA_MOVEMENT"));
            };
            words.parser.next_token();
            tag.propagate = Some(known);
        } else if words.take(&["ON_CONFLICT"]) {
            words.token(&Token::Eq);
            tag.on_conflict = Some(match words.take(&["ALLOWED_VALUES_SEQUENCE"]) {
                true => OnConflict::AllowedValuesSequence,
                false => OnConflict::Value(words.string()?),
            });
        } else {
            break;
        }
    }
    match (&tag.on_conflict, tag.propagate) {
        (Some(_), None) => Err(Error::new(Kind::Syntax, "ON_CONFLICT is for tags that have PROPAGATE")),
        (Some(OnConflict::AllowedValuesSequence), _) if tag.allowed_values.is_empty() => {
            Err(Error::new(Kind::Syntax, "ON_CONFLICT = ALLOWED_VALUES_SEQUENCE needs ALLOWED_VALUES"))
        }
        (Some(OnConflict::Value(value)), _)
            if !tag.allowed_values.is_empty() && !tag.allowed_values.contains(value) =>
        {
            let message = format!("value \"{value}\" of ON_CONFLICT is not among the allowed values");
            Err(Error::new(Kind::InvalidParameter, message))
        }
        _ => Ok(tag),
    }
}

/// What a tag is set to, and where that comes from.
pub type Said = (String, TagSource);

/// `= 'value' [PROPAGATED]`: the word is an export's, of a tag that came with the values.
pub fn said(words: &mut Words) -> Result<Said> {
    words.expect_token(&Token::Eq)?;
    let value = words.string()?;
    let source = if words.take(&["PROPAGATED"]) { TagSource::Propagated } else { TagSource::Manual };
    Ok((value, source))
}

/// `SET TAG name = 'value'` or `UNSET TAG name`, if it is one of them.
pub fn set_or_unset(words: &mut Words) -> Result<Option<(String, Option<Said>)>> {
    if words.take(&["SET", "TAG"]) {
        let tag = words.name()?;
        return Ok(Some((tag, Some(said(words)?))));
    }
    match words.take(&["UNSET", "TAG"]) {
        true => Ok(Some((words.name()?, None))),
        false => Ok(None),
    }
}

/// Takes `WITH TAG (name = 'value', ...)` out of CREATE TABLE: behind a column of the list, or behind all of it.
pub fn within(tokens: &mut Vec<TokenWithSpan>) -> Result<Vec<TagWithin>> {
    let mut found = Vec::new();
    let (mut depth, mut column, mut begins) = (0_usize, None, false);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].token {
            Token::LParen => {
                depth += 1;
                begins |= depth == 1;
            }
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 1 => begins = true,
            Token::Word(word) if begins => {
                let name = Ident { value: word.value.clone(), quote_style: word.quote_style, span: Span::empty() };
                (column, begins) = (Some(fold(&name)), false);
            }
            Token::Word(_) if depth <= 1 && is_tag(tokens, at) => {
                let end = tags(tokens, at + 3, |tag, value| {
                    let column = column.clone().filter(|_| depth == 1);
                    found.push(TagWithin { column, tag, value });
                })?;
                tokens.drain(at..end);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(found)
}

fn is_word(tokens: &[TokenWithSpan], at: usize, wanted: &str) -> bool {
    match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

/// Whether `WITH TAG (name = ` begins at a place: a WITH query of that name goes on otherwise.
fn is_tag(tokens: &[TokenWithSpan], at: usize) -> bool {
    let is = |n: usize, wanted: &Token| tokens.get(at + n).is_some_and(|token| token.token == *wanted);
    let named = matches!(tokens.get(at + 3).map(|token| &token.token), Some(Token::Word(_)));
    is_word(tokens, at, "with") && is_word(tokens, at + 1, "tag") && is(2, &Token::LParen) && named && is(4, &Token::Eq)
}

/// Reads names and values up to the parenthesis; gives the place behind it.
fn tags(tokens: &[TokenWithSpan], mut at: usize, mut each: impl FnMut(String, String)) -> Result<usize> {
    loop {
        let token = |n: usize| tokens.get(at + n).map(|token| &token.token);
        let (Some(Token::Word(name)), Some(Token::Eq), Some(Token::SingleQuotedString(value))) =
            (token(0), token(1), token(2))
        else {
            return Err(Error::new(Kind::Syntax, "WITH TAG takes names and values: WITH TAG (name = 'value', ...)"));
        };
        let name = Ident { value: name.value.clone(), quote_style: name.quote_style, span: Span::empty() };
        each(fold(&name), value.clone());
        match token(3) {
            Some(Token::Comma) => at += 4,
            Some(Token::RParen) => return Ok(at + 4),
            _ => return Err(Error::new(Kind::Syntax, "WITH TAG (...) is not closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::own::Own;
    use super::super::{Body, Define, parse};
    use super::*;

    fn own(sql: &str) -> Own {
        match parse(sql).unwrap().remove(0).body {
            Body::Own(own) => *own,
            Body::Sql(sql) => panic!("{sql}"),
        }
    }

    #[test]
    fn tags_are_read_as_written() {
        let sql = "CREATE TAG pii ALLOWED_VALUES 'a', 'b' PROPAGATE = ON_DEPENDENCY_AND_DATA_MOVEMENT \
                   ON_CONFLICT = ALLOWED_VALUES_SEQUENCE COMMENT = 'c'";
        let Own::CreateTag(tag) = own(sql) else { panic!() };
        assert_eq!(
            (tag.propagate, tag.on_conflict),
            (Some(Propagation::Both), Some(OnConflict::AllowedValuesSequence))
        );
        assert_eq!((tag.allowed_values.len(), tag.comment.as_deref()), (2, Some("c")));
        for wrong in ["CREATE TAG t PROPAGATE = EVERYWHERE", "CREATE TAG t ON_CONFLICT = 'v'"] {
            assert_eq!(parse(wrong).unwrap_err().kind(), Kind::Syntax, "{wrong}");
        }
        let Own::ModelTag { name, tag, value } = own("ALTER MODEL m SET TAG pii = 'a'") else { panic!() };
        let said = Some(("a".to_owned(), TagSource::Manual));
        assert_eq!((name.as_str(), tag.as_str(), value), ("m", "pii", said));
        let Own::ModelTag { value, .. } = own("ALTER MODEL m SET TAG pii = 'a' PROPAGATED") else { panic!() };
        assert_eq!(value.map(|(_, source)| source), Some(TagSource::Propagated));
    }

    #[test]
    fn tags_stand_behind_columns_and_behind_the_list() {
        let sql = "CREATE TABLE t (id int8, \"Mail\" text WITH TAG (pii = 'mail', b = 'x') NOT NULL, \
                   CHECK (id > 0)) WITH TAG (domain = 'behaviour')";
        let Own::Define(Define::CreateTable { create, beside }) = own(sql) else { panic!() };
        let tag = |column: Option<&str>, tag: &str, value: &str| TagWithin {
            column: column.map(str::to_owned),
            tag: tag.to_owned(),
            value: value.to_owned(),
        };
        let expected =
            [tag(Some("Mail"), "pii", "mail"), tag(Some("Mail"), "b", "x"), tag(None, "domain", "behaviour")];
        assert_eq!(beside.created.tags, expected);
        assert_eq!((create.columns.len(), create.columns[1].options.len()), (2, 1));
        // A query of that name is none.
        assert!(matches!(
            parse("CREATE TABLE t AS WITH tag (a) AS (SELECT 1) SELECT * FROM tag").unwrap()[0].body,
            Body::Sql(_)
        ));
    }
}
