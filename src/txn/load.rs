//! Adding rows: batches to segments, large ones on all cores.
//!
//! [`Manager::append`] adds one batch. A [`Loader`] takes many: each job makes a batch of its own on a thread, encodes
//! it and seals it into a file, while the caller gathers the next one. Jobs end in any order; their segments are added in
//! the order in which they came.

use super::Manager;
use super::chunk;
use super::cluster::sorted;
use super::hash::Hashes;
use super::keys::{self, KeyBytes, KeyIndex};
use super::locks::Items;
use super::parts::{Part, Parts, cut, nameless};
use super::pieces;
use super::segment::{FileRef, Location, Segment};
use super::transaction::Transaction;
use crate::catalog::{Catalog, KeyConstraint, ObjectId, Table};
use crate::config::{INLINE_BYTES_MAX, SEGMENT_ROWS_MAX};
use crate::error::{Error, Result};
use crate::storage::FileKind;
use arrow::array::{ArrayRef, RecordBatch};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};

/// A segment that a transaction can take, once the keys of its rows are locked.
pub struct Prepared {
    rows: usize,
    place: Place,
    /// For each constraint the keys of the rows; none once it was put off.
    keys: Option<Vec<Vec<Option<KeyBytes>>>>,
    /// What is locked for them.
    items: Items,
}

/// Where the rows of a segment are that nobody sees yet.
enum Place {
    /// A small one stays in memory.
    Memory(RecordBatch),
    /// In a file, and for a while still here.
    Both(RecordBatch, Segment),
    File(Segment),
}

impl Place {
    /// The same as the place of the segment of this id.
    fn of_segment(self, id: u64) -> Self {
        match self {
            Self::Both(batch, segment) => Self::Both(batch, Segment { id, ..segment }),
            Self::File(segment) => Self::File(Segment { id, ..segment }),
            memory @ Self::Memory(_) => memory,
        }
    }
}

/// Rows of a segment whose keys are noted in any case: of few that costs less than to look for them.
const NOTED_ROWS_MAX: usize = 4096;

/// What is known of the keys of rows that are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// They are looked for as the rows come.
    New,
    /// They are looked for when all rows have come ([`Loader::attach_late`]): until then others may still have them.
    Late,
    /// They are those of rows that these take the place of, and are gone: nobody else has them.
    Kept,
}

impl Prepared {
    /// Its rows, until it was put off.
    pub fn batch(&self) -> Option<&RecordBatch> {
        match &self.place {
            Place::Memory(batch) | Place::Both(batch, _) => Some(batch),
            Place::File(_) => None,
        }
    }

    /// The items of its keys.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// The same without what can be read from its file again.
    fn put_off(self) -> Self {
        match self.place {
            Place::Both(_, segment) => {
                Self { place: Place::File(segment), keys: None, items: Items::default(), ..self }
            }
            _ => self,
        }
    }
}

impl Manager {
    /// Adds rows to a table within a transaction and checks its keys. The columns must be the table's, in order.
    pub fn append(&self, txn: &mut Transaction, table: ObjectId, batch: &RecordBatch) -> Result<()> {
        let catalog = txn.snapshot().catalog.clone();
        let facts = facts(&catalog, table)?;
        for piece in pieces::within(batch, self.segment_bytes()) {
            for start in (0..piece.num_rows()).step_by(SEGMENT_ROWS_MAX) {
                let part = piece.slice(start, SEGMENT_ROWS_MAX.min(piece.num_rows() - start));
                let prepared = self.prepare(table, facts, part, Keys::New)?;
                self.attach(txn, table, facts, prepared, Keys::New)?;
            }
        }
        Ok(())
    }

    /// A few rows that are to be one segment in memory; nothing if they have too many bytes for that. Their keys are to be locked before
    /// they are given to [`Manager::add_few`].
    pub fn prepare_few(
        &self,
        txn: &Transaction,
        table: ObjectId,
        rows: RecordBatch,
        known: Keys,
    ) -> Result<Option<Prepared>> {
        if rows.get_array_memory_size() > INLINE_BYTES_MAX {
            return Ok(None);
        }
        self.prepare(table, facts(&txn.snapshot().catalog, table)?, rows, known).map(Some)
    }

    /// Adds what [`Manager::prepare_few`] gave.
    pub fn add_few(&self, txn: &mut Transaction, table: ObjectId, prepared: Prepared, known: Keys) -> Result<()> {
        let catalog = txn.snapshot().catalog.clone();
        self.attach(txn, table, facts(&catalog, table)?, prepared, known)
    }

