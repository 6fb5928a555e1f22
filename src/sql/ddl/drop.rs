//! DROP TABLE, VIEW, INDEX, SEQUENCE, SCHEMA.

use super::super::inventory;
use super::super::parser::{self, split};
use super::domain::drop_domain;
use super::enumeration::drop_enum;
use super::foreign_key::{dependents, drop_dependents, forget, still_needed};
use super::index::drop_index;
use super::row_policy::drop_reading;
use super::sequence::{columns_counting, drop_sequence, release_sequence};
use super::{Ddl, quarantine, rule, skipping, view_names};
use crate::catalog::{Class, Object, ObjectId, is_temporary};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType};
use std::collections::BTreeSet;

/// Runs DROP.
pub fn drop_objects(
    ddl: &mut Ddl<'_>,
    what: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    ddl.txn.must_write("DROP")?;
    // What refers to a table may go together with it.
    let going = names.iter().filter_map(|name| {
        let (schema, name) = split(name).ok()?;
        let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
        ddl.txn.snapshot().catalog.table(&schema, &name).map(|(id, _)| id)
    });
    let going: Vec<ObjectId> = going.collect();
    for name in names {
        match what {
            ObjectType::Index => drop_index(ddl, name, if_exists, cascade)?,
            ObjectType::Table | ObjectType::View | ObjectType::MaterializedView | ObjectType::Sequence => {
                relation(ddl, &what, name, if_exists, cascade, &going)?;
            }
            ObjectType::Schema => schema(ddl, name, if_exists, cascade)?,
            other => return Err(Error::new(Kind::Unsupported, format!("DROP {other} is not supported"))),
        }
    }
    Ok(())
}

/// Drops a relation, and what depends on it.
pub fn drop_by_id(ddl: &mut Ddl<'_>, id: ObjectId) -> Result<()> {
    let found = ddl.txn.snapshot().catalog.get(id).cloned();
    match found.as_deref() {
        Some(Object::Table(table)) => drop_relation(ddl, id, &table.schema, &table.name, true, &[]),
        Some(Object::View(view)) => drop_relation(ddl, id, &view.schema, &view.name, true, &[]),
        _ => Ok(()),
    }
}

fn relation(
    ddl: &mut Ddl<'_>,
    what: &ObjectType,
    name: &ObjectName,
    if_exists: bool,
    cascade: bool,
    going: &[ObjectId],
) -> Result<()> {
    let (schema, name) = split(name)?;
    let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
    ddl.context.must_reach(&schema)?;
    let found = ddl.txn.snapshot().catalog.relation(&schema, &name).map(|(id, object)| (id, object.clone()));
    let word = what.to_string().to_lowercase();
    let Some((id, object)) = found else {
        if if_exists {
            skipping(ddl.context, &word, &name, false);
            return Ok(());
        }
        return Err(Error::new(Kind::UndefinedTable, format!("{word} \"{name}\" does not exist")));
    };
    let owner = match (&object, what) {
        (Object::Table(table), ObjectType::Table) if table.materialized.is_none() => table.owner,
        (Object::Table(table), ObjectType::MaterializedView) if table.materialized.is_some() => table.owner,
        (Object::View(view), ObjectType::View) => view.owner,
        (Object::Sequence(sequence), ObjectType::Sequence) => {
            ddl.context.must_own(sequence.owner, &word, &name)?;
            return drop_sequence(ddl, id, sequence, cascade);
        }
        _ => {
            return Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a {word}"))
                .with_hint(format!("Use DROP {} to remove it.", object.kind_name().to_uppercase())));
        }
    };
    ddl.context.must_own(owner, &word, &name)?;
    ddl.must_not_wait("DROP TABLE", id, &name)?;
    if let Object::Table(table) = &object {
        quarantine::must_not_be_needed(ddl, table, going)?;
    }
    drop_relation(ddl, id, &schema, &name, cascade, going)
}

