//! Rows by the values of some columns: what serves the look-ups of plain indexes.
//!
//! An index is made in memory when it is first asked, and catches up when it is asked again: of each segment that it does not know it
//! takes all rows, deleted ones too. Segments never change, so it can tell of every state which rows of those
//! segments may be meant, whatever was deleted since, and nobody need tell it of a commit. It gives rows that *may* have the values:
//! it knows hashes only, and the engine asks every row itself. What an open transaction has added is not in it.
//!
//! Indexes live within a budget; the least recently asked leave first.

use super::Manager;
use super::keys::key_bytes;
use super::segment::{Location, RowId, Segment, row_id, split_row_id};
use super::snapshot::{Snapshot, TableRows};
use crate::catalog::{Object, ObjectId};
use crate::config::KEY_LOOKUP_ROWS_MAX;
use crate::error::Result;
use arrow::array::ArrayRef;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Entries that are looked through one by one before they are sorted in.
const UNSORTED_MAX: usize = 512;
/// One row in so many, above which it is better to read all.
const WORTH: usize = 4;
/// Rows that are always worth it.
const FEW: usize = 64;

/// Table and columns.
type Place = (ObjectId, Vec<usize>);

/// Where rows may be that are asked for.
#[derive(Debug)]
pub enum Places {
    /// At these offsets of the segment, in order.
    At(Arc<Segment>, Arc<[usize]>),
    /// Anywhere in the segment.
    Anywhere(Arc<Segment>),
}

/// Indexes by table and columns, and when each was last asked.
#[derive(Debug)]
pub struct PlainIndexes {
    indexes: HashMap<Place, (Arc<Mutex<RowsByHash>>, u64)>,
    clock: u64,
    bytes_max: usize,
}

/// The rows of some segments by a hash of their values.
#[derive(Debug, Default)]
struct RowsByHash {
    /// The table as it was: columns have places in it.
    table: Option<Arc<Object>>,
    segments: HashSet<u64>,
    sorted: Vec<(u64, RowId)>,
    unsorted: Vec<(u64, RowId)>,
}

impl PlainIndexes {
    /// No indexes yet, and room for this many bytes of them.
    pub fn new(bytes_max: usize) -> Self {
        Self { indexes: HashMap::new(), clock: 0, bytes_max }
    }

    /// Another budget from now on.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.shrink(None);
    }

    fn get(&mut self, place: Place) -> Arc<Mutex<RowsByHash>> {
        self.clock += 1;
        let (index, asked) = self.indexes.entry(place).or_default();
        *asked = self.clock;
        index.clone()
    }

    /// Lets indexes go until the rest fits. One that is being filled counts when it is asked next.
    fn shrink(&mut self, keep: Option<&Place>) {
        let bytes = |index: &Mutex<RowsByHash>| index.try_lock().map_or(0, |index| index.bytes());
        let mut all: usize = self.indexes.values().map(|(index, _)| bytes(index)).sum();
        while all > self.bytes_max {
            let others = self.indexes.iter().filter(|(place, _)| Some(*place) != keep);
            let oldest = others.min_by_key(|(_, (_, asked))| *asked).map(|(place, _)| place.clone());
            let Some((index, _)) = oldest.and_then(|place| self.indexes.remove(&place)) else { break };
            all -= bytes(&index).min(all);
        }
    }
}

impl RowsByHash {
    fn bytes(&self) -> usize {
        (self.sorted.capacity() + self.unsorted.capacity()) * ENTRY_BYTES
    }

    /// Sorts in what is not, if it is much.
    fn settle(&mut self) {
        if self.unsorted.len() > UNSORTED_MAX {
            self.sorted.append(&mut self.unsorted);
            self.sorted.sort_unstable();
        }
    }

