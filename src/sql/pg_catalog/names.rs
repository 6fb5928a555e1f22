//! Names for numbers and numbers for names: `regclass` and its kin.

use super::entry::Entry;
use super::facts::Facts;
use super::identifier::{qualified, quoted};
use super::oids;
use super::relations::{functions, listed, types};
use super::value::Type;
use crate::catalog::{Object, ObjectId};
use crate::error::{Error, Kind, Result};

/// The OID that a text means. Digits are the OID itself, `-` is none.
pub fn oid_of(facts: &Facts, reg: &Type, text: &str) -> Result<u32> {
    if let Ok(oid) = text.trim().parse::<u32>() {
        return Ok(oid);
    }
    if text.trim() == "-" {
        return Ok(0);
    }
    match reg {
        Type::Regclass => Ok(facts.must_find(text)?.oid),
        Type::Regtype => type_oid(facts, text),
        Type::Regproc => function_oid(facts, text),
        Type::Regnamespace => {
            let (_, name) = qualified(text)?;
            let found = facts.schema_oid(&name);
            found.ok_or_else(|| Error::new(Kind::UndefinedSchema, format!("schema \"{name}\" does not exist")))
        }
        Type::Regrole => {
            let (_, name) = qualified(text)?;
            role_oid(facts, &name)
        }
        _ => Err(Error::new(Kind::InvalidText, format!("invalid input syntax for type oid: \"{text}\""))),
    }
}

/// The OID of a role.
pub fn role_oid(facts: &Facts, name: &str) -> Result<u32> {
    match facts.catalog().role(name) {
        Some((id, _)) => Ok(oids::of(id)),
        None => Err(Error::new(Kind::UndefinedObject, format!("role \"{name}\" does not exist"))),
    }
}

fn function_oid(facts: &Facts, text: &str) -> Result<u32> {
    let (schema, name) = qualified(text)?;
    let mut found = functions::all(facts)
        .filter(|function| function.name == name && schema.as_deref().is_none_or(|schema| schema == function.schema));
    match (found.next(), found.next()) {
        (Some(function), None) => Ok(function.oid),
        (Some(_), Some(_)) => {
            Err(Error::new(Kind::UndefinedFunction, format!("more than one function named \"{text}\"")))
        }
        _ => Err(Error::new(Kind::UndefinedFunction, format!("function \"{text}\" does not exist"))),
    }
}

/// The OID of a type as SQL writes it: `character varying(10)[]`, `pg_catalog.int4`, a relation's row.
pub fn type_oid(facts: &Facts, text: &str) -> Result<u32> {
    let undefined = || Error::new(Kind::UndefinedObject, format!("type \"{text}\" does not exist"));
    let mut written = text.trim();
    let is_array = written.ends_with("[]");
    while let Some(element) = written.strip_suffix("[]") {
        written = element.trim_end();
    }
    // A modifier stands behind the name or, as in `timestamp(3) with time zone`, within.
    let without_modifier = match (written.find('('), written.find(')')) {
        (Some(from), Some(to)) if from < to && !written.starts_with('"') => {
            format!("{}{}", written[..from].trim_end(), &written[to + 1..])
        }
        _ => written.to_owned(),
    };
    let in_quotes = without_modifier.contains('"');
    let (schema, name) = match without_modifier.contains(['.', '"']) {
        true => qualified(&without_modifier)?,
        false => (None, without_modifier.to_lowercase()),
    };
    let internal = if in_quotes { name.as_str() } else { types::internal_name(&name) };
    let built_in = types::by_name(internal).filter(|known| match schema.as_deref() {
        None => known.namespace == oids::PG_CATALOG,
        Some(schema) => facts.schema_oid(schema) == Some(known.namespace),
    });
    if let Some(known) = built_in {
        return if is_array { Some(known.array).filter(|oid| *oid != 0).ok_or_else(undefined) } else { Ok(known.oid) };
    }
    if let Some((id, _)) = crate::sql::types::find_enum(&facts.context, schema.as_deref(), &name) {
        return if is_array { oids::row_array(id).ok_or_else(undefined) } else { Ok(oids::of(id)) };
    }
    if let Some((id, _)) = crate::sql::types::find_domain(&facts.context, schema.as_deref(), &name)
        && !is_array
    {
        return Ok(oids::of(id));
    }
    // Arrays of a type have its name with a line before it.
    if let Some(element) = name.strip_prefix('_').filter(|_| !is_array)
        && let Some((id, _)) = crate::sql::types::find_enum(&facts.context, schema.as_deref(), element)
    {
        return oids::row_array(id).ok_or_else(undefined);
    }
    let entry = facts.find(schema.as_deref(), &name).filter(|entry| entry.is_relation() && facts.may_see(entry));
    let entry = entry.ok_or_else(undefined)?;
    match is_array {
        true => oids::row_array(ObjectId::from(entry.oid)).ok_or_else(undefined),
        false => Ok(entry.oid),
    }
}

