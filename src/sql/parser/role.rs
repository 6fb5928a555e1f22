//! Options of roles. Those that would give a right to something that is not here are refused: what is accepted is true.

use super::super::ddl::Giving;
use super::own::{GrantTarget, Own, RoleOption};
use super::words::Words;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Pairs of words of which only one may be said, once.
const SWITCHES: &[(&str, &str)] = &[
    ("SUPERUSER", "NOSUPERUSER"),
    ("LOGIN", "NOLOGIN"),
    ("INHERIT", "NOINHERIT"),
    ("CREATEDB", "NOCREATEDB"),
    ("CREATEROLE", "NOCREATEROLE"),
    ("REPLICATION", "NOREPLICATION"),
    ("BYPASSRLS", "NOBYPASSRLS"),
];

/// Reads the options behind a role's name.
pub fn options(words: &mut Words) -> Result<Vec<RoleOption>> {
    words.take(&["WITH"]);
    let (mut options, mut seen) = (Vec::new(), Vec::new());
    while let Some(word) = words.peek(0) {
        let kind = SWITCHES.iter().find(|(yes, no)| word == *yes || word == *no).map_or(word.as_str(), |(yes, _)| yes);
        if seen.iter().any(|seen| seen == kind) {
            return Err(Error::new(Kind::Syntax, "conflicting or redundant options"));
        }
        seen.push(kind.to_owned());
        match word.as_str() {
            "SUPERUSER" | "NOSUPERUSER" => options.push(RoleOption::Superuser(word == kind)),
            "LOGIN" | "NOLOGIN" => options.push(RoleOption::Login(word == kind)),
            "INHERIT" | "NOCREATEDB" | "NOCREATEROLE" | "NOREPLICATION" | "NOBYPASSRLS" | "ENCRYPTED" => {}
            "CREATEDB" => return Err(refused("CREATEDB", "There is one database, which `steward init` makes.")),
            "CREATEROLE" => return Err(refused("CREATEROLE", "Superusers make roles.")),
            "NOINHERIT" => return Err(refused("NOINHERIT", "A role has the rights of those that it is a member of.")),
            "REPLICATION" => return Err(refused("REPLICATION", "Superusers take backups, by BACKUP DATABASE.")),
            "BYPASSRLS" => return Err(refused("BYPASSRLS", "Superusers and owners see all rows.")),
            _ => match with_value(words, &word)? {
                Some(option) => options.extend(option),
                None => return Ok(options),
            },
        }
        if SWITCHES.iter().any(|(yes, no)| word == *yes || word == *no) || word == "ENCRYPTED" {
            words.parser.next_token();
        }
    }
    Ok(options)
}

/// An option of several words; nothing if it is none.
fn with_value(words: &mut Words, word: &str) -> Result<Option<Option<RoleOption>>> {
    Ok(Some(match word {
        "PASSWORD" => {
            words.parser.next_token();
            let password = if words.take(&["NULL"]) { None } else { Some(words.string()?) };
            Some(RoleOption::Password(password))
        }
        "IN" => {
            if !words.take(&["IN", "GROUP"]) {
                words.expect(&["IN", "ROLE"])?;
            }
            Some(RoleOption::InRole(words.names()?))
        }
        "ROLE" | "USER" => {
            words.parser.next_token();
            Some(RoleOption::Members(words.names()?))
        }
        "ADMIN" => return Err(refused("ADMIN", "Superusers say who is a member of a role.")),
        "SYSID" => {
            words.parser.next_token();
            words.number()?;
            None
        }
        "CONNECTION" => {
            words.expect(&["CONNECTION", "LIMIT"])?;
            if !words.token(&Token::Minus) {
                return Err(refused("CONNECTION LIMIT", "The server bounds the connections of all roles together."));
            }
            match words.number()? {
                // No limit.
                1 => None,
                less => {
                    return Err(Error::new(Kind::InvalidParameter, format!("invalid connection limit: -{less}")));
                }
            }
        }
        "VALID" => {
            words.expect(&["VALID", "UNTIL"])?;
            if words.string()?.trim() != "infinity" {
                return Err(refused("VALID UNTIL", "ALTER ROLE ... PASSWORD NULL ends a password."));
            }
            None
        }
        _ => return Ok(None),
    }))
}

/// Settings of a role are not kept.
pub fn must_not_set(words: &Words) -> Result<()> {
    for (forms, what) in [(&["SET"][..], "SET"), (&["RESET"], "RESET"), (&["IN", "DATABASE"], "IN DATABASE")] {
        if words.ahead(forms) {
            let message = format!("ALTER ROLE ... {what} is not supported");
            let hint = "SET in the session, or `options` of the connection, changes a setting.";
            return Err(Error::new(Kind::Unsupported, message).with_hint(hint));
        }
    }
    Ok(())
}

/// `ALTER GROUP name ADD | DROP USER role, ...`
pub fn group(words: &mut Words) -> Result<Own> {
    let group = words.name()?;
    let revoke = !words.take(&["ADD", "USER"]);
    if revoke {
        words.expect(&["DROP", "USER"])?;
    }
    let how = Giving { revoke, ..Giving::default() };
    Ok(Own::Grant { target: GrantTarget::Roles(vec![group]), roles: words.names()?, how })
}

fn refused(option: &str, hint: &str) -> Error {
    Error::new(Kind::Unsupported, format!("option {option} of a role is not supported")).with_hint(hint)
}