    /// Encodes and seals what is to be one segment.
    fn prepare(&self, table: ObjectId, facts: &Table, batch: RecordBatch, known: Keys) -> Result<Prepared> {
        let batch = sorted(&self.clustering(table, facts), batch)?;
        let keys: Vec<Vec<Option<KeyBytes>>> = facts
            .keys
            .iter()
            .map(|key| {
                let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| batch.column(c).clone()).collect();
                keys::bytes_of(key, &columns)
            })
            .collect::<Result<_>>()?;
        let each = facts.keys.iter().zip(&keys).filter(|_| known != Keys::Kept);
        let items =
            each.flat_map(|(key, rows)| rows.iter().flatten().map(|bytes| self.locks().key_item(&key.name, bytes)));
        let (rows, items) = (batch.num_rows(), items.collect());
        let place = match batch.get_array_memory_size() <= INLINE_BYTES_MAX {
            true => Place::Memory(batch),
            false => {
                let segment = self.write_chunk(table, facts, 0, &batch)?;
                Place::Both(batch, segment)
            }
        };
        Ok(Prepared { rows, place, keys: Some(keys), items })
    }

    /// Checks the keys of a segment and adds it.
    fn attach(
        &self,
        txn: &mut Transaction,
        table: ObjectId,
        facts: &Table,
        prepared: Prepared,
        known: Keys,
    ) -> Result<()> {
        let Prepared { rows, place, keys, .. } = prepared;
        // Of rows that took the place of others only those need be noted that an index in memory can follow.
        let noted = known != Keys::Kept || rows <= NOTED_ROWS_MAX || self.may_have_index(txn, table, 0);
        let growing = match &place {
            Place::Memory(batch) if noted => txn.growing(table, batch),
            _ => None,
        };
        let (id, first) = growing.unwrap_or_else(|| (self.new_id(), 0));
        let place = place.of_segment(id);
        let mut keys = keys.map(Vec::into_iter);
        if !noted {
            txn.leave_unnoted(table, id);
        }
        for key in facts.keys.iter().filter(|_| noted) {
            let columns = || self.columns_at(table, &place, key);
            let wanted = match keys.as_mut().and_then(Iterator::next) {
                Some(wanted) => wanted,
                None => keys::bytes_of(key, &columns()?)?,
            };
            let held = match known {
                Keys::Kept => None,
                Keys::New | Keys::Late => self.held(txn, table, key, columns, &wanted)?.first().copied(),
            };
            let twice = txn.note_keys(table, &key.name, (id, first), &wanted).filter(|_| known != Keys::Kept);
            if let Some(row) = held.into_iter().chain(twice).min() {
                return Err(keys::duplicate(facts, key, &columns()?, row));
            }
        }
        match place {
            Place::Both(_, segment) | Place::File(segment) => txn.add_segment(table, segment),
            Place::Memory(batch) => txn.add_batch(table, id, &batch),
        }
        Ok(())
    }

    /// Checks the keys of segments that hold so many rows and adds them, without keeping their keys in memory.
    fn attach_unnoted(
        &self,
        txn: &mut Transaction,
        table: ObjectId,
        facts: &Table,
        late: Vec<Prepared>,
        rows: usize,
    ) -> Result<()> {
        let place = |prepared: Prepared| {
            let id = self.new_id();
            (id, prepared.place.of_segment(id))
        };
        let places: Vec<(u64, Place)> = late.into_iter().map(place).collect();
        let parts = self.parts_of(rows);
        for key in &facts.keys {
            for part in 0..parts {
                let mut seen: HashSet<KeyBytes, Hashes> = HashSet::default();
                for (_, place) in &places {
                    let columns = self.columns_at(table, place, key)?;
                    let wanted = keys::bytes_of(key, &columns)?;
                    let mine = |key: &KeyBytes| key.hash() % parts == part;
                    let twice = wanted.iter().position(|key| key.is_some_and(|key| mine(&key) && !seen.insert(key)));
                    let mut taken = twice;
                    if part == 0 {
                        let held = self.held(txn, table, key, || Ok(columns.clone()), &wanted)?.first().copied();
                        let own = |bytes: &KeyBytes| txn.row_of_key(table, &key.name, bytes).is_some();
                        let own = wanted.iter().position(|key| key.is_some_and(|key| own(&key)));
                        taken = [twice, held, own].into_iter().flatten().min();
                    }
                    if let Some(row) = taken {
                        return Err(keys::duplicate(facts, key, &columns, row));
                    }
                }
            }
        }
        for (id, place) in places {
            txn.leave_unnoted(table, id);
            match place {
                Place::Both(_, segment) | Place::File(segment) => txn.add_segment(table, segment),
                Place::Memory(batch) => txn.add_batch(table, id, &batch),
            }
        }
        Ok(())
    }

    /// The columns of a key of rows that nobody sees yet.
    fn columns_at(&self, table: ObjectId, place: &Place, key: &KeyConstraint) -> Result<Vec<ArrayRef>> {
        match place {
            Place::Memory(batch) | Place::Both(batch, _) => {
                Ok(key.columns.iter().map(|&c| batch.column(c).clone()).collect())
            }
            Place::File(segment) => self.read(table, segment, &key.columns),
        }
    }

    /// Notes the keys of rows that the transaction has added before a key was made: they count as those added since.
    pub fn note_added(&self, txn: &mut Transaction, table: ObjectId, key: &KeyConstraint) -> Result<()> {
        let added: Vec<Arc<Segment>> = txn.added.get(&table).cloned().unwrap_or_default();
        for segment in added {
            let mut keys = keys::bytes_of(key, &self.read(table, &segment, &key.columns)?)?;
            keys.iter_mut().enumerate().filter(|(row, _)| segment.is_deleted(*row)).for_each(|(_, key)| *key = None);
            txn.note_keys(table, &key.name, (segment.id, 0), &keys);
        }
        Ok(())
    }

    /// A batch as a segment with a file of its own, and one for each class, which go unless it is committed.
    pub(super) fn write_chunk(&self, table: ObjectId, facts: &Table, id: u64, batch: &RecordBatch) -> Result<Segment> {
        let rows = batch.num_rows();
        let page_rows = pieces::page_rows(batch);
        let cut = cut(facts, batch.columns(), rows);
        let (location, mut bytes) = self.write_file(table, &nameless(cut.whole, rows)?, page_rows)?;
        let mut parts = Vec::new();
        for (class, columns, values) in cut.parts {
            let (location, more) = self.write_file(class, &nameless(values, rows)?, page_rows)?;
            bytes += more;
            parts.push(Part { class, columns, location });
        }
        Ok(Segment { id, rows, bytes, location, parts: Parts::of(parts), deleted: None })
    }

    /// Writes a chunk that belongs to an object; gives its place and its bytes.
    fn write_file(&self, owner: ObjectId, batch: &RecordBatch, page_rows: usize) -> Result<(Location, u64)> {
        let (bytes, footer) = chunk::encode(batch, page_rows)?;
        let file = self.store().files().create(FileKind::Chunk, owner, &bytes)?;
        let file = FileRef::uncommitted(file, self.store().files().clone());
        let _ = file.footer.set(Arc::new(footer));
        Ok((Location::File(Arc::new(file)), bytes.len() as u64))
    }
}

