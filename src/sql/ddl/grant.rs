//! GRANT and REVOKE.
//!
//! Whose rights on a relation are given, by whom, and what else goes with them, is for [`Rights`] to say. On all else the owner
//! gives rights, or a superuser, and nobody can give them on.

use super::super::parser::{GrantTarget, OpenRight};
use super::super::rewrite::view_columns;
use super::Ddl;
use super::access::must_get_role;
use crate::catalog::{Grant, Object, ObjectId, Privilege, Right, Rights};
use crate::error::{Error, Kind, Result};

/// How rights are given or taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Giving {
    /// They are taken.
    pub revoke: bool,
    /// `WITH GRANT OPTION`, or of REVOKE `GRANT OPTION FOR`.
    pub option: bool,
    /// What depends on them goes as well.
    pub cascade: bool,
    /// They were called ALL.
    pub all: bool,
}

/// Runs GRANT and REVOKE. Gives what was told of rights that whoever says so may not give or take: nothing became of those.
pub fn grant(ddl: &mut Ddl<'_>, target: GrantTarget, roles: &[String], how: Giving) -> Result<Vec<String>> {
    let mut withheld = Vec::new();
    given(ddl, target, roles, how, &mut withheld)?;
    Ok(withheld)
}

fn given(
    ddl: &mut Ddl<'_>,
    target: GrantTarget,
    roles: &[String],
    how: Giving,
    withheld: &mut Vec<String>,
) -> Result<()> {
    let revoke = how.revoke;
    ddl.txn.must_write(if revoke { "REVOKE" } else { "GRANT" })?;
    let roles: Vec<ObjectId> = roles.iter().map(|role| ddl.role(role)).collect::<Result<_>>()?;
    if how.option && !is_of_relations(&target) {
        let message = "rights that may be given on are supported for tables, views and sequences only";
        return Err(Error::new(Kind::Unsupported, message)
            .with_hint("The owner of an object gives rights on it; GRANT a role that owns it."));
    }
    match target {
        GrantTarget::Relations(rights, relations) => {
            for (schema, name) in relations {
                let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
                on_relation(ddl, (&schema, &name), &rights, &roles, how, withheld)?;
            }
            Ok(())
        }
        GrantTarget::Schemas(rights, schemas) => {
            for (schema, name) in relations_of(ddl, &schemas, |object| !matches!(object, Object::Sequence(_)))? {
                on_relation(ddl, (&schema, &name), &rights, &roles, how, withheld)?;
            }
            Ok(())
        }
        GrantTarget::Sequences(rights, sequences) => {
            for (schema, name) in sequences {
                let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
                on_sequence(ddl, (&schema, &name), &rights, &roles, how, withheld)?;
            }
            Ok(())
        }
        GrantTarget::SequencesOf(rights, schemas) => {
            for (schema, name) in relations_of(ddl, &schemas, |object| matches!(object, Object::Sequence(_)))? {
                on_sequence(ddl, (&schema, &name), &rights, &roles, how, withheld)?;
            }
            Ok(())
        }
        GrantTarget::Models(names) => {
            for name in names {
                let Some((id, model)) = ddl.txn.snapshot().catalog.model(&name).map(|(id, m)| (id, m.clone())) else {
                    return Err(Error::new(Kind::UndefinedObject, format!("model \"{name}\" does not exist")));
                };
                ddl.context.must_own(model.owner, "model", &name)?;
                let mut model = model;
                model.grants = of_owner(model.owner, &model.grants, &roles, revoke)?;
                ddl.txn.put_object(id, Object::Model(model))?;
            }
            Ok(())
        }
        GrantTarget::SchemaRights { names, usage, create } => {
            for name in names {
                if usage {
                    on_source(ddl, &name, &roles, revoke)?;
                }
                if create {
                    may_create(ddl, &name, &roles, revoke)?;
                }
            }
            Ok(())
        }
        GrantTarget::Open(right) => on_open(ddl, &right, revoke),
        GrantTarget::Tags(names) => {
            ddl.context.must_be_superuser("grant UNMASK on a tag")?;
            for name in names {
                let Some((id, tag)) = ddl.txn.snapshot().catalog.tag(&name).map(|(id, t)| (id, t.clone())) else {
                    return Err(Error::new(Kind::UndefinedObject, format!("tag \"{name}\" does not exist")));
                };
                let mut tag = tag;
                tag.unmask.retain(|role| !roles.contains(role));
                if !revoke {
                    tag.unmask.extend(&roles);
                }
                ddl.txn.put_object(id, Object::Tag(tag))?;
            }
            Ok(())
        }
        GrantTarget::Roles(groups) => {
            ddl.context.must_be_superuser("grant membership in a role")?;
            for group in groups {
                let group_id = ddl.role(&group)?;
                for &id in &roles {
                    let mut role = must_get_role(ddl, id)?;
                    if !revoke && ddl.txn.snapshot().catalog.memberships(group_id).contains(&id) {
                        return Err(Error::new(
                            Kind::InvalidGrant,
                            format!("role \"{group}\" is a member of role \"{}\"", role.name),
                        ));
                    }
                    role.member_of.retain(|g| *g != group_id);
                    if !revoke {
                        role.member_of.push(group_id);
                    }
                    ddl.txn.put_object(id, Object::Role(role))?;
                }
            }
            Ok(())
        }
    }
}

