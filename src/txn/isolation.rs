//! Levels of isolation, and what a serializable transaction has read.

use super::condition::Condition;
use crate::catalog::ObjectId;
use crate::config::READ_CONDITIONS_MAX;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of others a transaction sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Each statement sees what was committed when it began.
    #[default]
    ReadCommitted,
    /// All statements see what was committed when the first began.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

impl Isolation {
    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::RepeatableRead => "repeatable read",
            Self::Serializable => "serializable",
        }
    }

    /// The level of this name; READ UNCOMMITTED is READ COMMITTED, as in PostgreSQL.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "read committed" | "read uncommitted" => Some(Self::ReadCommitted),
            "repeatable read" => Some(Self::RepeatableRead),
            "serializable" => Some(Self::Serializable),
            _ => None,
        }
    }
}

/// What a transaction has read of a table.
#[derive(Debug, Clone)]
pub(super) enum Read {
    /// All of it.
    Whole,
    /// Rows for which one of these is true.
    Rows(Vec<Condition>),
}

/// What a transaction has read. Clones are of the same transaction; going back to a savepoint forgets nothing, as its
/// reader has seen what it saw.
#[derive(Debug, Clone, Default)]
pub struct Reads(Arc<Mutex<BTreeMap<ObjectId, Read>>>);

impl Reads {
    /// Notes that a whole table is read.
    pub fn note(&self, table: ObjectId) {
        self.0.lock().insert(table, Read::Whole);
    }

    /// Notes that of a table only rows count for which all these conditions are true.
    pub fn note_rows(&self, table: ObjectId, conditions: &[Condition]) {
        if conditions.is_empty() {
            return self.note(table);
        }
        let mut reads = self.0.lock();
        let read = reads.entry(table).or_insert_with(|| Read::Rows(Vec::new()));
        if let Read::Rows(noted) = read {
            match noted.len() < READ_CONDITIONS_MAX {
                true => noted.push(Condition::All(conditions.to_vec())),
                false => *read = Read::Whole,
            }
        }
    }

    /// What was read, by table.
    pub(super) fn all(&self) -> BTreeMap<ObjectId, Read> {
        self.0.lock().clone()
    }
}
