//! Grammar of ALTER TABLE where it says how PostgreSQL is to keep a table: fill factors, statistics, storage, replication, triggers.

use super::own::{Relation, rewind};
use super::words::Words;
use crate::error::Result;
use datafusion::sql::sqlparser::tokenizer::Token;

/// What one action of such a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeping {
    /// `SET (name = value, ...)`
    Set(Vec<(String, String)>),
    /// `RESET (name, ...)`
    Reset(Vec<String>),
    /// `ALTER [COLUMN] c SET STATISTICS n | (...)`, `RESET (...)`
    Column(String),
    /// `ALTER [COLUMN] c SET STORAGE kind`
    Storage {
        /// The column.
        column: String,
        /// The word.
        kind: String,
    },
    /// `ALTER [COLUMN] c SET COMPRESSION method`
    Compression {
        /// The column.
        column: String,
        /// The word.
        method: String,
    },
    /// `SET LOGGED`
    Logged,
    /// `SET UNLOGGED`
    Unlogged,
    /// `SET TABLESPACE name`
    Tablespace(String),
    /// `SET ACCESS METHOD name`
    AccessMethod(String),
    /// `SET WITHOUT OIDS`
    WithoutOids,
    /// `REPLICA IDENTITY DEFAULT | FULL | NOTHING | USING INDEX name`
    ReplicaIdentity(Option<String>),
    /// `ENABLE | DISABLE TRIGGER ALL | USER | name`; a name is of a trigger, and none are there
    Triggers {
        /// `DISABLE`
        disable: bool,
        /// The trigger.
        name: Option<String>,
    },
    /// `ENABLE | DISABLE RULE name`
    Rule(String),
}

/// What a statement says that has such actions alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// `TABLE`, `INDEX`, `MATERIALIZED VIEW`
    pub kind: &'static str,
    /// Which.
    pub name: Relation,
    /// `IF EXISTS`
    pub if_exists: bool,
    /// What it says.
    pub actions: Vec<Keeping>,
}

/// Reads such a statement; any other is given back.
pub fn parse(words: &mut Words) -> Result<Option<Kept>> {
    let start = words.parser.index();
    let kinds: [(&[&str], &str); 3] = [
        (&["ALTER", "TABLE"], "TABLE"),
        (&["ALTER", "INDEX"], "INDEX"),
        (&["ALTER", "MATERIALIZED", "VIEW"], "MATERIALIZED VIEW"),
    ];
    let Some((_, kind)) = kinds.into_iter().find(|(written, _)| words.take(written)) else { return Ok(None) };
    let if_exists = words.take(&["IF", "EXISTS"]);
    words.take(&["ONLY"]);
    if let Ok(name) = words.relation() {
        words.token(&Token::Mul);
        let mut actions = Vec::new();
        while let Some(action) = action(words)? {
            actions.push(action);
            if !words.token(&Token::Comma) {
                return match words.parser.peek_token().token {
                    Token::EOF => Ok(Some(Kept { kind, name, if_exists, actions })),
                    _ => Err(words.unexpected("end of statement")),
                };
            }
        }
    }
    rewind(words, start);
    Ok(None)
}

fn action(words: &mut Words) -> Result<Option<Keeping>> {
    let parameters_ahead = |words: &Words| words.parser.peek_nth_token(1).token == Token::LParen;
    Ok(Some(match () {
        () if words.ahead(&["SET"]) && parameters_ahead(words) => {
            words.expect(&["SET"])?;
            Keeping::Set(parameters(words)?)
        }
        () if words.ahead(&["RESET"]) && parameters_ahead(words) => {
            words.expect(&["RESET"])?;
            Keeping::Reset(parameters(words)?.into_iter().map(|(name, _)| name).collect())
        }
        () if words.take(&["SET", "LOGGED"]) => Keeping::Logged,
        () if words.take(&["SET", "UNLOGGED"]) => Keeping::Unlogged,
        () if words.take(&["SET", "WITHOUT", "OIDS"]) => Keeping::WithoutOids,
        () if words.take(&["SET", "TABLESPACE"]) => {
            let name = words.name()?;
            words.take(&["NOWAIT"]);
            Keeping::Tablespace(name)
        }
        () if words.take(&["SET", "ACCESS", "METHOD"]) => Keeping::AccessMethod(words.name()?),
        () if words.take(&["REPLICA", "IDENTITY"]) => match words.take(&["USING", "INDEX"]) {
            true => Keeping::ReplicaIdentity(Some(words.name()?)),
            false => {
                if !["DEFAULT", "FULL", "NOTHING"].iter().any(|word| words.take(&[word])) {
                    return Err(words.unexpected("DEFAULT, FULL, NOTHING or USING INDEX"));
                }
                Keeping::ReplicaIdentity(None)
            }
        },
        () if words.ahead(&["ENABLE"]) || words.ahead(&["DISABLE"]) => return switch(words),
        () if words.ahead(&["ALTER"]) => return column(words),
        () => return Ok(None),
    }))
}

