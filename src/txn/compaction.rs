//! Compaction: segments with many dead rows, and many small ones, become few whole ones.
//!
//! A plan is chosen and its segments are read and written again without any lock. Only then, between two commits, the
//! new segments take the place of the old ones: rows deleted meanwhile are deleted in the new ones too, and if a
//! source is gone or the table has changed its columns the work is thrown away. Readers keep what they hold. A
//! transaction that began before and deletes a moved row finds it through [`Moves`], and locks go along.
//!
//! The rows of the table stay what they were: a compaction is a commit, but no change of the table.

use super::Manager;
use super::cluster::order;
use super::keys::{self, KeyBytes};
use super::locks::{GONE, Moves};
use super::pieces;
use super::segment::{Deleted, RowId, Segment, batch, row_id, split_row_id};
use super::snapshot::{Snapshot, TableRows};
use crate::catalog::{ObjectId, Table};
use crate::config::{
    COMPACTION_BYTES_MAX, COMPACTION_FILES_BYTES_MAX, COMPACTION_ROWS_MAX, PAGE_ROWS, SEGMENT_BYTES_MAX,
    SEGMENT_ROWS_MAX,
};
use crate::error::{Error, Result};
use crate::storage::WriteBatch;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::error::ArrowError;
use std::collections::HashMap;
use std::sync::Arc;

/// How much is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// What pays for itself: many dead rows, many small segments.
    Background,
    /// Every segment with a dead row, and small ones.
    Vacuum,
    /// Everything, in the order of the clustering key if there is one, declared or learnt.
    Full,
}

/// Small segments that are worth merging, if none of them has dead rows.
const SMALL_MIN: usize = 8;

/// Segments to be rewritten together.
type Group = Vec<Arc<Segment>>;

/// New segments for old ones, not yet in their place.
struct Rewritten {
    sources: Group,
    parts: Vec<Part>,
}

struct Part {
    segment: Segment,
    /// Where each of its rows was.
    origins: Vec<RowId>,
    /// For each constraint whose index is in memory the keys of its rows.
    keys: Vec<(String, Vec<Option<KeyBytes>>)>,
}

/// Rows of segments that are written again together.
#[derive(Default)]
struct Run {
    /// Whole rows, in the order of the segments.
    pieces: Vec<RecordBatch>,
    origins: Vec<RowId>,
    bytes: usize,
}

/// What is to be rewritten of a table. `is_full` tells of a segment with few rows whether it has enough bytes.
pub fn plan(rows: &TableRows, clustered: bool, effort: Effort, is_full: &dyn Fn(&Segment) -> bool) -> Vec<Group> {
    let candidate = |segment: &Segment| {
        let dead = segment.rows - segment.live_rows();
        let small = || segment.live_rows() < SEGMENT_ROWS_MAX / 2 && !is_full(segment);
        match effort {
            Effort::Background => segment.file().is_some() && (is_dirty(segment) || small()),
            Effort::Vacuum => dead > 0 || small(),
            Effort::Full => true,
        }
    };
    let most = if clustered { COMPACTION_ROWS_MAX } else { SEGMENT_ROWS_MAX };
    let mut groups: Vec<Group> = Vec::new();
    let (mut rows_of_last, mut bytes_of_last) = (usize::MAX, 0);
    for segment in rows.segments.iter().filter(|segment| candidate(segment)) {
        let is_much = bytes_of_last > 0 && bytes_of_last + segment.bytes > COMPACTION_FILES_BYTES_MAX;
        if rows_of_last.saturating_add(segment.live_rows()) > most || is_much {
            groups.push(Vec::new());
            (rows_of_last, bytes_of_last) = (0, 0);
        }
        rows_of_last += segment.live_rows();
        bytes_of_last += segment.bytes;
        if let Some(last) = groups.last_mut() {
            last.push(segment.clone());
        }
    }
    let pays = |group: &Group| match effort {
        Effort::Background => group.len() >= SMALL_MIN || group.iter().any(|segment| is_dirty(segment)),
        Effort::Vacuum => group.len() > 1 || group.iter().any(|segment| segment.deleted.is_some()),
        Effort::Full => true,
    };
    groups.retain(pays);
    groups
}

