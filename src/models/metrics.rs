//! How good predictions are, over plain slices.
//!
//! Probabilities lie in 0..1 and labels are `true` for a click (or whatever is predicted). Slices go in pairs of equal
//! length; where lengths differ the shorter one counts. A measure that has no meaning on the rows given (AUC of one
//! class, anything of no rows) is NaN, never a flattering number.

use std::collections::HashMap;
use std::hash::Hash;

/// Probabilities are kept this far from 0 and 1 before a logarithm is taken, as scikit-learn's `log_loss` keeps those of its type:
/// by the type's epsilon.
pub(in crate::models) const PROBABILITY_MIN: f64 = f64::EPSILON;

/// Area under the ROC curve: the chance that a random positive is scored above a random negative, ties counting half.
/// By ranks (Mann and Whitney), O(n log n). NaN when only one class is present or a score is NaN.
pub fn auc<S: Copy + Into<f64>>(scores: &[S], labels: &[bool]) -> f64 {
    let rows = scores.len().min(labels.len());
    let mut order: Vec<(f64, bool)> = scores.iter().map(|score| (*score).into()).zip(labels.iter().copied()).collect();
    if order.iter().any(|(score, _)| score.is_nan()) {
        return f64::NAN;
    }
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let positives = order.iter().filter(|(_, label)| *label).count();
    if positives == 0 || positives == rows {
        return f64::NAN;
    }
    let (mut rank_sum, mut before) = (0.0, 0usize);
    // 0.0 and -0.0 are ordered apart but are equal, so ties are runs of `==`.
    for run in order.chunk_by(|a, b| a.0 == b.0) {
        let middle = before as f64 + (run.len() as f64 + 1.0) / 2.0;
        rank_sum += middle * run.iter().filter(|(_, label)| *label).count() as f64;
        before += run.len();
    }
    let (p, n) = (positives as f64, (rows - positives) as f64);
    (rank_sum - p * (p + 1.0) / 2.0) / (p * n)
}

/// AUC within each group (user), averaged with the groups' sizes as weights; groups of one class are left out, as in
/// the measure's first use (Zhu et al., "Optimized Cost per Click in Taobao", 2017). Gives the measure and the number
/// of rows that counted.
pub fn gauc<G: Eq + Hash + Copy>(scores: &[f64], labels: &[bool], groups: &[G]) -> (f64, usize) {
    let mut by_group: HashMap<G, (Vec<f64>, Vec<bool>)> = HashMap::new();
    for ((score, label), group) in scores.iter().zip(labels).zip(groups) {
        let (group_scores, group_labels) = by_group.entry(*group).or_default();
        group_scores.push(*score);
        group_labels.push(*label);
    }
    // Summed in a fixed order: the order of a HashMap changes from run to run, and floating sums with it.
    let mut parts: Vec<(f64, usize)> =
        by_group.values().map(|(scores, labels)| (auc(scores, labels), scores.len())).collect();
    parts.retain(|(area, _)| !area.is_nan());
    parts.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.total_cmp(&b.0)));
    let rows: usize = parts.iter().map(|(_, rows)| rows).sum();
    let sum: f64 = parts.iter().map(|(area, rows)| area * *rows as f64).sum();
    (sum / rows as f64, rows)
}

/// Mean cross-entropy in nats of probabilities against labels.
pub fn logloss(probabilities: &[f64], labels: &[bool]) -> f64 {
    mean(probabilities.iter().zip(labels).map(|(p, label)| {
        let p = p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
        if *label { -p.ln() } else { -(1.0 - p).ln() }
    }))
}

/// Log-loss divided by the log-loss of always saying the rows' own click rate (He et al., "Practical Lessons from
/// Predicting Clicks on Ads at Facebook", 2014): below 1 is better than knowing only the rate.
pub fn normalised_entropy(probabilities: &[f64], labels: &[bool]) -> f64 {
    let rate = rate(labels);
    let entropy = -(rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln());
    logloss(probabilities, labels) / entropy
}