fn facts(catalog: &Catalog, table: ObjectId) -> Result<&Table> {
    catalog.table_by_id(table).ok_or_else(|| Error::internal("rows for a table that is not in the catalogue"))
}

/// Cores of the machine; asking for them costs more than inserting a row.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));

/// What makes the rows of one segment, none if there are none.
type Job = Box<dyn FnOnce() -> Result<Option<RecordBatch>> + Send>;

/// Makes segments of many rows of one table. They are taken one after another ([`Loader::take_first`], [`Loader::rest`]) and added
/// ([`Loader::attach`]) by whoever has locked their keys.
#[derive(Debug)]
pub struct Loader {
    manager: Arc<Manager>,
    table: ObjectId,
    facts: Arc<Table>,
    running: VecDeque<JoinHandle<Result<Option<Prepared>>>>,
    /// Jobs at once.
    threads: usize,
    /// Bytes in memory of a segment.
    bytes_max: usize,
    keys: Keys,
    late: Vec<Prepared>,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    rows: usize,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({} rows)", self.rows)
    }
}

impl Loader {
    /// A loader of a table that the transaction sees.
    pub fn new(manager: Arc<Manager>, txn: &Transaction, table: ObjectId) -> Result<Self> {
        let facts = Arc::new(facts(&txn.snapshot().catalog, table)?.clone());
        let (running, waiting, late) = (VecDeque::new(), Vec::new(), Vec::new());
        Ok(Self {
            bytes_max: manager.segment_bytes(),
            manager,
            table,
            facts,
            running,
            threads: *CORES,
            keys: Keys::New,
            late,
            waiting,
            waiting_rows: 0,
            waiting_bytes: 0,
            rows: 0,
        })
    }

    /// Has one job at a time run: for rows that depend on those before.
    pub fn one_by_one(mut self) -> Self {
        self.threads = 1;
        self
    }

    /// The same for rows of whose keys this is known.
    pub fn of_keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Whether rows are only there when all have come.
    pub fn is_late(&self) -> bool {
        self.keys == Keys::Late
    }

