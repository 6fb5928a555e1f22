//! The folder as a whole: made, opened, locked.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::assets::{self, Assets};
use super::engine::{Engine, Ticket};
use super::files::{self, Files};
use super::head::{Head, HeadWriter, Record};
use super::health::Health;
use super::journal::{self, Journal};
use super::keeper::Keeper;
use super::lock::FolderLock;
use super::paths::{named, remove_file, remove_folder, sync_folder};
use super::recovery::{self, Folder};
use super::sealed::{Ledger, SealedEngine};
use super::spill::{self, SpillArea};
use super::writers::Writers;
use crate::config::SOON;
use crate::crypto::{KeySource, KeyState, Keyring, Purpose, Scope, passphrase_salt, random};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Lies in the folder while a database is being made there.
const CREATING: &str = "CREATING";

/// An open database folder. What it hands out stays usable after it is dropped; the folder is free for another process once
/// all of that is dropped too.
#[derive(Debug)]
pub struct Store {
    /// First, with the keeper, so that they have ended before anything else goes.
    writers: OnceLock<Option<Writers>>,
    keeper: Keeper,
    dir: PathBuf,
    keyring: Arc<Keyring>,
    engine: Arc<dyn Engine>,
    sealed: Arc<SealedEngine>,
    files: Arc<Files>,
    spill: Arc<SpillArea>,
    health: Arc<Health>,
}

/// What lies in a folder.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    /// A database that was not made to the end: nothing in it was ever acknowledged.
    Unfinished,
    Database,
    /// A restore that did not come to its end.
    Restoring,
    Other,
}

impl Store {
    /// Opens the database in `dir`, and makes it when the folder is absent or empty. Durable on return.
    ///
    /// Errors: `Configuration` when the folder holds something else, `InUse` when another process has it open, `WrongKey`,
    /// `Corruption` naming what is damaged, `FormatVersion`, `Io`, `DiskFull`.
    pub fn open(dir: &Path, key: &KeySource) -> Result<Self> {
        match content(dir)? {
            Content::Database => Self::open_existing(dir, key),
            Content::Other => Err(foreign(dir)),
            Content::Restoring => Err(restoring(dir)),
            Content::Nothing | Content::Unfinished => {
                fs::create_dir_all(dir).map_err(|error| named(dir, &error))?;
                restrict(dir)?;
                let lock = Arc::new(FolderLock::take(dir)?);
                // Another process may have made it while we waited for nothing.
                match content(dir)? {
                    Content::Database => Self::start(dir, key, lock),
                    _ => Self::create(dir, key, lock),
                }
            }
        }
    }

    /// Opens the database in `dir`; `Configuration` when there is none.
    pub fn open_existing(dir: &Path, key: &KeySource) -> Result<Self> {
        let content = content(dir)?;
        if content == Content::Restoring {
            return Err(restoring(dir));
        }
        if content != Content::Database {
            fail!(Configuration, "directory \"{}\" holds no database of Steward", dir.display());
        }
        let lock = Arc::new(FolderLock::take(dir)?);
        Self::start(dir, key, lock)
    }

    /// Whether `dir` holds a database, so that opening it needs the key it was made with.
    pub fn exists(dir: &Path) -> Result<bool> {
        Ok(content(dir)? == Content::Database)
    }

    /// Refuses a folder that holds something else than a database, before anything is made for it.
    pub fn refuse_foreign(dir: &Path) -> Result<()> {
        match content(dir)? {
            Content::Other => Err(foreign(dir)),
            Content::Restoring => Err(restoring(dir)),
            _ => Ok(()),
        }
    }

    fn create(dir: &Path, key: &KeySource, lock: Arc<FolderLock>) -> Result<Self> {
        for name in ["keyring", "keyring.old", "keyring.new", "head"] {
            remove_file(&dir.join(name))?;
        }
        for name in [assets::FOLDER, files::FOLDER, journal::FOLDER] {
            remove_folder(&dir.join(name))?;
        }
        let marker = dir.join(CREATING);
        File::create(&marker).map_err(|error| named(&marker, &error))?;
        sync_folder(dir)?;

        let health = Arc::new(Health::new(dir));
        health.may_write_file(0)?;
        let salt = random()?;
        let keyring = Arc::new(Keyring::create_with_salt(dir, &key.master_key(&salt)?, salt)?);
        let sealer = keyring.value_sealer(Purpose::Journal)?;
        fs::create_dir(dir.join(files::FOLDER)).map_err(|error| named(dir, &error))?;
        let head = HeadWriter { head: Head::create(dir, &sealer)?, sealer };
        let assets = Assets::open(dir, true)?;
        let engine = SealedEngine::open(assets, dir, &keyring, health.clone(), lock.clone(), true)?;
        let journal = Journal::start(dir, keyring.clone(), 0, [0; 32], 0)?;
        engine.begin(Ledger { journal, head }, true)?;
        let store = Self::assemble(dir, keyring, engine, health, lock)?;
        // Only from here on there is a database.
        fs::remove_file(&marker).map_err(|error| named(&marker, &error))?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_folder(dir)?;
        sync_folder(parent)?;
        Ok(store)
    }

