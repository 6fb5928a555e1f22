//! A sealed log: frames one after another, each bound to all that stand before it.
//!
//! ```text
//! magic 8 | format u8 | kind u8 | zero 2 | data key id u32 | number u64 | salt 32 | previous 32 | made u64  96 bytes in plain
//! frame 0 | frame 1 | ...       each: length u32, its top bit set in the last frame of a finished log; sealed bytes; tag 16
//! ```
//!
//! The key is derived from data key and salt, the nonce from the frame's place. Associated data of a frame are the header and
//! the chain: SHA-256 over the chain before and the sealed bytes of the frame before; it begins with `previous`, where the log
//! before this one ended. So no frame can be changed, moved, left out or put in, within a log or between logs. Frame 0 is
//! empty and vouches for the header. `made` is when the log was begun, in milliseconds since 1970. What a cut-off write leaves behind the last whole frame does not open.
//!
//! A log that is synced after each write has zeros ahead of its frames, so that a sync need not tell the file system of a longer file:
//! that takes several times as long as the frames themselves. They go when the log ends; where a killed process left them they are its end.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::paths::named;
use super::retention::now_ms;
use crate::config::FORMAT_VERSION;
use crate::crypto::{BLOCK_TAG_BYTES, Keyring, ObjectKey, Purpose, Sha256, random};
use crate::error::{Error, Kind, Result};
use crate::fail;

const MAGIC: &[u8; 8] = b"STWDSLOG";
const HEADER_BYTES: usize = 96;
const LAST: u32 = 1 << 31;

/// Where a chain of frames stands.
pub(super) type Chain = [u8; 32];

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum LogKind {
    /// Commits; its number is that of the first.
    Journal = 1,
    /// All rows of the asset store; its number is that of the last commit in them.
    Checkpoint = 2,
}

/// A log that is being written. Frames are durable after [`LogWriter::sync`].
#[derive(Debug)]
pub(super) struct LogWriter {
    path: PathBuf,
    file: File,
    key: ObjectKey,
    header: [u8; HEADER_BYTES],
    index: u64,
    chain: Chain,
    bytes: u64,
    /// Zeros that are kept ahead.
    ahead: u64,
    /// Bytes of the file with those ahead.
    reserved: u64,
    sealed: Vec<u8>,
    /// The data key it is sealed with.
    pub data_key: u32,
}

impl LogWriter {
    /// Makes a log that goes on from `previous`. It is found again once its folder is synced.
    pub(super) fn create(path: &Path, kind: LogKind, number: u64, previous: Chain, keyring: &Keyring) -> Result<Self> {
        let data_key = keyring.data_key_id(Purpose::Journal, 0)?;
        let salt: [u8; 32] = random()?;
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8] = FORMAT_VERSION;
        header[9] = kind as u8;
        header[12..16].copy_from_slice(&data_key.to_be_bytes());
        header[16..24].copy_from_slice(&number.to_be_bytes());
        header[24..56].copy_from_slice(&salt);
        header[56..88].copy_from_slice(&previous);
        header[88..].copy_from_slice(&now_ms().to_be_bytes());
        let key = keyring.object_key(Purpose::Journal, data_key, &salt)?;
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        let mut file = made.map_err(|error| named(path, &error))?;
        file.write_all(&header).map_err(|error| named(path, &error))?;
        let (path, bytes, sealed) = (path.to_path_buf(), HEADER_BYTES as u64, Vec::new());
        let (index, ahead, reserved) = (0, 0, bytes);
        let mut log =
            Self { path, file, key, header, index, chain: previous, bytes, ahead, reserved, sealed, data_key };
        log.append(&[], false)?;
        log.write()?;
        Ok(log)
    }

    /// Seals a frame; it goes to the file with [`LogWriter::write`].
    pub(super) fn append(&mut self, plain: &[u8], last: bool) -> Result<()> {
        let length = plain.len() + BLOCK_TAG_BYTES;
        if length >= LAST as usize {
            fail!(LimitExceeded, "{length} bytes are too many for one commit");
        }
        let mut frame = Vec::with_capacity(length);
        frame.extend_from_slice(plain);
        self.key.seal_block(self.index, last, &aad(&self.header, &self.chain), &mut frame)?;
        self.chain = link(&self.chain, &frame);
        self.index += 1;
        self.sealed.extend((length as u32 | if last { LAST } else { 0 }).to_be_bytes());
        self.sealed.append(&mut frame);
        Ok(())
    }

    /// Keeps so many zeros ahead of what is written from now on.
    pub(super) fn keep_ahead(&mut self, bytes: u64) {
        self.ahead = bytes;
        self.reserve(self.bytes);
    }

    /// Puts zeros behind a place if there are none. Without room for them frames come where the file ends, as they can.
    fn reserve(&mut self, end: u64) {
        if self.ahead == 0 || end <= self.reserved && self.reserved > self.bytes {
            return;
        }
        let from = self.reserved.max(self.bytes);
        let zeros = vec![0; (end + self.ahead - from) as usize];
        if self.file.write_all_at(&zeros, from).is_ok() {
            self.reserved = end + self.ahead;
        }
    }

    /// Writes the frames sealed since the last call.
    pub(super) fn write(&mut self) -> Result<()> {
        let end = self.bytes + self.sealed.len() as u64;
        self.reserve(end);
        self.file.write_all_at(&self.sealed, self.bytes).map_err(|error| named(&self.path, &error))?;
        self.bytes = end;
        self.sealed.clear();
        Ok(())
    }

    /// Everything written is durable on return.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| named(&self.path, &error))
    }

    /// Where the chain stands; that a log was begun and nothing came of it does not count.
    pub(super) fn chain(&self) -> Chain {
        match self.index {
            0 | 1 => part(&self.header, 56),
            _ => self.chain,
        }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file, without the zeros ahead.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if self.reserved > self.bytes {
            // Where it fails they stay, and are read as the end.
            let _ = self.file.set_len(self.bytes);
        }
    }
}

