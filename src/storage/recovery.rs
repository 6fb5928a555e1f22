//! Opening the asset store as the last acknowledged commit left it.
//!
//! sled is behind the journal after a crash, and may be damaged. In order: what sled shows is compared with its counts; where
//! they do not hold, sled is made anew from the last checkpoint from which the journal reaches the last acknowledged commit,
//! and the old folder is kept beside it as `assets.damaged-TIME`; commits of the journal that sled does not show are applied.
//! A journal that is damaged matters only while sled does not show all that was acknowledged; else it is kept as
//! `journal.damaged-TIME` and a new one begins with a checkpoint.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::assets::{self, Assets};
use super::check::Finding;
use super::checkpoint;
use super::head::HeadWriter;
use super::health::Health;
use super::journal::{self, End, Journal, Listing};
use super::lock::FolderLock;
use super::paths::{self, named, remove_file, remove_folder, sync_folder};
use super::sealed::{Ledger, SealedEngine};
use crate::crypto::Keyring;
use crate::error::{Error, Kind, Result};

const FRESH: &str = "assets.new";
/// Stands in the name of a folder that was replaced, before the time.
const DAMAGED: &str = ".damaged-";

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
pub(super) fn open(folder: &Folder<'_>, mut head: HeadWriter, suspicion: Option<Error>) -> Result<SealedEngine> {
    let engine = || {
        let assets = Assets::open(folder.dir, false)?;
        let (health, lock) = (folder.health.clone(), folder.lock.clone());
        SealedEngine::open(assets, folder.dir, folder.keyring, health, lock, false)
    };
    let listing = Listing::read(folder.dir)?;
    listing.unfinished.iter().try_for_each(|path| remove_file(path))?;
    // As long as nothing can replace what was closed, `head` goes on saying what it was.
    suspicion.map_or(Ok(()), |error| rebuild(folder, &listing, &error))?;
    head.head.write_both(&head.sealer, folder.acknowledged)?;
    let opened = match engine() {
        Err(error) if error.kind() == Kind::Corruption => {
            rebuild(folder, &listing, &error)?;
            engine()
        }
        opened => opened,
    };
    let mut engine = opened?;
    match catch_up(folder, &listing, &engine, head) {
        Ok(()) => Ok(engine),
        Err(error) => {
            engine.abandon();
            Err(error)
        }
    }
}

/// Applies what the journal has beyond sled, and begins a log of its own.
fn catch_up(folder: &Folder<'_>, listing: &Listing, engine: &SealedEngine, head: HeadWriter) -> Result<()> {
    let read = listing.replay(folder.keyring, engine.applied(), |commit| engine.replay(commit));
    let applied = engine.applied();
    if applied < folder.acknowledged {
        let lost = folder.acknowledged - applied;
        let why = match read {
            Err(error) | Ok(Some(End { broken: Some(error), .. })) => format!(": {}", error.message()),
            Ok(_) => String::new(),
        };
        return Err(Error::new(Kind::Corruption, format!("the journal has lost the last {lost} commits{why}"))
            .with_hint(
                "Keep a copy of the data directory and restore the last backup; without one, \
                 `steward repair --accept-loss` opens what is left.",
            ));
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
    let since_checkpoint = if usable { listing.bytes_after_checkpoint() } else { 0 };
    if !usable {
        set_aside(folder.dir, journal::FOLDER)?;
    }
    let journal = Journal::start(folder.dir, folder.keyring.clone(), applied, chain, since_checkpoint)?;
    engine.begin(Ledger { journal, head }, !usable || !listing.has_start())
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
    remove_folder(&fresh)?;
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
pub(super) fn set_aside(dir: &Path, name: &str) -> Result<()> {
    let time_ms = chrono::Utc::now().timestamp_millis();
    paths::rename(&dir.join(name), &dir.join(format!("{name}{DAMAGED}{time_ms}")))
}

/// A finding for each folder that was set aside and is still kept.
pub(super) fn kept(dir: &Path) -> Vec<Finding> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let found = names.filter(|name| name.contains(DAMAGED)).map(|name| {
        let message = "it was damaged and has been made anew; remove this copy once it has been looked at";
        Finding::of(name, "folder", Err(Error::new(Kind::Corruption, message)))
    });
    found.collect()
}
