//! Grammar of CREATE, ALTER and DROP DOMAIN.

use super::own::Relation;
use super::sequence::relations;
use super::words::Words;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::tokenizer::Token;

/// A statement about domains.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are the words of the grammar in docs/sql.md")]
pub enum DomainWords {
    /// `CREATE DOMAIN`
    Create { name: Relation, data_type: ast::DataType, parts: Vec<DomainPart> },
    /// `ALTER DOMAIN`
    Alter { name: Relation, change: Box<DomainChange> },
    /// `DROP DOMAIN`
    Drop { names: Vec<Relation>, if_exists: bool, cascade: bool },
}

impl DomainWords {
    /// The tag of its command.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Create { .. } => "CREATE DOMAIN",
            Self::Alter { .. } => "ALTER DOMAIN",
            Self::Drop { .. } => "DROP DOMAIN",
        }
    }
}

/// What a domain has beside its type.
#[derive(Debug, Clone, PartialEq)]
pub enum DomainPart {
    /// `DEFAULT expression`
    Default(ast::Expr),
    /// `NOT NULL`, or `NULL`
    NotNull(bool),
    /// `[CONSTRAINT name] CHECK (expression)`
    Check(Option<String>, ast::Expr),
}

/// A change of a domain.
#[derive(Debug, Clone, PartialEq)]
pub enum DomainChange {
    /// `SET DEFAULT`, `DROP DEFAULT`
    Default(Option<ast::Expr>),
    /// `SET NOT NULL`, `DROP NOT NULL`
    NotNull(bool),
    /// `ADD [CONSTRAINT name] CHECK (expression) [NOT VALID]`
    Add(Option<String>, ast::Expr, bool),
    /// `DROP CONSTRAINT [IF EXISTS] name`
    Drop(String, bool),
    /// `RENAME CONSTRAINT name TO name`
    RenameConstraint(String, String),
    /// `VALIDATE CONSTRAINT name`
    Validate(String),
    /// `RENAME TO`
    Rename(String),
    /// `SET SCHEMA`
    SetSchema(String),
    /// `OWNER TO`
    Owner(String),
}

/// Reads such a statement, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<DomainWords>> {
    Ok(Some(match () {
        () if words.take(&["CREATE", "DOMAIN"]) => {
            let name = words.relation()?;
            words.take(&["AS"]);
            let data_type = words.parser.parse_data_type().map_err(Error::from)?;
            if words.take(&["COLLATE"]) {
                words.parser.parse_object_name(false).map_err(Error::from)?;
            }
            let mut parts = Vec::new();
            while let Some(part) = part(words)? {
                parts.push(part);
            }
            DomainWords::Create { name, data_type, parts }
        }
        () if words.take(&["ALTER", "DOMAIN"]) => {
            let name = words.relation()?;
            DomainWords::Alter { name, change: Box::new(change(words)?) }
        }
        () if words.take(&["DROP", "DOMAIN"]) => {
            let if_exists = words.take(&["IF", "EXISTS"]);
            let names = relations(words)?;
            DomainWords::Drop { names, if_exists, cascade: behavior(words) }
        }
        () => return Ok(None),
    }))
}

fn behavior(words: &mut Words) -> bool {
    let cascade = words.take(&["CASCADE"]);
    words.take(&["RESTRICT"]);
    cascade
}

fn part(words: &mut Words) -> Result<Option<DomainPart>> {
    if words.take(&["DEFAULT"]) {
        return Ok(Some(DomainPart::Default(default(words)?)));
    }
    let name = if words.take(&["CONSTRAINT"]) { Some(words.name()?) } else { None };
    Ok(Some(match () {
        () if words.take(&["NOT", "NULL"]) => DomainPart::NotNull(true),
        () if words.take(&["NULL"]) => DomainPart::NotNull(false),
        () if words.ahead(&["CHECK"]) => DomainPart::Check(name, check(words)?),
        () if name.is_none() => return Ok(None),
        () => return Err(words.unexpected("a constraint of the domain")),
    }))
}

fn check(words: &mut Words) -> Result<ast::Expr> {
    words.expect(&["CHECK"])?;
    words.expect_token(&Token::LParen)?;
    let mut condition = words.parser.parse_expr().map_err(Error::from)?;
    super::read_back(&mut condition)?;
    words.expect_token(&Token::RParen)?;
    Ok(condition)
}

/// A default: no condition, so that NOT NULL behind it is a part of its own.
fn default(words: &mut Words) -> Result<ast::Expr> {
    let least = PostgreSqlDialect {}.prec_value(Precedence::Is);
    let mut read = words.parser.parse_subexpr(least).map_err(Error::from)?;
    super::read_back(&mut read)?;
    Ok(read)
}

fn change(words: &mut Words) -> Result<DomainChange> {
    Ok(match () {
        () if words.take(&["SET", "DEFAULT"]) => DomainChange::Default(Some(default(words)?)),
        () if words.take(&["DROP", "DEFAULT"]) => DomainChange::Default(None),
        () if words.take(&["SET", "NOT", "NULL"]) => DomainChange::NotNull(true),
        () if words.take(&["DROP", "NOT", "NULL"]) => DomainChange::NotNull(false),
        () if words.take(&["DROP", "CONSTRAINT"]) => {
            let if_exists = words.take(&["IF", "EXISTS"]);
            let name = words.name()?;
            behavior(words);
            DomainChange::Drop(name, if_exists)
        }
        () if words.take(&["RENAME", "CONSTRAINT"]) => {
            let from = words.name()?;
            words.expect(&["TO"])?;
            DomainChange::RenameConstraint(from, words.name()?)
        }
        () if words.take(&["VALIDATE", "CONSTRAINT"]) => DomainChange::Validate(words.name()?),
        () if words.take(&["RENAME", "TO"]) => DomainChange::Rename(words.name()?),
        () if words.take(&["SET", "SCHEMA"]) => DomainChange::SetSchema(words.name()?),
        () if words.take(&["OWNER", "TO"]) => DomainChange::Owner(words.name()?),
        () if words.take(&["ADD"]) => {
            let name = if words.take(&["CONSTRAINT"]) { Some(words.name()?) } else { None };
            let condition = check(words)?;
            DomainChange::Add(name, condition, words.take(&["NOT", "VALID"]))
        }
        () => return Err(words.unexpected("a change of the domain")),
    })
}
