//! The key indexes that are in memory, within a budget. The least recently asked leave first, and are built anew when next
//! asked.
//!
//! An index that would not fit by itself is not built. What is asked of it is answered from an index of the few rows that
//! may have one of the keys in question: those in pages which bounds and filters leave. For keys that ascend this costs next to
//! nothing; a bulk load of random keys reads the keys of the whole table again and again.

use super::Manager;
use super::condition::{Comparison, Condition};
use super::hash::Hashes;
use super::keys::{self, KeyBytes, KeyIndex};
use super::segment::{Segment, row_id};
use super::snapshot::Snapshot;
use super::statistics::Zones;
use super::transaction::Transaction;
use crate::catalog::{KeyConstraint, ObjectId};
use crate::config::SEGMENT_ROWS_MAX;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Keys up to which each is looked for by itself; of more only the bounds.
const KEYS_ONE_BY_ONE: usize = 64;

/// Table and constraint.
type Place = (ObjectId, String);

/// Indexes by table and constraint, and when each was last asked.
#[derive(Debug)]
pub struct KeyIndexes {
    indexes: HashMap<Place, (KeyIndex, u64)>,
    clock: u64,
    bytes_max: usize,
}

impl KeyIndexes {
    /// No indexes yet, and room for this many bytes of them.
    pub fn new(bytes_max: usize) -> Self {
        Self { indexes: HashMap::new(), clock: 0, bytes_max }
    }

    /// Another budget from now on.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.shrink();
    }

    /// Whether an index of so many keys may be built.
    pub fn fits(&self, keys: usize) -> bool {
        KeyIndex::bytes_of(keys) <= self.bytes_max
    }

    /// Whether an index is here.
    pub fn contains(&self, place: &Place) -> bool {
        self.indexes.contains_key(place)
    }

    /// An index that is asked now.
    pub fn get(&mut self, place: &Place) -> Option<&KeyIndex> {
        self.clock += 1;
        let (index, asked) = self.indexes.get_mut(place)?;
        *asked = self.clock;
        Some(index)
    }

    /// An index that is to follow a commit.
    pub fn get_mut(&mut self, place: &Place) -> Option<&mut KeyIndex> {
        self.indexes.get_mut(place).map(|(index, _)| index)
    }

    /// Keeps an index that is asked now, making room for it.
    pub fn insert(&mut self, place: Place, index: KeyIndex) {
        self.clock += 1;
        self.indexes.insert(place, (index, self.clock));
        self.shrink();
    }

    /// Keeps those for which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Place, &mut KeyIndex) -> bool) {
        self.indexes.retain(|place, (index, _)| keep(place, index));
    }

    /// Lets indexes go until the rest fits: to be called after they grew.
    pub fn shrink(&mut self) {
        let mut bytes: usize = self.indexes.values().map(|(index, _)| index.bytes()).sum();
        while bytes > self.bytes_max {
            let oldest = self.indexes.iter().min_by_key(|(_, (_, asked))| *asked).map(|(place, _)| place.clone());
            let Some((index, _)) = oldest.and_then(|place| self.indexes.remove(&place)) else { break };
            bytes -= index.bytes();
        }
    }
}

impl Manager {
    /// Whether the index of a constraint is in memory.
    pub(super) fn has_index(&self, table: ObjectId, key: &KeyConstraint) -> bool {
        self.keys.lock().contains(&(table, key.name.clone()))
    }

    /// Asks the index of a constraint for rows of the newest state, if it is in memory.
    pub(super) fn ask_index<T>(
        &self,
        table: ObjectId,
        key: &KeyConstraint,
        ask: impl FnOnce(&KeyIndex, &Snapshot) -> T,
    ) -> Option<T> {
        let place = (table, key.name.clone());
        let mut indexes = self.keys.lock();
        let index = indexes.get(&place)?;
        Some(ask(index, &self.checked.load()))
    }

