//! From a backup to a database: the state after any commit that the backup reaches.
//!
//! In order: the manifest is chosen and vouched for by its keyring; immutable files are copied and compared with their lengths
//! and hashes; sled is made anew from the nearest checkpoint and the commits of the backup's logs, whose chain is followed
//! seal by seal; then the database is opened, which begins an epoch and a journal of its own (so that no key and nonce are used
//! twice, even if the database that was backed up goes on), and every seal in it is opened. Until [`Restored::finish`] the
//! folder holds `RESTORING`, and nothing opens it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assets::{self, Assets};
use super::backup::{copy_bytes, digest, make_folder, must_be_backup, sync_tree, write_new};
use super::backup_manifest::{Found, Item, Manifest};
use super::checkpoint;
use super::files;
use super::head::{Head, HeadWriter};
use super::health::Health;
use super::history::{self, Past};
use super::journal::{self, Listing};
use super::lock::FolderLock;
use super::log_file;
use super::memory::MemoryEngine;
use super::paths::{named, remove_file, remove_folder, sync_folder};
use super::rows::RowSealer;
use super::sealed::SealedEngine;
use super::store::{self, Store};
use crate::crypto::{KeySource, Keyring, Purpose};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Lies in a folder that is being restored.
pub(super) const RESTORING: &str = "RESTORING";

/// Where a restore ends. The default is the end of the backup.
pub trait Target {
    /// Whether the state of a checkpoint, after commit `number` and written at `time_ms`, is not past the target. `state` reads it.
    fn covers(&mut self, number: u64, time_ms: u64, state: &dyn Fn() -> Result<MemoryEngine>) -> Result<bool>;
    /// Whether a commit still belongs to what is wanted. Asked in order from the checkpoint on, until it says no.
    fn includes(&mut self, commit: &Past) -> Result<bool>;
    /// Asked when all commits were included; `taken_ms` is when the backup was taken. An error says that the target is beyond.
    fn end(&mut self, taken_ms: u64) -> Result<()>;
}

/// The end of the newest backup.
#[derive(Debug, Clone, Copy)]
pub struct Latest;

impl Target for Latest {
    fn covers(&mut self, _: u64, _: u64, _: &dyn Fn() -> Result<MemoryEngine>) -> Result<bool> {
        Ok(true)
    }

    fn includes(&mut self, _: &Past) -> Result<bool> {
        Ok(true)
    }

    fn end(&mut self, _: u64) -> Result<()> {
        Ok(())
    }
}

/// A restored database that nothing else opens yet.
#[derive(Debug)]
pub struct Restored {
    /// The database.
    pub store: Arc<Store>,
    /// The last commit of the journal in it.
    pub number: u64,
    /// When that commit was made, in milliseconds since 1970; 0 if it is the checkpoint's.
    pub time_ms: u64,
    /// When the backup was taken.
    pub taken_ms: u64,
    /// Sealed files in it, and their bytes.
    pub files: usize,
    /// Bytes of those.
    pub bytes: u64,
}

impl Restored {
    /// Lets it be a database.
    pub fn finish(self) -> Result<()> {
        let dir = self.store.dir().to_path_buf();
        remove_file(&dir.join(RESTORING))?;
        sync_folder(&dir)?;
        dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
    }
}

/// A backup that the target lies in.
struct Chosen {
    manifest: Manifest,
    listing: Listing,
    keyring: Keyring,
    /// The commit of the checkpoint to begin from, and where it lies.
    from: (u64, PathBuf),
    /// The last commit wanted and when it was made.
    to: (u64, u64),
}

