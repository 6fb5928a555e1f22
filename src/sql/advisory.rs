//! Advisory locks: numbers that mean something to applications, which exclude each other by them.
//!
//! A lock of a session lasts until it is given back as often as it was taken, or until the session ends; one of a transaction
//! goes with it. Both are in the lock table of [`crate::txn::locks`], where waits that would never end are found.

use super::context::Context;
use super::locking::may_wait;
use crate::error::{Error, Kind, Result};
use crate::txn::locks::{Items, Locks, Mode, Owner, Space, Taking};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often one who waits looks whether it was cancelled.
const POLL: Duration = Duration::from_millis(5);

/// What is locked: one bigint, or two integers, which are another space of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    /// Made of two.
    pub pair: bool,
    /// The number, or the two side by side.
    pub value: i64,
}

/// How a lock is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Others may have it shared, too.
    pub shared: bool,
    /// It goes with the transaction.
    pub of_transaction: bool,
    /// To wait for it, as against being told.
    pub wait: bool,
}

/// The locks of a session.
pub struct Advisory {
    owner: Arc<Owner>,
    /// How often each was taken, whether shared or not.
    held: Mutex<HashMap<(Number, bool), usize>>,
}

impl Advisory {
    /// None yet.
    pub fn new(locks: &Arc<Locks>) -> Self {
        Self { owner: locks.owner(), held: Mutex::default() }
    }

    /// Takes a lock; says whether it is there.
    pub fn lock(&self, context: &Context, number: Number, wish: Wish) -> Result<bool> {
        let mode = mode(wish.shared);
        let space = Space::Advisory(number.pair, number.value);
        let transaction = context.owner.upgrade();
        if wish.of_transaction {
            // What the session has excludes its transaction from nothing.
            let has = |shared| self.held.lock().contains_key(&(number, shared));
            if has(false) || wish.shared && has(true) {
                return Ok(true);
            }
            if has(true) {
                return Err(own(number));
            }
            let owner = transaction.ok_or_else(|| Error::internal("an advisory lock of no transaction"))?;
            return take(context, &owner, space, mode, wish.wait);
        }
        if transaction.is_some_and(|owner| owner.has(space)) {
            return Err(own(number));
        }
        let taken = take(context, &self.owner, space, mode, wish.wait)?;
        if taken {
            *self.held.lock().entry((number, wish.shared)).or_default() += 1;
        }
        Ok(taken)
    }

    /// Gives a lock back once; says whether the session had it.
    pub fn unlock(&self, number: Number, shared: bool) -> bool {
        let mut held = self.held.lock();
        let Some(times) = held.get_mut(&(number, shared)) else { return false };
        *times -= 1;
        if *times == 0 {
            held.remove(&(number, shared));
            self.owner.release(Space::Advisory(number.pair, number.value), mode(shared));
        }
        true
    }

    /// Gives all of them back.
    pub fn unlock_all(&self) {
        self.held.lock().clear();
        self.owner.release_from(0);
    }
}

fn mode(shared: bool) -> Mode {
    if shared { Mode::Share } else { Mode::Update }
}

fn take(context: &Context, owner: &Arc<Owner>, space: Space, mode: Mode, wait: bool) -> Result<bool> {
    let limit_ms = context.settings.milliseconds("lock_timeout");
    let begun = Instant::now();
    loop {
        let waiting = match owner.take(space, Items::one(0), mode, wait)? {
            Taking::Taken => return Ok(true),
            Taking::Busy(None) => return Ok(false),
            Taking::Busy(Some(waiting)) => waiting,
        };
        while !waiting.is_over() {
            std::thread::sleep(POLL);
            may_wait(context, begun, limit_ms)?;
        }
    }
}

fn own(number: Number) -> Error {
    let message = format!("this session holds advisory lock {} in another way already", number.value);
    Error::new(Kind::Unsupported, message).with_hint("Take it for the session or for the transaction, not for both.")
}

impl fmt::Debug for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advisory").field("held", &self.held.lock().len()).finish()
    }
}
