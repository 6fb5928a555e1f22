//! SET CONSTRAINTS, and the constraints that are looked at when the transaction ends.

use super::super::context::Context;
use super::super::dml::{self, Work};
use super::super::parser::Relation;
use super::super::session::{Session, Status};
use crate::catalog::{Class, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::ConstraintId;

/// Runs SET CONSTRAINTS: for the constraints of these names, or for all, from now until the transaction ends.
pub async fn set_constraints(session: &mut Session, names: Option<&[Relation]>, deferred: bool) -> Result<()> {
    if session.status == Status::Idle && !session.in_string {
        session.notify("WARNING", Kind::NoActiveTransaction, "SET CONSTRAINTS can only be used in transaction blocks");
        return Ok(());
    }
    let (context, _) = session.context();
    let meant = match names {
        None => None,
        Some(names) => {
            let named = names.iter().map(|name| named(&context, name, deferred));
            Some(named.collect::<Result<Vec<_>>>()?.concat())
        }
    };
    let modes = session.transaction()?.deferred_mut();
    match &meant {
        None => modes.set_all(deferred),
        Some(meant) => meant.iter().for_each(|constraint| modes.set(constraint.clone(), deferred)),
    }
    match deferred {
        true => Ok(()),
        false => settle(session, |id| meant.as_ref().is_none_or(|meant| meant.contains(id))).await,
    }
}

/// Looks at all that the session's transaction has put off until its end.
pub async fn settle_before_commit(session: &mut Session) -> Result<()> {
    settle(session, |_| true).await
}

async fn settle(session: &mut Session, meant: impl Fn(&ConstraintId) -> bool) -> Result<()> {
    let Some(txn) = session.txn.as_ref().filter(|txn| !txn.deferred().is_empty()) else { return Ok(()) };
    let mut txn = txn.clone();
    let (context, state) = session.context();
    dml::settle(&Work::new(&context, &state), &mut txn, meant).await?;
    *session.transaction()? = txn;
    Ok(())
}

/// The deferrable constraints of this name in the schema that is named, or in the first of the search path that has one. Others cannot
/// be `deferred`, and are immediate already.
fn named(context: &Context, (schema, name): &Relation, deferred: bool) -> Result<Vec<ConstraintId>> {
    let schemas = match schema {
        Some(schema) => vec![context.schema(schema).to_owned()],
        None => context.path(),
    };
    let found = schemas.iter().map(|schema| of_schema(context, schema, name)).find(|found| !found.is_empty());
    let Some(found) = found else {
        return Err(Error::new(Kind::UndefinedObject, format!("constraint \"{name}\" does not exist")));
    };
    let deferrable = |(_, table): &(ObjectId, &Table)| {
        table.foreign_keys.iter().any(|key| key.name == *name && key.deferral.is_deferrable())
    };
    match deferred && !found.iter().all(deferrable) {
        false => Ok(found.into_iter().filter(deferrable).map(|(id, _)| (id, name.clone())).collect()),
        true => Err(Error::new(Kind::WrongObject, format!("constraint \"{name}\" is not deferrable"))),
    }
}

/// The tables of a schema that have a constraint of this name.
fn of_schema<'a>(context: &'a Context, schema: &str, name: &str) -> Vec<(ObjectId, &'a Table)> {
    let has = |table: &Table| {
        table.foreign_keys.iter().any(|key| key.name == name)
            || table.key(name).is_some_and(|key| key.index.is_none())
            || table.checks.iter().any(|check| check.name == name)
    };
    let relations = context.snapshot.catalog.class(Class::Relation);
    let tables = relations.filter_map(|(id, object)| match object {
        Object::Table(table) if table.schema == schema && has(table) => Some((id, table)),
        _ => None,
    });
    tables.collect()
}