/// Restores the backup in `from` into the folder `data`, which must be empty or absent, as far as `target` says; verified on
/// return. What fails leaves an empty folder.
///
/// Errors: `Configuration` for folders that are not what they must be and for targets that no backup there reaches, `WrongKey`
/// (a backup opens with the key of its time), `Corruption` that names what is damaged, `DiskFull`, `Io`.
pub fn restore(from: &Path, data: &Path, key: &KeySource, target: &mut dyn Target) -> Result<Restored> {
    must_be_backup(from)?;
    if store::is_anything(data)? {
        let message = format!("directory \"{}\" is not empty", data.display());
        return Err(Error::new(Kind::Configuration, message).with_hint("Restore into an empty or a new directory."));
    }
    make_folder(data)?;
    store::restrict(data)?;
    let lock = Arc::new(FolderLock::take(data)?);
    let marker = data.join(RESTORING);
    File::create(&marker).map_err(|error| named(&marker, &error))?;
    sync_folder(data)?;
    restore_into(from, data, key, target, lock).inspect_err(|_| {
        // Half a database is worth nothing; what cannot be removed now is refused by every opening.
        let folders =
            [assets::FOLDER, files::FOLDER, journal::FOLDER].map(|name| remove_folder(&data.join(name)).is_ok());
        let names = ["keyring", "keyring.old", "keyring.new", "head", RESTORING].map(|name| data.join(name));
        if folders.iter().all(|gone| *gone) {
            names.iter().for_each(|path| _ = remove_file(path));
        }
    })
}

fn restore_into(
    from: &Path,
    data: &Path,
    key: &KeySource,
    target: &mut dyn Target,
    lock: Arc<FolderLock>,
) -> Result<Restored> {
    let chosen = choose(from, data, key, target)?;
    let (mut count, mut bytes) = (0, 0);
    make_folder(&data.join(files::FOLDER))?;
    for item in &chosen.manifest.items {
        if item.name.starts_with(files::FOLDER) {
            copy_item(from, data, item)?;
            count += 1;
            bytes += item.bytes;
        } else if digest(&from.join(&item.name), &item.name, Some(item.bytes))? != *item {
            return Err(changed(from, item));
        }
    }
    sync_tree(&data.join(files::FOLDER))?;
    make_assets(data, key, &chosen, &lock)?;
    let store = Store::start(data, key, lock)?;
    if let Some(damaged) = store.check().into_iter().find(|finding| !finding.ok) {
        fail!(Corruption, "{} {} is damaged in the backup: {}", damaged.kind, damaged.object, damaged.message);
    }
    let ((number, time_ms), taken_ms) = (chosen.to, chosen.manifest.taken_ms);
    Ok(Restored { store: Arc::new(store), number, time_ms, taken_ms, files: count, bytes })
}

/// The newest backup that reaches back to the target, its keyring in place.
fn choose(from: &Path, data: &Path, key: &KeySource, target: &mut dyn Target) -> Result<Chosen> {
    let mut all = Manifest::list(from)?;
    let mut is_newest = true;
    while let Some(found) = all.pop() {
        let keyring = open_keyring(&found, from, data, key)?;
        found.verify(&keyring)?;
        let listing = listing(from, &found.manifest);
        for (commit, path) in listing.checkpoints.iter().rev() {
            let (time_ms, _) = log_file::glance(path)?;
            if target.covers(*commit, time_ms, &|| history::load_state(path, &keyring))? {
                let start = (*commit, path.clone());
                let (to, all_included) = reach(&listing, &keyring, *commit, found.manifest.number, target)?;
                if all_included && is_newest {
                    target.end(found.manifest.taken_ms)?;
                }
                return Ok(Chosen { manifest: found.manifest, listing, keyring, from: start, to });
            }
        }
        is_newest = false;
    }
    Err(Error::new(Kind::Configuration, format!("no backup in \"{}\" reaches back so far", from.display()))
        .with_hint("Backups reach back to the oldest checkpoint that was kept when they were taken."))
}

