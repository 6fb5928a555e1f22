//! Roles and rights.

use super::super::parser::{GrantTarget, OpenRight, RoleOption};
use super::{Ddl, check_name, skipping};
use crate::catalog::{Class, Grant, Object, ObjectId, Privilege, Role};
use crate::crypto::ScramVerifier;
use crate::error::{Error, Kind, Result};

/// Roles whose members may use files of the server by COPY. PostgreSQL has them from the beginning; here they are made when they
/// are wanted.
const FILE_ROLES: [&str; 2] = ["pg_read_server_files", "pg_write_server_files"];

/// Runs CREATE ROLE and CREATE USER.
pub fn create_role(
    ddl: &mut Ddl<'_>,
    name: &str,
    if_not_exists: bool,
    login: bool,
    options: Vec<RoleOption>,
) -> Result<()> {
    ddl.txn.must_write("CREATE ROLE")?;
    ddl.context.must_be_superuser("create roles")?;
    check_name(name)?;
    if if_not_exists && ddl.txn.snapshot().catalog.role(name).is_some() {
        skipping(ddl.context, "role", name, true);
        return Ok(());
    }
    let reserved = name == "public" || name == "none" || name.starts_with("pg_");
    if reserved && !FILE_ROLES.contains(&name) {
        return Err(Error::new(Kind::InvalidParameter, format!("role name \"{name}\" is reserved")));
    }
    let mut role = Role { name: name.to_owned(), superuser: false, login, verifier: None, member_of: Vec::new() };
    let members: Vec<String> = options.iter().filter_map(members).flatten().cloned().collect();
    apply(ddl, &mut role, options)?;
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Role(role))?;
    for member in members {
        let member = ddl.role(&member)?;
        let mut role = must_get_role(ddl, member)?;
        role.member_of.push(id);
        ddl.txn.put_object(member, Object::Role(role))?;
    }
    Ok(())
}

fn members(option: &RoleOption) -> Option<&Vec<String>> {
    match option {
        RoleOption::Members(members) => Some(members),
        _ => None,
    }
}

fn apply(ddl: &Ddl<'_>, role: &mut Role, options: Vec<RoleOption>) -> Result<()> {
    for option in options {
        match option {
            RoleOption::Superuser(yes) => role.superuser = yes,
            RoleOption::Login(yes) => role.login = yes,
            RoleOption::Password(None) => role.verifier = None,
            RoleOption::Password(Some(password)) if password.is_empty() => {
                return Err(Error::new(Kind::InvalidParameter, "an empty password is not allowed"));
            }
            RoleOption::Password(Some(password)) => {
                // A verifier is taken as it is, as PostgreSQL takes it.
                let given = ScramVerifier::parse(&password).map(|verifier| verifier.encode());
                let made = || ScramVerifier::from_password(&password).map(|verifier| verifier.encode());
                role.verifier = Some(given.or_else(|_| made())?);
            }
            // They are told when the role is there.
            RoleOption::Members(_) => {}
            RoleOption::InRole(groups) => {
                for group in groups {
                    role.member_of.push(ddl.role(&group)?);
                }
            }
        }
    }
    Ok(())
}

/// Runs ALTER ROLE: superusers change anybody, everybody their own password.
pub fn alter_role(ddl: &mut Ddl<'_>, name: &str, options: Vec<RoleOption>) -> Result<()> {
    ddl.txn.must_write("ALTER ROLE")?;
    let id = ddl.role(name)?;
    let only_password = options.iter().all(|option| matches!(option, RoleOption::Password(_)));
    if !(only_password && id == ddl.context.role) {
        ddl.context.must_be_superuser("alter other roles or their attributes")?;
    }
    let mut role = must_get_role(ddl, id)?;
    let ruled = role.superuser && role.login;
    apply(ddl, &mut role, options)?;
    if ruled && !(role.superuser && role.login) {
        must_not_be_the_last(ddl, id, name)?;
    }
    ddl.txn.put_object(id, Object::Role(role))
}

/// Refuses to take the right of the last superuser who may log in: nobody could give it back.
fn must_not_be_the_last(ddl: &Ddl<'_>, id: ObjectId, name: &str) -> Result<()> {
    let catalog = &ddl.txn.snapshot().catalog;
    let rules = |object: &Object| matches!(object, Object::Role(role) if role.superuser && role.login);
    if catalog.class(Class::Role).any(|(other, object)| other != id && rules(object)) {
        return Ok(());
    }
    let message = format!("role \"{name}\" is the last superuser that may log in");
    Err(Error::new(Kind::InUse, message).with_hint("Make another role a superuser with LOGIN first."))
}

