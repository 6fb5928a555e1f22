//! A transaction: the snapshot it began with, what it changed, and what it sees.

use super::deferred::Deferred;
use super::held::Held;
use super::isolation::{Isolation, Reads};
use super::keys::{KeyBytes, KeyMap};
use super::lineage::Lineage;
use super::locks::{Moves, Owner};
use super::relied::{Relied, TagPlace};
use super::segment::{Deleted, Location, RowId, Segment, row_id, split_row_id};
use super::snapshot::{Snapshot, TableRows};
use crate::catalog::{AuditEntry, Class, LineageChange, Object, ObjectId};
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
    /// Classes whose values go, by table, with the positions of their columns.
    pub(super) erased: BTreeMap<(ObjectId, ObjectId), Vec<usize>>,
    /// Keys of rows added, by table and constraint.
    pub(super) keys: HashMap<(ObjectId, String), Arc<KeyMap>>,
    /// Segments added whose keys are not among them: their rows have the keys of rows that they took the place of.
    unnoted: BTreeMap<ObjectId, BTreeSet<u64>>,
    /// What it makes of lineage, in its order.
    pub(super) lineage: Arc<Vec<LineageChange>>,
    /// What it has made of tags.
    pub(super) relied: Relied,
    /// What of it goes into the audit log with its commit.
    pub(super) audit: Arc<Vec<AuditEntry>>,
    /// What it looks at later.
    deferred: Deferred,
    /// How often it has changed rows, and for each table which time was the last.
    changes: u64,
    versions: BTreeMap<ObjectId, u64>,
    read_only: bool,
    isolation: Isolation,
    /// A statement has seen the base.
    begun: bool,
    reads: Reads,
    owner: Arc<Owner>,
    /// Locks taken since this savepoint are of this mark and later ones.
    mark: u64,
}

impl Transaction {
    /// A transaction on this snapshot, whose locks are the owner's.
    pub(super) fn new(base: Arc<Snapshot>, read_only: bool, owner: Arc<Owner>) -> Self {
        Self {
            working: (*base).clone(),
            base,
            objects: BTreeMap::new(),
            added: BTreeMap::new(),
            deleted: BTreeMap::new(),
            truncated: BTreeSet::new(),
            erased: BTreeMap::new(),
            keys: HashMap::new(),
            unnoted: BTreeMap::new(),
            lineage: Arc::default(),
            relied: Relied::default(),
            audit: Arc::default(),
            deferred: Deferred::default(),
            changes: 0,
            versions: BTreeMap::new(),
            read_only,
            isolation: Isolation::default(),
            begun: false,
            reads: Reads::default(),
            owner,
            mark: 0,
        }
    }

    /// Its level of isolation.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Sets the level of isolation; once a statement has run it stays what it is.
    pub fn set_isolation(&mut self, isolation: Isolation) -> Result<()> {
        if self.begun && isolation != self.isolation {
            let message = "SET TRANSACTION ISOLATION LEVEL must be called before any query";
            return Err(Error::new(Kind::ActiveTransaction, message));
        }
        self.isolation = isolation;
        Ok(())
    }

