//! The thread that writes what waits for the audit log, and moves its old blocks into files.

use super::Manager;
use crate::config::{AUDIT_EVERY_MS, AUDIT_RETIRE_EVERY_MS};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Writes until it is dropped, which waits for it; then all is written.
#[derive(Debug)]
pub struct Auditor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    manager: Arc<Manager>,
}

impl Auditor {
    /// Begins. Without a thread entries are written when the database is closed, and with the commits in between.
    pub fn start(manager: &Arc<Manager>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (of, stopped) = (manager.clone(), stop.clone());
        let run = move || {
            let mut retired: Option<Instant> = None;
            let every = Duration::from_millis(AUDIT_RETIRE_EVERY_MS);
            while !stopped.load(Ordering::Acquire) {
                thread::park_timeout(Duration::from_millis(AUDIT_EVERY_MS));
                write(&of);
                if let Err(error) = of.audit().archive() {
                    tracing::warn!("old blocks of the audit log stay in the asset store: {error}");
                }
                if retired.is_none_or(|at| at.elapsed() >= every) {
                    retired = Some(Instant::now());
                    if let Err(error) = of.audit().retire(chrono::Utc::now().timestamp_micros()) {
                        tracing::warn!("old entries of the audit log stay: {error}");
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(run);
        let thread = thread.inspect_err(|error| tracing::warn!("the audit log is written late: {error}")).ok();
        Self { stop, thread, manager: manager.clone() }
    }
}

fn write(manager: &Manager) {
    if let Err(error) = manager.audit().flush() {
        tracing::warn!("entries of the audit log wait: {error}");
    }
}

impl Drop for Auditor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
        write(&self.manager);
    }
}
