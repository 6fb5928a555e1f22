//! The engine on disk: values sealed, counted, acknowledged by the journal, applied to sled.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::assets::{Assets, TransactResult, Transaction, abort};
use super::check::Finding;
use super::checkpoint;
use super::engine::{Engine, Op, Pair, Ticket, Tree, WriteBatch};
use super::head::HeadWriter;
use super::health::Health;
use super::journal::Journal;
use super::lock::FolderLock;
use super::paths::remove_file;
use super::queue::{Queue, Submitted};
use super::record::{Commit, Write};
use super::rows::{FIRST, PART, RowSealer, Scratch, TALLY_KEY, broken, first_key, may_have_parts, part_key};
use super::tally::{Tallies, Tally};
use crate::config::JOURNAL_CHECKPOINT_BYTES;
use crate::crypto::{Keyring, MacKey, Purpose};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// [`Engine`] over sealed sled trees.
#[derive(Debug)]
pub(super) struct SealedEngine {
    /// `None` only while dropping.
    assets: Option<Assets>,
    data_dir: PathBuf,
    keyring: Arc<Keyring>,
    pub(super) sealer: RowSealer,
    mac: MacKey,
    /// Readers share it, so that they see all rows of a value of one commit; applying a commit holds it alone.
    pub(super) state: RwLock<Tallies>,
    queue: Queue,
    /// Shared from the sealing of a batch until it is in the queue. Who holds it alone knows that every value sealed with keys
    /// of before is in the queue or applied.
    pub(super) sealing: RwLock<()>,
    /// `None` until replay is over.
    pub(super) ledger: Mutex<Option<Ledger>>,
    /// So much was written since the last checkpoint that it is time for one.
    checkpoint_due: AtomicBool,
    /// Microseconds that the last group of batches took to become durable.
    last_write: AtomicU64,
    health: Arc<Health>,
    _lock: Arc<FolderLock>,
}

/// Where commits are written down before sled gets them.
#[derive(Debug)]
pub(super) struct Ledger {
    pub journal: Journal,
    pub head: HeadWriter,
}

impl SealedEngine {
    /// Takes over an opened sled; with `create` it must be empty, else its counts must hold, or it is `Corruption`. Nothing can be
    /// committed before [`SealedEngine::begin`].
    pub(super) fn open(
        assets: Assets,
        data_dir: &Path,
        keyring: &Arc<Keyring>,
        health: Arc<Health>,
        lock: Arc<FolderLock>,
        create: bool,
    ) -> Result<Self> {
        let mut engine = Self {
            assets: Some(assets),
            data_dir: data_dir.to_path_buf(),
            sealer: RowSealer::new(keyring)?,
            mac: keyring.mac_key(Purpose::Journal, "tally")?,
            keyring: keyring.clone(),
            state: RwLock::default(),
            queue: Queue::default(),
            sealing: RwLock::default(),
            ledger: Mutex::default(),
            checkpoint_due: AtomicBool::new(false),
            last_write: AtomicU64::new(0),
            health,
            _lock: lock,
        };
        let compared = match create {
            true => Ok(Tallies::default()),
            false => engine.compared_tallies(),
        };
        match compared {
            Ok(tallies) => *engine.state.get_mut() = tallies,
            Err(error) => {
                // Nothing may be noted as cleanly closed.
                engine.abandon();
                return Err(error);
            }
        }
        Ok(engine)
    }

    /// Lets go of sled without noting that it was closed.
    pub(super) fn abandon(&mut self) {
        if let Some(assets) = self.assets.take() {
            assets.abandon();
        }
    }

    /// What sled shows is durable on return.
    pub(super) fn flush(&self) -> Result<()> {
        self.assets()?.flush()
    }

    /// The commit that sled shows.
    pub(super) fn applied(&self) -> u64 {
        self.state.read().commits
    }

    /// Applies a commit of the journal that sled does not show yet.
    pub(super) fn replay(&self, commit: Commit) -> Result<()> {
        self.apply(&[Arc::new(Submitted { ops: Vec::new(), writes: commit.writes })])
    }

