//! The engine on disk: values sealed, counted, and flushed for many at once.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex, RwLock};

use super::assets::{Assets, TransactResult, Transaction, abort};
use super::check::Finding;
use super::engine::{Engine, Op, Pair, Tree, WriteBatch};
use super::head::HeadWriter;
use super::health::Health;
use super::lock::FolderLock;
use super::rows::{FIRST, PART, Row, RowSealer, TALLY_KEY, broken, first_key, part_key};
use super::tally::{Tallies, Tally};
use crate::crypto::{Keyring, MacKey, Purpose};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// [`Engine`] over sealed sled trees.
#[derive(Debug)]
pub(super) struct SealedEngine {
    /// `None` only while dropping.
    assets: Option<Assets>,
    sealer: RowSealer,
    mac: MacKey,
    /// Readers share it, so that they see all rows of a value of one commit; applying a commit holds it alone.
    state: RwLock<Tallies>,
    flush: Mutex<Flush>,
    flushed: Condvar,
    head: Mutex<HeadWriter>,
    health: Arc<Health>,
    _lock: Arc<FolderLock>,
}

#[derive(Debug)]
struct Flush {
    durable: u64,
    running: bool,
}

/// A write with its value sealed: no rows for a deletion.
struct SealedOp<'a> {
    op: &'a Op,
    rows: Vec<Row>,
}

impl SealedEngine {
    /// Takes over an opened sled; with `create` it must be empty, else its counts must hold. `commits` is the least number of
    /// commits it must show.
    pub(super) fn start(
        assets: Assets,
        keyring: &Keyring,
        head: HeadWriter,
        health: Arc<Health>,
        lock: Arc<FolderLock>,
        (create, commits): (bool, u64),
    ) -> Result<Self> {
        let mut engine = Self {
            assets: Some(assets),
            sealer: RowSealer::new(keyring)?,
            mac: keyring.mac_key(Purpose::Journal, "tally")?,
            state: RwLock::default(),
            flush: Mutex::new(Flush { durable: 0, running: false }),
            flushed: Condvar::new(),
            head: Mutex::new(head),
            health,
            _lock: lock,
        };
        match engine.begin(create, commits) {
            Ok(()) => Ok(engine),
            Err(error) => {
                // Nothing may be noted as cleanly closed.
                if let Some(assets) = engine.assets.take() {
                    assets.abandon();
                }
                Err(error)
            }
        }
    }

    fn begin(&mut self, create: bool, commits: u64) -> Result<()> {
        if !create {
            let stored = self.stored_tallies()?;
            let found = self.count()?;
            compare(&stored, &found)?;
            if stored.commits < commits {
                let lost = commits - stored.commits;
                return Err(Error::new(Kind::Corruption, format!("the asset store has lost its last {lost} commits"))
                    .with_hint("Restore the last backup."));
            }
            self.flush.get_mut().durable = stored.commits;
            *self.state.get_mut() = stored;
        }
        // An empty commit, to see that what sled calls a sync is one.
        let before = super::sync_range::calls();
        let commit = self.apply(&[])?;
        self.make_durable(commit)?;
        if super::sync_range::EXPECTED && super::sync_range::calls() == before {
            fail!(Internal, "sled's log is not synced: this binary was linked without Steward's sync_file_range");
        }
        Ok(())
    }

