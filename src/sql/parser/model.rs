//! Grammar of a model's life after its training.

use super::own::Relation;
use super::words::Words;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast;
use std::collections::BTreeMap;

/// What becomes of a trained model.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are the words of the grammar in docs/sql.md")]
pub enum ModelWords {
    /// `ALTER MODEL ... UPDATE AS query`; without one from what its source has gained
    Update { name: String, query: Option<Box<ast::Query>> },
    /// `CHECK DRIFT name [ON relation]`
    CheckDrift { name: String, on: Option<Relation> },
    /// `ALTER MODEL ... SET OPTIONS (...)`
    SetOptions { name: String, options: BTreeMap<String, String> },
    /// `ALTER MODEL ... FREEZE`, or RESUME
    Frozen { name: String, frozen: bool },
}

/// `CHECK DRIFT`, if it is that.
pub fn check(words: &mut Words) -> Result<Option<ModelWords>> {
    if !words.take(&["CHECK", "DRIFT"]) {
        return Ok(None);
    }
    let name = words.name()?;
    let on = if words.take(&["ON"]) { Some(words.relation()?) } else { None };
    Ok(Some(ModelWords::CheckDrift { name, on }))
}

/// What follows `ALTER MODEL name`, if it is one of these.
pub fn alter(words: &mut Words, name: &str) -> Result<Option<ModelWords>> {
    let name = name.to_owned();
    if words.take(&["UPDATE"]) {
        let query = match words.take(&["AS"]) {
            true => {
                let mut query = words.parser.parse_query().map_err(Error::from)?;
                super::read_back(&mut query)?;
                Some(query)
            }
            false => None,
        };
        return Ok(Some(ModelWords::Update { name, query }));
    }
    if words.take(&["SET", "OPTIONS"]) {
        return Ok(Some(ModelWords::SetOptions { name, options: words.options()? }));
    }
    if words.take(&["FREEZE"]) {
        return Ok(Some(ModelWords::Frozen { name, frozen: true }));
    }
    if words.take(&["RESUME"]) {
        return Ok(Some(ModelWords::Frozen { name, frozen: false }));
    }
    Ok(None)
}