/// Whether rights on it may be given on.
fn is_of_relations(target: &GrantTarget) -> bool {
    matches!(
        target,
        GrantTarget::Relations(..)
            | GrantTarget::Schemas(..)
            | GrantTarget::Sequences(..)
            | GrantTarget::SequencesOf(..)
    )
}

/// Schema and name of the relations of schemas for which this holds.
fn relations_of(ddl: &Ddl<'_>, schemas: &[String], wanted: fn(&Object) -> bool) -> Result<Vec<(String, String)>> {
    let catalog = &ddl.txn.snapshot().catalog;
    let mut found = Vec::new();
    for schema in schemas {
        if catalog.schema(schema).is_none() {
            return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{schema}\" does not exist")));
        }
        for (_, object) in catalog.relations_of(schema).filter(|(_, object)| wanted(object)) {
            let name = match object {
                Object::Table(table) => &table.name,
                Object::View(view) => &view.name,
                Object::Sequence(sequence) => &sequence.name,
                _ => continue,
            };
            found.push((schema.clone(), name.clone()));
        }
    }
    Ok(found)
}

/// Whether a right is none of tables and views.
fn is_of_others(right: Privilege) -> bool {
    matches!(right, Privilege::Usage | Privilege::Unmask)
}

/// Rights as they are written, each on the whole or on some columns.
type Written = [(Privilege, Option<Vec<String>>)];

fn on_relation(
    ddl: &mut Ddl<'_>,
    (schema, name): (&str, &str),
    rights: &Written,
    roles: &[ObjectId],
    how: Giving,
    withheld: &mut Vec<String>,
) -> Result<()> {
    let found = ddl.txn.snapshot().catalog.relation(schema, name).map(|(id, object)| (id, object.clone()));
    let columns: Vec<String> = match found.as_ref().map(|(_, object)| object) {
        Some(Object::Table(table)) => table.columns.iter().map(|column| column.name.clone()).collect(),
        Some(Object::View(view)) => view_columns(view, ddl.context).unwrap_or_default(),
        // As in PostgreSQL, where the word SEQUENCE may be left out.
        Some(Object::Sequence(_)) => {
            let rights: Vec<Privilege> = rights.iter().map(|(right, _)| *right).collect();
            return on_sequence(ddl, (schema, name), &rights, roles, how, withheld);
        }
        _ => return Err(super::super::tables::undefined(ddl.context, schema, name)),
    };
    if let Some((right, _)) = rights.iter().find(|(right, _)| is_of_others(*right)) {
        let message = format!("invalid privilege type {} for table", right.word());
        return Err(Error::new(Kind::InvalidGrant, message));
    }
    if let Some(column) = rights.iter().flat_map(|(_, named)| named.iter().flatten()).find(|c| !columns.contains(c)) {
        let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
        return Err(Error::new(Kind::UndefinedColumn, message));
    }
    match found {
        Some((id, Object::Table(mut table))) => {
            let held = (table.owner, table.grants.as_slice());
            let Some(grants) = changed(ddl, ("table", name), held, rights, roles, how, withheld)? else {
                return Ok(());
            };
            table.grants = grants;
            ddl.txn.put_object(id, Object::Table(table))
        }
        Some((id, Object::View(mut view))) => {
            let held = (view.owner, view.grants.as_slice());
            let Some(grants) = changed(ddl, ("view", name), held, rights, roles, how, withheld)? else {
                return Ok(());
            };
            view.grants = grants;
            ddl.txn.put_object(id, Object::View(view))
        }
        _ => Ok(()),
    }
}

