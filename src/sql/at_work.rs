//! Whether one session is at work, or several: who is alone may keep its thread while it waits for the disk.

use super::context::now_ms;
use crate::config::AT_WORK_MS;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who has run a statement of late.
#[derive(Debug, Default)]
pub struct AtWork {
    /// The session that ran the last one.
    last: AtomicU64,
    /// When one began to run that is not of the session before, in milliseconds of the process.
    changed_ms: AtomicU64,
}

impl AtWork {
    /// A session begins a statement.
    pub fn note(&self, session: u64) {
        if self.last.load(Ordering::Relaxed) != session {
            self.last.store(session, Ordering::Relaxed);
            self.changed_ms.store(now_ms(), Ordering::Relaxed);
        }
    }

    /// Whether all statements of the last moments were of one session.
    pub fn is_one(&self) -> bool {
        now_ms().saturating_sub(self.changed_ms.load(Ordering::Relaxed)) > AT_WORK_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_alone_once_the_others_have_rested() {
        let at_work = AtWork::default();
        at_work.note(1);
        at_work.note(2);
        assert!(!at_work.is_one());
        std::thread::sleep(std::time::Duration::from_millis(AT_WORK_MS + 20));
        at_work.note(2);
        assert!(at_work.is_one());
        at_work.note(1);
        assert!(!at_work.is_one());
    }
}