/// The last commit that the target includes, when it was made, and whether there was no other.
fn reach(
    listing: &Listing,
    keyring: &Keyring,
    after: u64,
    end: u64,
    target: &mut dyn Target,
) -> Result<((u64, u64), bool)> {
    let (mut reached, mut all) = ((after, 0), true);
    let sealer = RowSealer::new(keyring)?;
    let read = listing.replay_while(keyring, after, |commit| {
        let past = Past::of(&commit, &sealer)?;
        if past.number > end {
            return Ok(false);
        }
        all = target.includes(&past)?;
        if all {
            reached = (past.number, past.time_ms);
        }
        Ok(all)
    })?;
    if all && reached.0 < end {
        let why = read.and_then(|read| read.broken).map_or(String::new(), |error| format!(": {}", error.message()));
        fail!(Corruption, "the backup's journal has lost the commits after {}{why}", reached.0);
    }
    Ok((reached, all))
}

/// Puts the backup's keyring into the new database and opens it.
fn open_keyring(found: &Found, from: &Path, data: &Path, key: &KeySource) -> Result<Keyring> {
    let bytes = found.keyring(from)?;
    for name in ["keyring", "keyring.old"] {
        write_new(data, name, &bytes)?;
    }
    sync_folder(data)?;
    store::keyring_read_only(data, key)
}

/// The journal of a backup, where it lies.
fn listing(from: &Path, manifest: &Manifest) -> Listing {
    let mut listing = Listing::default();
    for item in manifest.items.iter().filter(|item| item.name.starts_with(journal::FOLDER)) {
        let path = from.join(&item.name);
        let number = path.file_name().and_then(|name| name.to_str()?.split_once('-')?.0.parse().ok());
        match (number, path.extension().and_then(|ending| ending.to_str())) {
            (Some(number), Some("log")) => listing.logs.push((number, path)),
            (Some(number), Some("checkpoint")) => listing.checkpoints.push((number, path)),
            _ => {}
        }
    }
    listing.logs.sort();
    listing.checkpoints.sort();
    listing
}

fn copy_item(from: &Path, data: &Path, item: &Item) -> Result<()> {
    // Behind the id stands the beginning of the salt: a file that was sealed anew is another one for a backup.
    let target = data.join(item.name.split('-').next().unwrap_or(&item.name));
    make_folder(target.parent().unwrap_or(data))?;
    match copy_bytes(&from.join(&item.name), &target, &item.name, Some(item.bytes))? == *item {
        true => Ok(()),
        false => Err(changed(from, item)),
    }
}

fn changed(from: &Path, item: &Item) -> Error {
    let path = from.join(&item.name);
    Error::new(Kind::Corruption, format!("\"{}\" is not as it was backed up", path.display()))
}

/// Makes sled and `head` from the checkpoint and the commits up to the one wanted.
fn make_assets(data: &Path, key: &KeySource, chosen: &Chosen, lock: &Arc<FolderLock>) -> Result<()> {
    let salt =
        crate::crypto::passphrase_salt(data)?.ok_or_else(|| Error::internal("the keyring is not in its place"))?;
    // What is sealed here is sealed in an epoch of its own.
    let keyring = Arc::new(Keyring::open(data, &key.master_key(&salt)?)?);
    let assets = Assets::open(data, true)?;
    checkpoint::read(&chosen.from.1, &chosen.keyring, |rows| assets.load(&rows))?;
    let health = Arc::new(Health::new(data));
    let mut engine = SealedEngine::open(assets, data, &keyring, health, lock.clone(), false)?;
    let to = chosen.to.0;
    let replayed = chosen.listing.replay_while(&keyring, engine.applied(), |commit| {
        let goes_on = commit.number < to;
        if commit.number <= to {
            engine.replay(commit)?;
        }
        Ok(goes_on)
    });
    let applied = engine.applied();
    let flushed = engine.flush();
    engine.abandon();
    replayed?;
    flushed?;
    if applied != to {
        fail!(Corruption, "the backup's journal ends at commit {applied} instead of {to}");
    }
    let sealer = keyring.value_sealer(Purpose::Journal)?;
    let mut head = HeadWriter { head: Head::create(data, &sealer)?, sealer };
    head.head.write_both(&head.sealer, applied)?;
    make_folder(&data.join(journal::FOLDER))?;
    sync_folder(data)?;
    fs::metadata(data.join("head")).map(|_| ()).map_err(|error| named(data, &error))
}
