//! May the store still write? Not after a failed write or sync, and not when the disk is nearly full.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::retention::Retention;
use crate::config::DISK_RESERVE_BYTES;
use crate::error::{Error, Kind, Result};

/// What of the reserve is left when commits that make room stop too.
const LAST_BYTES: u64 = DISK_RESERVE_BYTES / 4;

/// With so much more than is needed the system is not asked anew for every commit.
const PLENTY_BYTES: u64 = 1 << 30;
/// But as long after it was asked as nobody can have written that much.
const PLENTY_FOR: Duration = Duration::from_millis(20);

/// Shared by the engine and the files of one folder.
#[derive(Debug)]
pub(super) struct Health {
    dir: PathBuf,
    /// What must stay although it was removed.
    pub(super) retention: Retention,
    failed: Mutex<Option<Error>>,
    /// When the system was last asked, and what was free then, less what was written since.
    known: Mutex<Option<(Instant, u64)>>,
    /// Free bytes to believe in instead of asking the system; `u64::MAX` asks.
    pretended: AtomicU64,
}

impl Health {
    pub(super) fn new(dir: &Path) -> Self {
        let (dir, retention) = (dir.to_path_buf(), Retention::default());
        Self { dir, retention, failed: Mutex::new(None), known: Mutex::default(), pretended: AtomicU64::new(u64::MAX) }
    }

    /// Whether a commit of `bytes` may go on: not when an earlier write failed, or when it would leave less than
    /// [`DISK_RESERVE_BYTES`] free.
    ///
    /// sled does not come back from a full disk without being opened again: the reserve keeps it from meeting one.
    pub(super) fn may_commit(&self, bytes: u64) -> Result<()> {
        self.may_write(bytes, DISK_RESERVE_BYTES)
    }

    /// As [`Health::may_commit`] for a commit that makes room: the reserve is there for it, but for the last of it.
    pub(super) fn may_make_room(&self, bytes: u64) -> Result<()> {
        self.may_write(bytes, LAST_BYTES)
    }

    /// As [`Health::may_commit`] for a file. Files stop earlier, so that on a disk they have filled a commit can still remove some.
    pub(super) fn may_write_file(&self, bytes: u64) -> Result<()> {
        self.may_write(bytes, 2 * DISK_RESERVE_BYTES)
    }

    fn may_write(&self, bytes: u64, reserve: u64) -> Result<()> {
        self.still_writes()?;
        let free = match self.pretended.load(Ordering::Relaxed) {
            u64::MAX => self.free(bytes.saturating_add(reserve)),
            pretended => Some(pretended),
        };
        match free {
            Some(free) if free < bytes.saturating_add(reserve) => {
                let hint = match free < LAST_BYTES {
                    true => "Free some space; nothing acknowledged is lost.",
                    false => {
                        "Free some space: DELETE of whole ranges of rows, TRUNCATE and DROP still work. Nothing acknowledged is lost."
                    }
                };
                let (dir, free, reserve) = (self.dir.display(), free >> 10, reserve >> 10);
                let message =
                    format!("no space left for \"{dir}\": {free} KiB are free, {reserve} KiB are kept in reserve");
                Err(Error::new(Kind::DiskFull, message).with_hint(hint))
            }
            _ => Ok(()),
        }
    }

    /// Free bytes, if the system can tell; where it was asked a moment ago and told of plenty, what it said then, less the `bytes` that
    /// were asked for since.
    fn free(&self, bytes: u64) -> Option<u64> {
        let mut known = self.known.lock();
        if let Some((asked, free)) = &mut *known
            && *free > bytes.saturating_add(PLENTY_BYTES)
            && asked.elapsed() < PLENTY_FOR
        {
            *free -= bytes;
            return Some(*free);
        }
        let free = free_bytes(&self.dir);
        *known = free.map(|free| (Instant::now(), free));
        free
    }

    /// Refuses when an earlier write failed.
    pub(super) fn still_writes(&self) -> Result<()> {
        match &*self.failed.lock() {
            Some(error) => Err(Error::new(error.kind(), format!("an earlier write failed: {}", error.message()))
                .with_hint(
                    "Reading goes on. Mend the cause, then open the database again; nothing acknowledged is lost.",
                )),
            None => Ok(()),
        }
    }

    /// Remembers that a write failed, so that none follows it; gives the error back. The first one counts.
    pub(super) fn fail(&self, error: Error) -> Error {
        self.failed.lock().get_or_insert_with(|| error.clone());
        error
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.lock().is_some()
    }

    /// Pretends that so many bytes are free; `None` asks the system again.
    pub(super) fn pretend_free_bytes(&self, bytes: Option<u64>) {
        self.pretended.store(bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Free bytes on the file system of `dir`, if it can tell.
#[cfg(unix)]
fn free_bytes(dir: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(dir.as_os_str().as_bytes()).ok()?;
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the pointer is to room for one answer.
    if unsafe { libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: statvfs fills the whole answer when it returns zero.
    let answer = unsafe { answer.assume_init() };
    #[allow(clippy::unnecessary_cast, reason = "narrower on macOS")]
    Some((answer.f_bavail as u64).saturating_mul(answer.f_frsize as u64))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_refuses_until_there_is_room_and_a_failure_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let health = Health::new(dir.path());
        assert!(free_bytes(dir.path()).is_some());
        health.pretend_free_bytes(Some(DISK_RESERVE_BYTES + 100));
        assert!(health.may_commit(100).is_ok());
        assert!(health.may_make_room(DISK_RESERVE_BYTES / 2).is_ok());
        assert_eq!(health.may_commit(101).unwrap_err().kind(), Kind::DiskFull);
        assert_eq!(health.may_write_file(0).unwrap_err().kind(), Kind::DiskFull);
        health.fail(Error::new(Kind::Io, "the cable is out"));
        health.fail(Error::new(Kind::Internal, "a later one"));
        let error = health.may_commit(0).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.message().contains("the cable is out"));
    }
}
