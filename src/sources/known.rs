//! What was found out about files that have not changed since.
//!
//! A folder is walked at every statement that reads from it. Which tables lie in a workbook, a dump or a JSON document takes a
//! look through the whole of it, and what columns they have a look through much of it, so that is kept for as long as the file has
//! the same size and age.

use super::asset::FileFacts;
use super::options::FileOptions;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Files that something is kept of.
const FILES_MAX: usize = 1000;

/// Things that are found again by their keys, and forgotten when they are many.
pub(super) struct Kept<K, V>(Mutex<Option<HashMap<K, V>>>);

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(key).cloned()
    }

    pub(super) fn keep(&self, key: K, value: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_default();
        if kept.len() >= FILES_MAX {
            kept.clear();
        }
        kept.insert(key, value);
    }

    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

static TABLES: Kept<TablesKey, Vec<String>> = Kept::new();
type TablesKey = (PathBuf, u64, SystemTime, String);

/// Forgets which tables lie in files.
pub(super) fn forget() {
    TABLES.clear();
}

/// The tables within a file: as `find` gives them, or gave them when the file was as it is now.
pub(super) fn tables(facts: &FileFacts, options: &FileOptions, find: impl FnOnce() -> Vec<String>) -> Vec<String> {
    let key = (facts.path.clone(), facts.bytes, facts.modified, options.encoding.clone());
    TABLES.get(&key).unwrap_or_else(|| {
        let tables = find();
        TABLES.keep(key, tables.clone());
        tables
    })
}