    /// Asks the index of a constraint for rows of the newest state. `wanted` gives the keys that are asked for, by the
    /// constraint's columns; of others the index need not know.
    pub(super) fn with_index<T>(
        &self,
        table: ObjectId,
        key: &KeyConstraint,
        wanted: impl FnOnce() -> Result<Vec<ArrayRef>>,
        ask: impl FnOnce(&KeyIndex, &Snapshot) -> Result<T>,
    ) -> Result<T> {
        let mut indexes = self.keys.lock();
        let latest = self.checked.load_full();
        // One that a transaction has made and not committed may come to nothing, and another get its name.
        let known = is_of(&latest, table, key);
        let place = (table, key.name.clone());
        if known && let Some(index) = indexes.get(&place) {
            return ask(index, &latest);
        }
        if !known || !indexes.fits(latest.rows(table).live_rows()) {
            drop(indexes);
            return ask(&self.index_of_some(&latest.rows(table).segments, table, key, &wanted()?)?, &latest);
        }
        let mut index = KeyIndex::default();
        for segment in &latest.rows(table).segments {
            let keys = keys::bytes_of(key, &self.read(table, segment, &key.columns)?)?;
            // A deleted row must not hide a live one that has the same key.
            index.add_live(segment.id, &keys, |offset| !segment.is_deleted(offset));
        }
        let answer = ask(&index, &latest);
        indexes.insert(place, index);
        answer
    }

    /// Whether an index of a table's keys may be in memory when the transaction is committed, with so many rows more.
    pub(super) fn may_have_index(&self, txn: &Transaction, table: ObjectId, more: usize) -> bool {
        let indexes = self.keys.lock();
        // Less costs nobody anything.
        let rows = txn.snapshot().rows(table).live_rows() + more;
        rows <= SEGMENT_ROWS_MAX || indexes.fits(rows)
    }

    /// In how many parts so many keys are looked at so that each part takes no more memory than indexes may.
    pub(super) fn parts_of(&self, keys: usize) -> u64 {
        KeyIndex::bytes_of(keys).div_ceil(self.keys.lock().bytes_max.max(1)).max(1) as u64
    }

    /// An index of the rows with one of the wanted keys that the transaction added without noting their keys; none if there are no
    /// such rows.
    pub(super) fn unnoted(
        &self,
        txn: &Transaction,
        table: ObjectId,
        key: &KeyConstraint,
        wanted: impl FnOnce() -> Result<Vec<ArrayRef>>,
    ) -> Result<Option<KeyIndex>> {
        match txn.unnoted(table) {
            segments if segments.is_empty() => Ok(None),
            segments => self.index_of_some(&segments, table, key, &wanted()?).map(Some),
        }
    }

    /// An index of the rows of these segments that may have one of these keys.
    fn index_of_some(
        &self,
        segments: &[Arc<Segment>],
        table: ObjectId,
        key: &KeyConstraint,
        wanted: &[ArrayRef],
    ) -> Result<KeyIndex> {
        if wanted.is_empty() {
            return Ok(KeyIndex::default());
        }
        let asked: HashSet<KeyBytes, Hashes> = keys::bytes_of(key, wanted)?.into_iter().flatten().collect();
        let conditions = [condition(key, wanted)];
        let mut index = KeyIndex::default();
        for segment in segments {
            let left = self.prune(table, segment, &conditions)?;
            let pages = self.pages(table, segment)?;
            for (page, rows) in pages.iter().enumerate().filter(|(page, _)| left.get(*page) != Some(&false)) {
                for columns in self.read_pages(table, segment, &key.columns, page..page + 1)? {
                    let found = keys::bytes_of(key, &columns)?.into_iter().zip(rows.clone());
                    for (key, offset) in found.filter_map(|(key, offset)| Some((key?, offset))) {
                        if asked.contains(&key) && !segment.is_deleted(offset) {
                            index.insert(key, row_id(segment.id, offset));
                        }
                    }
                }
            }
        }
        Ok(index)
    }

