//! Removed files that are kept for a while: `retired/ID.TIME`, the time of removal in milliseconds since 1970.
//!
//! They were removed by commits that are durable, so that nothing current refers to them; states of the past and backups
//! under way may. A rename that a power cut undoes leaves a file that nothing refers to, which the next open removes again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::file_format::FileId;
use super::paths::{self, named};
use super::retention::now_ms;
use crate::error::Result;

/// Name of the folder.
pub(super) const FOLDER: &str = "retired";

/// The removed files of one database, with the moments of their removal.
#[derive(Debug)]
pub(super) struct Retired {
    dir: PathBuf,
    files: Mutex<BTreeMap<FileId, u64>>,
}

impl Retired {
    /// Looks what is there below `data_dir`.
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join(FOLDER);
        let mut files = BTreeMap::new();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(named(&dir, &error)),
        };
        for entry in entries.into_iter().flatten() {
            let name = entry.map_err(|error| named(&dir, &error))?.file_name();
            if let Some((id, time_ms)) = name.to_str().and_then(|name| name.split_once('.'))
                && let (Ok(id), Ok(time_ms)) = (id.parse(), time_ms.parse())
            {
                files.insert(id, time_ms);
            }
        }
        Ok(Self { dir, files: Mutex::new(files) })
    }

    /// Takes the file at `path`, if it is there.
    pub(super) fn take(&self, id: FileId, path: &Path) -> Result<()> {
        let mut files = self.files.lock();
        if !self.dir.is_dir() {
            fs::create_dir(&self.dir).map_err(|error| named(&self.dir, &error))?;
        }
        let time_ms = now_ms();
        match fs::rename(path, self.place(id, time_ms)) {
            Ok(()) => _ = files.insert(id, time_ms),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(named(path, &error)),
        }
        Ok(())
    }

    /// Where a removed file lies.
    pub(super) fn path(&self, id: FileId) -> Option<PathBuf> {
        self.files.lock().get(&id).map(|time_ms| self.place(id, *time_ms))
    }

    fn place(&self, id: FileId, time_ms: u64) -> PathBuf {
        self.dir.join(format!("{id}.{time_ms}"))
    }

    /// The files.
    pub(super) fn list(&self) -> Vec<FileId> {
        self.files.lock().keys().copied().collect()
    }

    /// Gives up some of them, whatever their time; `forget` hears of each.
    pub(super) fn give_up(&self, gone: &BTreeSet<FileId>, forget: impl Fn(FileId)) -> Result<()> {
        let mut files = self.files.lock();
        for id in gone {
            if let Some(time_ms) = files.get(id).copied() {
                forget(*id);
                paths::remove_file(&self.place(*id, time_ms))?;
                files.remove(id);
            }
        }
        Ok(())
    }

    /// Gives up what was removed before `horizon_ms`; `forget` hears of each.
    pub(super) fn purge(&self, horizon_ms: u64, forget: impl Fn(FileId)) -> Result<()> {
        let mut files = self.files.lock();
        let over: Vec<_> =
            files.iter().filter(|(_, time)| **time <= horizon_ms).map(|(id, time)| (*id, *time)).collect();
        for (id, time_ms) in over {
            forget(id);
            paths::remove_file(&self.place(id, time_ms))?;
            files.remove(&id);
        }
        Ok(())
    }
}
