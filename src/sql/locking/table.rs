//! LOCK TABLE.
//!
//! The locks are those that statements take on an object as a whole. Readers take none: they have their snapshot, and no
//! mode keeps them away. Who changes rows has the weakest lock, so all modes that exclude them are one here, the strongest:
//! SHARE and EXCLUSIVE exclude more than in PostgreSQL, and never less of those who change anything.

use super::super::context::Context;
use super::super::parser::split;
use super::super::session::{Session, Status};
use super::super::tables;
use super::object;
use crate::catalog::{Grant, Object, ObjectId, Privilege};
use crate::error::{Error, Kind, Result};
use crate::txn::locks::{Items, Mode, Space, Taking};
use datafusion::sql::sqlparser::ast::{self, LockTableMode};

/// Runs LOCK TABLE.
pub async fn lock_tables(session: &mut Session, lock: ast::Lock) -> Result<()> {
    if session.status() == Status::Idle {
        return Err(Error::new(Kind::NoActiveTransaction, "LOCK TABLE can only be used in transaction blocks"));
    }
    let asked = lock.lock_mode.unwrap_or(LockTableMode::AccessExclusive);
    let mode = match &asked {
        LockTableMode::AccessShare | LockTableMode::RowShare | LockTableMode::RowExclusive => Mode::KeyShare,
        LockTableMode::ShareUpdateExclusive => Mode::NoKeyUpdate,
        LockTableMode::Share
        | LockTableMode::ShareRowExclusive
        | LockTableMode::Exclusive
        | LockTableMode::AccessExclusive => Mode::Update,
    };
    let context = session.context().0;
    for target in &lock.tables {
        let (id, name) = relation(&context, &target.name, &asked)?;
        let txn = session.transaction()?;
        if lock.nowait {
            if let Taking::Busy(_) = txn.owner().take(Space::Object(id), Items::one(0), mode, false)? {
                let message = format!("could not obtain lock on relation \"{name}\"");
                return Err(Error::new(Kind::LockNotAvailable, message));
            }
        } else {
            object(&context, txn, id, mode).await?;
        }
    }
    Ok(())
}

/// The relation, if the role may lock it so.
fn relation(context: &Context, name: &ast::ObjectName, asked: &LockTableMode) -> Result<(ObjectId, String)> {
    let (schema, name) = split(name)?;
    let (schema, name) = context.resolve(schema.as_deref(), &name);
    context.must_reach(&schema)?;
    let (id, owner, grants) = match context.snapshot.catalog.relation(&schema, &name) {
        Some((id, Object::Table(table))) => (id, table.owner, &table.grants),
        Some((id, Object::View(view))) => (id, view.owner, &view.grants),
        Some(_) => return Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a table or view"))),
        None => return Err(tables::undefined(context, &schema, &name)),
    };
    let writes = [Privilege::Update, Privilege::Delete, Privilege::Truncate];
    let has = |grants: &[Grant], right| context.has_grant(grants, right);
    let allowed = writes.iter().any(|right| has(grants, *right))
        || *asked == LockTableMode::AccessShare && has(grants, Privilege::Select)
        || *asked == LockTableMode::RowExclusive && has(grants, Privilege::Insert);
    match context.has_role(owner) || allowed {
        true => Ok((id, name)),
        false => Err(Error::new(Kind::Privilege, format!("permission denied for table {name}"))),
    }
}
