//! Adding rows: batches to segments, large ones on all cores.
//!
//! [`Manager::append`] adds one batch. A [`Loader`] takes many: each job makes a batch of its own on a thread, encodes
//! it and seals it into a file, while the caller gathers the next one. Jobs end in any order; their segments are added in
//! the order in which they came.

use super::Manager;
use super::chunk;
use super::cluster::sorted;
use super::keys::{self, KeyBytes};
use super::segment::{FileRef, Location, Segment};
use super::transaction::Transaction;
use crate::catalog::{ObjectId, Table};
use crate::config::{INLINE_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX};
use crate::error::{Error, Result};
use crate::storage::FileKind;
use arrow::array::{ArrayRef, RecordBatch};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};

/// A segment that a transaction can take.
struct Prepared {
    batch: RecordBatch,
    /// Its place; a small one stays in memory.
    file: Option<Segment>,
    /// For each constraint the keys of the rows.
    keys: Vec<Vec<Option<KeyBytes>>>,
}

impl Manager {
    /// Adds rows to a table within a transaction and checks its keys. The columns must be the table's, in order.
    pub fn append(&self, txn: &mut Transaction, table: ObjectId, batch: &RecordBatch) -> Result<()> {
        let facts = facts(txn, table)?;
        for start in (0..batch.num_rows()).step_by(SEGMENT_ROWS_MAX) {
            let part = batch.slice(start, SEGMENT_ROWS_MAX.min(batch.num_rows() - start));
            let prepared = self.prepare(&facts, part)?;
            self.attach(txn, table, &facts, prepared)?;
        }
        Ok(())
    }

    /// Encodes and seals what is to be one segment.
    fn prepare(&self, facts: &Table, batch: RecordBatch) -> Result<Prepared> {
        let batch = sorted(facts, batch)?;
        let keys = facts.keys.iter().map(|key| {
            let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| batch.column(c).clone()).collect();
            keys::key_bytes(&columns)
        });
        let keys = keys.collect::<Result<_>>()?;
        let small = batch.get_array_memory_size() <= INLINE_BYTES_MAX;
        let file = if small { None } else { Some(self.write_chunk(0, &batch)?) };
        Ok(Prepared { batch, file, keys })
    }

    /// Checks the keys of a segment and adds it.
    fn attach(&self, txn: &mut Transaction, table: ObjectId, facts: &Table, prepared: Prepared) -> Result<()> {
        let id = self.new_id();
        for (key, wanted) in facts.keys.iter().zip(&prepared.keys) {
            let held = self.held(txn, table, key, wanted)?.first().copied();
            let twice = txn.note_keys(table, &key.name, id, wanted);
            if let Some(row) = held.into_iter().chain(twice).min() {
                let columns: Vec<ArrayRef> = key.columns.iter().map(|&c| prepared.batch.column(c).clone()).collect();
                return Err(keys::duplicate(facts, key, &columns, row));
            }
        }
        match prepared.file {
            Some(segment) => txn.add_segment(table, Segment { id, ..segment }),
            None => txn.add_batch(table, id, &prepared.batch),
        }
        Ok(())
    }

    /// A batch as a segment with a file of its own, which goes unless it is committed.
    pub(super) fn write_chunk(&self, id: u64, batch: &RecordBatch) -> Result<Segment> {
        let (bytes, footer) = chunk::encode(batch)?;
        let file = self.store().files().create(FileKind::Chunk, &bytes)?;
        let file = FileRef::uncommitted(file, self.store().files().clone());
        let _ = file.footer.set(Arc::new(footer));
        let location = Location::File(Arc::new(file));
        Ok(Segment { id, rows: batch.num_rows(), bytes: bytes.len() as u64, location, deleted: None })
    }
}

fn facts(txn: &Transaction, table: ObjectId) -> Result<Arc<Table>> {
    match txn.snapshot().catalog.table_by_id(table) {
        Some(facts) => Ok(Arc::new(facts.clone())),
        None => Err(Error::internal("rows for a table that is not in the catalogue")),
    }
}

/// Cores of the machine; asking for them costs more than inserting a row.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));

