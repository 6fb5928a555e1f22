//! REASSIGN OWNED and DROP OWNED: what a role owns, and what it has on what others own.

use super::Ddl;
use super::access::{must_get_role, owner};
use super::domain::drop_domain;
use super::drop::{dependent_views, drop_readers, drop_relation, drop_schema};
use super::enumeration::drop_enum;
use super::foreign_key::{dependents, still_needed};
use super::function::must_not_be_used;
use super::row_policy::{described, policies_reading};
use super::sequence::drop_sequence;
use crate::catalog::{Catalog, Function, Object, ObjectId, PUBLIC, Rights};
use crate::error::{Error, Kind, Result};

/// Runs REASSIGN OWNED.
pub fn reassign_owned(ddl: &mut Ddl<'_>, from: &[String], to: &str) -> Result<()> {
    ddl.txn.must_write("REASSIGN OWNED")?;
    let from = roles(ddl, from, "reassign objects")?;
    let to = roles(ddl, &[to.to_owned()], "reassign objects")?;
    let [to] = to.as_slice() else { return Ok(()) };
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, object) in catalog.objects() {
        if owner(object).is_some_and(|owner| from.contains(&owner)) {
            let mut object = object.as_ref().clone();
            if let Some(owner) = owner_mut(&mut object) {
                *owner = *to;
            }
            ddl.txn.put_object(id, object)?;
        }
    }
    Ok(())
}

/// Runs DROP OWNED: drops what roles own, and takes away the rights that they have.
pub fn drop_owned(ddl: &mut Ddl<'_>, names: &[String], cascade: bool) -> Result<()> {
    ddl.txn.must_write("DROP OWNED")?;
    for role in roles(ddl, names, "drop objects")? {
        let catalog = ddl.txn.snapshot().catalog.clone();
        let owned: Vec<ObjectId> =
            catalog.objects().filter(|(_, o)| owner(o) == Some(role)).map(|(id, _)| id).collect();
        if !cascade {
            must_be_free(ddl, &catalog, &owned)?;
        }
        let mut ordered = owned.clone();
        ordered.sort_by_key(|id| (catalog.get(*id).map(|object| rank(object)), *id));
        for id in ordered {
            drop_object(ddl, id, &owned, cascade)?;
        }
        leave(ddl, role)?;
    }
    Ok(())
}

/// The ids of roles whose rights the one that runs the statement has.
fn roles(ddl: &Ddl<'_>, names: &[String], to: &str) -> Result<Vec<ObjectId>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let id = ddl.role(name)?;
        if id == PUBLIC {
            return Err(Error::new(Kind::UndefinedObject, "role \"public\" does not exist"));
        }
        if !ddl.context.has_role(id) {
            return Err(Error::new(Kind::Privilege, format!("permission denied to {to}")));
        }
        found.push(id);
    }
    Ok(found)
}

fn owner_mut(object: &mut Object) -> Option<&mut ObjectId> {
    match object {
        Object::Schema(o) => Some(&mut o.owner),
        Object::Table(o) => Some(&mut o.owner),
        Object::View(o) => Some(&mut o.owner),
        Object::MaskingPolicy(o) => Some(&mut o.owner),
        Object::Model(o) => Some(&mut o.owner),
        Object::Source(o) => Some(&mut o.owner),
        Object::Function(o) => Some(&mut o.owner),
        Object::Sequence(o) => Some(&mut o.owner),
        Object::Enum(o) => Some(&mut o.owner),
        Object::Domain(o) => Some(&mut o.owner),
        Object::Classifier(o) => Some(&mut o.owner),
        Object::Job(o) => Some(&mut o.owner),
        _ => None,
    }
}

/// What goes first: who reads comes before what is read, and what is in a schema before the schema.
fn rank(object: &Object) -> u8 {
    match object {
        Object::View(_) => 0,
        Object::Table(table) if table.materialized.is_some() => 1,
        Object::Table(_) => 2,
        Object::Sequence(_) => 3,
        Object::Function(_) => 4,
        Object::Enum(_) | Object::Domain(_) => 5,
        Object::Schema(_) => 7,
        _ => 6,
    }
}

/// Refuses relations that those of others need.
fn must_be_free(ddl: &Ddl<'_>, catalog: &Catalog, owned: &[ObjectId]) -> Result<()> {
    for &id in owned {
        let (schema, name) = match catalog.get(id).map(AsRef::as_ref) {
            Some(Object::Table(table)) => (&table.schema, &table.name),
            Some(Object::View(view)) => (&view.schema, &view.name),
            _ => continue,
        };
        let what = format!("{} {name}", catalog.get(id).map_or("relation", |object| object.kind_name()));
        let refused = |by: String| {
            Error::new(Kind::Dependent, "cannot drop desired object(s) because other objects depend on them")
                .with_detail(format!("{by} depends on {what}"))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
        };
        if let Some((_, _, view)) =
            dependent_views(ddl, schema, name).into_iter().find(|(view, ..)| !owned.contains(view))
        {
            return Err(refused(format!("view {view}")));
        }
        let policies = policies_reading(ddl, schema, name).into_iter();
        if let Some((_, policy)) = policies.into_iter().find(|(_, policy)| !owned.contains(&policy.table)) {
            return Err(refused(described(ddl, &policy)));
        }
        if let Some(table) = catalog.table_by_id(id) {
            let others = dependents(ddl, id, table, None).into_iter().find(|(child, ..)| !owned.contains(child));
            if let Some(other) = others {
                return Err(still_needed(&what, &other, &what));
            }
        }
    }
    Ok(())
}