/// More than a fifth of its rows are dead: then its file is a quarter too large, and more.
fn is_dirty(segment: &Segment) -> bool {
    segment.rows - segment.live_rows() > segment.rows / 5
}

impl Manager {
    /// Rewrites what `effort` says of a table, until `stop`; gives how many segments were.
    pub fn compact(&self, table: ObjectId, effort: Effort, stop: &dyn Fn() -> bool) -> Result<usize> {
        let snapshot = self.current();
        let Some(facts) = snapshot.catalog.table_by_id(table) else { return Ok(0) };
        let mut count = 0;
        let is_full = |segment: &Segment| self.is_full(table, segment);
        for group in plan(&snapshot.rows(table), !self.clustering(table, facts).is_empty(), effort, &is_full) {
            if stop() {
                break;
            }
            let rewritten = self.rewrite(table, facts, group)?;
            let segments = rewritten.sources.len();
            count += if self.replace(table, facts, rewritten)? { segments } else { 0 };
        }
        Ok(count)
    }

    /// Whether [`Self::compact`] would find something in the background.
    pub fn wants_compaction(&self, table: ObjectId) -> bool {
        let snapshot = self.current();
        let facts = snapshot.catalog.table_by_id(table);
        let clustered = facts.is_some_and(|facts| !self.clustering(table, facts).is_empty());
        let is_full = |segment: &Segment| self.is_full(table, segment);
        !plan(&snapshot.rows(table), clustered, Effort::Background, &is_full).is_empty()
    }

