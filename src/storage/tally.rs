//! Counts and sums by which a lost row is noticed.
//!
//! sled drops rows silently when its file is damaged. So each tree has a count of its rows and the sum of their keyed hashes
//! (HMAC-SHA256 over tree, key and sealed value, added as four 64-bit lanes). Addition does not care for order and can be
//! undone, so a commit changes the tally by what it replaces and what it writes; an open adds everything up and
//! compares. The hash is keyed, so that nobody without the key can choose rows whose changes cancel out.

use super::engine::Tree;
use crate::crypto::MacKey;

/// Number and sum of the rows of one tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub rows: u64,
    sum: [u64; 4],
}

impl Tally {
    /// Counts a row in.
    pub(super) fn add(&mut self, mac: &MacKey, tree: Tree, key: &[u8], sealed: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        for (lane, hash) in self.sum.iter_mut().zip(row_hash(mac, tree, key, sealed)) {
            *lane = lane.wrapping_add(hash);
        }
    }

    /// Counts a row out.
    pub(super) fn subtract(&mut self, mac: &MacKey, tree: Tree, key: &[u8], sealed: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        for (lane, hash) in self.sum.iter_mut().zip(row_hash(mac, tree, key, sealed)) {
            *lane = lane.wrapping_sub(hash);
        }
    }
}

fn row_hash(mac: &MacKey, tree: Tree, key: &[u8], sealed: &[u8]) -> [u64; 4] {
    let tag = mac.tag(&[&[tree as u8], &(key.len() as u32).to_be_bytes(), key, sealed]);
    let mut lanes = [0; 4];
    for (lane, bytes) in lanes.iter_mut().zip(tag.as_chunks::<8>().0) {
        *lane = u64::from_be_bytes(*bytes);
    }
    lanes
}

/// The tallies of all trees after a number of commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tallies {
    pub commits: u64,
    pub trees: [Tally; Tree::ALL.len()],
}

impl Tallies {
    /// Numbers in the order of their fields, big-endian.
    pub(super) fn encode(&self) -> Vec<u8> {
        let numbers = self.trees.iter().flat_map(|tally| std::iter::once(tally.rows).chain(tally.sum));
        std::iter::once(self.commits).chain(numbers).flat_map(u64::to_be_bytes).collect()
    }

    /// `None` when the bytes have another length.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let (commits, numbers) = numbers.split_first()?;
        let (rows, []) = numbers.as_chunks::<5>() else { return None };
        if rows.len() != Tree::ALL.len() {
            return None;
        }
        let mut tallies = Self { commits: u64::from_be_bytes(*commits), ..Self::default() };
        for (tally, [rows, a, b, c, d]) in tallies.trees.iter_mut().zip(rows) {
            tally.rows = u64::from_be_bytes(*rows);
            tally.sum = [*a, *b, *c, *d].map(u64::from_be_bytes);
        }
        Some(tallies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Keyring, MasterKey, Purpose};

    #[test]
    fn a_tally_knows_its_rows_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(dir.path(), &MasterKey::from_bytes([1; 32])).unwrap();
        let mac = keyring.mac_key(Purpose::Journal, "tally").unwrap();
        let (mut one, mut other) = (Tally::default(), Tally::default());
        for key in [b"a", b"b", b"c"] {
            one.add(&mac, Tree::Rows, key, b"x");
        }
        for key in [b"c", b"d", b"a", b"b"] {
            other.add(&mac, Tree::Rows, key, b"x");
        }
        assert_ne!(one, other);
        other.subtract(&mac, Tree::Rows, b"d", b"x");
        assert_eq!(one, other);
        other.subtract(&mac, Tree::Rows, b"a", b"x");
        other.add(&mac, Tree::Rows, b"a", b"y");
        assert_ne!(one, other, "the same count of other rows");

        let tallies = Tallies { commits: 9, trees: [one; Tree::ALL.len()] };
        assert_eq!(Tallies::decode(&tallies.encode()), Some(tallies.clone()));
        assert_eq!(Tallies::decode(&tallies.encode()[8..]), None);
    }
}
