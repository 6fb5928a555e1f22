//! Filters that tell, with a small share of false alarms, which values a column of a segment has.
//!
//! A split-block Bloom filter, as Parquet has them: a value's hash chooses one block of 32 bytes and a bit in each of its
//! eight words. Integers little-endian.

const BLOCK_BYTES: usize = 32;
/// Bits for each different value: some 3 % of false alarms.
const BITS_A_VALUE: usize = 8;
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bloom {
    words: Vec<[u32; 8]>,
}

impl Bloom {
    /// An empty filter for so many different values.
    pub fn new(values: usize) -> Self {
        Self { words: vec![[0; 8]; (values * BITS_A_VALUE).div_ceil(BLOCK_BYTES * 8).max(1)] }
    }

    fn block(&self, hash: u64) -> usize {
        (((hash >> 32) * self.words.len() as u64) >> 32) as usize
    }

    /// Adds a value.
    pub fn insert(&mut self, hash: u64) {
        let block = self.block(hash);
        for (word, salt) in self.words[block].iter_mut().zip(SALTS) {
            *word |= 1 << ((hash as u32).wrapping_mul(salt) >> 27);
        }
    }

    /// Whether the value may be there; if not, it is not.
    pub fn contains(&self, hash: u64) -> bool {
        let block = &self.words[self.block(hash)];
        block.iter().zip(SALTS).all(|(word, salt)| word & (1 << ((hash as u32).wrapping_mul(salt) >> 27)) != 0)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The filter that [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        if blocks.is_empty() || !rest.is_empty() {
            return None;
        }
        let word = |block: &[u8; BLOCK_BYTES], n: usize| {
            u32::from_le_bytes([block[4 * n], block[4 * n + 1], block[4 * n + 2], block[4 * n + 3]])
        };
        Some(Self { words: blocks.iter().map(|block| std::array::from_fn(|n| word(block, n))).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::hash_bytes;
    use super::*;

    #[test]
    fn nothing_is_missed_and_little_is_suspected() {
        let hash = |n: u32| hash_bytes(&n.to_le_bytes());
        let mut bloom = Bloom::new(10_000);
        (0..10_000).for_each(|n| bloom.insert(hash(n)));
        let bloom = Bloom::from_bytes(&bloom.to_bytes()).unwrap();
        assert!((0..10_000).all(|n| bloom.contains(hash(n))));
        let alarms = (10_000..30_000).filter(|n| bloom.contains(hash(*n))).count();
        assert!(alarms < 1200, "{alarms} false alarms of 20000");
        assert!(Bloom::from_bytes(&[]).is_none() && Bloom::from_bytes(&[0; 33]).is_none());
    }
}
