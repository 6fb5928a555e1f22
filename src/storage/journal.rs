//! The folder `journal/`: every commit in order, and from time to time a checkpoint of what they came to.
//!
//! ```text
//! journal/00000000000000000001.log          commits from that number on
//! journal/00000000000000000812.checkpoint   all rows of the asset store after that commit
//! ```
//!
//! A commit is acknowledged when its frame is durable here; sled gets it afterwards. Each start begins a log of its own, which
//! goes on from where the chain of the one before ended; what a cut-off write left there is no part of it. The last two
//! checkpoints are kept, and the logs from the older one on; with a retention ([`retention`](super::retention)) more of both.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::Finding;
use super::checkpoint;
use super::log_file::{self, Chain, LogKind, LogReader, LogWriter};
use super::paths::{named, remove_file, sync_folder};
use super::record::Commit;
use super::retention::Retention;
use crate::config::{CHECKPOINTS_KEPT, JOURNAL_AHEAD_BYTES, JOURNAL_LOG_BYTES};
use crate::crypto::{Keyring, Purpose};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Name of the folder.
pub(super) const FOLDER: &str = "journal";
const LOG: &str = "log";
const CHECKPOINT: &str = "checkpoint";

/// What lies in the folder: numbers and paths, in order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub logs: Vec<(u64, PathBuf)>,
    pub checkpoints: Vec<(u64, PathBuf)>,
    /// Checkpoints that are being written, or that a killed process left behind.
    pub unfinished: Vec<PathBuf>,
}

/// Where reading the logs ended.
#[derive(Debug)]
pub(super) struct End {
    /// The last commit that was read, or the one asked to begin after.
    pub commit: u64,
    pub chain: Chain,
    /// When it was made, in milliseconds since 1970; 0 when none was read.
    pub time_ms: u64,
    /// What stands behind it and does not open: the rest of a cut-off write, or damage.
    pub broken: Option<Error>,
}

impl Listing {
    /// Reads the folder below `data_dir`; one that is missing holds nothing.
    pub(super) fn read(data_dir: &Path) -> Result<Self> {
        let (dir, mut found) = (data_dir.join(FOLDER), Self::default());
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(named(&dir, &error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| named(&dir, &error))?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            match (number, path.extension().and_then(|ending| ending.to_str())) {
                (Some(number), Some(LOG)) => found.logs.push((number, path)),
                (Some(number), Some(CHECKPOINT)) => found.checkpoints.push((number, path)),
                (_, Some(checkpoint::UNFINISHED)) => found.unfinished.push(path),
                _ => {}
            }
        }
        found.logs.sort();
        found.checkpoints.sort();
        Ok(found)
    }

    /// Whether there is a checkpoint that the logs go on from.
    pub(super) fn has_start(&self) -> bool {
        let Some((commit, _)) = self.checkpoints.last() else { return false };
        self.logs.first().is_some_and(|(first, _)| *first <= commit + 1)
    }

    /// Bytes of the logs that hold commits after the last checkpoint.
    pub(super) fn bytes_after_checkpoint(&self) -> u64 {
        let last = self.checkpoints.last().map_or(0, |(commit, _)| *commit);
        let logs = self.logs.iter().filter(|(first, _)| *first > last);
        logs.filter_map(|(_, path)| Some(fs::metadata(path).ok()?.len())).sum()
    }

    /// Calls `each` with every commit after number `after`. `None` when the logs do not reach back that far.
    pub(super) fn replay(
        &self,
        keyring: &Keyring,
        after: u64,
        mut each: impl FnMut(Commit) -> Result<()>,
    ) -> Result<Option<End>> {
        self.replay_while(keyring, after, |commit| each(commit).map(|()| true))
    }

