//! A commit as bytes of the journal.
//!
//! ```text
//! number u64 | milliseconds since 1970 u64 | writes:  tree u8 | key length u16 | key | rows u16, each: length u32 | sealed row
//! ```
//!
//! A deletion has no rows. Values are there as sled gets them, sealed with the data key of what they belong to: a record of a
//! dropped table can be applied, but not opened, when that key was destroyed.

use super::engine::Tree;
use super::queue::Submitted;
use super::rows::{Row, first_key, part_key};

/// One commit, as the journal keeps it.
#[derive(Debug)]
pub(super) struct Commit {
    pub number: u64,
    /// When it was made, in milliseconds since 1970 by this machine's clock.
    pub time_ms: u64,
    pub writes: Vec<Write>,
}

/// What a commit makes of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub tree: Tree,
    pub key: Vec<u8>,
    /// The first row of the value and its parts, sealed; none for a deletion.
    pub rows: Vec<Row>,
}

impl Commit {
    /// The bytes of a commit with these writes.
    pub(super) fn encode(number: u64, time_ms: u64, batch: &Submitted) -> Vec<u8> {
        let sealed = |write: &Write| write.rows.iter().map(|(_, sealed)| 4 + sealed.len()).sum::<usize>();
        let bytes: usize = batch.writes.iter().map(|write| 5 + write.key.len() + sealed(write)).sum();
        let mut out = Vec::with_capacity(16 + bytes);
        out.extend(number.to_be_bytes());
        out.extend(time_ms.to_be_bytes());
        for write in &batch.writes {
            out.push(write.tree as u8);
            // Bounds on keys and values keep all of them within their lengths.
            out.extend((write.key.len() as u16).to_be_bytes());
            out.extend_from_slice(&write.key);
            out.extend((write.rows.len() as u16).to_be_bytes());
            for (_, sealed) in &write.rows {
                out.extend((sealed.len() as u32).to_be_bytes());
                out.extend_from_slice(sealed);
            }
        }
        out
    }

    /// `None` when the bytes are no commit.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (time_ms, mut rest) = rest.split_first_chunk()?;
        let mut writes = Vec::new();
        while let Some((tree, after)) = rest.split_first() {
            let tree = *Tree::ALL.get(usize::from(*tree))?;
            let (length, after) = after.split_first_chunk()?;
            let (key, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let (count, mut after) = after.split_first_chunk()?;
            let mut rows = Vec::new();
            for part in 0..u16::from_be_bytes(*count) {
                let (length, sealed) = after.split_first_chunk()?;
                let (sealed, behind) = sealed.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                rows.push((if part == 0 { first_key(key) } else { part_key(key, part) }, sealed.to_vec()));
                after = behind;
            }
            writes.push(Write { tree, key: key.to_vec(), rows });
            rest = after;
        }
        Some(Self { number: u64::from_be_bytes(*number), time_ms: u64::from_be_bytes(*time_ms), writes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_comes_back_and_a_cut_one_does_not() {
        let write = |tree, key: &[u8], rows: Vec<Row>| Write { tree, key: key.to_vec(), rows };
        let two = vec![(first_key(b"a"), b"value".to_vec()), (part_key(b"a", 1), b"x".to_vec())];
        let writes = vec![
            write(Tree::Rows, b"a", two),
            write(Tree::Sys, b"", Vec::new()),
            write(Tree::Search, b"b", vec![(first_key(b"b"), Vec::new())]),
        ];
        let bytes = Commit::encode(9, 5, &Submitted { ops: Vec::new(), writes: writes.clone() });
        let commit = Commit::decode(&bytes).unwrap();
        assert_eq!((commit.number, commit.time_ms), (9, 5));
        assert_eq!(commit.writes, writes);
        let whole: Vec<usize> = (0..bytes.len()).filter(|&end| Commit::decode(&bytes[..end]).is_some()).collect();
        assert_eq!(whole, [16, 16 + 20, 16 + 20 + 5], "only where a write ends");
    }
}
