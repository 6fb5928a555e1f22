//! The file `head`: what must be true of sled, kept outside of sled.
//!
//! Two slots of 4 KiB, written in turn: length u32 | sealed record | zeros. The newest slot that opens counts, and one with anything
//! else behind its record is damaged. A record says how many commits are durable in the journal; sled must show at least as many once the journal is replayed, so that a log
//! that lost its tail is noticed. It is written after each sync of the journal without one of its own, which loses nothing on
//! `kill -9`; after a power cut it may be older than the journal, never newer, and a write within one sector leaves the other slot whole. After a clean close a record also holds
//! length and SHA-256 of sled's files, so that damage at rest is found before sled reads it. That record is replaced, in
//! both slots and synced, before sled may write again.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assets::FileMark;
use crate::config::FORMAT_VERSION;
use crate::crypto::{Keyring, SEAL_BYTES, ValueSealer};
use crate::error::{Error, Kind, Result};
use crate::fail;

const SLOT_BYTES: usize = 4096;
const NAME: &str = "head";
const MEND: &str = "`steward repair` makes it anew from the journal; or restore the database from its last backup.";

/// What a slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    generation: u64,
    /// Commits that are durable.
    pub commits: u64,
    /// How often the keyring had been written: an older one does not belong to this store.
    pub keyring: u64,
    /// sled's files after a clean close; `None` while it runs.
    pub closed: Option<Vec<FileMark>>,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Head {
    path: PathBuf,
    file: File,
    generation: u64,
}

impl Head {
    /// Makes the file for a store without commits. Durable once its folder is.
    pub(super) fn create(dir: &Path, sealer: &ValueSealer) -> Result<Self> {
        let path = dir.join(NAME);
        let made = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = made.map_err(|error| Error::io(format!("\"{}\"", path.display()), &error))?;
        let mut head = Self { path, file, generation: 0 };
        head.write_both(sealer, 0)?;
        Ok(head)
    }

    /// Opens the file and reads the newest record. `Corruption` when it is missing or neither slot opens.
    pub(super) fn open(dir: &Path, sealer: &ValueSealer) -> Result<(Self, Record)> {
        let path = dir.join(NAME);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::new(Kind::Corruption, format!("\"{}\" is missing", path.display())).with_hint(MEND));
            }
            Err(error) => return Err(Error::io(format!("\"{}\"", path.display()), &error)),
        };
        let (newest, broken) = read(&file, sealer);
        if newest.is_some() && broken > 0 {
            // A power cut within a write does that, too.
            tracing::warn!("one of the two slots of \"{}\" is damaged; the other one counts", path.display());
        }
        let Some(record) = newest else {
            let slots = raw_slots(&file);
            let unknown = !slots.is_empty() && slots.iter().all(|sealed| sealer.lacks_keys_of(sealed));
            return Err(match unknown {
                true => outdated(dir),
                false => {
                    let message = format!("\"{}\" is damaged: neither of its slots opens", path.display());
                    Error::new(Kind::Corruption, message).with_hint(MEND)
                }
            });
        };
        if record.keyring > sealer.keyring_version() {
            return Err(outdated(dir));
        }
        Ok((Self { path, file, generation: record.generation }, record))
    }

    /// Writes a record into the older slot.
    pub(super) fn write(
        &mut self,
        sealer: &ValueSealer,
        commits: u64,
        closed: Option<Vec<FileMark>>,
        sync: bool,
    ) -> Result<()> {
        let keyring = sealer.keyring_version();
        let record = Record { generation: self.generation + 1, commits, keyring, closed };
        let slot = record.generation % 2;
        let sealed = sealer.seal(0, &aad(slot), &record.encode())?;
        // On the stack: each commit writes one.
        let mut bytes = [0; SLOT_BYTES];
        let Some(room) = bytes.get_mut(4..4 + sealed.len()) else {
            fail!(Internal, "{} bytes do not fit into a slot of \"{}\"", 4 + sealed.len(), self.path.display());
        };
        room.copy_from_slice(&sealed);
        bytes[..4].copy_from_slice(&(sealed.len() as u32).to_be_bytes());
        let mut written = self.file.write_all_at(&bytes, slot * SLOT_BYTES as u64);
        if sync {
            written = written.and_then(|()| self.file.sync_all());
        }
        written.map_err(|error| Error::io(format!("\"{}\"", self.path.display()), &error))?;
        self.generation += 1;
        Ok(())
    }

    /// Says in both slots that sled runs, durable on return.
    pub(super) fn write_both(&mut self, sealer: &ValueSealer, commits: u64) -> Result<()> {
        self.write(sealer, commits, None, true)?;
        self.write(sealer, commits, None, true)
    }
}

