//! Grammar of CLASSIFY TABLE, of classifiers, and of what persons say of their verdicts.

use super::own::Relation;
use super::words::{Words, split};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::tokenizer::Token;
use std::collections::BTreeMap;

/// A statement about classification.
#[derive(Debug, Clone)]
pub enum ClassifyWords {
    /// `CLASSIFY TABLE`
    Table {
        /// The table.
        table: Relation,
        /// The columns; all if none are named.
        columns: Vec<String>,
        /// `sample_count`, `auto_tag`, `tag`, `custom_classifiers`, `reevaluate`
        options: BTreeMap<String, String>,
    },
    /// `CREATE CLASSIFIER`
    Create(Box<NewClassifier>),
    /// `DROP CLASSIFIER`
    Drop {
        /// Its name.
        name: String,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `CONFIRM TAG`, `REJECT TAG`
    Said {
        /// Whether it is confirmed.
        confirmed: bool,
        /// The tag.
        tag: String,
        /// Its value, if it is named.
        value: Option<String>,
        /// The table.
        table: Relation,
        /// The column.
        column: String,
        /// `BECAUSE`
        because: Option<String>,
    },
}

impl ClassifyWords {
    /// The command tag.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Table { .. } => "CLASSIFY TABLE",
            Self::Create(_) => "CREATE CLASSIFIER",
            Self::Drop { .. } => "DROP CLASSIFIER",
            Self::Said { confirmed: true, .. } => "CONFIRM TAG",
            Self::Said { confirmed: false, .. } => "REJECT TAG",
        }
    }
}

/// A classifier as it is written.
#[derive(Debug, Clone)]
pub struct NewClassifier {
    /// Its name.
    pub name: String,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// `VALUE_REGEX`
    pub value_regex: Option<String>,
    /// `DENY_LIST`, as an array's literal.
    pub deny_list: Option<String>,
    /// `COL_NAME_REGEX`
    pub column_name: Option<String>,
    /// `CATEGORY`
    pub category: Option<String>,
    /// `PRIVACY`
    pub privacy: Option<String>,
    /// `THRESHOLD`
    pub threshold: Option<f64>,
    /// `CONTEXT`, as an array's literal.
    pub context: Option<String>,
}

/// Reads such a statement, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<ClassifyWords>> {
    if words.take(&["CLASSIFY", "TABLE"]) {
        let table = words.relation()?;
        let mut columns = Vec::new();
        if words.token(&Token::LParen) {
            columns = words.names()?;
            words.expect_token(&Token::RParen)?;
        }
        let options = if words.take(&["WITH"]) { words.options()? } else { BTreeMap::new() };
        return Ok(Some(ClassifyWords::Table { table, columns, options }));
    }
    let or_replace = words.take(&["CREATE", "OR", "REPLACE", "CLASSIFIER"]);
    if or_replace || words.take(&["CREATE", "CLASSIFIER"]) {
        return create(words, or_replace).map(Some);
    }
    if words.take(&["DROP", "CLASSIFIER"]) {
        let if_exists = words.take(&["IF", "EXISTS"]);
        let name = words.name()?;
        // Nothing depends on a classifier.
        let _ = words.take(&["CASCADE"]) || words.take(&["RESTRICT"]);
        return Ok(Some(ClassifyWords::Drop { name, if_exists }));
    }
    let confirmed = words.take(&["CONFIRM", "TAG"]);
    if confirmed || words.take(&["REJECT", "TAG"]) {
        return said(words, confirmed).map(Some);
    }
    Ok(None)
}

fn create(words: &mut Words, or_replace: bool) -> Result<ClassifyWords> {
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    let mut new = NewClassifier {
        name: words.name()?,
        or_replace,
        if_not_exists,
        value_regex: None,
        deny_list: None,
        column_name: None,
        category: None,
        privacy: None,
        threshold: None,
        context: None,
    };
    words.expect_token(&Token::LParen)?;
    if words.take(&["VALUE_REGEX"]) {
        new.value_regex = Some(words.string()?);
    } else if words.take(&["DENY_LIST"]) {
        new.deny_list = Some(words.string()?);
    } else if words.take(&["MODEL"]) {
        return Err(Error::new(Kind::Unsupported, "a classifier by a model is not supported")
            .with_hint("Use VALUE_REGEX or DENY_LIST; CLASSIFY(text, labels) asks the built-in model."));
    } else {
        return Err(words.unexpected("VALUE_REGEX or DENY_LIST"));
    }
    words.expect_token(&Token::RParen)?;
    loop {
        let (place, what) = if words.take(&["COL_NAME_REGEX"]) {
            (&mut new.column_name, "COL_NAME_REGEX")
        } else if words.take(&["CATEGORY"]) {
            (&mut new.category, "CATEGORY")
        } else if words.take(&["PRIVACY"]) {
            (&mut new.privacy, "PRIVACY")
        } else if words.take(&["CONTEXT"]) {
            (&mut new.context, "CONTEXT")
        } else if words.take(&["THRESHOLD"]) {
            if new.threshold.is_some() {
                return Err(twice("THRESHOLD"));
            }
            let text = words.value()?;
            let threshold = text.parse::<f64>().ok().filter(|threshold| *threshold > 0.0 && *threshold <= 1.0);
            new.threshold = Some(threshold.ok_or_else(|| {
                Error::new(
                    Kind::InvalidParameter,
                    "THRESHOLD of a classifier is a share of values, above 0 and up to 1",
                )
            })?);
            continue;
        } else {
            return Ok(ClassifyWords::Create(Box::new(new)));
        };
        if place.is_some() {
            return Err(twice(what));
        }
        *place = Some(words.string()?);
    }
}

fn twice(what: &str) -> Error {
    Error::new(Kind::Syntax, format!("{what} is given twice"))
}

fn said(words: &mut Words, confirmed: bool) -> Result<ClassifyWords> {
    let tag = words.name()?;
    let value = if words.token(&Token::Eq) { Some(words.string()?) } else { None };
    words.expect(&["ON"])?;
    let path = words.parser.parse_object_name(false).map_err(Error::from)?;
    let mut parts = path.0;
    let column = parts.pop().and_then(|part| part.as_ident().map(super::words::fold));
    let (Some(column), false) = (column, parts.is_empty()) else {
        return Err(Error::new(Kind::Syntax, "a column is wanted, as in CONFIRM TAG pii ON customers.email"));
    };
    let table = split(&ObjectName(parts))?;
    let because = if !confirmed && words.take(&["BECAUSE"]) { Some(words.string()?) } else { None };
    Ok(ClassifyWords::Said { confirmed, tag, value, table, column, because })
}
