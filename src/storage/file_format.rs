//! The bytes of a sealed file.
//!
//! ```text
//! magic 8 | format u8 | kind u8 | zero 2 | data key id u32 | block size u32 | salt 32 | zero 12      64 bytes in plain
//! block 0 | block 1 | ...                each: block size bytes (the last one fewer), then its tag of 16
//! ```
//!
//! The key is derived from data key and salt, the nonce from the block's number and whether it is the last one; header and
//! file id are the associated data of every block. So no byte of the header can change, no block can move within a file or
//! to another file, and a file cut at a block's end does not open either. A file without content has one empty block.

use std::fmt;
use std::str::FromStr;

use crate::config;
use crate::crypto::{BLOCK_TAG_BYTES, Purpose, random};
use crate::error::{Error, Result};
use crate::fail;

pub(super) const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"STWDFILE";
/// Largest block that a header may ask for.
const BLOCK_BYTES_MAX: usize = 16 << 20;

/// The name of a sealed file: 64 random bits, written as 16 hexadecimal digits. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u64);

impl FileId {
    pub(super) fn generate() -> Result<Self> {
        Ok(Self(u64::from_be_bytes(random()?)))
    }

    /// The id that was stored as this number.
    pub fn from_u64(id: u64) -> Self {
        Self(id)
    }

    /// The number to store.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({self})")
    }
}

impl FromStr for FileId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match u64::from_str_radix(text, 16).map(Self) {
            Ok(id) if id.to_string() == text => Ok(id),
            _ => fail!(InvalidText, "\"{text}\" is not a file id"),
        }
    }
}

/// What a sealed file holds; it decides which data key seals it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FileKind {
    /// Columns of a table.
    Chunk = 1,
    /// A part of a text index.
    Index = 2,
    /// Weights of a model.
    Model = 3,
    /// What a query spilled.
    Spill = 4,
    /// Old blocks of the audit log.
    Audit = 5,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Chunk, Self::Index, Self::Model, Self::Spill, Self::Audit];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Index => "index",
            Self::Model => "model",
            Self::Spill => "spill",
            Self::Audit => "audit",
        }
    }

    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Chunk => Purpose::Chunks,
            Self::Index => Purpose::Search,
            Self::Model => Purpose::Models,
            Self::Spill => Purpose::Spill,
            Self::Audit => Purpose::Governance,
        }
    }
}

/// The plain header.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub kind: FileKind,
    pub data_key: u32,
    pub block_bytes: usize,
    pub salt: [u8; 32],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8] = config::FORMAT_VERSION;
        out[9] = self.kind as u8;
        out[12..16].copy_from_slice(&self.data_key.to_be_bytes());
        out[16..20].copy_from_slice(&(self.block_bytes as u32).to_be_bytes());
        out[20..52].copy_from_slice(&self.salt);
        out
    }

    /// Errors say what is wrong, for the caller to name the file. Bytes without a meaning here are in the associated data.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self> {
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..8] != *MAGIC {
            fail!(Corruption, "does not begin like one");
        }
        if bytes[8] != config::FORMAT_VERSION {
            fail!(FormatVersion, "has format {}, this program knows format {}", bytes[8], config::FORMAT_VERSION);
        }
        let Some(kind) = FileKind::ALL.into_iter().find(|kind| *kind as u8 == bytes[9]) else {
            fail!(Corruption, "says that it is of unknown kind {}", bytes[9])
        };
        let block_bytes = number(16) as usize;
        if !(1..=BLOCK_BYTES_MAX).contains(&block_bytes) {
            fail!(Corruption, "says that it has blocks of {block_bytes} bytes");
        }
        let mut salt = [0; 32];
        salt.copy_from_slice(&bytes[20..52]);
        Ok(Self { kind, data_key: number(12), block_bytes, salt })
    }
}

/// Where the blocks of a file lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub block_bytes: usize,
    /// Number of blocks, at least one.
    pub blocks: u64,
    /// Plain bytes of the whole file.
    pub length: u64,
}

impl Layout {
    /// From the size on disk; `None` when no file can have that size.
    pub(super) fn of(file_bytes: u64, block_bytes: usize) -> Option<Self> {
        let (tag, sealed) = (BLOCK_TAG_BYTES as u64, (block_bytes + BLOCK_TAG_BYTES) as u64);
        let body = file_bytes.checked_sub(HEADER_BYTES as u64)?;
        let blocks = body.div_ceil(sealed);
        let last = body.checked_sub(blocks.checked_sub(1)? * sealed)?;
        (last >= tag).then(|| Self { block_bytes, blocks, length: body - blocks * tag })
    }

    /// Offset on disk and sealed length of block `index`.
    pub(super) fn place(&self, index: u64) -> (u64, usize) {
        let plain = (self.length - index * self.block_bytes as u64).min(self.block_bytes as u64) as usize;
        (HEADER_BYTES as u64 + index * (self.block_bytes + BLOCK_TAG_BYTES) as u64, plain + BLOCK_TAG_BYTES)
    }

    pub(super) fn is_last(&self, index: u64) -> bool {
        index + 1 == self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_places_agree() {
        for (plain, blocks) in [(0u64, 1u64), (1, 1), (99, 1), (100, 1), (101, 2), (200, 2), (201, 3)] {
            let layout = Layout::of(64 + plain + blocks * 16, 100).unwrap();
            assert_eq!((layout.length, layout.blocks), (plain, blocks));
            let (offset, bytes) = layout.place(blocks - 1);
            assert_eq!(offset + bytes as u64, 64 + plain + blocks * 16);
            assert!(layout.is_last(blocks - 1));
        }
        assert!([0, 63, 64, 79, 64 + 116 + 15].iter().all(|size| Layout::of(*size, 100).is_none()));
    }

    #[test]
    fn ids_are_read_back_and_nothing_else_is() {
        let id = FileId::generate().unwrap();
        assert_eq!(id.to_string().parse::<FileId>().unwrap(), id);
        for text in ["", "1", "+00000000000000f", "00000000000000FF", "00000000000000001", "xyz"] {
            assert!(text.parse::<FileId>().is_err(), "{text}");
        }
    }
}
