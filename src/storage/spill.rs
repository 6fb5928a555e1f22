//! What a running query puts aside because memory does not hold it: files below `spill/`, sealed with a key of their own that
//! is nowhere but in memory.
//!
//! ```text
//! frame 0 | frame 1 | ...       each: length u32 | sealed bytes | tag 16
//! ```
//!
//! Each file has a fresh random key, the nonce is the frame's number, and its reader knows how many frames were written: what is
//! read back is what was written, or `Corruption`. Nothing is synced: when the process ends nobody can read them, and the next
//! open removes them. A file may be read while it grows; a frame is there once it was flushed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::health::Health;
use super::paths::named;
use crate::config::BLOCK_BYTES;
use crate::crypto::{BLOCK_TAG_BYTES, ObjectKey};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Name of the folder.
pub(super) const FOLDER: &str = "spill";

/// Where the files of all queries are.
#[derive(Debug)]
pub struct SpillArea {
    dir: PathBuf,
    health: Arc<Health>,
    made: AtomicU64,
    bytes: Arc<AtomicU64>,
}

/// One file. It goes when the last of its handles does.
#[derive(Debug)]
pub struct SpillFile {
    path: PathBuf,
    file: File,
    key: ObjectKey,
    health: Arc<Health>,
    /// Frames that are in the file.
    frames: AtomicU64,
    /// Bytes on disk.
    bytes: AtomicU64,
    all_bytes: Arc<AtomicU64>,
}

/// Appends to a file.
#[derive(Debug)]
pub struct SpillWriter {
    file: Arc<SpillFile>,
    buffer: Vec<u8>,
}

/// A place in a file where a reader may begin.
#[derive(Debug, Clone, Copy)]
pub struct SpillPlace {
    frame: u64,
    offset: u64,
}

/// Reads a file from its start, or from a place in it.
#[derive(Debug)]
pub struct SpillReader {
    file: Arc<SpillFile>,
    frame: u64,
    offset: u64,
}

impl SpillArea {
    pub(super) fn new(data_dir: &Path, health: Arc<Health>) -> Self {
        Self { dir: data_dir.join(FOLDER), health, made: AtomicU64::new(0), bytes: Arc::default() }
    }

    /// A new empty file.
    pub fn create(&self) -> Result<Arc<SpillFile>> {
        self.health.may_write_file(0)?;
        fs::create_dir_all(&self.dir).map_err(|error| named(&self.dir, &error))?;
        let path = self.dir.join(format!("{:016x}", self.made.fetch_add(1, Ordering::Relaxed)));
        let made = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = made.map_err(|error| named(&path, &error))?;
        let (key, health, all_bytes) = (ObjectKey::ephemeral()?, self.health.clone(), self.bytes.clone());
        let (frames, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Arc::new(SpillFile { path, file, key, health, frames, bytes, all_bytes }))
    }

    /// Bytes on disk of all files there are.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Files that were ever made.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

impl SpillFile {
    /// Appends to the file; one writer at a time.
    pub fn writer(self: &Arc<Self>) -> SpillWriter {
        SpillWriter { file: self.clone(), buffer: Vec::with_capacity(BLOCK_BYTES + BLOCK_TAG_BYTES) }
    }

    /// Reads the file from its start.
    pub fn reader(self: &Arc<Self>) -> SpillReader {
        SpillReader { file: self.clone(), frame: 0, offset: 0 }
    }

    /// Where the next thing that is written will begin; what a writer has not put is not counted.
    pub fn end(&self) -> SpillPlace {
        SpillPlace { frame: self.frames.load(Ordering::Acquire), offset: self.bytes.load(Ordering::Relaxed) }
    }