    /// Whether the rows of a segment are so wide that more of them would not fit into one. Its pages tell: short ones have more than
    /// half of [`PAGE_BYTES_MAX`](crate::config::PAGE_BYTES_MAX), and what was cut by bytes has at least three of them. One that
    /// cannot be read is left alone.
    fn is_full(&self, table: ObjectId, segment: &Segment) -> bool {
        match self.footer(table, segment) {
            Ok(Some(footer)) => footer.page_rows < PAGE_ROWS && footer.pages() >= 3,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    fn rewrite(&self, table: ObjectId, facts: &Table, sources: Group) -> Result<Rewritten> {
        let positions: Vec<usize> = (0..facts.columns.len()).collect();
        let by = self.clustering(table, facts);
        let bytes_max = if by.is_empty() { SEGMENT_BYTES_MAX } else { COMPACTION_BYTES_MAX };
        let (mut run, mut parts) = (Run::default(), Vec::new());
        for segment in &sources {
            for (page, rows) in self.pages(table, segment)?.into_iter().enumerate() {
                let live: BooleanArray = rows.clone().map(|offset| Some(!segment.is_deleted(offset))).collect();
                if live.true_count() == 0 {
                    continue;
                }
                let columns = self.read_pages(table, segment, &positions, page..page + 1)?.remove(0);
                let mut whole = batch(facts.arrow_schema(), columns, rows.len())?;
                if live.true_count() < rows.len() {
                    whole = filter_record_batch(&whole, &live).map_err(|e| unmergeable(&e))?;
                }
                let mut origins = rows.filter(|offset| !segment.is_deleted(*offset)).map(|o| row_id(segment.id, o));
                for piece in pieces::within(&whole, bytes_max) {
                    let bytes = pieces::bytes(piece.columns());
                    if run.bytes > 0 && run.bytes + bytes > bytes_max {
                        parts.extend(self.write_run(table, facts, &by, std::mem::take(&mut run))?);
                    }
                    run.bytes += bytes;
                    run.origins.extend(origins.by_ref().take(piece.num_rows()));
                    run.pieces.push(piece);
                }
            }
        }
        parts.extend(self.write_run(table, facts, &by, run)?);
        Ok(Rewritten { sources, parts })
    }

    /// Writes rows as segments, in the order of the clustering key if there is one.
    fn write_run(&self, table: ObjectId, facts: &Table, by: &[usize], run: Run) -> Result<Vec<Part>> {
        let Run { pieces, mut origins, .. } = run;
        let mut whole = concat_batches(&facts.arrow_schema(), &pieces).map_err(|e| unmergeable(&e))?;
        drop(pieces);
        if let Some(order) = order(by, whole.columns()).map_err(|e| unmergeable(&e))? {
            whole = take_record_batch(&whole, &order).map_err(|e| unmergeable(&e))?;
            origins = order.values().iter().map(|&at| origins[at as usize]).collect();
        }
        let (mut parts, mut origins) = (Vec::new(), origins.into_iter());
        for piece in pieces::within(&whole, SEGMENT_BYTES_MAX) {
            for start in (0..piece.num_rows()).step_by(SEGMENT_ROWS_MAX) {
                let part = piece.slice(start, SEGMENT_ROWS_MAX.min(piece.num_rows() - start));
                let mut keys = Vec::new();
                for key in facts.keys.iter().filter(|key| self.has_index(table, key)) {
                    let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| part.column(c).clone()).collect();
                    keys.push((key.name.clone(), keys::bytes_of(key, &columns)?));
                }
                let segment = self.write_chunk(table, facts, self.new_id(), &part)?;
                parts.push(Part { segment, origins: origins.by_ref().take(part.num_rows()).collect(), keys });
            }
        }
        Ok(parts)
    }

    /// Puts new segments in the place of old ones; does nothing if something else came between.
    fn replace(&self, table: ObjectId, facts: &Table, mut rewritten: Rewritten) -> Result<bool> {
        let one_at_a_time = self.commit.lock();
        let latest = self.checked.load_full();
        let before = latest.rows(table);
        let same = latest.catalog.table_by_id(table).is_some_and(|now| now.columns == facts.columns);
        let now: Option<Vec<_>> = rewritten.sources.iter().map(|source| before.segment(source.id).cloned()).collect();
        let Some(now) = now.filter(|_| same) else { return Ok(false) };
        for part in &mut rewritten.parts {
            part.segment.deleted = deleted_since(part, &rewritten.sources, &now);
        }
        let mut rows = TableRows::clone(&before);
        rows.segments.retain(|segment| !rewritten.sources.iter().any(|source| source.id == segment.id));
        let live = rewritten.parts.iter().filter(|part| part.segment.live_rows() > 0);
        rows.segments.extend(live.map(|part| Arc::new(part.segment.clone())));
        rows.segments.sort_by_key(|segment| segment.id);

        let mut next = Snapshot { seq: latest.seq + 1, ..(*latest).clone() };
        next.pin = self.history.pin(next.seq);
        let mut batch = WriteBatch::default();
        self.keep_gone(table, &before, &rows)?;
        self.write_difference(&mut batch, table, &before, &rows)?;
        let moves = moves_of(table, next.seq, &rewritten);
        let seen = self.seen.followed(&moves, &mut batch)?;
        Arc::make_mut(&mut next.tables).insert(table, Arc::new(rows));
        self.put_state(&mut batch, next.seq)?;
        let ticket = self.store().engine().submit(batch)?;
        let next = Arc::new(next);
        self.seen.follow(seen);
        self.follow_rewritten(table, &next, &rewritten, moves);
        drop(one_at_a_time);
        self.store().engine().settle(ticket)?;
        self.publish(&latest, next)?;
        Ok(true)
    }

    /// What is kept beside the checked state learns where the rows are now.
    fn follow_rewritten(&self, table: ObjectId, next: &Arc<Snapshot>, rewritten: &Rewritten, moves: Moves) {
        let rows = next.rows(table);
        rows.segments.iter().flat_map(|s| s.files()).for_each(|file| file.keep(true));
        let mut indexes = self.keys.lock();
        indexes.retain(|(of, constraint), index| {
            if *of != table {
                return true;
            }
            for part in &rewritten.parts {
                // An index that was made only after the keys were computed has entries of rows that are gone.
                let Some((_, keys)) = part.keys.iter().find(|(name, _)| name == constraint) else { return false };
                index.add_live(part.segment.id, keys, |offset| !part.segment.is_deleted(offset));
            }
            true
        });
        indexes.shrink();
        self.summaries.lock().remove(&table);
        self.checked.store(next.clone());
        self.locks.moved(moves);
    }
}

/// Where the rows of old segments are in the new ones.
fn moves_of(table: ObjectId, seq: u64, rewritten: &Rewritten) -> Moves {
    let gone = rewritten.sources.iter().map(|source| (source.id, vec![GONE; source.rows]));
    let mut places: HashMap<u64, Vec<RowId>> = gone.collect();
    for part in &rewritten.parts {
        for (offset, origin) in part.origins.iter().enumerate() {
            let (segment, old) = split_row_id(*origin);
            if let Some(places) = places.get_mut(&segment) {
                places[old] = row_id(part.segment.id, offset);
            }
        }
    }
    let mut moves = Moves::default();
    places.into_iter().for_each(|(segment, rows)| moves.put(seq, table, segment, rows));
    moves
}

fn unmergeable(error: &ArrowError) -> Error {
    Error::internal(format!("segments cannot be merged: {error}"))
}

/// The rows of a new segment that were deleted from the old ones while it was written.
fn deleted_since(part: &Part, sources: &[Arc<Segment>], now: &[Arc<Segment>]) -> Option<Arc<Deleted>> {
    let changed: Vec<&Arc<Segment>> =
        sources.iter().zip(now).filter(|(then, now)| then.deleted != now.deleted).map(|(_, now)| now).collect();
    let mut deleted = Deleted::default();
    for (offset, origin) in part.origins.iter().enumerate().filter(|_| !changed.is_empty()) {
        let (segment, old) = split_row_id(*origin);
        if changed.iter().any(|now| now.id == segment && now.is_deleted(old)) {
            deleted.insert(offset);
        }
    }
    (deleted.count() > 0).then(|| Arc::new(deleted))
}

#[cfg(test)]
mod tests {
    use super::super::Transaction;
    use super::*;
    use crate::catalog::{Column, FIRST_USER_ID, KeyConstraint, Object, SqlType};
    use crate::crypto::{KeySource, MasterKey};
    use crate::error::Kind;
    use crate::storage::Store;
    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;
    use std::path::Path;

