//! What is kept although nothing current needs it: removed files and old logs, for a time and while somebody reads them.
//!
//! A removed file goes to the folder `retired` as long as a retention is set, and leaves it when that time is over. Logs and
//! checkpoints of the journal stay for as long. While anybody holds a [`Pin`] (a backup, a reader of the past) nothing leaves.
//! How long things are kept, and since when that holds without a gap, is a value in tree `sys`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::engine::{Tree, WriteBatch};
use super::health::Health;
use super::store::Store;
use crate::config::{RETENTION_DEFAULT_MS, RETENTION_GRACE_MS};
use crate::encoding::{from_value, to_value};
use crate::error::Result;

/// Key in tree `Sys`.
const KEY: &[u8] = b"retention";

/// How long the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Milliseconds; 0 keeps nothing.
    pub ms: u64,
    /// Since when nothing was given up too early, in milliseconds since 1970.
    pub since_ms: u64,
}

impl Kept {
    /// The earliest moment whose files are all there, in milliseconds since 1970.
    pub fn from_ms(&self) -> u64 {
        self.since_ms.max(now_ms().saturating_sub(self.ms))
    }
}

/// What the parts of a store that remove things ask before they do.
#[derive(Debug)]
pub(super) struct Retention {
    ms: AtomicU64,
    pins: AtomicUsize,
}

impl Default for Retention {
    /// Until the setting is read everything is kept.
    fn default() -> Self {
        Self { ms: AtomicU64::new(u64::MAX), pins: AtomicUsize::new(0) }
    }
}

impl Retention {
    /// The moment before which nothing need be kept; `None` while everything is.
    pub(super) fn horizon_ms(&self) -> Option<u64> {
        let ms = self.ms.load(Ordering::Acquire);
        let open = ms == u64::MAX || self.pins.load(Ordering::Acquire) > 0;
        let grace_ms = if ms == 0 { 0 } else { RETENTION_GRACE_MS };
        (!open).then(|| now_ms().saturating_sub(ms.saturating_add(grace_ms)))
    }

    /// Whether what is removed now must stay for a while.
    pub(super) fn keeps(&self) -> bool {
        self.ms.load(Ordering::Acquire) > 0 || self.pins.load(Ordering::Acquire) > 0
    }

    /// Whether somebody reads what is there and must find all of it.
    pub(super) fn is_pinned(&self) -> bool {
        self.pins.load(Ordering::Acquire) > 0
    }

    fn set(&self, ms: u64) {
        self.ms.store(ms, Ordering::Release);
    }
}

/// While it lives nothing of its store that is on disk leaves the disk.
#[derive(Debug)]
pub(super) struct Pin(Arc<Health>);

impl Pin {
    pub(super) fn take(health: &Arc<Health>) -> Self {
        health.retention.pins.fetch_add(1, Ordering::AcqRel);
        Self(health.clone())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.retention.pins.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Store {
    /// How long removed files and old logs are kept.
    pub fn kept(&self) -> Result<Kept> {
        match self.engine().get(Tree::Sys, KEY)? {
            Some(bytes) => from_value("the retention", &bytes),
            None => Ok(Kept { ms: RETENTION_DEFAULT_MS, since_ms: 0 }),
        }
    }

    /// Sets how long they are kept from now on, durable on return. A longer time reaches back no further than the shorter one
    /// before did.
    pub fn set_kept(&self, ms: u64) -> Result<()> {
        let kept = Kept { ms, since_ms: self.kept()?.from_ms() };
        let mut batch = WriteBatch::new();
        batch.put(Tree::Sys, KEY, to_value(&kept)?);
        self.engine().commit(batch)?;
        self.health().retention.set(ms);
        self.files().purge()
    }

    /// Begins to give up what is older than the setting allows.
    pub(super) fn begin_retention(&self) -> Result<()> {
        self.health().retention.set(self.kept()?.ms);
        self.files().purge()
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    chrono::Utc::now().timestamp_millis() as u64
}
