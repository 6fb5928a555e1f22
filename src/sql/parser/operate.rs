//! Grammar of what operators of a database say: backups, exports, checks, settings of the whole system.

use super::super::ddl::Owned;
use super::words::Words;
use crate::error::Result;
use std::collections::BTreeMap;

/// A statement about the database as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operate {
    /// `BACKUP DATABASE TO 'folder' [WITH (link = true)]`
    Backup {
        /// Folder on the server.
        to: String,
        /// `link`
        options: BTreeMap<String, String>,
    },
    /// `EXPORT DATABASE TO 'folder' [WITH (format = parquet | csv)]`
    Export {
        /// Folder on the server.
        to: String,
        /// `format`
        options: BTreeMap<String, String>,
    },
    /// `SCRUB DATABASE`
    Scrub,
    /// `CHECKPOINT`
    Checkpoint,
    /// `ALTER TABLE | VIEW | FUNCTION | SEQUENCE | SCHEMA | SOURCE | MODEL | MASKING POLICY | CLASSIFIER | JOB name
    /// OWNER TO role`
    SetOwner {
        /// What it is.
        what: Owned,
        /// `IF EXISTS`
        if_exists: bool,
        /// Which one.
        name: (Option<String>, String),
        /// To whom.
        role: String,
    },
    /// `ALTER SYSTEM SET name = value`; none means `ALTER SYSTEM RESET name`
    SetSystem {
        /// The setting.
        name: String,
        /// Its value.
        value: Option<String>,
    },
}

/// Reads such a statement, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<Operate>> {
    Ok(Some(match () {
        () if words.take(&["BACKUP", "DATABASE", "TO"]) => {
            let (to, options) = folder(words)?;
            Operate::Backup { to, options }
        }
        () if words.take(&["EXPORT", "DATABASE", "TO"]) => {
            let (to, options) = folder(words)?;
            Operate::Export { to, options }
        }
        () if words.take(&["SCRUB", "DATABASE"]) => Operate::Scrub,
        () if words.take(&["CHECKPOINT"]) => Operate::Checkpoint,
        () if words.take(&["ALTER", "SYSTEM", "RESET"]) => Operate::SetSystem { name: setting(words)?, value: None },
        () if words.take(&["ALTER", "SYSTEM", "SET"]) => {
            let name = setting(words)?;
            if !words.take(&["TO"]) {
                words.expect_token(&datafusion::sql::sqlparser::tokenizer::Token::Eq)?;
            }
            let value = match words.take(&["DEFAULT"]) {
                true => None,
                false => Some(words.value()?),
            };
            Operate::SetSystem { name, value }
        }
        () => return set_owner(words),
    }))
}

/// `'folder' [WITH (options)]`
fn folder(words: &mut Words) -> Result<(String, BTreeMap<String, String>)> {
    let to = words.string()?;
    let options = if words.take(&["WITH"]) { words.options()? } else { BTreeMap::new() };
    Ok((to, options))
}

/// ALTER ... OWNER TO; for other forms of ALTER the words are given back.
fn set_owner(words: &mut Words) -> Result<Option<Operate>> {
    let start = words.parser.index();
    let kinds: [(&[&str], Owned); 11] = [
        (&["ALTER", "TABLE"], Owned::Table),
        (&["ALTER", "VIEW"], Owned::View),
        (&["ALTER", "SEQUENCE"], Owned::Sequence),
        (&["ALTER", "MATERIALIZED", "VIEW"], Owned::MaterializedView),
        (&["ALTER", "SCHEMA"], Owned::Schema),
        (&["ALTER", "SOURCE"], Owned::Source),
        (&["ALTER", "FUNCTION"], Owned::Function),
        (&["ALTER", "MODEL"], Owned::Model),
        (&["ALTER", "MASKING", "POLICY"], Owned::MaskingPolicy),
        (&["ALTER", "CLASSIFIER"], Owned::Classifier),
        (&["ALTER", "JOB"], Owned::Job),
    ];
    let Some((_, what)) = kinds.into_iter().find(|(written, _)| words.take(written)) else { return Ok(None) };
    let if_exists = words.take(&["IF", "EXISTS"]);
    words.take(&["ONLY"]);
    if let Ok(name) = words.relation()
        && (what != Owned::Function || super::words::skip_arguments(words).is_ok())
        && words.take(&["OWNER", "TO"])
    {
        return Ok(Some(Operate::SetOwner { what, if_exists, name, role: words.name()? }));
    }
    while words.parser.index() > start {
        words.parser.prev_token();
    }
    Ok(None)
}

/// The name of a setting, with its prefix.
fn setting(words: &mut Words) -> Result<String> {
    let mut name = words.name()?;
    while words.token(&datafusion::sql::sqlparser::tokenizer::Token::Period) {
        name = format!("{name}.{}", words.name()?);
    }
    Ok(name)
}
