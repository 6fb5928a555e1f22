//! The scrub: everything on disk is read and opened now and then, before somebody needs it.
//!
//! A disk forgets what nobody reads, and a backup is worth most before the last good copy is gone. A pass opens the keyring's
//! copies, the journal, all small values and every sealed file; what it found stays in `steward.scrub` until the next one, with
//! what reads met meanwhile. A damaged checkpoint of the journal is replaced while all that it is for is whole. In a server passes run by themselves, at a bounded rate; SCRUB DATABASE runs one at once.

use super::database::Inner;
use crate::config::{SCRUB_BYTES_PER_SECOND, SCRUB_EVERY_SECONDS, SCRUB_FIRST_SECONDS};
use crate::error::{Error, Result};
use crate::storage::{FileId, Files, Finding, Store};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The line for all sealed files that are whole.
const FILES: &str = "files";

/// One thing as it was last looked at.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What was found.
    pub finding: Finding,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What the scrub knows.
#[derive(Debug, Default)]
pub struct Scrub {
    looked: Mutex<BTreeMap<String, Looked>>,
    /// One pass at a time.
    passing: Mutex<()>,
}

impl Scrub {
    /// Everything that was looked at: small things one by one, files in one line but for the damaged ones.
    pub fn looked(&self) -> Vec<Looked> {
        self.looked.lock().values().cloned().collect()
    }

    /// Notes damage that somebody met.
    pub fn met(&self, object: &str, error: &Error) {
        self.note(finding(object, "file", Err(error.clone())));
    }

    /// Looks at everything; gives what is damaged. `go_on` hears before each file how many are done, and of how many.
    pub fn pass(&self, store: &Store, mut go_on: impl FnMut(usize, usize) -> Result<()>) -> Result<Vec<Finding>> {
        let _one = self.passing.lock();
        let mut damaged = self.small(store);
        let mut ids = store.files().list()?;
        ids.extend(store.files().list_retired());
        let (of, mut bytes, mut whole) = (ids.len(), 0, 0);
        for (done, id) in ids.into_iter().enumerate() {
            go_on(done, of)?;
            match self.file(store, id) {
                Ok(length) => {
                    whole += 1;
                    bytes += length;
                }
                Err(found) => damaged.extend(found),
            }
        }
        self.end(whole, bytes);
        Ok(damaged)
    }

    /// Looks at all that is not a sealed file.
    fn small(&self, store: &Store) -> Vec<Finding> {
        let findings = store.check_values_and_mend();
        // All of it was looked at anew, so that what is not among it is there no more.
        self.looked.lock().retain(|object, looked| looked.finding.kind == "file" || object == FILES);
        findings.iter().for_each(|found| self.note(found.clone()));
        findings.into_iter().filter(|found| !found.ok).collect()
    }

    /// Looks at one file: its length, or what is wrong with it (nothing, if it went meanwhile).
    fn file(&self, store: &Store, id: FileId) -> Result<u64, Option<Finding>> {
        let (files, name) = (store.files(), Files::shown(id));
        match files.verify(id) {
            Ok(()) => {
                // Mended since it was last looked at.
                self.looked.lock().remove(&name);
                Ok(files.len(id).unwrap_or(0))
            }
            Err(_) if !files.is_there(id) => Err(None),
            Err(error) => {
                let found = finding(&name, "file", Err(error));
                self.note(found.clone());
                Err(Some(found))
            }
        }
    }

    fn end(&self, whole: usize, bytes: u64) {
        self.note(finding(FILES, "folder", Ok(format!("{whole} files of {} KiB are whole", bytes.div_ceil(1024)))));
    }

    fn note(&self, finding: Finding) {
        if !finding.ok {
            tracing::error!("{} {} is damaged: {}", finding.kind, finding.object, finding.message);
        }
        let at_ms = chrono::Utc::now().timestamp_millis();
        self.looked.lock().insert(finding.object.clone(), Looked { finding, at_ms });
    }
}

fn finding(object: &str, kind: &'static str, result: Result<String>) -> Finding {
    let (ok, message) = match result {
        Ok(message) => (true, message),
        Err(error) => (false, error.message().to_owned()),
    };
    Finding { object: object.to_owned(), kind, ok, message }
}

/// Runs passes in the background as long as the database is open.
pub(super) fn begin(database: &Arc<Inner>) -> Result<()> {
    let database = Arc::downgrade(database);
    let work = move || {
        let mut wait = Duration::from_secs(SCRUB_FIRST_SECONDS);
        while sleep(&database, wait).is_some() {
            if slow_pass(&database).is_none() {
                return;
            }
            wait = Duration::from_secs(SCRUB_EVERY_SECONDS);
        }
    };
    let spawned = thread::Builder::new().name("steward-scrub".into()).spawn(work);
    spawned.map(|_| ()).map_err(|error| Error::io("a thread for the scrub", &error))
}

/// A pass at the bounded rate; none when the database is gone. It is held only while something is read.
fn slow_pass(database: &Weak<Inner>) -> Option<()> {
    let mut ids = {
        let database = database.upgrade()?;
        database.scrub.small(database.manager.store());
        let files = database.manager.store().files();
        let mut ids = files.list().unwrap_or_default();
        ids.extend(files.list_retired());
        ids
    };
    tracing::info!(files = ids.len(), "the scrub begins");
    let (begun, mut whole, mut bytes) = (Instant::now(), 0, 0);
    while let Some(id) = ids.pop() {
        let length = {
            let database = database.upgrade()?;
            database.scrub.file(database.manager.store(), id).unwrap_or(0)
        };
        whole += usize::from(length > 0);
        bytes += length;
        sleep(database, Duration::from_millis(1000 * length / SCRUB_BYTES_PER_SECOND))?;
    }
    tracing::info!(whole, bytes, seconds = begun.elapsed().as_secs(), "the scrub is done");
    database.upgrade()?.scrub.end(whole, bytes);
    Some(())
}

/// Waits, and looks now and then whether the database is still open; what is over the retention goes meanwhile.
fn sleep(database: &Weak<Inner>, time: Duration) -> Option<()> {
    let until = Instant::now() + time;
    let mut purged = Instant::now();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return database.upgrade().map(|_| ());
        }
        thread::sleep(left.min(Duration::from_millis(500)));
        let open = database.upgrade()?;
        if purged.elapsed() > Duration::from_secs(60) {
            purged = Instant::now();
            if let Err(error) = open.manager.store().files().purge() {
                tracing::warn!("a removed file stays: {}", error.message());
            }
        }
    }
}