    /// As [`Listing::replay`], until `each` says that it has enough.
    pub(super) fn replay_while(
        &self,
        keyring: &Keyring,
        after: u64,
        mut each: impl FnMut(Commit) -> Result<bool>,
    ) -> Result<Option<End>> {
        let Some(mut from) = self.logs.iter().rposition(|(first, _)| *first <= after + 1) else { return Ok(None) };
        // One that was cut off while it was made holds nothing; what counts is in the one before.
        let mut opened = LogReader::open(&self.logs[from].1, LogKind::Journal, keyring);
        while opened.is_err() && from > 0 {
            from -= 1;
            opened = LogReader::open(&self.logs[from].1, LogKind::Journal, keyring);
        }
        let mut begun = Some(opened?);
        let mut end: Option<End> = None;
        for (first, path) in &self.logs[from..] {
            let opened = begun.take().map_or_else(|| LogReader::open(path, LogKind::Journal, keyring), Ok);
            let mut log = match (opened, end.as_mut()) {
                (Ok(log), _) => log,
                (Err(error), Some(end)) => {
                    end.broken.get_or_insert(error);
                    continue;
                }
                (Err(error), None) => return Err(error),
            };
            let follows = end.as_ref().is_none_or(|end| log.previous == end.chain && log.number == end.commit + 1);
            if log.number != *first || !follows {
                // What it should follow is cut off by damage: that is where it lies.
                if let Some(broken) = end.and_then(|end| end.broken) {
                    return Err(broken);
                }
                fail!(Corruption, "the journal is damaged: \"{}\" does not follow what is before it", path.display());
            }
            // One without a commit is made anew under the same name: what follows does not go on from it.
            let mut reached = End { commit: first - 1, chain: log.previous, time_ms: 0, broken: None };
            loop {
                match log.next() {
                    Ok(Some(frame)) => {
                        let commit = Commit::decode(&frame).filter(|commit| commit.number == reached.commit + 1);
                        let Some(commit) = commit else {
                            fail!(Corruption, "\"{}\" holds a commit out of order", path.display())
                        };
                        reached.commit = commit.number;
                        reached.chain = log.chain();
                        reached.time_ms = commit.time_ms;
                        if commit.number > after && !each(commit)? {
                            return Ok(Some(reached));
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        reached.broken = Some(error);
                        break;
                    }
                }
            }
            end = Some(reached);
        }
        match end {
            Some(End { commit, broken: Some(broken), .. }) if commit < after => Err(broken),
            end => Ok(end.filter(|end| end.commit >= after)),
        }
    }
}

/// The journal being written.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    keyring: Arc<Keyring>,
    log: LogWriter,
    /// The last commit in it.
    last: u64,
    /// Bytes since the last checkpoint.
    pub since_checkpoint: u64,
    /// The next commit begins a log, so that those before can go.
    pub begins_anew: bool,
}

impl Journal {
    /// Goes on after commit `last`, where the chain stands at `chain`, in a log of its own; so many bytes lie there since the last
    /// checkpoint. Durable on return.
    pub(super) fn start(
        data_dir: &Path,
        keyring: Arc<Keyring>,
        last: u64,
        chain: Chain,
        since_checkpoint: u64,
    ) -> Result<Self> {
        let dir = data_dir.join(FOLDER);
        if !dir.is_dir() {
            fs::create_dir(&dir).map_err(|error| named(&dir, &error))?;
            sync_folder(data_dir)?;
        }
        let log = begin(&dir, &keyring, last, chain)?;
        Ok(Self { dir, keyring, log, last, since_checkpoint, begins_anew: false })
    }

    /// Appends commits with the next numbers, each given as the bytes for its number; durable on return. Gives the last number.
    pub(super) fn append(&mut self, commits: impl IntoIterator<Item = impl FnOnce(u64) -> Vec<u8>>) -> Result<u64> {
        let data_key = self.keyring.data_key_id(Purpose::Journal, 0)?;
        if self.log.bytes() > JOURNAL_LOG_BYTES || self.log.data_key != data_key || self.begins_anew {
            self.log = begin(&self.dir, &self.keyring, self.last, self.log.chain())?;
            self.begins_anew = false;
        }
        let before = self.log.bytes();
        for commit in commits {
            self.log.append(&commit(self.last + 1), false)?;
            self.last += 1;
        }
        self.log.write()?;
        self.log.sync()?;
        self.since_checkpoint += self.log.bytes() - before;
        Ok(self.last)
    }

