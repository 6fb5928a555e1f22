//! Places among the rows of tables: which rows have been seen by who learns from new ones.
//!
//! A place says of a table which of its rows were there when it was taken. Rows have no times: a place names segments, which never
//! change. Where rows move to other segments, by a merge in a commit or by compaction, the places move along in the same batch, so
//! that none is seen twice or never, whenever the process ends. A row that was changed is a new one.
//!
//! | key in `Sys` | value |
//! |---|---|
//! | `seen` NUL, number | the place, as versioned JSON |

use super::Manager;
use super::isolation::Isolation;
use super::locks::{GONE, Moves};
use super::segment::{Deleted, RowId, Segment, split_row_id};
use super::snapshot::{Snapshot, TableRows};
use super::transaction::Transaction;
use crate::catalog::{Catalog, Class, Object, ObjectId};
use crate::config::{FORMAT_VERSION_JOBS, PUBLISH_PATIENCE_MS};
use crate::encoding::{from_value, to_value_of};
use crate::error::{Error, Kind, Result};
use crate::storage::{Store, Tree, WriteBatch};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PREFIX: &[u8] = b"seen\0";

/// Which rows of a table were there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    table: ObjectId,
    /// The place from which this one goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    /// How often columns of the table had been changed: where its rows are written anew for that, all of them have been seen.
    columns: u64,
    /// Segments all of whose rows were.
    whole: BTreeSet<u64>,
    /// Offsets of rows that were, of segments that have others, too: from each first up to before each second.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parts: BTreeMap<u64, Vec<(u32, u32)>>,
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct SeenRows {
    places: Mutex<HashMap<u64, Arc<Seen>>>,
    /// Places that nobody names any more: they go with the next that is taken.
    stale: Mutex<Vec<u64>>,
}

/// What a place is in another state.
pub(super) type Followed = Vec<(u64, SeenChange)>;

/// A place that moved along.
#[derive(Debug)]
pub(super) struct SeenChange(Arc<Seen>);

/// What there is behind a place, and the place behind that.
pub struct Behind {
    /// The state that was looked at, in which the table has the rows behind the place alone.
    pub snapshot: Snapshot,
    /// How many they are.
    pub rows: u64,
    /// The place behind them. It counts once an object of the catalogue names it.
    pub place: u64,
    /// The table was written anew since: what it has counts as seen.
    pub is_rewritten: bool,
}

fn key(place: u64) -> Vec<u8> {
    [PREFIX, &place.to_be_bytes()].concat()
}

impl Seen {
    fn has(&self, segment: u64, offset: usize) -> bool {
        let within =
            |ranges: &Vec<(u32, u32)>| ranges.iter().any(|(from, to)| (*from as usize..*to as usize).contains(&offset));
        self.whole.contains(&segment) || self.parts.get(&segment).is_some_and(within)
    }

    fn knows(&self, segment: u64) -> bool {
        self.whole.contains(&segment) || self.parts.contains_key(&segment)
    }

    /// The place after rows have moved; none if none of its have.
    fn followed(&self, moves: &Moves) -> Option<Self> {
        let moved: Vec<(u64, &[RowId])> = moves.of_table(self.table).collect();
        if !moved.iter().any(|(segment, _)| self.knows(*segment)) {
            return None;
        }
        let mut next = self.clone();
        // Of each new segment how many rows it has, and which of them were seen.
        let mut new: BTreeMap<u64, (usize, BTreeSet<u32>)> = BTreeMap::new();
        for (segment, rows) in moved {
            for (offset, row) in rows.iter().enumerate().filter(|(_, row)| **row != GONE) {
                let (to, at) = split_row_id(*row);
                let (count, seen) = new.entry(to).or_default();
                *count += 1;
                if self.has(segment, offset) {
                    seen.insert(at as u32);
                }
            }
            next.whole.remove(&segment);
            next.parts.remove(&segment);
        }
        for (segment, (count, seen)) in new {
            match seen.len() {
                0 => {}
                all if all == count => {
                    next.whole.insert(segment);
                }
                _ => {
                    next.parts.insert(segment, ranges(&seen));
                }
            }
        }
        Some(next)
    }

