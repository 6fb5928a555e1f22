//! Foreign keys: rows that come refer to a key that is there, and stays; rows that go take along, release or are held
//! by what refers to them.
//!
//! Who refers to a key locks it, so that nobody removes it before that transaction has ended; who removes a key waits for
//! those, and then looks for rows that refer to it in what is committed by now. So neither misses the other.

use super::super::locking::{self, changed_meanwhile};
use super::apply::{named_key, remove, replace};
use super::deferred::put_off;
use super::update::old_rows;
use super::{Target, Work};
use crate::catalog::{Action, ForeignKey, KeyConstraint, ObjectId};
use crate::error::{Error, Kind, Result};
use crate::txn::{Holder, Isolation, KeyBytes, Mode, RowId, Transaction, row_id};
use arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{cast, take};
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;

/// New rows of a statement that are still to be looked at.
#[derive(Default)]
pub struct Referring {
    later: Vec<RecordBatch>,
}

impl Referring {
    /// New rows: looked at now, or when all are there if they may refer to each other.
    pub async fn add(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        target: &Target,
        batch: &RecordBatch,
    ) -> Result<()> {
        match target.table.foreign_keys.iter().any(|key| key.table == target.id) {
            true => self.later.push(batch.clone()),
            false => refer(work, txn, target, batch).await?,
        }
        Ok(())
    }

    /// No more rows come.
    pub async fn end(self, work: &Work<'_>, txn: &mut Transaction, target: &Target) -> Result<()> {
        for batch in &self.later {
            refer(work, txn, target, batch).await?;
        }
        Ok(())
    }
}

async fn refer(work: &Work<'_>, txn: &mut Transaction, target: &Target, batch: &RecordBatch) -> Result<()> {
    for key in &target.table.foreign_keys {
        must_refer(work, txn, target, key, batch).await?;
    }
    Ok(())
}

/// A table by its id, called by its name.
pub(super) fn table(txn: &Transaction, id: ObjectId) -> Result<Target> {
    let table = txn.snapshot().catalog.table_by_id(id);
    let table = table.ok_or_else(|| Error::internal("a foreign key refers to a table that is not there"))?;
    Ok(Target { id, called: ast::Ident::with_quote('"', &table.name), table: Arc::new(table.clone()) })
}

pub(super) fn referred<'a>(parent: &'a Target, key: &ForeignKey) -> Result<&'a KeyConstraint> {
    parent.table.key(&key.key).ok_or_else(|| Error::internal("a foreign key refers to a key that is not there"))
}

/// Columns that refer to a key, as values of its type.
pub(super) fn as_key(
    parent: &Target,
    key: &KeyConstraint,
    columns: impl Iterator<Item = ArrayRef>,
) -> Result<Vec<ArrayRef>> {
    let typed =
        columns.zip(&key.columns).map(|(values, &to)| cast(&values, &parent.table.columns[to].data_type.arrow()));
    Ok(typed.collect::<Result<_, _>>()?)
}

/// Refuses rows that refer to a key that is not there, and keeps those that are.
pub fn must_refer<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    key: &'a ForeignKey,
    batch: &'a RecordBatch,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let given: Vec<ArrayRef> = key.columns.iter().map(|&column| batch.column(column).clone()).collect();
        if put_off(txn, target.id, key, (target.id, true), &given)? {
            return Ok(());
        }
        match hold(work, txn, key, &given).await?.first() {
            None => Ok(()),
            Some(row) => Err(not_present(work, (target, key), (&table(txn, key.table)?, &given), *row)),
        }
    })
}

/// Keeps the keys that columns of rows refer to; gives the places of those that are not there.
pub(super) async fn hold(
    work: &Work<'_>,
    txn: &Transaction,
    key: &ForeignKey,
    given: &[ArrayRef],
) -> Result<Vec<usize>> {
    let parent = table(txn, key.table)?;
    let constraint = referred(&parent, key)?;
    locking::object(work.context, txn, parent.id, Mode::KeyShare).await?;
    let values = as_key(&parent, constraint, given.iter().cloned())?;
    let manager = &work.context.database.manager;
    let items = manager.items_of(constraint, &values)?;
    locking::keys(work.context, txn, parent.id, &items, Mode::KeyShare).await?;
    loop {
        let holders = manager.holders(txn, parent.id, constraint, &values)?;
        let rows = holders.iter().filter_map(|holder| match holder {
            Holder::Row(row) => Some(*row),
            Holder::Null | Holder::Nobody => None,
        });
        let rows = txn.shared_rows(parent.id, &rows.collect::<Vec<_>>());
        locking::rows(work.context, txn, parent.id, &rows, Mode::KeyShare).await?;
        if manager.are_live(parent.id, &rows) {
            let all = holders.iter().enumerate();
            return Ok(all
                .filter(|(row, holder)| refers_wrongly(key, given, *row, holder))
                .map(|(row, _)| row)
                .collect());
        }
    }
}

