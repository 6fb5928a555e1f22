//! Grammar of GRANT and REVOKE.

use super::super::ddl::Giving;
use super::own::{DefaultTarget, GrantTarget, OpenRight, Own};
use super::sequence;
use super::words::Words;
use crate::catalog::{DefaultsOf, Privilege};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::Token;

/// A right as it is written, and the columns that it is on.
type Written = (Right, Option<Vec<String>>);

/// A right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// One of those that objects here have.
    Known(Privilege),
    /// `ALL [PRIVILEGES]`
    All,
    /// `CREATE`
    Create,
    /// `CONNECT`, `TEMPORARY`, `TEMP`
    Database,
    /// `EXECUTE`
    Execute,
    /// Rights of PostgreSQL's that nothing here has.
    Missing(&'static str),
}

const WORDS: [(&str, Right); 18] = [
    ("SELECT", Right::Known(Privilege::Select)),
    ("INSERT", Right::Known(Privilege::Insert)),
    ("UPDATE", Right::Known(Privilege::Update)),
    ("DELETE", Right::Known(Privilege::Delete)),
    ("TRUNCATE", Right::Known(Privilege::Truncate)),
    ("USAGE", Right::Known(Privilege::Usage)),
    ("UNMASK", Right::Known(Privilege::Unmask)),
    ("ALL", Right::All),
    ("CREATE", Right::Create),
    ("CONNECT", Right::Database),
    ("TEMPORARY", Right::Database),
    ("TEMP", Right::Database),
    ("EXECUTE", Right::Execute),
    ("REFERENCES", Right::Known(Privilege::References)),
    ("TRIGGER", Right::Known(Privilege::Trigger)),
    ("MAINTAIN", Right::Missing("MAINTAIN")),
    ("SET", Right::Missing("SET")),
    ("ALTER", Right::Missing("ALTER SYSTEM")),
];

/// The rights that a table has.
const OF_TABLES: [Privilege; 7] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];

/// Reads what stands from GRANT or REVOKE on.
pub fn parse(words: &mut Words, revoke: bool) -> Result<Own> {
    words.parser.next_token();
    if revoke && words.take(&["ADMIN", "OPTION", "FOR"]) {
        return Err(refused("REVOKE ADMIN OPTION FOR"));
    }
    let option = revoke && words.take(&["GRANT", "OPTION", "FOR"]);
    let all = words.ahead(&["ALL"]);
    // A role may be called like a right: what tells is whether ON comes somewhere.
    let target = match words.peek(0).and_then(|word| right(&word)).is_some() && speaks_of_object(words) {
        true => target(words)?,
        false => GrantTarget::Roles(words.names()?),
    };
    let roles = roles(words, revoke)?;
    Ok(Own::Grant { target, roles, how: how(words, Giving { revoke, option, all, cascade: false })? })
}

/// The roles that rights are given to or taken from.
pub(super) fn roles(words: &mut Words, revoke: bool) -> Result<Vec<String>> {
    words.expect(&[if revoke { "FROM" } else { "TO" }])?;
    let mut roles = Vec::new();
    loop {
        words.take(&["ROLE"]);
        words.take(&["GROUP"]);
        roles.push(words.name()?);
        if !words.token(&Token::Comma) {
            return Ok(roles);
        }
    }
}

/// What stands behind the roles.
pub(super) fn how(words: &mut Words, mut how: Giving) -> Result<Giving> {
    how.option |= !how.revoke && words.take(&["WITH", "GRANT", "OPTION"]);
    if words.take(&["WITH", "ADMIN", "OPTION"]) {
        return Err(refused("GRANT ... WITH ADMIN OPTION"));
    }
    if words.take(&["GRANTED", "BY"]) && !matches!(words.name()?.as_str(), "current_user" | "current_role") {
        return Err(refused("GRANTED BY another role"));
    }
    if how.revoke {
        how.cascade = words.take(&["CASCADE"]);
        words.take(&["RESTRICT"]);
    }
    Ok(how)
}

