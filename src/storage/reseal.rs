//! Sealing small values anew after their data key was replaced, while commits go on.
//!
//! A row is opened, sealed and put back while the state is held, a few dozen at a time; no commit can change it in between.
//! The journal does not hear of it: what a crash undoes is done again, since the old key is there until everything durable
//! does without it.

use super::engine::{Op, Tree};
use super::record::Write;
use super::rows::{Scratch, first_key};
use super::sealed::SealedEngine;
use crate::config::{CHECKPOINTS_KEPT, RESEAL_VALUES};
use crate::error::Result;

impl SealedEngine {
    /// Seals every value anew whose data key was replaced, and removes those whose data key was destroyed, until `go_on` says no.
    /// Gives their number.
    pub(super) fn reseal(&self, go_on: &dyn Fn() -> bool) -> Result<usize> {
        // Whoever sealed with an old key has handed it in by now.
        drop(self.sealing.write());
        self.commit_nothing()?;
        let mut count = 0;
        for tree in Tree::ALL {
            for keys in self.stale_keys(tree)?.chunks(RESEAL_VALUES) {
                if !go_on() {
                    return Ok(count);
                }
                self.reseal_values(tree, keys)?;
                count += keys.len();
            }
        }
        Ok(count)
    }

    /// Keys of the values of a tree whose data key was replaced or destroyed.
    fn stale_keys(&self, tree: Tree) -> Result<Vec<Vec<u8>>> {
        let mut keys = Vec::new();
        self.assets()?.scan(tree, &first_key(b""), |row_key, sealed| {
            if self.sealer.is_outdated(tree, sealed) || self.sealer.is_shredded(tree, sealed) {
                keys.push(row_key[1..].to_vec());
            }
            Ok(())
        })?;
        Ok(keys)
    }

    fn reseal_values(&self, tree: Tree, keys: &[Vec<u8>]) -> Result<()> {
        let mut state = self.state.write();
        let assets = self.assets()?;
        let mut writes = Vec::with_capacity(keys.len());
        for key in keys {
            // A commit may have replaced or removed it since it was found.
            let Some(first) = assets.get(tree, &first_key(key))? else { continue };
            if self.sealer.is_shredded(tree, &first) {
                writes.push(Write { tree, key: key.clone(), rows: Vec::new() });
            } else if self.sealer.is_outdated(tree, &first) {
                let value = self.sealer.open(tree, key, &first, |row_key| assets.get(tree, row_key))?;
                let owner = self.sealer.owner(tree, &first);
                let op = Op { tree, key: key.clone(), value: Some(value), owner };
                let rows = self.sealer.seal_op(&op, &mut Scratch::default())?;
                writes.push(Write { tree, key: key.clone(), rows });
            }
        }
        let next = assets.transact(|transaction| {
            let mut next = state.clone();
            writes.iter().try_for_each(|write| self.apply_write(transaction, &mut next, write))?;
            self.put_tally(transaction, &next)?;
            Ok(next)
        })?;
        *state = next;
        Ok(())
    }

    /// Begins the journal anew, with checkpoints and a head that are sealed with the newest keys, so that those before can go.
    pub(super) fn renew_journal(&self) -> Result<()> {
        if let Some(ledger) = self.ledger.lock().as_mut() {
            ledger.journal.begins_anew = true;
        }
        for _ in 0..CHECKPOINTS_KEPT {
            // Each checkpoint has a number of its own.
            self.commit_nothing()?;
            if let Some(ledger) = self.ledger.lock().as_mut() {
                self.checkpoint(&mut ledger.journal)?;
            }
        }
        let mut held = self.ledger.lock();
        let Some(ledger) = held.as_mut() else { return Ok(()) };
        let commits = self.state.read().commits;
        ledger.head.head.write_both(&ledger.head.sealer, commits)
    }
}
