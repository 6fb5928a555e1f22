//! Locks: who may change, or must find unchanged, which row, key or object until its transaction ends.
//!
//! A lock is on an item of a [`Space`]: a row of a segment, a key of a table, an object as a whole. It has a [`Mode`];
//! modes and what they exclude are those of PostgreSQL's row locks. Readers take none: they have their snapshot.
//!
//! An [`Owner`] is the transaction. What it takes it keeps until it ends, or until it goes back to a savepoint taken
//! before ([`Owner::mark`]). Who meets another's lock waits in a queue ([`Waiting`]); a wait that would close a circle of
//! waits is refused at once with [`Kind::Deadlock`](crate::error::Kind). Waits on rows and keys are passed over by those whom the holders do
//! not exclude, as in PostgreSQL; waits on whole objects are not, so that DDL comes to its turn on a busy table.
//!
//! Rows get new ids when segments are merged ([`Moves`]). Locks follow them, and a request by an old id is one for the
//! row's newest. Everything lives in memory: locks end with the process, as its transactions do.

mod items;
mod moves;
mod owner;
mod state;

pub use items::Items;
pub use moves::{GONE, Moves};
pub use owner::{Locks, Owner, Taking, Waiting};

use crate::catalog::ObjectId;

/// What a lock is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    /// An object as a whole; its only item is 0.
    Object(ObjectId),
    /// Rows of a segment of a table, by offset.
    Rows(ObjectId, u64),
    /// Keys of a table's constraints, by hash.
    Keys(ObjectId),
    /// Changing many rows of a table by one statement; its only item is 0.
    ManyRows(ObjectId),
    /// A number that means something to applications: one, or two side by side.
    Advisory(bool, i64),
}

impl Space {
    /// Whether waits are kept in order even against those whom no holder excludes.
    fn is_fair(self) -> bool {
        matches!(self, Self::Object(_) | Self::ManyRows(_) | Self::Advisory(..))
    }
}

/// How much a lock excludes; each mode excludes all that those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The row's key must stay. Also: somebody uses the object, or refers to the key.
    KeyShare,
    /// The row must stay as it is.
    Share,
    /// The row is changed, but not its keys.
    NoKeyUpdate,
    /// The row is removed or its keys are changed. Also: the object is changed, the key is added or removed.
    Update,
}

impl Mode {
    /// Whether two owners cannot have these at once.
    pub fn excludes(self, other: Self) -> bool {
        use Mode::{KeyShare, NoKeyUpdate, Share};
        let pair = (self.min(other), self.max(other));
        !matches!(pair, (KeyShare, KeyShare | Share | NoKeyUpdate) | (Share, Share))
    }
}

#[cfg(test)]
mod tests;
