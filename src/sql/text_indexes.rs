//! Text indexes of tables: opened once, brought up to a snapshot before they are searched.
//!
//! An index holds whole segments. Segments never change, so an index follows a table by adding the segments it lacks and
//! dropping those that are gone; rows deleted within a segment are left out when a search finds them. Nothing that is
//! committed can be missed: a search adds what is missing first.

use crate::catalog::{Index, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::search::{StoredFiles, TextIndex, View, remove_index};
use crate::storage::Store;
use crate::txn::{Location, Manager, Segment, Snapshot};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The open text indexes.
pub struct TextIndexes {
    store: Arc<Store>,
    open: Mutex<HashMap<ObjectId, Arc<TextIndex>>>,
    /// One thread at a time brings an index up to date.
    following: Mutex<()>,
}

impl TextIndexes {
    /// None open yet.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, open: Mutex::default(), following: Mutex::new(()) }
    }

    fn sealed(&self) -> Arc<StoredFiles> {
        Arc::new(StoredFiles::new(&self.store))
    }

    fn index(&self, id: ObjectId, index: &Index) -> Result<Arc<TextIndex>> {
        let mut open = self.open.lock();
        if let Some(index) = open.get(&id) {
            return Ok(index.clone());
        }
        let opened = Arc::new(TextIndex::open_or_create(self.sealed(), id, &index.columns)?);
        open.insert(id, opened.clone());
        Ok(opened)
    }

    /// The index with every row of the snapshot in it. Rows of an open transaction are not searched.
    pub fn follow(
        &self,
        manager: &Manager,
        id: ObjectId,
        index: &Index,
        table: &Table,
        snapshot: &Snapshot,
    ) -> Result<Arc<View>> {
        let stored: Vec<Arc<Segment>> = snapshot
            .rows(index.table)
            .segments
            .iter()
            .filter(|s| !matches!(s.location, Location::Memory(_)))
            .cloned()
            .collect();
        let _one = self.following.lock();
        // Only now: nobody removes it while it is followed.
        let text = self.index(id, index)?;
        let view = text.view();
        let missing: Vec<_> = stored.iter().filter(|s| !view.segments().contains(&s.id)).collect();
        // Dropped only when the newest state lacks them: an older snapshot may still be searched by others.
        let newest: BTreeSet<u64> = manager.current().rows(index.table).segments.iter().map(|s| s.id).collect();
        let wanted: BTreeSet<u64> = stored.iter().map(|s| s.id).collect();
        let gone: Vec<u64> =
            view.segments().iter().copied().filter(|s| !newest.contains(s) && !wanted.contains(s)).collect();
        if missing.is_empty() && gone.is_empty() {
            return Ok(view);
        }
        let filled = self.fill(&text, manager, index, table, &missing, &gone);
        if filled.is_err() {
            text.rollback();
        }
        filled.map(|()| text.view())
    }

    fn fill(
        &self,
        text: &TextIndex,
        manager: &Manager,
        index: &Index,
        table: &Table,
        missing: &[&Arc<Segment>],
        gone: &[u64],
    ) -> Result<()> {
        let positions: Vec<usize> =
            index.columns.iter().map(|name| table.column_index(name)).collect::<Option<_>>().ok_or_else(|| {
                Error::new(Kind::InvalidDefinition, format!("index \"{}\" names a column that is gone", index.name))
            })?;
        for segment in missing {
            let columns = manager.read(index.table, segment, &positions)?;
            let columns = columns.iter().map(|c| cast(c, &DataType::Utf8)).collect::<Result<Vec<_>, _>>()?;
            let texts: Vec<_> = columns.iter().map(|column| column.as_string::<i32>()).collect();
            let rows = (0..segment.rows).filter(|row| !segment.is_deleted(*row)).map(|row| {
                let values: Vec<Option<&str>> = texts.iter().map(|t| t.is_valid(row).then(|| t.value(row))).collect();
                (row as u32, values)
            });
            text.add_segment(segment.id, rows)?;
        }
        if !gone.is_empty() {
            text.drop_segments(gone)?;
        }
        text.commit()
    }

    /// Removes an index with its files.
    pub fn remove(&self, id: ObjectId) -> Result<()> {
        let _one = self.following.lock();
        self.open.lock().remove(&id);
        remove_index(&*self.sealed(), id)
    }
}