fn on_sequence(
    ddl: &mut Ddl<'_>,
    (schema, name): (&str, &str),
    rights: &[Privilege],
    roles: &[ObjectId],
    how: Giving,
    withheld: &mut Vec<String>,
) -> Result<()> {
    match ddl.txn.snapshot().catalog.relation(schema, name).map(|(id, object)| (id, object.clone())) {
        Some((id, Object::Sequence(mut sequence))) => {
            let rights: Vec<_> = rights.iter().map(|right| (*right, None)).collect();
            let held = (sequence.owner, sequence.grants.as_slice());
            let Some(grants) = changed(ddl, ("sequence", name), held, &rights, roles, how, withheld)? else {
                return Ok(());
            };
            sequence.grants = grants;
            ddl.txn.put_object(id, Object::Sequence(sequence))
        }
        Some(_) => Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a sequence"))),
        None => Err(super::super::tables::undefined(ddl.context, schema, name)),
    }
}

/// The rights on an object, once these are given or taken by whoever says so; none where it may give none of them.
fn changed(
    ddl: &Ddl<'_>,
    (kind, name): (&str, &str),
    (owner, grants): (ObjectId, &[Grant]),
    written: &Written,
    roles: &[ObjectId],
    how: Giving,
    withheld: &mut Vec<String>,
) -> Result<Option<Vec<Grant>>> {
    let mut rights = Rights::new(owner, grants);
    let asked = each(written);
    let mine = match ddl.context.has_role(owner) {
        true => vec![owner],
        false => ddl.txn.snapshot().catalog.memberships(ddl.context.role),
    };
    let (giver, may) = rights.giver(&mine, &asked);
    if may.is_empty() && !rights.has_any(&mine) {
        return Err(Error::new(Kind::Privilege, format!("permission denied for {kind} {name}")));
    }
    let done = if how.revoke { "could be revoked" } else { "were granted" };
    let lacks = may.len() < asked.len() && !how.all;
    if may.is_empty() || lacks {
        let how_many = if may.is_empty() { "no" } else { "not all" };
        let message = format!("{how_many} privileges {done} for \"{name}\"");
        ddl.context.warn(message.as_str());
        withheld.push(message);
    }
    if may.is_empty() {
        return Ok(None);
    }
    if how.revoke && !how.option && roles.contains(&owner) {
        ddl.context
            .warn(format!("the owner of \"{name}\" keeps all rights on it; ALTER ... OWNER TO gives them to another"));
    }
    change(&mut rights, giver, roles, &may, how)?;
    Ok(Some(rights.done()))
}

/// Gives or takes rights.
pub(super) fn change(
    rights: &mut Rights,
    giver: Option<ObjectId>,
    roles: &[ObjectId],
    asked: &[Right],
    how: Giving,
) -> Result<()> {
    for &role in roles {
        for right in asked {
            match how.revoke {
                true => rights.take(giver, role, right, (how.option, how.cascade))?,
                false => rights.give(giver, role, right, how.option)?,
            }
        }
    }
    Ok(())
}

