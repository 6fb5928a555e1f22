//! Foreign keys that are looked at later: when the transaction ends, or when SET CONSTRAINTS wants it.
//!
//! A statement leaves the keys that its rows refer to, and those of rows that it took away ([`put_off`]). In the end ([`settle`]) what
//! nobody has of these is missing, and is an error if a row that is there by then refers to it. Rows that came and went in between
//! are so forgotten. Locks are taken then, too: until that, nothing is promised to anybody.

use super::apply::named_key;
use super::foreign::{as_key, hold, not_present, referred, referring, still_referenced, table};
use super::{Target, Work};
use crate::catalog::{Action, ForeignKey, ObjectId};
use crate::error::Result;
use crate::sql::locking;
use crate::txn::{ConstraintId, Holder, KeyBytes, Mode, Transaction, Waiting, key_bytes};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{concat, filter};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Puts keys off, if the foreign key of this table is looked at later; says whether it is. `changed` is the table whose rows came or are gone.
pub fn put_off(
    txn: &mut Transaction,
    child: ObjectId,
    key: &ForeignKey,
    (changed, came): (ObjectId, bool),
    keys: &[ArrayRef],
) -> Result<bool> {
    let mode = txn.deferred().mode(child, &key.name);
    if !key.deferral.is_deferrable() || !mode.unwrap_or(key.deferral.is_deferred()) {
        return Ok(false);
    }
    // One of each will do.
    let mut seen = HashSet::new();
    let fresh: Vec<bool> = key_bytes(keys)?.into_iter().map(|key| key.is_some_and(|key| seen.insert(key))).collect();
    if !seen.is_empty() {
        let fresh = BooleanArray::from(fresh);
        let keys = keys.iter().map(|column| filter(column, &fresh)).collect::<Result<_, _>>()?;
        txn.deferred_mut().put_off(Waiting { constraint: (child, key.name.clone()), table: changed, came, keys });
    }
    Ok(true)
}

/// Looks at what was put off of the constraints that are meant.
pub async fn settle(work: &Work<'_>, txn: &mut Transaction, meant: impl Fn(&ConstraintId) -> bool) -> Result<()> {
    for ((constraint, came), keys) in gathered(&txn.deferred_mut().take(meant))? {
        // A table or constraint that is gone has nothing to be looked at.
        let Some(child) = txn.snapshot().catalog.table_by_id(constraint.0) else { continue };
        let Some(key) = child.foreign_keys.iter().find(|key| key.name == constraint.1).cloned() else { continue };
        let (child, parent) = (table(txn, constraint.0)?, table(txn, key.table)?);
        work.context.cancel.check()?;
        match came {
            true => came_rightly(work, txn, (&child, &key), &parent, &keys).await?,
            false => went_rightly(work, txn, (&child, &key), &parent, &keys).await?,
        }
    }
    Ok(())
}

/// The keys of each constraint, of rows that came and of those that went, in the order of their first.
type Gathered = Vec<((ConstraintId, bool), Vec<ArrayRef>)>;

fn gathered(waiting: &[Arc<Waiting>]) -> Result<Gathered> {
    let mut order: Vec<(ConstraintId, bool)> = Vec::new();
    let mut all: HashMap<(ConstraintId, bool), Vec<&Waiting>> = HashMap::new();
    for one in waiting {
        let of = (one.constraint.clone(), one.came);
        let list = all.entry(of.clone()).or_default();
        if list.is_empty() {
            order.push(of);
        }
        list.push(one);
    }
    let mut gathered = Vec::with_capacity(order.len());
    for of in order {
        let list = all.remove(&of).unwrap_or_default();
        let columns = (0..list.first().map_or(0, |one| one.keys.len())).map(|at| {
            let parts: Vec<&dyn arrow::array::Array> = list.iter().map(|one| one.keys[at].as_ref()).collect();
            concat(&parts)
        });
        gathered.push((of, columns.collect::<Result<_, _>>()?));
    }
    Ok(gathered)
}

/// Rows that came and are still there refer to keys that are there, and stay.
async fn came_rightly(
    work: &Work<'_>,
    txn: &mut Transaction,
    (child, key): (&Target, &ForeignKey),
    parent: &Target,
    given: &[ArrayRef],
) -> Result<()> {
    let missing = hold(work, txn, key, given).await?;
    let values = as_key(parent, referred(parent, key)?, given.iter().cloned())?;
    match first_referring(work, txn, (child, key), parent, &values, &missing).await? {
        None => Ok(()),
        Some(row) => Err(not_present(work, (child, key), (parent, given), row)),
    }
}

/// No row that is there refers to keys that went.
async fn went_rightly(
    work: &Work<'_>,
    txn: &mut Transaction,
    (child, key): (&Target, &ForeignKey),
    parent: &Target,
    values: &[ArrayRef],
) -> Result<()> {
    let constraint = referred(parent, key)?;
    let holders = work.context.database.manager.holders(txn, parent.id, constraint, values)?;
    let missing: Vec<usize> =
        holders.iter().enumerate().filter(|(_, holder)| **holder == Holder::Nobody).map(|(row, _)| row).collect();
    match first_referring(work, txn, (child, key), parent, values, &missing).await? {
        None => Ok(()),
        Some(row) => {
            let named = named_key(work, parent, &constraint.columns, values, row);
            Err(still_referenced((child, key), parent, &named))
        }
    }
}

/// The first of the missing keys that a row refers to.
async fn first_referring(
    work: &Work<'_>,
    txn: &mut Transaction,
    (child, key): (&Target, &ForeignKey),
    parent: &Target,
    values: &[ArrayRef],
    missing: &[usize],
) -> Result<Option<usize>> {
    if missing.is_empty() {
        return Ok(None);
    }
    let bytes = key_bytes(values)?;
    let lost: HashMap<KeyBytes, usize> = missing.iter().rev().filter_map(|row| Some((bytes[*row]?, *row))).collect();
    locking::object(work.context, txn, child.id, Mode::KeyShare).await?;
    let found = referring(work, txn, parent, child, key, &lost, Action::NoAction)?;
    Ok(found.into_iter().map(|(_, row)| row).min())
}
