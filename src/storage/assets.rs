//! sled, fenced in: opened on a thread of its own, guarded against its panics, synced for real, closed for certain.
//!
//! Here rows are raw: keys and sealed values as sled holds them. What they mean is in [`sealed`](super::sealed).

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional, TransactionalTree};
use sled::{Db, IVec};

use super::engine::Tree;
use crate::config;
use crate::crypto::Sha256;
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Name of sled's folder.
pub(super) const FOLDER: &str = "assets";

/// sled's six trees.
pub(super) struct Assets {
    dir: PathBuf,
    db: Db,
    trees: Vec<sled::Tree>,
    /// sled's log, for syncs of it.
    log: File,
}

/// What a transaction's body returns: an abort carries our error.
pub(super) type TransactResult<T> = Result<T, ConflictableTransactionError<Error>>;

/// Reads and writes inside a transaction.
pub(super) struct Transaction<'a>(&'a [TransactionalTree]);

impl Transaction<'_> {
    /// The value as this transaction sees it.
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> TransactResult<Option<IVec>> {
        Ok(self.0[tree as usize].get(key)?)
    }

    /// Sets or removes a row; gives what was there.
    pub(super) fn replace(&self, tree: Tree, key: &[u8], value: Option<&[u8]>) -> TransactResult<Option<IVec>> {
        let tree = &self.0[tree as usize];
        Ok(match value {
            Some(value) => tree.insert(key, value)?,
            None => tree.remove(key)?,
        })
    }
}

/// Aborts a transaction.
pub(super) fn abort(error: Error) -> ConflictableTransactionError<Error> {
    ConflictableTransactionError::Abort(error)
}

impl Assets {
    /// Opens, or with `create` makes, the folder of sled below `data_dir`. `Corruption` when sled errs, panics or does not
    /// come back in [`config::SLED_OPEN_SECONDS_MAX`].
    pub(super) fn open(data_dir: &Path, create: bool) -> Result<Self> {
        Self::open_folder(data_dir, FOLDER, create)
    }

    /// As [`Assets::open`], in a folder of another name.
    pub(super) fn open_folder(data_dir: &Path, name: &str, create: bool) -> Result<Self> {
        let dir = data_dir.join(name);
        if !create {
            if !dir.join("db").is_file() {
                return Err(damaged(&dir, "its file \"db\" is missing"));
            }
            // A snapshot that was being written when the process ended keeps sled from opening; the log has all it says.
            for mark in list(&dir).map_err(|error| Error::io(format!("\"{}\"", dir.display()), &error))? {
                if mark.ends_with(".generating") {
                    fs::remove_file(dir.join(&mark)).map_err(|error| Error::io(format!("\"{mark}\""), &error))?;
                }
            }
        }
        let (send, receive) = mpsc::channel();
        let path = dir.clone();
        thread::Builder::new()
            .name("steward-assets".into())
            .stack_size(16 << 20)
            .spawn(move || {
                // If nobody waits any more, the handle is dropped here and sled closes.
                let _ = send.send(guarded(&path, || open_sled(&path)).and_then(|opened| opened));
            })
            .map_err(|error| Error::io("a thread for the store", &error))?;
        let (db, trees) = match receive.recv_timeout(Duration::from_secs(config::SLED_OPEN_SECONDS_MAX)) {
            Ok(opened) => opened?,
            Err(_) => return Err(damaged(&dir, "sled did not finish its recovery")),
        };
        let log = File::open(dir.join("db")).map_err(|error| Error::io(format!("\"{}\"", dir.display()), &error))?;
        let assets = Self { dir, db, trees, log };
        if create {
            assets.flush()?;
            // sled syncs none of these itself when it makes them.
            for path in [assets.dir.join("conf"), assets.dir.join("db"), assets.dir.clone(), data_dir.to_path_buf()] {
                let synced = File::open(&path).and_then(|file| file.sync_all());
                synced.map_err(|error| Error::io(format!("\"{}\"", path.display()), &error))?;
            }
        }
        Ok(assets)
    }

