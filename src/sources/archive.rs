//! The directory of a zip archive, and what lies in it, unpacked as it is read.
//!
//! Just as much of the format as workbooks have: entries stored or deflated, found through the directory at the end. Sizes
//! are the directory's, so that entries written as a stream are found too.

use super::csv_file::Place;
use super::input::io_error;
use crate::error::{Error, Kind, Result};
use libflate::deflate::Decoder;
use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The end of the directory, without its comment.
const END_BYTES: usize = 22;
/// Bytes of a directory.
const DIRECTORY_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Clone, Copy)]
struct Entry {
    packed: bool,
    offset: u64,
    bytes: u64,
}

/// What an archive holds.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    place: Place,
    entries: HashMap<String, Entry>,
}

impl Archive {
    /// Reads the directory. `InvalidText` where there is none, `Unsupported` for what is encrypted or packed otherwise.
    pub(super) fn open(place: &Place) -> Result<Self> {
        let shown = place.shown();
        let fail = |error: io::Error| io_error(&shown, &error);
        let broken = || Error::new(Kind::InvalidText, format!("{shown}: the zip archive is cut off or damaged"));
        let mut file = place.file()?;
        let bytes = file.seek(SeekFrom::End(0)).map_err(fail)?;
        let tail = bytes.min((END_BYTES + usize::from(u16::MAX)) as u64);
        file.seek(SeekFrom::Start(bytes - tail)).map_err(fail)?;
        let mut end = Vec::new();
        (&mut file).take(tail).read_to_end(&mut end).map_err(fail)?;
        let at = end.windows(4).rposition(|mark| mark == b"PK\x05\x06").ok_or_else(broken)?;
        let end = end.get(at..).unwrap_or_default();
        let (length, start) = (number(end, 12, 4).ok_or_else(broken)?, number(end, 16, 4).ok_or_else(broken)?);
        if length > DIRECTORY_BYTES_MAX || start.saturating_add(length) > bytes {
            return Err(broken());
        }
        file.seek(SeekFrom::Start(start)).map_err(fail)?;
        let mut directory = Vec::new();
        file.take(length).read_to_end(&mut directory).map_err(fail)?;
        let mut entries = HashMap::new();
        let mut rest = directory.as_slice();
        while rest.starts_with(b"PK\x01\x02") {
            let field = |at, length| number(rest, at, length).ok_or_else(broken);
            let (flags, method) = (field(8, 2)?, field(10, 2)?);
            let (mut packed_bytes, mut offset) = (field(20, 4)?, field(42, 4)?);
            let (name, extra, comment) = (field(28, 2)? as usize, field(30, 2)? as usize, field(32, 2)? as usize);
            let extras = rest.get(46 + name..46 + name + extra).ok_or_else(broken)?;
            let name_bytes = rest.get(46..46 + name).ok_or_else(broken)?;
            let whole = field(24, 4)?;
            if let Some(wide) = wide(extras) {
                // The fields that did not fit their place, in this order.
                let mut at = if whole == u64::from(u32::MAX) { 8 } else { 0 };
                for field in [&mut packed_bytes, &mut offset] {
                    if *field == u64::from(u32::MAX) {
                        *field = number(wide, at, 8).ok_or_else(broken)?;
                        at += 8;
                    }
                }
            }
            let name_text = String::from_utf8_lossy(name_bytes).replace('\\', "/");
            if flags & 1 != 0 || !matches!(method, 0 | 8) {
                let what = if flags & 1 != 0 { "encrypted" } else { "packed in a way that is not read" };
                return Err(Error::new(Kind::Unsupported, format!("{shown}: {name_text} is {what}")));
            }
            entries.insert(name_text, Entry { packed: method == 8, offset, bytes: packed_bytes });
            rest = rest.get(46 + name + extra + comment..).unwrap_or_default();
        }
        Ok(Self { place: place.clone(), entries })
    }

    /// Whether there is such an entry.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// An entry's content. The file is opened anew, so that several can be read side by side.
    pub(super) fn read(&self, name: &str) -> Result<Box<dyn Read + Send>> {
        let shown = self.place.shown();
        let fail = |error: io::Error| io_error(&shown, &error);
        let broken = || Error::new(Kind::InvalidText, format!("{shown}: the zip archive is cut off or damaged"));
        let entry = self.entries.get(name);
        let entry = entry.ok_or_else(|| Error::new(Kind::InvalidText, format!("{shown}: there is no {name} in it")))?;
        let mut file = self.place.file()?;
        file.seek(SeekFrom::Start(entry.offset)).map_err(fail)?;
        let mut head = [0; 30];
        file.read_exact(&mut head).map_err(|_| broken())?;
        if !head.starts_with(b"PK\x03\x04") {
            return Err(broken());
        }
        let skipped = number(&head, 26, 2).unwrap_or(0) + number(&head, 28, 2).unwrap_or(0);
        file.seek(SeekFrom::Current(skipped as i64)).map_err(fail)?;
        let bytes = BufReader::with_capacity(64 << 10, file).take(entry.bytes);
        let name = format!("{shown}, {name}");
        Ok(match entry.packed {
            true => Box::new(Unpacked { inner: Decoder::new(bytes), name }),
            false => Box::new(bytes),
        })
    }
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The extra field with what does not fit 32 bits.
fn wide(mut extras: &[u8]) -> Option<&[u8]> {
    while let (Some(kind), Some(length)) = (number(extras, 0, 2), number(extras, 2, 2)) {
        let end = 4 + length as usize;
        if kind == 1 {
            return extras.get(4..end);
        }
        extras = extras.get(end..)?;
    }
    None
}

/// A deflated entry; what breaks in it is told with its name.
struct Unpacked<R: Read> {
    inner: Decoder<R>,
    name: String,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                let message = format!("{}: what the zip archive has packed is cut off or damaged", self.name);
                io::Error::other(Error::new(Kind::InvalidText, message))
            }
            _ => error,
        })
    }
}

/// A zip archive of entries that are packed or not, for tests.
#[cfg(test)]
pub(super) fn zipped(entries: &[(&str, &str)], pack: bool) -> Vec<u8> {
    use std::io::Write;
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let short = |number: usize| (number as u16).to_le_bytes();
    let long = |number: usize| (number as u32).to_le_bytes();
    for (name, text) in entries {
        let data = match pack {
            true => {
                let mut encoder = libflate::deflate::Encoder::new(Vec::new());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().into_result().unwrap()
            }
            false => text.as_bytes().to_vec(),
        };
        let offset = bytes.len();
        let method = if pack { 8 } else { 0 };
        let sizes = [long(0), long(data.len()), long(text.len())].concat();
        let head =
            [&short(20)[..], &short(0), &short(method), &long(0), &sizes, &short(name.len()), &short(0)].concat();
        bytes.extend([b"PK\x03\x04", &head[..], name.as_bytes(), &data].concat());
        let tail = [&short(0)[..], &short(0), &short(0), &long(0), &long(offset)].concat();
        directory.extend([b"PK\x01\x02", &short(20)[..], &head, &tail, name.as_bytes()].concat());
    }
    let count = short(entries.len());
    let end =
        [&short(0)[..], &short(0), &count, &count, &long(directory.len()), &long(bytes.len()), &short(0)].concat();
    [bytes, directory, b"PK\x05\x06".to_vec(), end].concat()
}
