//! ALTER DEFAULT PRIVILEGES: what new objects of a role are given when they are made.

use super::super::parser::DefaultTarget;
use super::Ddl;
use super::access::must_get_role;
use super::grant::{Giving, change, each};
use crate::catalog::{DefaultRights, DefaultsOf, Grant, Object, ObjectId, Rights};
use crate::error::{Error, Kind, Result};

/// Runs ALTER DEFAULT PRIVILEGES of these roles, or of the one that runs it, in these schemas, or in all.
pub fn alter_default_rights(
    ddl: &mut Ddl<'_>,
    (owners, schemas): (&[String], &[String]),
    target: &DefaultTarget,
    roles: &[String],
    how: Giving,
) -> Result<()> {
    ddl.txn.must_write("ALTER DEFAULT PRIVILEGES")?;
    let owners: Vec<(ObjectId, String)> = match owners {
        [] => vec![(ddl.context.role, String::new())],
        owners => owners.iter().map(|name| Ok((ddl.role(name)?, name.clone()))).collect::<Result<_>>()?,
    };
    if let Some((_, name)) = owners.iter().find(|(id, _)| !ddl.context.has_role(*id)) {
        return Err(Error::new(Kind::Privilege, format!("must be member of role \"{name}\"")));
    }
    let mut places: Vec<Option<ObjectId>> = Vec::new();
    for schema in schemas {
        match ddl.txn.snapshot().catalog.schema(schema) {
            Some((id, _)) => places.push(Some(id)),
            None => {
                return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{schema}\" does not exist")));
            }
        }
    }
    if places.is_empty() {
        places.push(None);
    }
    let roles: Vec<ObjectId> = roles.iter().map(|role| ddl.role(role)).collect::<Result<_>>()?;
    let (of, rights) = match target {
        DefaultTarget::Of(of, rights) => (*of, rights.iter().map(|right| (*right, None)).collect::<Vec<_>>()),
        // What everybody has of every such object.
        DefaultTarget::Open(_) if !how.revoke => return Ok(()),
        DefaultTarget::Open(what) => {
            let message = format!("REVOKE of rights on {what} is not supported: everybody has them");
            return Err(Error::new(Kind::Unsupported, message));
        }
    };
    for (owner, _) in owners {
        for &schema in &places {
            let mut role = must_get_role(ddl, owner)?;
            let is_it = |defaults: &DefaultRights| (defaults.schema, defaults.of) == (schema, of);
            let before =
                role.defaults.iter().find(|defaults| is_it(defaults)).map_or(&[][..], |found| found.grants.as_slice());
            let mut given = Rights::new(owner, before);
            change(&mut given, None, &roles, &each(&rights), how)?;
            let grants = given.done();
            role.defaults.retain(|defaults| !is_it(defaults));
            if !grants.is_empty() {
                role.defaults.push(DefaultRights { schema, of, grants });
            }
            ddl.txn.put_object(owner, Object::Role(role))?;
        }
    }
    Ok(())
}

impl Ddl<'_> {
    /// The rights that a new object of a role is given in a schema.
    pub fn default_grants(&self, owner: ObjectId, schema: &str, of: DefaultsOf) -> Vec<Grant> {
        let catalog = &self.txn.snapshot().catalog;
        let Some(Object::Role(role)) = catalog.get(owner).map(AsRef::as_ref) else { return Vec::new() };
        let place = catalog.schema(schema).map(|(id, _)| id);
        let here =
            |defaults: &&DefaultRights| defaults.of == of && (defaults.schema.is_none() || defaults.schema == place);
        let grants = role.defaults.iter().filter(here).flat_map(|defaults| defaults.grants.iter().cloned());
        // Of a role that is gone nobody is left to have them.
        let grants = grants.filter(|grant| grant.role == crate::catalog::PUBLIC || catalog.get(grant.role).is_some());
        Rights::new(owner, &grants.collect::<Vec<_>>()).done()
    }
}