pub(super) fn drop_relation(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    schema: &str,
    name: &str,
    cascade: bool,
    going: &[ObjectId],
) -> Result<()> {
    if let Some(table) = ddl.txn.snapshot().catalog.table_by_id(id).cloned() {
        let mut dependents = dependents(ddl, id, &table, None);
        dependents.retain(|(child, ..)| *child != id && !going.contains(child));
        if let Some(first) = dependents.first().filter(|_| !cascade) {
            return Err(still_needed(&format!("table {name}"), first, &format!("table {name}")));
        }
        drop_dependents(ddl, dependents)?;
        for parent in table.foreign_keys.iter().map(|key| key.table).filter(|parent| *parent != id) {
            forget(ddl, parent, id)?;
        }
    }
    drop_views(ddl, name, dependent_views(ddl, schema, name), cascade, going)?;
    let kind = ddl.txn.snapshot().catalog.get(id).map_or("relation", |object| object.kind_name());
    drop_reading(ddl, (id, kind), (schema, name), cascade, going)?;
    rule::drop_rules(ddl, id, name, cascade, going)?;
    // What rules have put aside are rows of the table.
    let aside = ddl.txn.snapshot().catalog.quarantine_of(id).map(|(id, table)| (id, table.clone()));
    if let Some((aside_id, aside)) = aside.filter(|(id, _)| !going.contains(id)) {
        ddl.context.notice(format!("quarantine \"{}\" goes with table \"{name}\"", aside.name));
        drop_relation(ddl, aside_id, &aside.schema, &aside.name, cascade, going)?;
    }
    let repairs = ddl.txn.snapshot().catalog.repairs_of(id).map(|(id, table)| (id, table.clone()));
    if let Some((repairs_id, repairs)) = repairs.filter(|(id, _)| !going.contains(id)) {
        ddl.context.notice(format!("table \"{}\" of its repairs goes with table \"{name}\"", repairs.name));
        drop_relation(ddl, repairs_id, &repairs.schema, &repairs.name, cascade, going)?;
    }
    let catalog = ddl.txn.snapshot().catalog.clone();
    let belongings = catalog.indexes_of(id).map(|(id, _)| id).chain(catalog.policies_of(id).map(|(id, _)| id));
    let belongings = belongings.chain(catalog.classes_of(id).map(|(id, _)| id));
    let belongings = belongings.chain(catalog.plain_indexes_of(id).map(|(id, _)| id));
    for (sequence_id, sequence) in catalog.sequences_of(id) {
        // Its own columns go with it; others may count it too.
        let counting = columns_counting(&catalog, sequence_id);
        if counting.iter().any(|(table, _)| *table != id && !going.contains(table)) {
            ddl.txn.drop_object(id);
            release_sequence(ddl, sequence_id, &sequence.name, cascade)?;
        }
        ddl.txn.drop_object(sequence_id);
    }
    let asset = format!("{schema}.{name}");
    let findings = catalog.finding(&asset).map(|(id, _)| id);
    for belonging in belongings.chain(findings).collect::<Vec<_>>() {
        ddl.txn.drop_object(belonging);
    }
    inventory::forget_values(ddl, &BTreeSet::from([id]))?;
    ddl.txn.drop_object(id);
    Ok(())
}

/// Drops the views that read something in this schema, or refuses to without `cascade`; `what` is what is being dropped.
pub fn drop_readers(ddl: &mut Ddl<'_>, what: &str, schema: &str, cascade: bool) -> Result<()> {
    let readers = views(ddl, |_, query| {
        let named = parser::query(query).map(|mut query| view_names::named(&mut query));
        named.is_ok_and(|named| named.iter().any(|(of, _)| of.as_deref() == Some(schema)))
    });
    drop_views(ddl, what, readers, cascade, &[])
}

