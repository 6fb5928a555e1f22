//! Old blocks of the audit log in sealed files of their own.
//!
//! ```text
//! file                    for each block: number of its first entry u64 | length u32 | the block, as it lay in the asset store
//! value of 6, number      version u8 = 13 | file u64 | number behind its last entry u64 | microseconds of its last entry i64 | MAC 0 or 1 u8, 32
//! ```

use super::audit::Mac;
use super::audit_block::Block;
use crate::config::FORMAT_VERSION_ARCHIVE;
use crate::error::{Error, Kind, Result};
use crate::storage::FileId;

/// A file of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The number of its first entry.
    pub first: u64,
    /// The number behind its last entry.
    pub next: u64,
    /// The file.
    pub file: FileId,
    /// When its last entry was made, in microseconds since 1970.
    pub last_us: i64,
    /// The MAC of its last link.
    pub mac: Mac,
}

impl Archived {
    /// What is said of a file that holds these blocks.
    pub fn of(file: FileId, blocks: &[(u64, Vec<u8>)]) -> Result<Self> {
        let none = || Error::internal("a file of the audit log without entries");
        let first = blocks.first().ok_or_else(none)?.0;
        let (last, value) = blocks.last().ok_or_else(none)?;
        let block = Block::of_value(*last, value)?;
        let entries = block.entries()?;
        let last_us = entries.last().ok_or_else(none)?.at_us;
        Ok(Self { first, next: last + entries.len() as u64, file, last_us, mac: block.last_mac() })
    }

    /// As a value of the asset store.
    pub fn to_value(&self) -> Vec<u8> {
        let mut value = vec![FORMAT_VERSION_ARCHIVE];
        value.extend(self.file.as_u64().to_be_bytes());
        value.extend(self.next.to_be_bytes());
        value.extend(self.last_us.to_be_bytes());
        value.push(u8::from(self.mac.is_some()));
        value.extend(self.mac.iter().flatten());
        value
    }

    /// What a value says of the file whose first entry has this number.
    pub fn of_value(first: u64, value: &[u8]) -> Result<Self> {
        let read = |value: &[u8]| -> Option<Self> {
            let rest = value.strip_prefix(&[FORMAT_VERSION_ARCHIVE])?;
            let (file, rest) = rest.split_first_chunk()?;
            let (next, rest) = rest.split_first_chunk()?;
            let (last_us, rest) = rest.split_first_chunk()?;
            let mac = match rest.split_first()? {
                (0, []) => None,
                (1, mac) => Some(mac.try_into().ok()?),
                _ => return None,
            };
            let file = FileId::from_u64(u64::from_be_bytes(*file));
            let (next, last_us) = (u64::from_be_bytes(*next), i64::from_be_bytes(*last_us));
            (first < next).then_some(Self { first, next, file, last_us, mac })
        };
        match value.first() {
            Some(&version) if version > FORMAT_VERSION_ARCHIVE => Err(Error::new(
                Kind::FormatVersion,
                format!("a file of the audit log has format {version}, this program knows {FORMAT_VERSION_ARCHIVE}"),
            )),
            _ => read(value).ok_or_else(damaged),
        }
    }
}

/// Blocks, each with the number of its first entry, as the bytes of a file.
pub fn encode(blocks: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(blocks.iter().map(|(_, value)| value.len() + 12).sum());
    for (first, value) in blocks {
        bytes.extend(first.to_be_bytes());
        bytes.extend((value.len() as u32).to_be_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

/// The blocks of a file.
pub fn decode(bytes: &[u8]) -> Result<Vec<(u64, Vec<u8>)>> {
    let (mut rest, mut blocks) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (first, behind) = rest.split_first_chunk().ok_or_else(damaged)?;
        let (length, behind) = behind.split_first_chunk().ok_or_else(damaged)?;
        let (value, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(damaged)?;
        blocks.push((u64::from_be_bytes(*first), value.to_vec()));
        rest = behind;
    }
    Ok(blocks)
}

fn damaged() -> Error {
    Error::new(Kind::Corruption, "a file of the audit log cannot be decoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_and_what_is_cut_off_does_not() {
        let blocks = vec![(1, b"one".to_vec()), (9, Vec::new()), (10, vec![7; 300])];
        let bytes = encode(&blocks);
        assert_eq!(decode(&bytes).unwrap(), blocks);
        let cut = (1..bytes.len()).filter(|end| decode(&bytes[..*end]).is_ok()).collect::<Vec<_>>();
        assert_eq!(cut, [15, 27], "only behind a block");
        assert!(decode(&[]).unwrap().is_empty());
    }

    #[test]
    fn values_come_back() {
        for mac in [None, Some([3; 32])] {
            let archived = Archived { first: 5, next: 9, file: FileId::from_u64(77), last_us: -4, mac };
            let value = archived.to_value();
            assert_eq!(Archived::of_value(5, &value).unwrap(), archived);
            for end in 0..value.len() {
                assert!(Archived::of_value(5, &value[..end]).is_err(), "{end}");
            }
            let newer = [&[FORMAT_VERSION_ARCHIVE + 1], &value[1..]].concat();
            assert_eq!(Archived::of_value(5, &newer).unwrap_err().kind(), Kind::FormatVersion);
        }
    }
}
