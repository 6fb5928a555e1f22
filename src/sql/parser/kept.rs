//! Grammar of relations that keep the rows of a query: materialized views, CREATE TABLE AS ... WITH NO DATA, SELECT INTO.

use super::own::{Own, Relation};
use super::words::Words;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{self, SetExpr, Statement};
use datafusion::sql::sqlparser::tokenizer::Token;

/// A statement about such a relation.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are the words of the grammar in docs/sql.md")]
pub enum Kept {
    /// `CREATE MATERIALIZED VIEW`; `WITH NO DATA AS (column type, ...)` gives its columns
    Create { create: Box<ast::CreateView>, with_data: bool, columns: Option<Vec<(String, ast::DataType)>> },
    /// `CREATE TABLE AS ... WITH NO DATA`
    CreateEmpty { create: Box<ast::CreateTable> },
    /// `REFRESH MATERIALIZED VIEW`
    Refresh { name: Relation, concurrently: bool, with_data: bool },
    /// `ALTER MATERIALIZED VIEW` in the words of ALTER TABLE
    Alter { alter: Box<ast::AlterTable> },
}

/// Reads such a statement that begins with words of its own, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<Kept>> {
    if words.take(&["REFRESH", "MATERIALIZED", "VIEW"]) {
        let concurrently = words.take(&["CONCURRENTLY"]);
        let name = words.relation()?;
        return Ok(Some(Kept::Refresh { name, concurrently, with_data: with_data(words).unwrap_or(true) }));
    }
    if !words.ahead(&["ALTER", "MATERIALIZED", "VIEW"]) {
        return Ok(None);
    }
    words.expect(&["ALTER", "MATERIALIZED", "VIEW"])?;
    // Behind the name it is ALTER TABLE.
    match words.parser.parse_alter_table(false).map_err(Error::from)? {
        Statement::AlterTable(alter) => Ok(Some(Kept::Alter { alter: Box::new(alter) })),
        _ => Err(words.unexpected("the name of a materialized view")),
    }
}

/// What sqlparser has read of a statement, with what it leaves of it.
pub fn finish(words: &mut Words, statement: Statement) -> Result<Result<Own, Statement>> {
    Ok(match statement {
        Statement::CreateView(create) if create.materialized => {
            let with_data = with_data(words).unwrap_or(true);
            let columns = if !with_data && words.take(&["AS"]) { Some(columns(words)?) } else { None };
            Ok(Own::Kept(Kept::Create { create: Box::new(create), with_data, columns }))
        }
        Statement::CreateTable(create) if create.query.is_some() => match with_data(words) {
            Some(false) => Ok(Own::Kept(Kept::CreateEmpty { create: Box::new(create) })),
            _ => Err(Statement::CreateTable(create)),
        },
        Statement::Query(query) => match into(*query)? {
            Ok(create) => Err(create),
            Err(query) => Err(Statement::Query(Box::new(query))),
        },
        other => Err(other),
    })
}

fn with_data(words: &mut Words) -> Option<bool> {
    match (words.take(&["WITH", "DATA"]), words.take(&["WITH", "NO", "DATA"])) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// `(column type, ...)`
fn columns(words: &mut Words) -> Result<Vec<(String, ast::DataType)>> {
    words.expect_token(&Token::LParen)?;
    let mut columns = Vec::new();
    loop {
        let name = words.name()?;
        columns.push((name, words.parser.parse_data_type().map_err(Error::from)?));
        if !words.token(&Token::Comma) {
            words.expect_token(&Token::RParen)?;
            return Ok(columns);
        }
    }
}

/// `SELECT ... INTO t` as the CREATE TABLE AS that it is.
fn into(mut query: ast::Query) -> Result<Result<Statement, ast::Query>> {
    let mut body = query.body.as_mut();
    let into = loop {
        match body {
            SetExpr::Select(select) => break select.into.take(),
            // The first query says it.
            SetExpr::SetOperation { left, .. } => body = left.as_mut(),
            _ => break None,
        }
    };
    let Some(into) = into else { return Ok(Err(query)) };
    let temporary = if into.temporary { "TEMP " } else { "" };
    let text = format!("CREATE {temporary}TABLE {} AS SELECT 1", into.name);
    let mut create = super::tokens::parser(&text)?.parse_statement().map_err(Error::from)?;
    if let Statement::CreateTable(create) = &mut create {
        create.query = Some(Box::new(query));
    }
    Ok(Ok(create))
}
