//! From text to statements: ours first, everything else as PostgreSQL's grammar has it.
//!
//! [`parse`] splits a string into statements. Where one begins with words of our own ([`own`]), our grammar reads it;
//! otherwise sqlparser does. What is read is not yet allowed: the session runs only what it knows.

mod as_of;
mod classify;
mod conditions;
mod copy;
mod created;
mod cursor;
mod define;
mod dialect;
mod domain;
mod elements;
mod forget;
mod grammar;
mod grant;
mod job;
mod junk;
mod keeping;
mod kept;
mod keys;
mod locks;
mod members;
pub mod merge;
mod model;
mod operate;
mod own;
mod refused;
mod repair;
mod role;
mod rule;
mod sequence;
mod spelling;
mod stars;
mod subscripts;
mod substrings;
mod symmetric;
mod table;
mod tag;
mod tokens;
mod trimmed;
mod type_names;
mod unions;
mod upkeep;
mod upsert;
mod values;
mod view;
mod words;

pub use as_of::{Written, readable, split_off};
pub use classify::{ClassifyWords, NewClassifier};
pub use copy::{Chosen, Copy, CopyForm, CopyFormat, CopyHeader};
pub use cursor::{ALL, Cursor, Declare, Direction};
pub use define::{Commented, Define, EnumChange, IdentityChange, Named, Reindexed};
pub use domain::{DomainChange, DomainPart, DomainWords};
pub use forget::{ForgetWords, ForgottenColumn};
pub use job::{JobChange, JobWords, NewJob, When, one_statement};
pub use keeping::{Keeping, Kept as KeepingWords};
pub use kept::Kept;
pub use locks::{Strength, strength};
pub use model::ModelWords;
pub use operate::Operate;
pub use own::{AssetTarget, DefaultTarget, GrantTarget, Inventory, OpenRight, Own, Relation, RoleOption, TagTarget};

pub use repair::{RepairWords, UndoneRepair};
pub use rule::{NewRule, NewSchedule, NewTest, RuleChange, RuleWords, Violation, full_name, referred};
pub use sequence::SequenceOption;
pub use spelling::{Beside, Like, Overriding, overriding};
pub use tag::{NewTag, TagWithin};
pub use tokens::{cut_name, long_names};
pub use unions::tree;

use super::error::locate;
use crate::config::NESTING_MAX;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
pub use upkeep::{ClusterBy, Upkeep};
pub use view::ViewChange;
use words::Words;
pub use words::{fold, last, quoted, split};

/// Parses an expression.
pub fn expression(text: &str) -> Result<ast::Expr> {
    let mut expression = tokens::parser(text)?.parse_expr().map_err(Error::from)?;
    as_known(&mut expression)?;
    Ok(expression)
}

/// Parses the name of a type; none if it is no such thing.
pub fn data_type(text: &str) -> Option<ast::DataType> {
    tokens::parser(text).ok()?.parse_data_type().ok()
}

/// Parses a query.
pub fn query(text: &str) -> Result<ast::Query> {
    let mut query = *tokens::parser(text)?.parse_query().map_err(Error::from)?;
    as_known(&mut query)?;
    Ok(query)
}

/// What a client says, in the forms that the rest of the house knows, and no more than PostgreSQL's grammar has.
fn read_back(node: &mut (impl ast::VisitMut + ast::Visit)) -> Result<()> {
    grammar::must_be_postgresql(&*node)?;
    as_known(node)
}

/// What the grammar has read in the forms that the rest of the house knows.
fn as_known(node: &mut impl ast::VisitMut) -> Result<()> {
    unions::balance(node)?;
    conditions::balance(node);
    tokens::distinct(node);
    symmetric::read_back(node);
    members::read_back(node);
    keys::read_back(node);
    type_names::read_back(node);
    Ok(())
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it says.
    pub body: Body,
    /// Its text, without the semicolon.
    pub text: String,
    /// Where its text begins in what the client sent, in characters.
    pub offset: usize,
}

impl Statement {
    /// What it says of cursors, if it is about them.
    pub fn cursor(&self) -> Option<&Cursor> {
        match &self.body {
            Body::Own(own) => match own.as_ref() {
                Own::Cursor(cursor) => Some(cursor),
                _ => None,
            },
            Body::Sql(_) => None,
        }
    }
}

/// What a statement says.
#[derive(Debug, Clone)]
pub enum Body {
    /// SQL that PostgreSQL knows too.
    Sql(Box<ast::Statement>),
    /// A statement of Steward's own.
    Own(Box<Own>),
}

/// The statements of a string. An empty string has none.
pub fn parse(sql: &str) -> Result<Vec<Statement>> {
    let tokens = tokens::tokenize(sql).map_err(|e| tokenizer_error(&e.to_string(), sql))?;
    let starts = line_starts(sql);
    let mut statements = Vec::new();
    let mut semicolons = tokens.iter().filter(|t| t.token == Token::SemiColon);
    for run in tokens.split(|t| t.token == Token::SemiColon) {
        let semicolon = semicolons.next().map(|t| byte_of(sql, &starts, t.span.start.line, t.span.start.column));
        let meaningful = |t: &&TokenWithSpan| tokens::is_meant(&t.token);
        let (Some(first), Some(last)) = (run.iter().find(meaningful), run.iter().rev().find(meaningful)) else {
            continue;
        };
        let start = byte_of(sql, &starts, first.span.start.line, first.span.start.column);
        let end = byte_of(sql, &starts, last.span.end.line, last.span.end.column);
        let text = sql.get(start..end).unwrap_or(sql).to_owned();
        let offset = sql.get(..start).map_or(0, |before| before.chars().count());
        let body =
            one(run.to_vec(), &text).map_err(|e| at_end(locate(grammar::located(e, run), sql, 0), sql, semicolon))?;
        statements.push(Statement { body, text, offset });
    }
    Ok(statements)
}

