//! Rights: the family of has_table_privilege, and pg_has_role.
//!
//! Each takes what PostgreSQL's takes: a role, or the one that asks; names or OIDs; one privilege or several with commas, of
//! which one will do. What gives rights here is being a superuser, being of the owner's role, and grants.

use super::super::super::tables;
use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::names;
use super::super::value::{Type, Value};
use super::Args;
use crate::catalog::{ObjectId, Privilege};
use crate::error::{Error, Kind, Result};

/// The type that such a function gives.
pub fn returns(name: &str) -> Option<Type> {
    matches!(
        name,
        "has_table_privilege"
            | "has_any_column_privilege"
            | "has_column_privilege"
            | "has_schema_privilege"
            | "has_database_privilege"
            | "has_sequence_privilege"
            | "has_function_privilege"
            | "has_language_privilege"
            | "has_type_privilege"
            | "has_tablespace_privilege"
            | "has_foreign_data_wrapper_privilege"
            | "has_server_privilege"
            | "has_parameter_privilege"
            | "pg_has_role"
            | "row_security_active"
    )
    .then_some(Type::Bool)
}

/// What a privilege asks for.
struct Asked<'a> {
    name: &'a str,
    /// It may be given on: only owners may.
    grant: bool,
}

/// The privileges that a text lists.
fn asked(text: &str, allowed: &[&'static str]) -> Result<Vec<Asked<'static>>> {
    let each = text.split(',').map(|written| {
        let upper = written.trim().to_uppercase();
        let bare = upper.strip_suffix(" WITH GRANT OPTION").or_else(|| upper.strip_suffix(" WITH ADMIN OPTION"));
        let name = bare.unwrap_or(&upper);
        match allowed.iter().find(|one| **one == name) {
            Some(name) => Ok(Asked { name, grant: bare.is_some() }),
            None => {
                Err(Error::new(Kind::InvalidParameter, format!("unrecognized privilege type: \"{}\"", written.trim())))
            }
        }
    });
    each.collect()
}

const OF_TABLE: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "RULE"];
const OF_COLUMN: &[&str] = &["SELECT", "INSERT", "UPDATE", "REFERENCES"];

/// Calls one of them.
pub fn call(args: &Args<'_>) -> Result<Value> {
    let facts = args.facts;
    if args.name == "row_security_active" {
        let entry = facts.entry(args.oid(0, &Type::Regclass)?);
        let bound = |entry: Entry<'_>| {
            let table = entry.table();
            table.is_some_and(|(id, table)| tables::has_row_policies(&facts.context, facts.context.role, id, table))
        };
        return Ok(entry.map(bound).into());
    }
    let with_role = match args.name {
        "has_column_privilege" => args.values.len() == 4,
        _ => args.values.len() == 3,
    };
    let role = if with_role { role_arg(args)? } else { facts.context.role };
    let at = usize::from(with_role);
    let last = args.text(args.values.len().saturating_sub(1))?;
    match args.name {
        "has_table_privilege" | "has_any_column_privilege" => {
            let Some(entry) = entry_arg(args, at)? else { return Ok(Value::Null) };
            let any_column = args.name == "has_any_column_privilege";
            let has = asked(last, if any_column { OF_COLUMN } else { OF_TABLE })?.iter().any(|one| {
                on_whole(facts, role, &entry, one)
                    || (any_column && granted(facts, role, &entry, one, |columns| columns.is_some()))
            });
            Ok(has.into())
        }
        "has_column_privilege" => {
            let Some(entry) = entry_arg(args, at)? else { return Ok(Value::Null) };
            let Some(column) = column_arg(args, at + 1, &entry)? else { return Ok(Value::Null) };
            let has = asked(last, OF_COLUMN)?.iter().any(|one| {
                on_whole(facts, role, &entry, one)
                    || granted(facts, role, &entry, one, |columns| {
                        columns.is_some_and(|columns| columns.contains(&column))
                    })
            });
            Ok(has.into())
        }
        "has_sequence_privilege" => {
            let Some(entry) = entry_arg(args, at)? else { return Ok(Value::Null) };
            let has = asked(last, &["USAGE", "SELECT", "UPDATE"])?;
            Ok(has.iter().any(|one| on_whole(facts, role, &entry, one)).into())
        }
        "has_schema_privilege" => {
            let oid = args.oid(at, &Type::Regnamespace)?;
            let creates = || {
                is_superuser(facts, role)
                    || matches!(facts.catalog().get(ObjectId::from(oid)).map(AsRef::as_ref),
                        Some(crate::catalog::Object::Schema(schema)) if has_role(facts, role, schema.owner)
                            || schema.creators.iter().any(|&other| other == crate::catalog::PUBLIC || has_role(facts, role, other)))
            };
            let has = asked(last, &["CREATE", "USAGE"])?;
            Ok(has.iter().any(|one| (one.name == "USAGE" && !one.grant) || creates()).into())
        }
        "has_database_privilege" => {
            if let Some(Value::Text(name)) = args.values.get(at)
                && name.as_ref() != facts.context.database.name
            {
                return Err(Error::new(Kind::UndefinedDatabase, format!("database \"{name}\" does not exist")));
            }
            let has = asked(last, &["CREATE", "CONNECT", "TEMPORARY", "TEMP"])?;
            // There are no temporary tables.
            let one_has = |one: &Asked<'_>| match (one.name, one.grant) {
                ("CONNECT", false) => true,
                ("TEMPORARY" | "TEMP", _) => false,
                _ => is_superuser(facts, role),
            };
            Ok(has.iter().any(one_has).into())
        }
        "pg_has_role" => {
            let other = ObjectId::from(args.oid(at, &Type::Regrole)?);
            let has = asked(last, &["MEMBER", "USAGE", "SET"])?;
            Ok(has
                .iter()
                .any(|one| if one.grant { is_superuser(facts, role) } else { has_role(facts, role, other) })
                .into())
        }
        "has_tablespace_privilege" | "has_parameter_privilege" => Ok(is_superuser(facts, role).into()),
        // Functions, languages and types are everybody's.
        "has_function_privilege" | "has_language_privilege" | "has_type_privilege" => Ok(true.into()),
        _ => Err(args.undefined()),
    }
}

