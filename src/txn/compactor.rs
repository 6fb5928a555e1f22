//! The thread that compacts tables while nobody waits for it.

use super::Manager;
use super::compaction::Effort;
use crate::config::COMPACTION_EVERY_MS;
use crate::error::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Compacts in the background until it is dropped, which waits for it.
#[derive(Debug)]
pub struct Compactor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Compactor {
    /// Begins. Without a thread nothing is compacted, which is no reason not to serve.
    pub fn start(manager: &Arc<Manager>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (manager, stopped) = (manager.clone(), stop.clone());
        let run = move || {
            let is_stopped = || stopped.load(Ordering::Acquire);
            let mut seen = 0;
            while !is_stopped() {
                thread::park_timeout(Duration::from_millis(COMPACTION_EVERY_MS));
                let snapshot = manager.current();
                if snapshot.seq != seen {
                    seen = snapshot.seq;
                    round(&manager, snapshot.tables.keys().copied().collect(), &is_stopped);
                }
            }
        };
        let thread = thread::Builder::new().name("compaction".to_owned()).spawn(run);
        let thread = thread.inspect_err(|error| tracing::warn!("tables are not compacted: {error}")).ok();
        Self { stop, thread }
    }
}

/// Every table once, one after another.
fn round(manager: &Manager, tables: Vec<u64>, stop: &dyn Fn() -> bool) {
    for table in tables {
        if stop() {
            return;
        }
        if manager.wants_compaction(table)
            && let Err(error) = manager.compact(table, Effort::Background, stop)
        {
            match error.kind() {
                // Nothing is lost: it is tried again after the next commit.
                Kind::DiskFull => tracing::warn!("table {table} is not compacted: {error}"),
                _ => tracing::error!("table {table} cannot be compacted: {error}"),
            }
        }
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there was told already, and left nothing half done.
            let _ = thread.join();
        }
    }
}