    /// Whether no more jobs should be given before one is taken.
    pub fn is_full(&self) -> bool {
        self.running.len() >= self.threads
    }

    /// Whether a job runs.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Rows in pieces that are no more than a segment each.
    pub fn pieces(&self, batch: &RecordBatch) -> Vec<RecordBatch> {
        pieces::within(batch, self.bytes_max)
    }

    /// Adds rows; small batches are gathered.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        for piece in self.pieces(&batch) {
            if self.waiting_bytes + pieces::bytes(piece.columns()) > self.bytes_max {
                self.submit_gathered()?;
            }
            let mut rest = piece;
            while rest.num_rows() > 0 {
                let now = rest.num_rows().min(SEGMENT_ROWS_MAX - self.waiting_rows);
                let first = rest.slice(0, now);
                rest = rest.slice(now, rest.num_rows() - now);
                self.waiting_rows += now;
                self.waiting_bytes += pieces::bytes(first.columns());
                self.waiting.push(first);
                if self.waiting_rows == SEGMENT_ROWS_MAX {
                    self.submit_gathered()?;
                }
            }
        }
        Ok(())
    }

    fn submit_gathered(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let job = self.gathered();
        self.submit(job)
    }

    fn gathered(&mut self) -> Job {
        let waiting = std::mem::take(&mut self.waiting);
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        Box::new(move || {
            let Some(first) = waiting.first() else { return Ok(None) };
            let whole = arrow::compute::concat_batches(&first.schema(), &waiting);
            whole.map(Some).map_err(|e| Error::internal(format!("batches of one table do not fit together: {e}")))
        })
    }

    /// Has the rows of a segment made; at most [`SEGMENT_ROWS_MAX`] of them.
    pub fn submit(&mut self, job: impl FnOnce() -> Result<Option<RecordBatch>> + Send + 'static) -> Result<()> {
        let (manager, table, facts, keys) = (self.manager.clone(), self.table, self.facts.clone(), self.keys);
        let work = move || job()?.map(|batch| manager.prepare(table, &facts, batch, keys)).transpose();
        let spawned = thread::Builder::new().name("load".to_owned()).spawn(work);
        self.running.push_back(spawned.map_err(|e| Error::internal(format!("a thread could not be started: {e}")))?);
        Ok(())
    }

    /// Waits for the oldest job and gives its segment.
    pub fn take_first(&mut self) -> Result<Option<Prepared>> {
        let Some(job) = self.running.pop_front() else { return Ok(None) };
        let ended = job.join().map_err(|_| Error::internal("a thread that makes a segment panicked"))?;
        Ok(ended?.filter(|prepared| prepared.rows > 0))
    }

    /// The segment of what is still waiting.
    pub fn rest(&mut self) -> Result<Option<Prepared>> {
        let last = self.gathered()()?;
        let last = last.map(|batch| self.manager.prepare(self.table, &self.facts, batch, self.keys)).transpose()?;
        Ok(last.filter(|prepared| prepared.rows > 0))
    }

    /// Adds a segment, or keeps it for [`Self::attach_late`].
    pub fn attach(&mut self, txn: &mut Transaction, prepared: Prepared) -> Result<()> {
        self.rows += prepared.rows;
        match self.is_late() {
            true => self.late.push(prepared.put_off()),
            false => self.manager.attach(txn, self.table, &self.facts, prepared, self.keys)?,
        }
        Ok(())
    }

    fn late_rows(&self) -> usize {
        self.late.iter().map(|prepared| prepared.rows).sum()
    }

    /// Bytes of memory that the keys of what was kept for the end will take.
    pub fn late_bytes(&self, txn: &Transaction) -> usize {
        let rows = self.late_rows();
        match self.manager.may_have_index(txn, self.table, rows) {
            true => KeyIndex::bytes_of(rows) * self.facts.keys.len(),
            // They are looked at in parts, in the memory of indexes.
            false => 0,
        }
    }

    /// Adds the segments that were kept for the end.
    pub fn attach_late(&mut self, txn: &mut Transaction) -> Result<()> {
        let late = std::mem::take(&mut self.late);
        let rows = late.iter().map(|prepared| prepared.rows).sum();
        if rows > NOTED_ROWS_MAX && !self.manager.may_have_index(txn, self.table, rows) {
            return self.manager.attach_unnoted(txn, self.table, &self.facts, late, rows);
        }
        for prepared in late {
            self.manager.attach(txn, self.table, &self.facts, prepared, self.keys)?;
        }
        Ok(())
    }

    /// How many rows were added.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Their files go with what they made; nobody else may come to the store before that.
        self.running.drain(..).for_each(|job| drop(job.join()));
    }
}
