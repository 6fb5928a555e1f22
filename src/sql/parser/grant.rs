//! Grammar of GRANT and REVOKE.

use super::own::{GrantTarget, OpenRight, Own};
use super::sequence;
use super::words::Words;
use crate::catalog::Privilege;
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
    ("REFERENCES", Right::Missing("REFERENCES")),
    ("TRIGGER", Right::Missing("TRIGGER")),
    ("MAINTAIN", Right::Missing("MAINTAIN")),
    ("SET", Right::Missing("SET")),
    ("ALTER", Right::Missing("ALTER SYSTEM")),
];

/// The rights that a table has.
const OF_TABLES: [Privilege; 5] =
    [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::Delete, Privilege::Truncate];

/// Reads what stands from GRANT or REVOKE on.
pub fn parse(words: &mut Words, revoke: bool) -> Result<Own> {
    words.parser.next_token();
    if revoke && (words.take(&["GRANT", "OPTION", "FOR"]) || words.take(&["ADMIN", "OPTION", "FOR"])) {
        return Err(refused("REVOKE GRANT OPTION FOR"));
    }
    // A role may be called like a right: what tells is whether ON comes somewhere.
    let target = match words.peek(0).and_then(|word| right(&word)).is_some() && speaks_of_object(words) {
        true => target(words)?,
        false => GrantTarget::Roles(words.names()?),
    };
    words.expect(&[if revoke { "FROM" } else { "TO" }])?;
    let mut roles = Vec::new();
    loop {
        words.take(&["ROLE"]);
        words.take(&["GROUP"]);
        roles.push(words.name()?);
        if !words.token(&Token::Comma) {
            break;
        }
    }
    if words.take(&["WITH", "GRANT", "OPTION"]) {
        return Err(refused("GRANT ... WITH GRANT OPTION")
            .with_hint("The owner of an object gives rights on it; GRANT a role that owns it."));
    }
    if words.take(&["WITH", "ADMIN", "OPTION"]) {
        return Err(refused("GRANT ... WITH ADMIN OPTION"));
    }
    if words.take(&["GRANTED", "BY"]) && !matches!(words.name()?.as_str(), "current_user" | "current_role") {
        return Err(refused("GRANTED BY another role"));
    }
    words.take(&["CASCADE"]);
    words.take(&["RESTRICT"]);
    Ok(Own::Grant { target, roles, revoke })
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
            Right::Known(privilege) => all.push((privilege, columns)),
            Right::All => all.extend(OF_TABLES.map(|privilege| (privilege, columns.clone()))),
            Right::Missing(word) => return Err(refused(&format!("the privilege {word}"))),
            Right::Create | Right::Database | Right::Execute => {
                return Err(Error::new(Kind::InvalidGrant, "invalid privilege type for relation"));
            }
        }
    }
    Ok(all)
}
