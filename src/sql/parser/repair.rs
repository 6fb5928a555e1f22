//! Grammar of repairs.

use super::own::Relation;
use super::words::Words;
use crate::error::Result;
use datafusion::sql::sqlparser::tokenizer::Token;
use std::collections::BTreeMap;

/// A statement about repairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairWords {
    /// `REPAIR TABLE`
    Table {
        /// The table.
        table: Relation,
        /// The columns that may be changed; none for all.
        columns: Option<Vec<String>>,
        /// `USING RULES`: the rules whose repairs are meant, and nothing else.
        rules: Option<Vec<String>>,
        /// `DRY RUN`
        dry_run: bool,
        /// `WITH`
        options: BTreeMap<String, String>,
    },
    /// `UNDO REPAIR`
    Undo(UndoneRepair),
}

/// Which repair is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoneRepair {
    /// `'batch'`: the one of this number.
    Batch(String),
    /// `LAST ON table`: the last one of a table that is not undone.
    LastOn(Relation),
}

impl RepairWords {
    /// Whether it changes rows.
    pub fn writes(&self) -> bool {
        !matches!(self, Self::Table { dry_run: true, .. })
    }
}

/// Reads such a statement, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<RepairWords>> {
    if words.take(&["UNDO", "REPAIR"]) {
        if words.take(&["LAST", "ON"]) {
            return Ok(Some(RepairWords::Undo(UndoneRepair::LastOn(words.relation()?))));
        }
        return Ok(Some(RepairWords::Undo(UndoneRepair::Batch(words.string()?))));
    }
    if !words.take(&["REPAIR", "TABLE"]) {
        return Ok(None);
    }
    let table = words.relation()?;
    let columns = match words.token(&Token::LParen) {
        true => Some(names(words)?),
        false => None,
    };
    let rules = match words.take(&["USING", "RULES"]) {
        true => {
            words.expect_token(&Token::LParen)?;
            Some(names(words)?)
        }
        false => None,
    };
    let dry_run = words.take(&["DRY", "RUN"]);
    let options = if words.take(&["WITH"]) { words.options()? } else { BTreeMap::new() };
    Ok(Some(RepairWords::Table { table, columns, rules, dry_run, options }))
}

/// Names with commas between, up to the parenthesis.
fn names(words: &mut Words) -> Result<Vec<String>> {
    let names = words.names()?;
    words.expect_token(&Token::RParen)?;
    Ok(names)
}

/// `(column, NULL, ...)`: columns by their numbers.
pub fn numbered(words: &mut Words) -> Result<Vec<Option<String>>> {
    words.expect_token(&Token::LParen)?;
    let mut columns = Vec::new();
    while !words.token(&Token::RParen) {
        columns.push(if words.take(&["NULL"]) { None } else { Some(words.name()?) });
        if !words.token(&Token::Comma) {
            words.expect_token(&Token::RParen)?;
            break;
        }
    }
    Ok(columns)
}