/// The head with the sealer it writes with.
#[derive(Debug)]
pub(super) struct HeadWriter {
    pub head: Head,
    pub sealer: Arc<ValueSealer>,
}

impl HeadWriter {
    /// Notes that `commits` are durable.
    pub(super) fn note(&mut self, commits: u64) -> Result<()> {
        self.head.write(&self.sealer, commits, None, false)
    }

    /// Notes what sled's files are after a clean close, durable on return.
    pub(super) fn note_closed(&mut self, commits: u64, marks: Vec<FileMark>) -> Result<()> {
        self.head.write(&self.sealer, commits, Some(marks), true)
    }
}

fn aad(slot: u64) -> [u8; 6] {
    [FORMAT_VERSION, b'h', b'e', b'a', b'd', slot as u8]
}

/// The error for a keyring that an older copy was put in the place of, or that an older copy stands in for.
fn outdated(dir: &Path) -> Error {
    let older = |name: &str| {
        Error::new(
            Kind::Corruption,
            format!("keyring file \"{}\" is older than the database", dir.join(name).display()),
        )
    };
    match Keyring::is_whole(dir, "keyring") {
        true => older("keyring").with_hint("Put the newest keyring in its place; its copy keyring.old may be it."),
        false => older("keyring.old")
            .with_detail(
                "It was tried since the file keyring is missing or damaged; it lacks keys of what was written since.",
            )
            .with_hint("Restore the newest keyring from a copy of the folder, or the database from its last backup."),
    }
}

/// The sealed records of the file in `dir`, as they lie.
pub(super) fn slots(dir: &Path) -> Result<Vec<Vec<u8>>> {
    let path = dir.join(NAME);
    let file = File::open(&path).map_err(|error| Error::io(format!("\"{}\"", path.display()), &error))?;
    Ok(raw_slots(&file))
}

fn raw_slots(file: &File) -> Vec<Vec<u8>> {
    [0, 1].into_iter().filter_map(|slot| raw_slot(file, slot)).collect()
}

/// What the file in `dir` says and how many of its slots do not open, without writing to it.
pub(super) fn look(dir: &Path, sealer: &ValueSealer) -> Result<(Option<Record>, usize)> {
    let path = dir.join(NAME);
    let file = File::open(&path).map_err(|error| Error::io(format!("\"{}\"", path.display()), &error))?;
    Ok(read(&file, sealer))
}

/// The newest record, and how many slots do not open.
fn read(file: &File, sealer: &ValueSealer) -> (Option<Record>, usize) {
    let slots = [0, 1].map(|slot| read_slot(file, slot, sealer));
    let damaged_slots = slots.iter().filter(|slot| slot.is_err()).count();
    (slots.into_iter().flatten().max_by_key(|record| record.generation), damaged_slots)
}

fn read_slot(file: &File, slot: u64, sealer: &ValueSealer) -> Result<Record> {
    let cut = || Error::new(Kind::Corruption, "the slot is damaged");
    let sealed = raw_slot(file, slot).ok_or_else(cut)?;
    let (record, ending) = Record::decode(&sealer.open(&aad(slot), &sealed)?).ok_or_else(cut)?;
    match ending {
        Ending::Any => Ok(record),
        Ending::Zeros => {
            let mut rest = vec![0; SLOT_BYTES - 4 - sealed.len()];
            let base = slot * SLOT_BYTES as u64;
            file.read_exact_at(&mut rest, base + 4 + sealed.len() as u64)
                .map_err(|error| Error::io("the rest of the slot", &error))?;
            rest.iter().all(|byte| *byte == 0).then_some(record).ok_or_else(cut)
        }
    }
}

