//! Grammar of definitions that sqlparser lacks or reads otherwise than PostgreSQL: sequences, identity columns, other names, other schemas,
//! comments on every kind of object, REINDEX.

use super::Body;
use super::domain::{self, DomainWords};
use super::keeping;
use super::own::{Relation, rewind};
use super::sequence::{self, SequenceOption};
use super::spelling::Beside;
use super::view::{self, ViewChange};
use super::words::Words;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

/// A definition.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are the words of the grammar in docs/sql.md")]
pub enum Define {
    /// `CREATE TABLE` with LIKE, options of identity columns or UNLOGGED
    CreateTable { create: Box<ast::CreateTable>, beside: Beside },
    /// `CREATE SCHEMA` with the statements of what it is to have
    CreateSchema { name: ast::SchemaName, elements: Vec<Body> },
    /// `ALTER TABLE` with options of identity columns
    AlterTable { alter: Box<ast::AlterTable>, beside: Beside },
    /// `CREATE SEQUENCE`
    CreateSequence { name: Relation, temporary: bool, if_not_exists: bool, options: Vec<SequenceOption> },
    /// `ALTER SEQUENCE`
    AlterSequence { name: Relation, if_exists: bool, options: Vec<SequenceOption> },
    /// `ALTER VIEW` of options and columns
    AlterView { name: Relation, if_exists: bool, change: ViewChange },
    /// `ALTER TABLE ... ALTER COLUMN ...` of an identity or generated column
    AlterIdentity { table: Relation, if_exists: bool, column: String, change: IdentityChange },
    /// `ALTER TABLE ... ALTER CONSTRAINT`
    AlterConstraint {
        table: ast::ObjectName,
        if_exists: bool,
        name: ast::Ident,
        said: Option<ast::ConstraintCharacteristics>,
    },
    /// ALTER TABLE where it says how a table is kept
    Keeping(keeping::Kept),
    /// `ALTER ... RENAME TO`
    Rename { what: Named, if_exists: bool, name: Relation, to: String },
    /// `ALTER ... SET SCHEMA`
    SetSchema { what: Named, if_exists: bool, name: Relation, schema: String },
    /// `COMMENT ON`
    Comment { on: Commented, text: Option<String> },
    /// `DROP INDEX CONCURRENTLY`
    DropIndexes { names: Vec<ast::ObjectName>, if_exists: bool, cascade: bool },
    /// `REINDEX`; nothing named is the database
    Reindex { what: Reindexed },
    /// `CREATE TYPE ... AS ENUM`
    CreateEnum { name: Relation, labels: Vec<String> },
    /// `ALTER TYPE`
    AlterEnum { name: Relation, change: EnumChange },
    /// `CREATE DOMAIN`, `ALTER DOMAIN`, `DROP DOMAIN`
    Domain(Box<DomainWords>),
    /// `DROP TYPE`
    DropTypes { names: Vec<Relation>, if_exists: bool, cascade: bool },
}

/// A change of an enumerated type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnumChange {
    /// `ADD VALUE [IF NOT EXISTS] label [BEFORE | AFTER other]`
    Add {
        /// The new label.
        label: String,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// Whether it comes after another, and which.
        beside: Option<(bool, String)>,
    },
    /// `RENAME VALUE from TO to`
    RenameLabel {
        /// The label.
        from: String,
        /// What it is from now on.
        to: String,
    },
    /// `RENAME TO`
    Rename(String),
    /// `SET SCHEMA`
    SetSchema(String),
    /// `OWNER TO`
    Owner(String),
}

/// What has another name or schema from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `TABLE`
    Table,
    /// `VIEW`
    View,
    /// `INDEX`
    Index,
    /// `SEQUENCE`
    Sequence,
    /// `SCHEMA`
    Schema,
}

impl Named {
    /// Its word in SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::Index => "INDEX",
            Self::Sequence => "SEQUENCE",
            Self::Schema => "SCHEMA",
        }
    }
}

/// A change of a column that makes its own values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityChange {
    /// `SET GENERATED ALWAYS | BY DEFAULT`, `SET option`, `RESTART`
    Set {
        /// ALWAYS or not, if it is said.
        always: Option<bool>,
        /// For its sequence.
        options: Vec<SequenceOption>,
    },
    /// `DROP IDENTITY [IF EXISTS]`
    Drop {
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `DROP EXPRESSION [IF EXISTS]`
    DropExpression {
        /// `IF EXISTS`
        if_exists: bool,
    },
}

