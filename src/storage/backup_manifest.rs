//! What belongs to one backup, as a text that shell tools can read: names are numbers, and what they name is sealed.
//!
//! ```text
//! steward backup 1
//! install 32 hexadecimal digits
//! commit NUMBER
//! taken MILLISECONDS SINCE 1970
//! SHA-256  BYTES  NAME          one line for each file; the hash is over the first BYTES of it
//! seal HMAC-SHA256 over all lines before
//! ```
//!
//! The key of the last line is in the keyring: who lacks the master key can take a file away, but not without its being seen.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::backup::{TAKEN, write_new};
use super::paths::{named, sync_folder};
use crate::crypto::{Keyring, Purpose};
use crate::encoding::{hex, unhex};
use crate::error::{Error, Kind, Result};
use crate::fail;

const FIRST_LINE: &str = "steward backup 1";
const SEAL: &str = "seal ";
const ENDING: &str = "manifest";

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Path below the backup's folder.
    pub name: String,
    /// How much of it counts: a log may have grown since.
    pub bytes: u64,
    pub sha256: [u8; 32],
}

/// What one backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub install_id: [u8; 16],
    /// The last commit in it.
    pub number: u64,
    pub taken_ms: u64,
    pub items: Vec<Item>,
}

/// A manifest as it was found, not yet believed.
#[derive(Debug)]
pub(super) struct Found {
    pub path: PathBuf,
    text: String,
    pub manifest: Manifest,
}

impl Manifest {
    /// The manifests in a backup's folder, oldest first; those that are damaged are left out with a word in the log.
    pub(super) fn list(dir: &Path) -> Result<Vec<Found>> {
        let folder = dir.join(TAKEN);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(named(&folder, &error)),
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == ENDING)).collect();
        paths.sort();
        let mut all = Vec::new();
        for path in paths {
            let text = fs::read(&path).map_err(|error| named(&path, &error))?;
            let parsed = String::from_utf8(text).ok().and_then(|text| Some((Self::parse(&text)?, text)));
            match parsed {
                Some((manifest, text)) => all.push(Found { path, text, manifest }),
                None => tracing::warn!("the manifest \"{}\" is damaged and counts for nothing", path.display()),
            }
        }
        Ok(all)
    }

    /// The newest manifest in a backup's folder that the keyring vouches for, or that is of another database.
    pub(super) fn newest(dir: &Path, keyring: &Keyring) -> Result<Option<Self>> {
        let counts = |found: &Found| found.is_foreign(keyring) || found.verify(keyring).is_ok();
        Ok(Self::list(dir)?.into_iter().rev().find(counts).map(|found| found.manifest))
    }

    /// Writes it beside the others, durable on return.
    pub(super) fn write(&self, dir: &Path, keyring: &Keyring) -> Result<()> {
        let mut text = self.text();
        let tag = keyring.mac_key(Purpose::Journal, "backup")?.tag(&[text.as_bytes()]);
        _ = writeln!(text, "{SEAL}{}", hex(&tag));
        let name = format!("{TAKEN}/{:013}.{ENDING}", self.taken_ms);
        write_new(dir, &format!("{name}.part"), text.as_bytes())?;
        let path = dir.join(&name);
        fs::rename(dir.join(format!("{name}.part")), &path).map_err(|error| named(&path, &error))?;
        sync_folder(&dir.join(TAKEN))
    }

    fn text(&self) -> String {
        let mut out = format!(
            "{FIRST_LINE}\ninstall {}\ncommit {}\ntaken {}\n",
            hex(&self.install_id),
            self.number,
            self.taken_ms
        );
        for item in &self.items {
            _ = writeln!(out, "{}  {}  {}", hex(&item.sha256), item.bytes, item.name);
        }
        out
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == FIRST_LINE).then_some(())?;
        let install_id = bytes(lines.next()?.strip_prefix("install ")?)?;
        let number = lines.next()?.strip_prefix("commit ")?.parse().ok()?;
        let taken_ms = lines.next()?.strip_prefix("taken ")?.parse().ok()?;
        let mut items = Vec::new();
        for line in lines {
            if line.starts_with(SEAL) {
                return Some(Self { install_id, number, taken_ms, items });
            }
            let mut parts = line.splitn(3, "  ");
            let (sha256, length, name) = (bytes(parts.next()?)?, parts.next()?.parse().ok()?, parts.next()?.to_owned());
            // Nothing that a manifest names lies outside of its folder.
            let inside = Path::new(&name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            items.push(Item { name: inside.then_some(name)?, bytes: length, sha256 });
        }
        None
    }
}

impl Found {
    /// `Corruption` unless the keyring vouches for every line.
    pub(super) fn verify(&self, keyring: &Keyring) -> Result<()> {
        let expected = keyring.mac_key(Purpose::Journal, "backup")?.tag(&[self.manifest.text().as_bytes()]);
        let whole = format!("{}{SEAL}{}\n", self.manifest.text(), hex(&expected));
        match whole == self.text {
            true => Ok(()),
            false => fail!(Corruption, "the manifest \"{}\" is not as it was written", self.path.display()),
        }
    }

    /// Whether it says that it is of another database.
    fn is_foreign(&self, keyring: &Keyring) -> bool {
        self.manifest.install_id != keyring.install_id()
    }

    /// The keyring's bytes, if they are those of the manifest.
    pub(super) fn keyring(&self, dir: &Path) -> Result<Vec<u8>> {
        let missing = || Error::new(Kind::Corruption, format!("\"{}\" names no keyring", self.path.display()));
        let item = self.manifest.items.iter().find(|item| item.name.ends_with(".keyring")).ok_or_else(missing)?;
        let path = dir.join(&item.name);
        let found = fs::read(&path).map_err(|error| named(&path, &error))?;
        match crate::crypto::sha256(&found) == item.sha256 {
            true => Ok(found),
            false => fail!(Corruption, "the keyring \"{}\" is not as it was backed up", path.display()),
        }
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text.as_bytes())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::MasterKey;

    #[test]
    fn a_manifest_comes_back_and_a_changed_one_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &MasterKey::from_bytes([1; 32])).unwrap();
        let item = |name: &str| Item { name: name.into(), bytes: 7, sha256: [9; 32] };
        let items = vec![item("files/ab/ab00000000000000"), item("taken/1.keyring")];
        let manifest = Manifest { install_id: keyring.install_id(), number: 5, taken_ms: 6, items };
        manifest.write(dir.path(), &keyring).unwrap();
        assert_eq!(Manifest::newest(dir.path(), &keyring).unwrap(), Some(manifest.clone()));
        let path = Manifest::list(dir.path()).unwrap()[0].path.clone();
        let good = fs::read(&path).unwrap();
        for place in 0..good.len() {
            let mut changed = good.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            let counted = Manifest::list(dir.path()).unwrap();
            assert!(counted.iter().all(|found| found.verify(&keyring).is_err()), "byte {place}");
        }
        let outside = String::from_utf8(good).unwrap().replace("files/ab", "../../ab");
        assert_eq!(Manifest::parse(&outside), None);
    }
}