    /// Goes on with this ledger; with `checkpoint` its journal begins with one.
    pub(super) fn begin(&self, ledger: Ledger, checkpoint: bool) -> Result<()> {
        *self.ledger.lock() = Some(ledger);
        // An empty commit, to see that sled asks us whether to sync.
        let before = super::sync_range::calls();
        self.commit_nothing()?;
        self.assets()?.flush()?;
        if super::sync_range::EXPECTED && super::sync_range::calls() == before {
            // Slow, and as safe.
            tracing::warn!(
                "sled syncs each piece of its log: this binary was linked without Steward's sync_file_range"
            );
        }
        match self.ledger.lock().as_mut().filter(|_| checkpoint) {
            Some(ledger) => self.checkpoint(&mut ledger.journal),
            None => Ok(()),
        }
    }

    /// An empty commit: the counts are sealed anew, and what was submitted before is durable and applied on return.
    pub(super) fn commit_nothing(&self) -> Result<()> {
        let ticket = self.queue.submit(Submitted::default());
        self.settle(ticket)?;
        self.apply_pending()
    }

    /// Applies all that is durable: what sled shows is what was committed before.
    pub(super) fn apply_pending(&self) -> Result<()> {
        let apply = |group: &[Arc<Submitted>]| self.apply_durable(group).map_err(|error| self.health.fail(error));
        self.queue.apply_durable(|| self.health.still_writes(), apply)
    }

    pub(super) fn assets(&self) -> Result<&Assets> {
        self.assets.as_ref().ok_or_else(|| Error::new(Kind::Shutdown, "the store is closed"))
    }

    /// The counts as stored, if they are those of what is there.
    fn compared_tallies(&self) -> Result<Tallies> {
        let stored = self.stored_tallies()?;
        compare(&stored, &self.count()?)?;
        Ok(stored)
    }

    /// The counts as stored.
    fn stored_tallies(&self) -> Result<Tallies> {
        let missing = || Error::new(Kind::Corruption, "tree sys is damaged: the store's own counts are missing");
        let sealed = self.assets()?.get(Tree::Sys, TALLY_KEY)?.ok_or_else(missing)?;
        Tallies::decode(&self.sealer.open_tally(&sealed)?).ok_or_else(missing)
    }

