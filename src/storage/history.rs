//! The past: commits as the journal keeps them, and the state after each of them made anew from a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint;
use super::engine::{Engine, Op, Tree, WriteBatch};
use super::journal::Listing;
use super::log_file;
use super::memory::MemoryEngine;
use super::record::Commit;
use super::retention::Pin;
use super::rows::{FIRST, RowSealer};
use super::store::Store;
use crate::crypto::Keyring;
use crate::error::{Error, Kind, Result};

/// One commit of the past.
#[derive(Debug)]
pub struct Past {
    /// Its number in the journal, which counts every batch.
    pub number: u64,
    /// When it was made, in milliseconds since 1970 by this machine's clock.
    pub time_ms: u64,
    ops: Vec<Op>,
}

impl Past {
    pub(super) fn of(commit: &Commit, sealer: &RowSealer) -> Result<Self> {
        let ops = commit.writes.iter().map(|write| sealer.open_write(write)).collect::<Result<_>>()?;
        Ok(Self { number: commit.number, time_ms: commit.time_ms, ops })
    }

    /// What it wrote to a key; none when it did not touch it or deleted it.
    pub fn value(&self, tree: Tree, key: &[u8]) -> Option<&[u8]> {
        self.ops.iter().rev().find(|op| op.tree == tree && op.key == key)?.value.as_deref()
    }

    /// Whether any value that it wrote, as far as it opens, is what is asked for.
    pub fn contains(&self, is: &dyn Fn(&[u8]) -> bool) -> bool {
        self.ops.iter().filter_map(|op| op.value.as_deref()).any(is)
    }

    /// How many values it wrote or deleted.
    pub fn writes(&self) -> usize {
        self.ops.len()
    }

    /// Bytes of its keys and values.
    pub fn bytes(&self) -> u64 {
        self.ops.iter().map(|op| (op.key.len() + op.value.as_ref().map_or(0, Vec::len)) as u64).sum()
    }
}

/// Commits that the journal holds, with a checkpoint to begin from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The earliest state that can be made anew: that after this commit.
    pub first: u64,
    /// When its checkpoint was written, in milliseconds since 1970.
    pub first_ms: u64,
}

impl Store {
    /// The states that journal and checkpoints reach back to.
    pub fn span(&self) -> Result<Span> {
        let listing = Listing::read(self.dir())?;
        let Some((first, path)) = listing.checkpoints.first() else {
            return Err(Error::new(Kind::Corruption, "the journal has no checkpoint"));
        };
        Ok(Span { first: *first, first_ms: log_file::glance(path)?.0 })
    }

    /// Calls `each` with the commits after number `after`, in order, until it says that it has enough.
    pub fn commits(&self, after: u64, mut each: impl FnMut(Past) -> Result<bool>) -> Result<()> {
        let _pin = Pin::take(self.health());
        let listing = Listing::read(self.dir())?;
        let sealer = RowSealer::new(self.keyring())?;
        match listing.replay_while(self.keyring(), after, |commit| each(Past::of(&commit, &sealer)?))? {
            Some(_) => Ok(()),
            None => Err(gone(after)),
        }
    }

    /// The last commit before which a checkpoint was written no later than `time_ms`: where a search for that time begins.
    pub fn checkpoint_before(&self, time_ms: u64) -> Result<u64> {
        let listing = Listing::read(self.dir())?;
        let mut found = listing.checkpoints.first().map_or(0, |(commit, _)| *commit);
        for (commit, path) in &listing.checkpoints {
            if log_file::glance(path)?.0 <= time_ms {
                found = *commit;
            }
        }
        Ok(found)
    }

    /// What the trees held after commit `number`.
    pub fn state_at(&self, number: u64) -> Result<MemoryEngine> {
        let _pin = Pin::take(self.health());
        let listing = Listing::read(self.dir())?;
        let before = listing.checkpoints.iter().rev().find(|(commit, _)| *commit <= number);
        let Some((from, path)) = before else { return Err(gone(number)) };
        let engine = load_state(path, self.keyring())?;
        if *from == number {
            return Ok(engine);
        }
        let sealer = RowSealer::new(self.keyring())?;
        let end = listing.replay_while(self.keyring(), *from, |commit| {
            engine.commit(WriteBatch { ops: Past::of(&commit, &sealer)?.ops, ..WriteBatch::new() })?;
            Ok(commit.number < number)
        })?;
        match end.filter(|end| end.commit >= number) {
            Some(_) => Ok(engine),
            None => Err(gone(number)),
        }
    }
}

fn gone(number: u64) -> Error {
    Error::new(Kind::NotReady, format!("commit {number} is not in the journal"))
}

/// What the trees held when a checkpoint was written.
pub(super) fn load_state(path: &Path, keyring: &Keyring) -> Result<MemoryEngine> {
    let sealer = RowSealer::new(keyring)?;
    let mut rows = BTreeMap::new();
    checkpoint::read(path, keyring, |more| {
        rows.extend(more.into_iter().map(|(tree, key, sealed)| ((tree, key.to_vec()), sealed.to_vec())));
        Ok(())
    })?;
    let mut batch = WriteBatch::new();
    for ((tree, row_key), sealed) in &rows {
        if let Some((&FIRST, key)) = row_key.split_first()
            && !sealer.is_shredded(*tree, sealed)
        {
            let value = sealer.open(*tree, key, sealed, |part| Ok(rows.get(&(*tree, part.to_vec()))))?;
            batch.put(*tree, key, value);
        }
    }
    let engine = MemoryEngine::new();
    engine.commit(batch)?;
    Ok(engine)
}