/// What a comment is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commented {
    /// `INDEX`
    Index(Relation),
    /// `SEQUENCE`
    Sequence(Relation),
    /// `TYPE`, `DOMAIN`
    Type(Relation),
    /// `FUNCTION`
    Function(Relation),
    /// `SCHEMA`
    Schema(String),
    /// `CONSTRAINT name ON table`
    Constraint(String, Relation),
    /// `POLICY name ON table`
    Policy(String, Relation),
    /// `ROLE`
    Role(String),
    /// `DATABASE`
    Database(String),
    /// `TAG`
    Tag(String),
    /// `MODEL`
    Model(String),
    /// `SOURCE`
    Source(String),
    /// `MASKING POLICY`
    MaskingPolicy(String),
}

/// What is indexed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reindexed {
    /// One index.
    Index(Relation),
    /// All of a table.
    Table(Relation),
    /// All of a schema.
    Schema(String),
    /// All that there are.
    Database,
}

/// Reads a definition, or nothing if it is none of these.
pub fn parse(words: &mut Words) -> Result<Option<Define>> {
    let first = words.peek(0).unwrap_or_default();
    if let Some(kept) = keeping::parse(words)? {
        return Ok(Some(Define::Keeping(kept)));
    }
    if words.peek(1).as_deref() == Some("DOMAIN") {
        return Ok(domain::parse(words)?.map(Box::new).map(Define::Domain));
    }
    match first.as_str() {
        "CREATE" if words.take(&["CREATE", "SEQUENCE"]) => create_sequence(words, false).map(Some),
        "CREATE" if words.take(&["CREATE", "TEMP", "SEQUENCE"]) || words.take(&["CREATE", "TEMPORARY", "SEQUENCE"]) => {
            create_sequence(words, true).map(Some)
        }
        "CREATE" if words.ahead(&["CREATE", "TYPE"]) => create_type(words),
        "ALTER" if words.take(&["ALTER", "TYPE"]) => alter_type(words).map(Some),
        "DROP" if words.take(&["DROP", "TYPE"]) => {
            let if_exists = words.take(&["IF", "EXISTS"]);
            let names = sequence::relations(words)?;
            let cascade = words.take(&["CASCADE"]);
            words.take(&["RESTRICT"]);
            Ok(Some(Define::DropTypes { names, if_exists, cascade }))
        }
        "ALTER" => alter(words),
        "COMMENT" => comment(words),
        "DROP" if words.take(&["DROP", "INDEX", "CONCURRENTLY"]) => {
            let if_exists = words.take(&["IF", "EXISTS"]);
            let mut names = vec![words.parser.parse_object_name(false).map_err(Error::from)?];
            while words.token(&Token::Comma) {
                names.push(words.parser.parse_object_name(false).map_err(Error::from)?);
            }
            let cascade = words.take(&["CASCADE"]);
            words.take(&["RESTRICT"]);
            Ok(Some(Define::DropIndexes { names, if_exists, cascade }))
        }
        "REINDEX" => reindex(words).map(Some),
        _ => Ok(None),
    }
}

fn create_sequence(words: &mut Words, temporary: bool) -> Result<Define> {
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    let name = words.relation()?;
    Ok(Define::CreateSequence { name, temporary, if_not_exists, options: sequence::options(words)? })
}

/// CREATE TYPE ... AS ENUM; other types are given back.
fn create_type(words: &mut Words) -> Result<Option<Define>> {
    let start = words.parser.index();
    words.expect(&["CREATE", "TYPE"])?;
    let name = words.relation()?;
    if !words.take(&["AS", "ENUM"]) {
        rewind(words, start);
        return Ok(None);
    }
    words.expect_token(&Token::LParen)?;
    let mut labels = Vec::new();
    while !words.token(&Token::RParen) {
        if !labels.is_empty() {
            words.expect_token(&Token::Comma)?;
        }
        labels.push(words.string()?);
    }
    Ok(Some(Define::CreateEnum { name, labels }))
}

