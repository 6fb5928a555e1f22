//! What sources offer, each asked once for a statement.

use super::asset::Outside;
use crate::error::Result;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The assets of one source, or why they cannot be told.
type Listed = Result<Arc<Vec<Outside>>>;

/// What sources offer while one statement runs, by their names: the statement sees one listing of each, however often it asks.
#[derive(Debug, Default)]
pub struct Listings(Mutex<BTreeMap<String, Listed>>);

impl Listings {
    /// The assets of a source, listed by `list` if nobody asked before.
    pub fn of(&self, source: &str, list: impl FnOnce() -> Result<Vec<Outside>>) -> Listed {
        if let Some(listed) = self.0.lock().get(source) {
            return listed.clone();
        }
        // Without the lock: another server may be slow, and a listing may ask for another.
        let listed = list().map(Arc::new);
        self.0.lock().entry(source.to_owned()).or_insert(listed).clone()
    }

    /// Whether a source was asked, and has this asset no more.
    pub fn misses(&self, source: &str, asset: &str) -> bool {
        match self.0.lock().get(source) {
            Some(Ok(there)) => there.iter().all(|one| one.name() != asset),
            _ => false,
        }
    }
}
