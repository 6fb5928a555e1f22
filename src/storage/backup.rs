//! Backups: everything that a database is, copied while it runs.
//!
//! ```text
//! STEWARD-BACKUP          empty; says what the folder is
//! LOCK                    one backup at a time
//! files/ab/ID-SALT        immutable files, as they lie in the database; one that was sealed anew has another salt
//! journal/NUMBER-SALT.log, .checkpoint
//! taken/TIME.keyring      the keyring as it was, still sealed with the master key of then
//! taken/TIME.manifest     what belongs to the backup that was taken at TIME
//! ```
//!
//! A folder holds any number of backups of one database, and what is in it already is not copied again: files and closed
//! logs never change, and a log that grew is copied anew. A backup is the state after the last commit that was durable when it
//! began, with all of the journal that was there, so that it can be restored to any commit between its first checkpoint and
//! its end ([`restore`](mod@super::restore)). Nothing is opened: what is sealed in the database is sealed in the backup.
//!
//! While it is taken a pin keeps everything on disk. In order: pin, position in the journal, list of files, keyring, copies, each
//! durable, and last the manifest. A backup without its manifest is none; what it copied serves the next one.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::backup_manifest::{Item, Manifest};
use super::journal::{self, Listing};
use super::lock::FolderLock;
use super::log_file;
use super::paths::{lies_in, named, remove_file, sync_folder};
use super::retention::{Pin, now_ms};
use super::store::Store;
use crate::crypto::Sha256;
use crate::encoding::hex;
use crate::error::{Error, Kind, Result};

/// Says that a folder holds backups.
pub(super) const MARKER: &str = "STEWARD-BACKUP";
/// Folder of manifests and keyrings.
pub(super) const TAKEN: &str = "taken";

/// What a backup came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The last commit of the journal in it.
    pub number: u64,
    /// When it was taken, in milliseconds since 1970.
    pub taken_ms: u64,
    /// Files that belong to it, and their bytes.
    pub items: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Files that were not there yet.
    pub copied: usize,
    /// Bytes of those.
    pub copied_bytes: u64,
}

/// How far copying has come.
#[derive(Debug, Clone, Copy)]
pub struct Copying {
    /// Files done.
    pub done: usize,
    /// Of so many.
    pub of: usize,
    /// Bytes copied.
    pub bytes: u64,
}

/// One file to back up.
struct Wanted {
    /// Where it lies now.
    from: PathBuf,
    /// Its name below the backup's folder.
    name: String,
    /// How much of it counts; none means all.
    bytes: Option<u64>,
    /// Opens its seals.
    file: Option<super::FileId>,
}

