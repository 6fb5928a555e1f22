//! One process at a time in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};

/// How long a folder that is in use is waited for: whoever closes it now, a task of ours that still ends or a process that is
/// being stopped, is gone by then.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// Holds the file `LOCK` of a folder and the folder itself (flock); the system lets go of both when the process ends, however it
/// ends. The file tells who has it; the folder stays locked when somebody removes the file.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
    #[allow(dead_code, reason = "held open, never read")]
    folder: File,
}

impl FolderLock {
    /// Takes the lock and writes our process id into it; [`Kind::InUse`] with the other's id when it is taken.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let path = dir.join("LOCK");
        let io = |error| Error::io(format!("lock file \"{}\"", path.display()), &error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let folder = File::open(dir).map_err(|error| Error::io(format!("\"{}\"", dir.display()), &error))?;
        let locked = Self::wait(&file).and_then(|()| match Self::wait(&folder) {
            // A file system that locks no folders: the file is what there is.
            Err(TryLockError::Error(_)) => Ok(()),
            locked => locked,
        });
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message: any content will do.
                let _ = file.take(20).read_to_string(&mut holder);
                let holder =
                    holder.trim().parse::<u32>().map_or("another process".into(), |id| format!("process {id}"));
                return Err(Error::new(
                    Kind::InUse,
                    format!("data directory \"{}\" is in use by {holder}", dir.display()),
                )
                .with_hint("Stop that process, or choose another directory."));
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(io)?;
        Ok(Self { file, folder })
    }

    /// Tries until the lock is free or [`LOCK_WAIT`] is over.
    fn wait(file: &File) -> Result<(), TryLockError> {
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => thread::sleep(LOCK_WAIT / 50),
                done => return done,
            }
        }
    }
}

impl Drop for FolderLock {
    /// At rest the file holds nothing that could be damaged.
    fn drop(&mut self) {
        _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_without_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::take(folder.path()).unwrap();
        assert_eq!(FolderLock::take(folder.path()).unwrap_err().kind(), Kind::InUse);
        std::fs::remove_file(folder.path().join("LOCK")).unwrap();
        assert_eq!(FolderLock::take(folder.path()).unwrap_err().kind(), Kind::InUse);
        drop(held);
        let held = FolderLock::take(folder.path()).unwrap();
        drop(held);
        assert_eq!(std::fs::read(folder.path().join("LOCK")).unwrap(), b"");
        FolderLock::take(folder.path()).unwrap();
    }
}
