//! Levels of isolation, and what a serializable transaction has read.

use super::snapshot::Snapshot;
use crate::catalog::ObjectId;
use crate::error::{Error, Kind, Result};
use parking_lot::Mutex;
use std::collections::BTreeSet;
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

/// The tables that a transaction has read. Clones are of the same transaction; going back to a savepoint forgets
/// nothing, as its reader has seen what it saw.
#[derive(Debug, Clone, Default)]
pub struct Reads(Arc<Mutex<BTreeSet<ObjectId>>>);

impl Reads {
    /// Notes that a table is read.
    pub fn note(&self, table: ObjectId) {
        self.0.lock().insert(table);
    }

    /// Refuses if one of the tables has changed between two states.
    pub fn must_hold(&self, before: &Snapshot, now: &Snapshot) -> Result<()> {
        let changed = |table: &ObjectId| before.rows(*table).changed != now.rows(*table).changed;
        match self.0.lock().iter().any(changed) {
            false => Ok(()),
            true => Err(Error::new(
                Kind::Serialization,
                "could not serialize access due to read/write dependencies among transactions",
            )
            .with_detail("A table that the transaction read was changed by another one that committed meanwhile.")
            .with_hint("The transaction might succeed if retried.")),
        }
    }
}
