//! Batches on their way to the disk: taken in order, made durable many at once by whoever comes first, then applied.
//!
//! ```text
//! waiting -> leading -> durable -> (applied, and gone from here)
//! ```
//!
//! Who waits is told as soon as a batch is durable. What is durable is applied by one of those who made it so, many batches at once,
//! while the next ones are on their way to the disk; until then it is read from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::engine::{Op, Pair, Ticket, Tree};
use super::record::Write;
use crate::config::UNAPPLIED_BATCHES_MAX;
use crate::error::Result;

/// One batch: as it came, for those who read before it is applied, and sealed.
#[derive(Debug, Default)]
pub(super) struct Submitted {
    pub ops: Vec<Op>,
    pub writes: Vec<Write>,
}

/// The batches that are not applied yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    /// Tickets up to this one are durable.
    settled: u64,
    waiting: Vec<Arc<Submitted>>,
    /// What a leader has in hand.
    leading: Option<Vec<Arc<Submitted>>>,
    /// What is durable and not applied yet: the last of the settled.
    durable: Vec<Arc<Submitted>>,
    /// Somebody applies it.
    applying: bool,
}

impl Queue {
    /// Takes a batch.
    pub(super) fn submit(&self, batch: Submitted) -> Ticket {
        let mut state = self.state.lock();
        state.taken += 1;
        state.waiting.push(Arc::new(batch));
        Ticket(state.taken)
    }

    /// Waits until the batch of `ticket` is durable. The first who comes makes durable what all wait for, with `write`, and then
    /// applies it, with `apply`, unless somebody else does; `go_on` says whether anything may still be written.
    pub(super) fn settle(
        &self,
        ticket: Ticket,
        go_on: impl Fn() -> Result<()>,
        write: impl Fn(&[Arc<Submitted>]) -> Result<()>,
        apply: impl Fn(&[Arc<Submitted>]) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        while state.settled < ticket.0 {
            go_on()?;
            if state.leading.is_some() || state.applying && state.durable.len() > UNAPPLIED_BATCHES_MAX {
                self.moved.wait(&mut state);
                continue;
            }
            let group = std::mem::take(&mut state.waiting);
            let reached = state.taken;
            state.leading = Some(group.clone());
            drop(state);
            let result = write(&group);
            state = self.state.lock();
            state.leading = None;
            if result.is_ok() {
                state.settled = reached;
                state.durable.extend(group);
            }
            self.moved.notify_all();
            result?;
        }
        // Before the next leader can be one: somebody always applies what is durable.
        while !state.applying && !state.durable.is_empty() && go_on().is_ok() {
            let group = state.durable.clone();
            state.applying = true;
            drop(state);
            let result = apply(&group);
            state = self.state.lock();
            state.applying = false;
            if result.is_ok() {
                state.durable.drain(..group.len());
            }
            self.moved.notify_all();
            result?;
            // Nobody is kept at it for long: who leads now applies what is left.
            if state.leading.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Waits until the batch of a ticket, which is settled, is applied, and all before it.
    pub(super) fn applied(&self, ticket: Ticket, go_on: impl Fn() -> Result<()>) -> Result<()> {
        let mut state = self.state.lock();
        while state.settled - (state.durable.len() as u64) < ticket.0 {
            go_on()?;
            self.moved.wait(&mut state);
        }
        Ok(())
    }

    /// What the batches in the queue make of a key; `None` when they do not name it.
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let state = self.state.lock();
        let mut ops = state.batches().rev().flat_map(|batch| batch.ops.iter().rev());
        ops.find(|op| op.tree == tree && op.key == key).map(|op| op.value.clone())
    }

    /// What the batches in the queue make of the keys with a prefix.
    pub(super) fn scan(&self, tree: Tree, prefix: &[u8]) -> Changes {
        let state = self.state.lock();
        let ops = state.batches().flat_map(|batch| &batch.ops);
        Changes(
            ops.filter(|op| op.tree == tree && op.key.starts_with(prefix))
                .map(|op| (op.key.clone(), op.value.clone()))
                .collect(),
        )
    }
}

impl State {
    /// In order.
    fn batches(&self) -> impl DoubleEndedIterator<Item = &Arc<Submitted>> {
        self.durable.iter().chain(self.leading.iter().flatten()).chain(&self.waiting)
    }
}

/// Keys and what became of them.
pub(super) struct Changes(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Changes {
    /// The pairs as they are after the changes, in order.
    pub(super) fn over(self, pairs: Vec<Pair>) -> Vec<Pair> {
        if self.0.is_empty() {
            return pairs;
        }
        let mut all: BTreeMap<_, _> = pairs.into_iter().collect();
        for (key, value) in self.0 {
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(&key),
            };
        }
        all.into_iter().collect()
    }
}
