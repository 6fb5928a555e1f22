//! The keeper of keys: a thread that brings everything under the newest keys, and lets go of those that nothing needs.
//!
//! It has work after `Store::rotate_keys`, after an object was dropped or emptied, and after an open that finds old keys
//! because a process was killed meanwhile. What it does can be cut off anywhere and is done again: values and files are
//! sealed anew one by one, the journal begins anew behind them, and only when nothing on disk names an old key, and all of
//! that is durable, the keyring drops it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::files::Files;
use super::health::Health;
use super::sealed::SealedEngine;
use super::usage::Usage;
use crate::config::{KEEPER_PAUSE_MS, KEEPER_RETRY_MS};
use crate::crypto::{KeyFact, KeyState, Keyring, Scope};
use crate::error::{Error, Kind, Result};

/// The thread and what it is told.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    keyring: Arc<Keyring>,
    engine: Arc<SealedEngine>,
    files: Arc<Files>,
    health: Arc<Health>,
    /// The keys under which nothing current is left: only what is kept for a while may be.
    left: Mutex<BTreeSet<u32>>,
    orders: Mutex<Orders>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    stop: bool,
    /// Keys were replaced since the thread last looked.
    rotate: bool,
    /// Objects whose keys go as soon as nobody reads their files any more.
    doomed: BTreeSet<u64>,
    /// Objects whose replaced keys are destroyed even where the past is kept.
    shredded: BTreeSet<u64>,
    /// The thread is at it.
    busy: bool,
}

impl Keeper {
    /// Starts the thread; it has work at once when there are old keys.
    pub(super) fn start(
        dir: PathBuf,
        keyring: Arc<Keyring>,
        engine: Arc<SealedEngine>,
        files: Arc<Files>,
        health: Arc<Health>,
    ) -> Result<Self> {
        let rotate = keyring.facts().iter().any(|fact| fact.state == KeyState::Outdated);
        let orders = Mutex::new(Orders { rotate, ..Orders::default() });
        let left = Mutex::default();
        let shared = Arc::new(Shared { dir, keyring, engine, files, health, left, orders, changed: Condvar::new() });
        let runs = shared.clone();
        let thread = thread::Builder::new().name("steward-keeper".into()).spawn(move || runs.run());
        let thread = thread.map_err(|error| Error::io("a thread for the keys", &error))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Tells the thread that keys were replaced.
    pub(super) fn rotated(&self) {
        self.shared.orders.lock().rotate = true;
        self.shared.changed.notify_all();
    }

    /// Tells the thread to destroy the keys of objects, once nobody reads their files any more.
    pub(super) fn doom(&self, owners: impl IntoIterator<Item = u64>) {
        self.shared.orders.lock().doomed.extend(owners);
        self.shared.changed.notify_all();
    }

    /// Tells the thread to destroy the keys of objects that were replaced, once nothing current is under them.
    pub(super) fn shred(&self, owners: impl IntoIterator<Item = u64>) {
        let mut orders = self.shared.orders.lock();
        orders.shredded.extend(owners);
        orders.rotate = true;
        drop(orders);
        self.shared.changed.notify_all();
    }

    /// Waits until the replaced keys of these objects are destroyed, or `patience` is over; tells which.
    pub(super) fn wait_for_shreds(&self, owners: &BTreeSet<u64>, patience: Duration) -> bool {
        let until = std::time::Instant::now() + patience;
        let mut orders = self.shared.orders.lock();
        while !orders.shredded.is_disjoint(owners) {
            if self.shared.changed.wait_until(&mut orders, until).timed_out() {
                return false;
            }
        }
        true
    }

    /// Waits until there is nothing to do, or `patience` is over; tells which.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let until = std::time::Instant::now() + patience;
        let mut orders = self.shared.orders.lock();
        while orders.busy || orders.rotate || !orders.doomed.is_empty() {
            if self.shared.changed.wait_until(&mut orders, until).timed_out() {
                return false;
            }
        }
        true
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.orders.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut pause = Duration::from_millis(KEEPER_PAUSE_MS);
        loop {
            let (rotate, doomed, shredded) = {
                let mut orders = self.orders.lock();
                while !orders.stop && !orders.rotate && orders.doomed.is_empty() {
                    self.changed.wait(&mut orders);
                }
                // What is dropped or emptied many times in a row is done with once.
                if !orders.stop {
                    self.changed.wait_for(&mut orders, pause);
                }
                if orders.stop {
                    return;
                }
                orders.busy = true;
                (std::mem::take(&mut orders.rotate), orders.doomed.clone(), orders.shredded.clone())
            };
            let done = self.work(rotate, &doomed, &shredded);
            let mut orders = self.orders.lock();
            orders.busy = false;
            pause = Duration::from_millis(KEEPER_PAUSE_MS);
            match done {
                Ok(destroyed) => {
                    orders.doomed.retain(|owner| !destroyed.contains(owner));
                    if !orders.doomed.is_empty() && !orders.rotate {
                        // Somebody still reads them, who may take a while.
                        pause = Duration::from_millis(KEEPER_RETRY_MS / 10);
                    }
                }
                Err(error) => {
                    if !orders.stop && error.kind() != Kind::Shutdown {
                        tracing::warn!("old data keys are kept for now: {}", error.message());
                    }
                    // What failed is tried again later, and after the next start in any case; at once what was ordered meanwhile, which
                    // nobody was there to hear, and soon what somebody waits for.
                    let is_ordered = orders.rotate || !orders.shredded.is_subset(&shredded);
                    orders.rotate |= rotate && error.kind() != Kind::NotReady;
                    pause = Duration::from_millis(match (is_ordered, orders.shredded.is_empty()) {
                        (true, _) => KEEPER_PAUSE_MS,
                        (false, false) => KEEPER_RETRY_MS / 10,
                        (false, true) => KEEPER_RETRY_MS,
                    });
                }
            }
            self.changed.notify_all();
        }
    }

