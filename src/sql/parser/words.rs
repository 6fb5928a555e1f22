//! Reading word by word, for grammar that sqlparser does not have.

use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use std::collections::BTreeMap;

/// A parser that knows our words.
pub struct Words<'a> {
    /// The parser below.
    pub parser: Parser<'a>,
}

impl<'a> Words<'a> {
    /// Words of this parser.
    pub fn new(parser: Parser<'a>) -> Self {
        Self { parser }
    }

    /// The n-th next word in upper case, if it is an unquoted word.
    pub fn peek(&self, n: usize) -> Option<String> {
        match self.parser.peek_nth_token(n).token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
            _ => None,
        }
    }

    /// Whether these words come next; they stay.
    pub fn ahead(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| self.peek(n).as_deref() == Some(*word))
    }

    /// Takes these words if they come next.
    pub fn take(&mut self, words: &[&str]) -> bool {
        let ahead = self.ahead(words);
        if ahead {
            words.iter().for_each(|_| {
                self.parser.next_token();
            });
        }
        ahead
    }

    /// Takes these words or says what was expected.
    pub fn expect(&mut self, words: &[&str]) -> Result<()> {
        match self.take(words) {
            true => Ok(()),
            false => Err(self.unexpected(&words.join(" "))),
        }
    }

    /// Takes a token if it comes next.
    pub fn token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// Takes a token or says that it was expected.
    pub fn expect_token(&mut self, token: &Token) -> Result<()> {
        match self.token(token) {
            true => Ok(()),
            false => Err(self.unexpected(&token.to_string())),
        }
    }

    /// The syntax error at the next token.
    pub fn unexpected(&self, expected: &str) -> Error {
        let next = self.parser.peek_token();
        let place =
            format!("Expected: {expected}. at Line: {}, Column: {}", next.span.start.line, next.span.start.column);
        match next.token {
            Token::EOF => Error::new(Kind::Syntax, "syntax error at end of input").with_detail(place),
            token => Error::new(Kind::Syntax, format!("syntax error at or near \"{token}\"")).with_detail(place),
        }
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<()> {
        match self.parser.peek_token().token {
            Token::EOF => Ok(()),
            _ => Err(self.unexpected("end of statement")),
        }
    }

    /// A name, folded as PostgreSQL folds it.
    pub fn name(&mut self) -> Result<String> {
        let ident = self.parser.parse_identifier().map_err(Error::from)?;
        Ok(fold(&ident))
    }

    /// Names with commas between.
    pub fn names(&mut self) -> Result<Vec<String>> {
        let mut names = vec![self.name()?];
        while self.token(&Token::Comma) {
            names.push(self.name()?);
        }
        Ok(names)
    }

    /// A relation with or without its schema.
    pub fn relation(&mut self) -> Result<(Option<String>, String)> {
        let name = self.parser.parse_object_name(false).map_err(Error::from)?;
        split(&name)
    }

    /// A string.
    pub fn string(&mut self) -> Result<String> {
        self.parser.parse_literal_string().map_err(Error::from)
    }

    /// A whole number.
    pub fn number(&mut self) -> Result<u64> {
        self.parser.parse_literal_uint().map_err(Error::from)
    }

    /// `( name = value, ... )`; lists come out with commas between.
    pub fn options(&mut self) -> Result<BTreeMap<String, String>> {
        let mut options = BTreeMap::new();
        self.expect_token(&Token::LParen)?;
        while !self.token(&Token::RParen) {
            let name = self.name()?;
            self.token(&Token::Eq);
            let value = self.option_value()?;
            if options.insert(name.clone(), value).is_some() {
                return Err(Error::new(Kind::Syntax, format!("option \"{name}\" is given twice")));
            }
            if !self.token(&Token::Comma) {
                self.expect_token(&Token::RParen)?;
                break;
            }
        }
        Ok(options)
    }

    /// The value of an option or a setting.
    pub fn value(&mut self) -> Result<String> {
        self.option_value()
    }

    fn option_value(&mut self) -> Result<String> {
        let negative = self.token(&Token::Minus);
        let next = self.parser.next_token();
        Ok(match next.token {
            Token::SingleQuotedString(text) => text,
            Token::Number(number, _) if negative => format!("-{number}"),
            Token::Number(number, _) => number,
            Token::Word(word) if word.value.eq_ignore_ascii_case("array") => self.option_value()?,
            Token::Word(word) => word.value.to_lowercase(),
            Token::LBracket => {
                let mut values = Vec::new();
                while !self.token(&Token::RBracket) {
                    values.push(self.option_value()?);
                    if !self.token(&Token::Comma) {
                        self.expect_token(&Token::RBracket)?;
                        break;
                    }
                }
                values.join(",")
            }
            _ => {
                self.parser.prev_token();
                return Err(self.unexpected("a value"));
            }
        })
    }
}

/// Takes the types of a function's arguments in their parentheses, if they come next.
pub fn skip_arguments(words: &mut Words) -> Result<()> {
    if !words.token(&Token::LParen) {
        return Ok(());
    }
    let mut open = 1;
    while open > 0 {
        match words.parser.next_token().token {
            Token::LParen => open += 1,
            Token::RParen => open -= 1,
            Token::EOF => return Err(words.unexpected(")")),
            _ => {}
        }
    }
    Ok(())
}

/// A name as PostgreSQL folds it: lower case unless quoted.
pub fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// An identifier that means this name and no other: what [`fold`] leaves as it is.
pub fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// The last part of a name, folded: a column's without its relation.
pub fn last(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default()
}

/// Schema and name of a relation.
pub fn split(name: &ObjectName) -> Result<(Option<String>, String)> {
    let mut parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
    let last = parts.pop().ok_or_else(|| Error::new(Kind::Syntax, "a name is missing"))?;
    parts.first().map_or(Ok(()), |first| super::as_of::refuse(first))?;
    if parts.len() > 2 {
        return Err(Error::new(Kind::Syntax, format!("improper qualified name (too many dotted names): {name}")));
    }
    Ok((parts.pop(), last))
}
