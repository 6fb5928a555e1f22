//! Foreign keys: rows that come refer to a key that is there, and stays; rows that go take along, release or are held
//! by what refers to them.
//!
//! Who refers to a key locks it, so that nobody removes it before that transaction has ended; who removes a key waits for
//! those, and then looks for rows that refer to it in what is committed by now. So neither misses the other.

use super::super::lineage::Noting;
use super::super::locking::{self, changed_meanwhile};
use super::apply::{assign_bound, named_key, remove};
use super::deferred::put_off;
use super::{Target, Work};
use crate::catalog::{Action, FlowKind, ForeignKey, Influence, KeyConstraint, ObjectId, Place};
use crate::error::{Error, Kind, Result};
use crate::txn::{Holder, Isolation, KeyBytes, Mode, RowId, Transaction, pieces, row_id};
use arrow::array::{ArrayRef, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::{cast, concat_batches, take};
use datafusion::execution::memory_pool::MemoryReservation;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;

/// What new rows of a statement refer to, as far as it is still to be looked at.
#[derive(Default)]
pub struct Referring {
    /// The name of each foreign key with columns of rows.
    later: Vec<(String, Vec<ArrayRef>)>,
    /// Rows of these that could be looked at now.
    waiting: usize,
    held: Vec<MemoryReservation>,
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
        let own = target.table.foreign_keys.iter().any(|key| key.table == target.id);
        for key in &target.table.foreign_keys {
            match own {
                true => self.put(work, target, key, batch)?,
                false => must_refer(work, txn, target, key, batch).await?,
            }
        }
        Ok(())
    }

    /// New rows that are not added yet.
    pub fn put_all(&mut self, work: &Work<'_>, target: &Target, batch: &RecordBatch) -> Result<()> {
        target.table.foreign_keys.iter().try_for_each(|key| self.put(work, target, key, batch))
    }

    /// Rows that a statement gives another key to refer to. They are looked at when all are there, unless they are many and refer to
    /// another table.
    pub async fn redirect(
        &mut self,
        work: &Work<'_>,
        txn: &mut Transaction,
        target: &Target,
        key: &ForeignKey,
        batch: &RecordBatch,
    ) -> Result<()> {
        self.put(work, target, key, batch)?;
        if self.waiting < REFERRING_ROWS_MAX {
            return Ok(());
        }
        let (later, now) = std::mem::take(self).later.into_iter().partition(|(name, _)| is_own(target, name));
        (self.later, self.waiting) = (later, 0);
        refer(work, txn, target, now).await
    }

    fn put(&mut self, work: &Work<'_>, target: &Target, key: &ForeignKey, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            let given: Vec<ArrayRef> = key.columns.iter().map(|&column| batch.column(column).clone()).collect();
            self.held.push(work.hold(pieces::bytes(&given))?);
            self.waiting += if is_own(target, &key.name) { 0 } else { batch.num_rows() };
            self.later.push((key.name.clone(), given));
        }
        Ok(())
    }

    /// No more rows come.
    pub async fn end(self, work: &Work<'_>, txn: &mut Transaction, target: &Target) -> Result<()> {
        refer(work, txn, target, self.later).await
    }
}

/// Rows whose new keys wait before they are looked at.
const REFERRING_ROWS_MAX: usize = 1 << 17;

/// Whether a foreign key refers to the rows of its own table.
fn is_own(target: &Target, name: &str) -> bool {
    target.table.foreign_keys.iter().any(|key| key.name == name && key.table == target.id)
}

async fn refer(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    all: Vec<(String, Vec<ArrayRef>)>,
) -> Result<()> {
    for (name, given) in all {
        if let Some(key) = target.table.foreign_keys.iter().find(|key| key.name == name) {
            must_have_keys(work, txn, target, key, &given).await?;
        }
    }
    Ok(())
}

/// Keys of rows that are gone, with those that came in their place, for foreign keys that refer to them.
pub struct Gone {
    /// Columns that any such key can be of; none where nothing refers to the table.
    columns: Vec<usize>,
    old: Vec<RecordBatch>,
    new: Vec<RecordBatch>,
    held: Vec<MemoryReservation>,
}

/// Keys of rows that are gone that are looked at together.
const GONE_ROWS_MAX: usize = 1 << 20;

impl Gone {
    /// None yet.
    pub fn new(target: &Target) -> Self {
        let mut columns: Vec<usize> = match target.table.referenced_by.is_empty() {
            true => Vec::new(),
            false => target.table.keys.iter().flat_map(|key| key.columns.iter().copied()).collect(),
        };
        columns.sort_unstable();
        columns.dedup();
        Self { columns, old: Vec::new(), new: Vec::new(), held: Vec::new() }
    }

    /// Rows that went, and what they are now, if they are.
    pub fn put(&mut self, work: &Work<'_>, old: &RecordBatch, new: Option<&RecordBatch>) -> Result<()> {
        if self.columns.is_empty() || old.num_rows() == 0 {
            return Ok(());
        }
        for (kept, rows) in [(&mut self.old, Some(old)), (&mut self.new, new)] {
            if let Some(rows) = rows {
                let keys = rows.project(&self.columns)?;
                self.held.push(work.hold_rows(&keys)?);
                kept.push(keys);
            }
        }
        Ok(())
    }