    const TABLE: ObjectId = FIRST_USER_ID + 100;
    const ROWS: i64 = 20_000;

    fn never() -> bool {
        false
    }

    fn facts() -> Table {
        Table {
            columns: ["id", "other"].map(|name| Column::new(name, SqlType::Int8)).to_vec(),
            keys: vec![KeyConstraint {
                name: "t_pkey".to_owned(),
                columns: vec![0],
                primary: true,
                ..KeyConstraint::default()
            }],
            ..Table::new("public", "t", 1)
        }
    }

    fn open(folder: &Path) -> Manager {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        Manager::open(Arc::new(Store::open(folder, &key).unwrap())).unwrap()
    }

    fn rows(ids: std::ops::Range<i64>) -> RecordBatch {
        let count = (ids.end - ids.start) as usize;
        let other: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.clone().map(|n| n * 7919 % 10_007)));
        batch(facts().arrow_schema(), vec![Arc::new(Int64Array::from_iter_values(ids)), other], count).unwrap()
    }

    /// A table of two large segments, with these ids.
    fn filled(folder: &Path) -> Manager {
        let manager = open(folder);
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.append(&mut txn, TABLE, &rows(0..ROWS)).unwrap();
        manager.append(&mut txn, TABLE, &rows(ROWS..2 * ROWS)).unwrap();
        manager.commit(txn).unwrap();
        manager
    }

    /// The rows of these ids.
    fn find(manager: &Manager, snapshot: &Snapshot, wanted: impl Fn(i64) -> bool) -> Vec<RowId> {
        let mut found = Vec::new();
        for segment in &snapshot.rows(TABLE).segments {
            let column = manager.read(TABLE, segment, &[0]).unwrap().remove(0);
            let ids = column.as_primitive::<Int64Type>().values();
            let live = (0..segment.rows).filter(|n| !segment.is_deleted(*n) && wanted(ids[*n]));
            found.extend(live.map(|n| row_id(segment.id, n)));
        }
        found
    }

    fn delete(manager: &Manager, txn: &mut Transaction, wanted: impl Fn(i64) -> bool) -> usize {
        let rows = find(manager, txn.snapshot(), wanted);
        txn.delete_rows(TABLE, &rows).unwrap()
    }

    fn ids(manager: &Manager) -> Vec<i64> {
        let snapshot = manager.current();
        let mut all = Vec::new();
        for segment in &snapshot.rows(TABLE).segments {
            let columns = manager.read_live(TABLE, segment, &[0, 1]).unwrap();
            let (id, other) = (columns[0].as_primitive::<Int64Type>(), columns[1].as_primitive::<Int64Type>());
            assert!(id.values().iter().zip(other.values()).all(|(id, other)| id * 7919 % 10_007 == *other));
            all.extend(id.values());
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn dead_rows_leave_the_disk_and_readers_keep_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let mut txn = manager.begin(false);
        assert_eq!(delete(&manager, &mut txn, |id| id % 2 == 0), ROWS as usize);
        manager.commit(txn).unwrap();
        let (held, before) = (manager.current(), manager.current().rows(TABLE).bytes());
        assert!(manager.wants_compaction(TABLE));
        assert_eq!(manager.compact(TABLE, Effort::Background, &never).unwrap(), 2);
        assert!(!manager.wants_compaction(TABLE));
        let after = manager.current().rows(TABLE);
        assert!(after.bytes() * 10 < before * 6, "{} of {before} bytes", after.bytes());
        assert_eq!((after.segments.len(), after.live_rows()), (1, ROWS as usize));
        let odd: Vec<i64> = (0..2 * ROWS).filter(|id| id % 2 == 1).collect();
        assert_eq!(ids(&manager), odd);
        // The state from before is still whole, its files are there; they go with it.
        assert_eq!(find(&manager, &held, |_| true).len(), ROWS as usize);
        let files = || manager.store().files().list().unwrap().len();
        assert_eq!(files(), 3);
        drop(held);
        assert_eq!(files(), 1);
        drop((after, manager));
        assert_eq!(ids(&open(folder.path())), odd);
    }

    #[test]
    fn rows_deleted_and_keys_taken_meanwhile_stay_so() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let add = |id: i64| {
            let mut txn = manager.begin(false);
            manager.append(&mut txn, TABLE, &rows(id..id + 1)).map(|()| manager.commit(txn).unwrap())
        };
        assert_eq!(add(5).unwrap_err().kind(), Kind::Unique);
        let snapshot = manager.current();
        let group = plan(&snapshot.rows(TABLE), false, Effort::Full, &|_| false).remove(0);
        let rewritten = manager.rewrite(TABLE, &facts(), group).unwrap();
        // Between the rewriting and its commit one row goes, and another goes and comes back elsewhere.
        let mut txn = manager.begin(false);
        delete(&manager, &mut txn, |id| id == 5 || id == ROWS + 1);
        manager.append(&mut txn, TABLE, &rows(ROWS + 1..ROWS + 2)).unwrap();
        manager.commit(txn).unwrap();
        assert!(manager.replace(TABLE, &facts(), rewritten).unwrap());
        let expected: Vec<i64> = (0..2 * ROWS).filter(|id| *id != 5).collect();
        assert_eq!(ids(&manager), expected);
        assert_eq!(add(ROWS + 1).unwrap_err().kind(), Kind::Unique);
        assert_eq!(add(7).unwrap_err().kind(), Kind::Unique);
        add(5).unwrap();
        // And what was rewritten of a state that is gone is thrown away.
        let snapshot = manager.current();
        let group = plan(&snapshot.rows(TABLE), false, Effort::Full, &|_| false).remove(0);
        let rewritten = manager.rewrite(TABLE, &facts(), group).unwrap();
        let mut txn = manager.begin(false);
        txn.truncate(TABLE);
        manager.commit(txn).unwrap();
        assert!(!manager.replace(TABLE, &facts(), rewritten).unwrap());
        assert!(ids(&manager).is_empty());
    }

    #[test]
    fn transactions_that_began_before_find_their_rows() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let (mut early, mut rival) = (manager.begin(false), manager.begin(false));
        delete(&manager, &mut early, |id| id < 10);
        delete(&manager, &mut rival, |id| id == 9 || id == 10);
        // Twice, and with rows that die between.
        manager.compact(TABLE, Effort::Full, &never).unwrap();
        let mut txn = manager.begin(false);
        delete(&manager, &mut txn, |id| (100..ROWS).contains(&id));
        manager.commit(txn).unwrap();
        manager.compact(TABLE, Effort::Full, &never).unwrap();
        let mut late = manager.begin(false);
        delete(&manager, &mut late, |id| id == 10);
        manager.commit(early).unwrap();
        let expected: Vec<i64> = (10..100).chain(ROWS..2 * ROWS).collect();
        assert_eq!(ids(&manager), expected);
        // The first committer wins, wherever the rows have gone.
        assert_eq!(manager.commit(rival).unwrap_err().kind(), Kind::Serialization);
        manager.compact(TABLE, Effort::Full, &never).unwrap();
        manager.commit(late).unwrap();
        assert_eq!(ids(&manager), expected[1..]);
    }

    #[test]
    fn a_clustered_table_is_sorted_where_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        let clustered = Table { cluster: vec![1], ..facts() };
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(clustered)).unwrap();
        manager.append(&mut txn, TABLE, &rows(0..ROWS)).unwrap();
        manager.append(&mut txn, TABLE, &rows(ROWS..2 * ROWS)).unwrap();
        manager.commit(txn).unwrap();
        let sorted = |rows: &TableRows| {
            rows.segments.iter().all(|segment| {
                let column = manager.read(TABLE, segment, &[1]).unwrap().remove(0);
                column.as_primitive::<Int64Type>().values().is_sorted()
            })
        };
        assert!(sorted(&manager.current().rows(TABLE)));
        manager.compact(TABLE, Effort::Full, &never).unwrap();
        let rows = manager.current().rows(TABLE);
        assert!(rows.segments.len() == 1 && sorted(&rows));
        assert_eq!(ids(&manager), (0..2 * ROWS).collect::<Vec<_>>());
    }

    #[test]
    fn small_segments_are_merged_when_they_are_many() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        for n in 2..6 {
            let mut txn = manager.begin(false);
            manager.append(&mut txn, TABLE, &rows(n * ROWS..(n + 1) * ROWS)).unwrap();
            manager.commit(txn).unwrap();
        }
        assert!(!manager.wants_compaction(TABLE));
        assert_eq!(manager.compact(TABLE, Effort::Vacuum, &never).unwrap(), 6);
        assert_eq!(manager.current().rows(TABLE).segments.len(), 1);
        assert_eq!(ids(&manager), (0..6 * ROWS).collect::<Vec<_>>());
        assert_eq!(manager.compact(TABLE, Effort::Vacuum, &never).unwrap(), 0);
    }

    /// Writers change rows by key while everything is rewritten again and again: no row is lost, none is there twice, and
    /// every snapshot is whole.
    #[test]
    fn nothing_is_lost_while_everything_moves() {
        const IDS: i64 = 3000;
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.append(&mut txn, TABLE, &rows(0..IDS)).unwrap();
        manager.commit(txn).unwrap();
        let change = |id: i64| {
            let mut txn = manager.begin(false);
            let wanted: ArrayRef = Arc::new(Int64Array::from(vec![id]));
            let row = match manager.find_key(txn.snapshot(), TABLE, &facts().keys[0], &[wanted]).unwrap() {
                super::super::Found::Row(row) => row,
                super::super::Found::Unknown => find(&manager, txn.snapshot(), |there| there == id)[0],
                super::super::Found::Nowhere => panic!("row {id} is lost"),
            };
            assert_eq!(txn.delete_rows(TABLE, &[row]).unwrap(), 1);
            manager.append(&mut txn, TABLE, &rows(id..id + 1)).and_then(|()| manager.commit(txn))
        };
        std::thread::scope(|scope| {
            let write = |writer: i64| {
                let change = &change;
                scope.spawn(move || {
                    for n in 0..80 {
                        let id = (n * 7919 + writer * 31) % IDS;
                        while let Err(error) = change(id) {
                            assert_eq!(error.kind(), Kind::Serialization, "{error}");
                        }
                    }
                })
            };
            let writers: Vec<_> = (0..3).map(write).collect();
            while writers.iter().any(|writer| !writer.is_finished()) {
                manager.compact(TABLE, Effort::Full, &never).unwrap();
                assert_eq!(ids(&manager), (0..IDS).collect::<Vec<_>>());
            }
        });
        assert_eq!(ids(&manager), (0..IDS).collect::<Vec<_>>());
        drop(manager);
        assert_eq!(ids(&open(folder.path())), (0..IDS).collect::<Vec<_>>());
    }

    /// A small segment that is merged away is still there for who began before.
    #[test]
    fn small_segments_outlive_their_place_in_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.append(&mut txn, TABLE, &rows(0..5)).unwrap();
        manager.commit(txn).unwrap();
        let (held, reader) = (manager.current(), manager.begin(true));
        let mut txn = manager.begin(false);
        delete(&manager, &mut txn, |id| id < 3);
        manager.commit(txn).unwrap();
        manager.compact(TABLE, Effort::Full, &never).unwrap();
        assert_eq!(ids(&manager), [3, 4]);
        assert_eq!(find(&manager, &held, |_| true).len(), 5);
        assert_eq!(find(&manager, reader.snapshot(), |_| true).len(), 5);
    }

    /// A commit that merges small segments moves rows as well; who changes one of them meanwhile is not in conflict.
    #[test]
    fn rows_of_merged_small_segments_are_found_too() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts())).unwrap();
        manager.commit(txn).unwrap();
        let most = crate::config::SMALL_SEGMENTS_MAX as i64;
        for id in 0..most {
            let mut txn = manager.begin(false);
            manager.append(&mut txn, TABLE, &rows(id..id + 1)).unwrap();
            manager.commit(txn).unwrap();
        }
        assert_eq!(manager.current().rows(TABLE).segments.len(), most as usize);
        let mut early = manager.begin(false);
        assert_eq!(delete(&manager, &mut early, |id| id == 5), 1);
        let mut txn = manager.begin(false);
        manager.append(&mut txn, TABLE, &rows(most..most + 1)).unwrap();
        manager.commit(txn).unwrap();
        assert_eq!(manager.current().rows(TABLE).segments.len(), 1);
        manager.append(&mut early, TABLE, &rows(5..6)).unwrap();
        manager.commit(early).unwrap();
        assert_eq!(ids(&manager), (0..=most).collect::<Vec<_>>());
    }

    #[test]
    fn wide_rows_are_merged_into_segments_that_fit_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(folder.path());
        let facts = Table { columns: vec![Column::new("t", SqlType::Text)], ..Table::new("public", "t", 1) };
        let mut txn = manager.begin(false);
        txn.put_object(TABLE, Object::Table(facts.clone())).unwrap();
        // Nine times eight texts of a megabyte: more than one segment may have.
        let text = |n: usize| format!("{n:04}").repeat(1 << 18);
        for part in 0..9 {
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..8).map(|n| text(8 * part + n))));
            manager.append(&mut txn, TABLE, &batch(facts.arrow_schema(), vec![texts], 8).unwrap()).unwrap();
        }
        manager.commit(txn).unwrap();
        assert_eq!(manager.compact(TABLE, Effort::Background, &never).unwrap(), 9);
        let rows = manager.current().rows(TABLE);
        assert_eq!(rows.segments.iter().map(|segment| segment.rows).collect::<Vec<_>>(), [56, 16]);
        let mut all = Vec::new();
        for segment in &rows.segments {
            let pages = manager.pages(TABLE, segment).unwrap();
            assert!(pages.iter().all(|page| page.len() <= 16), "{pages:?}");
            let column = manager.read(TABLE, segment, &[0]).unwrap().remove(0);
            all.extend(column.as_string::<i32>().iter().map(|text| text.unwrap()[..4].parse::<usize>().unwrap()));
        }
        assert_eq!(all, (0..72).collect::<Vec<_>>());
        // The first has as much as it may have, however few rows that are: nothing is left to be done.
        assert!(manager.is_full(TABLE, &rows.segments[0]) && !manager.is_full(TABLE, &rows.segments[1]));
        assert!(!manager.wants_compaction(TABLE));
    }
}