/// Drops views that depend on something, or refuses to without `cascade`.
fn drop_views(
    ddl: &mut Ddl<'_>,
    what: &str,
    views: Vec<(ObjectId, String, String)>,
    cascade: bool,
    going: &[ObjectId],
) -> Result<()> {
    if let Some((_, _, view)) = views.first()
        && !cascade
    {
        return Err(Error::new(Kind::Dependent, format!("cannot drop {what} because other objects depend on it"))
            .with_detail(format!("view {view} depends on {what}"))
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    for (view, schema, name) in views {
        // Another that is gone by now may have taken it along.
        if ddl.txn.snapshot().catalog.get(view).is_some() {
            ddl.context.notice(format!("drop cascades to view {name}"));
            drop_relation(ddl, view, &schema, &name, true, going)?;
        }
    }
    Ok(())
}

/// Views, materialized ones too, by their schema and their query.
fn views(ddl: &Ddl<'_>, reads: impl Fn(&str, &str) -> bool) -> Vec<(ObjectId, String, String)> {
    let views = ddl.txn.snapshot().catalog.class(Class::Relation).filter_map(|(id, object)| match object {
        Object::View(view) => Some((id, &view.schema, &view.name, &view.query)),
        Object::Table(table) => table.materialized.as_ref().map(|of| (id, &table.schema, &table.name, &of.query)),
        _ => None,
    });
    let found = views.filter(|(_, of, _, query)| reads(of, query));
    found.map(|(id, schema, name, _)| (id, schema.clone(), name.clone())).collect()
}

/// Views whose query names the relation.
pub(super) fn dependent_views(ddl: &Ddl<'_>, schema: &str, name: &str) -> Vec<(ObjectId, String, String)> {
    let catalog = &ddl.txn.snapshot().catalog;
    let own = |schema: &str| is_temporary(schema);
    // By its name alone a temporary relation is meant in its own schema only, and there before all others.
    let may_mean = |of: &str| match (own(schema), own(of)) {
        (true, _) => of == schema,
        (false, true) => catalog.relation(of, name).is_none(),
        (false, false) => true,
    };
    let names = |of: &str, query: &str| {
        let Ok(mut query) = parser::query(query) else { return false };
        let meant = |s: String| s == schema || s == "pg_temp" && of == schema;
        let mut named = view_names::named(&mut query).into_iter();
        named.any(|(s, n)| n == name && s.map_or_else(|| may_mean(of), meant))
    };
    views(ddl, names)
}

fn schema(ddl: &mut Ddl<'_>, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
    let (_, name) = split(name)?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some((id, schema)) = catalog.schema(&name) else {
        if if_exists {
            skipping(ddl.context, "schema", &name, false);
            return Ok(());
        }
        return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{name}\" does not exist")));
    };
    ddl.context.must_own(schema.owner, "schema", &name)?;
    drop_schema(ddl, id, &name, cascade)
}

/// Drops a schema, and what is in it.
pub(super) fn drop_schema(ddl: &mut Ddl<'_>, id: ObjectId, name: &str, cascade: bool) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let inside: Vec<(ObjectId, String)> = catalog
        .class(Class::Relation)
        .filter_map(|(id, object)| match object {
            Object::Table(table) if table.schema == name => Some((id, table.name.clone())),
            Object::View(view) if view.schema == name => Some((id, view.name.clone())),
            Object::Sequence(sequence) if sequence.schema == name && sequence.owned_by.is_none() => {
                Some((id, sequence.name.clone()))
            }
            _ => None,
        })
        .collect();
    let functions: Vec<ObjectId> = catalog
        .class(Class::Function)
        .filter_map(|(id, object)| {
            matches!(object, Object::Function(function) if function.schema == name).then_some(id)
        })
        .collect();
    let is_empty = inside.is_empty() && functions.is_empty();
    if !(is_empty || cascade) {
        return Err(Error::new(
            Kind::Dependent,
            format!("cannot drop schema {name} because other objects depend on it"),
        )
        .with_hint("Use DROP SCHEMA ... CASCADE to drop the dependent objects too."));
    }
    let types: Vec<(ObjectId, String, bool)> = catalog
        .class(Class::Type)
        .filter_map(|(id, object)| match object {
            Object::Enum(of) if of.schema == name => Some((id, of.name.clone(), false)),
            Object::Domain(of) if of.schema == name => Some((id, of.name.clone(), true)),
            _ => None,
        })
        .collect();
    if !types.is_empty() && !cascade {
        return Err(Error::new(
            Kind::Dependent,
            format!("cannot drop schema {name} because other objects depend on it"),
        )
        .with_hint("Use DROP SCHEMA ... CASCADE to drop the dependent objects too."));
    }
    let going: Vec<ObjectId> = inside.iter().map(|(id, _)| *id).collect();
    for (id, relation) in inside {
        if let Some(Object::Sequence(sequence)) = ddl.txn.snapshot().catalog.get(id).map(AsRef::as_ref).cloned() {
            drop_sequence(ddl, id, &sequence, true)?;
        } else if ddl.txn.snapshot().catalog.get(id).is_some() {
            drop_relation(ddl, id, name, &relation, true, &going)?;
        }
    }
    functions.into_iter().for_each(|function| ddl.txn.drop_object(function));
    for (type_id, of, is_domain) in types {
        match is_domain {
            true => drop_domain(ddl, type_id, &of, true)?,
            false => drop_enum(ddl, type_id, &of, true)?,
        }
    }
    ddl.txn.drop_object(id);
    Ok(())
}
