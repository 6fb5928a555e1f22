//! Opening every seal.

use std::path::Path;

use super::files::Files;
use super::head;
use super::journal;
use super::recovery;
use super::retention::Pin;
use super::store::{self, Store};
use crate::crypto::{KeySource, Keyring, Purpose};
use crate::error::{Error, Kind, Result};

/// What a check found out about one thing on disk.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Path below the data directory, or tree.
    pub object: String,
    /// `keyring`, `head`, `journal`, `checkpoint`, `tree`, `folder`, `file` or `store`.
    pub kind: &'static str,
    /// Whether it is whole.
    pub ok: bool,
    /// What is wrong, or how much there is.
    pub message: String,
}

impl Finding {
    pub(super) fn of(object: impl Into<String>, kind: &'static str, result: Result<String>) -> Self {
        let (ok, message) = match result {
            Ok(message) => (true, message),
            Err(error) => (false, error.message().to_string()),
        };
        Self { object: object.into(), kind, ok, message }
    }
}

/// Checks the database in `dir`, whatever state it is in: opens every seal, compares all counts.
///
/// Damage is in the findings. Errors: another process holds the folder (`InUse`), there is no database (`Configuration`), the
/// key does not open it (`WrongKey`), the folder cannot be read or written (`Io`, `DiskFull`).
pub fn check(dir: &Path, key: &KeySource) -> Result<Vec<Finding>> {
    Ok(check_and_open(dir, key)?.0)
}

/// As [`check`], with the store if it opens.
pub fn check_and_open(dir: &Path, key: &KeySource) -> Result<(Vec<Finding>, Option<Store>)> {
    // Before the store is opened, which writes some of it anew.
    let mut findings = keyring_findings(dir);
    findings.extend(store::keyring_read_only(dir, key).map(|keyring| log_findings(dir, &keyring)).unwrap_or_default());
    match Store::open_existing(dir, key) {
        Ok(store) => {
            findings.extend(store.check_content());
            return Ok((findings, Some(store)));
        }
        Err(error) if matches!(error.kind(), Kind::Corruption | Kind::Internal) => {
            findings.push(Finding::of("store", "store", Err(error)));
            // The files may still be read.
            findings.extend(store::files_read_only(dir, key).map(|files| file_findings(&files)).unwrap_or_default());
        }
        Err(error) => return Err(error),
    }
    Ok((findings, None))
}

impl Store {
    /// Opens every seal, of each tree, each file and both copies of the keyring, and compares the counts. Reads everything.
    ///
    /// It finds a file that is damaged; only who knows the manifest can find one that is missing, by [`Files::verify`].
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = keyring_findings(self.dir());
        findings.extend(log_findings(self.dir(), self.keyring()));
        findings.extend(self.check_content());
        findings
    }

    /// As [`Store::check`], without sealed files and without `head`, which a store that is written changes all the time.
    pub fn check_values(&self) -> Vec<Finding> {
        let _pin = Pin::take(self.health());
        let mut findings = keyring_findings(self.dir());
        findings.extend(journal::check(self.dir(), self.keyring(), self.sealed().applied()));
        findings.extend(self.sealed().check());
        findings.extend(recovery::kept(self.dir()));
        findings
    }

    /// As [`Store::check_values`]; and where all values are whole and a checkpoint is not, a fresh one takes its place, so that
    /// the values can be made anew from it once they are not.
    pub fn check_values_and_mend(&self) -> Vec<Finding> {
        let mut findings = self.check_values();
        let is_damaged = |finding: &Finding| !finding.ok && finding.kind == "checkpoint";
        let damaged: Vec<_> =
            findings.iter().filter(|found| is_damaged(found)).map(|found| found.object.clone()).collect();
        let values_are_whole = findings.iter().all(|finding| finding.ok || finding.kind != "tree");
        // A backup, or a reader of the past, has the names of what is there: the next pass comes.
        if damaged.is_empty() || !values_are_whole || self.health().retention.is_pinned() {
            return findings;
        }
        let paths: Vec<_> = damaged.iter().map(|object| self.dir().join(object)).collect();
        let what_came_of_it = match self.sealed().replace_checkpoints(&paths) {
            Ok(commit) => format!("a fresh one after commit {commit} has taken its place"),
            Err(error) => format!("no fresh one could be written: {}", error.message()),
        };
        for finding in findings.iter_mut().filter(|finding| is_damaged(finding)) {
            finding.message = format!("{}; {what_came_of_it}", finding.message);
        }
        findings
    }

    fn check_content(&self) -> Vec<Finding> {
        let mut findings = self.sealed().check();
        findings.extend(recovery::kept(self.dir()));
        findings.extend(file_findings(self.files()));
        findings
    }
}

fn keyring_findings(dir: &Path) -> Vec<Finding> {
    let damage = Keyring::damage(dir);
    if damage.is_empty() {
        return vec![Finding::of("keyring", "keyring", Ok("both copies are whole".into()))];
    }
    damage.into_iter().map(|error| Finding::of("keyring", "keyring", Err(error))).collect()
}

/// `head`, and the journal with its checkpoints, as they lie.
fn log_findings(dir: &Path, keyring: &Keyring) -> Vec<Finding> {
    let look = || head::look(dir, &*keyring.value_sealer(Purpose::Journal)?);
    let (head, acknowledged) = match look() {
        Ok((Some(record), 0)) => (Ok(format!("{} commits", record.commits)), record.commits),
        Ok((Some(record), _)) => {
            let message = "one of its two slots does not open, as after a power cut; the other one counts, and an opening \
                           writes both anew";
            (Err(Error::new(Kind::Corruption, message)), record.commits)
        }
        Ok((None, _)) => (Err(Error::new(Kind::Corruption, "neither of its slots opens")), 0),
        Err(error) => (Err(error), 0),
    };
    let mut findings = vec![Finding::of("head", "head", head)];
    findings.extend(journal::check(dir, keyring, acknowledged));
    findings
}

/// One finding for each damaged file, and one for all that are whole.
fn file_findings(files: &Files) -> Vec<Finding> {
    let ids = match files.list() {
        Ok(ids) => ids.into_iter().chain(files.list_retired()).collect::<Vec<_>>(),
        Err(error) => return vec![Finding::of("files", "folder", Err(error))],
    };
    // One whose key was destroyed opens for nobody, as it should.
    let check = |id| -> Option<Error> { files.verify(id).err().filter(|_| !files.is_shredded(id)) };
    let damaged: Vec<_> = ids.iter().filter_map(|id| Some((*id, check(*id)?))).collect();
    let whole = ids.len() - damaged.len();
    std::iter::once(Finding::of("files", "folder", Ok(format!("{whole} files are whole"))))
        .chain(damaged.into_iter().map(|(id, error)| Finding::of(Files::shown(id), "file", Err(error))))
        .collect()
}
