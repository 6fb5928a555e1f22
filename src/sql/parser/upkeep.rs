//! Grammar of the statements that keep tables in shape: VACUUM, ANALYZE, CLUSTER.

use super::own::Relation;
use super::words::Words;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Such a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upkeep {
    /// `VACUUM [FULL] [t, ...]`; no table means all
    Vacuum {
        /// Which.
        tables: Vec<Relation>,
        /// Everything is written again.
        full: bool,
    },
    /// `ANALYZE [t, ...]`
    Analyze {
        /// Which.
        tables: Vec<Relation>,
    },
    /// `CLUSTER [t [USING key]]`; no table means all that have a clustering key
    Cluster {
        /// Which, and the key that becomes its clustering key.
        table: Option<(Relation, Option<String>)>,
    },
    /// `ALTER TABLE t CLUSTER ON key`, `ALTER TABLE t CLUSTER BY (c, ...)`, `ALTER TABLE t SET WITHOUT CLUSTER`
    ClusterBy {
        /// The table.
        table: Relation,
        /// By what it is sorted from now on.
        by: ClusterBy,
    },
}

/// By what a table is kept sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterBy {
    /// The columns of a primary key or unique constraint.
    Key(String),
    /// These columns.
    Columns(Vec<String>),
    /// Nothing.
    Nothing,
}

/// Reads such a statement, or nothing if it is not one.
pub fn parse(words: &mut Words) -> Result<Option<Upkeep>> {
    if words.take(&["VACUUM"]) {
        let full = options(words, "VACUUM")?;
        return Ok(Some(Upkeep::Vacuum { tables: tables(words)?, full }));
    }
    if words.take(&["ANALYZE"]) || words.take(&["ANALYSE"]) {
        options(words, "ANALYZE")?;
        return Ok(Some(Upkeep::Analyze { tables: tables(words)? }));
    }
    if words.take(&["CLUSTER"]) {
        options(words, "CLUSTER")?;
        if is_end(words) {
            return Ok(Some(Upkeep::Cluster { table: None }));
        }
        let table = words.relation()?;
        let key = if words.take(&["USING"]) { Some(words.name()?) } else { None };
        return Ok(Some(Upkeep::Cluster { table: Some((table, key)) }));
    }
    Ok(None)
}

/// What follows `ALTER TABLE t`, if it is about clustering.
pub fn alter_table(words: &mut Words, table: &Relation) -> Result<Option<Upkeep>> {
    let by = if words.take(&["SET", "WITHOUT", "CLUSTER"]) {
        ClusterBy::Nothing
    } else if words.take(&["CLUSTER", "ON"]) {
        ClusterBy::Key(words.name()?)
    } else if words.take(&["CLUSTER", "BY"]) {
        words.expect_token(&Token::LParen)?;
        let columns = words.names()?;
        words.expect_token(&Token::RParen)?;
        ClusterBy::Columns(columns)
    } else {
        return Ok(None);
    };
    Ok(Some(Upkeep::ClusterBy { table: table.clone(), by }))
}

fn is_end(words: &Words) -> bool {
    words.parser.peek_token().token == Token::EOF
}

/// The options that a statement has in parentheses.
fn known(statement: &str) -> &'static [&'static str] {
    match statement {
        "VACUUM" => &[
            "full",
            "freeze",
            "verbose",
            "analyze",
            "disable_page_skipping",
            "skip_locked",
            "index_cleanup",
            "process_toast",
            "truncate",
            "parallel",
        ],
        "ANALYZE" => &["verbose", "skip_locked"],
        _ => &["verbose"],
    }
}

/// `(FULL, VERBOSE true)` or `FULL VERBOSE`: whether FULL is among them. The others change nothing here: there is no
/// freezing, and statistics are always those of the rows.
fn options(words: &mut Words, statement: &str) -> Result<bool> {
    let mut full = false;
    if words.token(&Token::LParen) {
        loop {
            let name = words.name()?;
            if !known(statement).contains(&name.as_str()) {
                return Err(Error::new(Kind::Syntax, format!("unrecognized {statement} option \"{name}\"")));
            }
            let off = words.take(&["FALSE"]) || words.take(&["OFF"]);
            let _ = words.take(&["TRUE"]) || words.take(&["ON"]);
            match name.as_str() {
                "index_cleanup" => {
                    words.take(&["AUTO"]);
                }
                "parallel" => {
                    words.number()?;
                }
                _ => {}
            }
            full |= name == "full" && !off;
            if !words.token(&Token::Comma) {
                words.expect_token(&Token::RParen)?;
                return Ok(full);
            }
        }
    }
    loop {
        if words.take(&["FULL"]) {
            full = true;
        } else if !["FREEZE", "VERBOSE", "ANALYZE", "ANALYSE"].iter().any(|word| words.take(&[word])) {
            return Ok(full);
        }
    }
}

fn tables(words: &mut Words) -> Result<Vec<Relation>> {
    if is_end(words) {
        return Ok(Vec::new());
    }
    let mut tables = vec![words.relation()?];
    while words.token(&Token::Comma) {
        tables.push(words.relation()?);
    }
    Ok(tables)
}
