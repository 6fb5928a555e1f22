//! Finding the one row that has a key.

use super::Manager;
use super::key_indexes::is_of;
use super::keys::{KeyBytes, KeyIndex, key_bytes};
use super::segment::RowId;
use super::snapshot::{Snapshot, TableRows};
use super::transaction::Transaction;
use crate::catalog::{KeyConstraint, ObjectId};
use crate::config::KEY_LOOKUP_ROWS_MAX;
use crate::error::Result;
use arrow::array::ArrayRef;
use std::sync::Arc;

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// In this row, and in no other.
    Row(RowId),
    /// In no row.
    Nowhere,
    /// Only reading tells.
    Unknown,
}

impl Manager {
    /// Where in `snapshot` the row with this key is: `values` are arrays of one, in the order of the constraint. The
    /// index is of the latest state: what it says of another one counts only where that follows.
    pub fn find_key(
        &self,
        snapshot: &Snapshot,
        table: ObjectId,
        key: &KeyConstraint,
        values: &[ArrayRef],
    ) -> Result<Found> {
        let rows = snapshot.rows(table);
        let Some(wanted) = key_bytes(values)?.first().copied().flatten() else { return Ok(Found::Nowhere) };
        self.look_up(table, key, values, &wanted, (&rows, &rows))
    }

    /// Where in what a transaction sees the row with this key is, be it one that it added itself.
    pub fn find_key_in(
        &self,
        txn: &Transaction,
        table: ObjectId,
        key: &KeyConstraint,
        values: &[ArrayRef],
    ) -> Result<Found> {
        // A key that it made itself is in no index yet.
        if txn.has_changed(table) || txn.has_unnoted(table) {
            return Ok(Found::Unknown);
        }
        let Some(wanted) = key_bytes(values)?.first().copied().flatten() else { return Ok(Found::Nowhere) };
        if let Some(row) = txn.row_of_key(table, &key.name, &wanted) {
            return Ok(Found::Row(row));
        }
        self.look_up(table, key, values, &wanted, (&txn.snapshot().rows(table), &txn.base.rows(table)))
    }

    /// Where among `rows`, which are those of a committed state but for what its reader changed himself, a key is that none of his
    /// own rows has.
    fn look_up(
        &self,
        table: ObjectId,
        key: &KeyConstraint,
        values: &[ArrayRef],
        wanted: &KeyBytes,
        (rows, committed): (&TableRows, &Arc<TableRows>),
    ) -> Result<Found> {
        if !is_of(&self.checked.load(), table, key) {
            // Of a state whose rows may have other columns.
            return Ok(Found::Unknown);
        }
        let ask = |index: &KeyIndex, latest: &Snapshot| {
            // The very same state, rows in the very same places.
            let is_latest = latest.tables.get(&table).is_some_and(|latest| Arc::ptr_eq(latest, committed));
            match index.get(wanted).filter(|row| rows.is_live(*row)) {
                // No two rows of one state have the same key.
                Some(row) => Found::Row(row),
                None if is_latest => Found::Nowhere,
                None => Found::Unknown,
            }
        };
        if let Some(found) = self.ask_index(table, key, ask) {
            return Ok(found);
        }
        if rows.live_rows() > KEY_LOOKUP_ROWS_MAX || !self.keys.lock().fits(rows.live_rows()) {
            // Bounds and filters find it too: no reason to hold every key in memory for a table that is only read.
            return Ok(Found::Unknown);
        }
        let asked = || Ok(values.to_vec());
        self.with_index(table, key, asked, |index, latest| Ok(ask(index, latest)))
    }
}
