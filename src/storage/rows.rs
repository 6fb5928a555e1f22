//! How a value becomes rows of sled, and back.
//!
//! ```text
//! 0x00 | key              the value, or its first part:  parts u16 | link 8, if there are parts | bytes
//! 0x01 | key | part u16   part 1, 2, ...:                bytes
//! 0x02 | "tally"          in tree sys, the counts of all trees (this row is not counted)
//! ```
//!
//! Each is sealed with the data key of the object that it belongs to, or else of its tree; associated data are format version, tree, the row's key and, for parts, the
//! random link in the first part, so that parts of different writes never join. Only a first part that fills a row to the
//! last byte has others.

use std::sync::Arc;

use super::engine::{Op, Tree};
use super::record::Write;
use crate::config::{FORMAT_VERSION, VALUE_BYTES_MAX};
use crate::crypto::{Keyring, Purpose, SEAL_BYTES, ValueSealer, random};
use crate::encoding::hex;
use crate::error::{Error, Kind, Result};

/// Beginning of the key of a first row.
pub(super) const FIRST: u8 = 0;
/// Beginning of the key of a part.
pub(super) const PART: u8 = 1;
/// Key of the counts in tree sys.
pub(super) const TALLY_KEY: &[u8] = b"\x02tally";

const LINK_BYTES: usize = 8;
/// Plain bytes in a part, and in a first part that has others.
const PART_BYTES: usize = VALUE_BYTES_MAX - SEAL_BYTES;
const FIRST_BYTES: usize = PART_BYTES - 2 - LINK_BYTES;

/// The purpose whose data key seals the values of a tree.
pub(super) fn purpose(tree: Tree) -> Purpose {
    match tree {
        Tree::Sys | Tree::Catalog => Purpose::Catalog,
        Tree::Governance => Purpose::Governance,
        Tree::Manifest => Purpose::Manifest,
        Tree::Rows => Purpose::Rows,
        Tree::Search => Purpose::Search,
    }
}

/// Key of the first row of `key`; of a prefix the prefix.
pub(super) fn first_key(key: &[u8]) -> Vec<u8> {
    [&[FIRST], key].concat()
}

/// Key of a part of `key`.
pub(super) fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    [&[PART], key, &part.to_be_bytes()].concat()
}

/// Whether a first row may have parts: only one that fills its row to the last byte has. Told without opening it.
pub(super) fn may_have_parts(sealed: &[u8]) -> bool {
    sealed.len() >= VALUE_BYTES_MAX
}

/// A row's key and its sealed value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// Room to seal in, used again for one value after another: a commit has several, each of a few bytes.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    plain: Vec<u8>,
    aad: Vec<u8>,
}

/// Seals and opens rows, a sealer a tree.
#[derive(Debug)]
pub(super) struct RowSealer([Arc<ValueSealer>; Tree::ALL.len()]);

impl RowSealer {
    pub(super) fn new(keyring: &Keyring) -> Result<Self> {
        let [sys, catalog, governance, manifest, rows, search] =
            Tree::ALL.map(|tree| keyring.value_sealer(purpose(tree)));
        Ok(Self([sys?, catalog?, governance?, manifest?, rows?, search?]))
    }

    /// The rows that a write makes of its key: none for a deletion, else the first row of the value, then its parts.
    pub(super) fn seal_op(&self, op: &Op, scratch: &mut Scratch) -> Result<Vec<Row>> {
        op.value.as_ref().map_or(Ok(Vec::new()), |value| self.seal(op.owner, op.tree, &op.key, value, scratch))
    }

    fn seal(&self, owner: u64, tree: Tree, key: &[u8], value: &[u8], scratch: &mut Scratch) -> Result<Vec<Row>> {
        let (first, rest) = value.split_at(value.len().min(FIRST_BYTES));
        let parts = rest.len().div_ceil(PART_BYTES);
        // Most values have one part, and need none: to ask the system for it would cost more than to seal them.
        let link = if parts > 0 { random::<LINK_BYTES>()? } else { [0; LINK_BYTES] };
        let Scratch { plain, aad } = scratch;
        plain.clear();
        // The bound on values keeps this within 16 bits.
        plain.extend((parts as u16).to_be_bytes());
        if parts > 0 {
            plain.extend(link);
        }
        plain.extend(first);
        let mut rows = Vec::with_capacity(1 + parts);
        rows.push(self.seal_row((owner, tree), first_key(key), &[], plain, aad)?);
        for (part, bytes) in (1..).zip(rest.chunks(PART_BYTES)) {
            rows.push(self.seal_row((owner, tree), part_key(key, part), &link, bytes, aad)?);
        }
        Ok(rows)
    }

    fn seal_row(
        &self,
        (owner, tree): (u64, Tree),
        row_key: Vec<u8>,
        link: &[u8],
        plain: &[u8],
        aad: &mut Vec<u8>,
    ) -> Result<Row> {
        aad.clear();
        put_aad(tree, &row_key, link, aad);
        let sealed = self.0[tree as usize].seal(owner, aad, plain)?;
        // Beyond this sled would put it into a file that it never syncs.
        assert!(sealed.len() <= VALUE_BYTES_MAX, "a row of {} bytes", sealed.len());
        Ok((row_key, sealed))
    }

    /// The counts as a row of tree sys.
    pub(super) fn seal_tally(&self, plain: &[u8]) -> Result<Row> {
        self.seal_row((0, Tree::Sys), TALLY_KEY.to_vec(), &[], plain, &mut Vec::new())
    }