fn must_get_role(ddl: &Ddl<'_>, id: ObjectId) -> Result<Role> {
    match ddl.txn.snapshot().catalog.get(id).map(AsRef::as_ref) {
        Some(Object::Role(role)) => Ok(role.clone()),
        _ => Err(Error::new(Kind::InvalidParameter, "\"public\" is not a role that can be changed")),
    }
}

/// Runs DROP ROLE.
pub fn drop_role(ddl: &mut Ddl<'_>, names: &[String], if_exists: bool) -> Result<()> {
    ddl.txn.must_write("DROP ROLE")?;
    ddl.context.must_be_superuser("drop roles")?;
    for name in names {
        let catalog = ddl.txn.snapshot().catalog.clone();
        let Some((id, _)) = catalog.role(name) else {
            if if_exists {
                skipping(ddl.context, "role", name, false);
                continue;
            }
            return Err(Error::new(Kind::UndefinedObject, format!("role \"{name}\" does not exist")));
        };
        if id == ddl.context.role || id == ddl.context.session_role {
            return Err(Error::new(Kind::InUse, "current user cannot be dropped"));
        }
        if let Some(owned) = catalog.objects().find(|(_, object)| owner(object) == Some(id)) {
            let (_, key) = owned.1.key();
            return Err(Error::new(
                Kind::Dependent,
                format!("role \"{name}\" cannot be dropped because some objects depend on it"),
            )
            .with_detail(format!("owner of {} {}", owned.1.kind_name(), key.replace('\0', "."))));
        }
        for (other, object) in catalog.objects() {
            if let Object::Role(role) = object.as_ref()
                && role.member_of.contains(&id)
            {
                let mut role = role.clone();
                role.member_of.retain(|group| *group != id);
                ddl.txn.put_object(other, Object::Role(role))?;
            }
        }
        ddl.txn.drop_object(id);
    }
    Ok(())
}

fn owner(object: &Object) -> Option<ObjectId> {
    match object {
        Object::Schema(o) => Some(o.owner),
        Object::Table(o) => Some(o.owner),
        Object::View(o) => Some(o.owner),
        Object::MaskingPolicy(o) => Some(o.owner),
        Object::Model(o) => Some(o.owner),
        Object::Source(o) => Some(o.owner),
        Object::Function(o) => Some(o.owner),
        Object::Sequence(o) => Some(o.owner),
        Object::Enum(o) => Some(o.owner),
        Object::Domain(o) => Some(o.owner),
        Object::Index(_)
        | Object::PlainIndex(_)
        | Object::Comment(_)
        | Object::Role(_)
        | Object::Tag(_)
        | Object::RowPolicy(_)
        | Object::Finding(_)
        | Object::ColumnClass(_) => None,
    }
}

/// Runs GRANT and REVOKE.
pub fn grant(ddl: &mut Ddl<'_>, target: GrantTarget, roles: &[String], revoke: bool) -> Result<()> {
    ddl.txn.must_write(if revoke { "REVOKE" } else { "GRANT" })?;
    let roles: Vec<ObjectId> = roles.iter().map(|role| ddl.role(role)).collect::<Result<_>>()?;
    match target {
        GrantTarget::Relations(rights, relations) => {
            for (schema, name) in relations {
                let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
                on_relation(ddl, &schema, &name, &rights, &roles, revoke)?;
            }
            Ok(())
        }
        GrantTarget::Schemas(rights, schemas) => {
            let catalog = ddl.txn.snapshot().catalog.clone();
            for schema in schemas {
                if catalog.schema(&schema).is_none() {
                    return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{schema}\" does not exist")));
                }
                for (_, object) in catalog.class(Class::Relation) {
                    match object {
                        Object::Table(t) if t.schema == schema => {
                            on_relation(ddl, &schema, &t.name, &rights, &roles, revoke)?
                        }
                        Object::View(v) if v.schema == schema => {
                            on_relation(ddl, &schema, &v.name, &rights, &roles, revoke)?
                        }
                        _ => {}
                    }
                }
            }
            Ok(())
        }
        GrantTarget::Sequences(rights, sequences) => {
            for (schema, name) in sequences {
                let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
                on_sequence(ddl, &schema, &name, &rights, &roles, revoke)?;
            }
            Ok(())
        }
        GrantTarget::SequencesOf(rights, schemas) => {
            let catalog = ddl.txn.snapshot().catalog.clone();
            for schema in schemas {
                if catalog.schema(&schema).is_none() {
                    return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{schema}\" does not exist")));
                }
                for (_, object) in catalog.class(Class::Relation) {
                    if let Object::Sequence(sequence) = object
                        && sequence.schema == schema
                    {
                        on_sequence(ddl, &schema, &sequence.name, &rights, &roles, revoke)?;
                    }
                }
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
                change(&mut model.grants, &[(Privilege::Usage, None)], &roles, revoke);
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
                            Kind::InvalidParameter,
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