    /// Reads the file from a place that was its end once.
    pub fn reader_at(self: &Arc<Self>, place: SpillPlace) -> SpillReader {
        SpillReader { file: self.clone(), frame: place.frame, offset: place.offset }
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn append(&self, buffer: &mut Vec<u8>) -> Result<()> {
        self.health.may_write_file(buffer.len() as u64)?;
        let frame = self.frames.load(Ordering::Relaxed);
        self.key.seal_block(frame, false, &[], buffer)?;
        let offset = self.bytes.load(Ordering::Relaxed);
        let written = self
            .file
            .write_all_at(&(buffer.len() as u32).to_be_bytes(), offset)
            .and_then(|()| self.file.write_all_at(buffer, offset + 4));
        written.map_err(|error| named(&self.path, &error))?;
        let length = 4 + buffer.len() as u64;
        self.bytes.fetch_add(length, Ordering::Relaxed);
        self.all_bytes.fetch_add(length, Ordering::Relaxed);
        // Last: who sees the number finds the frame.
        self.frames.store(frame + 1, Ordering::Release);
        buffer.clear();
        Ok(())
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.all_bytes.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        // If this fails, the next open removes it; nobody can read it either way.
        let _ = fs::remove_file(&self.path);
    }
}

impl SpillWriter {
    /// Everything appended can be read on return.
    pub fn put(&mut self) -> Result<()> {
        match self.buffer.is_empty() {
            true => Ok(()),
            false => self.file.append(&mut self.buffer),
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(BLOCK_BYTES) {
            if self.buffer.len() + piece.len() > BLOCK_BYTES {
                self.put()?;
            }
            self.buffer.extend_from_slice(piece);
        }
        Ok(())
    }
}

impl Write for SpillWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes).map_err(as_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.put().map_err(as_io)
    }
}

/// The house error goes along inside, for those who want its kind back.
fn as_io(error: Error) -> io::Error {
    match error.kind() {
        Kind::DiskFull => io::Error::new(ErrorKind::StorageFull, error),
        _ => io::Error::other(error),
    }
}

impl SpillReader {
    /// The next bytes; `None` at the end of what is there now.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        if self.frame == self.file.frames.load(Ordering::Acquire) {
            return Ok(None);
        }
        let read = |buffer: &mut [u8], offset| match self.file.file.read_exact_at(buffer, offset) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(damaged()),
            read => read.map_err(|error| named(&self.file.path, &error)),
        };
        let mut length = [0; 4];
        read(&mut length, self.offset)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > BLOCK_BYTES + BLOCK_TAG_BYTES {
            return Err(damaged());
        }
        let mut bytes = vec![0; length];
        read(&mut bytes, self.offset + 4)?;
        if self.file.key.open_block(self.frame, false, &[], &mut bytes).is_err() {
            fail!(Corruption, "what a query had put aside on disk was changed there");
        }
        self.frame += 1;
        self.offset += 4 + length as u64;
        Ok(Some(bytes))
    }
}

fn damaged() -> Error {
    Error::new(Kind::Corruption, "what a query had put aside on disk was cut short there")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(dir: &Path) -> SpillArea {
        SpillArea::new(dir, Arc::new(Health::new(dir)))
    }

    fn read(file: &Arc<SpillFile>) -> Result<Vec<u8>> {
        let (mut reader, mut all) = (file.reader(), Vec::new());
        while let Some(bytes) = reader.next_bytes()? {
            all.extend(bytes);
        }
        Ok(all)
    }

    #[test]
    fn what_is_put_aside_comes_back_and_cannot_be_read_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let area = area(dir.path());
        let file = area.create().unwrap();
        let text = b"wool and flax ".repeat(20_000);
        let mut writer = file.writer();
        writer.write_all(&text[..1000]).unwrap();
        assert!(read(&file).unwrap().is_empty(), "not flushed yet");
        writer.flush().unwrap();
        let mut early = file.reader();
        assert_eq!(early.next_bytes().unwrap().unwrap(), &text[..1000]);
        assert_eq!(early.next_bytes().unwrap(), None);
        let middle = file.end();
        writer.write_all(&text[1000..]).unwrap();
        writer.flush().unwrap();
        assert_eq!(file.reader_at(middle).next_bytes().unwrap().unwrap()[..5], text[1000..1005]);
        assert!(early.next_bytes().unwrap().is_some(), "a reader goes on where the file has grown");
        assert_eq!(read(&file).unwrap(), text);
        let raw = fs::read(&file.path).unwrap();
        assert!(!raw.windows(8).any(|window| window == b"and flax"));
        assert_eq!((area.bytes(), file.bytes()), (raw.len() as u64, raw.len() as u64));

        let path = file.path.clone();
        for place in [0, 3, 4, 500, raw.len() - 1] {
            let mut changed = raw.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(read(&file).unwrap_err().kind(), Kind::Corruption, "byte {place}");
        }
        fs::write(&path, &raw[..raw.len() - 1]).unwrap();
        assert_eq!(read(&file).unwrap_err().kind(), Kind::Corruption);
        drop((file, writer, early));
        assert!(!path.exists());
        assert_eq!(area.bytes(), 0);
    }

    #[test]
    fn a_full_disk_refuses_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let area = area(dir.path());
        let file = area.create().unwrap();
        area.health.pretend_free_bytes(Some(1));
        assert_eq!(area.create().unwrap_err().kind(), Kind::DiskFull);
        let mut writer = file.writer();
        writer.write_all(b"x").unwrap();
        assert_eq!(writer.put().unwrap_err().kind(), Kind::DiskFull);
    }
}