/// What makes the rows of one segment, none if there are none.
type Job = Box<dyn FnOnce() -> Result<Option<RecordBatch>> + Send>;

/// Adds many rows to one table. Nothing is added unless [`Loader::finish`] went well.
#[derive(Debug)]
pub struct Loader {
    manager: Arc<Manager>,
    table: ObjectId,
    facts: Arc<Table>,
    running: VecDeque<JoinHandle<Result<Option<Prepared>>>>,
    /// Jobs at once.
    threads: usize,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    rows: usize,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({} rows)", self.batch.num_rows())
    }
}

impl Loader {
    /// A loader of a table that the transaction sees.
    pub fn new(manager: Arc<Manager>, txn: &Transaction, table: ObjectId) -> Result<Self> {
        let facts = facts(txn, table)?;
        let (running, waiting) = (VecDeque::new(), Vec::new());
        Ok(Self {
            manager,
            table,
            facts,
            running,
            threads: *CORES,
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

    /// Whether this batch makes a segment full, so that adding it may wait for others.
    pub fn is_filled_by(&self, batch: &RecordBatch) -> bool {
        self.waiting_rows + batch.num_rows() >= SEGMENT_ROWS_MAX
            || self.waiting_bytes + batch.get_array_memory_size() >= SEGMENT_BYTES_MAX
    }

    /// Whether ending it waits for others.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Adds rows; small batches are gathered.
    pub fn push(&mut self, txn: &mut Transaction, batch: RecordBatch) -> Result<()> {
        let bytes = batch.get_array_memory_size();
        let mut rest = batch;
        while rest.num_rows() > 0 {
            let now = rest.num_rows().min(SEGMENT_ROWS_MAX - self.waiting_rows);
            self.waiting.push(rest.slice(0, now));
            self.waiting_rows += now;
            rest = rest.slice(now, rest.num_rows() - now);
            self.waiting_bytes += bytes;
            if self.waiting_rows == SEGMENT_ROWS_MAX || self.waiting_bytes >= SEGMENT_BYTES_MAX {
                let job = self.gathered();
                self.submit(txn, job)?;
            }
        }
        Ok(())
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

    /// Has the rows of a segment made and added; at most [`SEGMENT_ROWS_MAX`] of them.
    pub fn submit(
        &mut self,
        txn: &mut Transaction,
        job: impl FnOnce() -> Result<Option<RecordBatch>> + Send + 'static,
    ) -> Result<()> {
        while self.running.len() >= self.threads {
            self.take_first(txn)?;
        }
        let (manager, facts) = (self.manager.clone(), self.facts.clone());
        let work = move || job()?.map(|batch| manager.prepare(&facts, batch)).transpose();
        let spawned = thread::Builder::new().name("load".to_owned()).spawn(work);
        self.running.push_back(spawned.map_err(|e| Error::internal(format!("a thread could not be started: {e}")))?);
        Ok(())
    }

    /// Waits for the oldest job and adds its segment.
    fn take_first(&mut self, txn: &mut Transaction) -> Result<()> {
        let Some(job) = self.running.pop_front() else { return Ok(()) };
        let ended = job.join().map_err(|_| Error::internal("a thread that makes a segment panicked"))?;
        self.add(txn, ended?)
    }

    fn add(&mut self, txn: &mut Transaction, prepared: Option<Prepared>) -> Result<()> {
        let Some(prepared) = prepared.filter(|prepared| prepared.batch.num_rows() > 0) else { return Ok(()) };
        self.rows += prepared.batch.num_rows();
        self.manager.attach(txn, self.table, &self.facts, prepared)
    }

    /// Adds what is still waiting; gives the number of rows.
    pub fn finish(mut self, txn: &mut Transaction) -> Result<usize> {
        let last = self.gathered();
        while !self.running.is_empty() {
            self.take_first(txn)?;
        }
        let last = last()?.map(|batch| self.manager.prepare(&self.facts, batch)).transpose()?;
        self.add(txn, last)?;
        Ok(self.rows)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Their files go with what they made; nobody else may come to the store before that.
        self.running.drain(..).for_each(|job| drop(job.join()));
    }
}