/// Reads what stands behind ALTER DEFAULT PRIVILEGES.
pub fn defaults(words: &mut Words) -> Result<Own> {
    let (mut owners, mut schemas) = (Vec::new(), Vec::new());
    loop {
        if words.take(&["FOR", "ROLE"]) || words.take(&["FOR", "USER"]) {
            owners = words.names()?;
        } else if words.take(&["IN", "SCHEMA"]) {
            schemas = words.names()?;
        } else {
            break;
        }
    }
    let revoke = words.take(&["REVOKE"]);
    if !revoke {
        words.expect(&["GRANT"])?;
    }
    let option = revoke && words.take(&["GRANT", "OPTION", "FOR"]);
    let all = words.ahead(&["ALL"]);
    let written = rights(words)?;
    words.expect(&["ON"])?;
    if written.iter().any(|(_, columns)| columns.is_some()) {
        return Err(Error::new(Kind::InvalidGrant, "default privileges cannot be set for columns"));
    }
    let invalid = |right: Privilege, what: &str| {
        Error::new(Kind::InvalidGrant, format!("invalid privilege type {} for {what}", right.word()))
    };
    let says = |wanted: &[Right]| written.iter().all(|(right, _)| wanted.contains(right));
    let target = match () {
        () if words.take(&["TABLES"]) => {
            let rights: Vec<Privilege> = of_relations(written)?.into_iter().map(|(right, _)| right).collect();
            if let Some(other) = rights.iter().find(|right| !OF_TABLES.contains(right)) {
                return Err(invalid(*other, "relation"));
            }
            DefaultTarget::Of(DefaultsOf::Tables, rights)
        }
        () if words.take(&["SEQUENCES"]) => {
            DefaultTarget::Of(DefaultsOf::Sequences, sequence::rights(of_relations(written)?)?)
        }
        () if words.take(&["FUNCTIONS"]) || words.take(&["ROUTINES"]) => match says(&[Right::Execute, Right::All]) {
            true => DefaultTarget::Open("functions"),
            false => return Err(Error::new(Kind::InvalidGrant, "invalid privilege type for function")),
        },
        () if words.take(&["TYPES"]) => match says(&[Right::Known(Privilege::Usage), Right::All]) {
            true => DefaultTarget::Open("types"),
            false => return Err(Error::new(Kind::InvalidGrant, "invalid privilege type for type")),
        },
        () if words.ahead(&["SCHEMAS"]) => return Err(refused("ALTER DEFAULT PRIVILEGES ON SCHEMAS")),
        () => return Err(words.unexpected("TABLES or SEQUENCES")),
    };
    let roles = roles(words, revoke)?;
    let how = how(words, Giving { revoke, option, all, cascade: false })?;
    Ok(Own::DefaultRights { owners, schemas, target, roles, how })
}

fn refused(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{what} is not supported"))
}

fn right(word: &str) -> Option<Right> {
    WORDS.iter().find(|(written, _)| *written == word).map(|(_, right)| *right)
}

/// Whether ON comes before TO and FROM.
fn speaks_of_object(words: &Words) -> bool {
    let mut all = (0..).map(|n| words.parser.peek_nth_token(n).token).take_while(|token| *token != Token::EOF);
    let found = all.find_map(|token| match token {
        Token::Word(word) if word.quote_style.is_none() => match word.value.to_uppercase().as_str() {
            "ON" => Some(true),
            "TO" | "FROM" => Some(false),
            _ => None,
        },
        _ => None,
    });
    found.unwrap_or(false)
}

fn rights(words: &mut Words) -> Result<Vec<Written>> {
    let mut all = Vec::new();
    loop {
        let Some(found) = words.peek(0).and_then(|word| right(&word)) else {
            return Err(words.unexpected("a privilege"));
        };
        words.parser.next_token();
        if found == Right::Missing("ALTER SYSTEM") {
            words.expect(&["SYSTEM"])?;
        }
        words.take(&["PRIVILEGES"]);
        let mut columns = None;
        if words.token(&Token::LParen) {
            columns = Some(words.names()?);
            words.expect_token(&Token::RParen)?;
        }
        all.push((found, columns));
        if !words.token(&Token::Comma) {
            return Ok(all);
        }
    }
}

