//! Repair: what can be made whole again is, from the second copy, from the journal, or from a backup.
//!
//! [`mend`] brings a folder to where it opens: the keyring from its copy or a backup, `head` from the journal, lost logs and
//! checkpoints from a backup; sled is made anew by the opening itself. [`mend_file`] brings back one sealed file; since a file
//! never changes and its seal names it, any backup that has it will do. Nothing is believed that does not open, and what is
//! replaced is kept as `NAME.damaged-TIME`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::backup::{copy_bytes, make_folder, must_be_backup};
use super::backup_manifest::Manifest;
use super::file_format::FileId;
use super::files::{self, Files};
use super::head::{self, Head, HeadWriter};
use super::journal::{self, Listing};
use super::lock::FolderLock;
use super::log_file::{LogKind, LogReader};
use super::paths::{named, remove_file, sync_folder};
use super::recovery::set_aside;
use super::store::{self, Store};
use crate::crypto::{KeySource, Keyring, Purpose};
use crate::error::{Error, Kind, Result};

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is whole again.
    Mended(String),
    /// It is gone.
    Lost(String),
}

/// Makes the database in `dir` open again if that can be done; `told` hears what was done. Gives the open store. With
/// `accept_loss` acknowledged commits that neither sled nor the journal has are given up, where nothing else helps.
///
/// Errors are what stands in the way: `WrongKey`, `InUse`, or `Corruption` that neither journal nor backup can undo.
pub fn mend(
    dir: &Path,
    key: &KeySource,
    from: Option<&Path>,
    accept_loss: bool,
    mut hear: impl FnMut(Told),
) -> Result<Store> {
    from.map_or(Ok(()), must_be_backup)?;
    let mut told = |text: String| hear(Told::Mended(text));
    {
        let _lock = FolderLock::take(dir)?;
        mend_keyring(dir, from, &mut told)?;
        let keyring = store::keyring_read_only(dir, key)?;
        mend_journal(dir, &keyring, from, &mut told)?;
        mend_head(dir, key, &keyring, &mut told)?;
        if !dir.join(files::FOLDER).is_dir() {
            make_folder(&dir.join(files::FOLDER))?;
            told("folder files was missing and is made anew, empty".into());
        }
    }
    let opened = match Store::open_existing(dir, key) {
        Err(error) if accept_loss && error.kind() == Kind::Corruption => {
            let Some(lost) = give_up(dir, key)? else { return Err(error) };
            hear(Told::Lost(lost));
            Store::open_existing(dir, key)
        }
        opened => opened,
    }?;
    let damaged = |store: &Store| {
        let findings = journal::check(store.dir(), store.keyring(), store.sealed().applied());
        findings.into_iter().find(|finding| !finding.ok)
    };
    let Some(found) = damaged(&opened) else { return Ok(opened) };
    // Nothing in it is needed any more: all of it is in sled.
    drop(opened);
    set_aside(dir, journal::FOLDER)?;
    let message = format!("the journal was damaged ({}); it is kept aside, and a new one begins", found.message);
    hear(Told::Mended(message));
    Store::open_existing(dir, key)
}

/// One whole copy of the keyring is enough; without any, that of the newest backup.
fn mend_keyring(dir: &Path, from: Option<&Path>, told: &mut impl FnMut(String)) -> Result<()> {
    let names = ["keyring", "keyring.old"];
    let whole = names.map(|name| Keyring::is_whole(dir, name));
    let source: Option<(Vec<u8>, String)> = match whole.iter().position(|whole| *whole) {
        Some(at) => Some((read(&dir.join(names[at]))?, format!("its copy {}", names[at]))),
        None => from.map(newest_keyring).transpose()?,
    };
    for (name, _) in names.iter().zip(whole).filter(|(_, whole)| !whole) {
        let Some((bytes, origin)) = &source else {
            return Err(Error::new(Kind::Corruption, "neither copy of the keyring is whole")
                .with_hint("Name a backup with --from: its keyring opens what was sealed until then."));
        };
        super::backup::write_new(dir, name, bytes)?;
        sync_folder(dir)?;
        told(format!("{name} was damaged or missing and is made anew from {origin}"));
    }
    Ok(())
}