type Rights = [(Privilege, Option<Vec<String>>)];

fn on_relation(
    ddl: &mut Ddl<'_>,
    schema: &str,
    name: &str,
    rights: &Rights,
    roles: &[ObjectId],
    revoke: bool,
) -> Result<()> {
    let found = ddl.txn.snapshot().catalog.relation(schema, name).map(|(id, object)| (id, object.clone()));
    match found {
        Some((id, Object::Table(mut table))) => {
            ddl.context.must_own(table.owner, "table", name)?;
            for column in rights.iter().flat_map(|(_, columns)| columns.iter().flatten()) {
                if table.column_index(column).is_none() {
                    return Err(Error::new(
                        Kind::UndefinedColumn,
                        format!("column \"{column}\" of relation \"{name}\" does not exist"),
                    ));
                }
            }
            change(&mut table.grants, rights, roles, revoke);
            ddl.txn.put_object(id, Object::Table(table))
        }
        Some((id, Object::View(mut view))) => {
            ddl.context.must_own(view.owner, "view", name)?;
            change(&mut view.grants, rights, roles, revoke);
            ddl.txn.put_object(id, Object::View(view))
        }
        // As in PostgreSQL, where the word SEQUENCE may be left out.
        Some((_, Object::Sequence(_))) => {
            let rights: Vec<Privilege> = rights.iter().map(|(right, _)| *right).collect();
            on_sequence(ddl, schema, name, &rights, roles, revoke)
        }
        _ => Err(super::super::tables::undefined(ddl.context, schema, name)),
    }
}

fn on_sequence(
    ddl: &mut Ddl<'_>,
    schema: &str,
    name: &str,
    rights: &[Privilege],
    roles: &[ObjectId],
    revoke: bool,
) -> Result<()> {
    match ddl.txn.snapshot().catalog.relation(schema, name).map(|(id, object)| (id, object.clone())) {
        Some((id, Object::Sequence(mut sequence))) => {
            ddl.context.must_own(sequence.owner, "sequence", name)?;
            let rights: Vec<_> = rights.iter().map(|right| (*right, None)).collect();
            change(&mut sequence.grants, &rights, roles, revoke);
            ddl.txn.put_object(id, Object::Sequence(sequence))
        }
        Some(_) => Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a sequence"))),
        None => Err(super::super::tables::undefined(ddl.context, schema, name)),
    }
}

fn on_source(ddl: &mut Ddl<'_>, name: &str, roles: &[ObjectId], revoke: bool) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    if let Some((id, source)) = catalog.source(name) {
        ddl.context.must_own(source.owner, "source", name)?;
        let mut source = source.clone();
        change(&mut source.grants, &[(Privilege::Usage, None)], roles, revoke);
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

fn change(grants: &mut Vec<Grant>, rights: &Rights, roles: &[ObjectId], revoke: bool) {
    for &role in roles {
        for (privilege, columns) in rights {
            let same = |g: &Grant| g.role == role && g.privilege == *privilege;
            match (revoke, columns) {
                // Taking a right from the whole table takes it from its columns too, as in PostgreSQL.
                (true, None) => grants.retain(|g| !same(g)),
                (true, Some(gone)) => {
                    for grant in grants.iter_mut().filter(|g| same(g)) {
                        if let Some(columns) = &mut grant.columns {
                            columns.retain(|c| !gone.contains(c));
                        }
                    }
                    grants.retain(|g| g.columns.as_ref().is_none_or(|columns| !columns.is_empty()));
                }
                (false, _) => {
                    let grant = Grant { role, privilege: *privilege, columns: columns.clone() };
                    if !grants.contains(&grant) {
                        grants.push(grant);
                    }
                }
            }
        }
    }
}
