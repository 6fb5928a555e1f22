//! DEFERRABLE and INITIALLY: when a constraint is looked at.

use super::super::parser::fold;
use super::{Ddl, skipping};
use crate::catalog::{Deferral, Object};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{ConstraintCharacteristics, DeferrableInitial, Ident, ObjectName};

/// What a definition says about it.
pub(super) fn deferral_of(said: Option<&ConstraintCharacteristics>) -> Result<Deferral> {
    let Some(said) = said else { return Ok(Deferral::Never) };
    let deferred = said.initially == Some(DeferrableInitial::Deferred);
    match (said.deferrable, deferred) {
        (Some(false), true) => {
            Err(Error::new(Kind::Syntax, "constraint declared INITIALLY DEFERRED must be DEFERRABLE"))
        }
        (_, true) => Ok(Deferral::Deferred),
        (Some(true), false) => Ok(Deferral::Immediate),
        (_, false) => Ok(Deferral::Never),
    }
}

/// Keys of a table are looked at with each statement: they cannot be put off.
pub(super) fn must_not_be_deferrable(said: Option<&ConstraintCharacteristics>, what: &str) -> Result<()> {
    match deferral_of(said)?.is_deferrable() {
        false => Ok(()),
        true => Err(Error::new(Kind::Unsupported, format!("a deferrable {what} constraint is not supported"))
            .with_hint("Foreign keys may be deferrable.")),
    }
}

/// ALTER TABLE ... ALTER CONSTRAINT.
pub fn alter_constraint(
    ddl: &mut Ddl<'_>,
    table: &ObjectName,
    if_exists: bool,
    name: &Ident,
    said: Option<&ConstraintCharacteristics>,
) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (schema, called) = super::split(table)?;
    let place = ddl.context.resolve(schema.as_deref(), &called);
    if if_exists && ddl.txn.snapshot().catalog.relation(&place.0, &place.1).is_none() {
        skipping(ddl.context, "relation", &called, false);
        return Ok(());
    }
    let (id, mut table) = ddl.own_table(schema.as_deref(), &called)?;
    ddl.must_not_wait("ALTER TABLE", id, &table.name)?;
    let name = fold(name);
    let of = format!("constraint \"{name}\" of relation \"{}\"", table.name);
    let other = table.key(&name).is_some() || table.checks.iter().any(|check| check.name == name);
    match table.foreign_keys.iter_mut().find(|key| key.name == name) {
        Some(key) => key.deferral = deferral_of(said)?,
        None if other => {
            return Err(Error::new(Kind::WrongObject, format!("{of} is not a foreign key constraint")));
        }
        None => return Err(Error::new(Kind::UndefinedObject, format!("{of} does not exist"))),
    }
    ddl.txn.put_object(id, Object::Table(table))
}