fn one(tokens: Vec<TokenWithSpan>, text: &str) -> Result<Body> {
    if let Some(schema) = elements::parse(&tokens, text)? {
        return Ok(schema);
    }
    tokens::must_be_shallow(&tokens)?;
    tokens::must_be_names(&tokens)?;
    junk::must_not_be(&tokens)?;
    tokens::must_have_no_zero(&tokens)?;
    cursor::refuse_current_of(&tokens)?;
    let dialect = dialect::Postgres::default();
    let tokens = as_of::to_names(merge::spell(table::spell(trimmed::spell(symmetric::spell(upsert::spell(
        locks::spell(type_names::spell(tokens)),
    ))))))?;
    let tokens = values::spell(stars::spell(keys::spell(members::spell(substrings::spell(subscripts::spell(tokens))))));
    refused::words_within(&tokens)?;
    let (tokens, beside) = spelling::take_out(tokens)?;
    let mut words =
        Words::new(Parser::new(&dialect).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens));
    refused::must_not_be(&words)?;
    if let Some(own) = own::parse(&mut words, text)? {
        words.end()?;
        return Ok(Body::Own(Box::new(own)));
    }
    grammar::must_begin(words.parser.peek_token_ref())?;
    if words.ahead(&["CREATE", "OR", "ALTER"]) {
        return Err(grammar::or_alter());
    }
    let mut statement = words.parser.parse_statement().map_err(|error| dialect.furthest(error.into()))?;
    read_back(&mut statement)?;
    spelling::put_back(&mut statement, &beside);
    let finished = kept::finish(&mut words, statement)?;
    words.end().map_err(|error| dialect.furthest(error))?;
    Ok(match finished {
        Ok(own) => Body::Own(Box::new(own)),
        Err(ast::Statement::CreateTable(create)) if !beside.is_empty() => {
            Body::Own(Box::new(Own::Define(Define::CreateTable { create: Box::new(create), beside })))
        }
        Err(ast::Statement::AlterTable(alter)) if !beside.is_empty() => {
            Body::Own(Box::new(Own::Define(Define::AlterTable { alter: Box::new(alter), beside })))
        }
        Err(statement) => Body::Sql(Box::new(statement)),
    })
}

/// The error of a statement that ends too early, with its place: the semicolon behind it, or the end of all.
fn at_end(error: Error, sql: &str, semicolon: Option<usize>) -> Error {
    if error.position().is_some() || error.message() != "syntax error at end of input" {
        return error;
    }
    let place = sql[..semicolon.unwrap_or(sql.len())].chars().count() + 1;
    let error = match semicolon {
        Some(_) => Error::new(error.kind(), "syntax error at or near \";\""),
        None => error,
    };
    error.at(place)
}

fn tokenizer_error(message: &str, sql: &str) -> Error {
    let text = message.split(" at Line: ").next().unwrap_or(message);
    let place = message.find(" at Line: ").map_or("", |at| &message[at..]);
    let error = Error::new(crate::error::Kind::Syntax, format!("syntax error: {text}")).with_detail(place);
    locate(error, sql, 0)
}

fn line_starts(sql: &str) -> Vec<usize> {
    std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// The tokens of a text that mean something, each with the byte where it begins; none if it cannot be read.
pub fn tokens_with_places(text: &str) -> Vec<(usize, Token)> {
    let starts = line_starts(text);
    let tokens = tokens::tokenize(text).unwrap_or_default();
    let meaningful = tokens.into_iter().filter(|t| tokens::is_meant(&t.token));
    meaningful.map(|t| (byte_of(text, &starts, t.span.start.line, t.span.start.column), t.token)).collect()
}

/// The byte at a 1-based line and column.
fn byte_of(sql: &str, starts: &[usize], line: u64, column: u64) -> usize {
    let start = starts.get((line as usize).saturating_sub(1)).copied().unwrap_or(sql.len());
    let rest = sql.get(start..).unwrap_or_default();
    let within = rest.char_indices().nth((column as usize).saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    start + within
}

/// What a statement is read as, in words.
#[cfg(test)]
fn read(sql: &str) -> String {
    match parse(sql).unwrap().remove(0).body {
        Body::Sql(sql) => sql.to_string(),
        Body::Own(own) => format!("{own:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn statements_are_split_with_their_places() {
        let statements = parse("SELECT 1;;\n-- nothing\nSELECT 'a;b' ; ").unwrap();
        let texts: Vec<_> = statements.iter().map(|s| (s.text.as_str(), s.offset)).collect();
        assert_eq!(texts, [("SELECT 1", 0), ("SELECT 'a;b'", 22)]);
        assert!(parse(" ; -- x\n").unwrap().is_empty());
    }

    #[test]
    fn errors_have_their_place_in_the_whole_string() {
        let error = parse("SELECT 1; SELEC 2").unwrap_err();
        assert_eq!((error.kind(), error.position()), (Kind::Syntax, Some(11)));
        let error = parse("SELECT 1 +").unwrap_err();
        assert_eq!(error.kind(), Kind::Syntax);
        assert!(parse("SELECT 'open").is_err());
    }
}
