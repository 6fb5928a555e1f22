//! The sealed storage that an index lives in, as this room needs it, and a form of it in memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, Kind, Result};

/// Changes to the small values: key, and new value or `None` to remove it.
pub type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Storage for the files of text indexes. Everything is sealed below this line: the index hands over plain bytes and
/// takes it that none of them reach a disk in plain. Keys may lie in plain; they hold numbers only.
///
/// Files are written once, from beginning to end, and never change. An identifier is never used twice.
pub trait SealedFiles: Send + Sync + 'static {
    /// Begins a new file. Nobody sees it before [`SealedSink::finish`]; dropped before that, it leaves nothing behind.
    fn create(&self, index_id: u64) -> Result<Box<dyn SealedSink>>;
    /// `len` bytes of file `id` from `offset` on. [`Kind::Corruption`] if they cannot be opened or there are fewer. Searches
    /// read many short ranges: opened blocks should be kept.
    fn read_range(&self, id: u64, offset: u64, len: usize) -> Result<Vec<u8>>;
    /// Removes file `id`. Removing a file that is not there is no error.
    fn remove(&self, id: u64) -> Result<()>;
    /// The small values whose key begins with `prefix`, by key.
    fn list(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;
    /// Applies all `changes` or none. When it returns they are durable. A value may have some hundred KiB.
    fn commit(&self, changes: Changes) -> Result<()>;
}

/// A file being written.
pub trait SealedSink: io::Write + Send {
    /// Makes the file durable and readable; gives its identifier and its plain length in bytes.
    fn finish(self: Box<Self>) -> Result<(u64, u64)>;
}

/// Files in memory, lost with the last clone: for indexes over temporary data, and for tests.
#[derive(Clone, Default)]
pub struct MemoryFiles {
    state: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    files: HashMap<u64, Arc<Vec<u8>>>,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    last_id: u64,
}

impl MemoryFiles {
    /// Identifiers of the files that are there.
    pub fn file_ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.state.lock().files.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

impl SealedFiles for MemoryFiles {
    fn create(&self, _: u64) -> Result<Box<dyn SealedSink>> {
        Ok(Box::new(MemorySink { files: self.clone(), bytes: Vec::new() }))
    }

    fn read_range(&self, id: u64, offset: u64, len: usize) -> Result<Vec<u8>> {
        let file = self.state.lock().files.get(&id).cloned();
        let file = file.ok_or_else(|| Error::new(Kind::Corruption, format!("search file {id} is missing")))?;
        let range = usize::try_from(offset).ok().and_then(|from| Some(from..from.checked_add(len)?));
        let bytes = range.and_then(|range| file.get(range));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| Error::new(Kind::Corruption, format!("search file {id} is too short")))
    }

    fn remove(&self, id: u64) -> Result<()> {
        self.state.lock().files.remove(&id);
        Ok(())
    }

    fn list(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let state = self.state.lock();
        let from = state.values.range(prefix.to_vec()..);
        Ok(from
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&self, changes: Changes) -> Result<()> {
        let mut state = self.state.lock();
        for (key, value) in changes {
            match value {
                Some(value) => state.values.insert(key, value),
                None => state.values.remove(&key),
            };
        }
        Ok(())
    }
}

struct MemorySink {
    files: MemoryFiles,
    bytes: Vec<u8>,
}

impl io::Write for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SealedSink for MemorySink {
    fn finish(self: Box<Self>) -> Result<(u64, u64)> {
        let mut state = self.files.state.lock();
        state.last_id += 1;
        let (id, len) = (state.last_id, self.bytes.len() as u64);
        state.files.insert(id, Arc::new(self.bytes));
        Ok((id, len))
    }
}