    /// The counts of what is there.
    fn count(&self) -> Result<Tallies> {
        let mut found = Tallies::default();
        for tree in Tree::ALL {
            let tally = &mut found.trees[tree as usize];
            self.assets()?.scan(tree, b"", |key, sealed| {
                if !(tree == Tree::Sys && key == TALLY_KEY) {
                    tally.add(&self.mac, tree, key, sealed);
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The value whose first row is `sealed`.
    fn open_value(&self, tree: Tree, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let assets = self.assets()?;
        self.sealer.open(tree, key, sealed, |row_key| assets.get(tree, row_key))
    }

    /// Makes a group of batches durable in the journal.
    fn write(&self, group: &[Arc<Submitted>]) -> Result<()> {
        let mut held = self.ledger.lock();
        let Some(Ledger { journal, head }) = held.as_mut() else {
            fail!(Internal, "a commit before the journal was begun")
        };
        let time_ms = chrono::Utc::now().timestamp_millis() as u64;
        let commits = group.iter().map(|batch| move |number| Commit::encode(number, time_ms, batch));
        let begun = Instant::now();
        let reached = journal.append(commits)?;
        self.last_write.store(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        if journal.since_checkpoint > JOURNAL_CHECKPOINT_BYTES {
            self.checkpoint_due.store(true, Ordering::Release);
        }
        head.note(reached)
    }

    /// Says whether threads lead and apply: [`SealedEngine::lead_all`] and [`SealedEngine::apply_all`].
    pub(super) fn set_writers(&self, has_writers: bool) {
        self.queue.set_writers(has_writers);
    }

    /// Makes durable what others wait for, until [`SealedEngine::set_writers`] ends that.
    pub(super) fn lead_all(&self) {
        self.queue.lead_all(|| self.health.still_writes(), |group| self.write_or_fail(group));
    }

    /// Applies what is durable, until [`SealedEngine::set_writers`] ends that.
    pub(super) fn apply_all(&self) {
        self.queue.apply_all(|| self.health.still_writes(), |group| self.apply_or_fail(group));
    }

    /// As [`Engine::poll_settle`] where threads lead; nothing where there are none.
    pub(super) fn poll_told(&self, ticket: Ticket, waker: &Waker) -> Option<Poll<Result<()>>> {
        self.queue.poll_told(ticket, waker, || self.health.still_writes())
    }

    /// As [`SealedEngine::write`]; an error of it is the last that is written.
    fn write_or_fail(&self, group: &[Arc<Submitted>]) -> Result<()> {
        self.write(group).map_err(|error| in_doubt(self.health.fail(error)))
    }

    /// As [`SealedEngine::apply_durable`]; an error of it is the last that is written.
    fn apply_or_fail(&self, group: &[Arc<Submitted>]) -> Result<()> {
        self.apply_durable(group).map_err(|error| in_doubt(self.health.fail(error)))
    }

    /// Applies batches that are in the journal, and writes a checkpoint if one is due.
    fn apply_durable(&self, group: &[Arc<Submitted>]) -> Result<()> {
        self.apply(group)?;
        // Only then: whoever makes others durable has the ledger for as long as a sync takes.
        if !self.checkpoint_due.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        match self.ledger.lock().as_mut() {
            Some(ledger) => self.checkpoint(&mut ledger.journal),
            None => Ok(()),
        }
    }

    /// The last durable commit, the log that it is in, and how much of that log is durable.
    pub(super) fn position(&self) -> Result<(u64, PathBuf, u64)> {
        match &*self.ledger.lock() {
            Some(ledger) => {
                let (last, path, bytes) = ledger.journal.position();
                Ok((last, path.to_path_buf(), bytes))
            }
            None => fail!(Internal, "a position before the journal was begun"),
        }
    }

    /// How long the last commits took to become durable.
    pub(super) fn last_write(&self) -> Duration {
        Duration::from_micros(self.last_write.load(Ordering::Relaxed))
    }

    /// Writes a checkpoint now.
    pub(super) fn checkpoint_now(&self) -> Result<()> {
        self.health.may_commit(0)?;
        self.apply_pending()?;
        match self.ledger.lock().as_mut() {
            Some(ledger) => self.checkpoint(&mut ledger.journal).map_err(|error| self.health.fail(error)),
            None => Ok(()),
        }
    }

    /// Writes out all of sled, so that the journal before it is needed no more.
    pub(super) fn checkpoint(&self, journal: &mut Journal) -> Result<()> {
        match self.write_checkpoint(journal) {
            Ok(_) => Journal::retire(&self.data_dir, &self.health.retention),
            // What was committed is in the journal, so that no commit fails for want of a checkpoint.
            Err(error) if error.kind() == Kind::DiskFull => {
                tracing::warn!("no checkpoint was written, and the journal is kept: {}", error.message());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes out all of sled; gives the commit that it shows.
    fn write_checkpoint(&self, journal: &mut Journal) -> Result<u64> {
        let state = self.state.read();
        let assets = self.assets()?;
        assets.flush()?;
        // Tried again when as much has been written once more, whatever comes of this one.
        journal.since_checkpoint = 0;
        checkpoint::write(&self.data_dir, &self.keyring, assets, state.commits).map(|()| state.commits)
    }

    /// Writes a checkpoint in the place of some that do not open; gives its commit. They go once the fresh one is durable and
    /// has been read.
    pub(super) fn replace_checkpoints(&self, damaged: &[PathBuf]) -> Result<u64> {
        self.health.may_commit(0)?;
        self.apply_pending()?;
        let mut held = self.ledger.lock();
        let Some(Ledger { journal, .. }) = held.as_mut() else {
            fail!(Internal, "a checkpoint before the journal was begun")
        };
        let commit = self.write_checkpoint(journal).map_err(|error| match error.kind() {
            Kind::DiskFull => error,
            _ => self.health.fail(error),
        })?;
        let fresh = Journal::checkpoint_path(&self.data_dir, commit);
        checkpoint::read(&fresh, &self.keyring, |_| Ok(()))?;
        damaged.iter().filter(|path| **path != fresh).try_for_each(|path| remove_file(path))?;
        Journal::retire(&self.data_dir, &self.health.retention)?;
        Ok(commit)
    }

    /// Applies batches as one transaction with the new counts.
    fn apply(&self, group: &[Arc<Submitted>]) -> Result<()> {
        let mut state = self.state.write();
        let next = self.assets()?.transact(|transaction| {
            let mut next = state.clone();
            next.commits += group.len() as u64;
            for write in last_writes(group) {
                self.apply_write(transaction, &mut next, write)?;
            }
            self.put_tally(transaction, &next)?;
            Ok(next)
        })?;
        *state = next;
        Ok(())
    }

    pub(super) fn put_tally(&self, transaction: &Transaction<'_>, tallies: &Tallies) -> TransactResult<()> {
        let (row_key, row) = self.sealer.seal_tally(&tallies.encode()).map_err(abort)?;
        transaction.replace(Tree::Sys, &row_key, Some(&row)).map(drop)
    }

    pub(super) fn apply_write(
        &self,
        transaction: &Transaction<'_>,
        next: &mut Tallies,
        write: &Write,
    ) -> TransactResult<()> {
        let (tree, rows) = (write.tree, &write.rows);
        let mut replace = |row_key: &[u8], value: Option<&[u8]>| -> TransactResult<()> {
            let tally = &mut next.trees[tree as usize];
            if let Some(old) = transaction.replace(tree, row_key, value)? {
                tally.subtract(&self.mac, tree, row_key, &old);
            }
            if let Some(new) = value {
                tally.add(&self.mac, tree, row_key, new);
            }
            Ok(())
        };
        let row_key = first_key(&write.key);
        let old = transaction.get(tree, &row_key)?;
        if old.is_none() && rows.is_empty() {
            // It came and went within the group.
            return Ok(());
        }
        if old.is_some_and(|old| may_have_parts(&old)) {
            // The new value has rows.len() - 1 parts, which overwrite the old ones. The old value may be beyond opening.
            for part in rows.len().max(1) as u16.. {
                let part_key = part_key(&write.key, part);
                if transaction.get(tree, &part_key)?.is_none() {
                    break;
                }
                replace(&part_key, None)?;
            }
        }
        if rows.is_empty() {
            replace(&row_key, None)?;
        }
        rows.iter().try_for_each(|(row_key, value)| replace(row_key, Some(value)))
    }

    /// Opens every value and compares the counts, tree by tree.
    pub(super) fn check(&self) -> Vec<Finding> {
        let state = self.state.read();
        let check_tree = |tree: Tree| -> Result<String> {
            let (mut values, mut tally) = (0, Tally::default());
            self.assets()?.scan(tree, b"", |row_key, sealed| {
                match row_key.split_first() {
                    _ if tree == Tree::Sys && row_key == TALLY_KEY => {
                        self.sealer.open_tally(sealed)?;
                        return Ok(());
                    }
                    Some((&FIRST, key)) => {
                        values += 1;
                        if !self.sealer.is_shredded(tree, sealed) {
                            self.open_value(tree, key, sealed)?;
                        }
                    }
                    // A part is opened with its first row; one without would be in the count alone.
                    Some((&PART, _)) => {}
                    _ => return Err(broken(tree, row_key, "a row that Steward never writes")),
                }
                tally.add(&self.mac, tree, row_key, sealed);
                Ok(())
            })?;
            compare_tree(tree, &state, tally)?;
            Ok(format!("{values} values in {} rows", tally.rows))
        };
        let mut findings: Vec<Finding> = Tree::ALL
            .into_iter()
            .map(|tree| Finding::of(format!("assets/{}", tree.name()), "tree", check_tree(tree)))
            .collect();
        let blobs = self.assets().map_or(0, Assets::blobs);
        findings.push(Finding::of(
            "assets/blobs",
            "folder",
            match blobs {
                0 => Ok("empty, as it must be".into()),
                n => Err(Error::new(Kind::Corruption, format!("{n} values lie where sled does not sync them"))),
            },
        ));
        findings
    }
}

impl Engine for SealedEngine {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if let Some(found) = self.queue.get(tree, key) {
            return Ok(found);
        }
        let _state = self.state.read();
        let row = self.assets()?.get(tree, &first_key(key))?;
        // What was shredded is there no more, however long its bytes may lie around.
        let row = row.filter(|sealed| !self.sealer.is_shredded(tree, sealed));
        row.map(|sealed| self.open_value(tree, key, &sealed)).transpose()
    }

    fn scan(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Pair>> {
        // What is applied meanwhile changes nothing when it is applied once more.
        let changes = self.queue.scan(tree, prefix);
        let _state = self.state.read();
        let mut pairs = Vec::new();
        self.assets()?.scan(tree, &first_key(prefix), |row_key, sealed| {
            let key = &row_key[1..];
            if !self.sealer.is_shredded(tree, sealed) {
                pairs.push((key.to_vec(), self.open_value(tree, key, sealed)?));
            }
            Ok(())
        })?;
        Ok(changes.over(pairs))
    }

    fn submit(&self, batch: WriteBatch) -> Result<Ticket> {
        batch.validate()?;
        match batch.takes_away {
            true => self.health.may_make_room(2 * batch.bytes())?,
            false => self.health.may_commit(2 * batch.bytes())?,
        }
        let _sealing = self.sealing.read();
        let mut scratch = Scratch::default();
        let mut write =
            |op: &Op| Ok(Write { tree: op.tree, key: op.key.clone(), rows: self.sealer.seal_op(op, &mut scratch)? });
        let writes = batch.ops.iter().map(&mut write).collect::<Result<_>>()?;
        Ok(self.queue.submit(Submitted { ops: batch.ops, writes }))
    }

    fn settle(&self, ticket: Ticket) -> Result<()> {
        let write = |group: &[Arc<Submitted>]| self.write_or_fail(group);
        let apply = |group: &[Arc<Submitted>]| self.apply_or_fail(group);
        self.queue.settle(ticket, || self.health.still_writes(), write, apply)
    }

    fn poll_settle(&self, ticket: Ticket, waker: &Waker) -> Poll<Result<()>> {
        let write = |group: &[Arc<Submitted>]| self.write_or_fail(group);
        let apply = |group: &[Arc<Submitted>]| self.apply_or_fail(group);
        self.queue.poll_settle(ticket, waker, || self.health.still_writes(), write, apply)
    }
}

impl Drop for SealedEngine {
    fn drop(&mut self) {
        let durable = self.queue.take_durable();
        let applied = match self.health.has_failed() || self.assets.is_none() || durable.is_empty() {
            true => Ok(()),
            false => self.apply(&durable),
        };
        let Some(assets) = self.assets.take() else { return };
        let ledger = self.ledger.get_mut().as_mut();
        let Some(ledger) = ledger.filter(|_| !self.health.has_failed() && applied.is_ok()) else {
            return assets.abandon();
        };
        let commits = self.state.get_mut().commits;
        let closed = assets.close().and_then(|marks| ledger.head.note_closed(commits, marks));
        if let Err(error) = closed {
            // As after a crash: the next open recovers.
            tracing::warn!("the store was not closed cleanly: {}", error.message());
        }
    }
}

/// The last write of each key, in order: those before it leave no trace. Most commits write some of the same keys, and what many small
/// ones add is merged soon.
fn last_writes(group: &[Arc<Submitted>]) -> impl Iterator<Item = &Write> {
    let writes = move || group.iter().flat_map(|batch| &batch.writes);
    let last: HashMap<_, _> = writes().enumerate().map(|(n, write)| ((write.tree, write.key.as_slice()), n)).collect();
    writes().enumerate().filter_map(move |(n, write)| (last[&(write.tree, write.key.as_slice())] == n).then_some(write))
}

/// What could not be written leaves the last commits in doubt until the folder is opened again.
fn in_doubt(error: Error) -> Error {
    error.with_detail(
        "Whether this commit is durable shows when the database is opened again: look before it is repeated.",
    )
}

fn compare(stored: &Tallies, found: &Tallies) -> Result<()> {
    Tree::ALL.into_iter().try_for_each(|tree| compare_tree(tree, stored, found.trees[tree as usize]))
}

fn compare_tree(tree: Tree, stored: &Tallies, found: Tally) -> Result<()> {
    let stored = stored.trees[tree as usize];
    if stored == found {
        return Ok(());
    }
    let message = match stored.rows.cmp(&found.rows) {
        std::cmp::Ordering::Equal => {
            format!("tree {} is damaged: its rows are not those that were written", tree.name())
        }
        _ => format!("tree {} is damaged: it has {} rows instead of {}", tree.name(), found.rows, stored.rows),
    };
    Err(Error::new(Kind::Corruption, message).with_hint("Restore the last backup."))
}
