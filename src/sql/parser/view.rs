//! Grammar of ALTER VIEW where it is about options and columns.

use super::keeping::parameters;
use super::own::rewind;
use super::words::Words;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::tokenizer::Token;

/// What such a statement says.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewChange {
    /// `RENAME [COLUMN] from TO to`
    Rename {
        /// Its name.
        from: String,
        /// Its new one.
        to: String,
    },
    /// `SET (option [= value], ...)`; one without a value is true.
    Set(Vec<(String, String)>),
    /// `RESET (option, ...)`
    Reset(Vec<String>),
    /// `ALTER [COLUMN] column SET DEFAULT value`
    SetDefault {
        /// The column.
        column: String,
        /// What it gets where nothing is given.
        value: Box<Expr>,
    },
    /// `ALTER [COLUMN] column DROP DEFAULT`
    DropDefault {
        /// The column.
        column: String,
    },
}

/// What stands behind the name of the view; anything else is given back.
pub fn change(words: &mut Words) -> Result<Option<ViewChange>> {
    let start = words.parser.index();
    let parameters_ahead = |words: &Words| words.parser.peek_nth_token(1).token == Token::LParen;
    let change = match () {
        () if words.take(&["RENAME"]) => {
            words.take(&["COLUMN"]);
            let from = words.name()?;
            words.expect(&["TO"])?;
            Some(ViewChange::Rename { from, to: words.name()? })
        }
        () if words.ahead(&["SET"]) && parameters_ahead(words) => {
            words.expect(&["SET"])?;
            let valued =
                |(name, value): (String, String)| (name, if value.is_empty() { "true".to_owned() } else { value });
            Some(ViewChange::Set(parameters(words)?.into_iter().map(valued).collect()))
        }
        () if words.ahead(&["RESET"]) && parameters_ahead(words) => {
            words.expect(&["RESET"])?;
            Some(ViewChange::Reset(parameters(words)?.into_iter().map(|(name, _)| name).collect()))
        }
        () if words.take(&["ALTER"]) => {
            words.take(&["COLUMN"]);
            let column = words.name()?;
            match () {
                () if words.take(&["SET", "DEFAULT"]) => {
                    let value = Box::new(words.parser.parse_expr().map_err(Error::from)?);
                    Some(ViewChange::SetDefault { column, value })
                }
                () if words.take(&["DROP", "DEFAULT"]) => Some(ViewChange::DropDefault { column }),
                () => None,
            }
        }
        () => None,
    };
    if change.is_none() {
        rewind(words, start);
    }
    Ok(change)
}
