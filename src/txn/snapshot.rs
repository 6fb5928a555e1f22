//! Snapshots: one immutable version of everything.

use super::history::Pin;
use super::lineage::Lineage;
use super::segment::{RowId, Segment, split_row_id};
use crate::catalog::{Catalog, ObjectId};
use std::collections::HashMap;
use std::sync::Arc;

/// Catalogue and rows as of one commit.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The commit that made it.
    pub seq: u64,
    /// Facts.
    pub catalog: Arc<Catalog>,
    /// Rows by table.
    pub tables: Arc<HashMap<ObjectId, Arc<TableRows>>>,
    /// Where columns come from.
    pub lineage: Arc<Lineage>,
    /// Keeps for its readers what it names.
    pub(super) pin: Pin,
}

/// The rows of one table as of one commit.
#[derive(Debug, Clone, Default)]
pub struct TableRows {
    /// Segments in the order they were written.
    pub segments: Vec<Arc<Segment>>,
    /// The commit that last changed them.
    pub changed: u64,
}

/// A segment as it is in one state and in a later one; none where it is not there.
pub(super) type SegmentChange<'a> = (Option<&'a Arc<Segment>>, Option<&'a Arc<Segment>>);

impl TableRows {
    /// Rows that are there.
    pub fn live_rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.live_rows()).sum()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Whether a row is there.
    pub fn is_live(&self, row: RowId) -> bool {
        let (segment, offset) = split_row_id(row);
        self.segment(segment).is_some_and(|s| !s.is_deleted(offset))
    }

    /// The segments that are not the same in a later state: each as it is here and as it is there.
    pub(super) fn changes<'a>(&'a self, later: &'a Self) -> Vec<SegmentChange<'a>> {
        let (mut before, mut after) = (self.segments.iter().peekable(), later.segments.iter().peekable());
        let mut changes = Vec::new();
        loop {
            // Most are the same, which needs no look at them.
            while before.peek().zip(after.peek()).is_some_and(|(before, after)| Arc::ptr_eq(before, after)) {
                before.next();
                after.next();
            }
            let (gone, new) = match (before.peek(), after.peek()) {
                (Some(old), Some(new)) => (old.id <= new.id, new.id <= old.id),
                (old, new) => (old.is_some(), new.is_some()),
            };
            if !gone && !new {
                return changes;
            }
            changes.push((before.next_if(|_| gone), after.next_if(|_| new)));
        }
    }

    /// The segment of this id.
    pub fn segment(&self, id: u64) -> Option<&Arc<Segment>> {
        // Segments are kept in the order of their ids.
        self.segments.binary_search_by_key(&id, |segment| segment.id).ok().map(|at| &self.segments[at])
    }
}

impl Snapshot {
    /// The rows of a table; none if it has never had any.
    pub fn rows(&self, table: ObjectId) -> Arc<TableRows> {
        self.tables.get(&table).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::Location;
    use super::*;

    #[test]
    fn changes_are_what_came_went_and_became_another() {
        let segment = |id| {
            let location = Location::Inline(Arc::default());
            Arc::new(Segment { id, rows: 1, bytes: 0, location, parts: None, deleted: None })
        };
        let of = |segments: &[&Arc<Segment>]| TableRows {
            segments: segments.iter().map(|segment| Arc::clone(segment)).collect(),
            changed: 0,
        };
        let (one, two, three, four) = (segment(1), segment(2), segment(3), segment(4));
        let other = segment(3);
        let (before, after) = (of(&[&one, &two, &three]), of(&[&two, &other, &four]));
        let ids = |before: &TableRows, after: &TableRows| {
            let changes = before.changes(after).into_iter();
            changes.map(|(old, new)| (old.map(|s| s.id), new.map(|s| s.id))).collect::<Vec<_>>()
        };
        assert_eq!(ids(&before, &after), [(Some(1), None), (Some(3), Some(3)), (None, Some(4))]);
        assert_eq!(ids(&after, &before), [(None, Some(1)), (Some(3), Some(3)), (Some(4), None)]);
        assert!(ids(&before, &before).is_empty());
        assert_eq!(ids(&TableRows::default(), &before).len(), 3);
    }
}
