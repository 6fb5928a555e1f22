//! Which data keys and epochs what lies in the folder still needs.

use std::collections::BTreeSet;
use std::path::Path;

use super::checkpoint;
use super::engine::Tree;
use super::files::Files;
use super::head;
use super::journal::Listing;
use super::log_file::{LogKind, LogReader};
use super::record::Commit;
use super::recovery;
use super::sealed::SealedEngine;
use crate::config::CHECKPOINTS_KEPT;
use crate::crypto::{Keyring, sealed_with};
use crate::error::{Error, Kind, Result};

/// Data keys and epochs that something is sealed with.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub keys: BTreeSet<u32>,
    pub epochs: BTreeSet<u32>,
}

impl Usage {
    fn value(&mut self, sealed: &[u8]) {
        if let Some((key, epoch)) = sealed_with(sealed) {
            self.keys.insert(key);
            self.epochs.insert(epoch);
        }
    }

    /// Looks at everything. An error when anything cannot be told: then no key may go.
    pub(super) fn of(dir: &Path, keyring: &Keyring, engine: &SealedEngine, files: &Files) -> Result<Self> {
        if let Some(kept) = recovery::kept(dir).first() {
            let message =
                format!("\"{}\" is kept, and may be sealed with keys that are needed nowhere else", kept.object);
            return Err(Error::new(Kind::NotReady, message));
        }
        let mut usage = Self::default();
        // Files first: one that is written while we look was begun with the newest key.
        usage.keys.extend(files.data_keys()?);
        for tree in Tree::ALL {
            engine.assets()?.scan(tree, b"", |_, sealed| {
                usage.value(sealed);
                Ok(())
            })?;
        }
        usage.logs(dir, keyring)?;
        head::slots(dir)?.iter().for_each(|sealed| usage.value(sealed));
        Ok(usage)
    }

    /// What a recovery may need: files that are no longer removed, small values, the last checkpoints, and the logs behind them. What is
    /// kept for the past alone does not count.
    pub(super) fn current(dir: &Path, keyring: &Keyring, engine: &SealedEngine, files: &Files) -> Result<Self> {
        let mut usage = Self { keys: files.current_data_keys()?, epochs: BTreeSet::new() };
        for tree in Tree::ALL {
            engine.assets()?.scan(tree, b"", |_, sealed| {
                usage.value(sealed);
                Ok(())
            })?;
        }
        let mut listing = Listing::read(dir)?;
        listing.checkpoints.drain(..listing.checkpoints.len().saturating_sub(CHECKPOINTS_KEPT));
        if let Some((oldest, _)) = listing.checkpoints.first() {
            let needed = listing.logs.iter().rposition(|(first, _)| *first <= oldest + 1).unwrap_or(0);
            listing.logs.drain(..needed);
        }
        usage.journal(&listing, keyring)?;
        Ok(usage)
    }

    /// The journal's files, and the rows in them.
    fn logs(&mut self, dir: &Path, keyring: &Keyring) -> Result<()> {
        self.journal(&Listing::read(dir)?, keyring)
    }

    fn journal(&mut self, listing: &Listing, keyring: &Keyring) -> Result<()> {
        for (_, path) in &listing.checkpoints {
            self.keys.insert(LogReader::open(path, LogKind::Checkpoint, keyring)?.data_key);
            checkpoint::read(path, keyring, |rows| {
                rows.iter().for_each(|(_, _, sealed)| self.value(sealed));
                Ok(())
            })?;
        }
        let last = listing.logs.len().saturating_sub(1);
        for (place, (_, path)) in listing.logs.iter().enumerate() {
            let mut log = match LogReader::open(path, LogKind::Journal, keyring) {
                Ok(log) => log,
                // One that was cut off while it was made, before a later one, holds nothing.
                Err(_) if place < last => continue,
                Err(error) => return Err(error),
            };
            self.keys.insert(log.data_key);
            // What a cut-off write left at the end does not open, and is no part of the journal.
            while let Ok(Some(frame)) = log.next() {
                let commit = Commit::decode(&frame);
                commit
                    .iter()
                    .flat_map(|commit| &commit.writes)
                    .flat_map(|write| &write.rows)
                    .for_each(|(_, sealed)| self.value(sealed));
            }
        }
        Ok(())
    }
}