    /// Where a new checkpoint goes.
    pub(super) fn checkpoint_path(data_dir: &Path, commit: u64) -> PathBuf {
        data_dir.join(FOLDER).join(format!("{commit:020}.{CHECKPOINT}"))
    }

    /// The last commit, the log being written, and how much of it is durable.
    pub(super) fn position(&self) -> (u64, &Path, u64) {
        (self.last, self.log.path(), self.log.bytes())
    }

    /// Removes checkpoints but the last ones and those that the retention asks for, and the logs that no kept checkpoint needs.
    pub(super) fn retire(data_dir: &Path, retention: &Retention) -> Result<()> {
        let Some(horizon_ms) = retention.horizon_ms() else { return Ok(()) };
        let mut listing = Listing::read(data_dir)?;
        let mut keep_from = listing.checkpoints.len().saturating_sub(CHECKPOINTS_KEPT);
        // The span that is kept begins with a checkpoint.
        while keep_from > 0 && log_file::glance(&listing.checkpoints[keep_from].1)?.0 > horizon_ms {
            keep_from -= 1;
        }
        let gone: Vec<_> = listing.checkpoints.drain(..keep_from).collect();
        let Some((oldest, _)) = listing.checkpoints.first() else { return Ok(()) };
        // A log is needed when it, or what follows it before the next one begins, holds a commit after the oldest checkpoint.
        let needed = listing.logs.iter().rposition(|(first, _)| *first <= oldest + 1).unwrap_or(0);
        let logs = listing.logs.drain(..needed).collect::<Vec<_>>();
        for (_, path) in &gone {
            remove_file(path)?;
        }
        // A power cut must not bring back a checkpoint whose logs are gone.
        if !gone.is_empty() && !logs.is_empty() {
            sync_folder(&data_dir.join(FOLDER))?;
        }
        logs.iter().try_for_each(|(_, path)| remove_file(path))
    }
}

fn begin(dir: &Path, keyring: &Keyring, last: u64, chain: Chain) -> Result<LogWriter> {
    let path = dir.join(format!("{:020}.{LOG}", last + 1));
    // One of that name holds no whole commit: it was begun, and nothing came of it.
    remove_file(&path)?;
    let mut log = LogWriter::create(&path, LogKind::Journal, last + 1, chain, keyring)?;
    log.keep_ahead(JOURNAL_AHEAD_BYTES);
    log.sync()?;
    sync_folder(dir)?;
    Ok(log)
}

/// Opens every seal of the folder; sled is known to hold `acknowledged` commits, so the journal must.
pub(super) fn check(data_dir: &Path, keyring: &Keyring, acknowledged: u64) -> Vec<Finding> {
    let listing = match Listing::read(data_dir) {
        Ok(listing) => listing,
        Err(error) => return vec![Finding::of(FOLDER, "folder", Err(error))],
    };
    // Every checkpoint that is kept must be one that the database can be made anew from.
    let from = listing.checkpoints.first().map_or(0, |(commit, _)| *commit);
    let damage = |message: String| Err(Error::new(Kind::Corruption, message));
    let commits = match listing.replay(keyring, from, |_| Ok(())) {
        _ if listing.checkpoints.is_empty() => damage("it has no checkpoint".to_string()),
        Ok(Some(end)) if end.commit < acknowledged => {
            damage(format!("it ends at commit {}, but {acknowledged} were acknowledged", end.commit))
        }
        Ok(Some(end)) => {
            let time = chrono::DateTime::from_timestamp_millis(end.time_ms as i64).unwrap_or_default();
            Ok(format!("commits {} to {}, the last of {}", from + 1, end.commit, time.format("%F %T UTC")))
        }
        Ok(None) => damage(format!("the commits after {from} are missing")),
        Err(error) => Err(error),
    };
    let mut findings = vec![Finding::of(FOLDER, "journal", commits)];
    for (commit, path) in &listing.checkpoints {
        let mut rows = 0;
        let whole = checkpoint::read(path, keyring, |more| {
            rows += more.len();
            Ok(())
        });
        let name = path.strip_prefix(data_dir).unwrap_or(path).display().to_string();
        findings.push(Finding::of(name, "checkpoint", whole.map(|()| format!("{rows} rows after commit {commit}"))));
    }
    findings
}
