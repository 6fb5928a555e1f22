//! What everything in the folder is sealed with: one entry for each file, and for the trees of values one for each data key.
//!
//! Nothing is said from memory. Every file that lies there is looked at; a sealed one must open with the key that it names, at
//! its beginning; a file that is not ours is told as plain.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::assets;
use super::checkpoint;
use super::engine::Tree;
use super::file_format::{FileId, FileKind};
use super::files::{self, Files};
use super::head;
use super::journal;
use super::log_file::{LogKind, LogReader};
use super::paths::named;
use super::retired;
use super::spill;
use super::store::Store;
use crate::crypto::{ALGORITHM, KeyFact, KeyState, Keyring, Scope, sealed_with};
use crate::error::Result;

/// How it stands with the seal of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealState {
    /// Sealed with the newest key.
    Current,
    /// Sealed with a key that was replaced; it waits to be sealed anew, or to be removed.
    Outdated,
    /// Sealed with a key that was destroyed: nobody can open it.
    Shredded,
    /// Sealed, and it does not open as it should.
    Damaged,
    /// Not sealed.
    Plain,
}

impl SealState {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Shredded => "shredded",
            Self::Damaged => "damaged",
            Self::Plain => "plain",
        }
    }
}

/// What one thing on disk is sealed with.
#[derive(Debug, Clone)]
pub struct SealStatus {
    /// Path below the data directory; of values the tree.
    pub object: String,
    /// `keyring`, `head`, `journal`, `checkpoint`, `tree`, `store`, `chunk`, `index`, `model`, `spill`, `unfinished`, `lock` or
    /// `other`.
    pub kind: &'static str,
    /// How it is sealed; `None` if it is not.
    pub algorithm: Option<&'static str>,
    /// The data key; of the keyring how often it was written; `None` for a key that is nowhere but in memory.
    pub key_version: Option<u64>,
    /// Whose key it is.
    pub scope: Option<Scope>,
    /// How it stands.
    pub state: SealState,
    /// How many values, or 1.
    pub items: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When the data key was made, in milliseconds since 1970.
    pub key_created_ms: Option<u64>,
}

impl Store {
    /// With which algorithm and key everything is sealed.
    pub fn encryption_status(&self) -> Result<Vec<SealStatus>> {
        // What is durable and lies in the journal alone is shown where it belongs.
        self.sealed().apply_pending()?;
        let facts = self.keyring().facts().into_iter().map(|fact| (fact.id, fact)).collect();
        let mut survey = Survey { store: self, facts, found: Vec::new() };
        survey.folder(self.dir(), "")?;
        survey.trees()?;
        survey.found.sort_by(|a, b| (&a.object, a.key_version).cmp(&(&b.object, b.key_version)));
        Ok(survey.found)
    }
}

struct Survey<'a> {
    store: &'a Store,
    facts: BTreeMap<u32, KeyFact>,
    found: Vec<SealStatus>,
}