/// The sealed record of a slot; `None` when no record can be as long as it says.
fn raw_slot(file: &File, slot: u64) -> Option<Vec<u8>> {
    let (mut length, base) = ([0; 4], slot * SLOT_BYTES as u64);
    file.read_exact_at(&mut length, base).ok()?;
    let length = u32::from_be_bytes(length) as usize;
    let mut sealed = vec![0; (SEAL_BYTES..=SLOT_BYTES - 4).contains(&length).then_some(length)?];
    file.read_exact_at(&mut sealed, base + 4).ok()?;
    Some(sealed)
}

/// What stands behind a record in its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// What a longer record left there: the slots of programs before that.
    Any,
    Zeros,
}

/// Bits of the byte that tells how a record goes on.
const CLOSED: u8 = 1;
const ZEROS_FOLLOW: u8 = 2;

impl Record {
    /// generation u64 | commits u64 | keyring version u64 | bits u8 | for each file: name length u8, name, bytes u64, SHA-256.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.generation.to_be_bytes());
        out.extend(self.commits.to_be_bytes());
        out.extend(self.keyring.to_be_bytes());
        out.push(ZEROS_FOLLOW | self.closed.as_ref().map_or(0, |_| CLOSED));
        for mark in self.closed.iter().flatten() {
            out.push(mark.name.len() as u8);
            out.extend(mark.name.as_bytes());
            out.extend(mark.bytes.to_be_bytes());
            out.extend(mark.sha256);
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<(Self, Ending)> {
        let (generation, bytes) = bytes.split_first_chunk()?;
        let (commits, bytes) = bytes.split_first_chunk()?;
        let (keyring, bytes) = bytes.split_first_chunk()?;
        let (bits, mut bytes) = bytes.split_first()?;
        let mut marks = Vec::new();
        while let Some((length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            let (size, rest) = rest.split_first_chunk()?;
            let (sha256, rest) = rest.split_first_chunk()?;
            let name = String::from_utf8(name.to_vec()).ok()?;
            marks.push(FileMark { name, bytes: u64::from_be_bytes(*size), sha256: *sha256 });
            bytes = rest;
        }
        let record = Self {
            generation: u64::from_be_bytes(*generation),
            commits: u64::from_be_bytes(*commits),
            keyring: u64::from_be_bytes(*keyring),
            closed: (bits & CLOSED != 0).then_some(marks),
        };
        Some((record, if bits & ZEROS_FOLLOW != 0 { Ending::Zeros } else { Ending::Any }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{MasterKey, Purpose};

    #[test]
    fn the_newest_slot_that_opens_counts() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &MasterKey::from_bytes([1; 32])).unwrap();
        let sealer = keyring.value_sealer(Purpose::Journal).unwrap();
        let mark = FileMark { name: "db".into(), bytes: 5, sha256: [3; 32] };
        let mut head = Head::create(dir.path(), &sealer).unwrap();
        head.write(&sealer, 7, None, false).unwrap();
        head.write(&sealer, 8, Some(vec![mark.clone()]), true).unwrap();
        let (head, record) = Head::open(dir.path(), &sealer).unwrap();
        assert_eq!((record.commits, record.closed), (8, Some(vec![mark])));
        assert_eq!(look(dir.path(), &sealer).unwrap().1, 0);

        let path = dir.path().join(NAME);
        let good = std::fs::read(&path).unwrap();
        let slot = (head.generation % 2) as usize * SLOT_BYTES;
        for place in (0..104).chain((104..SLOT_BYTES).step_by(97)) {
            let mut bytes = good.clone();
            bytes[slot + place] ^= 0x40;
            std::fs::write(&path, &bytes).unwrap();
            let (_, record) = Head::open(dir.path(), &sealer).unwrap();
            assert_eq!((record.commits, look(dir.path(), &sealer).unwrap().1), (7, 1), "byte {place}");
        }
        std::fs::write(&path, &good[..2]).unwrap();
        assert_eq!(Head::open(dir.path(), &sealer).unwrap_err().kind(), Kind::Corruption);
    }
}
