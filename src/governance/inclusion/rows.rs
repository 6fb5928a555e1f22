//! What the rows of a relation are, as a whole: a sketch of its different rows, how many there are, and a sum that is the same for the
//! same rows in whichever order.

use super::sketch::{Gathering, Share, Sketch};
use crate::governance::profile::mix;

/// Gathers what the rows of a relation are.
#[derive(Debug, Clone, Default)]
pub struct RowGathering {
    different: Gathering,
    rows: u64,
    sum: u64,
}

/// What the rows of a relation are. Two relations with equal sums and counts have the same rows, each as often, but for odds of one in
/// 2^64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowSketch {
    /// The least hashes of different rows.
    pub different: Sketch,
    /// Rows.
    pub rows: u64,
    /// Sum of all their hashes.
    pub sum: u64,
}

impl RowGathering {
    /// Takes in a row: the sum of [`of_row`](super::value::of_row) over its values that are not NULL.
    #[inline]
    pub fn add(&mut self, values: u64) {
        let row = mix(values);
        self.different.add(row);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(mix(row ^ 0xD6E8_FEB8_6659_FD93));
    }

    /// What they are.
    pub fn finish(self) -> RowSketch {
        RowSketch { different: self.different.finish(), rows: self.rows, sum: self.sum }
    }
}

/// How the rows of two relations lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// The same rows, each as often.
    Equal,
    /// Nearly the same rows.
    NearlyEqual,
    /// All rows of the one, but for a few, are among those of the other, which has more.
    Contained,
}

impl Copied {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::NearlyEqual => "near_copy",
            Self::Contained => "contained",
        }
    }
}

/// From this share of common rows on two relations are nearly the same.
const LIKENESS_MIN: f64 = 0.8;
/// From this share of its rows in another on a relation is contained in that.
const CONTAINED_MIN: f64 = 0.9;
/// Different rows below which being among another's says nothing.
const ROWS_MIN: f64 = 10.0;
/// Hashes that must have been asked of, at least.
const ASKED_MIN: usize = 10;

/// How the rows of `one` lie to those of `other`, with the common part of all rows of both and the share of `one` in `other`; `None`
/// where they have little in common, or too few rows to say.
pub fn copied(one: &RowSketch, other: &RowSketch) -> Option<(Copied, f64, Share)> {
    if one.rows == 0 || other.rows == 0 {
        return None;
    }
    let share = one.different.within(&other.different);
    if one.rows == other.rows && one.sum == other.sum {
        return Some((Copied::Equal, 1.0, Share { asked: share.asked, met: share.asked, exact: true }));
    }
    if one.different.distincts() < ROWS_MIN || share.asked < ASKED_MIN {
        return None;
    }
    let likeness = one.different.likeness(&other.different);
    if likeness >= LIKENESS_MIN {
        return Some((Copied::NearlyEqual, likeness, share));
    }
    (share.value() >= CONTAINED_MIN).then_some((Copied::Contained, likeness, share))
}

#[cfg(test)]
mod tests {
    use super::super::value::{hash_whole, of_row};
    use super::*;

    fn rows(numbers: impl Iterator<Item = i64>) -> RowSketch {
        let mut gathering = RowGathering::default();
        numbers.for_each(|n| gathering.add(of_row(hash_whole(n)).wrapping_add(of_row(hash_whole(n * 31)))));
        gathering.finish()
    }

    #[test]
    fn the_same_rows_in_another_order_are_equal_and_a_few_others_make_a_near_copy() {
        let some = rows(0..5000);
        assert_eq!(copied(&some, &rows((0..5000).rev())).unwrap().0, Copied::Equal);
        let (how, likeness, _) = copied(&some, &rows(50..5020)).unwrap();
        assert!(how == Copied::NearlyEqual && likeness > 0.95, "{likeness}");
        // Once more than the other.
        assert_eq!(copied(&some, &rows((0..5000).chain([7]))).unwrap().0, Copied::NearlyEqual);
    }

    #[test]
    fn a_part_is_contained_and_strangers_are_not() {
        let (all, part) = (rows(0..4000), rows(100..900));
        assert_eq!(copied(&part, &all).unwrap().0, Copied::Contained);
        assert!(copied(&all, &part).is_none());
        assert!(copied(&part, &rows(90_000..95_000)).is_none());
        // A handful of rows is a part of much by chance.
        assert!(copied(&rows(0..3), &all).is_none());
    }
}