    /// One row.
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<IVec>> {
        guarded(&self.dir, || self.trees[tree as usize].get(key))?.map_err(|error| self.name(error))
    }

    /// Calls `each` with every row whose key begins with `prefix`, in order, until it errs.
    pub(super) fn scan(
        &self,
        tree: Tree,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        guarded(&self.dir, || {
            for row in self.trees[tree as usize].scan_prefix(prefix) {
                let (key, value) = row.map_err(|error| self.name(error))?;
                each(&key, &value)?;
            }
            Ok(())
        })?
    }

    /// Runs `body` as one transaction: atomic, also over a crash, and durable after the next [`Assets::flush`]. It may run again.
    pub(super) fn transact<T>(&self, body: impl Fn(&Transaction<'_>) -> TransactResult<T>) -> Result<T> {
        guarded(&self.dir, || self.trees.as_slice().transaction(|views| body(&Transaction(views))))?.map_err(|error| {
            match error {
                TransactionError::Abort(error) => error,
                TransactionError::Storage(error) => self.name(error),
            }
        })
    }

    /// Sets rows as they are; durable after the next [`Assets::flush`].
    pub(super) fn load(&self, rows: &[(Tree, &[u8], &[u8])]) -> Result<()> {
        let mut batches: Vec<sled::Batch> = Tree::ALL.iter().map(|_| sled::Batch::default()).collect();
        rows.iter().for_each(|(tree, key, value)| batches[*tree as usize].insert(*key, *value));
        for (tree, batch) in self.trees.iter().zip(batches) {
            guarded(&self.dir, || tree.apply_batch(batch))?.map_err(|error| self.name(error))?;
        }
        Ok(())
    }

    /// Everything written before is durable on return.
    pub(super) fn flush(&self) -> Result<()> {
        self.flush_log()?;
        // What sled has written by then, in whatever pieces, is synced here: it does not do so itself (`sync_range`).
        self.log.sync_all().map_err(|error| Error::io(format!("\"{}\"", self.dir.display()), &error))
    }

    /// Waits until sled has written its log; gives the bytes written.
    ///
    /// When such a write fails, sled 0.34.7 may note it without waking those who wait (`exit_reservation` of its
    /// `pagecache/logger.rs`). Who asks later sees the note and wakes them all: so another one asks when the first stays away.
    fn flush_log(&self) -> Result<usize> {
        let flush = || guarded(&self.dir, || self.db.flush())?.map_err(|error| self.name(error));
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            let mut patience = Duration::from_millis(config::SLED_FLUSH_PATIENCE_MS);
            let ask = || {
                let send = send.clone();
                thread::Builder::new().name("steward-flush".into()).spawn_scoped(scope, move || send.send(flush()))
            };
            ask().map_err(|error| Error::io("a thread for the store", &error))?;
            loop {
                if let Ok(flushed) = receive.recv_timeout(patience) {
                    return flushed;
                }
                // Without a thread to be had now there will be one later.
                let _ = ask();
                patience *= 2;
            }
        })
    }

    /// Closes sled, waits until nothing of it writes any more, and says what its files are then.
    pub(super) fn close(self) -> Result<Vec<FileMark>> {
        self.flush()?;
        let dir = self.dir.clone();
        guarded(&dir, move || drop(self))?;
        // sled holds a lock on `db` through every task that could still write: whoever gets the lock is alone.
        let io = |error| Error::io(format!("\"{}\"", dir.display()), &error);
        let db = File::open(dir.join("db")).map_err(io)?;
        let begun = Instant::now();
        while db.try_lock().is_err() {
            if begun.elapsed() > Duration::from_secs(5) {
                fail!(Io, "sled still writes to \"{}\" after it was closed", dir.display());
            }
            thread::sleep(Duration::from_millis(2));
        }
        // With its last words.
        db.sync_all().map_err(io)?;
        marks(&dir)
    }

    /// Lets go of a sled that has failed, without a last write of ours.
    pub(super) fn abandon(self) {
        let dir = self.dir.clone();
        // Whatever happens in there, it was damaged before.
        let _ = guarded(&dir, move || drop(self));
    }

    /// How many files sled has put beside its log because a value was too large: always none, unless our bound is wrong.
    pub(super) fn blobs(&self) -> usize {
        fs::read_dir(self.dir.join("blobs")).map_or(0, |entries| entries.flatten().count())
    }

    fn name(&self, error: sled::Error) -> Error {
        translate(&self.dir, error)
    }
}

