//! tantivy's `Directory` over sealed storage.
//!
//! What the library asks of a directory, and how it is kept here:
//!
//! - files are written once and then only read: each is one sealed file, made durable when its writer ends;
//! - new names need to be durable only after `sync_directory`: they wait in [`Names`] and become so in one step with
//!   `meta.json`, which is the commit;
//! - a deleted file can be read while somebody holds it: the sealed file goes with its last reader;
//! - locks guard against other writers and against cleaning under a reader that is opening files. One process holds the
//!   whole database, so they live in memory and a crash leaves none behind.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite, WatchCallback, WatchCallbackList,
    WatchHandle, WritePtr,
};
use tantivy::{Directory, HasLen};

use super::damage::house_error;
use super::files::{SealedFiles, SealedSink};
use super::names::{Content, Names, Stored};
use crate::error::{Error, Result};

/// How long to wait for a lock that is held for moments only.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// The file whose replacement is a commit.
const META: &str = "meta.json";

/// The files of one index. Clones share them.
#[derive(Clone)]
pub(super) struct SealedDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    index_id: u64,
    files: Arc<dyn SealedFiles>,
    names: Mutex<Names>,
    /// Names of files that are being written.
    unfinished: Mutex<HashSet<PathBuf>>,
    locks: Mutex<HashSet<PathBuf>>,
    unlocked: Condvar,
    watchers: WatchCallbackList,
    /// The last failure of the storage, which the library may only report as "a thread failed".
    failure: Mutex<Option<Error>>,
}

impl SealedDirectory {
    /// The files of index `index_id`.
    pub(super) fn open(files: Arc<dyn SealedFiles>, index_id: u64) -> Result<Self> {
        let shared = Shared {
            index_id,
            names: Mutex::new(Names::load(files.clone(), index_id)?),
            files,
            unfinished: Mutex::default(),
            locks: Mutex::default(),
            unlocked: Condvar::new(),
            watchers: WatchCallbackList::default(),
            failure: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Makes all names durable and removes the files that lost theirs.
    pub(super) fn flush(&self) -> Result<()> {
        let left = self.shared.names.lock().flush();
        // Files go here, with no lock held.
        left.map(drop)
    }

    /// The last failure of the storage since this was asked before.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.shared.failure.lock().take()
    }
}

impl Shared {
    /// Wraps a failure of the storage for its way through the library.
    fn failed(&self, error: Error) -> io::Error {
        *self.failure.lock() = Some(error.clone());
        io::Error::other(error)
    }
}

impl std::fmt::Debug for SealedDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedDirectory")
    }
}

impl Directory for SealedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let content = self.shared.names.lock().get(path);
        match content {
            Some(Content::File(stored)) => Ok(Arc::new(Reader { shared: self.shared.clone(), stored })),
            Some(Content::Small(bytes)) => Ok(Arc::new(OwnedBytes::new(bytes.to_vec()))),
            None => Err(OpenReadError::FileDoesNotExist(path.to_path_buf())),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        match self.shared.names.lock().remove(path) {
            true => Ok(()),
            false => Err(DeleteError::FileDoesNotExist(path.to_path_buf())),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.shared.names.lock().contains(path) || self.shared.unfinished.lock().contains(path))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let is_there = self.shared.names.lock().contains(path);
        if is_there || !self.shared.unfinished.lock().insert(path.to_path_buf()) {
            return Err(OpenWriteError::FileAlreadyExists(path.to_path_buf()));
        }
        let mut writer = Writer { shared: self.shared.clone(), path: path.to_path_buf(), sink: Mutex::new(None) };
        let sink = self.shared.files.create(self.shared.index_id);
        let sink =
            sink.map_err(|error| OpenWriteError::wrap_io_error(self.shared.failed(error), path.to_path_buf()))?;
        *writer.sink.get_mut() = Some(sink);
        Ok(io::BufWriter::new(Box::new(writer)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let content = self.shared.names.lock().get(path);
        match content {
            Some(Content::Small(bytes)) => Ok(bytes.to_vec()),
            Some(Content::File(stored)) => {
                let bytes = stored.read_range(0, usize::try_from(stored.len).unwrap_or(usize::MAX));
                bytes.map_err(|error| OpenReadError::wrap_io_error(self.shared.failed(error), path.to_path_buf()))
            }
            None => Err(OpenReadError::FileDoesNotExist(path.to_path_buf())),
        }
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        let mut names = self.shared.names.lock();
        let before = names.get(path);
        names.put_small(path, data);
        if path != Path::new(META) {
            return Ok(());
        }
        let left = names.flush().map_err(|error| {
            // A commit that failed must not be seen by the next reader.
            match before {
                Some(Content::Small(bytes)) => names.put_small(path, &bytes),
                _ => drop(names.remove(path)),
            }
            self.shared.failed(error)
        })?;
        drop(names);
        drop(left);
        drop(self.shared.watchers.broadcast());
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.flush().map_err(|error| self.shared.failed(error))
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        let until = Instant::now() + LOCK_WAIT;
        let mut locks = self.shared.locks.lock();
        while locks.contains(&lock.filepath) {
            if !lock.is_blocking || self.shared.unlocked.wait_until(&mut locks, until).timed_out() {
                return Err(LockError::LockBusy);
            }
        }
        locks.insert(lock.filepath.clone());
        Ok(DirectoryLock::from(Box::new(Held { shared: self.shared.clone(), path: lock.filepath.clone() })))
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(self.shared.watchers.subscribe(callback))
    }
}

/// A lock that is held until dropped.
struct Held {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.locks.lock().remove(&self.path);
        self.shared.unlocked.notify_all();
    }
}

