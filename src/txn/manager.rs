//! The manager: publishes snapshots, begins and commits transactions, reads and writes segments.
//!
//! Commit, in order: check that nobody changed what we changed (first committer wins), check keys, write files, hand one
//! batch to the store, all that one at a time; then wait until it is durable, together with others; then publish the new
//! snapshot by one pointer swap. Whatever fails before the batch leaves nothing; whatever was acknowledged is in it.

use super::audit::Audit;
use super::cache::ColumnCache;
use super::committing::{Committing, Merged};
use super::held::Held;
use super::history::History;
use super::job_runs::JobRuns;
use super::key_indexes::KeyIndexes;
use super::keys;
use super::learnt::Learnt;
use super::lineage::{self, Lineage};
use super::locks::Locks;
use super::manifest;
use super::parts::{Cut, Part, Parts, cut};
use super::past::PastStates;
use super::plain_indexes::PlainIndexes;
use super::seen::SeenRows;
use super::segment::{self, FileRef, InlineRef, Location, Segment};
use super::snapshot::{Snapshot, TableRows};
use super::statistics::TableSummary;
use super::transaction::{Transaction, conflict, name_taken};
use crate::catalog::{Catalog, FIRST_USER_ID, Object, ObjectId, Table};
use crate::config::{
    CHUNK_CACHE_BYTES, FEW_ROWS, FORMAT_VERSION, FORMAT_VERSION_BLOCKS, FORMAT_VERSION_LINEAGE, KEY_INDEX_BYTES,
    MERGED_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_ROWS_MAX, SMALL_SEGMENTS_MAX,
};
use crate::crypto::Scope;
use crate::encoding::{from_value, id_key, to_value_of};
use crate::error::{Error, Result};
use crate::storage::{Store, Tree, WriteBatch};
use arc_swap::ArcSwap;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Publishes snapshots; begins and commits transactions.
#[derive(Debug)]
pub struct Manager {
    store: Arc<Store>,
    current: ArcSwap<Snapshot>,
    /// The state after the last commit that was checked; it is durable or on its way.
    pub(super) checked: ArcSwap<Snapshot>,
    pub(super) commit: Mutex<()>,
    /// Key indexes of the checked state, by table and constraint. It changes under this lock.
    pub(super) keys: Mutex<KeyIndexes>,
    /// What serves plain indexes.
    pub(super) plain: Mutex<PlainIndexes>,
    next_id: AtomicU64,
    /// The manifest tells of deleted rows in blocks.
    has_blocks: AtomicBool,
    /// Tree governance tells of lineage.
    has_lineage: AtomicBool,
    pub(super) cache: ColumnCache,
    /// Bytes in memory of rows that are gathered for one segment.
    segment_bytes: AtomicUsize,
    /// What is known of tables, by the commit that changed them last.
    pub(super) summaries: Mutex<HashMap<ObjectId, (u64, Arc<TableSummary>)>>,
    /// What scans ask by.
    pub(super) learnt: Learnt,
    pub(super) locks: Arc<Locks>,
    pub(super) history: History,
    /// States of the past that AS OF read.
    pub(super) past: PastStates,
    audit: Audit,
    pub(super) job_runs: JobRuns,
    /// Places among rows that move along with them.
    pub(super) seen: SeenRows,
}

