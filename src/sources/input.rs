//! Opening files below a root, with bounds, and telling what went wrong with them.

use crate::config::SOURCE_RECORD_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use libflate::gzip::MultiDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The path of `path` below `root` with `/` between its parts: what rows, names and errors show.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Opens a regular file that still lies below `root` (which is canonical): a link put there later is refused.
pub(super) fn open(root: &Path, path: &Path) -> Result<File> {
    let shown = relative(root, path);
    let real: PathBuf = path.canonicalize().map_err(|error| io_error(&shown, &error))?;
    if !real.starts_with(root) {
        return Err(Error::new(Kind::Privilege, format!("{shown} leads out of the source's folder"))
            .with_hint("Only files below the folder of a source are read. REFRESH SOURCE if the folder has changed."));
    }
    let file = File::open(&real).map_err(|error| io_error(&shown, &error))?;
    let metadata = file.metadata().map_err(|error| io_error(&shown, &error))?;
    if !metadata.is_file() {
        return Err(Error::new(Kind::Io, format!("{shown} is no regular file")));
    }
    Ok(file)
}

/// A file's content, unpacked if it is packed by gzip.
pub(super) enum Content {
    Plain(File),
    Packed { decoder: Box<MultiDecoder<BufReader<File>>>, shown: String },
}

/// The first bytes of a gzip file.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens what a file holds, as [`open`] does.
pub(super) fn content(root: &Path, path: &Path) -> Result<Content> {
    use std::io::Seek;
    let shown = relative(root, path);
    let mut file = open(root, path)?;
    let mut head = [0; 2];
    let packed = file.read_exact(&mut head).is_ok() && head == GZIP;
    file.rewind().map_err(|error| io_error(&shown, &error))?;
    if !packed {
        return Ok(Content::Plain(file));
    }
    let decoder =
        MultiDecoder::new(BufReader::with_capacity(64 << 10, file)).map_err(|error| unpacked(&shown, &error))?;
    Ok(Content::Packed { decoder: Box::new(decoder), shown })
}

/// `path` without the ending that says gzip: what the file would be called unpacked.
pub(super) fn unpacked_name(path: &Path) -> PathBuf {
    match path.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("gz") => path.with_extension(""),
        _ => path.to_owned(),
    }
}

fn unpacked(shown: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
            Error::new(Kind::InvalidText, format!("{shown}: what gzip has packed is cut off or damaged"))
        }
        _ => Error::io(shown, error),
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Content::Plain(file) => file.read(buffer),
            Content::Packed { decoder, shown } => {
                decoder.read(buffer).map_err(|error| io::Error::other(unpacked(shown, &error)))
            }
        }
    }
}

/// Reads a whole file of at most `limit` bytes, or `LimitExceeded`.
pub(super) fn read_bounded(root: &Path, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let shown = relative(root, path);
    let mut bytes = Vec::new();
    content(root, path)?.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_error(&shown, &error))?;
    if bytes.len() as u64 > limit {
        return Err(too_big(&shown, "the file", limit));
    }
    Ok(bytes)
}

/// `LimitExceeded`: `what` of a file is larger than `limit` bytes.
pub(super) fn too_big(shown: &str, what: &str, limit: u64) -> Error {
    Error::new(Kind::LimitExceeded, format!("{shown}: {what} is larger than {} MiB", limit >> 20))
}

/// Folds an error of the operating system, or one of ours that travelled inside it.
pub(super) fn io_error(shown: &str, error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(ours) => ours.clone(),
        None => Error::io(shown, error),
    }
}

/// Bytes that may still be read before the current record must end.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(SOURCE_RECORD_BYTES_MAX)))
    }

    /// A record has ended: the next one has the whole budget again.
    pub(super) fn renew(&self) {
        self.0.store(SOURCE_RECORD_BYTES_MAX, Ordering::Relaxed);
    }
}

/// A reader that fails with `LimitExceeded` when a record outruns its [`Budget`], so that an unclosed quote or tag
/// cannot draw a whole file into memory.
pub(super) struct Guarded<R> {
    inner: R,
    budget: Budget,
    shown: String,
}

impl<R: Read> Guarded<R> {
    pub(super) fn new(inner: R, budget: Budget, shown: &str) -> Self {
        Self { inner, budget, shown: shown.to_owned() }
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.budget.0.load(Ordering::Relaxed);
        match left.checked_sub(count as u64) {
            Some(left) => self.budget.0.store(left, Ordering::Relaxed),
            None => {
                let error = too_big(&self.shown, "one record", SOURCE_RECORD_BYTES_MAX)
                    .with_hint("A quote or an element that is opened and never closed looks like this.");
                return Err(io::Error::other(error));
            }
        }
        Ok(count)
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): tells equal contents, guards against nobody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

impl Fnv {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(super) fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_is_the_published_one() {
        let mut hash = Fnv::new();
        hash.write(b"foobar");
        assert_eq!(hash.finish(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_record_cannot_outrun_its_budget() {
        let budget = Budget::new();
        let mut reader = Guarded::new(io::repeat(b'x'), budget.clone(), "a.csv");
        let mut buffer = vec![0; 1 << 20];
        for _ in 0..16 {
            reader.read_exact(&mut buffer).unwrap();
        }
        let error = io_error("a.csv", &reader.read_exact(&mut buffer).unwrap_err());
        assert_eq!(error.kind(), Kind::LimitExceeded);
        budget.renew();
        assert!(reader.read_exact(&mut buffer).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_root_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let real = root.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(outside.path(), real.join("a.csv")).unwrap();
        assert_eq!(open(&real, &real.join("a.csv")).unwrap_err().kind(), Kind::Privilege);
    }
}
