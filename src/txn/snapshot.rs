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