    /// Gives the objects whose keys were destroyed.
    fn work(&self, rotate: bool, doomed: &BTreeSet<u64>, shredded: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        let destroyed = self.destroy(doomed)?;
        if rotate {
            self.renew(shredded)?;
        }
        Ok(destroyed)
    }

    /// A backup has the keyring of the moment it began at: nothing gets a later key until it has ended.
    fn goes_on(&self) -> bool {
        !self.orders.lock().stop && !self.health.retention.is_pinned()
    }

    /// Destroys the keys of those objects that have no file left: the last reader has gone. Gives those that are done with.
    fn destroy(&self, doomed: &BTreeSet<u64>) -> Result<BTreeSet<u64>> {
        let facts = self.keyring.facts();
        let keyed: BTreeSet<u64> = facts
            .iter()
            .filter(|fact| fact.state != KeyState::Destroyed)
            .filter_map(|fact| owner(fact.scope))
            .filter(|owner| doomed.contains(owner))
            .collect();
        let mut done = doomed.clone();
        if keyed.is_empty() {
            return Ok(done);
        }
        let mut used = self.files.data_keys()?;
        if self.health.retention.keeps() {
            // As long as states of the past can be read, so can what is dropped.
            used.extend(Usage::of(&self.dir, &self.keyring, &self.engine, &self.files)?.keys);
        }
        let read: BTreeSet<u64> =
            facts.iter().filter(|fact| used.contains(&fact.id)).filter_map(|fact| owner(fact.scope)).collect();
        let free: BTreeSet<u64> = keyed.difference(&read).copied().collect();
        if !free.is_empty() {
            // What waits to be applied is read as it came, sealed by no key.
            self.engine.apply_pending()?;
            self.keyring.destroy(&free)?;
            self.files.forget_handles();
        }
        done.retain(|owner| !read.contains(owner));
        Ok(done)
    }

