//! Sets of numbers, 64 to a word: offsets of rows of a segment lie close together, hashes of keys far apart.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

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

/// Numbers that come together from which they are kept as a run.
const RUN_MIN: usize = 1024;

/// A set of numbers. Many that come together, as the keys of a load do, stay together in their order: they are added to another set,
/// and go from it, without a look at each.
#[derive(Debug, Clone, Default)]
pub struct Items {
    words: HashMap<u64, u64, BuildHasherDefault<Spread>>,
    runs: Vec<Arc<[u64]>>,
}

impl Items {
    /// The set of one number.
    pub fn one(item: u64) -> Self {
        let mut one = Self::default();
        one.insert(item);
        one
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.runs.is_empty()
    }

    /// Whether there are many that came together.
    pub fn is_run(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Whether it is there.
    pub fn contains(&self, item: u64) -> bool {
        let word = self.words.get(&(item >> 6)).is_some_and(|word| word & (1 << (item & 63)) != 0);
        word || self.runs.iter().any(|run| run.binary_search(&item).is_ok())
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
        self.runs.extend(other.runs.iter().cloned());
    }

    /// Takes away all of another set.
    pub fn subtract(&mut self, other: &Self) {
        self.words.retain(|word, bits| {
            *bits &= !other.words.get(word).copied().unwrap_or_default();
            if other.is_run() {
                each(*word, *bits).filter(|item| other.contains(*item)).for_each(|item| *bits &= !(1 << (item & 63)));
            }
            *bits != 0
        });
        for run in &mut self.runs {
            *run = run.iter().copied().filter(|item| !other.contains(*item)).collect();
        }
        self.runs.retain(|run| !run.is_empty());
    }

    /// Whether both have one.
    pub fn intersects(&self, other: &Self) -> bool {
        let (few, many) = if self.words.len() <= other.words.len() { (self, other) } else { (other, self) };
        let words =
            |a: &Self, b: &Self| a.words.iter().any(|(word, bits)| b.words.get(word).is_some_and(|w| bits & w != 0));
        let in_runs = |a: &Self, b: &Self| {
            b.is_run() && a.words.iter().flat_map(|(word, bits)| each(*word, *bits)).any(|item| b.contains(item))
        };
        let runs = |a: &Self, b: &Self| a.runs.iter().any(|run| b.runs.iter().any(|other| meet(run, other)));
        words(few, many) || in_runs(self, other) || in_runs(other, self) || runs(self, other)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let words = self.words.iter().flat_map(|(word, bits)| each(*word, *bits));
        words.chain(self.runs.iter().flat_map(|run| run.iter().copied()))
    }
}

/// The numbers of a word.
fn each(word: u64, bits: u64) -> impl Iterator<Item = u64> {
    (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| (word << 6) | bit)
}

/// Whether two runs have a number in common.
fn meet(a: &[u64], b: &[u64]) -> bool {
    let (mut a, mut b) = (a, b);
    while let (Some(first), Some(other)) = (a.first(), b.first()) {
        match first.cmp(other) {
            Ordering::Equal => return true,
            Ordering::Less => a = &a[1..],
            Ordering::Greater => b = &b[1..],
        }
    }
    false
}

impl FromIterator<u64> for Items {
    fn from_iter<T: IntoIterator<Item = u64>>(items: T) -> Self {
        let (items, mut set) = (items.into_iter(), Self::default());
        if items.size_hint().1.is_some_and(|most| most < RUN_MIN) {
            items.for_each(|item| set.insert(item));
            return set;
        }
        let mut all: Vec<u64> = items.collect();
        if all.len() < RUN_MIN {
            all.into_iter().for_each(|item| set.insert(item));
        } else {
            all.sort_unstable();
            all.dedup();
            set.runs.push(all.into());
        }
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

    #[test]
    fn many_together_are_a_set_as_well() {
        let far = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut many: Items = (0..5000).map(far).chain((0..10).map(far)).collect();
        assert!(many.is_run() && many.contains(far(4999)) && !many.contains(far(5000)));
        assert_eq!(many.iter().count(), 5000);
        let others: Items = (5000..9000).map(far).collect();
        assert!(!many.intersects(&others) && !others.intersects(&many));
        many.extend(&others);
        assert!(many.intersects(&others) && many.contains(far(8999)) && many.contains(far(1)));
        let few: Items = [far(17), far(8500), 3].into_iter().collect();
        assert!(few.intersects(&many) && many.intersects(&few) && !Items::one(3).intersects(&many));
        let mut rest = few.clone();
        rest.subtract(&many);
        assert_eq!(rest.iter().collect::<Vec<_>>(), [3]);
        many.subtract(&few);
        assert!(!many.contains(far(17)) && !many.contains(far(8500)) && many.contains(far(18)));
        many.subtract(&many.clone());
        assert!(many.is_empty());
    }
}
