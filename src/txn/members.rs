//! A set of whole numbers as bits, for asking many rows whether theirs is in it.

/// Bits that a set may have: 16 MiB.
const BITS_MAX: i64 = 1 << 27;

/// A set of whole numbers that lie within some range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    first: i64,
    bits: Vec<u64>,
    count: usize,
}

impl Members {
    /// The set of these numbers; none if they lie too far apart.
    pub fn of(numbers: &[Vec<i64>]) -> Option<Self> {
        let all = || numbers.iter().flatten().copied();
        let (Some(first), Some(last)) = (all().min(), all().max()) else {
            return Some(Self { first: 0, bits: Vec::new(), count: 0 });
        };
        let range = last.checked_sub(first).filter(|range| *range < BITS_MAX)?;
        let mut bits = vec![0u64; (range as usize >> 6) + 1];
        for number in all() {
            let at = (number - first) as usize;
            bits[at >> 6] |= 1 << (at & 63);
        }
        let count = bits.iter().map(|word| word.count_ones() as usize).sum();
        Some(Self { first, bits, count })
    }

    /// The least number that it may have.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Whether the number is in it that is so far above the first one; what is below it wraps around, and is not.
    #[inline]
    pub fn has_above(&self, above: u64) -> bool {
        match self.bits.get((above >> 6) as usize) {
            Some(word) => word >> (above & 63) & 1 == 1,
            None => false,
        }
    }

    /// Whether a number is in it.
    #[inline]
    pub fn has(&self, number: i64) -> bool {
        self.has_above(number.wrapping_sub(self.first) as u64)
    }

    /// Whether one of these numbers may be in it, both ends included.
    pub fn has_between(&self, least: i64, most: i64) -> bool {
        let end = self.first.saturating_add((self.bits.len() as i64) << 6);
        if self.count == 0 || most < self.first || least >= end {
            return false;
        }
        let from = (least.max(self.first) - self.first) as usize >> 6;
        let until = (most.min(end - 1) - self.first) as usize >> 6;
        // By whole words: a neighbour within the word counts too.
        self.bits[from..=until].iter().any(|word| *word != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_what_was_put_in_and_nothing_else() {
        let set = Members::of(&[vec![5, 900, -70], vec![], vec![5]]).unwrap();
        let found: Vec<i64> = (-2000..2000).filter(|n| set.has(*n)).collect();
        assert_eq!(found, [-70, 5, 900]);
        assert!(!set.has(i64::MIN) && !set.has(i64::MAX));
        assert!(set.has_between(-70, -70) && set.has_between(i64::MIN, i64::MAX) && !set.has_between(400, 500));
        assert!(!set.has_between(2000, i64::MAX) && !set.has_between(i64::MIN, -71));
        let none = Members::of(&[]).unwrap();
        assert!(!none.has(0) && !none.has_between(i64::MIN, i64::MAX));
        assert_eq!(Members::of(&[vec![i64::MIN, i64::MAX]]), None);
        assert_eq!(Members::of(&[vec![0, BITS_MAX]]), None);
    }
}