    /// Seals everything with the newest keys, then lets go of the others. Those of `shredded` are destroyed though the past may need them.
    fn renew(&self, shredded: &BTreeSet<u64>) -> Result<()> {
        let go_on = || self.goes_on();
        // Only what is old already: a key that is replaced meanwhile may be in use where we have looked before.
        let old = self.keyring.facts().into_iter().filter(|fact| fact.state != KeyState::Current);
        let old: BTreeSet<u32> = old.map(|fact| fact.id).collect();
        let outdated = |fact: &KeyFact| fact.state == KeyState::Outdated;
        let waiting: BTreeSet<u32> =
            self.keyring.facts().iter().filter(|fact| outdated(fact)).map(|fact| fact.id).collect();
        self.reseal(&go_on)?;
        if !go_on() {
            return Err(Error::new(Kind::InUse, "a backup is under way"));
        }
        // Once is enough: from then on the journal holds nothing under these keys but what is kept for a while.
        if *self.left.lock() != waiting {
            self.engine.renew_journal()?;
            *self.left.lock() = waiting;
        }
        self.shred(shredded, &old)?;
        let usage = Usage::of(&self.dir, &self.keyring, &self.engine, &self.files)?;
        self.keyring.drop_unused(&old.difference(&usage.keys).copied().collect(), &usage.epochs)?;
        // Such as what was being written with one of them while we went through, or what is kept for a while.
        match self.keyring.facts().iter().any(|fact| outdated(fact) && old.contains(&fact.id)) {
            true => Err(Error::new(Kind::InUse, "something is still sealed with them")),
            false => Ok(()),
        }
    }

    /// Destroys those of the replaced keys `old` that belong to these objects. Everything is under newer ones by now, the last checkpoints
    /// included, and durable: what a recovery begins with needs none of them. What the past has under them is gone with them.
    fn shred(&self, owners: &BTreeSet<u64>, old: &BTreeSet<u32>) -> Result<()> {
        if owners.is_empty() {
            return Ok(());
        }
        let theirs = |fact: &KeyFact| owner(fact.scope).is_some_and(|owner| owners.contains(&owner));
        let facts = self.keyring.facts().into_iter();
        let keys = facts.filter(|fact| fact.state == KeyState::Outdated && old.contains(&fact.id) && theirs(fact));
        let keys: BTreeSet<u32> = keys.map(|fact| fact.id).collect();
        if !keys.is_empty() {
            let used = Usage::current(&self.dir, &self.keyring, &self.engine, &self.files)?.keys;
            if !used.is_disjoint(&keys) {
                // Such as a checkpoint for which there was no room: the next time writes it again.
                self.left.lock().clear();
                return Err(Error::new(Kind::InUse, "something current is still sealed with them"));
            }
            self.keyring.destroy_replaced(&keys)?;
            self.files.forget_handles();
        }
        self.files.purge_shredded()?;
        // One that was ordered once more meanwhile has another key to lose.
        let facts = self.keyring.facts();
        let has_old = |object: u64| {
            facts.iter().any(|fact| fact.state == KeyState::Outdated && fact.scope == Scope::Object(object))
        };
        self.orders.lock().shredded.retain(|owner| !owners.contains(owner) || has_old(*owner));
        self.changed.notify_all();
        Ok(())
    }

    /// Seals values and files with the newest keys.
    fn reseal(&self, go_on: &dyn Fn() -> bool) -> Result<()> {
        self.engine.reseal(go_on)?;
        for id in self.files.list()? {
            if !go_on() {
                return Ok(());
            }
            match self.files.reseal(id) {
                Ok(_) => {}
                // A damaged file is what `check` is for; its key stays with it.
                Err(error) if error.kind() == Kind::Corruption => {
                    tracing::warn!("not sealed anew: {}", error.message());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn owner(scope: Scope) -> Option<u64> {
    match scope {
        Scope::Object(owner) => Some(owner),
        Scope::Purpose(_) => None,
    }
}
