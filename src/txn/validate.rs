//! Whether what a serializable transaction has read is still so when it commits.
//!
//! Rows that came or went since its snapshot are looked at: one for which a condition of its reads may be true is one that
//! it would have seen, or would see no more. Rows that were only moved to another segment may count as both; that refuses
//! too much, never too little. So does whatever makes looking too dear.

use super::Manager;
use super::condition::Condition;
use super::isolation::{Read, Reads};
use super::segment::Segment;
use super::snapshot::{Snapshot, TableRows};
use crate::catalog::ObjectId;
use crate::config::VALIDATED_ROWS_MAX;
use crate::error::{Error, Kind, Result};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a segment that are in one of two states only.
struct Changed {
    segment: Arc<Segment>,
    offsets: Vec<usize>,
}

impl Manager {
    /// Refuses if something that was read has changed between two states.
    pub(super) fn must_hold(&self, reads: &Reads, before: &Snapshot, now: &Snapshot) -> Result<()> {
        for (table, read) in reads.all() {
            if !self.holds(table, &read, before, now)? {
                return Err(Error::new(
                    Kind::Serialization,
                    "could not serialize access due to read/write dependencies among transactions",
                )
                .with_detail("What the transaction read was changed by another one that committed meanwhile.")
                .with_hint("The transaction might succeed if retried."));
            }
        }
        Ok(())
    }

    fn holds(&self, table: ObjectId, read: &Read, before: &Snapshot, now: &Snapshot) -> Result<bool> {
        let (then, latest) = (before.rows(table), now.rows(table));
        if then.changed == latest.changed {
            return Ok(true);
        }
        let Read::Rows(conditions) = read else { return Ok(false) };
        // With other columns, conditions name others.
        let same = match (before.catalog.get(table), now.catalog.get(table)) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            _ => false,
        };
        if !same {
            return Ok(false);
        }
        let condition = Condition::Any(conditions.clone());
        let mut named = BTreeSet::new();
        condition.name_columns(&mut named);
        let named: Vec<usize> = named.into_iter().collect();
        let mut looked_at = 0;
        for changed in changes(&then, &latest) {
            let rows = self.left(table, changed, &condition)?;
            looked_at += rows.offsets.len();
            if looked_at > VALIDATED_ROWS_MAX {
                return Ok(false);
            }
            if rows.offsets.is_empty() {
                continue;
            }
            let columns = self.read_rows(table, &rows.segment, &named, &rows.offsets)?;
            let values = |column: usize| columns.get(named.binary_search(&column).ok()?);
            if condition.rows(rows.offsets.len(), &values).contains(&true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Those of the rows that are in pages which may hold one that is meant.
    fn left(&self, table: ObjectId, mut changed: Changed, condition: &Condition) -> Result<Changed> {
        let pages = self.pages(table, &changed.segment)?;
        let left = self.prune(table, &changed.segment, std::slice::from_ref(condition))?;
        let page_of = |offset: usize| pages.partition_point(|rows| rows.end <= offset);
        changed.offsets.retain(|offset| left.get(page_of(*offset)) != Some(&false));
        Ok(changed)
    }
}

/// The rows that came, and those that went.
fn changes(before: &TableRows, now: &TableRows) -> Vec<Changed> {
    let mut changes = only_in(before, now);
    changes.extend(only_in(now, before));
    changes
}

/// The live rows of one state that are none of another.
fn only_in(these: &TableRows, those: &TableRows) -> Vec<Changed> {
    let mut found = Vec::new();
    for (segment, other) in these.changes(those) {
        let Some(segment) = segment else { continue };
        let only = |&row: &usize| !segment.is_deleted(row) && other.is_none_or(|other| other.is_deleted(row));
        let offsets: Vec<usize> = (0..segment.rows).filter(only).collect();
        if !offsets.is_empty() {
            found.push(Changed { segment: segment.clone(), offsets });
        }
    }
    found
}