fn switch(words: &mut Words) -> Result<Option<Keeping>> {
    let start = words.parser.index();
    let disable = words.take(&["DISABLE"]);
    if !disable {
        words.expect(&["ENABLE"])?;
        let _ = words.take(&["REPLICA"]) || words.take(&["ALWAYS"]);
    }
    if words.take(&["TRIGGER"]) {
        let name = match words.take(&["ALL"]) || words.take(&["USER"]) {
            true => None,
            false => Some(words.name()?),
        };
        return Ok(Some(Keeping::Triggers { disable, name }));
    }
    if words.take(&["RULE"]) {
        return Ok(Some(Keeping::Rule(words.name()?)));
    }
    rewind(words, start);
    Ok(None)
}

fn column(words: &mut Words) -> Result<Option<Keeping>> {
    let start = words.parser.index();
    words.expect(&["ALTER"])?;
    words.take(&["COLUMN"]);
    if let Ok(column) = words.name() {
        let parameters_next = |words: &Words| words.parser.peek_token().token == Token::LParen;
        if words.take(&["SET", "STATISTICS"]) {
            words.token(&Token::Minus);
            words.number()?;
            return Ok(Some(Keeping::Column(column)));
        }
        if words.take(&["SET", "STORAGE"]) {
            return Ok(Some(Keeping::Storage { column, kind: words.name()?.to_lowercase() }));
        }
        if words.take(&["SET", "COMPRESSION"]) {
            return Ok(Some(Keeping::Compression { column, method: words.name()?.to_lowercase() }));
        }
        if (words.take(&["SET"]) || words.take(&["RESET"])) && parameters_next(words) {
            parameters(words)?;
            return Ok(Some(Keeping::Column(column)));
        }
    }
    rewind(words, start);
    Ok(None)
}

/// `(name [= value], ...)`, names with their prefix.
pub(super) fn parameters(words: &mut Words) -> Result<Vec<(String, String)>> {
    words.expect_token(&Token::LParen)?;
    let mut all = Vec::new();
    loop {
        let mut name = words.name()?;
        if words.token(&Token::Period) {
            name = format!("{name}.{}", words.name()?);
        }
        let value = if words.token(&Token::Eq) { words.value()? } else { String::new() };
        all.push((name, value));
        if !words.token(&Token::Comma) {
            words.expect_token(&Token::RParen)?;
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::own::Own;
    use super::super::{Body, Define, parse};
    use super::*;

    #[test]
    fn what_changes_nothing_is_told_from_what_does() {
        let kept = |sql: &str| match parse(sql).unwrap().remove(0).body {
            Body::Own(own) => match *own {
                Own::Define(Define::Keeping(kept)) => Some(kept.actions),
                _ => None,
            },
            Body::Sql(_) => None,
        };
        let set = |name: &str, value: &str| Keeping::Set(vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(kept("ALTER TABLE ONLY t SET (fillfactor=70)"), Some(vec![set("fillfactor", "70")]));
        assert_eq!(
            kept(
                "ALTER TABLE t ALTER COLUMN a SET STATISTICS -1, SET (toast.autovacuum_enabled = off), DISABLE TRIGGER ALL"
            ),
            Some(vec![
                Keeping::Column("a".to_owned()),
                set("toast.autovacuum_enabled", "off"),
                Keeping::Triggers { disable: true, name: None }
            ])
        );
        for other in [
            "ALTER TABLE t ALTER a SET NOT NULL",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE t SET SCHEMA s",
        ] {
            assert_eq!(kept(other), None, "{other}");
        }
    }
}