impl Store {
    /// Backs the database up into the folder `to`, which is empty, absent, or holds backups of this database. Durable on return.
    /// With `link` files that never change are linked instead of copied where the file system allows it: quick and small,
    /// but damage to the disk hits both.
    ///
    /// Errors: `Configuration` when the folder holds something else, `InUse` while another backup goes on into it, `Corruption`
    /// when a file is damaged (the backup is not taken), `DiskFull`, `Io`; what `progress` gives ends it.
    pub fn backup(&self, to: &Path, link: bool, mut progress: impl FnMut(Copying) -> Result<()>) -> Result<Backup> {
        prepare(self.dir(), to)?;
        let _lock = FolderLock::take(to)?;
        // The newest says what is there already; the others say nothing more of files that are still wanted.
        let before = Manifest::newest(to, self.keyring())?;
        if let Some(other) = before.as_ref().filter(|before| before.install_id != self.keyring().install_id()) {
            let message = format!("\"{}\" holds backups of another database", to.display());
            return Err(Error::new(Kind::Configuration, message)
                .with_detail(format!("The one taken at {} is not of this one.", other.taken_ms))
                .with_hint("Choose another folder."));
        }
        let known: HashMap<&str, &Item> =
            before.iter().flat_map(|m| &m.items).map(|item| (item.name.as_str(), item)).collect();

        let pin = Pin::take(self.health());
        let (number, log, durable) = self.sealed().position()?;
        let wanted = self.wanted(number, &log, durable)?;
        let keyring =
            fs::read(self.dir().join("keyring")).map_err(|error| named(&self.dir().join("keyring"), &error))?;
        let taken_ms = before.as_ref().map_or(0, |manifest| manifest.taken_ms + 1).max(now_ms());
        let mut manifest = Manifest { install_id: self.keyring().install_id(), number, taken_ms, items: Vec::new() };
        let (mut copied, mut copied_bytes, of) = (0, 0, wanted.len());
        for (done, one) in wanted.into_iter().enumerate() {
            progress(Copying { done, of, bytes: copied_bytes })?;
            let there = known.get(one.name.as_str()).filter(|item| is_there(to, item, &one));
            if let Some(item) = there {
                manifest.items.push((*item).clone());
                continue;
            }
            if let Some(item) = self.copy(&one, to, link)? {
                copied += 1;
                copied_bytes += item.bytes;
                manifest.items.push(item);
            }
        }
        drop(pin);
        self.files().purge()?;
        let name = format!("{TAKEN}/{taken_ms:013}.keyring");
        manifest.items.push(write_new(to, &name, &keyring)?);
        sync_tree(to)?;
        manifest.write(to, self.keyring())?;
        progress(Copying { done: of, of, bytes: copied_bytes })?;
        let bytes = manifest.items.iter().map(|item| item.bytes).sum();
        Ok(Backup { number, taken_ms, items: manifest.items.len(), bytes, copied, copied_bytes })
    }

    /// All that belongs to a backup whose journal ends with commit `number`, after `durable` bytes of `log`.
    fn wanted(&self, number: u64, log: &Path, durable: u64) -> Result<Vec<Wanted>> {
        let listing = Listing::read(self.dir())?;
        // What was begun after the position was taken is not in the backup: a checkpoint may know files that are not.
        let checkpoints = listing.checkpoints.iter().filter(|(commit, _)| *commit <= number);
        let logs = listing.logs.iter().filter(|(first, path)| *first <= number || path == log);
        let kinds = checkpoints.map(|one| ("checkpoint", one)).chain(logs.map(|one| ("log", one)));
        let mut all = Vec::new();
        for (ending, (number, path)) in kinds {
            let salt = hex(&log_file::glance(path)?.1);
            let name = format!("{}/{number:020}-{salt}.{ending}", journal::FOLDER);
            all.push(Wanted { from: path.clone(), name, bytes: (path == log).then_some(durable), file: None });
        }
        for id in self.files().list()?.into_iter().chain(self.files().list_retired()) {
            let name = match self.files().seal_name(id) {
                Ok(name) => name,
                // It has gone since it was listed, and nothing committed can need it.
                Err(_) if !self.files().is_there(id) => continue,
                Err(error) => return Err(error),
            };
            all.push(Wanted { from: self.files().place(id), name, bytes: None, file: Some(id) });
        }
        Ok(all)
    }

