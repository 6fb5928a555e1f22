//! Finding the one row that has a key.

use super::Manager;
use super::keys::key_bytes;
use super::segment::RowId;
use super::snapshot::Snapshot;
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
        let wants_index = rows.live_rows() <= KEY_LOOKUP_ROWS_MAX && self.keys.lock().fits(rows.live_rows());
        if !wants_index && !self.has_index(table, key) {
            // Bounds and filters find it too: no reason to hold every key in memory for a table that is only read.
            return Ok(Found::Unknown);
        }
        let asked = || Ok(values.to_vec());
        self.with_index(table, key, asked, |index, latest| {
            // The very same state, rows in the very same places.
            let is_latest = Arc::ptr_eq(&latest.rows(table), &rows);
            Ok(match index.get(&wanted).filter(|row| rows.is_live(*row)) {
                // No two rows of one state have the same key.
                Some(row) => Found::Row(row),
                None if is_latest => Found::Nowhere,
                None => Found::Unknown,
            })
        })
    }
}