fn target(words: &mut Words) -> Result<GrantTarget> {
    let rights = rights(words)?;
    words.expect(&["ON"])?;
    let says = |wanted: &[Right]| rights.iter().all(|(right, _)| wanted.contains(right));
    let usage = Right::Known(Privilege::Usage);
    let invalid = |what: &str| Error::new(Kind::InvalidGrant, format!("invalid privilege type for {what}"));
    Ok(match () {
        () if words.take(&["MODEL"]) => GrantTarget::Models(words.names()?),
        () if words.take(&["TAG"]) => match says(&[Right::Known(Privilege::Unmask)]) {
            true => GrantTarget::Tags(words.names()?),
            false => return Err(Error::new(Kind::InvalidParameter, "a tag has the privilege UNMASK only")),
        },
        () if words.take(&["SCHEMA"]) || words.take(&["SOURCE"]) => {
            if !says(&[usage, Right::Create, Right::All]) {
                return Err(invalid("schema"));
            }
            let all = rights.iter().any(|(right, _)| *right == Right::All);
            let create = all || rights.iter().any(|(right, _)| *right == Right::Create);
            let usage = all || rights.iter().any(|(right, _)| *right == usage);
            GrantTarget::SchemaRights { names: words.names()?, usage, create }
        }
        () if words.take(&["DATABASE"]) => match says(&[Right::Create, Right::Database, Right::All]) {
            true => GrantTarget::Open(OpenRight::Databases(words.names()?)),
            false => return Err(invalid("database")),
        },
        () if words.take(&["LANGUAGE"]) => GrantTarget::Open(OpenRight::Languages(words.names()?)),
        () if words.take(&["TYPE"]) || words.take(&["DOMAIN"]) => match says(&[usage, Right::All]) {
            true => GrantTarget::Open(OpenRight::Types(sequence::relations(words)?)),
            false => return Err(invalid("type")),
        },
        () if routines(words) => match says(&[Right::Execute, Right::All]) {
            true => GrantTarget::Open(OpenRight::Functions(functions(words)?)),
            false => return Err(invalid("function")),
        },
        () if ["FUNCTIONS", "ROUTINES", "PROCEDURES"]
            .iter()
            .any(|kind| words.take(&["ALL", *kind, "IN", "SCHEMA"])) =>
        {
            GrantTarget::Open(OpenRight::FunctionsOf(words.names()?))
        }
        () if words.take(&["ALL", "TABLES", "IN", "SCHEMA"]) => {
            GrantTarget::Schemas(of_relations(rights)?, words.names()?)
        }
        () if words.take(&["ALL", "SEQUENCES", "IN", "SCHEMA"]) => {
            GrantTarget::SequencesOf(sequence::rights(of_relations(rights)?)?, words.names()?)
        }
        () if words.take(&["SEQUENCE"]) => {
            GrantTarget::Sequences(sequence::rights(of_relations(rights)?)?, sequence::relations(words)?)
        }
        () if ["TABLESPACE", "PARAMETER", "FOREIGN", "LARGE"].iter().any(|kind| is_followed(words, kind)) => {
            return Err(refused(&format!("GRANT ON {}", words.peek(0).unwrap_or_default())));
        }
        () => {
            words.take(&["TABLE"]);
            GrantTarget::Relations(of_relations(rights)?, sequence::relations(words)?)
        }
    })
}

/// Whether this word comes next, and a name behind it.
fn is_followed(words: &Words, kind: &str) -> bool {
    words.ahead(&[kind])
        && matches!(words.parser.peek_nth_token(1).token, Token::Word(word) if !word.value.eq_ignore_ascii_case("to"))
}

fn routines(words: &mut Words) -> bool {
    words.take(&["FUNCTION"]) || words.take(&["ROUTINE"]) || words.take(&["PROCEDURE"])
}

/// Names of functions, with or without the types of their arguments.
fn functions(words: &mut Words) -> Result<Vec<super::own::Relation>> {
    let mut all = Vec::new();
    loop {
        all.push(words.relation()?);
        super::words::skip_arguments(words)?;
        if !words.token(&Token::Comma) {
            return Ok(all);
        }
    }
}

/// The rights that tables and sequences have.
fn of_relations(written: Vec<Written>) -> Result<Vec<(Privilege, Option<Vec<String>>)>> {
    let mut all = Vec::new();
    for (right, columns) in written {
        match right {
            Right::Known(privilege) if columns.is_some() && !privilege.is_of_columns() => {
                let message = format!("invalid privilege type {} for column", privilege.word());
                return Err(Error::new(Kind::InvalidGrant, message));
            }
            Right::Known(privilege) => all.push((privilege, columns)),
            Right::All => {
                let fits = |privilege: &Privilege| columns.is_none() || privilege.is_of_columns();
                all.extend(OF_TABLES.into_iter().filter(fits).map(|privilege| (privilege, columns.clone())));
            }
            Right::Missing(word) => return Err(refused(&format!("the privilege {word}"))),
            Right::Create | Right::Database | Right::Execute => {
                return Err(Error::new(Kind::InvalidGrant, "invalid privilege type for relation"));
            }
        }
    }
    Ok(all)
}