    /// Opens what is known to be a database, by whoever holds its lock.
    pub(super) fn start(dir: &Path, key: &KeySource, lock: Arc<FolderLock>) -> Result<Self> {
        // Up to the comparison nothing is written: a damaged folder stays as it is.
        let Some(salt) = passphrase_salt(dir)? else {
            return Err(Error::new(
                Kind::Corruption,
                format!("keyring file \"{}\" is missing", dir.join("keyring").display()),
            )
            .with_hint("Restore it from a backup; without it nothing in the database can be opened."));
        };
        let master = key.master_key(&salt)?;
        let keyring = Keyring::open_read_only(dir, &master)?;
        let (head, record) = Head::open(dir, &*keyring.value_sealer(Purpose::Journal)?)?;
        let suspicion = match compare_files(dir, &record) {
            Err(error) if error.kind() != Kind::Corruption => return Err(error),
            compared => compared.err(),
        };

        if let Some(damage) = keyring.damaged_file() {
            // `head` knows what was opened: it has every key that anything is sealed with.
            tracing::warn!("{}; it is written anew from {}", damage.error.message(), damage.whole);
        }
        let keyring = Arc::new(keyring.begin_epoch(&master)?);
        let head = HeadWriter { head, sealer: keyring.value_sealer(Purpose::Journal)? };
        let health = Arc::new(Health::new(dir));
        let folder = Folder { dir, keyring: &keyring, health: &health, lock: &lock, acknowledged: record.commits };
        let engine = recovery::open(&folder, head, suspicion)?;
        Self::assemble(dir, keyring, engine, health, lock)
    }

    fn assemble(
        dir: &Path,
        keyring: Arc<Keyring>,
        engine: SealedEngine,
        health: Arc<Health>,
        lock: Arc<FolderLock>,
    ) -> Result<Self> {
        let sealed = Arc::new(engine);
        // What queries of a process that was killed had put there: its key was in memory only.
        remove_folder(&dir.join(spill::FOLDER))?;
        let files = Arc::new(Files::open(dir, keyring.clone(), health.clone(), lock)?);
        let spill = Arc::new(SpillArea::new(dir, health.clone()));
        let keeper = Keeper::start(dir.to_path_buf(), keyring.clone(), sealed.clone(), files.clone(), health.clone())?;
        let dir = dir.to_path_buf();
        let writers = OnceLock::new();
        let store = Self { writers, keeper, dir, keyring, engine: sealed.clone(), sealed, files, spill, health };
        store.begin_retention()?;
        Ok(store)
    }

    /// The store of small values.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The sealed files.
    pub fn files(&self) -> &Arc<Files> {
        &self.files
    }

    /// Where queries put what memory does not hold.
    pub fn spill(&self) -> &Arc<SpillArea> {
        &self.spill
    }

    /// The keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// New data keys for everything that is written from now on, durable on return. What is there is sealed anew in the
    /// background; a process that is killed meanwhile goes on with it at the next open.
    pub fn rotate_keys(&self) -> Result<()> {
        self.health.may_commit(0)?;
        self.keyring.rotate_data_keys()?;
        self.keeper.rotated();
        Ok(())
    }

    /// As [`Store::rotate_keys`] for some objects, which were emptied: the old key goes, and with it what copies of the
    /// old content say.
    pub fn renew_keys_of(&self, owners: impl IntoIterator<Item = u64>) -> Result<()> {
        owners.into_iter().try_for_each(|owner| self.keyring.renew(owner))?;
        self.keeper.rotated();
        Ok(())
    }

    /// New keys for some objects, as by [`Store::renew_keys_of`]. Those before are destroyed as soon as nothing current is under them, even
    /// where the past is kept: what it has of these objects cannot be opened any more, wherever it lies. [`Store::wait_for_shreds`]
    /// waits for that; a process that is killed before has kept them, and must be told again.
    pub fn shred_past_of(&self, owners: &BTreeSet<u64>) -> Result<()> {
        owners.iter().try_for_each(|owner| self.keyring.renew(*owner))?;
        self.keeper.shred(owners.iter().copied());
        Ok(())
    }

    /// Waits until the replaced keys of these objects are destroyed; `false` when that takes longer.
    pub fn wait_for_shreds(&self, owners: &BTreeSet<u64>, patience: Duration) -> bool {
        self.keeper.wait_for_shreds(owners, patience)
    }

    /// Destroys the keys of objects that are gone, as soon as nobody reads their files any more. A process that is killed
    /// before does it at the next open, by [`Store::destroy_keys_but`].
    pub fn destroy_keys_of(&self, owners: impl IntoIterator<Item = u64>) {
        self.keeper.doom(owners);
    }