    /// The columns of a constraint in these segments, one behind the other; none of no segment.
    pub(super) fn key_columns<'a>(
        &self,
        table: ObjectId,
        key: &KeyConstraint,
        segments: impl Iterator<Item = &'a Arc<Segment>>,
    ) -> Result<Vec<ArrayRef>> {
        let parts = segments.map(|segment| self.read(table, segment, &key.columns)).collect::<Result<Vec<_>>>()?;
        let columns = if parts.is_empty() { 0..0 } else { 0..key.columns.len() };
        let column = |n: usize| {
            let parts: Vec<&dyn Array> = parts.iter().map(|columns| columns[n].as_ref()).collect();
            concat(&parts).map_err(|e| Error::internal(format!("keys do not fit together: {e}")))
        };
        columns.map(column).collect()
    }
}

/// Whether a constraint is one of the table's in this state.
pub(super) fn is_of(state: &Snapshot, table: ObjectId, key: &KeyConstraint) -> bool {
    let known = state.catalog.table_by_id(table).and_then(|facts| facts.key(&key.name));
    known.is_some_and(|known| (&known.columns, known.nulls_equal) == (&key.columns, key.nulls_equal))
}

/// What is true of a row that has one of the keys.
fn condition(key: &KeyConstraint, wanted: &[ArrayRef]) -> Condition {
    let rows = wanted.first().map_or(0, |column| column.len());
    let columns = || key.columns.iter().copied().zip(wanted);
    if rows <= KEYS_ONE_BY_ONE {
        let equal = |row: usize| {
            columns().map(move |(c, v)| match v.is_null(row) {
                true => Condition::Null(c),
                false => Condition::Compare(c, Comparison::Equal, v.slice(row, 1)),
            })
        };
        return Condition::Any((0..rows).map(|row| Condition::All(equal(row).collect())).collect());
    }
    let within = |(column, values): (usize, &ArrayRef)| {
        let bounds = Zones::of(values, rows);
        [
            Condition::Compare(column, Comparison::GreaterOrEqual, bounds.min),
            Condition::Compare(column, Comparison::LessOrEqual, bounds.max),
        ]
    };
    if key.nulls_equal {
        let or_null = |(column, values)| {
            Condition::Any(vec![Condition::All(within((column, values)).into()), Condition::Null(column)])
        };
        return Condition::All(columns().map(or_null).collect());
    }
    Condition::All(columns().flat_map(within).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, FIRST_USER_ID, Object, SqlType, Table};
    use crate::crypto::{KeySource, MasterKey};
    use crate::error::Kind;
    use crate::storage::Store;
    use crate::txn::{Found, batch};
    use arrow::array::{Int64Array, RecordBatch, StringArray};
    use std::path::Path;

    const TABLE: ObjectId = FIRST_USER_ID + 100;
    const ROWS: i64 = 40_000;

    fn index(keys: i64) -> KeyIndex {
        let mut index = KeyIndex::default();
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..keys));
        index.add_live(1, &keys::key_bytes(&[column]).unwrap(), |_| true);
        index
    }

    #[test]
    fn the_least_recently_asked_leaves_first() {
        let place = |n| (n, "key".to_owned());
        let bytes = index(1000).bytes();
        assert!((1000 * 24..=KeyIndex::bytes_of(1000) * 2).contains(&bytes), "{bytes}");
        let mut indexes = KeyIndexes::new(2 * bytes);
        indexes.insert(place(1), index(1000));
        indexes.insert(place(2), index(1000));
        assert!(indexes.get(&place(1)).is_some());
        indexes.insert(place(3), index(1000));
        assert!(indexes.contains(&place(1)) && !indexes.contains(&place(2)) && indexes.contains(&place(3)));
        indexes.get_mut(&place(1)).unwrap().insert(KeyBytes::default(), 7);
        *indexes.get_mut(&place(1)).unwrap() = index(2000);
        indexes.shrink();
        assert!(!indexes.contains(&place(1)) && indexes.contains(&place(3)), "the older of the two, though it grew");
        indexes.set_bytes_max(bytes - 1);
        assert!(!indexes.contains(&place(3)) && !indexes.fits(1000));
    }

    fn facts() -> Table {
        let key = |name: &str, columns: &[usize], primary| KeyConstraint {
            name: name.to_owned(),
            columns: columns.to_vec(),
            primary,
            ..KeyConstraint::default()
        };
        Table {
            columns: vec![
                Column::new("id", SqlType::Int8),
                Column::new("code", SqlType::Text),
                Column::new("n", SqlType::Int8),
            ],
            keys: vec![key("t_pkey", &[0], true), key("t_code", &[2, 1], false)],
            ..Table::new("public", "t", 1)
        }
    }

    fn rows(ids: impl Iterator<Item = i64> + Clone) -> RecordBatch {
        let count = ids.clone().count();
        let code = |id: i64| (id % 5 > 0).then(|| format!("c{}", id % 7));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(StringArray::from_iter(ids.clone().map(code))),
            Arc::new(Int64Array::from_iter_values(ids.map(|id| id * 7919 % 1_000_003))),
        ];
        batch(facts().arrow_schema(), columns, count).unwrap()
    }

    fn open(folder: &Path) -> Manager {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        Manager::open(Arc::new(Store::open(folder, &key).unwrap())).unwrap()
    }

    /// Without room for an index every question about keys has the answer that the index would give.
    #[test]
    fn keys_that_do_not_fit_are_found_by_reading() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        manager.set_key_bytes(1 << 10);
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.append(&mut txn, TABLE, &rows(0..ROWS)).unwrap();
        manager.append(&mut txn, TABLE, &rows(ROWS..ROWS + 3)).unwrap();
        manager.commit(txn).unwrap();
        let add = |ids: &[i64]| {
            let mut txn = manager.begin(false);
            manager.append(&mut txn, TABLE, &rows(ids.iter().copied())).map(|()| txn)
        };
        let refused = |ids: &[i64]| add(ids).err().map(|error| (error.kind(), error.message().contains("t_pkey")));
        assert_eq!(refused(&[77]), Some((Kind::Unique, true)));
        assert_eq!(refused(&[-1, ROWS + 1]), Some((Kind::Unique, true)));
        let many: Vec<i64> = (0..100).map(|n| ROWS + 2 + n).collect();
        assert_eq!(refused(&many), Some((Kind::Unique, true)), "more than are looked for one by one");
        // Another id, whose other key is that of a row: of two columns, the second of which comes first.
        assert_eq!(refused(&[77 + 7 * 1_000_003]), Some((Kind::Unique, false)));
        assert_eq!(refused(&[75 + 7 * 1_000_003]), None, "a part of its key is NULL");
        let key = &facts().keys[0];
        let wanted: ArrayRef = Arc::new(Int64Array::from(vec![5]));
        assert_eq!(manager.find_key(&manager.current(), TABLE, key, &[wanted]).unwrap(), Found::Unknown);
        assert!(facts().keys.iter().all(|key| !manager.has_index(TABLE, key)));

        // A row that went frees its key, wherever it was; of two that add it at once the second fails at its commit.
        let mut txn = manager.begin(false);
        let segments = txn.snapshot().rows(TABLE).segments.clone();
        txn.delete_rows(TABLE, &[row_id(segments[0].id, 77), row_id(segments[1].id, 1)]).unwrap();
        manager.commit(txn).unwrap();
        let (first, second, third) = (add(&[77, ROWS + 1]), add(&[77]), add(&[-7]));
        manager.commit(first.unwrap()).unwrap();
        assert_eq!(manager.commit(second.unwrap()).unwrap_err().kind(), Kind::Unique);
        manager.commit(third.unwrap()).unwrap();
        assert_eq!(refused(&[77]), Some((Kind::Unique, true)));
        // With room for both they are made, and say the same.
        manager.set_key_bytes(1 << 30);
        assert_eq!(refused(&[ROWS + 1]), Some((Kind::Unique, true)));
        assert_eq!(refused(&[77 + 7 * 1_000_003]), Some((Kind::Unique, false)));
        assert!(facts().keys.iter().all(|key| manager.has_index(TABLE, key)));
    }
}