/// A file being written.
struct Writer {
    shared: Arc<Shared>,
    path: PathBuf,
    /// The lock is never waited for; it makes the sink fit for the `Sync` that the library asks for.
    sink: Mutex<Option<Box<dyn SealedSink>>>,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(sink) = self.sink.get_mut() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        sink.write(bytes).inspect_err(|error| {
            let cause = house_error(error).unwrap_or_else(|| Error::io("search file", error));
            *self.shared.failure.lock() = Some(cause);
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for Writer {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let Some(sink) = self.sink.get_mut().take() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let (id, len) = sink.finish().map_err(|error| self.shared.failed(error))?;
        self.shared.names.lock().put_file(&self.path, id, len);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.unfinished.lock().remove(&self.path);
    }
}

/// A file being read.
struct Reader {
    shared: Arc<Shared>,
    stored: Arc<Stored>,
}

impl FileHandle for Reader {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.is_empty() {
            return Ok(OwnedBytes::empty());
        }
        if range.end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = self.stored.read_range(range.start as u64, range.len());
        bytes.map(OwnedBytes::new).map_err(|error| self.shared.failed(error))
    }
}

impl HasLen for Reader {
    fn len(&self) -> usize {
        usize::try_from(self.stored.len).unwrap_or(usize::MAX)
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "search file {}", self.stored.id)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::files::MemoryFiles;
    use super::*;

    fn open(files: &MemoryFiles) -> SealedDirectory {
        SealedDirectory::open(Arc::new(files.clone()), 1).unwrap()
    }

    fn write(directory: &SealedDirectory, name: &str, bytes: &[u8]) {
        let mut writer = directory.open_write(Path::new(name)).unwrap();
        writer.write_all(bytes).unwrap();
        writer.terminate().unwrap();
    }

    #[test]
    fn ranges_come_back() {
        let directory = open(&MemoryFiles::default());
        write(&directory, "a", b"0123456789");
        let file = directory.open_read(Path::new("a")).unwrap();
        assert_eq!(file.len(), 10);
        for range in [0..1, 5..5, 3..10, 0..10] {
            assert_eq!(file.read_bytes_slice(range.clone()).unwrap().as_slice(), &b"0123456789"[range]);
        }
        let handle = directory.get_file_handle(Path::new("a")).unwrap();
        assert!(handle.read_bytes(0..11).is_err());
    }

    #[test]
    fn names_are_durable_after_sync_and_with_meta() {
        let files = MemoryFiles::default();
        let directory = open(&files);
        write(&directory, "a", b"one");
        assert!(!open(&files).exists(Path::new("a")).unwrap());
        directory.sync_directory().unwrap();
        assert!(open(&files).exists(Path::new("a")).unwrap());
        write(&directory, "b", b"two");
        directory.atomic_write(Path::new(META), b"{}").unwrap();
        assert_eq!(open(&files).atomic_read(Path::new("b")).unwrap(), b"two");
        assert!(matches!(directory.open_write(Path::new("b")), Err(OpenWriteError::FileAlreadyExists(_))));
    }

    #[test]
    fn a_deleted_file_stays_while_it_is_read() {
        let files = MemoryFiles::default();
        let directory = open(&files);
        write(&directory, "a", b"still here");
        let reader = directory.open_read(Path::new("a")).unwrap();
        directory.delete(Path::new("a")).unwrap();
        assert!(matches!(directory.delete(Path::new("a")), Err(DeleteError::FileDoesNotExist(_))));
        directory.sync_directory().unwrap();
        assert_eq!(files.file_ids().len(), 1);
        assert_eq!(reader.read_bytes().unwrap().as_slice(), b"still here");
        drop(reader);
        assert!(files.file_ids().is_empty());
    }

    #[test]
    fn an_unfinished_file_is_no_file_and_frees_its_name() {
        let files = MemoryFiles::default();
        let directory = open(&files);
        let mut writer = directory.open_write(Path::new("a")).unwrap();
        writer.write_all(b"half").unwrap();
        assert!(directory.open_write(Path::new("a")).is_err());
        drop(writer);
        assert!(!directory.exists(Path::new("a")).unwrap());
        assert!(files.file_ids().is_empty());
    }

    #[test]
    fn locks_exclude_and_end_with_their_guard() {
        let directory = open(&MemoryFiles::default());
        let lock = Lock { filepath: PathBuf::from(".lock"), is_blocking: false };
        let held = directory.acquire_lock(&lock).unwrap();
        assert!(directory.acquire_lock(&lock).is_err());
        let waiting = Lock { filepath: PathBuf::from(".lock"), is_blocking: true };
        let other = directory.clone();
        let thread = std::thread::spawn(move || other.acquire_lock(&waiting).is_ok());
        drop(held);
        assert!(thread.join().unwrap());
        assert!(directory.acquire_lock(&lock).is_ok());
    }
}