impl std::fmt::Debug for Assets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assets({:?})", self.dir)
    }
}

fn open_sled(dir: &Path) -> Result<(Db, Vec<sled::Tree>)> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(config::SLED_CACHE_BYTES)
        .segment_size(config::SLED_SEGMENT_BYTES)
        .flush_every_ms(Some(config::SLED_FLUSH_EVERY_MS));
    let begun = Instant::now();
    let db = loop {
        match config.open() {
            Ok(db) => break db,
            // Our own lock says that no other process is here: a sled of this process is still on its way out.
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock")
                    && begun.elapsed() < Duration::from_secs(10) =>
            {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(translate(dir, error)),
        }
    };
    let trees = Tree::ALL.iter().map(|tree| db.open_tree(tree.name())).collect::<Result<Vec<_>, _>>();
    Ok((db, trees.map_err(|error| translate(dir, error))?))
}

fn translate(dir: &Path, error: sled::Error) -> Error {
    match error {
        // sled reads past the end of a cut file, and calls that an I/O error.
        sled::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            damaged(dir, "a file is cut short")
        }
        sled::Error::Io(error) => Error::io(format!("asset store \"{}\"", dir.display()), &error),
        // The particulars may hold bytes of the store.
        _ => damaged(dir, "sled cannot read it"),
    }
}

/// The error for a damaged asset store.
pub(super) fn damaged(dir: &Path, how: &str) -> Error {
    Error::new(Kind::Corruption, format!("asset store \"{}\" is damaged: {how}", dir.display()))
        .with_hint("Keep a copy of the data directory, run `steward check`, and restore the last backup.")
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic inside, which sled answers damage with, becomes an error and is not printed.
fn guarded<T>(dir: &Path, work: impl FnOnce() -> T) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.try_with(Cell::get).unwrap_or(false) {
                before(info);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(outer);
    result.map_err(|_| damaged(dir, "sled gave up on it"))
}

/// Name, length and SHA-256 of one file of a closed sled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileMark {
    pub name: String,
    pub bytes: u64,
    pub sha256: [u8; 32],
}

/// The marks of all files in sled's folder `dir`, by name.
pub(super) fn marks(dir: &Path) -> Result<Vec<FileMark>> {
    let mark = |name: String| -> std::io::Result<FileMark> {
        let (mut hash, mut bytes, mut buf) = (Sha256::new(), 0, vec![0; 1 << 18]);
        let mut file = File::open(dir.join(&name))?;
        loop {
            match file.read(&mut buf)? {
                0 => return Ok(FileMark { name, bytes, sha256: hash.finish() }),
                n => {
                    hash.update(&buf[..n]);
                    bytes += n as u64;
                }
            }
        }
    };
    let read = || list(dir)?.into_iter().map(mark).collect::<std::io::Result<Vec<_>>>();
    read().map_err(|error| Error::io(format!("asset store \"{}\"", dir.display()), &error))
}

/// Names of the files in sled's folder, blobs included, sorted.
fn list(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (folder, prefix) in [(dir.to_path_buf(), ""), (dir.join("blobs"), "blobs/")] {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(format!("{prefix}{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    names.sort();
    Ok(names)
}