impl Manager {
    /// Reads the last committed state.
    pub fn open(store: Arc<Store>) -> Result<Self> {
        let engine = store.engine();
        let catalog = manifest::load_catalog(&**engine)?;
        let tables = manifest::load(&**engine, store.files())?;
        let state = engine.get(Tree::Sys, manifest::STATE_KEY)?;
        // What tells of lineage may tell of blocks as well.
        let version = state.as_deref().and_then(<[u8]>::first).copied().unwrap_or_default();
        let has_blocks = matches!(version, FORMAT_VERSION_BLOCKS | FORMAT_VERSION_LINEAGE);
        let lineage = Arc::new(Lineage::load(&**engine)?);
        let (seq, next_id) = match state {
            Some(bytes) => from_value("the commit state", &bytes)?,
            None => (0, FIRST_USER_ID),
        };
        // What was rolled back may have left a key, which will be destroyed: nothing else may get its number.
        let keyed = store.keyring().facts().into_iter().filter_map(|fact| match fact.scope {
            Scope::Object(owner) => Some(owner + 1),
            Scope::Purpose(_) => None,
        });
        let next_id = keyed.fold(next_id, u64::max);
        let history = History::default();
        let pin = history.pin(seq);
        let (catalog, tables) = (Arc::new(catalog), Arc::new(tables));
        let snapshot = Arc::new(Snapshot { seq, catalog, tables, lineage, pin });
        let audit = Audit::open(&store)?;
        let job_runs = JobRuns::open(store.clone())?;
        let seen = SeenRows::open(&store, &snapshot.catalog)?;
        Ok(Self {
            audit,
            job_runs,
            seen,
            store,
            current: ArcSwap::new(snapshot.clone()),
            checked: ArcSwap::new(snapshot),
            commit: Mutex::new(()),
            keys: Mutex::new(KeyIndexes::new(KEY_INDEX_BYTES)),
            plain: Mutex::new(PlainIndexes::new(KEY_INDEX_BYTES / 2)),
            next_id: AtomicU64::new(next_id),
            has_blocks: AtomicBool::new(has_blocks),
            has_lineage: AtomicBool::new(version == FORMAT_VERSION_LINEAGE),
            segment_bytes: AtomicUsize::new(SEGMENT_BYTES_MAX),
            cache: ColumnCache::new(CHUNK_CACHE_BYTES),
            summaries: Mutex::default(),
            learnt: Learnt::default(),
            locks: Arc::default(),
            history,
            past: PastStates::default(),
        })
    }

    /// Bytes of decoded columns that may be kept in memory from now on.
    pub fn set_cache_bytes(&self, bytes_max: usize) {
        self.cache.set_bytes_max(bytes_max);
    }

    /// Bytes of key indexes that may be kept in memory from now on.
    pub fn set_key_bytes(&self, bytes_max: usize) {
        self.keys.lock().set_bytes_max(bytes_max);
        // Those of plain indexes have half as much beside them.
        self.plain.lock().set_bytes_max(bytes_max / 2);
    }

