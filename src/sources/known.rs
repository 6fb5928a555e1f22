//! What was found out about files that have not changed since.
//!
//! A folder is walked at every statement that reads from it. Which tables lie in a workbook, a dump or a JSON document takes a
//! look through the whole of it, so that is kept for as long as the file has the same size and age.

use super::asset::FileFacts;
use super::options::FileOptions;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Files that something is kept of.
const FILES_MAX: usize = 1000;

type Key = (PathBuf, String);
type Kept = (u64, SystemTime, Vec<String>);

static KNOWN: Mutex<Option<HashMap<Key, Kept>>> = Mutex::new(None);

/// The tables within a file: as `find` gives them, or gave them when the file was as it is now.
pub(super) fn tables(facts: &FileFacts, options: &FileOptions, find: impl FnOnce() -> Vec<String>) -> Vec<String> {
    let key = (facts.path.clone(), options.encoding.clone());
    let lock = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((bytes, modified, tables)) = lock().as_ref().and_then(|known| known.get(&key))
        && (*bytes, *modified) == (facts.bytes, facts.modified)
    {
        return tables.clone();
    }
    let tables = find();
    let mut known = lock();
    let known = known.get_or_insert_default();
    if known.len() >= FILES_MAX {
        known.clear();
    }
    known.insert(key, (facts.bytes, facts.modified, tables.clone()));
    tables
}
