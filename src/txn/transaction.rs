//! A transaction: the snapshot it began with, what it changed, and what it sees.

use super::keys::{KeyBytes, KeyMap};
use super::segment::{Deleted, Location, RowId, Segment, row_id, split_row_id};
use super::snapshot::{Snapshot, TableRows};
use crate::catalog::{Class, Object, ObjectId};
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Changes that are seen by nobody else until they are committed. Cloning one is cheap and makes a savepoint.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// What was committed when it began.
    pub(super) base: Arc<Snapshot>,
    /// What it sees: the base with its own changes.
    working: Snapshot,
    /// Objects put (with their new state) or dropped.
    pub(super) objects: BTreeMap<ObjectId, Option<Arc<Object>>>,
    /// Segments added, by table.
    pub(super) added: BTreeMap<ObjectId, Vec<Arc<Segment>>>,
    /// Rows deleted from segments of the base, by table and segment.
    pub(super) deleted: BTreeMap<(ObjectId, u64), Deleted>,
    /// Tables emptied: their segments of the base go whole.
    pub(super) truncated: BTreeSet<ObjectId>,
    /// Keys of rows added, by table and constraint.
    pub(super) keys: HashMap<(ObjectId, String), Arc<KeyMap>>,
    read_only: bool,
}

impl Transaction {
    /// A transaction on this snapshot.
    pub fn new(base: Arc<Snapshot>, read_only: bool) -> Self {
        Self {
            working: (*base).clone(),
            base,
            objects: BTreeMap::new(),
            added: BTreeMap::new(),
            deleted: BTreeMap::new(),
            truncated: BTreeSet::new(),
            keys: HashMap::new(),
            read_only,
        }
    }

    /// What it sees, its own changes included.
    pub fn snapshot(&self) -> &Snapshot {
        &self.working
    }