    /// All are gone: what refers to them does as its foreign key says.
    pub async fn end(self, work: &Work<'_>, txn: &mut Transaction, target: &Target) -> Result<()> {
        let Some(first) = self.old.first() else { return Ok(()) };
        let old = concat_batches(&first.schema(), &self.old)?;
        if !self.new.is_empty() {
            // Keys may have changed places: what refers to one must be led to another once.
            let new = concat_batches(&first.schema(), &self.new)?;
            return gone(work, txn, target, &self.columns, (&old, Some(&new))).await;
        }
        for start in (0..old.num_rows()).step_by(GONE_ROWS_MAX) {
            let some = old.slice(start, GONE_ROWS_MAX.min(old.num_rows() - start));
            gone(work, txn, target, &self.columns, (&some, None)).await?;
        }
        Ok(())
    }
}

/// A table by its id, called by its name.
pub(super) fn table(txn: &Transaction, id: ObjectId) -> Result<Target> {
    let table = txn.snapshot().catalog.table_by_id(id);
    let table = table.ok_or_else(|| Error::internal("a foreign key refers to a table that is not there"))?;
    Ok(Target::of(id, Arc::new(table.clone())))
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
        must_have_keys(work, txn, target, key, &given).await
    })
}

/// The same of the columns of a foreign key.
async fn must_have_keys(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    key: &ForeignKey,
    given: &[ArrayRef],
) -> Result<()> {
    if put_off(txn, target.id, key, (target.id, true), given)? {
        return Ok(());
    }
    match hold(work, txn, key, given).await?.first() {
        None => Ok(()),
        Some(row) => Err(not_present(work, (target, key), (&table(txn, key.table)?, given), *row)),
    }
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
        true => Target::of(target.id, target.table.clone()),
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

/// What refers to rows that are gone, or that have other keys in `new`, does as its foreign key says. Of both these columns are
/// there.
fn gone<'a>(
    work: &'a Work<'_>,
    txn: &'a mut Transaction,
    target: &'a Target,
    columns: &'a [usize],
    (old, new): (&'a RecordBatch, Option<&'a RecordBatch>),
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        for &child in &target.table.referenced_by {
            let keys = table(txn, child)?.table.foreign_keys.clone();
            for key in keys.iter().filter(|key| key.table == target.id) {
                follow(work, txn, target, child, key, (columns, old, new)).await?;
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
    (columns, old, new): (&[usize], &RecordBatch, Option<&RecordBatch>),
) -> Result<()> {
    let constraint = referred(parent, key)?;
    let columns_of = |batch: &RecordBatch| -> Vec<ArrayRef> {
        let places = constraint.columns.iter().filter_map(|column| columns.binary_search(column).ok());
        places.map(|place| batch.column(place).clone()).collect()
    };
    let manager = &work.context.database.manager;
    let action = match (new.is_some(), work.erases) {
        // What named the subject goes from what refers to it as well.
        (true, Some(true)) if matches!(key.on_update, Action::NoAction | Action::Restrict) => Action::SetNull,
        (true, _) => key.on_update,
        (false, Some(true)) if matches!(key.on_delete, Action::NoAction | Action::Restrict) => Action::Cascade,
        (false, _) => key.on_delete,
    };
    let values = columns_of(old);
    // Whether a subject can be forgotten is said at once.
    if action == Action::NoAction && work.erases.is_none() && put_off(txn, child, key, (parent.id, false), &values)? {
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
    if work.erases.is_some() {
        work.context.must_own(child.table.owner, "table", &child.table.name)?;
    }
    let ids: Vec<RowId> = found.iter().map(|(id, _)| *id).collect();
    if new.is_some() && work.erases == Some(true) && key.columns.iter().any(|at| child.table.columns[*at].not_null) {
        return remove(work, txn, &child, &ids).await.map(drop);
    }
    let nulls = |column: usize| new_null_array(&child.table.columns[column].data_type.arrow(), ids.len());
    let set: Vec<ArrayRef> = match (action, new) {
        (Action::NoAction | Action::Restrict, _) => {
            let named = named_key(work, parent, &constraint.columns, &values, first);
            let error = still_referenced((&child, key), parent, &named);
            return Err(match work.erases {
                Some(_) => error.with_hint("CASCADE erases the rows that refer to it as well."),
                None => error,
            });
        }
        (Action::Cascade, None) => return remove(work, txn, &child, &ids).await.map(drop),
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
    // A default may be what they referred to before: that is no longer there.
    let looked_at = action == Action::SetDefault;
    for after in assign_bound(work, txn, &child, &key.columns, (&ids, &set), looked_at).await? {
        must_refer(work, txn, &child, key, &after).await?;
    }
    if action == Action::Cascade {
        let mut noting = Noting::new(FlowKind::Update, child.id);
        for (&to, &from) in key.columns.iter().zip(&constraint.columns) {
            let (from, to) = (&parent.table.columns[from].name, &child.table.columns[to].name);
            noting.column(&Place::Object(parent.id), from, to, Influence::Identity);
        }
        noting.note(work.context, txn);
    }
    Ok(())
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
