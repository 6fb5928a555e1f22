//! What is left of a subject in the folder once it is erased: taken away in steps that may be cut off anywhere and done again.
//!
//! 1. Segments with rows that went are written anew; merging does that to small ones too.
//! 2. Files of text indexes and of row quality models go. Indexes are made anew by the next search.
//! 3. Memory lets go of decoded pages and of states of the past.
//! 4. Files that only statements of before still read go with these.
//! 5. The tables, their classes and indexes get new data keys; what is current is sealed with them, checkpoints included; then the old
//!    ones are destroyed. Removed files that are kept for the past go, since nobody can open them.
//! 6. The certificate gets its end.
//!
//! From the commit on AS OF shows no state of these tables from before it, whatever of this is done.

use super::super::database::Inner;
use super::super::referred::referred_files;
use crate::catalog::{Erasure, Object, ObjectId};
use crate::config::{ERASURE_PATIENCE_MS, ERASURE_RETRY_MS};
use crate::error::{Kind, Result};
use crate::storage::{FileId, FileKind};
use crate::txn::Effort;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One erasure is ended at a time, by the statement or by the thread that goes on with what was left.
#[derive(Debug, Default)]
pub struct Erasing {
    one: Mutex<()>,
    /// Those whose keys this process has replaced: from then on there is nothing but to wait.
    replaced: Mutex<BTreeSet<ObjectId>>,
    goes_on: AtomicBool,
}

/// How often one who waits looks.
const POLL: Duration = Duration::from_millis(20);
/// Attempts to have every segment written anew while others delete rows.
const ROUNDS_MAX: usize = 20;

/// What keeps an erasure from its end.
const READERS: &str = "statements and transactions that began before still read it; it goes when they have ended";
const CHANGES: &str = "rows are deleted faster than segments can be written anew; that goes on in the background";
const KEYS: &str = "old data keys are kept for now, by a backup that is under way or a file that is being written; they are destroyed \
                    after that";
const STOPPED: &str = "the rest is done in the background";

/// Does what is left of an erasure, for at most `patience`; says what keeps it from its end, if anything does.
pub fn finish(
    inner: &Arc<Inner>,
    id: ObjectId,
    patience: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<Option<&'static str>> {
    let until = Instant::now() + patience;
    let _one = inner.erasing.one.lock();
    let manager = &inner.manager;
    let Some(erasure) = unfinished(inner, id) else { return Ok(None) };
    let tables: BTreeSet<ObjectId> = erasure.tables.iter().map(|table| table.table).collect();
    for table in &tables {
        if !rewritten(inner, *table, stop)? {
            return Ok(Some(if stop() { STOPPED } else { CHANGES }));
        }
    }
    for index in &erasure.indexes {
        inner.indexes.remove(*index)?;
    }
    inner.forget(manager.store().files().list_of(FileKind::Model, &tables)?)?;
    manager.forget_values();
    let catalog = manager.current().catalog.clone();
    let classes = tables.iter().flat_map(|table| catalog.classes_of(*table).map(|(class, _)| class));
    let mut owners: BTreeSet<u64> = classes.collect();
    owners.extend(&tables);
    owners.extend(&erasure.indexes);
    while !unread(inner, &owners)? {
        if stop() || Instant::now() >= until {
            return Ok(Some(READERS));
        }
        thread::sleep(POLL);
    }
    let store = manager.store();
    if !inner.erasing.replaced.lock().contains(&id) {
        store.shred_past_of(&owners)?;
        inner.erasing.replaced.lock().insert(id);
    }
    while !store.wait_for_shreds(&owners, POLL) {
        if stop() || Instant::now() >= until {
            return Ok(Some(KEYS));
        }
    }
    // What was read of the past meanwhile.
    manager.forget_values();
    end(inner, id)?;
    inner.erasing.replaced.lock().remove(&id);
    Ok(None)
}

fn unfinished(inner: &Inner, id: ObjectId) -> Option<Erasure> {
    match inner.manager.current().catalog.get(id).map(AsRef::as_ref) {
        Some(Object::Erasure(erasure)) if erasure.finished_ms.is_none() => Some(erasure.clone()),
        _ => None,
    }
}

