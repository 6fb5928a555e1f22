//! What a statement asks of the newest state: to see it, whether rows are still there, who has a key.

use super::Manager;
use super::hash::Hashes;
use super::keys::{self, KeyBytes};
use super::locks::Items;
use super::segment::RowId;
use super::snapshot::TableRows;
use super::transaction::Transaction;
use crate::catalog::{KeyConstraint, ObjectId, Table};
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use std::collections::HashSet;
use std::sync::Arc;

/// Who has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A row, of the newest state or of the transaction that asks.
    Row(RowId),
    /// No row.
    Nobody,
    /// There is no key: a part of it is NULL.
    Null,
}

impl Manager {
    /// Begins a statement: the first one, and in READ COMMITTED every one, sees all that is committed by now.
    pub fn begin_statement(&self, txn: &mut Transaction) -> Result<()> {
        match txn.begin_statement() {
            true => self.refresh(txn),
            false => Ok(()),
        }
    }

    /// Puts a transaction with its changes on the last committed state.
    pub fn refresh(&self, txn: &mut Transaction) -> Result<()> {
        let latest = self.current();
        if Arc::ptr_eq(&latest, &txn.base) {
            return Ok(());
        }
        let working = match txn.is_empty() {
            true => (*latest).clone(),
            false => {
                self.locks.moves(|moves| txn.follow_moves(&latest, moves))?;
                self.check_conflicts(txn, &latest)?;
                Self::apply(txn, &latest)
            }
        };
        txn.rebase(latest, working);
        Ok(())
    }

    /// Whether all these rows of a table are still there, in the newest state, under whatever id. Who asks has them locked.
    pub fn are_live(&self, table: ObjectId, rows: &[RowId]) -> bool {
        let look = || {
            let latest = self.checked.load().rows(table);
            let newest = self.locks.moves(|moves| moves.all_newest(table, rows));
            match newest {
                None => rows.iter().all(|row| latest.is_live(*row)),
                Some(newest) => newest.into_iter().all(|row| row.is_some_and(|row| latest.is_live(row))),
            }
        };
        // A commit that moves rows shows them at their new places a moment before or after it tells where they went.
        look() || {
            let _no_commit = self.commit.lock();
            look()
        }
    }