/// Expected calibration error: rows in `bins` bins of equal width by probability; the distance between mean probability
/// and rate of positives in each, weighted by its rows.
pub fn ece(probabilities: &[f64], labels: &[bool], bins: usize) -> f64 {
    let bins = bins.max(1);
    let mut sums = vec![(0.0f64, 0.0f64); bins];
    let mut rows = 0usize;
    for (p, label) in probabilities.iter().zip(labels) {
        let place = ((p * bins as f64) as usize).min(bins - 1);
        if let Some((said, seen)) = sums.get_mut(place) {
            *said += p;
            *seen += *label as u8 as f64;
        }
        rows += 1;
    }
    sums.iter().map(|(said, seen)| (said - seen).abs()).sum::<f64>() / rows as f64
}

/// Share of labels that are true; NaN of none.
pub fn rate(labels: &[bool]) -> f64 {
    mean(labels.iter().map(|label| *label as u8 as f64))
}

/// Root of the mean squared error.
pub fn rmse(predicted: &[f64], actual: &[f64]) -> f64 {
    mean(predicted.iter().zip(actual).map(|(p, a)| (p - a).powi(2))).sqrt()
}

/// Mean absolute error.
pub fn mae(predicted: &[f64], actual: &[f64]) -> f64 {
    mean(predicted.iter().zip(actual).map(|(p, a)| (p - a).abs()))
}

/// Mean absolute error as a share of the actual value, and the rows that counted: those whose value is not 0.
pub fn mape(predicted: &[f64], actual: &[f64]) -> (f64, usize) {
    let counted = || predicted.iter().zip(actual).filter(|(_, actual)| **actual != 0.0);
    (mean(counted().map(|(p, a)| ((p - a) / a).abs())), counted().count())
}

/// Share of the variance of the actual values that the predictions explain: 1 for all of it, 0 for as much as their mean does, less
/// for less. NaN where they do not vary.
pub fn r2(predicted: &[f64], actual: &[f64]) -> f64 {
    let centre = mean(actual.iter().copied());
    let variance = mean(actual.iter().map(|value| (value - centre).powi(2)));
    if variance > 0.0 {
        1.0 - mean(predicted.iter().zip(actual).map(|(p, a)| (p - a).powi(2))) / variance
    } else {
        f64::NAN
    }
}

/// Share of rows whose predicted class is the actual one.
pub fn accuracy<T: PartialEq>(predicted: &[T], actual: &[T]) -> f64 {
    mean(predicted.iter().zip(actual).map(|(p, a)| (p == a) as u8 as f64))
}

/// Precision, recall and their harmonic mean (F1) of flagged rows. With nothing flagged precision is NaN and F1 0; with
/// nothing to find recall is NaN.
pub fn precision_recall_f1(flagged: &[bool], actual: &[bool]) -> (f64, f64, f64) {
    let (mut hits, mut flags, mut wanted) = (0u64, 0u64, 0u64);
    for (flag, label) in flagged.iter().zip(actual) {
        hits += (*flag && *label) as u64;
        flags += *flag as u64;
        wanted += *label as u64;
    }
    let f1 = if flags + wanted == 0 { f64::NAN } else { 2.0 * hits as f64 / (flags + wanted) as f64 };
    (hits as f64 / flags as f64, hits as f64 / wanted as f64, f1)
}

/// F1 of the class `true`.
pub fn f1(flagged: &[bool], actual: &[bool]) -> f64 {
    precision_recall_f1(flagged, actual).2
}

