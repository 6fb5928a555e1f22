//! Opening the asset store as the last acknowledged commit left it.
//!
//! sled is behind the journal after a crash, and may be damaged. In order: what sled shows is compared with its counts; where
//! they do not hold, sled is made anew from the last checkpoint from which the journal reaches the last acknowledged commit,
//! and the old folder is kept beside it as `assets.damaged-TIME`; commits of the journal that sled does not show are applied.
//! A journal that is damaged matters only while sled does not show all that was acknowledged; then it is kept as
//! `journal.damaged-TIME` and a new one begins with a checkpoint.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::assets::{self, Assets};
use super::checkpoint;
use super::head::HeadWriter;
use super::health::Health;
use super::journal::{self, End, Journal, Listing, sync_folder};
use super::lock::FolderLock;
use super::sealed::SealedEngine;
use crate::crypto::Keyring;
use crate::error::{Error, Kind, Result};

const FRESH: &str = "assets.new";

/// What an open needs to know of its folder.
pub(super) struct Folder<'a> {
    pub dir: &'a Path,
    pub keyring: &'a Arc<Keyring>,
    pub health: &'a Arc<Health>,
    pub lock: &'a Arc<FolderLock>,
    /// The last commit that is known to be acknowledged.
    pub acknowledged: u64,
}

/// Opens the engine; `suspicion` is what is already known to be wrong with sled's files. `Corruption` when an acknowledged
/// commit is neither in sled nor in the journal.
pub(super) fn open(
    folder: &Folder<'_>,
    head: impl Fn() -> Result<HeadWriter>,
    suspicion: Option<Error>,
) -> Result<SealedEngine> {
    let engine = || {
        let assets = Assets::open(folder.dir, false)?;
        let (health, lock) = (folder.health.clone(), folder.lock.clone());
        SealedEngine::open(assets, folder.dir, folder.keyring, head()?, health, lock, false)
    };
    let listing = Listing::read(folder.dir)?;
    let opened = match suspicion.map_or_else(engine, Err) {
        Err(error) if error.kind() == Kind::Corruption => {
            rebuild(folder, &listing, &error)?;
            engine()
        }
        opened => opened,
    };
    let mut engine = opened?;
    match catch_up(folder, &listing, &engine) {
        Ok(()) => Ok(engine),
        Err(error) => {
            engine.abandon();
            Err(error)
        }
    }
}

/// Applies what the journal has beyond sled, and begins a log of its own.
fn catch_up(folder: &Folder<'_>, listing: &Listing, engine: &SealedEngine) -> Result<()> {
    let read = listing.replay(folder.keyring, engine.applied(), |commit| engine.replay(commit));
    let applied = engine.applied();
    if applied < folder.acknowledged {
        let lost = folder.acknowledged - applied;
        let why = match read {
            Err(error) | Ok(Some(End { broken: Some(error), .. })) => format!(": {}", error.message()),
            Ok(_) => String::new(),
        };
        return Err(Error::new(Kind::Corruption, format!("the journal has lost the last {lost} commits{why}"))
            .with_hint("Keep a copy of the data directory and restore the last backup."));
    }
    let (chain, usable) = match read {
        Ok(Some(end)) => (end.chain, true),
        Ok(None) => ([0; 32], listing.logs.is_empty()),
        Err(error) if error.kind() == Kind::Corruption => {
            tracing::warn!("{}; nothing in it is needed, and a new journal begins", error.message());
            ([0; 32], false)
        }
        Err(error) => return Err(error),
    };
    if !usable {
        set_aside(folder.dir, journal::FOLDER)?;
    }
    let journal = Journal::start(folder.dir, folder.keyring.clone(), applied, chain)?;
    engine.begin(journal, !usable || listing.checkpoints.is_empty())
}

/// Makes sled anew; gives `why` back when there is nothing to make it from.
fn rebuild(folder: &Folder<'_>, listing: &Listing, why: &Error) -> Result<()> {
    let reaches = |commit: u64| {
        let end = listing.replay(folder.keyring, commit, |_| Ok(()));
        matches!(end, Ok(Some(end)) if end.commit >= folder.acknowledged) || commit >= folder.acknowledged
    };
    let whole = |path: &Path| checkpoint::read(path, folder.keyring, |_| Ok(())).is_ok();
    let from = listing.checkpoints.iter().rev().find(|(commit, path)| reaches(*commit) && whole(path));
    let Some((commit, path)) = from else { return Err(why.clone()) };

    let fresh = folder.dir.join(FRESH);
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| named(&fresh, &error))?;
    }
    let assets = Assets::open_folder(folder.dir, FRESH, true)?;
    checkpoint::read(path, folder.keyring, |rows| assets.load(&rows))?;
    assets.close()?;
    set_aside(folder.dir, assets::FOLDER)?;
    fs::rename(&fresh, folder.dir.join(assets::FOLDER)).map_err(|error| named(&fresh, &error))?;
    sync_folder(folder.dir)?;
    tracing::warn!("{}; it was made anew from the checkpoint of commit {commit} and the journal", why.message());
    Ok(())
}

/// Keeps a damaged folder under another name.
fn set_aside(dir: &Path, name: &str) -> Result<()> {
    let path = dir.join(name);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    match fs::rename(&path, dir.join(format!("{name}.damaged-{time}"))) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(named(&path, &error)),
        _ => Ok(()),
    }
}

fn named(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format!("\"{}\"", path.display()), error)
}