    /// Copies one file; none when it has gone since it was listed, which nothing committed can then need.
    fn copy(&self, one: &Wanted, to: &Path, link: bool) -> Result<Option<Item>> {
        let Some(id) = one.file else { return copy_one(&one.from, one, to, false).map(Some) };
        loop {
            let from = self.files().place(id);
            let copied = self.files().verify(id).and_then(|()| copy_one(&from, one, to, link));
            match copied {
                Ok(item) => return Ok(Some(item)),
                Err(_) if !self.files().is_there(id) => return Ok(None),
                // It was removed meanwhile, and lies where removed files are kept.
                Err(_) if !from.exists() => {}
                Err(error) if error.kind() == Kind::Corruption => {
                    return Err(error.with_detail("A backup with a damaged file in it would be none; none was taken."));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Copies or links one file, durable but for its name.
fn copy_one(from: &Path, one: &Wanted, to: &Path, link: bool) -> Result<Item> {
    let target = to.join(&one.name);
    make_folder(target.parent().unwrap_or(to))?;
    let unfinished = PathBuf::from(format!("{}.part", target.display()));
    remove_file(&unfinished)?;
    let item = match link && fs::hard_link(from, &unfinished).is_ok() {
        true => digest(&unfinished, &one.name, None)?,
        false => copy_bytes(from, &unfinished, &one.name, one.bytes)?,
    };
    fs::rename(&unfinished, &target).map_err(|error| named(&target, &error))?;
    Ok(item)
}

/// Whether the backup has the file already, as long as it must be.
fn is_there(to: &Path, item: &Item, one: &Wanted) -> bool {
    let Ok(there) = fs::metadata(to.join(&item.name)) else { return false };
    let bytes = one.bytes.or_else(|| Some(fs::metadata(&one.from).ok()?.len()));
    there.len() == item.bytes && bytes == Some(item.bytes)
}

/// Makes the folder, or sees that it holds backups.
fn prepare(data_dir: &Path, to: &Path) -> Result<()> {
    if lies_in(to, data_dir) {
        return Err(Error::new(Kind::Configuration, "a backup cannot lie in the folder of its database")
            .with_hint("Choose a folder on another disk."));
    }
    make_folder(to)?;
    let marker = to.join(MARKER);
    if marker.exists() {
        return Ok(());
    }
    let mut names = fs::read_dir(to).map_err(|error| named(to, &error))?.flatten().map(|entry| entry.file_name());
    if names.any(|name| name != "LOCK" && name != "lost+found") {
        let message = format!("directory \"{}\" is not empty and holds no backups", to.display());
        return Err(Error::new(Kind::Configuration, message).with_hint("Choose an empty or a new directory."));
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).map_err(|error| named(to, &error))?;
    File::create(&marker).map_err(|error| named(&marker, &error))?;
    sync_folder(to)?;
    to.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

pub(super) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| named(path, &error))
}

/// Writes a small new file, durable but for its name.
pub(super) fn write_new(to: &Path, name: &str, bytes: &[u8]) -> Result<Item> {
    let path = to.join(name);
    make_folder(path.parent().unwrap_or(to))?;
    let write = || {
        let mut file = File::create(&path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| named(&path, &error))?;
    digest(&path, name, None)
}

/// Copies the first bytes of a file, or all, durable but for the name.
pub(super) fn copy_bytes(from: &Path, to: &Path, name: &str, bytes: Option<u64>) -> Result<Item> {
    let reader = File::open(from).map_err(|error| named(from, &error))?;
    let mut reader = reader.take(bytes.unwrap_or(u64::MAX));
    let mut writer = File::create(to).map_err(|error| named(to, &error))?;
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 18]);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(named(from, &error)),
        };
        hash.update(&buffer[..read]);
        writer.write_all(&buffer[..read]).map_err(|error| named(to, &error))?;
        length += read as u64;
    }
    writer.sync_all().map_err(|error| named(to, &error))?;
    Ok(Item { name: name.to_owned(), bytes: length, sha256: hash.finish() })
}

/// Length and hash of the first bytes of a file, or of all.
pub(super) fn digest(path: &Path, name: &str, bytes: Option<u64>) -> Result<Item> {
    let file = File::open(path).map_err(|error| named(path, &error))?;
    let mut reader = file.take(bytes.unwrap_or(u64::MAX));
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 18]);
    loop {
        match reader.read(&mut buffer).map_err(|error| named(path, &error))? {
            0 => return Ok(Item { name: name.to_owned(), bytes: length, sha256: hash.finish() }),
            read => {
                hash.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

/// The names of all folders of a backup are durable on return.
pub(super) fn sync_tree(to: &Path) -> Result<()> {
    for entry in fs::read_dir(to).map_err(|error| named(to, &error))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sync_tree(&entry.path())?;
        }
    }
    sync_folder(to)
}

/// Refuses a folder that holds no backups.
pub(super) fn must_be_backup(from: &Path) -> Result<()> {
    match from.join(MARKER).exists() {
        true => Ok(()),
        false => {
            let message = format!("directory \"{}\" holds no backups of Steward", from.display());
            Err(Error::new(Kind::Configuration, message).with_hint("Name the folder that a backup was taken into."))
        }
    }
}