    fn rows(&self, hash: u64) -> impl Iterator<Item = RowId> {
        let from = self.sorted.partition_point(|(other, _)| *other < hash);
        let sorted = self.sorted[from..].iter().take_while(move |(other, _)| *other == hash);
        let unsorted = self.unsorted.iter().filter(move |(other, _)| *other == hash);
        sorted.chain(unsorted).map(|(_, row)| *row)
    }
}

/// Bytes of an entry.
const ENTRY_BYTES: usize = size_of::<(u64, RowId)>();

impl Manager {
    /// The rows of `snapshot` that may have one of these values in these columns: arrays of one length, one for each column. Nothing
    /// where it is better to look at all rows.
    pub fn find_rows(
        &self,
        snapshot: &Snapshot,
        table: ObjectId,
        columns: &[usize],
        values: &[ArrayRef],
    ) -> Result<Option<Vec<Places>>> {
        let rows = snapshot.rows(table);
        let stored: usize = rows.segments.iter().map(|segment| segment.rows).sum();
        let place = (table, columns.to_vec());
        let index = {
            let mut indexes = self.plain.lock();
            if stored > KEY_LOOKUP_ROWS_MAX || stored * ENTRY_BYTES > indexes.bytes_max {
                return Ok(None);
            }
            indexes.get(place.clone())
        };
        let found = {
            let mut index = index.lock();
            self.catch_up(&mut index, snapshot, table, columns, &rows)?;
            let mut found: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
            let (mut count, most) = (0, FEW.max(rows.live_rows() / WORTH));
            for hash in hashes(values)?.into_iter().flatten() {
                for (segment, offset) in index.rows(hash).filter(|row| rows.is_live(*row)).map(split_row_id) {
                    found.entry(segment).or_default().push(offset);
                    count += 1;
                    if count > most {
                        return Ok(None);
                    }
                }
            }
            found
        };
        self.plain.lock().shrink(Some(&place));
        let mut found = found;
        let places = rows.segments.iter().filter_map(|segment| match (is_own(segment), found.remove(&segment.id)) {
            (true, _) => Some(Places::Anywhere(segment.clone())),
            (false, Some(mut offsets)) => {
                offsets.sort_unstable();
                offsets.dedup();
                Some(Places::At(segment.clone(), offsets.into()))
            }
            (false, None) => None,
        });
        Ok(Some(places.collect()))
    }

    /// Takes in the segments that an index does not know yet.
    fn catch_up(
        &self,
        index: &mut RowsByHash,
        snapshot: &Snapshot,
        table: ObjectId,
        columns: &[usize],
        rows: &TableRows,
    ) -> Result<()> {
        let facts = snapshot.catalog.get(table);
        let same = index.table.as_ref().zip(facts).is_some_and(|(before, now)| Arc::ptr_eq(before, now));
        // Entries of segments that are no more only take room.
        let stored: usize = rows.segments.iter().map(|segment| segment.rows).sum();
        if !same || index.sorted.len() > 2 * stored + UNSORTED_MAX {
            *index = RowsByHash { table: facts.cloned(), ..RowsByHash::default() };
        }
        for segment in rows.segments.iter().filter(|segment| !is_own(segment)) {
            if index.segments.contains(&segment.id) {
                continue;
            }
            let hashes = hashes(&self.read(table, segment, columns)?)?;
            let entries = hashes.into_iter().enumerate();
            index.unsorted.extend(entries.filter_map(|(n, hash)| Some((hash?, row_id(segment.id, n)))));
            index.segments.insert(segment.id);
        }
        index.settle();
        Ok(())
    }
}

/// Whether a segment is of an open transaction, which may take it back.
fn is_own(segment: &Segment) -> bool {
    matches!(segment.location, Location::Memory(_))
}

/// What rows with these values are found by; none where one is NULL, which nothing equals.
fn hashes(columns: &[ArrayRef]) -> Result<Vec<Option<u64>>> {
    Ok(key_bytes(columns)?.into_iter().map(|key| key.map(|key| key.hash())).collect())
}
