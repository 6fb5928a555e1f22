//! Sets of numbers, 64 to a word: offsets of rows of a segment lie close together, hashes of keys far apart.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Spreads numbers that need no protection from whoever chose them: rows are counted, keys hashed with a secret before.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

/// A set of numbers.
#[derive(Debug, Clone, Default)]
pub struct Items {
    words: HashMap<u64, u64, BuildHasherDefault<Spread>>,
}

impl Items {
    /// The set of one number.
    pub fn one(item: u64) -> Self {
        Self::from_iter([item])
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether it is there.
    pub fn contains(&self, item: u64) -> bool {
        self.words.get(&(item >> 6)).is_some_and(|word| word & (1 << (item & 63)) != 0)
    }

    /// Adds one.
    pub fn insert(&mut self, item: u64) {
        *self.words.entry(item >> 6).or_default() |= 1 << (item & 63);
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &Self) {
        for (word, bits) in &other.words {
            *self.words.entry(*word).or_default() |= bits;
        }
    }

    /// Takes away all of another set.
    pub fn subtract(&mut self, other: &Self) {
        self.words.retain(|word, bits| {
            *bits &= !other.words.get(word).copied().unwrap_or_default();
            *bits != 0
        });
    }

    /// Whether both have one.
    pub fn intersects(&self, other: &Self) -> bool {
        let (few, many) = if self.words.len() <= other.words.len() { (self, other) } else { (other, self) };
        few.words.iter().any(|(word, bits)| many.words.get(word).is_some_and(|more| bits & more != 0))
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let each = |(word, bits): (&u64, &u64)| {
            let (word, bits) = (*word, *bits);
            (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| (word << 6) | bit)
        };
        self.words.iter().flat_map(each)
    }
}

impl FromIterator<u64> for Items {
    fn from_iter<T: IntoIterator<Item = u64>>(items: T) -> Self {
        let mut set = Self::default();
        items.into_iter().for_each(|item| set.insert(item));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_near_and_far_numbers() {
        let mut set: Items = [0, 63, 64, 131_071, u64::MAX].into_iter().collect();
        let mut all: Vec<u64> = set.iter().collect();
        all.sort_unstable();
        assert_eq!(all, [0, 63, 64, 131_071, u64::MAX]);
        assert!(set.contains(64) && !set.contains(65));
        assert!(set.intersects(&Items::one(63)) && !set.intersects(&Items::one(62)));
        set.subtract(&[0, 63, 5].into_iter().collect());
        assert!(!set.contains(0) && set.contains(64));
        set.extend(&Items::one(5));
        assert!(set.contains(5));
        set.subtract(&set.clone());
        assert!(set.is_empty());
    }
}