/// Mean of F1 over every class that occurs among the actual ones.
pub fn macro_f1<T: Eq + Hash>(predicted: &[T], actual: &[T]) -> f64 {
    // hits, rows predicted to be of the class, rows truly of the class
    let mut counts: HashMap<&T, (u64, u64, u64)> = HashMap::new();
    for (p, a) in predicted.iter().zip(actual) {
        counts.entry(p).or_default().1 += 1;
        let entry = counts.entry(a).or_default();
        entry.0 += (p == a) as u64;
        entry.2 += 1;
    }
    let mut scores: Vec<f64> = counts
        .values()
        .filter(|(_, _, truly)| *truly > 0)
        .map(|(hits, said, truly)| 2.0 * *hits as f64 / (said + truly) as f64)
        .collect();
    scores.sort_unstable_by(f64::total_cmp);
    mean(scores.into_iter())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    /// The definition, pair by pair.
    fn auc_by_pairs(scores: &[f32], labels: &[bool]) -> f64 {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (p, _) in scores.iter().zip(labels).filter(|(_, label)| **label) {
            for (n, _) in scores.iter().zip(labels).filter(|(_, label)| !**label) {
                sum += if p > n {
                    1.0
                } else if p == n {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        sum / pairs
    }

    #[test]
    fn auc_is_its_slow_twin_with_many_ties() {
        let mut random = Random::new(3);
        for size in [2, 5, 40, 300] {
            let scores: Vec<f32> = (0..size).map(|_| random.below(7) as f32 / 7.0 - 0.4).collect();
            let mut labels: Vec<bool> = (0..size).map(|_| random.below(3) == 0).collect();
            (labels[0], labels[1]) = (true, false);
            assert!((auc(&scores, &labels) - auc_by_pairs(&scores, &labels)).abs() < 1e-12);
        }
        assert!(auc(&[0.1, 0.2], &[true, true]).is_nan());
        assert!(auc::<f64>(&[], &[]).is_nan());
        assert_eq!(auc(&[0.0, -0.0], &[true, false]), 0.5);
    }

    #[test]
    fn gauc_is_the_weighted_mean_of_groups_of_two_classes() {
        let scores = [0.9, 0.1, 0.2, 0.8, 0.5, 0.7];
        let labels = [true, false, true, false, true, true];
        let (area, rows) = gauc(&scores, &labels, &[1, 1, 2, 2, 3, 3]);
        assert_eq!((area, rows), (0.5, 4));
    }

    #[test]
    fn logloss_and_entropy_by_hand() {
        assert!((logloss(&[0.8, 0.4], &[true, false]) - (-(0.8f64.ln()) - 0.6f64.ln()) / 2.0).abs() < 1e-12);
        // As sure as a double can be, and wrong: as scikit-learn's.
        assert!((logloss(&[0.0, 1.0], &[true, true]) - 36.04365338911715 / 2.0).abs() < 1e-9);
        assert!((normalised_entropy(&[0.25; 4], &[true, false, false, false]) - 1.0).abs() < 1e-9);
        assert!(logloss(&[0.0], &[true]).is_finite());
        assert!(logloss(&[], &[]).is_nan());
    }

    #[test]
    fn ece_by_hand() {
        // One bin says .25 and sees .5, the other says .95 and sees 1.
        let error = ece(&[0.25, 0.25, 0.95, 1.0], &[true, false, true, true], 2);
        assert!((error - (0.25 * 0.5 + 0.025 * 0.5)).abs() < 1e-7, "{error}");
    }

    #[test]
    fn errors_and_counts_by_hand() {
        assert!((rmse(&[1.0, 3.0], &[0.0, 0.0]) - 5.0f64.sqrt()).abs() < 1e-9);
        assert_eq!(mae(&[1.0, -3.0], &[0.0, 0.0]), 2.0);
        assert_eq!(mape(&[1.0, 3.0, 5.0], &[2.0, 2.0, 0.0]), (0.5, 2));
        assert_eq!((r2(&[1.0, 3.0], &[1.0, 3.0]), r2(&[2.0, 2.0], &[1.0, 3.0])), (1.0, 0.0));
        assert!(r2(&[1.0], &[1.0]).is_nan());
        assert_eq!(accuracy(&["a", "b"], &["a", "c"]), 0.5);
        let (precision, recall, f1) = precision_recall_f1(&[true, true, false], &[true, false, true]);
        assert_eq!((precision, recall, f1), (0.5, 0.5, 0.5));
        // a: 2 hits of 3 said and 2 true, F1 .8; b: none.
        assert!((macro_f1(&["a", "a", "a"], &["a", "a", "b"]) - 0.4).abs() < 1e-12);
    }
}
