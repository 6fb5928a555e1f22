//! Sensitive columns that a statement has read so far.

use crate::catalog::AuditObject;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Columns by relation, each with whether it was read as it is: masked it is to the eye only.
#[derive(Debug, Default)]
pub struct Noted(Mutex<BTreeMap<String, BTreeMap<String, bool>>>);

impl Noted {
    /// Notes columns of a relation; those that are read masked are told with `false`.
    pub fn note<'a>(&self, relation: String, columns: impl IntoIterator<Item = (&'a str, bool)>) {
        let mut all = self.0.lock();
        let known = all.entry(relation).or_default();
        for (column, plain) in columns {
            *known.entry(column.to_owned()).or_default() |= plain;
        }
    }

    /// All that was noted, and forgets it.
    pub fn take(&self) -> Vec<AuditObject> {
        let mut all = self.0.lock();
        if all.is_empty() {
            return Vec::new();
        }
        let of = |(name, columns): (String, BTreeMap<String, bool>)| {
            let (plain, masked): (Vec<_>, Vec<_>) = columns.into_iter().partition(|(_, plain)| *plain);
            let names = |columns: Vec<(String, bool)>| columns.into_iter().map(|(name, _)| name).collect();
            AuditObject { name, columns: names(plain), masked: names(masked) }
        };
        std::mem::take(&mut *all).into_iter().map(of).collect()
    }
}