fn drop_object(ddl: &mut Ddl<'_>, id: ObjectId, going: &[ObjectId], cascade: bool) -> Result<()> {
    // What was dropped before may have taken it along.
    let Some(object) = ddl.txn.snapshot().catalog.get(id).cloned() else { return Ok(()) };
    match object.as_ref() {
        Object::Table(o) => {
            ddl.must_not_wait("DROP TABLE", id, &o.name)?;
            drop_relation(ddl, id, &o.schema, &o.name, true, going)
        }
        Object::View(o) => drop_relation(ddl, id, &o.schema, &o.name, true, going),
        // One that goes with a column of somebody else's table stays with it.
        Object::Sequence(o) if o.owned_by.is_some() => Ok(()),
        Object::Sequence(o) => drop_sequence(ddl, id, o, cascade),
        Object::Function(o) => {
            let catalog = ddl.txn.snapshot().catalog.clone();
            let others = going.iter().filter_map(|id| match catalog.get(*id).map(AsRef::as_ref) {
                Some(Object::Function(function)) => Some(function.clone()),
                _ => None,
            });
            must_not_be_used(ddl, o, &others.collect::<Vec<Function>>())?;
            ddl.txn.drop_object(id);
            Ok(())
        }
        Object::Enum(o) => drop_enum(ddl, id, &o.name, cascade),
        Object::Domain(o) => drop_domain(ddl, id, &o.name, cascade),
        Object::Source(o) => {
            drop_readers(ddl, &format!("source {}", o.name), &o.name, cascade)?;
            ddl.txn.drop_object(id);
            Ok(())
        }
        Object::MaskingPolicy(o) => {
            let bound = ddl.txn.snapshot().catalog.objects().any(|(_, object)| match object.as_ref() {
                Object::Tag(tag) => tag.mask == Some(id),
                Object::Table(table) => table.columns.iter().any(|column| column.mask == Some(id)),
                _ => false,
            });
            if bound {
                let message = format!("cannot drop masking policy {} because it is bound", o.name);
                return Err(Error::new(Kind::Dependent, message)
                    .with_hint("Use UNSET MASKING POLICY on the tag or column, or REASSIGN OWNED first."));
            }
            ddl.txn.drop_object(id);
            Ok(())
        }
        Object::Schema(o) => drop_schema(ddl, id, &o.name, cascade),
        _ => {
            ddl.txn.drop_object(id);
            Ok(())
        }
    }
}

/// Takes away all rights that a role has, and what it says of new objects.
fn leave(ddl: &mut Ddl<'_>, role: ObjectId) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, object) in catalog.objects() {
        let mut left = object.as_ref().clone();
        let (owner, grants) = match &mut left {
            Object::Table(o) => (o.owner, &mut o.grants),
            Object::View(o) => (o.owner, &mut o.grants),
            Object::Sequence(o) => (o.owner, &mut o.grants),
            Object::Model(o) => (o.owner, &mut o.grants),
            Object::Source(o) => (o.owner, &mut o.grants),
            Object::RowPolicy(policy) if policy.roles.contains(&role) => {
                policy.roles.retain(|other| *other != role);
                // For nobody it would be for everybody.
                match policy.roles.is_empty() {
                    true => ddl.txn.drop_object(id),
                    false => ddl.txn.put_object(id, left)?,
                }
                continue;
            }
            Object::Schema(schema) if schema.creators.contains(&role) => {
                schema.creators.retain(|other| *other != role);
                ddl.txn.put_object(id, left)?;
                continue;
            }
            Object::Tag(tag) if tag.unmask.contains(&role) => {
                tag.unmask.retain(|other| *other != role);
                ddl.txn.put_object(id, left)?;
                continue;
            }
            _ => continue,
        };
        let mut rights = Rights::new(owner, grants);
        rights.leave(role);
        let now = rights.done();
        if now.len() < grants.len() {
            *grants = now;
            ddl.txn.put_object(id, left)?;
        }
    }
    for (id, object) in catalog.objects() {
        let Object::Role(of) = object.as_ref() else { continue };
        if of.defaults.is_empty() {
            continue;
        }
        let mut of = must_get_role(ddl, id)?;
        for defaults in &mut of.defaults {
            defaults.grants.retain(|grant| grant.role != role);
        }
        of.defaults.retain(|defaults| id != role && !defaults.grants.is_empty());
        ddl.txn.put_object(id, Object::Role(of))?;
    }
    Ok(())
}