    fn assets(&self) -> Result<&Assets> {
        self.assets.as_ref().ok_or_else(|| Error::new(Kind::Shutdown, "the store is closed"))
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
    fn open(&self, tree: Tree, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let assets = self.assets()?;
        self.sealer.open(tree, key, sealed, |row_key| assets.get(tree, row_key))
    }

    fn seal_op<'a>(&self, op: &'a Op) -> Result<SealedOp<'a>> {
        let rows = op.value.as_ref().map(|value| self.sealer.seal(op.tree, &op.key, value)).transpose()?;
        Ok(SealedOp { op, rows: rows.unwrap_or_default() })
    }

    /// Applies sealed writes as one transaction with the new counts; gives the number of the commit.
    fn apply(&self, ops: &[SealedOp<'_>]) -> Result<u64> {
        let mut state = self.state.write();
        let next = self.assets()?.transact(|transaction| {
            let mut next = state.clone();
            next.commits += 1;
            for sealed in ops {
                self.apply_op(transaction, &mut next, sealed)?;
            }
            let (row_key, row) = self.sealer.seal_tally(&next.encode()).map_err(abort)?;
            transaction.replace(Tree::Sys, &row_key, Some(&row))?;
            Ok(next)
        });
        // A batch that could not be written leaves the trees in doubt until they are opened again.
        let next = next.map_err(|error| self.health.fail(error))?;
        *state = next;
        Ok(state.commits)
    }

    fn apply_op(&self, transaction: &Transaction<'_>, next: &mut Tallies, sealed: &SealedOp<'_>) -> TransactResult<()> {
        let (tree, key) = (sealed.op.tree, &sealed.op.key);
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
        let row_key = first_key(key);
        if let Some(old) = transaction.get(tree, &row_key)? {
            let old_parts = self.sealer.count_parts(tree, &row_key, &old).map_err(abort)?;
            // The new value has rows.len() - 1 parts, which overwrite the old ones.
            for part in (sealed.rows.len().max(1) as u16)..=old_parts {
                replace(&part_key(key, part), None)?;
            }
        }
        if sealed.rows.is_empty() {
            replace(&row_key, None)?;
        }
        sealed.rows.iter().try_for_each(|(row_key, value)| replace(row_key, Some(value)))
    }

    /// Waits until `commit` is durable. The first who comes flushes for all who wait.
    fn make_durable(&self, commit: u64) -> Result<()> {
        let mut flush = self.flush.lock();
        loop {
            if flush.durable >= commit {
                return Ok(());
            }
            self.health.still_writes()?;
            if !flush.running {
                break;
            }
            self.flushed.wait(&mut flush);
        }
        flush.running = true;
        drop(flush);
        // Everything applied by now is covered; what is applied during the flush waits for the next one.
        let reached = self.state.read().commits;
        let result = self.assets().and_then(Assets::flush).and_then(|()| self.head.lock().note(reached));
        let result = result.map_err(|error| self.health.fail(error));
        let mut flush = self.flush.lock();
        flush.running = false;
        if result.is_ok() {
            flush.durable = flush.durable.max(reached);
        }
        drop(flush);
        self.flushed.notify_all();
        result
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
                        self.open(tree, key, sealed)?;
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
        let damaged = self.head.lock().head.damaged_slots;
        findings.push(Finding::of(
            "head",
            "head",
            match damaged {
                0 => Ok(format!("{} commits", state.commits)),
                n => {
                    Err(Error::new(Kind::Corruption, format!("{n} of its two slots was damaged, and was written anew")))
                }
            },
        ));
        findings
    }

    /// Number of rows of a tree.
    pub(super) fn rows(&self, tree: Tree) -> u64 {
        self.state.read().trees[tree as usize].rows
    }
}

impl Engine for SealedEngine {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let _state = self.state.read();
        let row = self.assets()?.get(tree, &first_key(key))?;
        row.map(|sealed| self.open(tree, key, &sealed)).transpose()
    }

    fn scan(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Pair>> {
        let _state = self.state.read();
        let mut pairs = Vec::new();
        self.assets()?.scan(tree, &first_key(prefix), |row_key, sealed| {
            let key = &row_key[1..];
            pairs.push((key.to_vec(), self.open(tree, key, sealed)?));
            Ok(())
        })?;
        Ok(pairs)
    }

    fn commit(&self, batch: WriteBatch) -> Result<()> {
        batch.validate()?;
        if batch.is_empty() {
            return Ok(());
        }
        self.health.may_commit(batch.bytes())?;
        let ops = batch.ops.iter().map(|op| self.seal_op(op)).collect::<Result<Vec<_>>>()?;
        let commit = self.apply(&ops)?;
        self.make_durable(commit)
    }
}

impl Drop for SealedEngine {
    fn drop(&mut self) {
        let Some(assets) = self.assets.take() else { return };
        if self.health.has_failed() {
            return assets.abandon();
        }
        let commits = self.state.get_mut().commits;
        let closed = assets.close().and_then(|marks| self.head.get_mut().note_closed(commits, marks));
        if let Err(error) = closed {
            // As after a crash: the next open recovers.
            tracing::warn!("the store was not closed cleanly: {}", error.message());
        }
    }
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