    /// Memory as a whole from now on: segments of what comes are made the smaller the less there is.
    pub fn set_memory_bytes(&self, bytes: u64) {
        let part = usize::try_from(bytes / 16).unwrap_or(usize::MAX);
        self.segment_bytes.store(part.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX), Ordering::Relaxed);
    }

    /// Bytes in memory of rows that are gathered for one segment.
    pub fn segment_bytes(&self) -> usize {
        self.segment_bytes.load(Ordering::Relaxed)
    }

    /// The store below.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The locks of its transactions.
    pub fn locks(&self) -> &Arc<Locks> {
        &self.locks
    }

    /// The last committed state.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Whether this is the catalogue of the last committed state.
    pub fn has_catalog(&self, catalog: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.current.load().catalog, catalog)
    }

    /// A new transaction on the last committed state.
    pub fn begin(&self, read_only: bool) -> Transaction {
        Transaction::new(self.current(), read_only, self.locks.owner())
    }

    /// An id that no object or segment has had.
    pub fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Commits; gives the number of the commit, durable on return. On an error nothing has changed, unless the write itself
    /// failed: then the next open shows whether it has.
    pub fn commit(&self, txn: Transaction) -> Result<u64> {
        self.begin_commit(txn)?.wait()
    }

    /// What there is to do under the lock of those who commit.
    pub(super) fn submit(&self, mut txn: Transaction, one_at_a_time: MutexGuard<'_, ()>) -> Result<Committing<'_>> {
        let latest = self.checked.load_full();
        self.locks.moves(|moves| txn.follow_moves(&latest, moves))?;
        self.check_conflicts(&txn, &latest)?;
        if let Some(reads) = txn.reads() {
            self.must_hold(reads, &txn.base, &latest)?;
        }
        if !txn.relied.holds(&txn.objects, &latest) {
            return Err(conflict()
                .with_detail("Tags of columns were set while their values were copied.")
                .with_hint("The transaction might succeed if retried."));
        }
        self.recheck_keys(&txn, &latest)?;
        let mut next = Self::apply(&txn, &latest);
        next.pin = self.history.pin(next.seq);
        let mut moved = Merged::default();
        let mut batch = self.write_batch(&txn, &latest, &mut next, &mut moved)?;
        let appending = match txn.audit.is_empty() {
            true => None,
            false => Some(self.audit.append(&mut batch, &txn.audit)?),
        };
        let ticket = self.store.engine().submit(batch)?;
        if let Some(appending) = appending {
            appending.done();
        }
        let next = Arc::new(next);
        self.follow(&txn, &latest, &next, moved);
        drop(one_at_a_time);
        Ok(Committing::of(self, ticket, (latest, next), txn))
    }

    pub(super) fn check_conflicts(&self, txn: &Transaction, latest: &Snapshot) -> Result<()> {
        if Arc::ptr_eq(&txn.base.catalog, &latest.catalog) && Arc::ptr_eq(&txn.base.tables, &latest.tables) {
            return Ok(());
        }
        for (id, object) in &txn.objects {
            match (txn.base.catalog.get(*id), latest.catalog.get(*id)) {
                (Some(before), Some(now)) if Arc::ptr_eq(before, now) => {}
                (None, None) => {}
                _ => return Err(conflict()),
            }
            if let Some(object) = object {
                let (class, name) = object.key();
                // What this transaction dropped or gave another name has it no longer.
                let keeps = |other: &ObjectId| match txn.objects.get(other) {
                    None => true,
                    Some(None) => false,
                    Some(Some(now)) => now.key() == (class, name.clone()),
                };
                if let Some((other, there)) = latest.catalog.find(class, &name)
                    && other != *id
                    && keeps(&other)
                {
                    return Err(name_taken(class, there));
                }
            }
        }
        for object in txn.objects.values().flatten() {
            // What was found of values, or learnt of them, must not outlive them.
            let of = match object.as_ref() {
                Object::Finding(finding) => std::slice::from_ref(&finding.object),
                Object::AssetState(state) if state.distributions != 0 => std::slice::from_ref(&state.object),
                Object::Model(model) => model.trained_on.as_slice(),
                _ => &[],
            };
            if of.iter().any(|table| latest.catalog.erased_since(&txn.base.catalog, *table)) {
                return Err(conflict());
            }
            let found = match object.as_ref() {
                Object::Finding(finding) => Some(finding.object),
                Object::AssetState(state) if state.distributions != 0 => Some(state.object),
                _ => None,
            };
            if let Some(of) = found {
                let classes = |snapshot: &Snapshot| snapshot.catalog.table_by_id(of).map(Table::classes);
                if classes(&txn.base) != classes(latest) && !txn.objects.contains_key(&of) {
                    return Err(conflict());
                }
            }
        }
        for ((table, segment), ours) in &txn.deleted {
            let before = txn.base.rows(*table).segment(*segment).and_then(|s| s.deleted.clone());
            let rows = latest.rows(*table);
            let now = rows.segment(*segment).ok_or_else(conflict)?;
            let changed_since = now.deleted != before;
            if changed_since && now.deleted.as_ref().is_some_and(|gone| gone.meets(ours)) {
                return Err(conflict());
            }
        }
        for table in txn.truncated.iter() {
            if latest.rows(*table).changed != txn.base.rows(*table).changed {
                return Err(conflict());
            }
        }
        for table in txn.added.keys() {
            let before = txn.base.catalog.table_by_id(*table);
            let now = latest.catalog.table_by_id(*table);
            let created_here = txn.objects.contains_key(table);
            let same = match (before, now) {
                (Some(before), Some(now)) => now.has_rules_of(before),
                _ => false,
            };
            if !created_here && !same {
                return Err(conflict());
            }
        }
        Ok(())
    }

    /// The latest snapshot with the transaction's changes.
    pub(super) fn apply(txn: &Transaction, latest: &Snapshot) -> Snapshot {
        let seq = latest.seq + 1;
        let mut next = Snapshot { seq, ..latest.clone() };
        next.lineage = lineage::after(&latest.lineage, &txn.lineage, &txn.objects, &latest.catalog);
        if !txn.objects.is_empty() {
            let catalog = Arc::make_mut(&mut next.catalog);
            // Drops first: a new object may take the name of a dropped one.
            txn.objects.iter().filter(|(_, o)| o.is_none()).for_each(|(id, _)| catalog.remove(*id));
            for (id, object) in &txn.objects {
                if let Some(object) = object {
                    catalog.put(*id, object.clone());
                }
            }
        }
        let tables = Arc::make_mut(&mut next.tables);
        txn.objects.iter().filter(|(_, o)| o.is_none()).for_each(|(id, _)| {
            tables.remove(id);
        });
        let touch =
            |tables: &mut HashMap<ObjectId, Arc<TableRows>>, table: ObjectId, change: &dyn Fn(&mut TableRows)| {
                let rows = Arc::make_mut(tables.entry(table).or_default());
                change(rows);
                rows.changed = seq;
            };
        for table in &txn.truncated {
            touch(tables, *table, &|rows| rows.segments.clear());
        }
        for ((table, class), columns) in &txn.erased {
            touch(tables, *table, &|rows| {
                for slot in &mut rows.segments {
                    if let Some(erased) = slot.without(*class, columns) {
                        *slot = Arc::new(erased);
                    }
                }
            });
        }
        for ((table, id), ours) in &txn.deleted {
            touch(tables, *table, &|rows| {
                if let Some(slot) = rows.segments.iter_mut().find(|s| s.id == *id) {
                    let mut all = slot.deleted.as_deref().cloned().unwrap_or_default();
                    all.extend(ours);
                    let mut changed = (**slot).clone();
                    changed.deleted = Some(Arc::new(all));
                    *slot = Arc::new(changed);
                }
            });
        }
        for (table, segments) in &txn.added {
            touch(tables, *table, &|rows| {
                let last = rows.segments.last().map_or(0, |last| last.id);
                rows.segments.extend(segments.iter().filter(|s| s.live_rows() > 0).cloned());
                // What is new comes last, unless somebody got a later number and came first.
                if segments.iter().any(|segment| segment.id < last) || segments.len() > 1 {
                    rows.segments.sort_by_key(|s| s.id);
                }
            });
        }
        // A segment without live rows has nothing left to say.
        for (table, _) in txn.deleted.keys() {
            touch(tables, *table, &|rows| rows.segments.retain(|s| s.live_rows() > 0));
        }
        next
    }

    /// What the store must hold afterwards; segments in memory find their place on disk here.
    fn write_batch(
        &self,
        txn: &Transaction,
        latest: &Snapshot,
        next: &mut Snapshot,
        moved: &mut Merged,
    ) -> Result<WriteBatch> {
        let mut batch = WriteBatch::default();
        for (id, object) in &txn.objects {
            match object {
                Some(object) => {
                    let owner = next.catalog.belongs_to(*id, object);
                    batch.put_for(owner, Tree::Catalog, id_key(*id), to_value_of(object.format_version(), &**object)?);
                }
                None => batch.delete(Tree::Catalog, id_key(*id)),
            }
        }
        for table in txn.touched() {
            let facts = next.catalog.table_by_id(table);
            if let Some(rows) = Arc::make_mut(&mut next.tables).get_mut(&table) {
                self.settle(table, Arc::make_mut(rows), next.seq, facts, &mut batch, moved)?;
            }
            let (before, after) = (latest.rows(table), next.rows(table));
            self.keep_gone(table, &before, &after)?;
            self.write_difference(&mut batch, table, &before, &after)?;
        }
        if !Arc::ptr_eq(&latest.lineage, &next.lineage) {
            next.lineage.write_difference(&latest.lineage, &mut batch)?;
            self.has_lineage.store(true, Ordering::Relaxed);
        }
        moved.seen = self.seen.followed(&moved.rows, &mut batch)?;
        self.put_state(&mut batch, next.seq)?;
        if txn.only_takes_away() {
            batch.take_away();
        }
        Ok(batch)
    }

    /// Writes what differs between two states of a table's rows.
    pub(super) fn write_difference(
        &self,
        batch: &mut WriteBatch,
        table: ObjectId,
        before: &TableRows,
        after: &TableRows,
    ) -> Result<()> {
        if manifest::write_difference(batch, table, before, after)? {
            self.has_blocks.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The number of a commit, and the next free id with it. A program that does not know of blocks of deleted rows must not open
    /// a store that has some: it would show the rows. Nor one that knows no lineage where there is some.
    pub(super) fn put_state(&self, batch: &mut WriteBatch, seq: u64) -> Result<()> {
        let state = (seq, self.next_id.load(Ordering::Relaxed));
        let version = match (self.has_lineage.load(Ordering::Relaxed), self.has_blocks.load(Ordering::Relaxed)) {
            (true, _) => FORMAT_VERSION_LINEAGE,
            (false, true) => FORMAT_VERSION_BLOCKS,
            (false, false) => FORMAT_VERSION,
        };
        batch.put(Tree::Sys, manifest::STATE_KEY.to_vec(), to_value_of(version, &state)?);
        Ok(())
    }

    /// Puts segments of memory into the store; merges small ones when there are many.
    fn settle(
        &self,
        id: ObjectId,
        settled: &mut TableRows,
        seq: u64,
        table: Option<&Table>,
        batch: &mut WriteBatch,
        moved: &mut Merged,
    ) -> Result<()> {
        if let Some(table) = table
            && let Some(merges) = merging(&settled.segments)
        {
            let (merge, keep): (Vec<_>, Vec<_>) = settled.segments.drain(..).partition(|segment| merges(segment));
            settled.segments = keep;
            let merged = self.merge(id, table, &merge, moved)?;
            moved.rows.note(seq, id, &merge, &merged);
            settled.segments.extend(merged);
            settled.segments.sort_by_key(|s| s.id);
        }
        for slot in &mut settled.segments {
            let Location::Memory(held) = &slot.location else { continue };
            let columns = held.columns()?;
            let cut = match table {
                Some(table) => cut(table, columns, slot.rows),
                None => Cut { whole: columns.to_vec(), parts: Vec::new() },
            };
            let mut stored = (**slot).clone();
            let mut put = |owner: ObjectId, values: &[ArrayRef]| -> Result<Location> {
                let bytes = segment::encode(values, slot.rows)?;
                stored.bytes += bytes.len() as u64;
                let inline = InlineRef::of(&bytes);
                batch.put(Tree::Rows, manifest::segment_key(owner, slot.id), bytes);
                Ok(Location::Inline(Arc::new(inline)))
            };
            let location = put(id, &cut.whole)?;
            let parts = cut.parts.into_iter().map(|(class, columns, values)| {
                let location = put(class, &values)?;
                Ok(Part { class, columns, location })
            });
            let parts = parts.collect::<Result<Vec<_>>>()?;
            (stored.location, stored.parts) = (location, Parts::of(parts));
            *slot = Arc::new(stored);
        }
        Ok(())
    }

    /// Some segments as one, or as few; `moved` hears which keys their rows have.
    fn merge(
        &self,
        id: ObjectId,
        table: &Table,
        segments: &[Arc<Segment>],
        moved: &mut Merged,
    ) -> Result<Vec<Arc<Segment>>> {
        let positions: Vec<usize> = (0..table.columns.len()).collect();
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); positions.len()];
        for segment in segments {
            let columns = self.read_live(id, segment, &positions)?;
            parts.iter_mut().zip(columns).for_each(|(part, column)| part.push(column));
        }
        let columns = parts
            .iter()
            .map(|part| {
                let part: Vec<_> = part.iter().map(AsRef::as_ref).collect();
                concat(&part).map_err(|e| Error::internal(e.to_string()))
            })
            .collect::<Result<Vec<_>>>()?;
        let rows = columns.first().map_or(0, |c| c.len());
        let whole = segment::batch(table.arrow_schema(), columns, rows)?;
        let mut note = |segment: &Segment, rows: &RecordBatch| -> Result<()> {
            for key in &table.keys {
                let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| rows.column(c).clone()).collect();
                moved.keys.push((id, key.name.clone(), segment.id, keys::bytes_of(key, &columns)?));
            }
            Ok(())
        };
        if rows > 0 && whole.get_array_memory_size() <= MERGED_BYTES_MAX {
            // It goes with the commit: a file would keep all who commit waiting for syncs of its own.
            let location = Location::Memory(Arc::new(Held::of(whole.columns().to_vec())));
            let segment = Segment { id: self.new_id(), rows, bytes: 0, location, parts: None, deleted: None };
            note(&segment, &whole)?;
            return Ok(vec![Arc::new(segment)]);
        }
        let mut merged = Vec::new();
        for start in (0..rows).step_by(SEGMENT_ROWS_MAX) {
            let part = whole.slice(start, SEGMENT_ROWS_MAX.min(rows - start));
            let segment = self.write_chunk(id, table, self.new_id(), &part)?;
            note(&segment, &part)?;
            merged.push(Arc::new(segment));
        }
        Ok(merged)
    }

    /// Makes a commit the checked state, on which the next one builds.
    fn follow(&self, txn: &Transaction, latest: &Snapshot, next: &Arc<Snapshot>, moved: Merged) {
        for table in txn.touched() {
            let changes = latest.rows(table);
            let rows = next.rows(table);
            let new = changes.changes(&rows).into_iter().filter_map(|(_, new)| new);
            new.flat_map(|segment| segment.files()).for_each(|file| file.keep(true));
        }
        let mut indexes = self.keys.lock();
        if !txn.objects.is_empty() {
            // The index of a key that is no longer what it was is built anew when next asked, though another may have its name.
            let same = |table: ObjectId, key: &str| match (latest.catalog.get(table), next.catalog.get(table)) {
                (Some(before), Some(now)) if Arc::ptr_eq(before, now) => true,
                _ => keys::same_key(latest, next, table, key),
            };
            indexes.retain(|(table, key), _| same(*table, key));
            self.summaries.lock().retain(|table, _| next.catalog.get(*table).is_some());
            self.learnt.retain(|table| next.catalog.get(table).is_some());
        }
        // What is not noted cannot be followed.
        if txn.has_any_unnoted() {
            indexes.retain(|(table, _), _| !txn.has_unnoted(*table));
        }
        for ((table, constraint), noted) in &txn.keys {
            if let Some(index) = indexes.get_mut(&(*table, constraint.clone())) {
                // Rows that the transaction deleted again must not hide what others committed meanwhile.
                let rows = next.rows(*table);
                if !index.begin(noted) {
                    index.extend(noted.iter().filter(|(_, row)| rows.is_live(**row)));
                }
            }
        }
        // Rows that moved have new ids. Those of them that are deleted are not among them.
        for (table, constraint, segment, keys) in moved.keys {
            if let Some(index) = indexes.get_mut(&(table, constraint)) {
                index.add_live(segment, &keys, |_| true);
            }
        }
        indexes.shrink();
        self.seen.follow(moved.seen);
        self.checked.store(next.clone());
        self.locks.moved(moved.rows);
    }

    /// Shows a durable commit, and lets go of the files that it needs no more.
    pub(super) fn publish(&self, latest: &Snapshot, next: Arc<Snapshot>) -> Result<u64> {
        let none = Arc::default();
        for (table, before) in latest.tables.iter() {
            let rows = next.tables.get(table).unwrap_or(&none);
            if !Arc::ptr_eq(before, rows) {
                for (segment, now) in before.changes(rows) {
                    // Of a segment that is still there a class may have gone.
                    let stays = |file: &FileRef| now.is_some_and(|now| now.files().any(|other| other.id == file.id));
                    let files = segment.into_iter().flat_map(|segment| segment.files());
                    files.filter(|file| !stays(file)).for_each(|file| file.keep(false));
                }
            }
        }
        let seq = next.seq;
        // Those before are durable as well; a later one may have come first.
        self.current.rcu(|current| if current.seq < seq { next.clone() } else { current.clone() });
        self.locks.forget_before(self.history.oldest());
        Ok(seq)
    }

    /// Checks the transaction's keys once more against what was committed while it ran.
    fn recheck_keys(&self, txn: &Transaction, latest: &Snapshot) -> Result<()> {
        for ((table, constraint), noted) in &txn.keys {
            let Some(facts) = latest.catalog.table_by_id(*table) else { continue };
            let Some(key) = facts.keys.iter().find(|key| key.name == *constraint) else { continue };
            if latest.rows(*table).changed == txn.base.rows(*table).changed {
                // Nobody else changed the table since: they were looked up in this very state when they were added.
                continue;
            }
            let own = txn.snapshot().rows(*table);
            let added = || self.key_columns(*table, key, txn.added.get(table).into_iter().flatten());
            self.with_index(*table, key, added, |index, latest| {
                let rows = latest.rows(*table);
                let taken = noted.iter().any(|(key, row)| {
                    index.get(key).is_some_and(|holder| rows.is_live(holder) && !txn.removes(*table, holder))
                        && own.is_live(*row)
                });
                match taken {
                    true => Err(keys::taken(facts, key)),
                    false => Ok(()),
                }
            })?;
        }
        Ok(())
    }
}

