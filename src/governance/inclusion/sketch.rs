//! Bottom-k sketches of sets: the `k` least hashes of the distinct values.
//!
//! The least hashes of a set are a uniform sample of its distinct values, and the same one for every set that has them (coordinated
//! samples: Cohen, 1997; Broder, 1997, calls them bottom-k min-wise hashing). So of two sketches all hashes below the lesser of
//! both thresholds tell how much of one set lies within the other, each with its own size: for n of them a share has a standard error
//! of at most 0.5 / sqrt(n). A set with no more than `k` values is in its sketch whole, and then shares are exact but for collisions of
//! 64-bit hashes. 8 bytes a value, so at most 8 KiB of a column and twice that while it is gathered.

use crate::config::SKETCH_VALUES;

/// Gathers the sketch of one set.
#[derive(Debug, Clone, Default)]
pub struct Gathering {
    hashes: Vec<u64>,
    /// Hashes from here on are not among the least; none as long as all are kept.
    threshold: Option<u64>,
}

/// The least hashes of a set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// Different hashes, in order.
    hashes: Vec<u64>,
    /// Whether they are those of all values.
    whole: bool,
}

/// How much of one set lies within another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Values of the first that were looked for.
    pub asked: usize,
    /// Those of them that the other has.
    pub met: usize,
    /// Whether all were looked for.
    pub exact: bool,
}

impl Share {
    /// Of all that were looked for; 0 for none.
    pub fn value(self) -> f64 {
        if self.asked == 0 { 0.0 } else { self.met as f64 / self.asked as f64 }
    }
}

impl Gathering {
    /// Takes in the hash of a value, which may have come before.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        if self.threshold.is_some_and(|threshold| hash >= threshold) {
            return;
        }
        self.hashes.push(hash);
        if self.hashes.len() >= 2 * SKETCH_VALUES {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        if self.hashes.len() > SKETCH_VALUES {
            self.threshold = self.hashes.get(SKETCH_VALUES).copied();
            self.hashes.truncate(SKETCH_VALUES);
        }
    }

    /// The sketch.
    pub fn finish(mut self) -> Sketch {
        self.settle();
        Sketch { hashes: self.hashes, whole: self.threshold.is_none() }
    }
}

impl Sketch {
    /// Of hashes in order and whether they are all.
    pub fn new(hashes: Vec<u64>, whole: bool) -> Self {
        Self { hashes, whole }
    }

    /// The hashes, in order.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Whether it has all values of its set.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Below which hash it knows of every value.
    fn threshold(&self) -> u64 {
        match (self.whole, self.hashes.last()) {
            (false, Some(last)) => *last,
            _ => u64::MAX,
        }
    }

    /// How many different values the set has: counted, or (k - 1) / the share of all hashes that the k least span
    /// (Bar-Yossef and others, 2002), with a relative standard error of 1 / sqrt(k - 2): 3 %.
    pub fn distincts(&self) -> f64 {
        let count = self.hashes.len() as f64;
        if self.whole || self.hashes.len() < 2 {
            return count;
        }
        let span = self.threshold() as f64 / u64::MAX as f64;
        (count - 1.0) / span
    }

    fn below(&self, threshold: u64) -> &[u64] {
        let end = self.hashes.partition_point(|hash| *hash <= threshold);
        self.hashes.get(..end).unwrap_or_default()
    }

    /// How much of this set lies within the other.
    pub fn within(&self, other: &Self) -> Share {
        let mine = self.below(other.threshold());
        let met = met(mine, &other.hashes);
        Share { asked: mine.len(), met, exact: self.whole && other.whole }
    }

    /// Shared values as part of all values of both (Jaccard).
    pub fn likeness(&self, other: &Self) -> f64 {
        let threshold = self.threshold().min(other.threshold());
        let (mine, theirs) = (self.below(threshold), other.below(threshold));
        let both = met(mine, theirs);
        let all = mine.len() + theirs.len() - both;
        if all == 0 { 0.0 } else { both as f64 / all as f64 }
    }
}

/// How many of the first are among the second; both are in order.
fn met(mine: &[u64], theirs: &[u64]) -> usize {
    let mut rest = theirs.iter().peekable();
    mine.iter()
        .filter(|hash| {
            while rest.next_if(|other| *other < *hash).is_some() {}
            rest.peek() == Some(hash)
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::profile::mix;

    fn sketch(values: impl Iterator<Item = u64>) -> Sketch {
        let mut gathering = Gathering::default();
        values.for_each(|value| gathering.add(mix(value)));
        gathering.finish()
    }

    #[test]
    fn few_values_are_told_exactly_however_often_they_come() {
        let few = sketch((0..10_000).map(|n| n % 100));
        let more = sketch(50..150);
        assert!(few.is_whole() && few.hashes().len() == 100);
        assert_eq!(few.within(&more), Share { asked: 100, met: 50, exact: true });
        assert_eq!(few.likeness(&more), 50.0 / 150.0);
        assert_eq!(few.within(&few).value(), 1.0);
        assert_eq!(sketch(0..0).within(&few).value(), 0.0);
    }

    #[test]
    fn many_values_are_told_within_a_few_hundredths() {
        let many = sketch(0..200_000);
        let half = sketch(100_000..300_000);
        assert!(!many.is_whole() && many.hashes().len() == SKETCH_VALUES);
        assert!((many.distincts() / 200_000.0 - 1.0).abs() < 0.1, "{}", many.distincts());
        let share = many.within(&half);
        assert!((share.value() - 0.5).abs() < 0.06 && !share.exact, "{share:?}");
        assert!((many.likeness(&half) - 1.0 / 3.0).abs() < 0.06);
        // All of a part are within the whole, whatever the sizes.
        let part = sketch((0..5000).map(|n| n * 40));
        let share = part.within(&many);
        assert!(share.asked > 10 && share.met == share.asked, "{share:?}");
    }

    #[test]
    fn memory_is_bounded() {
        let mut gathering = Gathering::default();
        for n in 0..100_000 {
            gathering.add(mix(n));
            assert!(gathering.hashes.len() < 2 * SKETCH_VALUES);
        }
    }
}