fn alter_type(words: &mut Words) -> Result<Define> {
    let name = words.relation()?;
    let change = match () {
        () if words.take(&["ADD", "VALUE"]) => {
            let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
            let label = words.string()?;
            let beside = match () {
                () if words.take(&["BEFORE"]) => Some((false, words.string()?)),
                () if words.take(&["AFTER"]) => Some((true, words.string()?)),
                () => None,
            };
            EnumChange::Add { label, if_not_exists, beside }
        }
        () if words.take(&["RENAME", "VALUE"]) => {
            let from = words.string()?;
            words.expect(&["TO"])?;
            EnumChange::RenameLabel { from, to: words.string()? }
        }
        () if words.take(&["RENAME", "TO"]) => EnumChange::Rename(words.name()?),
        () if words.take(&["SET", "SCHEMA"]) => EnumChange::SetSchema(words.name()?),
        () if words.take(&["OWNER", "TO"]) => EnumChange::Owner(words.name()?),
        () => return Err(words.unexpected("a change of the type")),
    };
    Ok(Define::AlterEnum { name, change })
}

fn alter(words: &mut Words) -> Result<Option<Define>> {
    let start = words.parser.index();
    let kinds: [(&[&str], Named); 5] = [
        (&["ALTER", "TABLE"], Named::Table),
        (&["ALTER", "VIEW"], Named::View),
        (&["ALTER", "INDEX"], Named::Index),
        (&["ALTER", "SEQUENCE"], Named::Sequence),
        (&["ALTER", "SCHEMA"], Named::Schema),
    ];
    let Some((_, what)) = kinds.into_iter().find(|(written, _)| words.take(written)) else { return Ok(None) };
    let if_exists = words.take(&["IF", "EXISTS"]);
    if what == Named::Table {
        words.take(&["ONLY"]);
    }
    if what == Named::Table
        && let Some(change) = constraint(words, if_exists)?
    {
        return Ok(Some(change));
    }
    if let Ok(name) = words.relation() {
        // ALTER TABLE ... RENAME is sqlparser's.
        if what != Named::Table && words.take(&["RENAME", "TO"]) {
            return Ok(Some(Define::Rename { what, if_exists, name, to: words.name()? }));
        }
        if what != Named::Schema && words.take(&["SET", "SCHEMA"]) {
            return Ok(Some(Define::SetSchema { what, if_exists, name, schema: words.name()? }));
        }
        match what {
            Named::Sequence => {
                let options = sequence::options(words)?;
                return match options.is_empty() {
                    true => Err(words.unexpected("an option of a sequence")),
                    false => Ok(Some(Define::AlterSequence { name, if_exists, options })),
                };
            }
            Named::View => {
                if let Some(change) = view::change(words)? {
                    return Ok(Some(Define::AlterView { name, if_exists, change }));
                }
            }
            Named::Table => {
                if let Some((column, change)) = identity(words)? {
                    return Ok(Some(Define::AlterIdentity { table: name, if_exists, column, change }));
                }
            }
            _ => {}
        }
    }
    rewind(words, start);
    Ok(None)
}

/// `t ALTER CONSTRAINT ...`; anything else stays.
fn constraint(words: &mut Words, if_exists: bool) -> Result<Option<Define>> {
    let start = words.parser.index();
    if let Ok(table) = words.parser.parse_object_name(false)
        && words.take(&["ALTER", "CONSTRAINT"])
    {
        let name = words.parser.parse_identifier().map_err(Error::from)?;
        let said = words.parser.parse_constraint_characteristics().map_err(Error::from)?;
        return Ok(Some(Define::AlterConstraint { table, if_exists, name, said }));
    }
    rewind(words, start);
    Ok(None)
}

/// `ALTER [COLUMN] c` and what only columns have that make their own values.
fn identity(words: &mut Words) -> Result<Option<(String, IdentityChange)>> {
    if !words.take(&["ALTER"]) {
        return Ok(None);
    }
    words.take(&["COLUMN"]);
    let Ok(column) = words.name() else { return Ok(None) };
    if words.take(&["DROP", "IDENTITY"]) {
        return Ok(Some((column, IdentityChange::Drop { if_exists: words.take(&["IF", "EXISTS"]) })));
    }
    if words.take(&["DROP", "EXPRESSION"]) {
        return Ok(Some((column, IdentityChange::DropExpression { if_exists: words.take(&["IF", "EXISTS"]) })));
    }
    let (mut always, mut options) = (None, Vec::new());
    loop {
        if words.ahead(&["RESTART"]) {
            options.extend(sequence::options(words)?);
        } else if words.take(&["SET", "GENERATED", "ALWAYS"]) {
            always = Some(true);
        } else if words.take(&["SET", "GENERATED", "BY", "DEFAULT"]) {
            always = Some(false);
        } else if OPTIONS.iter().any(|option| words.ahead(&["SET", option])) {
            words.expect(&["SET"])?;
            options.extend(sequence::options(words)?);
        } else {
            break;
        }
    }
    Ok((always.is_some() || !options.is_empty()).then_some((column, IdentityChange::Set { always, options })))
}