    /// A segment without the rows that were seen; none if there is no other.
    fn without(&self, segment: &Arc<Segment>) -> Option<Arc<Segment>> {
        if self.whole.contains(&segment.id) {
            return None;
        }
        let Some(ranges) = self.parts.get(&segment.id) else { return Some(segment.clone()) };
        let mut deleted = segment.deleted.as_ref().map_or_else(Deleted::default, |deleted| deleted.as_ref().clone());
        for offset in ranges.iter().flat_map(|(from, to)| *from..*to) {
            deleted.insert(offset as usize);
        }
        let rest = Segment { deleted: Some(Arc::new(deleted)), ..segment.as_ref().clone() };
        (rest.live_rows() > 0).then(|| Arc::new(rest))
    }
}

/// Numbers as ranges.
fn ranges(numbers: &BTreeSet<u32>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end == number => *end += 1,
            _ => ranges.push((number, number + 1)),
        }
    }
    ranges
}

impl SeenRows {
    /// The places that the store has and that the catalogue names.
    pub fn open(store: &Store, catalog: &Catalog) -> Result<Self> {
        let named: BTreeSet<u64> = named(catalog).collect();
        let (mut places, mut stale) = (HashMap::new(), Vec::new());
        for (row, value) in store.engine().scan(Tree::Sys, PREFIX)? {
            let number = row.get(PREFIX.len()..).and_then(|bytes| bytes.first_chunk());
            let Some(number) = number.map(|bytes| u64::from_be_bytes(*bytes)) else { continue };
            if named.contains(&number) {
                places.insert(number, Arc::new(from_value("a place among rows", &value)?));
            } else {
                stale.push(number);
            }
        }
        Ok(Self { places: Mutex::new(places), stale: Mutex::new(stale) })
    }

    /// The places that move along when rows do, written into the batch that moves them.
    pub fn followed(&self, moves: &Moves, batch: &mut WriteBatch) -> Result<Followed> {
        if moves.is_empty() {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        for (place, seen) in self.places.lock().iter() {
            if let Some(next) = seen.followed(moves) {
                batch.put(Tree::Sys, key(*place), to_value_of(FORMAT_VERSION_JOBS, &next)?);
                changes.push((*place, SeenChange(Arc::new(next))));
            }
        }
        Ok(changes)
    }

    /// The batch is on its way.
    pub fn follow(&self, changes: Followed) {
        if changes.is_empty() {
            return;
        }
        let mut places = self.places.lock();
        for (place, change) in changes {
            // One that was let go of meanwhile does not come back.
            if let Some(seen) = places.get_mut(&place) {
                *seen = change.0;
            }
        }
    }
}

/// The places that objects of a catalogue name.
fn named(catalog: &Catalog) -> impl Iterator<Item = u64> {
    catalog.class(Class::Model).filter_map(|(_, object)| match object {
        Object::Model(model) => Some(model.online.as_ref()?.place),
        _ => None,
    })
}

/// A number for the columns of a table.
fn columns_of(snapshot: &Snapshot, table: ObjectId) -> u64 {
    let facts = snapshot.catalog.table_by_id(table);
    facts.map_or(0, |table| (u64::from(table.shape) << 32) | table.columns.len() as u64)
}

impl Manager {
    /// How many rows of a table are behind a place; none if there is no such place.
    pub fn rows_behind(&self, place: u64, table: ObjectId) -> u64 {
        let Some(seen) = self.seen.places.lock().get(&place).cloned() else { return 0 };
        let rows = self.current().rows(table);
        let rest = rows.segments.iter().filter_map(|segment| seen.without(segment));
        rest.map(|segment| segment.live_rows() as u64).sum()
    }

