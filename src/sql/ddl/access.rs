//! Roles.

use super::super::parser::RoleOption;
use super::{Ddl, check_name, skipping};
use crate::catalog::{Catalog, Class, DefaultsOf, Grant, Object, ObjectId, Role};
use crate::crypto::ScramVerifier;
use crate::error::{Error, Kind, Result};

/// Roles whose members may use files of the server, and make connections from it. PostgreSQL has such roles from the beginning; here
/// they are made when they are wanted.
const OUTSIDE_ROLES: [&str; 3] = ["pg_read_server_files", "pg_write_server_files", "pg_create_connection"];

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
    if reserved && !OUTSIDE_ROLES.contains(&name) {
        return Err(Error::new(Kind::ReservedName, format!("role name \"{name}\" is reserved")));
    }
    let mut role = Role {
        name: name.to_owned(),
        superuser: false,
        login,
        verifier: None,
        member_of: Vec::new(),
        defaults: Vec::new(),
    };
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

pub(super) fn must_get_role(ddl: &Ddl<'_>, id: ObjectId) -> Result<Role> {
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
        let ties = ties(&catalog, id);
        if !ties.is_empty() {
            return Err(Error::new(
                Kind::Dependent,
                format!("role \"{name}\" cannot be dropped because some objects depend on it"),
            )
            .with_detail(ties.join("\n"))
            .with_hint("REASSIGN OWNED gives what it owns to another role, DROP OWNED takes away the rest."));
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

/// What a role owns and has, in words.
fn ties(catalog: &Catalog, id: ObjectId) -> Vec<String> {
    let mut ties = Vec::new();
    for (_, object) in catalog.objects() {
        let (_, key) = object.key();
        let named = format!("{} {}", object.kind_name(), key.replace('\0', "."));
        let has = |grants: &[Grant]| grants.iter().any(|grant| grant.role == id || grant.grantor == Some(id));
        match object.as_ref() {
            object if owner(object) == Some(id) => ties.push(format!("owner of {named}")),
            Object::RowPolicy(policy) if policy.roles.contains(&id) => {
                let table = catalog.table_by_id(policy.table).map_or("", |table| &table.name);
                ties.push(format!("target of policy {} on table {table}", policy.name));
            }
            Object::Role(role) => {
                for defaults in &role.defaults {
                    let what = match defaults.of {
                        DefaultsOf::Tables => "relations",
                        DefaultsOf::Sequences => "sequences",
                    };
                    let of = format!("on new {what} belonging to role {}", role.name);
                    if key == catalog.role_name(id) {
                        ties.push(format!("owner of default privileges {of}"));
                    } else if has(&defaults.grants) {
                        ties.push(format!("privileges for default privileges {of}"));
                    }
                }
            }
            Object::Schema(schema) if schema.creators.contains(&id) => ties.push(format!("privileges for {named}")),
            Object::Tag(tag) if tag.unmask.contains(&id) => ties.push(format!("privileges for {named}")),
            object if grants(object).is_some_and(has) => ties.push(format!("privileges for {named}")),
            _ => {}
        }
    }
    ties.sort();
    ties
}

/// The rights on an object, if it has such.
fn grants(object: &Object) -> Option<&[Grant]> {
    match object {
        Object::Table(o) => Some(&o.grants),
        Object::View(o) => Some(&o.grants),
        Object::Sequence(o) => Some(&o.grants),
        Object::Model(o) => Some(&o.grants),
        Object::Source(o) => Some(&o.grants),
        _ => None,
    }
}

pub(super) fn owner(object: &Object) -> Option<ObjectId> {
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
        Object::Classifier(o) => Some(o.owner),
        Object::Job(o) => Some(o.owner),
        Object::Index(_)
        | Object::PlainIndex(_)
        | Object::Comment(_)
        | Object::Role(_)
        | Object::Tag(_)
        | Object::RowPolicy(_)
        | Object::Finding(_)
        | Object::QualityRule(_)
        | Object::QualityRun(_)
        | Object::Erasure(_)
        | Object::Grading(_)
        | Object::InventoryRun(_)
        | Object::AssetState(_)
        | Object::ColumnClass(_) => None,
    }
}