impl Survey<'_> {
    /// Everything in a folder, whose path below the data directory is `below`.
    fn folder(&mut self, dir: &Path, below: &str) -> Result<()> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            // Removed since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(named(dir, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| named(dir, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => self.folder(&entry.path(), &path)?,
                Ok(meta) => self.file(&entry.path(), path, meta.len())?,
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, object: String, bytes: u64) -> Result<()> {
        let (first, rest) = object.split_once('/').unwrap_or((&object, ""));
        match (first, rest) {
            ("keyring" | "keyring.old", "") => self.keyring(object, bytes),
            ("head", "") => self.head(object, bytes)?,
            ("LOCK" | "CREATING", "") => self.add(object, "lock", None, SealState::Plain, bytes),
            (journal::FOLDER, _) => self.log(path, object, bytes),
            (files::FOLDER | retired::FOLDER, _) => self.sealed_file(path, object, bytes),
            // Its key never was on disk: whether it opens only its query knows.
            (spill::FOLDER, _) => self.add(object, "spill", None, SealState::Current, bytes),
            // sled's own files: values are sealed, the numbers that are their keys are not.
            (assets::FOLDER, _) => self.add(object, "store", None, SealState::Current, bytes),
            _ => self.add(object, "other", None, SealState::Plain, bytes),
        }
        Ok(())
    }

    fn keyring(&mut self, object: String, bytes: u64) {
        let whole = !Keyring::damage(self.store.dir()).iter().any(|error| {
            error.message().contains(&format!("/{object}\"")) || error.message().contains(&format!("\"{object}\""))
        });
        let state = if whole { SealState::Current } else { SealState::Damaged };
        let version = self.store.keyring().version();
        self.found.push(SealStatus {
            object,
            kind: "keyring",
            algorithm: Some(ALGORITHM),
            key_version: Some(version),
            scope: None,
            state,
            items: 1,
            bytes,
            key_created_ms: None,
        });
    }

    fn head(&mut self, object: String, bytes: u64) -> Result<()> {
        for sealed in head::slots(self.store.dir())? {
            let key = sealed_with(&sealed).map(|(key, _)| key);
            self.add(object.clone(), "head", key, self.state_of(key), bytes / 2);
        }
        Ok(())
    }

    fn log(&mut self, path: &Path, object: String, bytes: u64) {
        let kind = match path.extension().and_then(|ending| ending.to_str()) {
            Some("checkpoint") => Some((LogKind::Checkpoint, "checkpoint")),
            Some("log") => Some((LogKind::Journal, "journal")),
            // One that is being written: what it is sealed with shows when it is finished.
            Some(checkpoint::UNFINISHED) => return self.add(object, "unfinished", None, SealState::Current, bytes),
            _ => None,
        };
        let Some((kind, shown)) = kind else { return self.add(object, "other", None, SealState::Plain, bytes) };
        match LogReader::peek(path, kind, self.store.keyring()) {
            Ok(log) => self.add(object, shown, Some(log.data_key), self.state_of(Some(log.data_key)), bytes),
            Err(_) if !path.exists() => {}
            Err(_) => self.add(object, shown, None, SealState::Damaged, bytes),
        }
    }

    fn sealed_file(&mut self, path: &Path, object: String, bytes: u64) {
        let files = self.store.files();
        // One that is kept for a while has the time of its removal behind its id.
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = if object.starts_with(retired::FOLDER) { name.split('.').next().unwrap_or(name) } else { name };
        let id = name.parse::<FileId>().ok();
        let Some(id) = id else {
            // One that is being written: whose it is shows when it is finished.
            let unfinished = path.extension().is_some_and(|ending| ending == files::UNFINISHED);
            let (kind, state) = match unfinished {
                true => ("unfinished", SealState::Current),
                false => ("other", SealState::Plain),
            };
            return self.add(object, kind, None, state, bytes);
        };
        match files.opens(id) {
            Ok((kind, key)) => self.add(object, kind.name(), Some(key), self.state_of(Some(key)), bytes),
            Err(_) if !path.exists() => {}
            Err(_) if files.is_shredded(id) => {
                let key = files.data_key(id).ok();
                self.add(object, files.kind_as_it_lies(id), key, SealState::Shredded, bytes);
            }
            Err(_) => self.add(object, files.kind_as_it_lies(id), None, SealState::Damaged, bytes),
        }
    }

    /// The values of each tree, by data key.
    fn trees(&mut self) -> Result<()> {
        for tree in Tree::ALL {
            let mut by_key = BTreeMap::<u32, (u64, u64)>::new();
            self.store.sealed().assets()?.scan(tree, b"", |_, sealed| {
                if let Some((key, _)) = sealed_with(sealed) {
                    let (items, bytes) = by_key.entry(key).or_default();
                    *items += 1;
                    *bytes += sealed.len() as u64;
                }
                Ok(())
            })?;
            for (key, (items, bytes)) in by_key {
                let object = format!("{}/{}", assets::FOLDER, tree.name());
                self.add(object, "tree", Some(key), self.state_of(Some(key)), bytes);
                if let Some(last) = self.found.last_mut() {
                    last.items = items;
                }
            }
        }
        Ok(())
    }

    fn state_of(&self, key: Option<u32>) -> SealState {
        match key.and_then(|key| self.facts.get(&key)).map(|fact| fact.state) {
            Some(KeyState::Current) => SealState::Current,
            Some(KeyState::Outdated) => SealState::Outdated,
            Some(KeyState::Destroyed) => SealState::Shredded,
            // Made since we looked at the keyring, or lost with it.
            None => match key.and_then(|key| self.store.keyring().successor(key)) {
                Some(_) => SealState::Current,
                None => SealState::Damaged,
            },
        }
    }

    fn add(&mut self, object: String, kind: &'static str, key: Option<u32>, state: SealState, bytes: u64) {
        let fact = key.and_then(|key| self.facts.get(&key));
        // What is damaged from its first byte on may as well be plain.
        let plain = state == SealState::Plain || (kind, state) == ("other", SealState::Damaged);
        self.found.push(SealStatus {
            object,
            kind,
            algorithm: (!plain).then_some(ALGORITHM),
            key_version: key.map(u64::from),
            scope: fact.map(|fact| fact.scope),
            state,
            items: 1,
            bytes,
            key_created_ms: fact.map(|fact| fact.created_ms),
        });
    }
}

impl Files {
    /// Kind and data key of a file whose beginning opens.
    fn opens(&self, id: FileId) -> Result<(FileKind, u32)> {
        self.verify_beginning(id)?;
        Ok((self.kind(id)?, self.data_key(id)?))
    }

    /// What the header of a file says, whether or not it opens.
    fn kind_as_it_lies(&self, id: FileId) -> &'static str {
        self.header_kind(id).map_or("other", FileKind::name)
    }
}