/// A log that is being read.
#[derive(Debug)]
pub(super) struct LogReader {
    path: PathBuf,
    bytes: Vec<u8>,
    at: usize,
    key: ObjectKey,
    header: [u8; HEADER_BYTES],
    index: u64,
    chain: Chain,
    /// The number that the log was made with.
    pub number: u64,
    /// Where the log before this one ended.
    pub previous: Chain,
    /// The data key it is sealed with.
    pub data_key: u32,
    /// The last frame of a finished log was read.
    pub finished: bool,
}

impl LogReader {
    /// Reads a log's header and what vouches for it. `Corruption` names the file.
    pub(super) fn open(path: &Path, kind: LogKind, keyring: &Keyring) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| named(path, &error))?;
        Self::begin(path, kind, keyring, bytes)
    }

    /// As [`LogReader::open`], for those who want no frame.
    pub(super) fn peek(path: &Path, kind: LogKind, keyring: &Keyring) -> Result<Self> {
        let mut bytes = Vec::new();
        let first = (HEADER_BYTES + 4 + BLOCK_TAG_BYTES) as u64;
        File::open(path)
            .and_then(|file| file.take(first).read_to_end(&mut bytes))
            .map_err(|error| named(path, &error))?;
        Self::begin(path, kind, keyring, bytes)
    }

    fn begin(path: &Path, kind: LogKind, keyring: &Keyring, bytes: Vec<u8>) -> Result<Self> {
        let wrong = |how: &str| Error::new(Kind::Corruption, format!("\"{}\" {how}", path.display()));
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>().copied() else { return Err(wrong("is cut short")) };
        if header[..8] != *MAGIC || header[9] != kind as u8 {
            return Err(wrong("does not begin as it must"));
        }
        if header[8] != FORMAT_VERSION {
            let found = header[8];
            fail!(
                FormatVersion,
                "\"{}\" has format {found}, this program knows format {FORMAT_VERSION}",
                path.display()
            );
        }
        let data_key = u32::from_be_bytes(part(&header, 12));
        let (number, salt, previous) = (u64::from_be_bytes(part(&header, 16)), part(&header, 24), part(&header, 56));
        let key = keyring.object_key(Purpose::Journal, data_key, &salt).map_err(|error| wrong(error.message()))?;
        let path = path.to_path_buf();
        let (at, index, chain, finished) = (HEADER_BYTES, 0, previous, false);
        let mut log = Self { path, bytes, at, key, header, index, chain, number, previous, data_key, finished };
        match log.next()? {
            Some(frame) if frame.is_empty() => Ok(log),
            _ => Err(wrong("does not begin as it must")),
        }
    }

    /// The next frame, or `None` at the end, behind which there may be zeros. `Corruption` when something stands there that does not open.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.bytes[self.at..].iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let broken = || {
            let message = format!("\"{}\" is damaged in frame {}", self.path.display(), self.index);
            Error::new(Kind::Corruption, message)
        };
        let (length, rest) = self.bytes[self.at..].split_first_chunk::<4>().ok_or_else(broken)?;
        let length = u32::from_be_bytes(*length);
        let (length, last) = ((length & !LAST) as usize, length & LAST != 0);
        let sealed = rest.get(..length).filter(|_| !self.finished).ok_or_else(broken)?;
        let mut plain = sealed.to_vec();
        let aad = aad(&self.header, &self.chain);
        self.key.open_block(self.index, last, &aad, &mut plain).map_err(|_| broken())?;
        self.chain = link(&self.chain, sealed);
        self.index += 1;
        self.at += 4 + length;
        self.finished = last;
        Ok(Some(plain))
    }

    /// Where the chain stands after the frames read.
    pub(super) fn chain(&self) -> Chain {
        self.chain
    }
}

