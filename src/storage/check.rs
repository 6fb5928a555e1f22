//! Opening every seal, and saying what each is sealed with.

use std::path::Path;

use super::engine::Tree;
use super::file_format::FileKind;
use super::files::Files;
use super::head;
use super::journal;
use super::recovery;
use super::retention::Pin;
use super::rows;
use super::store::{self, Store};
use crate::crypto::{ALGORITHM, KeySource, Keyring, Purpose};
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

/// What things of one kind are sealed with.
#[derive(Debug, Clone)]
pub struct SealStatus {
    /// Tree, folder and kind of file, `keyring`, `head` or `journal`.
    pub object: String,
    /// `keyring`, `head`, `journal`, `tree` or `file`.
    pub kind: &'static str,
    /// How it is sealed.
    pub algorithm: &'static str,
    /// Data key id; for the keyring how often it was written.
    pub key_version: u64,
    /// How many rows or files.
    pub items: u64,
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

    fn check_content(&self) -> Vec<Finding> {
        let mut findings = self.sealed().check();
        findings.extend(recovery::kept(self.dir()));
        findings.extend(file_findings(self.files()));
        findings
    }

    /// With which algorithm and key everything is sealed.
    pub fn encryption_status(&self) -> Result<Vec<SealStatus>> {
        let status = |object: String, kind, key_version, items| SealStatus {
            object,
            kind,
            algorithm: ALGORITHM,
            key_version,
            items,
        };
        let mut all = vec![status("keyring".into(), "keyring", self.keyring().version(), 2)];
        let journal = self.keyring().data_key_id(Purpose::Journal)?;
        all.push(status("head".into(), "head", journal.into(), 2));
        for (key, logs) in journal::data_keys(self.dir(), self.keyring())? {
            all.push(status("journal".into(), "journal", key.into(), logs));
        }
        for tree in Tree::ALL {
            let key = self.keyring().data_key_id(rows::purpose(tree))?;
            all.push(status(format!("assets/{}", tree.name()), "tree", key.into(), self.sealed().rows(tree)));
        }
        let mut files = std::collections::BTreeMap::<(&str, u32), u64>::new();
        for id in self.files().list()?.into_iter().chain(self.files().list_retired()) {
            match (self.files().kind(id), self.files().data_key(id)) {
                (Ok(kind), Ok(key)) => *files.entry((FileKind::name(kind), key)).or_default() += 1,
                // A damaged file is what `check` is for; one removed since the listing is none.
                _ => continue,
            }
        }
        all.extend(files.into_iter().map(|((kind, key), n)| status(format!("files/{kind}"), "file", key.into(), n)));
        Ok(all)
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
    let check = |id| -> Option<Error> { files.verify(id).err() };
    let damaged: Vec<_> = ids.iter().filter_map(|id| Some((*id, check(*id)?))).collect();
    let whole = ids.len() - damaged.len();
    std::iter::once(Finding::of("files", "folder", Ok(format!("{whole} files are whole"))))
        .chain(damaged.into_iter().map(|(id, error)| Finding::of(Files::shown(id), "file", Err(error))))
        .collect()
}