    /// Takes a place behind all rows that a table has now, and gives the rows between it and an earlier one, in the state that the
    /// transaction sees from here on. Without an earlier place there are none between them. Takes a write to the disk.
    ///
    /// [`Kind::NotReady`] if the earlier place is no more; [`Kind::Serialization`] if the transaction must not see what is new.
    pub fn take_place(&self, txn: &mut Transaction, from: Option<u64>, table: ObjectId) -> Result<Behind> {
        let one_at_a_time = self.commit.lock();
        // Places are of the state that is checked; what is read is durable.
        let until = Instant::now() + Duration::from_millis(PUBLISH_PATIENCE_MS);
        while self.current().seq != self.checked.load().seq {
            if Instant::now() > until {
                return Err(Error::new(Kind::InUse, "commits are not written in time; try again"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        let latest = self.current();
        if txn.isolation() != Isolation::ReadCommitted && !Arc::ptr_eq(&txn.base, &latest) {
            return Err(Error::new(Kind::Serialization, "could not serialize access due to concurrent update"));
        }
        self.refresh(txn)?;
        let mut snapshot = txn.snapshot().clone();
        let (all, columns) = (latest.rows(table), columns_of(&latest, table));
        let mut places = self.seen.places.lock();
        let before = match from {
            Some(from) => Some(
                places
                    .get(&from)
                    .cloned()
                    .filter(|seen| seen.table == table)
                    .ok_or_else(|| Error::new(Kind::NotReady, "it is not known which rows were learnt already"))?,
            ),
            None => None,
        };
        let (rest, is_rewritten): (Vec<Arc<Segment>>, bool) = match &before {
            None => (Vec::new(), false),
            Some(seen) => {
                let knows = all.segments.iter().any(|segment| seen.knows(segment.id));
                match seen.columns != columns && !knows {
                    true => (Vec::new(), true),
                    false => (all.segments.iter().filter_map(|segment| seen.without(segment)).collect(), false),
                }
            }
        };
        let place = self.new_id();
        let whole = all.segments.iter().map(|segment| segment.id).collect();
        let taken = Seen { table, from, columns, whole, parts: BTreeMap::new() };
        let mut batch = WriteBatch::default();
        // What earlier attempts took from there came to nothing; and where that place went on from is behind us for good.
        let old = before.as_ref().and_then(|seen| seen.from);
        let gone =
            places.iter().filter(|(number, seen)| from.is_some() && (seen.from == from || Some(**number) == old));
        let mut gone: Vec<u64> = gone.map(|(number, _)| *number).collect();
        gone.append(&mut self.seen.stale.lock());
        gone.iter().for_each(|number| batch.delete(Tree::Sys, key(*number)));
        batch.put(Tree::Sys, key(place), to_value_of(FORMAT_VERSION_JOBS, &taken)?);
        let ticket = self.store().engine().submit(batch)?;
        gone.iter().for_each(|number| {
            places.remove(number);
        });
        places.insert(place, Arc::new(taken));
        drop(places);
        drop(one_at_a_time);
        self.store().engine().settle(ticket)?;
        let rows = rest.iter().map(|segment| segment.live_rows() as u64).sum();
        // Marked as what is not committed is: nothing that is kept of the table is of these rows.
        let narrowed = TableRows { segments: rest, changed: all.changed | 1 << 63 };
        Arc::make_mut(&mut snapshot.tables).insert(table, Arc::new(narrowed));
        Ok(Behind { snapshot, rows, place, is_rewritten })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Effort, batch, row_id};
    use super::*;
    use crate::catalog::{Column, FIRST_USER_ID, Model, Online, SqlType, Table};
    use crate::crypto::{KeySource, MasterKey};
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::path::Path;

    const TABLE: ObjectId = FIRST_USER_ID + 100;
    const MODEL: ObjectId = FIRST_USER_ID + 101;

    fn open(folder: &Path) -> Manager {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        Manager::open(Arc::new(Store::open(folder, &key).unwrap())).unwrap()
    }

    fn facts() -> Table {
        Table { columns: vec![Column::new("id", SqlType::Int8)], ..Table::new("public", "t", 1) }
    }

    fn add(manager: &Manager, ids: std::ops::Range<i64>) {
        let mut txn = manager.begin(false);
        let count = (ids.end - ids.start) as usize;
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
        manager.append(&mut txn, TABLE, &batch(facts().arrow_schema(), vec![column], count).unwrap()).unwrap();
        manager.commit(txn).unwrap();
    }

    /// Takes a place and has the model name it; gives the ids between.
    fn step(manager: &Manager, from: Option<u64>) -> (Vec<i64>, u64) {
        let mut txn = manager.begin(false);
        let behind = manager.take_place(&mut txn, from, TABLE).unwrap();
        let model = Model {
            name: "m".to_owned(),
            owner: 1,
            model_type: "ctr".to_owned(),
            options: BTreeMap::new(),
            versions: Vec::new(),
            deployed: 0,
            grants: Vec::new(),
            trained_on: Vec::new(),
            dropped: 0,
            frozen: false,
            guard: None,
            updates: Vec::new(),
            tags: Vec::new(),
            online: Some(Online { source: TABLE, batch_rows: 1, place: behind.place, since_ms: 0 }),
            drifts: Vec::new(),
        };
        txn.put_object(MODEL, Object::Model(model)).unwrap();
        manager.commit(txn).unwrap();
        let mut ids = Vec::new();
        for segment in &behind.snapshot.rows(TABLE).segments {
            ids.extend(manager.read_live(TABLE, segment, &[0]).unwrap()[0].as_primitive::<Int64Type>().values());
        }
        assert_eq!(ids.len() as u64, behind.rows);
        ids.sort_unstable();
        (ids, behind.place)
    }

    #[test]
    fn each_row_is_seen_once_wherever_it_moves() {
        let folder = tempfile::tempdir().unwrap();
        let mut manager = open(folder.path());
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.commit(txn).unwrap();
        add(&manager, 0..10);
        let (ids, mut place) = step(&manager, None);
        assert!(ids.is_empty());
        let (mut next, mut learnt) = (10, Vec::new());
        for round in 0..40 {
            // Single rows, so that commits merge segments with rows on both sides of the place.
            for _ in 0..(round * 7) % 60 {
                add(&manager, next..next + 1);
                next += 1;
            }
            if round % 9 == 4 {
                add(&manager, next..next + 20_000);
                next += 20_000;
            }
            match round % 7 {
                2 => drop(manager.compact(TABLE, Effort::Full, &|| false).unwrap()),
                5 => {
                    drop(manager);
                    manager = open(folder.path());
                }
                _ => {}
            }
            assert_eq!(manager.rows_behind(place, TABLE), next as u64 - 10 - learnt.len() as u64);
            if round % 3 == 1 {
                let (ids, behind) = step(&manager, Some(place));
                learnt.extend(ids);
                place = behind;
            }
        }
        learnt.extend(step(&manager, Some(place)).0);
        assert_eq!(learnt, (10..next).collect::<Vec<_>>());
    }

    #[test]
    fn deleted_rows_are_not_behind_and_lost_places_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.commit(txn).unwrap();
        let (_, place) = step(&manager, None);
        add(&manager, 0..5);
        let mut txn = manager.begin(false);
        let segment = txn.snapshot().rows(TABLE).segments[0].id;
        txn.delete_rows(TABLE, &[row_id(segment, 0), row_id(segment, 3)]).unwrap();
        manager.commit(txn).unwrap();
        assert_eq!(manager.rows_behind(place, TABLE), 3);
        // An attempt that comes to nothing learns nothing.
        manager.take_place(&mut manager.begin(false), Some(place), TABLE).unwrap();
        let (ids, after) = step(&manager, Some(place));
        assert_eq!(ids, [1, 2, 4]);
        assert_eq!(step(&manager, Some(after)).0, [0i64; 0]);
        let error = manager.take_place(&mut manager.begin(false), Some(99), TABLE).err().unwrap();
        assert_eq!((error.kind(), manager.rows_behind(99, TABLE)), (Kind::NotReady, 0));
    }
}