/// Which of a table's segments are to be merged, if there are too many small ones: those of a few rows, as long as these are most of
/// them, else all. So a row is written again twice before it is in a file, however few rows come at a time.
fn merging(segments: &[Arc<Segment>]) -> Option<fn(&Segment) -> bool> {
    if segments.len() <= SMALL_SEGMENTS_MAX {
        return None;
    }
    let small: fn(&Segment) -> bool = |segment| segment.file().is_none();
    let few: fn(&Segment) -> bool = |segment| segment.file().is_none() && segment.rows < FEW_ROWS;
    let count = |which: fn(&Segment) -> bool| segments.iter().filter(|segment| which(segment)).count();
    (count(small) > SMALL_SEGMENTS_MAX).then(|| if count(few) > SMALL_SEGMENTS_MAX / 2 { few } else { small })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, KeyConstraint, SqlType};
    use crate::crypto::{KeySource, MasterKey};
    use crate::error::Kind;
    use arrow::array::Int64Array;

    fn table() -> Table {
        Table {
            columns: vec![Column { not_null: true, ..Column::new("id", SqlType::Int8) }],
            keys: vec![KeyConstraint {
                name: "t_pkey".to_owned(),
                columns: vec![0],
                primary: true,
                ..KeyConstraint::default()
            }],
            ..Table::new("public", "t", 1)
        }
    }

    fn rows(ids: &[i64]) -> RecordBatch {
        let count = ids.len();
        let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
        segment::batch(table().arrow_schema(), vec![ids], count).unwrap()
    }

    /// What was rolled back may leave a key that the next start destroys, with whatever else had its number.
    #[test]
    fn a_number_that_has_a_key_is_given_to_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let open = || Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap();
        let manager = open();
        let ids = [manager.new_id(), manager.new_id()];
        manager.store().files().create(crate::storage::FileKind::Chunk, ids[1], b"of a load that was cut off").unwrap();
        drop(manager);
        assert!(open().new_id() > ids[1]);
    }

    /// A row that one transaction adds and deletes again must not hide another's live row with the same key, neither
    /// at once nor after a restart.
    #[test]
    fn a_deleted_row_hides_no_live_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let id = FIRST_USER_ID + 100;
        let refused = |manager: &Manager| {
            let mut txn = manager.begin(false);
            manager.append(&mut txn, id, &rows(&[60])).unwrap_err().kind()
        };
        {
            let manager = Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap();
            let mut txn = manager.begin(false);
            txn.put_object(id, Object::Table(table())).unwrap();
            manager.commit(txn).unwrap();
            let (mut a, mut b) = (manager.begin(false), manager.begin(false));
            manager.append(&mut a, id, &rows(&[60])).unwrap();
            manager.append(&mut b, id, &rows(&[60, 61])).unwrap();
            let added = b.snapshot().rows(id).segments[0].id;
            b.delete_rows(id, &[segment::row_id(added, 0)]).unwrap();
            manager.commit(a).unwrap();
            manager.commit(b).unwrap();
            assert_eq!(refused(&manager), Kind::Unique);
        }
        let manager = Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap();
        assert_eq!(refused(&manager), Kind::Unique);
    }
}