/// When the log at `path` was begun and the first bytes of its salt, by its header alone, which nothing vouches for here.
pub(super) fn glance(path: &Path) -> Result<(u64, [u8; 8])> {
    let mut header = [0; HEADER_BYTES];
    File::open(path).and_then(|mut file| file.read_exact(&mut header)).map_err(|error| named(path, &error))?;
    Ok((u64::from_be_bytes(part(&header, 88)), part(&header, 24)))
}

/// `N` bytes of the header from `at` on.
fn part<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&header[at..at + N]);
    part
}

fn aad(header: &[u8; HEADER_BYTES], chain: &Chain) -> [u8; HEADER_BYTES + 32] {
    let mut aad = [0; HEADER_BYTES + 32];
    aad[..HEADER_BYTES].copy_from_slice(header);
    aad[HEADER_BYTES..].copy_from_slice(chain);
    aad
}

fn link(chain: &Chain, sealed: &[u8]) -> Chain {
    let mut hash = Sha256::new();
    hash.update(chain);
    hash.update(sealed);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::MasterKey;

    fn keyring(dir: &Path) -> Keyring {
        Keyring::create(dir, &MasterKey::from_bytes([1; 32])).unwrap()
    }

    fn frames(path: &Path, keyring: &Keyring) -> (Vec<Vec<u8>>, bool) {
        let Ok(mut log) = LogReader::open(path, LogKind::Journal, keyring) else { return (Vec::new(), false) };
        let mut frames = Vec::new();
        loop {
            match log.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, log.finished),
                Err(_) => return (frames, false),
            }
        }
    }

    #[test]
    fn frames_come_back_in_order_and_damage_ends_them() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = keyring(dir.path());
        let path = dir.path().join("log");
        let mut log = LogWriter::create(&path, LogKind::Journal, 7, [9; 32], &keyring).unwrap();
        for n in 0..4u8 {
            log.append(&vec![n; usize::from(n) * 10], n == 3).unwrap();
        }
        log.write().unwrap();
        log.sync().unwrap();
        let (found, finished) = frames(&path, &keyring);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [0, 10, 20, 30]);
        assert!(finished);
        let read = LogReader::open(&path, LogKind::Journal, &keyring).unwrap();
        assert_eq!((read.number, read.previous), (7, [9; 32]));
        assert!(LogReader::open(&path, LogKind::Checkpoint, &keyring).is_err());

        let good = fs::read(&path).unwrap();
        assert_eq!(good.len() as u64, log.bytes());
        for place in 0..good.len() {
            let mut bytes = good.clone();
            bytes[place] ^= 4;
            fs::write(&path, &bytes).unwrap();
            let (read, finished) = frames(&path, &keyring);
            assert!(found.starts_with(&read) && !finished, "byte {place}");
            fs::write(&path, &good[..place]).unwrap();
            let (read, finished) = frames(&path, &keyring);
            assert!(found.starts_with(&read) && !finished, "cut at {place}");
        }
    }

    #[test]
    fn zeros_ahead_are_the_end_and_go_with_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = keyring(dir.path());
        let path = dir.path().join("log");
        let mut log = LogWriter::create(&path, LogKind::Journal, 7, [9; 32], &keyring).unwrap();
        log.keep_ahead(1000);
        let (mut lengths, mut grown) = (Vec::new(), 0);
        for n in 0..20 {
            log.append(&[n; 150], false).unwrap();
            log.write().unwrap();
            let length = fs::metadata(&path).unwrap().len();
            assert!(length > log.bytes(), "there are always some ahead");
            grown += u64::from(lengths.last() != Some(&length));
            lengths.push(length);
            assert_eq!(frames(&path, &keyring).0.len(), usize::from(n) + 1);
        }
        assert!((2..8).contains(&grown), "{grown}");
        // What a cut-off write leaves is no end.
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() = 1;
        let torn = dir.path().join("torn");
        fs::write(&torn, &bytes).unwrap();
        let mut read = LogReader::open(&torn, LogKind::Journal, &keyring).unwrap();
        assert_eq!((0..20).filter(|_| read.next().unwrap().is_some()).count(), 20);
        assert!(read.next().is_err());
        let end = log.bytes();
        drop(log);
        assert_eq!(fs::metadata(&path).unwrap().len(), end);
    }
}
