//! A fast hash of values for sketches, filters and dictionaries. It is no secret and resists nobody: what it is used for
//! gets slower, never wrong, when values collide.

use std::hash::{BuildHasher, Hasher};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const STEP: u64 = 0xd6e8_feb8_6659_fd93;

/// Both halves of a product, folded.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of some bytes; the same in every run, since it is stored.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut state = SEED ^ bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        state = fold(state ^ word, STEP);
    }
    let mut last = [0; 8];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    fold(fold(state ^ u64::from_le_bytes(last), STEP), SEED)
}

/// Builds hashers of a map whose keys are bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hashes;

impl BuildHasher for Hashes {
    type Hasher = Bytes;

    fn build_hasher(&self) -> Bytes {
        Bytes(SEED)
    }
}

/// A hasher for bytes.
#[derive(Debug)]
pub struct Bytes(u64);

impl Hasher for Bytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = fold(self.0 ^ hash_bytes(bytes), STEP);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, STEP);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn hashes_stay_what_they_are_and_spread() {
        // Stored in chunks: another value here means another format.
        assert_eq!(hash_bytes(b""), hash_bytes(&[]));
        let seen: HashSet<u64> = (0..100_000u32).map(|n| hash_bytes(&n.to_le_bytes())).collect();
        assert_eq!(seen.len(), 100_000);
        let low: HashSet<u64> = seen.iter().map(|hash| hash & 0xff).collect();
        assert_eq!(low.len(), 256);
        assert_ne!(hash_bytes(b"a"), hash_bytes(b"a\0"));
    }
}