/// Refuses columns of rows that refer to a key that is not there.
pub fn check_foreign_key(
    work: &Work<'_>,
    txn: &Transaction,
    target: &Target,
    key: &ForeignKey,
    given: &[ArrayRef],
) -> Result<()> {
    let parent = match key.table == target.id {
        true => Target { id: target.id, table: target.table.clone(), called: target.called.clone() },
        false => table(txn, key.table)?,
    };
    let constraint = referred(&parent, key)?;
    let values = as_key(&parent, constraint, given.iter().cloned())?;
    let holders = work.context.database.manager.holders(txn, parent.id, constraint, &values)?;
    match holders.iter().enumerate().position(|(row, holder)| refers_wrongly(key, given, row, holder)) {
        None => Ok(()),
        Some(row) => Err(not_present(work, (target, key), (&parent, given), row)),
    }
}

/// Whether a row's key is not there, or has NULL in a part of it where all or nothing may be NULL.
fn refers_wrongly(key: &ForeignKey, given: &[ArrayRef], row: usize, holder: &Holder) -> bool {
    match holder {
        Holder::Nobody => true,
        Holder::Null => key.match_full && given.iter().any(|column| column.is_valid(row)),
        Holder::Row(_) => false,
    }
}

/// The error for a row that refers to a key that is not there.
pub(super) fn not_present(
    work: &Work<'_>,
    (target, key): (&Target, &ForeignKey),
    (parent, given): (&Target, &[ArrayRef]),
    row: usize,
) -> Error {
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", target.table.name, key.name);
    let detail = match given.iter().any(|column| column.is_null(row)) {
        true => "MATCH FULL does not allow mixing of null and nonnull key values.".to_owned(),
        false => {
            let named = named_key(work, target, &key.columns, given, row);
            format!("{named} is not present in table \"{}\".", parent.table.name)
        }
    };
    let error = Error::new(Kind::ForeignKey, message).with_detail(detail);
    error.about_constraint(target.table.qualified(), &key.name)
}

/// The error for a key that went though a row refers to it.
pub(super) fn still_referenced((child, key): (&Target, &ForeignKey), parent: &Target, named: &str) -> Error {
    let message = format!(
        "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
        parent.table.name, key.name, child.table.name
    );
    let detail = format!("{named} is still referenced from table \"{}\".", child.table.name);
    let error = Error::new(Kind::ForeignKey, message).with_detail(detail);
    error.about_constraint(child.table.qualified(), &key.name)
}

/// What refers to rows that are gone, or that have other keys in `new`, does as its foreign key says.
pub fn gone<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    old: &'a RecordBatch,
    new: Option<&'a RecordBatch>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        if old.num_rows() == 0 {
            return Ok(());
        }
        for &child in &target.table.referenced_by {
            let keys = table(txn, child)?.table.foreign_keys.clone();
            for key in keys.iter().filter(|key| key.table == target.id) {
                follow(work, txn, target, child, key, (old, new)).await?;
            }
        }
        Ok(())
    })
}