/// Each right on the whole or on one column.
pub(super) fn each(written: &Written) -> Vec<Right> {
    let all = written.iter().flat_map(|(privilege, columns)| match columns {
        None => vec![(*privilege, None)],
        Some(columns) => columns.iter().map(|column| (*privilege, Some(column.clone()))).collect(),
    });
    all.collect()
}

/// Rights to use something, once its owner has given or taken them.
fn of_owner(owner: ObjectId, grants: &[Grant], roles: &[ObjectId], revoke: bool) -> Result<Vec<Grant>> {
    let mut rights = Rights::new(owner, grants);
    change(&mut rights, None, roles, &[(Privilege::Usage, None)], Giving { revoke, ..Giving::default() })?;
    Ok(rights.done())
}

fn on_source(ddl: &mut Ddl<'_>, name: &str, roles: &[ObjectId], revoke: bool) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    if let Some((id, source)) = catalog.source(name) {
        ddl.context.must_own(source.owner, "source", name)?;
        let mut source = source.clone();
        source.grants = of_owner(source.owner, &source.grants, roles, revoke)?;
        return ddl.txn.put_object(id, Object::Source(source));
    }
    match catalog.schema(name) {
        // Schemas are open to all: their relations are not.
        Some(_) => Ok(()),
        None => Err(Error::new(Kind::UndefinedSchema, format!("schema \"{name}\" does not exist"))),
    }
}

/// CREATE on a schema.
fn may_create(ddl: &mut Ddl<'_>, name: &str, roles: &[ObjectId], revoke: bool) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some((id, schema)) = catalog.schema(name) else {
        return match catalog.source(name) {
            Some(_) => Err(Error::new(Kind::InvalidGrant, "invalid privilege type CREATE for a source")),
            None => Err(Error::new(Kind::UndefinedSchema, format!("schema \"{name}\" does not exist"))),
        };
    };
    ddl.context.must_own(schema.owner, "schema", name)?;
    let mut schema = schema.clone();
    schema.creators.retain(|role| !roles.contains(role));
    if !revoke {
        schema.creators.extend(roles);
    }
    ddl.txn.put_object(id, Object::Schema(schema))
}

/// A right that everybody has: it is given already, and cannot be taken away.
fn on_open(ddl: &Ddl<'_>, right: &OpenRight, revoke: bool) -> Result<()> {
    let catalog = &ddl.txn.snapshot().catalog;
    let missing = |kind: Kind, what: &str, name: Option<&String>| match name {
        Some(name) => Err(Error::new(kind, format!("{what} \"{name}\" does not exist"))),
        None => Ok(()),
    };
    let what = match right {
        OpenRight::Databases(names) => {
            let other = names.iter().find(|name| **name != ddl.context.database.name);
            missing(Kind::UndefinedDatabase, "database", other)?;
            "rights on the database"
        }
        OpenRight::Functions(names) => {
            names.iter().try_for_each(|name| super::function::must_be_there(ddl, name))?;
            "EXECUTE on functions"
        }
        OpenRight::FunctionsOf(schemas) => {
            let other = schemas.iter().find(|name| catalog.schema(name).is_none());
            missing(Kind::UndefinedSchema, "schema", other)?;
            "EXECUTE on functions"
        }
        OpenRight::Types(names) => {
            for (schema, name) in names {
                super::super::types::must_be_known(ddl.context, schema.as_deref(), name)?;
            }
            "USAGE of types"
        }
        OpenRight::Languages(names) => {
            let other = names.iter().find(|name| !matches!(name.as_str(), "sql" | "internal" | "c"));
            missing(Kind::UndefinedObject, "language", other)?;
            "USAGE of languages"
        }
    };
    match revoke {
        false => Ok(()),
        true => Err(Error::new(Kind::Unsupported, format!("REVOKE of {what} is not supported: everybody has them"))),
    }
}