    /// Whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether a statement has run.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// A statement begins; tells whether it is to see what has been committed since the one before.
    pub(super) fn begin_statement(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.begun, true);
        first || self.isolation == Isolation::ReadCommitted
    }

    /// What a serializable transaction notes its reads in.
    pub fn reads(&self) -> Option<&Reads> {
        (self.isolation == Isolation::Serializable).then_some(&self.reads)
    }

    /// What it puts off.
    pub fn deferred(&self) -> &Deferred {
        &self.deferred
    }

    /// What it puts off, to be changed.
    pub fn deferred_mut(&mut self) -> &mut Deferred {
        &mut self.deferred
    }

    /// The holder of its locks.
    pub fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    /// Itself as it is, to come back to.
    pub fn savepoint(&self) -> Self {
        Self { mark: self.owner.mark(), ..self.clone() }
    }

    /// Gives back the locks taken since this savepoint; for what is none, all.
    pub fn release_locks(&self) {
        self.owner.release_from(self.mark);
    }

    /// Puts itself on a newer base: `working` is that with its own changes.
    pub(super) fn rebase(&mut self, base: Arc<Snapshot>, mut working: Snapshot) {
        let own: Vec<ObjectId> = (self.added.keys().copied())
            .chain(self.deleted.keys().map(|(table, _)| *table))
            .chain(self.truncated.iter().copied())
            .chain(self.erased.keys().map(|(table, _)| *table))
            .collect();
        let tables = Arc::make_mut(&mut working.tables);
        for table in own {
            if let Some(rows) = tables.get_mut(&table) {
                Arc::make_mut(rows).changed |= 1 << 63;
            }
        }
        working.seq = base.seq;
        self.base = base;
        self.working = working;
    }

    /// Those of the rows that it did not add itself: others may see them too.
    pub fn shared_rows(&self, table: ObjectId, rows: &[RowId]) -> Vec<RowId> {
        let own: BTreeSet<u64> = self.added.get(&table).into_iter().flatten().map(|s| s.id).collect();
        rows.iter().copied().filter(|row| !own.contains(&split_row_id(*row).0)).collect()
    }

    /// Whether it changed an object: then it has it for itself.
    pub fn has_changed(&self, id: ObjectId) -> bool {
        self.objects.contains_key(&id)
    }

    /// Objects that it changed and an earlier state of it had not: what a statement in between did.
    pub fn touched_since(&self, before: &Self) -> Vec<ObjectId> {
        let mut touched: BTreeSet<ObjectId> = (self.objects.iter())
            .filter(|(id, object)| match (before.objects.get(id), object) {
                (Some(Some(old)), Some(new)) => !Arc::ptr_eq(old, new),
                (Some(None), None) => false,
                _ => true,
            })
            .map(|(id, _)| *id)
            .collect();
        touched.extend(self.truncated.difference(&before.truncated));
        // What is new is nobody else's yet.
        touched.into_iter().filter(|id| self.base.catalog.get(*id).is_some()).collect()
    }

    /// Whether an object, and the rows if it is a table, are in `latest` what they were in its base.
    pub fn is_current(&self, id: ObjectId, latest: &Snapshot) -> bool {
        let same = match (self.base.catalog.get(id), latest.catalog.get(id)) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        same && self.base.rows(id).changed == latest.rows(id).changed
    }

    /// What it sees, its own changes included.
    pub fn snapshot(&self) -> &Snapshot {
        &self.working
    }

    /// Whether it takes rows or objects away and adds no row.
    pub fn only_takes_away(&self) -> bool {
        let takes = !self.deleted.is_empty() || !self.truncated.is_empty() || !self.erased.is_empty();
        let drops = self.objects.values().any(Option::is_none);
        let adds = self.added.values().flatten().any(|segment| segment.live_rows() > 0);
        (takes || drops) && !adds
    }

    /// Whether it changed nothing.
    pub fn is_empty(&self) -> bool {
        let rows = self.added.is_empty() && self.deleted.is_empty() && self.truncated.is_empty();
        self.objects.is_empty() && rows && self.lineage.is_empty()
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

    /// The keys that it added to a constraint are those of one of another name from now on.
    pub fn rename_key(&mut self, table: ObjectId, from: &str, to: &str) {
        if let Some(noted) = self.keys.remove(&(table, from.to_owned())) {
            self.keys.insert((table, to.to_owned()), noted);
        }
    }

    /// A constraint is gone, and with it what was noted of its keys.
    pub fn forget_key(&mut self, table: ObjectId, constraint: &str) {
        self.keys.remove(&(table, constraint.to_owned()));
    }

    /// Has its commit put entries into the audit log.
    pub fn set_audit(&mut self, entries: Arc<Vec<AuditEntry>>) {
        self.audit = entries;
    }

    /// Tables of which anything is another after its commit, those that it drops included.
    pub(super) fn touched(&self) -> Vec<ObjectId> {
        let mut touched: Vec<ObjectId> = (self.added.keys().copied())
            .chain(self.deleted.keys().map(|(table, _)| *table))
            .chain(self.truncated.iter().copied())
            .chain(self.erased.keys().map(|(table, _)| *table))
            .chain(self.objects.iter().filter(|(_, object)| object.is_none()).map(|(id, _)| *id))
            .collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// For each table of which it has changed rows a number that is another each time. Nothing else tells what it has changed since: its
    /// rows are others, too, when it sees what others have committed.
    pub fn versions(&self) -> &BTreeMap<ObjectId, u64> {
        &self.versions
    }

    /// Whether it has changed rows of a table.
    pub fn has_written(&self, table: ObjectId) -> bool {
        let mut deleted = self.deleted.range((table, 0)..=(table, u64::MAX));
        self.added.contains_key(&table) || deleted.next().is_some() || self.truncated.contains(&table)
    }

    /// Rows of its base that it has deleted, by table and in the order of their ids; those of tables that it emptied as a whole are not
    /// told.
    pub fn removed_rows(&self) -> BTreeMap<ObjectId, Vec<RowId>> {
        let mut removed: BTreeMap<ObjectId, Vec<RowId>> = BTreeMap::new();
        for ((table, segment), gone) in &self.deleted {
            removed.entry(*table).or_default().extend(gone.offsets().map(|offset| row_id(*segment, offset)));
        }
        removed
    }

    /// How many rows of a table that are there are its own.
    pub fn added_rows(&self, table: ObjectId) -> usize {
        self.added.get(&table).into_iter().flatten().map(|segment| segment.live_rows()).sum()
    }

    /// An object as it was when the transaction's base was committed.
    pub fn base_object(&self, id: ObjectId) -> Option<Arc<Object>> {
        self.base.catalog.get(id).cloned()
    }

    /// Objects that it has put or dropped, with what they are now.
    pub fn objects(&self) -> &BTreeMap<ObjectId, Option<Arc<Object>>> {
        &self.objects
    }

    /// Changes what is known of lineage.
    pub fn note_lineage(&mut self, change: LineageChange) {
        Arc::make_mut(&mut self.working.lineage).change(&change);
        Arc::make_mut(&mut self.lineage).push(change);
    }

    /// It has written values elsewhere whose tags are those of these objects: another's change of these is a conflict.
    pub fn rely_on_tags(&mut self, ids: impl IntoIterator<Item = ObjectId>) {
        for id in ids {
            if !self.objects.contains_key(&id) {
                self.relied.on_tags(&self.working.catalog, id);
            }
        }
    }

    /// It has put tags on all that comes of these places by this lineage: what another makes of them meanwhile is a conflict.
    pub fn rely_on_edges(&mut self, lineage: Arc<Lineage>, from: BTreeSet<TagPlace>) {
        self.relied.on_edges(lineage, from);
    }

    /// Removes an object with the comments on it, and its rows if it is a table.
    pub fn drop_object(&mut self, id: ObjectId) {
        let comments: Vec<ObjectId> = self.working.catalog.comments_of(id).map(|(comment, _)| comment).collect();
        for comment in comments {
            Arc::make_mut(&mut self.working.catalog).remove(comment);
            self.objects.insert(comment, None);
        }
        if let Some(object) = self.working.catalog.get(id).filter(|_| !self.working.lineage.is_empty()).cloned() {
            Arc::make_mut(&mut self.working.lineage).drop_object(id, &object);
        }
        Arc::make_mut(&mut self.working.catalog).remove(id);
        Arc::make_mut(&mut self.working.tables).remove(&id);
        self.added.remove(&id);
        self.unnoted.remove(&id);
        self.keys.retain(|(table, _), _| *table != id);
        self.deleted.retain(|(table, _), _| *table != id);
        self.truncated.remove(&id);
        self.erased.retain(|(table, _), _| *table != id);
        self.objects.insert(id, None);
    }

    /// Objects that it drops.
    pub fn dropped(&self) -> impl Iterator<Item = ObjectId> {
        self.objects.iter().filter(|(_, object)| object.is_none()).map(|(id, _)| *id)
    }

    /// Objects that get a new data key, since something that was sealed with theirs is to go: the tables that it empties, with
    /// their classes, and those in which it erases a class.
    pub fn renewed(&self) -> BTreeSet<ObjectId> {
        let classes = |table: &ObjectId| self.base.catalog.classes_of(*table).map(|(id, _)| id).collect::<Vec<_>>();
        let mut renewed: BTreeSet<ObjectId> = self.truncated.iter().flat_map(classes).collect();
        renewed.extend(&self.truncated);
        renewed.extend(self.erased.keys().map(|(table, _)| *table));
        renewed.retain(|id| !matches!(self.objects.get(id), Some(None)));
        renewed
    }

    /// Tables that it drops, or erases a class of: what was learnt of them is not to outlive that.
    pub fn forgotten(&self) -> BTreeSet<ObjectId> {
        let dropped = self.dropped().filter(|id| self.base.catalog.table_by_id(*id).is_some());
        dropped.chain(self.erased.keys().map(|(table, _)| *table)).collect()
    }

    /// Adds a segment to a table.
    pub(super) fn add_segment(&mut self, table: ObjectId, segment: Segment) {
        let segment = Arc::new(segment);
        self.added.entry(table).or_default().push(segment.clone());
        self.change_rows(table, |rows| rows.segments.push(segment));
    }

    /// The segment in memory behind whose rows these may go, and how many it has: the last that the transaction added to the table.
    pub(super) fn growing(&self, table: ObjectId, batch: &RecordBatch) -> Option<(u64, usize)> {
        let last = self.added.get(&table)?.last()?;
        let Location::Memory(held) = &last.location else { return None };
        let unnoted = self.unnoted.get(&table).is_some_and(|unnoted| unnoted.contains(&last.id));
        (!unnoted && held.takes(batch.columns())).then_some((last.id, last.rows))
    }

    /// Adds rows that stay in memory until commit: as a segment of this id, or behind those of the last one if it is that.
    pub(super) fn add_batch(&mut self, table: ObjectId, id: u64, batch: &RecordBatch) {
        let columns = batch.columns().to_vec();
        let added = self.added.entry(table).or_default();
        let grown = match added.last_mut() {
            Some(last) if last.id == id => match &last.location {
                Location::Memory(held) => {
                    let (held, rows) = (Arc::new(held.and(columns)), last.rows + batch.num_rows());
                    let location = Location::Memory(held);
                    *last = Arc::new(Segment { rows, location, ..Segment::clone(last) });
                    last.clone()
                }
                _ => return,
            },
            _ => {
                let location = Location::Memory(Arc::new(Held::of(columns)));
                let segment = Segment { id, rows: batch.num_rows(), bytes: 0, location, parts: None, deleted: None };
                return self.add_segment(table, segment);
            }
        };
        self.change_rows(table, |rows| match rows.segments.binary_search_by_key(&id, |segment| segment.id) {
            Ok(at) => rows.segments[at] = grown,
            // All its rows were deleted.
            Err(at) => rows.segments.insert(at, grown),
        });
    }

    /// Deletes rows; gives how many were still there.
    pub fn delete_rows(&mut self, table: ObjectId, rows: &[RowId]) -> Result<usize> {
        let mut by_segment: HashMap<u64, Vec<usize>> = HashMap::new();
        for &row in rows {
            let (segment, offset) = split_row_id(row);
            by_segment.entry(segment).or_default().push(offset);
        }
        let mut count = 0;
        for (id, offsets) in by_segment {
            // Let go before the rows are changed, which are copied else.
            let Some(segment) = self.working.rows(table).segment(id).cloned() else {
                return Err(Error::internal(format!("segment {id} is not in the transaction's snapshot")));
            };
            let mut all = segment.deleted.as_deref().cloned().unwrap_or_default();
            let fresh: Vec<usize> = offsets.into_iter().filter(|&offset| all.insert(offset)).collect();
            count += fresh.len();
            let changed = Arc::new(Segment { deleted: Some(Arc::new(all)), ..Segment::clone(&segment) });
            if let Some(own) = self.added.get_mut(&table).and_then(|own| own.iter_mut().find(|s| s.id == id)) {
                *own = changed.clone();
            } else {
                let deleted = self.deleted.entry((table, id)).or_default();
                fresh.iter().for_each(|&offset| {
                    deleted.insert(offset);
                });
            }
            self.change_rows(table, |rows| {
                if let Ok(at) = rows.segments.binary_search_by_key(&id, |segment| segment.id) {
                    rows.segments[at] = changed;
                }
            });
        }
        Ok(count)
    }

    /// Whether all rows that a table has are its own: it made the table, or emptied it.
    pub fn is_fresh(&self, table: ObjectId) -> bool {
        self.truncated.contains(&table) || self.base.catalog.get(table).is_none()
    }

    /// Removes all rows of a table.
    pub fn truncate(&mut self, table: ObjectId) {
        self.added.remove(&table);
        self.unnoted.remove(&table);
        self.keys.retain(|(t, _), _| *t != table);
        self.deleted.retain(|(t, _), _| *t != table);
        self.truncated.insert(table);
        self.change_rows(table, |rows| rows.segments.clear());
    }

    /// Takes away all values of a class, whose columns are at these positions: from then on they are NULL.
    pub fn erase_class(&mut self, table: ObjectId, class: ObjectId, columns: &[usize]) {
        let erase = |slot: &mut Arc<Segment>| {
            if let Some(erased) = slot.without(class, columns) {
                *slot = Arc::new(erased);
            }
        };
        if let Some(own) = self.added.get_mut(&table) {
            own.iter_mut().for_each(erase);
        }
        self.erased.insert((table, class), columns.to_vec());
        self.change_rows(table, |rows| rows.segments.iter_mut().for_each(erase));
    }

    /// The keys of a constraint that the transaction added rows with.
    pub(super) fn keys_of(&self, table: ObjectId, constraint: &str) -> Option<&KeyMap> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.get(&(table, constraint.to_owned())).map(AsRef::as_ref)
    }

    /// The row with this key that the transaction added and did not delete again.
    pub(super) fn row_of_key(&self, table: ObjectId, constraint: &str, key: &KeyBytes) -> Option<RowId> {
        let row = *self.keys_of(table, constraint)?.get(key)?;
        self.working.rows(table).is_live(row).then_some(row)
    }

    /// Whether the transaction removes a row of its base.
    pub(super) fn removes(&self, table: ObjectId, row: RowId) -> bool {
        let (segment, offset) = split_row_id(row);
        self.truncated.contains(&table) || self.deleted.get(&(table, segment)).is_some_and(|d| d.contains(offset))
    }

    /// Puts the rows it deletes under the ids that they have in `latest`. One that is not there is somebody's change.
    pub(super) fn follow_moves(&mut self, latest: &Snapshot, moves: &Moves) -> Result<()> {
        if moves.is_empty() {
            return Ok(());
        }
        let lost = |(table, segment): &(ObjectId, u64)| latest.rows(*table).segment(*segment).is_none();
        let old: Vec<(ObjectId, u64)> = self.deleted.keys().filter(|place| lost(place)).copied().collect();
        for place in old {
            let (Some(rows), (table, segment)) = (self.deleted.remove(&place), place) else { continue };
            for offset in rows.offsets() {
                let new = moves.newest(table, row_id(segment, offset)).ok_or_else(conflict)?;
                let (segment, offset) = split_row_id(new);
                self.deleted.entry((table, segment)).or_default().insert(offset);
            }
        }
        Ok(())
    }

    /// The rows that it deletes from segments that `latest` has no more, by their newest ids.
    pub(super) fn moved_rows(&self, table: ObjectId, latest: &TableRows, moves: &Moves) -> HashSet<RowId> {
        let segments = self.deleted.range((table, 0)..=(table, u64::MAX));
        let lost = segments.filter(|((_, segment), _)| latest.segment(*segment).is_none());
        lost.flat_map(|((_, segment), rows)| rows.offsets().map(|offset| row_id(*segment, offset)))
            .filter_map(|row| moves.newest(table, row))
            .collect()
    }

    /// A segment is about to be added whose keys are not noted.
    pub(super) fn leave_unnoted(&mut self, table: ObjectId, segment: u64) {
        self.unnoted.entry(table).or_default().insert(segment);
    }

    /// Whether it added rows to a table without noting their keys.
    pub(super) fn has_unnoted(&self, table: ObjectId) -> bool {
        self.unnoted.contains_key(&table)
    }

    /// Whether it added rows to any table without noting their keys.
    pub(super) fn has_any_unnoted(&self) -> bool {
        !self.unnoted.is_empty()
    }

    /// The segments that it added to a table without noting their keys.
    pub(super) fn unnoted(&self, table: ObjectId) -> Vec<Arc<Segment>> {
        let Some(unnoted) = self.unnoted.get(&table) else { return Vec::new() };
        let rows = self.working.rows(table);
        unnoted.iter().filter_map(|id| rows.segment(*id).cloned()).collect()
    }

    /// Notes the keys of rows that are about to be added to a segment, from this one of its rows on; gives the first row whose key
    /// another row of the transaction has, or an earlier one of these.
    pub(super) fn note_keys(
        &mut self,
        table: ObjectId,
        constraint: &str,
        (segment, first): (u64, usize),
        keys: &[Option<KeyBytes>],
    ) -> Option<usize> {
        let rows = self.working.rows(table);
        let noted = Arc::make_mut(self.keys.entry((table, constraint.to_owned())).or_default());
        noted.reserve(keys.len());
        let mut twice = None;
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key else { continue };
            if let Some(before) = noted.insert(*key, row_id(segment, first + row)) {
                let (holder, offset) = split_row_id(before);
                let is_new = holder == segment && offset >= first;
                let live = is_new || rows.segment(holder).is_some_and(|s| !s.is_deleted(offset));
                twice = twice.or(live.then_some(row));
            }
        }
        twice
    }

    fn change_rows(&mut self, table: ObjectId, change: impl FnOnce(&mut TableRows)) {
        self.changes += 1;
        self.versions.insert(table, self.changes);
        let tables = Arc::make_mut(&mut self.working.tables);
        let rows = Arc::make_mut(tables.entry(table).or_default());
        change(rows);
        // Marked, so that it never equals a commit's number: caches keyed by it cannot mistake it for a committed state.
        rows.changed |= 1 << 63;
    }
}

/// The error for what another transaction changed first.
pub(super) fn conflict() -> Error {
    Error::new(Kind::Serialization, "could not serialize access due to concurrent update")
        .with_hint("Run the transaction again.")
}

/// The error for a name that another object has.
pub(super) fn name_taken(class: Class, there: &Object) -> Error {
    let (_, key) = there.key();
    let name = key.rsplit('\0').next().unwrap_or(&key).to_owned();
    match class {
        Class::Relation => Error::new(Kind::DuplicateTable, format!("relation \"{name}\" already exists")),
        Class::Schema if matches!(there, Object::Schema(_)) => {
            Error::new(Kind::DuplicateSchema, format!("{} \"{name}\" already exists", there.kind_name()))
        }
        _ => Error::new(Kind::DuplicateObject, format!("{} \"{name}\" already exists", there.kind_name())),
    }
}