/// What one foreign key does about it.
async fn follow(
    work: &Work<'_>,
    txn: &mut Transaction,
    parent: &Target,
    child: ObjectId,
    key: &ForeignKey,
    (old, new): (&RecordBatch, Option<&RecordBatch>),
) -> Result<()> {
    let constraint = referred(parent, key)?;
    let columns_of = |batch: &RecordBatch| -> Vec<ArrayRef> {
        constraint.columns.iter().map(|&column| batch.column(column).clone()).collect()
    };
    let manager = &work.context.database.manager;
    let action = if new.is_some() { key.on_update } else { key.on_delete };
    let values = columns_of(old);
    if action == Action::NoAction && put_off(txn, child, key, (parent.id, false), &values)? {
        return Ok(());
    }
    let kept = match new {
        Some(new) => crate::txn::key_bytes(&columns_of(new))?,
        None => vec![None; old.num_rows()],
    };
    let again = match action {
        Action::NoAction => manager.holders(txn, parent.id, constraint, &values)?,
        _ => vec![Holder::Nobody; old.num_rows()],
    };
    let lost: HashMap<_, usize> = crate::txn::key_bytes(&values)?
        .into_iter()
        .enumerate()
        .filter(|(row, bytes)| *bytes != kept[*row] && again[*row] == Holder::Nobody)
        .filter_map(|(row, bytes)| Some((bytes?, row)))
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    locking::object(work.context, txn, child, Mode::KeyShare).await?;
    let child = table(txn, child)?;
    let found = referring(work, txn, parent, &child, key, &lost, action)?;
    let Some((_, first)) = found.first().copied() else { return Ok(()) };
    let ids: Vec<RowId> = found.iter().map(|(id, _)| *id).collect();
    let nulls = |column: usize| new_null_array(&child.table.columns[column].data_type.arrow(), ids.len());
    let set: Vec<ArrayRef> = match (action, new) {
        (Action::NoAction | Action::Restrict, _) => {
            let named = named_key(work, parent, &constraint.columns, &values, first);
            return Err(still_referenced((&child, key), parent, &named));
        }
        (Action::Cascade, None) => return remove(work, txn, &child, &ids, &[]).await.map(|_| ()),
        (Action::Cascade, Some(new)) => {
            let at: UInt64Array = found.iter().map(|(_, row)| *row as u64).collect();
            columns_of(new).iter().map(|column| take(column, &at, None)).collect::<Result<_, _>>()?
        }
        (Action::SetNull, _) => key.columns.iter().map(|&column| nulls(column)).collect(),
        (Action::SetDefault, _) => {
            let default = |column: usize| work.default_values(&child.table.columns[column], ids.len());
            let set = key.columns.iter().map(|&column| default(column)).collect::<Result<Vec<_>>>()?;
            // A default that is what they refer to already goes on to refer to it.
            let defaults = crate::txn::key_bytes(&as_key(parent, constraint, set.iter().cloned())?)?;
            if let Some(row) = defaults.iter().flatten().find_map(|bytes| lost.get(bytes)) {
                let named = named_key(work, parent, &constraint.columns, &values, *row);
                return Err(still_referenced((&child, key), parent, &named));
            }
            set
        }
    };
    let before = old_rows(work, txn, &child, &ids)?;
    let mut columns = before.columns().to_vec();
    for (&column, values) in key.columns.iter().zip(&set) {
        columns[column] = super::super::values::assign(values, &child.table.columns[column].data_type)?;
    }
    let after = crate::txn::batch(before.schema(), columns, ids.len())?;
    let after = replace(work, txn, &child, &ids, (&before, after), &key.columns).await?;
    match action {
        // It may be what they referred to before: that is no longer there.
        Action::SetDefault => must_refer(work, txn, &child, key, &after).await,
        _ => Ok(()),
    }
}

/// Rows that refer to lost keys, each with the place of its key, in what is committed by now.
pub(super) fn referring(
    work: &Work<'_>,
    txn: &mut Transaction,
    parent: &Target,
    child: &Target,
    key: &ForeignKey,
    lost: &HashMap<KeyBytes, usize>,
    action: Action,
) -> Result<Vec<(RowId, usize)>> {
    let manager = &work.context.database.manager;
    let constraint = referred(parent, key)?;
    let mut newest = txn.clone();
    manager.refresh(&mut newest)?;
    let mut found = Vec::new();
    for segment in &newest.snapshot().rows(child.id).segments {
        work.context.cancel.check()?;
        let columns = manager.read(child.id, segment, &key.columns)?;
        let bytes = crate::txn::key_bytes(&as_key(parent, constraint, columns.into_iter())?)?;
        let rows = bytes.iter().enumerate().filter(|(offset, _)| !segment.is_deleted(*offset));
        let places = rows.filter_map(|(offset, bytes)| Some((row_id(segment.id, offset), *lost.get(bytes.as_ref()?)?)));
        found.extend(places);
    }
    if txn.isolation() == Isolation::ReadCommitted {
        *txn = newest;
    } else if !matches!(action, Action::NoAction | Action::Restrict) {
        // What its snapshot does not show it cannot change.
        let seen = txn.snapshot().rows(child.id);
        if found.iter().any(|(row, _)| !seen.is_live(*row)) {
            return Err(changed_meanwhile("update"));
        }
    }
    Ok(found)
}