    /// Destroys the keys of all objects but these.
    pub fn destroy_keys_but(&self, living: &HashSet<u64>) {
        let facts = self.keyring.facts().into_iter().filter(|fact| fact.state != KeyState::Destroyed);
        self.keeper.doom(facts.filter_map(|fact| match fact.scope {
            Scope::Object(owner) if !living.contains(&owner) => Some(owner),
            _ => None,
        }));
    }

    /// Waits until everything is sealed with the newest keys and the others are gone; `false` when that takes longer.
    pub fn wait_for_keys(&self, patience: Duration) -> bool {
        self.keeper.wait(patience)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whether commits become durable so soon that to wait for one is no more than to compute for a while, as the last ones tell.
    pub fn commits_soon(&self) -> bool {
        self.sealed.last_write() < SOON
    }

    /// As [`Engine::poll_settle`] where others are at work meanwhile: threads of the store's own write, which begin with the first
    /// call, and the thread that asks never waits for the disk.
    pub fn poll_settle_apart(&self, ticket: Ticket, waker: &Waker) -> Poll<Result<()>> {
        self.writers.get_or_init(|| Writers::start(&self.sealed));
        match self.sealed.poll_told(ticket, waker) {
            Some(told) => told,
            None => self.engine.poll_settle(ticket, waker),
        }
    }

    /// Writes a checkpoint now, from which the assets can be made anew without older logs.
    pub fn checkpoint(&self) -> Result<()> {
        self.sealed.checkpoint_now()
    }

    pub(super) fn sealed(&self) -> &SealedEngine {
        &self.sealed
    }

    /// Makes the store believe that so many bytes are free on its disk; `None` asks the system again. For tests of a full disk.
    pub fn pretend_free_bytes(&self, bytes: Option<u64>) {
        self.health.pretend_free_bytes(bytes);
    }
}

/// The keys of a folder, without writing to it.
pub(super) fn keyring_read_only(dir: &Path, key: &KeySource) -> Result<Keyring> {
    let Some(salt) = passphrase_salt(dir)? else { fail!(Corruption, "the keyring is missing") };
    Keyring::open_read_only(dir, &key.master_key(&salt)?)
}

/// The files of a folder whose asset store may be beyond opening. Nothing can be written through them.
pub(super) fn files_read_only(dir: &Path, key: &KeySource) -> Result<Files> {
    let lock = Arc::new(FolderLock::take(dir)?);
    let keyring = keyring_read_only(dir, key)?;
    Files::open(dir, Arc::new(keyring), Arc::new(Health::new(dir)), lock)
}

/// Whether there is anything in a folder but its lock.
pub(super) fn is_anything(dir: &Path) -> Result<bool> {
    Ok(content(dir)? != Content::Nothing)
}

fn restoring(dir: &Path) -> Error {
    let message = format!("directory \"{}\" holds a restore that did not come to its end", dir.display());
    Error::new(Kind::Configuration, message).with_hint("Remove the directory and restore once more.")
}

fn foreign(dir: &Path) -> Error {
    let message = format!("directory \"{}\" is not empty and holds no database of Steward", dir.display());
    Error::new(Kind::Configuration, message).with_hint("Choose an empty or a new directory.")
}

fn content(dir: &Path) -> Result<Content> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Content::Nothing),
        Err(error) => return Err(named(dir, &error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
    let mut names = names.map_err(|error| named(dir, &error))?;
    // The first is ours and says nothing; the second is what a fresh ext4 holds.
    names.retain(|name| name != "LOCK" && name != "lost+found");
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    Ok(if names.is_empty() {
        Content::Nothing
    } else if has(super::restore::RESTORING) {
        Content::Restoring
    } else if has(CREATING) {
        Content::Unfinished
    } else if ["keyring", "keyring.old", "head"].into_iter().any(has) {
        Content::Database
    } else {
        Content::Other
    })
}

/// After a clean close sled's files must be what they were then.
fn compare_files(dir: &Path, record: &Record) -> Result<()> {
    let Some(expected) = &record.closed else { return Ok(()) };
    let folder = dir.join(assets::FOLDER);
    if !folder.is_dir() {
        return Err(assets::damaged(&folder, "the folder is missing"));
    }
    let found = assets::marks(&folder)?;
    for mark in expected {
        match found.iter().find(|found| found.name == mark.name) {
            Some(found) if found == mark => {}
            Some(found) if found.bytes != mark.bytes => {
                let how = format!("file \"{}\" has {} bytes instead of {}", mark.name, found.bytes, mark.bytes);
                return Err(assets::damaged(&folder, &how));
            }
            Some(_) => {
                return Err(assets::damaged(&folder, &format!("file \"{}\" is not as it was closed", mark.name)));
            }
            None => return Err(assets::damaged(&folder, &format!("its file \"{}\" is missing", mark.name))),
        }
    }
    match found.iter().find(|found| expected.iter().all(|mark| mark.name != found.name)) {
        Some(extra) => Err(assets::damaged(&folder, &format!("file \"{}\" does not belong there", extra.name))),
        None => Ok(()),
    }
}

/// Only the owner may look into the folder.
pub(super) fn restrict(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(|error| named(dir, &error))
}