fn role_arg(args: &Args<'_>) -> Result<ObjectId> {
    match args.values.first() {
        Some(Value::Text(name)) if name.as_ref() == "public" => Ok(crate::catalog::PUBLIC),
        // A role is given by its name as it is, not as SQL would fold it.
        Some(Value::Text(name)) => match name.parse::<u32>() {
            Ok(oid) if args.types.first() != Some(&Type::Name) => Ok(ObjectId::from(oid)),
            _ => Ok(ObjectId::from(names::role_oid(args.facts, name)?)),
        },
        Some(Value::Int(oid)) => Ok(u64::try_from(*oid).unwrap_or(0)),
        _ => Err(args.undefined()),
    }
}

/// An OID that is nobody's is NULL in the end, a name that is nobody's is an error.
fn entry_arg<'a>(args: &Args<'a>, at: usize) -> Result<Option<Entry<'a>>> {
    match args.values.get(at) {
        Some(Value::Text(text)) if text.parse::<u32>().is_err() => Ok(Some(args.facts.must_find(text)?)),
        _ => {
            let oid = args.oid(at, &Type::Regclass)?;
            Ok(super::super::entry::by_oid(args.facts.catalog(), oid))
        }
    }
}

fn column_arg(args: &Args<'_>, at: usize, entry: &Entry<'_>) -> Result<Option<String>> {
    let attributes = args.facts.attributes(entry);
    match args.values.get(at) {
        Some(Value::Text(name)) => match attributes.iter().any(|attribute| attribute.name == **name) {
            true => Ok(Some(name.to_string())),
            false => {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", entry.name);
                Err(Error::new(Kind::UndefinedColumn, message))
            }
        },
        _ => {
            let number = usize::try_from(args.number(at)?).ok().and_then(|number| number.checked_sub(1));
            Ok(number.and_then(|number| Some(attributes.get(number)?.name.clone())))
        }
    }
}

fn is_superuser(facts: &Facts, role: ObjectId) -> bool {
    facts.catalog().is_superuser(role)
}

/// Whether a role is, or has the rights of, another.
fn has_role(facts: &Facts, role: ObjectId, other: ObjectId) -> bool {
    is_superuser(facts, role) || facts.catalog().memberships(role).contains(&other)
}

fn owns(facts: &Facts, role: ObjectId, entry: &Entry<'_>) -> bool {
    has_role(facts, role, ObjectId::from(facts.owner(entry)))
}

fn privilege(name: &str) -> Option<Privilege> {
    Some(match name {
        "SELECT" => Privilege::Select,
        "INSERT" => Privilege::Insert,
        "UPDATE" => Privilege::Update,
        "DELETE" => Privilege::Delete,
        "TRUNCATE" => Privilege::Truncate,
        "USAGE" => Privilege::Usage,
        "REFERENCES" => Privilege::References,
        "TRIGGER" => Privilege::Trigger,
        _ => return None,
    })
}

fn granted(
    facts: &Facts,
    role: ObjectId,
    entry: &Entry<'_>,
    one: &Asked<'_>,
    on: impl Fn(Option<&Vec<String>>) -> bool,
) -> bool {
    let roles = facts.catalog().memberships(role);
    let Some(privilege) = privilege(one.name) else { return false };
    let mut grants = facts.grants(entry).iter().filter(|grant| grant.option || !one.grant);
    grants.any(|grant| grant.privilege == privilege && roles.contains(&grant.role) && on(grant.columns.as_ref()))
}

fn on_whole(facts: &Facts, role: ObjectId, entry: &Entry<'_>, one: &Asked<'_>) -> bool {
    match entry.what {
        // Those that show to each what is his; but not what is for superusers only.
        What::Steward => one.name == "SELECT" && !one.grant,
        // They are read, and that is all; USAGE on the source gives it.
        What::Asset(source, _) => {
            let usage = Asked { name: "USAGE", grant: one.grant };
            one.name == "SELECT"
                && (has_role(facts, role, source.owner)
                    || granted(facts, role, entry, &usage, |columns| columns.is_none()))
        }
        What::Listed(listed) => {
            let everybodys = !matches!(listed.name, "pg_authid" | "pg_shadow");
            is_superuser(facts, role) || (one.name == "SELECT" && !one.grant && everybodys)
        }
        _ => owns(facts, role, entry) || granted(facts, role, entry, one, |columns| columns.is_none()),
    }
}

/// Whether a role has a right on a column, by the whole or by the column.
pub fn on_column(facts: &Facts, role: ObjectId, entry: &Entry<'_>, column: &str, privilege: Privilege) -> bool {
    if matches!(entry.what, What::Steward | What::Listed(_)) {
        return privilege == Privilege::Select;
    }
    if let What::Asset(..) = entry.what {
        return privilege == Privilege::Select && on_whole(facts, role, entry, &Asked { name: "SELECT", grant: false });
    }
    let roles = facts.catalog().memberships(role);
    owns(facts, role, entry)
        || facts.grants(entry).iter().any(|grant| {
            grant.privilege == privilege
                && roles.contains(&grant.role)
                && grant.columns.as_ref().is_none_or(|columns| columns.iter().any(|name| name == column))
        })
}