    /// Whether it changed anything.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.added.is_empty() && self.deleted.is_empty() && self.truncated.is_empty()
    }

    /// Refuses writes in a read-only transaction.
    pub fn must_write(&self, command: &str) -> Result<()> {
        match self.read_only {
            false => Ok(()),
            true => Err(Error::new(
                Kind::ReadOnlyTransaction,
                format!("cannot execute {command} in a read-only transaction"),
            )),
        }
    }

    /// Sets whether writes are refused.
    pub fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
    }

    /// Adds or replaces an object; a taken name is [`Kind::DuplicateObject`] or [`Kind::DuplicateTable`].
    pub fn put_object(&mut self, id: ObjectId, object: Object) -> Result<()> {
        let (class, name) = object.key();
        if let Some((other, there)) = self.working.catalog.find(class, &name)
            && other != id
        {
            return Err(name_taken(class, there));
        }
        let object = Arc::new(object);
        Arc::make_mut(&mut self.working.catalog).put(id, object.clone());
        self.objects.insert(id, Some(object));
        Ok(())
    }

    /// Removes an object, and its rows if it is a table.
    pub fn drop_object(&mut self, id: ObjectId) {
        Arc::make_mut(&mut self.working.catalog).remove(id);
        Arc::make_mut(&mut self.working.tables).remove(&id);
        self.added.remove(&id);
        self.keys.retain(|(table, _), _| *table != id);
        self.deleted.retain(|(table, _), _| *table != id);
        self.truncated.remove(&id);
        self.objects.insert(id, None);
    }

    /// Objects that it drops.
    pub fn dropped(&self) -> impl Iterator<Item = ObjectId> {
        self.objects.iter().filter(|(_, object)| object.is_none()).map(|(id, _)| *id)
    }

    /// Adds a segment to a table.
    pub(super) fn add_segment(&mut self, table: ObjectId, segment: Segment) {
        let segment = Arc::new(segment);
        self.added.entry(table).or_default().push(segment.clone());
        self.change_rows(table, |rows| rows.segments.push(segment));
    }

    /// Adds rows that stay in memory until commit.
    pub(super) fn add_batch(&mut self, table: ObjectId, id: u64, batch: &RecordBatch) {
        let location = Location::Memory(Arc::new(batch.columns().to_vec()));
        self.add_segment(table, Segment { id, rows: batch.num_rows(), bytes: 0, location, deleted: None });
    }

    /// Deletes rows; gives how many were still there.
    pub fn delete_rows(&mut self, table: ObjectId, rows: &[RowId]) -> Result<usize> {
        let mut by_segment: HashMap<u64, Vec<usize>> = HashMap::new();
        for &row in rows {
            let (segment, offset) = split_row_id(row);
            by_segment.entry(segment).or_default().push(offset);
        }
        let mut count = 0;
        let current = self.working.rows(table);
        for (id, offsets) in by_segment {
            let Some(segment) = current.segment(id) else {
                return Err(Error::internal(format!("segment {id} is not in the transaction's snapshot")));
            };
            let mut all = segment.deleted.as_deref().cloned().unwrap_or_default();
            let fresh: Vec<usize> = offsets.into_iter().filter(|&offset| all.insert(offset)).collect();
            count += fresh.len();
            let mut changed = (**segment).clone();
            changed.deleted = Some(Arc::new(all));
            let changed = Arc::new(changed);
            if let Some(own) = self.added.get_mut(&table).and_then(|own| own.iter_mut().find(|s| s.id == id)) {
                *own = changed.clone();
            } else {
                let deleted = self.deleted.entry((table, id)).or_default();
                fresh.iter().for_each(|&offset| {
                    deleted.insert(offset);
                });
            }
            self.change_rows(table, |rows| {
                if let Some(slot) = rows.segments.iter_mut().find(|s| s.id == id) {
                    *slot = changed;
                }
            });
        }
        Ok(count)
    }

    /// Removes all rows of a table.
    pub fn truncate(&mut self, table: ObjectId) {
        self.added.remove(&table);
        self.keys.retain(|(t, _), _| *t != table);
        self.deleted.retain(|(t, _), _| *t != table);
        self.truncated.insert(table);
        self.change_rows(table, |rows| rows.segments.clear());
    }

    /// The keys of a constraint that the transaction added rows with.
    pub(super) fn keys_of(&self, table: ObjectId, constraint: &str) -> Option<&KeyMap> {
        self.keys.get(&(table, constraint.to_owned())).map(AsRef::as_ref)
    }

    /// Whether the transaction removes a row of its base.
    pub(super) fn removes(&self, table: ObjectId, row: RowId) -> bool {
        let (segment, offset) = split_row_id(row);
        self.truncated.contains(&table) || self.deleted.get(&(table, segment)).is_some_and(|d| d.contains(offset))
    }

    /// Notes the keys of a segment that is about to be added; gives the first row whose key another row of the transaction
    /// has, or an earlier one of the segment.
    pub(super) fn note_keys(
        &mut self,
        table: ObjectId,
        constraint: &str,
        segment: u64,
        keys: &[Option<KeyBytes>],
    ) -> Option<usize> {
        let rows = self.working.rows(table);
        let noted = Arc::make_mut(self.keys.entry((table, constraint.to_owned())).or_default());
        noted.reserve(keys.len());
        let mut twice = None;
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key else { continue };
            if let Some(before) = noted.insert(*key, row_id(segment, row)) {
                let (holder, offset) = split_row_id(before);
                let live = holder == segment || rows.segment(holder).is_some_and(|s| !s.is_deleted(offset));
                twice = twice.or(live.then_some(row));
            }
        }
        twice
    }

    fn change_rows(&mut self, table: ObjectId, change: impl FnOnce(&mut TableRows)) {
        let tables = Arc::make_mut(&mut self.working.tables);
        let rows = Arc::make_mut(tables.entry(table).or_default());
        change(rows);
        // Marked, so that it never equals a commit's number: caches keyed by it cannot mistake it for a committed state.
        rows.changed |= 1 << 63;
    }
}

/// The error for a name that another object has.
pub(super) fn name_taken(class: Class, there: &Object) -> Error {
    let (_, key) = there.key();
    let name = key.rsplit('\0').next().unwrap_or(&key).to_owned();
    match class {
        Class::Relation => Error::new(Kind::DuplicateTable, format!("relation \"{name}\" already exists")),
        _ => Error::new(Kind::DuplicateObject, format!("{} \"{name}\" already exists", there.kind_name())),
    }
}