    /// For each key of a table the items of its rows' keys, to be locked by whoever adds or removes the rows.
    pub fn key_items(&self, table: &Table, batch: &RecordBatch) -> Result<Items> {
        let mut items = Items::default();
        for key in &table.keys {
            let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| batch.column(c).clone()).collect();
            items.extend(&self.items_of(key, &columns)?);
        }
        Ok(items)
    }

    /// The items of one constraint's keys, whose columns are given in its order.
    pub fn items_of(&self, key: &KeyConstraint, columns: &[ArrayRef]) -> Result<Items> {
        let keys = keys::bytes_of(key, columns)?;
        Ok(keys.iter().flatten().map(|bytes| self.locks.key_item(&key.name, bytes)).collect())
    }

    /// For each key, whose columns are given in the constraint's order, who has it in the newest state with the
    /// transaction's changes.
    pub fn holders(
        &self,
        txn: &Transaction,
        table: ObjectId,
        key: &KeyConstraint,
        columns: &[ArrayRef],
    ) -> Result<Vec<Holder>> {
        let wanted = keys::bytes_of(key, columns)?;
        let asked = || Ok(columns.to_vec());
        let unnoted = self.unnoted(txn, table, key, asked)?;
        let own = |bytes: &KeyBytes| {
            let noted = txn.row_of_key(table, &key.name, bytes);
            let own = noted.or_else(|| unnoted.as_ref()?.get(bytes));
            own.map_or(Holder::Nobody, Holder::Row)
        };
        if txn.is_fresh(table) {
            // It removes whatever is committed, which may have other columns.
            return Ok(wanted.iter().map(|bytes| bytes.as_ref().map_or(Holder::Null, own)).collect());
        }
        self.with_index(table, key, asked, |index, latest| {
            let rows = latest.rows(table);
            let removed = self.removed_by(txn, table, &rows);
            let holder = |bytes: &KeyBytes| {
                let stored = index.get(bytes).filter(|row| rows.is_live(*row) && !removed(*row));
                stored.map_or_else(|| own(bytes), Holder::Row)
            };
            Ok(wanted.iter().map(|bytes| bytes.as_ref().map_or(Holder::Null, holder)).collect())
        })
    }

    /// Tells which rows of the newest state a transaction removes: by the ids of its base, or those they have since a merge.
    pub(super) fn removed_by<'a>(
        &self,
        txn: &'a Transaction,
        table: ObjectId,
        latest: &TableRows,
    ) -> impl Fn(RowId) -> bool + use<'a> {
        let moved = self.locks.moves(|moves| match moves.is_empty() {
            true => HashSet::new(),
            false => txn.moved_rows(table, latest, moves),
        });
        move |row| txn.removes(table, row) || moved.contains(&row)
    }

    /// The rows of a batch whose keys, as far as they are of these constraints, are free: what INSERT ... ON CONFLICT DO NOTHING adds. A
    /// row that is left out takes no key from those behind it.
    pub fn without_taken_keys(
        &self,
        txn: &Transaction,
        table: ObjectId,
        constraints: &[KeyConstraint],
        batch: &RecordBatch,
    ) -> Result<RecordBatch> {
        let mut free = vec![true; batch.num_rows()];
        let mut wanted = Vec::with_capacity(constraints.len());
        for key in constraints {
            let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| batch.column(c).clone()).collect();
            let keys = keys::bytes_of(key, &columns)?;
            for row in self.taken(txn, table, key, &columns, &keys)? {
                free[row] = false;
            }
            wanted.push((keys, HashSet::<KeyBytes, Hashes>::default()));
        }
        for (row, free) in free.iter_mut().enumerate().filter(|(_, free)| **free) {
            *free = !wanted.iter().any(|(keys, seen)| keys[row].is_some_and(|key| seen.contains(&key)));
            if *free {
                wanted.iter_mut().for_each(|(keys, seen)| seen.extend(keys[row]));
            }
        }
        filter_record_batch(batch, &BooleanArray::from(free)).map_err(|e| Error::internal(e.to_string()))
    }

    /// Rows whose key, `wanted` of these columns, is live already: in the committed state, or in the transaction.
    fn taken(
        &self,
        txn: &Transaction,
        table: ObjectId,
        key: &KeyConstraint,
        columns: &[ArrayRef],
        wanted: &[Option<KeyBytes>],
    ) -> Result<Vec<usize>> {
        let own = txn.keys_of(table, &key.name);
        let rows = txn.snapshot().rows(table);
        let added = |key: &KeyBytes| own.and_then(|own| own.get(key)).is_some_and(|row| rows.is_live(*row));
        let mut taken = self.held(txn, table, key, || Ok(columns.to_vec()), wanted)?;
        let added = wanted.iter().enumerate().filter(|(_, key)| key.is_some_and(|key| added(&key)));
        taken.extend(added.map(|(row, _)| row));
        Ok(taken)
    }

    /// Rows of `wanted`, the keys of these columns, whose key a committed row has that the transaction does not remove, or one of
    /// its own whose keys are not noted.
    pub(super) fn held(
        &self,
        txn: &Transaction,
        table: ObjectId,
        key: &KeyConstraint,
        columns: impl Fn() -> Result<Vec<ArrayRef>>,
        wanted: &[Option<KeyBytes>],
    ) -> Result<Vec<usize>> {
        let unnoted = self.unnoted(txn, table, key, &columns)?;
        let own = |key: &KeyBytes| unnoted.as_ref().is_some_and(|own| own.get(key).is_some());
        let those = |held: &dyn Fn(&KeyBytes) -> bool| {
            let held = wanted.iter().enumerate().filter(|(_, key)| key.is_some_and(|key| held(&key)));
            held.map(|(row, _)| row).collect()
        };
        if txn.is_fresh(table) {
            // It removes whatever is committed, which may have other columns.
            return Ok(those(&own));
        }
        self.with_index(table, key, columns, |index, latest| {
            let rows = latest.rows(table);
            let removed = self.removed_by(txn, table, &rows);
            let held = |key: &KeyBytes| index.get(key).is_some_and(|holder| rows.is_live(holder) && !removed(holder));
            Ok(those(&|key| held(key) || own(key)))
        })
    }
}