fn newest_keyring(from: &Path) -> Result<(Vec<u8>, String)> {
    let newest = Manifest::list(from)?.pop();
    let found = newest.ok_or_else(|| Error::new(Kind::Corruption, "the backup has no whole manifest"))?;
    Ok((found.keyring(from)?, format!("the backup \"{}\"", found.path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| named(path, &error))
}

/// Brings back logs and checkpoints that are damaged here and whole in a backup.
fn mend_journal(dir: &Path, keyring: &Keyring, from: Option<&Path>, told: &mut impl FnMut(String)) -> Result<()> {
    let Some(from) = from else { return Ok(()) };
    let Some(found) = Manifest::list(from)?.into_iter().rev().find(|found| found.verify(keyring).is_ok()) else {
        return Ok(());
    };
    for item in found.manifest.items.iter().filter(|item| item.name.starts_with(journal::FOLDER)) {
        let source = from.join(&item.name);
        let Some((target, kind)) = place(dir, &source) else { continue };
        let (here, there) = (read_log(&target, kind, keyring), read_log(&source, kind, keyring));
        // Whatever goes further along the same chain: a log here may have grown since.
        if there.is_some() && here.is_none_or(|here| here < there.unwrap_or(0)) && is_wanted(dir, &target)? {
            make_folder(&dir.join(journal::FOLDER))?;
            if target.exists() {
                super::paths::rename(&target, &target.with_extension("damaged"))?;
            }
            copy_bytes(&source, &target, &item.name, Some(item.bytes))?;
            sync_folder(&dir.join(journal::FOLDER))?;
            let name = target.strip_prefix(dir).unwrap_or(&target).display().to_string();
            told(format!("{name} was damaged or missing and is brought back from the backup"));
        }
    }
    Ok(())
}

/// Whether a log that the backup has would still be kept here.
fn is_wanted(dir: &Path, target: &Path) -> Result<bool> {
    let listing = Listing::read(dir)?;
    let first =
        listing.checkpoints.first().map(|(_, path)| path).into_iter().chain(listing.logs.first().map(|(_, path)| path));
    Ok(first.min().is_none_or(|first| target.file_name() >= first.file_name()))
}

/// Where a log of a backup lies in a database.
fn place(dir: &Path, source: &Path) -> Option<(PathBuf, LogKind)> {
    let number = source.file_name()?.to_str()?.split_once('-')?.0;
    let ending = source.extension()?.to_str()?;
    let kind = if ending == "log" { LogKind::Journal } else { LogKind::Checkpoint };
    Some((dir.join(journal::FOLDER).join(format!("{number}.{ending}")), kind))
}

/// How many frames of a log open; none when it does not.
fn read_log(path: &Path, kind: LogKind, keyring: &Keyring) -> Option<u64> {
    let mut log = LogReader::open(path, kind, keyring).ok()?;
    let mut frames = 1;
    while let Ok(Some(_)) = log.next() {
        frames += 1;
    }
    (kind == LogKind::Journal || log.finished).then_some(frames)
}

/// `head` says how many commits were acknowledged; without it the journal does.
fn mend_head(dir: &Path, key: &KeySource, keyring: &Keyring, told: &mut impl FnMut(String)) -> Result<()> {
    if let Ok((Some(_), _)) = head::look(dir, &*keyring.value_sealer(Purpose::Journal)?) {
        return Ok(());
    }
    let listing = Listing::read(dir)?;
    let after = listing.checkpoints.first().map_or(0, |(commit, _)| *commit);
    let end = listing.replay(keyring, after, |_| Ok(()))?;
    let commits = end.map_or(after, |end| end.commit);
    write_head(dir, key, commits)?;
    told(format!("head was damaged or missing and is made anew: the journal ends at commit {commits}"));
    Ok(())
}

/// Has `head` forget the acknowledged commits that the journal does not have, and says which; none if it has them all.
fn give_up(dir: &Path, key: &KeySource) -> Result<Option<String>> {
    let _lock = FolderLock::take(dir)?;
    let keyring = store::keyring_read_only(dir, key)?;
    let (Some(record), _) = head::look(dir, &*keyring.value_sealer(Purpose::Journal)?)? else { return Ok(None) };
    let listing = Listing::read(dir)?;
    let after = listing.checkpoints.first().map_or(0, |(commit, _)| *commit);
    let mut reached = after;
    let read = listing.replay(&keyring, after, |commit| {
        reached = commit.number;
        Ok(())
    });
    match read {
        Err(error) if error.kind() != Kind::Corruption => return Err(error),
        _ if reached >= record.commits => return Ok(None),
        _ => write_head(dir, key, reached)?,
    }
    let (first, last) = (reached + 1, record.commits);
    Ok(Some(format!(
        "what commits {first} to {last} wrote and was not in the asset store yet: the journal does not have it"
    )))
}

/// Makes `head` anew, and keeps the one that was there beside it.
fn write_head(dir: &Path, key: &KeySource, commits: u64) -> Result<()> {
    let salt =
        crate::crypto::passphrase_salt(dir)?.ok_or_else(|| Error::internal("the keyring is not in its place"))?;
    let sealing = Arc::new(Keyring::open(dir, &key.master_key(&salt)?)?);
    super::paths::rename(&dir.join("head"), &dir.join("head.damaged"))?;
    let sealer = sealing.value_sealer(Purpose::Journal)?;
    let mut head = HeadWriter { head: Head::create(dir, &sealer)?, sealer };
    head.head.write_both(&head.sealer, commits)?;
    sync_folder(dir)
}

/// Brings one sealed file back from a backup, verified; false when no whole copy of it is there.
pub fn mend_file(store: &Store, from: &Path, id: FileId) -> Result<bool> {
    must_be_backup(from)?;
    let (shown, target) = (from.join(Files::shown(id)), store.files().path(id));
    let name = format!("{id}-");
    let entries = shown.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    // One for each time that it was sealed anew: what opens with the keys of now will do.
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name)) {
        if mend_from(store, &entry.path(), &target, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn mend_from(store: &Store, source: &Path, target: &Path, id: FileId) -> Result<bool> {
    make_folder(target.parent().unwrap_or(store.dir()))?;
    let kept = target.with_extension("damaged");
    super::paths::rename(target, &kept)?;
    let unfinished = target.with_extension("part");
    copy_bytes(source, &unfinished, "", None)?;
    super::paths::rename(&unfinished, target)?;
    target.parent().map_or(Ok(()), sync_folder)?;
    store.files().forget(id);
    let whole = store.files().verify(id).is_ok();
    if whole {
        remove_file(&kept)?;
    } else {
        super::paths::rename(&kept, target)?;
    }
    Ok(whole)
}
