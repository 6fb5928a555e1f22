//! When a rule holds, and how much it counts.

use super::metric::{Metric, Value};
use crate::governance::quality::Dimension;

/// What was counted or computed of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measured {
    /// Rows that it speaks of.
    pub total: u64,
    /// Those that are not as they should be, if it tells rows apart.
    pub failed: Option<u64>,
    /// The number that it computes, if it computes one.
    pub number: Option<f64>,
    /// Whether that number is what the rule expects; none if it expects nothing, or there is no number.
    pub expected: Option<bool>,
}

/// What a rule's measurement means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What is shown as its value; none where nothing was there to measure.
    pub value: Option<f64>,
    /// Whether it holds; none where nothing was there to measure.
    pub passed: Option<bool>,
    /// The share of rows that are as they should be; none if the rule does not tell rows apart.
    pub share: Option<f64>,
}

/// Judges a rule: a condition (`metric` is none) or a metric. It holds if its expectation does and the share of rows that are as
/// they should be is not below `threshold`; where it says neither, if every row is.
pub fn judge(metric: Option<Metric>, measured: &Measured, has_expectation: bool, threshold: Option<f64>) -> Judgement {
    let share = measured.failed.map(|failed| match measured.total {
        0 => 1.0,
        total => total.saturating_sub(failed) as f64 / total as f64,
    });
    let value = match metric.map(Metric::value) {
        // What is compared is what is shown.
        Some(_) if threshold.is_some() && !has_expectation => share.filter(|_| measured.total > 0),
        None | Some(Value::Share) => share.filter(|_| measured.total > 0),
        Some(Value::Failures) => measured.failed.map(|failed| failed as f64),
        Some(Value::Percent) => {
            measured.failed.filter(|_| measured.total > 0).map(|failed| 100.0 * failed as f64 / measured.total as f64)
        }
        Some(Value::Count | Value::OfValues) => measured.number,
    };
    let of_rows = match (threshold, share) {
        (Some(threshold), Some(share)) => Some(share >= threshold),
        (None, _) if has_expectation => None,
        (_, share) => share.map(|_| measured.failed == Some(0)),
    };
    let passed = match (has_expectation, measured.expected, of_rows) {
        (false, _, of_rows) => of_rows,
        (true, Some(expected), of_rows) => Some(expected && of_rows != Some(false)),
        (true, None, Some(false)) => Some(false),
        (true, None, _) => None,
    };
    Judgement { value, passed, share }
}

/// How much a rule counts whose failing is an error: twice as much as another rule, and as a finding of the inventory.
pub const ERROR_WEIGHT: f64 = 2.0;

/// A measurement as it counts for the quality of a relation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// The dimension.
    pub dimension: Dimension,
    /// The share of what is as it should be, 0 to 1.
    pub value: f64,
    /// How much it counts within its dimension.
    pub weight: f64,
}

impl Weighed {
    /// How much a rule counts: the share of rows that are as they should be, or 1 and 0 for a rule that holds and one that does
    /// not; nothing where nothing was measured.
    pub fn rule(dimension: Dimension, judgement: &Judgement, is_error: bool) -> Option<Self> {
        let weight = if is_error { ERROR_WEIGHT } else { 1.0 };
        let passed = judgement.passed?;
        Some(Self { dimension, value: judgement.share.unwrap_or(if passed { 1.0 } else { 0.0 }), weight })
    }
}

/// The weighted mean of each dimension's measurements, and of these by the weights of the dimensions; none of nothing.
pub fn weighed(measurements: &[Weighed]) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for dimension in Dimension::ALL {
        let of: Vec<&Weighed> = measurements.iter().filter(|m| m.dimension == dimension && m.weight > 0.0).collect();
        let all: f64 = of.iter().map(|m| m.weight).sum();
        if all > 0.0 {
            let mean = of.iter().map(|m| m.value * m.weight).sum::<f64>() / all;
            sum += dimension.weight() * mean;
            weights += dimension.weight();
        }
    }
    (weights > 0.0).then(|| sum / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(failed: u64, total: u64) -> Measured {
        Measured { total, failed: Some(failed), ..Measured::default() }
    }

    #[test]
    fn a_condition_holds_for_every_row_or_for_as_many_as_it_says() {
        let of = |failed, threshold| judge(None, &counted(failed, 200), false, threshold);
        assert_eq!((of(0, None).passed, of(1, None).passed), (Some(true), Some(false)));
        assert_eq!((of(2, Some(0.99)).passed, of(3, Some(0.99)).passed), (Some(true), Some(false)));
        assert_eq!(of(2, None).value, Some(0.99));
        // Of no rows none is wrong, and there is no share to show.
        let none = judge(None, &counted(0, 0), false, None);
        assert_eq!((none.value, none.passed, none.share), (None, Some(true), Some(1.0)));
    }

    #[test]
    fn an_expectation_is_asked_of_the_value_and_a_threshold_of_the_share() {
        let nulls = Measured { expected: Some(true), ..counted(5, 100) };
        let judged = judge(Some(Metric::NullCount), &nulls, true, None);
        assert_eq!((judged.value, judged.passed, judged.share), (Some(5.0), Some(true), Some(0.95)));
        assert_eq!(judge(Some(Metric::NullCount), &nulls, true, Some(0.99)).passed, Some(false));
        assert_eq!(judge(Some(Metric::NullCount), &nulls, false, Some(0.9)).value, Some(0.95));
        assert_eq!(judge(Some(Metric::NullPercent), &nulls, true, None).value.map(f64::round), Some(5.0));
        // Nothing there to compare: neither right nor wrong.
        let nothing = Measured { total: 0, ..Measured::default() };
        assert_eq!(judge(Some(Metric::Avg), &nothing, true, None).passed, None);
    }

    #[test]
    fn errors_count_twice_and_dimensions_by_their_weights() {
        let of = |dimension, value, weight| Weighed { dimension, value, weight };
        let both = [of(Dimension::Validity, 1.0, 1.0), of(Dimension::Validity, 0.4, 2.0)];
        assert!((weighed(&both).unwrap() - 0.6).abs() < 1e-12);
        let two = [of(Dimension::Completeness, 1.0, 1.0), of(Dimension::Timeliness, 0.4, 1.0)];
        assert!((weighed(&two).unwrap() - 0.8).abs() < 1e-12);
        assert_eq!(weighed(&[]), None);
        let failed = Judgement { value: Some(3.0), passed: Some(false), share: None };
        let rule = Weighed::rule(Dimension::Validity, &failed, true).unwrap();
        assert_eq!((rule.value, rule.weight), (0.0, 2.0));
    }
}