    /// Opens the row of the counts.
    pub(super) fn open_tally(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        self.open_row(Tree::Sys, TALLY_KEY, &[], sealed)
    }

    /// The value of `key`, whose first row holds `first`; `part` fetches others by row key.
    pub(super) fn open<R: AsRef<[u8]>>(
        &self,
        tree: Tree,
        key: &[u8],
        first: &[u8],
        part: impl Fn(&[u8]) -> Result<Option<R>>,
    ) -> Result<Vec<u8>> {
        let row_key = first_key(key);
        let mut plain = self.open_row(tree, &row_key, &[], first)?;
        let (parts, link) = split_first(tree, &row_key, &plain)?;
        let (begin, link) = (2 + link.len(), link.to_vec());
        for number in 1..=parts {
            let row_key = part_key(key, number);
            let row = part(&row_key)?.ok_or_else(|| broken(tree, &row_key, "a part of a value is missing"))?;
            plain.extend(self.open_row(tree, &row_key, &link, row.as_ref())?);
        }
        plain.drain(..begin);
        Ok(plain)
    }

    /// A write of the journal as it was before it was sealed. One whose data key was destroyed is as good as a deletion.
    pub(super) fn open_write(&self, write: &Write) -> Result<Op> {
        let part = |wanted: &[u8]| Ok(write.rows.iter().find(|row| row.0 == wanted).map(|row| &row.1));
        let value = match write.rows.first() {
            Some((_, first)) if !self.is_shredded(write.tree, first) => {
                Some(self.open(write.tree, &write.key, first, part)?)
            }
            _ => None,
        };
        Ok(Op { tree: write.tree, key: write.key.clone(), value, owner: 0 })
    }

    /// Whether nobody can open this row any more, because its data key was destroyed.
    pub(super) fn is_shredded(&self, tree: Tree, sealed: &[u8]) -> bool {
        self.0[tree as usize].is_shredded(sealed)
    }

    /// The object that this row belongs to; 0 if to none.
    pub(super) fn owner(&self, tree: Tree, sealed: &[u8]) -> u64 {
        self.0[tree as usize].owner(sealed)
    }

    /// Whether a newer data key has replaced that of this row.
    pub(super) fn is_outdated(&self, tree: Tree, sealed: &[u8]) -> bool {
        self.0[tree as usize].is_outdated(sealed)
    }

    fn open_row(&self, tree: Tree, row_key: &[u8], link: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let opened = self.0[tree as usize].open(&aad(tree, row_key, link), sealed);
        opened.map_err(|error| broken(tree, row_key, error.message()))
    }
}

fn aad(tree: Tree, row_key: &[u8], link: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(3 + link.len() + row_key.len());
    put_aad(tree, row_key, link, &mut aad);
    aad
}

fn put_aad(tree: Tree, row_key: &[u8], link: &[u8], aad: &mut Vec<u8>) {
    aad.extend([FORMAT_VERSION, tree as u8, link.len() as u8]);
    aad.extend_from_slice(link);
    aad.extend_from_slice(row_key);
}

/// Number of parts and link of an opened first row.
fn split_first<'a>(tree: Tree, row_key: &[u8], plain: &'a [u8]) -> Result<(u16, &'a [u8])> {
    let wrong = || broken(tree, row_key, "its value is too short");
    let (parts, rest) = plain.split_first_chunk().ok_or_else(wrong)?;
    match u16::from_be_bytes(*parts) {
        0 => Ok((0, &[])),
        parts => Ok((parts, rest.get(..LINK_BYTES).ok_or_else(wrong)?)),
    }
}

/// A damaged row, named by its key, which holds ids only.
pub(super) fn broken(tree: Tree, row_key: &[u8], how: &str) -> Error {
    let key = hex(row_key);
    Error::new(Kind::Corruption, format!("tree {} is damaged at key {key}: {how}", tree.name()))
        .with_hint("Run `steward check`, and restore the last backup.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::MasterKey;

    #[test]
    fn parts_belong_to_one_write_and_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &MasterKey::from_bytes([1; 32])).unwrap();
        let sealer = RowSealer::new(&keyring).unwrap();
        let value = vec![7; 40_000];
        let mut scratch = Scratch::default();
        let mut seal = || sealer.seal(5, Tree::Rows, b"k", &value, &mut scratch).unwrap();
        let (one, other) = (seal(), seal());
        assert_eq!((one.len(), one[0].1.len()), (3, VALUE_BYTES_MAX));
        assert!(may_have_parts(&one[0].1) && !may_have_parts(&one[2].1));
        let open = |tree, key: &[u8], parts: &[Row]| {
            sealer.open(tree, key, &one[0].1, |wanted| Ok(parts.iter().find(|row| row.0 == wanted).map(|row| &row.1)))
        };
        assert_eq!(open(Tree::Rows, b"k", &one[1..]).unwrap(), value);
        let mixed = [one[1].clone(), other[2].clone()];
        for wrong in [
            open(Tree::Rows, b"k", &mixed),
            open(Tree::Rows, b"k", &one[1..2]),
            open(Tree::Rows, b"j", &one[1..]),
            open(Tree::Search, b"k", &one[1..]),
        ] {
            assert_eq!(wrong.unwrap_err().kind(), Kind::Corruption);
        }
    }
}
