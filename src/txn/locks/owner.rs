//! The face of the lock table: owners that take, wait and give back.

use super::items::Items;
use super::moves::Moves;
use super::state::{Bell, OwnerId, State};
use super::{Mode, Space};
use crate::catalog::ObjectId;
use crate::error::{Error, Kind, Result};
use crate::txn::keys::KeyBytes;
use crate::txn::segment::{RowId, split_row_id};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// All locks of a database.
#[derive(Debug, Default)]
pub struct Locks {
    state: Mutex<State>,
    next: AtomicU64,
    /// Keys are hashed with a secret of this process, so that nobody can make two of them meet.
    hasher: RandomState,
}

/// What came of asking for a lock.
#[derive(Debug)]
pub enum Taking {
    /// It is there.
    Taken,
    /// Others exclude it. Who said that it would wait waits now; then it asks again.
    Busy(Option<Waiting>),
}

/// A transaction as one that holds locks. They go when the last clone of its `Arc` does.
#[derive(Debug)]
pub struct Owner {
    id: OwnerId,
    locks: Arc<Locks>,
    /// It has asked for something: most only read.
    has_asked: AtomicBool,
}

/// A place in a queue, given up when dropped.
#[derive(Debug)]
pub struct Waiting {
    owner: OwnerId,
    locks: Arc<Locks>,
    bell: Arc<Bell>,
}

impl Locks {
    /// A new owner without locks.
    pub fn owner(self: &Arc<Self>) -> Arc<Owner> {
        Arc::new(Owner {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            locks: self.clone(),
            has_asked: AtomicBool::new(false),
        })
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting()
    }

    /// The item that stands for a key of a constraint.
    pub fn key_item(&self, constraint: &str, key: &KeyBytes) -> u64 {
        self.hasher.hash_one((constraint, key))
    }

    /// Rows have new ids.
    pub fn moved(&self, moves: Moves) {
        if !moves.is_empty() {
            self.state.lock().moved(moves);
        }
    }

    /// Asks where rows have gone.
    pub fn moves<T>(&self, ask: impl FnOnce(&Moves) -> T) -> T {
        ask(&self.state.lock().moves)
    }

    /// Forgets moves that only snapshots before `oldest` need to know.
    pub fn forget_before(&self, oldest: u64) {
        let mut state = self.state.lock();
        if !state.moves.is_empty() {
            state.moves.forget_before(oldest);
        }
    }
}

impl Owner {
    /// Takes items of a space, or says that others exclude it; with `wait` the owner then stands in the queue. A wait
    /// that could never end is [`Kind::Deadlock`].
    pub fn take(&self, space: Space, items: Items, mode: Mode, wait: bool) -> Result<Taking> {
        self.has_asked.store(true, Ordering::Release);
        let mut state = self.locks.state.lock();
        if !state.may_be_parted(space) {
            return match state.take(self.id, space, mode, &items) {
                Ok(()) => Ok(Taking::Taken),
                Err(blockers) => self.wait_for(&mut state, (space, items, mode), &blockers, wait),
            };
        }
        // In the order of segments: two who want the same rows of a table do not wait for each other.
        let mut parts: Vec<_> = state.parted(space, &items).into_iter().collect();
        parts.sort_by_key(|(space, _)| match space {
            Space::Rows(_, segment) => *segment,
            Space::Object(_) | Space::Keys(_) | Space::ManyRows(_) | Space::Advisory(..) => 0,
        });
        for (space, items) in parts {
            if let Err(blockers) = state.take(self.id, space, mode, &items) {
                return self.wait_for(&mut state, (space, items, mode), &blockers, wait);
            }
        }
        Ok(Taking::Taken)
    }

    /// Others exclude it: with `wait` it stands in their queue.
    fn wait_for(
        &self,
        state: &mut State,
        (space, items, mode): (Space, Items, Mode),
        blockers: &[OwnerId],
        wait: bool,
    ) -> Result<Taking> {
        if !wait {
            return Ok(Taking::Busy(None));
        }
        if state.closes_circle(self.id, blockers) {
            return Err(deadlock());
        }
        let bell = state.wait(self.id, space, mode, items);
        Ok(Taking::Busy(Some(Waiting { owner: self.id, locks: self.locks.clone(), bell })))
    }

    /// As [`Self::take`], if nobody is to be waited for: whether it is there.
    pub fn try_take(&self, space: Space, items: Items, mode: Mode) -> Result<bool> {
        Ok(matches!(self.take(space, items, mode, false)?, Taking::Taken))
    }

    /// Takes rows of a table.
    pub fn take_rows(&self, table: ObjectId, rows: &[RowId], mode: Mode, wait: bool) -> Result<Taking> {
        let mut segments: BTreeMap<u64, Items> = BTreeMap::new();
        for &row in rows {
            let (segment, offset) = split_row_id(row);
            segments.entry(segment).or_default().insert(offset as u64);
        }
        for (segment, items) in segments {
            if let busy @ Taking::Busy(_) = self.take(Space::Rows(table, segment), items, mode, wait)? {
                return Ok(busy);
            }
        }
        Ok(Taking::Taken)
    }

    /// Whether it has any lock in a space.
    pub fn has(&self, space: Space) -> bool {
        self.has_asked.load(Ordering::Acquire) && self.locks.state.lock().has(self.id, space)
    }

    /// Gives back what it has in a space in a mode.
    pub fn release(&self, space: Space, mode: Mode) {
        self.locks.state.lock().release(self.id, space, mode);
    }

    /// A mark: what is taken from here on can be given back by [`Self::release_from`].
    pub fn mark(&self) -> u64 {
        self.has_asked.store(true, Ordering::Release);
        self.locks.state.lock().mark(self.id)
    }

    /// Gives back what was taken since a mark; 0 is everything.
    pub fn release_from(&self, mark: u64) {
        self.locks.state.lock().release_from(self.id, mark);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if *self.has_asked.get_mut() {
            self.locks.state.lock().close(self.id);
        }
    }
}

impl Waiting {
    /// Whether it is worth asking again.
    pub fn is_over(&self) -> bool {
        self.bell.is_granted()
    }

    /// Returns when it is worth asking again.
    pub async fn over(&self) {
        self.bell.rung().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.bell.is_granted() {
            self.locks.state.lock().stop_waiting(self.owner);
        }
    }
}

fn deadlock() -> Error {
    Error::new(Kind::Deadlock, "deadlock detected")
        .with_detail("The transaction would wait for a lock of another one, which waits for this one.")
        .with_hint("Run the transaction again.")
}