/// The first words of options that follow SET.
const OPTIONS: [&str; 8] = ["INCREMENT", "MINVALUE", "MAXVALUE", "START", "RESTART", "CACHE", "CYCLE", "NO"];

/// COMMENT ON those kinds that sqlparser does not know or that have no place of their own for a comment.
fn comment(words: &mut Words) -> Result<Option<Define>> {
    let start = words.parser.index();
    if !words.take(&["COMMENT", "ON"]) {
        return Ok(None);
    }
    let on = match () {
        () if words.take(&["INDEX"]) => Commented::Index(words.relation()?),
        () if words.take(&["SEQUENCE"]) => Commented::Sequence(words.relation()?),
        () if words.take(&["TYPE"]) || words.take(&["DOMAIN"]) => Commented::Type(words.relation()?),
        () if words.take(&["FUNCTION"]) || words.take(&["ROUTINE"]) => {
            let name = words.relation()?;
            super::words::skip_arguments(words)?;
            Commented::Function(name)
        }
        () if words.take(&["SCHEMA"]) => Commented::Schema(words.name()?),
        () if words.take(&["CONSTRAINT"]) => {
            let name = words.name()?;
            words.expect(&["ON"])?;
            Commented::Constraint(name, words.relation()?)
        }
        () if words.take(&["POLICY"]) => {
            let name = words.name()?;
            words.expect(&["ON"])?;
            Commented::Policy(name, words.relation()?)
        }
        () if words.take(&["ROLE"]) => Commented::Role(words.name()?),
        () if words.take(&["DATABASE"]) => Commented::Database(words.name()?),
        () if words.take(&["TAG"]) => Commented::Tag(words.name()?),
        () if words.take(&["MODEL"]) => Commented::Model(words.name()?),
        () if words.take(&["SOURCE"]) => Commented::Source(words.name()?),
        () if words.take(&["MASKING", "POLICY"]) => Commented::MaskingPolicy(words.name()?),
        () => {
            rewind(words, start);
            return Ok(None);
        }
    };
    words.expect(&["IS"])?;
    let text = match words.take(&["NULL"]) {
        true => None,
        false => Some(words.string()?).filter(|text| !text.is_empty()),
    };
    Ok(Some(Define::Comment { on, text }))
}

fn reindex(words: &mut Words) -> Result<Define> {
    words.expect(&["REINDEX"])?;
    if words.token(&Token::LParen) {
        loop {
            match words.name()?.as_str() {
                "verbose" | "concurrently" => {
                    let _ =
                        words.take(&["TRUE"]) || words.take(&["ON"]) || words.take(&["FALSE"]) || words.take(&["OFF"]);
                }
                "tablespace" => _ = words.name()?,
                other => {
                    return Err(Error::new(Kind::Syntax, format!("unrecognized REINDEX option \"{other}\"")));
                }
            }
            if !words.token(&Token::Comma) {
                words.expect_token(&Token::RParen)?;
                break;
            }
        }
    }
    let concurrently = |words: &mut Words| {
        words.take(&["CONCURRENTLY"]);
    };
    let what = match () {
        () if words.take(&["TABLE"]) => {
            concurrently(words);
            Reindexed::Table(words.relation()?)
        }
        () if words.take(&["SCHEMA"]) => {
            concurrently(words);
            Reindexed::Schema(words.name()?)
        }
        () if words.take(&["DATABASE"]) || words.take(&["SYSTEM"]) => {
            concurrently(words);
            if words.parser.peek_token().token != Token::EOF {
                words.name()?;
            }
            Reindexed::Database
        }
        () => {
            words.take(&["INDEX"]);
            concurrently(words);
            Reindexed::Index(words.relation()?)
        }
    };
    Ok(Define::Reindex { what })
}