/// Whether all segments of a table that had rows which went are written anew.
fn rewritten(inner: &Inner, table: ObjectId, stop: &dyn Fn() -> bool) -> Result<bool> {
    let manager = &inner.manager;
    let dirty = |segment: &Arc<crate::txn::Segment>| segment.live_rows() < segment.rows;
    let rows = manager.current().rows(table);
    let before: HashSet<u64> = rows.segments.iter().filter(|s| dirty(s)).map(|segment| segment.id).collect();
    drop(rows);
    for _ in 0..ROUNDS_MAX {
        if !manager.current().rows(table).segments.iter().any(|segment| before.contains(&segment.id)) {
            return Ok(true);
        }
        if stop() {
            return Ok(false);
        }
        manager.compact(table, Effort::Vacuum, stop)?;
    }
    Ok(!manager.current().rows(table).segments.iter().any(|segment| before.contains(&segment.id)))
}

/// Whether every file of these objects that lies in the folder is one that something refers to now.
fn unread(inner: &Inner, owners: &BTreeSet<u64>) -> Result<bool> {
    let files = inner.manager.store().files().list_owned(owners)?;
    let named: HashSet<FileId> = referred_files(&inner.manager)?.into_iter().map(|(file, _)| file).collect();
    Ok(files.iter().all(|file| named.contains(file)))
}

/// Writes into the certificate that it is done.
fn end(inner: &Inner, id: ObjectId) -> Result<()> {
    let Some(mut erasure) = unfinished(inner, id) else { return Ok(()) };
    erasure.finished_ms = Some(chrono::Utc::now().timestamp_millis());
    let mut txn = inner.manager.begin(false);
    txn.put_object(id, Object::Erasure(erasure))?;
    inner.manager.commit(txn).map(drop)
}

/// What is told of an attempt, if anything is left; that goes on in the background then.
pub fn told(inner: &Arc<Inner>, id: ObjectId, attempt: Result<Option<&'static str>>) -> Option<String> {
    let left = match attempt {
        Ok(None) => return None,
        Ok(Some(reason)) => reason.to_owned(),
        Err(error) => {
            tracing::warn!("erasure {id} is not at its end: {error}");
            format!("{}; it is tried again in the background", error.message())
        }
    };
    resume(inner);
    Some(left)
}

/// Goes on with what is left of erasures, in the background, if there is any.
pub fn resume(inner: &Arc<Inner>) {
    if left(inner).is_empty() || inner.erasing.goes_on.swap(true, Ordering::AcqRel) {
        return;
    }
    let weak = Arc::downgrade(inner);
    let run = move || {
        // The first attempt is made at once: after a start nobody reads anything of before.
        loop {
            let Some(inner) = weak.upgrade() else { return };
            // Where nobody else has the database any more it is being closed.
            let stop = || Arc::strong_count(&inner) <= 1;
            for id in left(&inner) {
                match finish(&inner, id, Duration::from_millis(ERASURE_PATIENCE_MS), &stop) {
                    Ok(_) => {}
                    Err(error) if error.kind() == Kind::Shutdown => return,
                    Err(error) => tracing::warn!("erasure {id} is not at its end: {error}"),
                }
            }
            if left(&inner).is_empty() {
                inner.erasing.goes_on.store(false, Ordering::Release);
                return;
            }
            drop(inner);
            let until = Instant::now() + Duration::from_millis(ERASURE_RETRY_MS);
            while Instant::now() < until {
                thread::sleep(POLL);
                if weak.strong_count() == 0 {
                    return;
                }
            }
        }
    };
    let begun = thread::Builder::new().name("steward-erasure".to_owned()).spawn(run);
    if let Err(error) = begun {
        tracing::warn!("erasures go on with the next start: {error}");
    }
}

/// Erasures that are not at their end.
fn left(inner: &Inner) -> Vec<ObjectId> {
    let current = inner.manager.current();
    current.catalog.erasures().filter(|(_, erasure)| erasure.finished_ms.is_none()).map(|(id, _)| id).collect()
}