/// How an OID is shown: its name, or its digits if there is none that the role may see.
pub fn name_of(facts: &Facts, reg: &Type, oid: u32) -> String {
    if oid == 0 {
        // PostgreSQL has no hyphen for an operator.
        return if *reg == Type::Regoperator { "0" } else { "-" }.to_owned();
    }
    let name = match reg {
        Type::Regclass => facts.entry(oid).map(|entry| facts.written(&entry)),
        Type::Regtype => type_name(facts, oid, None),
        Type::Regproc => functions::by_oid(facts, oid).map(|function| quoted(&function.name)),
        Type::Regnamespace => schema_name(facts, oid).map(|name| quoted(&name)),
        Type::Regrole => role_name(facts, oid).map(|name| quoted(&name)),
        _ => None,
    };
    name.unwrap_or_else(|| oid.to_string())
}

/// The name of a type with this modifier, as `format_type` gives it.
pub fn type_name(facts: &Facts, oid: u32, modifier: Option<i32>) -> Option<String> {
    if let Some(known) = types::by_oid(oid) {
        return Some(types::shown(known, modifier));
    }
    if let Some(of) = facts.catalog().enum_by_id(ObjectId::from(oid)) {
        let found = crate::sql::types::find_enum(&facts.context, None, &of.name);
        return Some(match found.is_some_and(|(id, _)| oids::of(id) == oid) {
            true => quoted(&of.name),
            false => format!("{}.{}", quoted(&of.schema), quoted(&of.name)),
        });
    }
    if let Some(domain) = facts.catalog().domain_by_id(ObjectId::from(oid)) {
        let found = crate::sql::types::find_domain(&facts.context, None, &domain.name);
        return Some(match found.is_some_and(|(id, _)| oids::of(id) == oid) {
            true => quoted(&domain.name),
            false => format!("{}.{}", quoted(&domain.schema), quoted(&domain.name)),
        });
    }
    if let Some(element) = enum_of_array(facts, oid) {
        return Some(format!("{}[]", type_name(facts, element, None)?));
    }
    let (relation, is_array) = relation_of_type(facts, oid)?;
    let name = facts.written(&relation);
    Some(if is_array { format!("{name}[]") } else { name })
}

/// The enumerated type whose arrays a type holds.
pub fn enum_of_array(facts: &Facts, oid: u32) -> Option<u32> {
    oids::element_type_of(oid).filter(|element| facts.catalog().enum_by_id(ObjectId::from(*element)).is_some())
}

/// The relation whose rows a type holds, and whether it holds arrays of them.
pub fn relation_of_type<'a>(facts: &'a Facts, oid: u32) -> Option<(Entry<'a>, bool)> {
    if let Some(relation) = oids::row_array_of(oid) {
        return Some((facts.entry(oids::of(relation))?, true));
    }
    if let Some(listed) = listed::all().find(|listed| listed.row_type == oid || listed.row_array == oid) {
        return Some((facts.entry(listed.oid)?, listed.row_array == oid));
    }
    facts.entry(oid).filter(|entry| oid >= oids::STEWARD && entry.is_relation()).map(|entry| (entry, false))
}

/// The name of a schema.
pub fn schema_name(facts: &Facts, oid: u32) -> Option<String> {
    match oid {
        oids::PG_CATALOG => Some("pg_catalog".to_owned()),
        oids::INFORMATION_SCHEMA => Some("information_schema".to_owned()),
        oids::STEWARD => Some("steward".to_owned()),
        _ => match facts.catalog().get(ObjectId::from(oid)).map(AsRef::as_ref) {
            Some(Object::Schema(schema)) => Some(schema.name.clone()),
            _ => None,
        },
    }
}

/// The name of a role.
pub fn role_name(facts: &Facts, oid: u32) -> Option<String> {
    match facts.catalog().get(ObjectId::from(oid)).map(AsRef::as_ref) {
        Some(Object::Role(role)) => Some(role.name.clone()),
        _ => None,
    }
}
