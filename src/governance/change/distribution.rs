//! How the values of a column are distributed, in a few numbers, and how far two distributions are from each other.
//!
//! Numbers: the population stability index, the sum of `(q - p) ln(q / p)` over bins that each have a tenth of the earlier numbers.
//! Categories: the Jensen-Shannon distance, the root of the divergence in bits, 0 to 1. Of n and m rows drawn from the same
//! distribution the index is about `chi2 (1/n + 1/m)` with a degree of freedom less than there are bins (Yurdakul, "Statistical properties
//! of population stability index", 2018), and the divergence an eighth of that in nats: what lies within the 99.9th hundredth of it
//! is chance, and no drift.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// From this index on numbers have drifted: "a significant change" of those who use it.
pub const PSI_MIN: f64 = 0.2;
/// From this distance on categories have drifted.
pub const JENSEN_SHANNON_MIN: f64 = 0.1;
/// The 99.9th hundredth of chi-squared with 9 degrees of freedom.
const CHI2: f64 = 27.88;
/// Part of the values that the frequent ones must be.
const COVERED_MIN: f64 = 0.9;
/// Values below which nothing is said.
const VALUES_MIN: u64 = 20;

/// How the values of a column are distributed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Distribution {
    /// Values that are not NULL.
    pub present: u64,
    /// The least number and those at each twentieth.
    pub spread: Vec<f64>,
    /// Hashes of the most frequent values, and how often each is there.
    pub frequent: Vec<(u64, u64)>,
}

/// How far a distribution is from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drifted {
    /// `psi` or `jensen_shannon`.
    pub metric: &'static str,
    /// How far.
    pub value: f64,
    /// From how far on it is more than chance, and worth telling.
    pub threshold: f64,
}

/// How far the later distribution is from the earlier; `None` where that cannot be said.
pub fn drifted(before: &Distribution, after: &Distribution) -> Option<Drifted> {
    if before.present < VALUES_MIN || after.present < VALUES_MIN {
        return None;
    }
    let chance = CHI2 * (1.0 / before.present as f64 + 1.0 / after.present as f64);
    let covered = |one: &Distribution| {
        one.frequent.iter().map(|(_, count)| *count).sum::<u64>() as f64 >= COVERED_MIN * one.present as f64
    };
    if covered(before) && covered(after) {
        let value = jensen_shannon(before, after);
        let floor = (chance / (8.0 * std::f64::consts::LN_2)).sqrt();
        return Some(Drifted { metric: "jensen_shannon", value, threshold: JENSEN_SHANNON_MIN.max(floor) });
    }
    let value = stability_index(before, after)?;
    Some(Drifted { metric: "psi", value, threshold: PSI_MIN.max(chance) })
}

fn jensen_shannon(before: &Distribution, after: &Distribution) -> f64 {
    let share = |one: &Distribution, value: u64| {
        let count = one.frequent.iter().find(|(hash, _)| *hash == value).map_or(0, |(_, count)| *count);
        count as f64 / one.present as f64
    };
    let all = before.frequent.iter().chain(&after.frequent).map(|(hash, _)| *hash);
    let mut pairs: Vec<(f64, f64)> =
        all.collect::<BTreeSet<u64>>().into_iter().map(|value| (share(before, value), share(after, value))).collect();
    // What is seldom is one category.
    let rest = |which: fn(&(f64, f64)) -> f64| (1.0 - pairs.iter().map(which).sum::<f64>()).max(0.0);
    let rest = (rest(|pair| pair.0), rest(|pair| pair.1));
    pairs.push(rest);
    let part = |p: f64, middle: f64| if p > 0.0 { p * (p / middle).log2() } else { 0.0 };
    let divergence: f64 = pairs
        .iter()
        .map(|(p, q)| {
            let middle = (p + q) / 2.0;
            (part(*p, middle) + part(*q, middle)) / 2.0
        })
        .sum();
    divergence.max(0.0).sqrt()
}

fn stability_index(before: &Distribution, after: &Distribution) -> Option<f64> {
    if before.spread.len() < 3 || after.spread.len() < 3 {
        return None;
    }
    let mut edges: Vec<f64> = before.spread.iter().skip(2).step_by(2).copied().collect();
    edges.pop();
    edges.dedup();
    edges.push(f64::INFINITY);
    let (mut index, mut seen) = (0.0, (0.0, 0.0));
    for edge in edges {
        let now = (below(&before.spread, edge), below(&after.spread, edge));
        let floor = |share: f64, one: &Distribution| share.max(0.5 / one.present as f64);
        let (p, q) = (floor(now.0 - seen.0, before), floor(now.1 - seen.1, after));
        index += (q - p) * (q / p).ln();
        seen = now;
    }
    Some(index)
}

/// The share of numbers up to `x`, by their spread.
fn below(spread: &[f64], x: f64) -> f64 {
    let steps = spread.len().saturating_sub(1).max(1) as f64;
    let up_to = spread.partition_point(|number| *number <= x);
    let (Some(low), Some(high)) = (up_to.checked_sub(1).and_then(|at| spread.get(at)), spread.get(up_to)) else {
        return if up_to == 0 { 0.0 } else { 1.0 };
    };
    ((up_to - 1) as f64 + (x - low) / (high - low)) / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(mut all: Vec<f64>) -> Distribution {
        all.sort_by(f64::total_cmp);
        let at = |n: usize| all[(n * all.len()).div_ceil(20).max(1) - 1];
        Distribution { present: all.len() as u64, spread: (0..=20).map(at).collect(), frequent: Vec::new() }
    }

    #[test]
    fn numbers_that_move_have_drifted_and_others_of_the_same_kind_have_not() {
        // A sequence that fills the unit interval evenly.
        let even = |from: usize, count: usize| (from..from + count).map(|n| (n as f64 * 0.618_033_988_75).fract());
        let before = numbers(even(0, 2000).collect());
        let same = drifted(&before, &numbers(even(5000, 1500).collect())).unwrap();
        assert!(same.metric == "psi" && same.value < 0.02, "{same:?}");
        let moved = drifted(&before, &numbers(even(0, 2000).map(|x| x * 0.7 + 0.5).collect())).unwrap();
        assert!(moved.value > 1.0 && moved.value > moved.threshold, "{moved:?}");
        // Of few rows more may be chance.
        assert!(drifted(&numbers(even(0, 50).collect()), &before).unwrap().threshold > 0.5);
        assert!(drifted(&numbers(even(0, 10).collect()), &before).is_none());
    }

    #[test]
    fn categories() {
        let of = |counts: &[u64]| Distribution {
            present: counts.iter().sum(),
            spread: Vec::new(),
            frequent: counts.iter().enumerate().map(|(n, count)| (n as u64, *count)).collect(),
        };
        let before = of(&[500, 300, 200]);
        assert!(drifted(&before, &before).unwrap().value < 1e-9);
        let moved = drifted(&before, &of(&[200, 300, 500])).unwrap();
        assert!(moved.metric == "jensen_shannon" && moved.value > 0.2, "{moved:?}");
        let apart = drifted(&of(&[1000]), &of(&[0, 1000])).unwrap();
        assert!((apart.value - 1.0).abs() < 1e-9);
    }
}
