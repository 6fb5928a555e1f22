//! How far rows are from those that a model was trained on, column by column.
//!
//! Measures and thresholds are those of BigQuery's `ML.VALIDATE_DATA_SKEW`: the largest difference of shares for categories, the
//! divergence of Jensen and Shannon for numbers, 0.3 for both. Two more are asked for as often: the population stability index (above 0.25
//! is a significant shift: Siddiqi, "Credit Risk Scorecards", 2006) and the distance of Kolmogorov and Smirnov between binned numbers.

use arrow::array::RecordBatch;

use super::features::FeatureSpec;
use crate::error::{Error, Kind, Result};

/// Rows of each part of each column's values.
pub type Tally = Vec<Vec<u64>>;

/// A distance between two ways in which rows are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divergence {
    /// The largest difference of the shares of a value: 0 to 1.
    LInfty,
    /// Jensen and Shannon's, in bits: 0 to 1.
    JensenShannon,
    /// The population stability index: 0 and more.
    Psi,
    /// Kolmogorov and Smirnov's: the largest difference of the shares up to a value, 0 to 1.
    KolmogorovSmirnov,
}

impl Divergence {
    /// Every measure with its name in SQL.
    pub const ALL: [(&'static str, Self); 4] = [
        ("l_infty", Self::LInfty),
        ("jensen_shannon_divergence", Self::JensenShannon),
        ("psi", Self::Psi),
        ("ks", Self::KolmogorovSmirnov),
    ];

    /// The measure of this name, whatever its case; of categories none that needs an order.
    pub fn parse(name: &str, of_numbers: bool) -> Result<Self> {
        let fits = |divergence: Self| of_numbers || divergence != Self::KolmogorovSmirnov;
        let known = Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, divergence)| *divergence).filter(|divergence| fits(*divergence)).ok_or_else(|| {
            let names: Vec<&str> =
                Self::ALL.iter().filter(|(_, divergence)| fits(*divergence)).map(|(name, _)| *name).collect();
            let what = if of_numbers { "numbers" } else { "categories" };
            Error::new(Kind::InvalidParameter, format!("there is no measure \"{name}\" of {what}"))
                .with_hint(format!("Available measures: {}.", names.join(", ")))
        })
    }

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, divergence)| *divergence == self).map_or("", |(name, _)| name)
    }

    /// The threshold unless another is asked for.
    pub fn threshold(self) -> f64 {
        match self {
            Self::LInfty | Self::JensenShannon | Self::KolmogorovSmirnov => 0.3,
            Self::Psi => 0.25,
        }
    }

    /// The distance between counts of the same parts; not a number where one has no rows.
    pub fn between(self, base: &[u64], other: &[u64]) -> f64 {
        let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
        let (all, all_other) = (total(base), total(other));
        if all == 0.0 || all_other == 0.0 {
            return f64::NAN;
        }
        let shares = || base.iter().zip(other).map(|(a, b)| (*a as f64 / all, *b as f64 / all_other));
        match self {
            Self::LInfty => shares().map(|(p, q)| (p - q).abs()).fold(0.0, f64::max),
            Self::JensenShannon => {
                let towards = |p: f64, middle: f64| if p > 0.0 { p * (p / middle).log2() } else { 0.0 };
                let sum: f64 = shares().map(|(p, q)| towards(p, (p + q) / 2.0) + towards(q, (p + q) / 2.0)).sum();
                (sum / 2.0).clamp(0.0, 1.0)
            }
            Self::Psi => {
                // Half a row more in each part: a share of nothing has no logarithm.
                let parts = base.len() as f64;
                let share = |count: u64, all: f64| (count as f64 + 0.5) / (all + 0.5 * parts);
                base.iter()
                    .zip(other)
                    .map(|(a, b)| (share(*a, all), share(*b, all_other)))
                    .map(|(p, q)| (q - p) * (q / p).ln())
                    .sum()
            }
            Self::KolmogorovSmirnov => {
                let (mut apart, mut most) = (0.0f64, 0.0f64);
                for (p, q) in shares() {
                    apart += p - q;
                    most = most.max(apart.abs());
                }
                most
            }
        }
    }
}

/// What is measured, and from where on it is an anomaly.
#[derive(Debug, Clone)]
pub struct DriftOptions {
    /// Of categories.
    pub categories: (Divergence, f64),
    /// Of numbers, times, lengths of texts.
    pub numbers: (Divergence, f64),
    /// Thresholds of columns that have their own.
    pub thresholds: Vec<(String, f64)>,
}

impl Default for DriftOptions {
    fn default() -> Self {
        let with_its_own = |divergence: Divergence| (divergence, divergence.threshold());
        Self {
            categories: with_its_own(Divergence::LInfty),
            numbers: with_its_own(Divergence::JensenShannon),
            thresholds: Vec::new(),
        }
    }
}

/// How far one column is from what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The column.
    pub feature: String,
    /// What was measured.
    pub metric: Divergence,
    /// Its value.
    pub value: f64,
    /// Above this it is an anomaly.
    pub threshold: f64,
}

impl Drift {
    /// Whether the column is too far from what it was.
    pub fn is_anomaly(&self) -> bool {
        self.value > self.threshold
    }
}

impl FeatureSpec {
    /// How far the rows of `tally` are from those of training, for each column that they had.
    pub(super) fn drift(&self, tally: &Tally, options: &DriftOptions) -> Vec<Drift> {
        let counted = self.spreads().filter_map(|(place, name, spread)| {
            let other = tally.get(place).filter(|counts| counts.iter().any(|count| *count > 0))?;
            let (metric, default) = if spread.is_ordered() { options.numbers } else { options.categories };
            let own = options.thresholds.iter().find(|(column, _)| column == name).map(|(_, threshold)| *threshold);
            let value = metric.between(spread.counts(), other);
            Some(Drift { feature: name.to_owned(), metric, value, threshold: own.unwrap_or(default) })
        });
        counted.collect()
    }

    /// The rows of batches by the parts of each column's values in training.
    pub(super) fn tallied(&self, batches: &[RecordBatch]) -> Result<Tally> {
        let mut tally = Tally::new();
        batches.iter().try_for_each(|batch| self.tally(batch, &mut tally))?;
        Ok(tally)
    }
}

/// Adds the counts of `more`.
pub fn add_tally(to: &mut Tally, more: &Tally) {
    to.resize(to.len().max(more.len()), Vec::new());
    for (to, more) in to.iter_mut().zip(more) {
        to.resize(to.len().max(more.len()), 0);
        to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray};

    use super::*;
    use crate::models::features::FeatureOptions;

    #[test]
    fn distances_by_hand() {
        let (base, other) = ([50, 30, 20], [20, 30, 50]);
        assert!((Divergence::LInfty.between(&base, &other) - 0.3).abs() < 1e-12);
        assert!((Divergence::KolmogorovSmirnov.between(&base, &other) - 0.3).abs() < 1e-12);
        // By scipy.spatial.distance.jensenshannon(p, q, base=2) ** 2.
        assert!((Divergence::JensenShannon.between(&base, &other) - 0.095_815_6).abs() < 1e-6);
        // 2 * 0.3 * ln(2.5), but for the half rows.
        assert!(
            (Divergence::Psi.between(&[50_000, 30_000, 20_000], &[20_000, 30_000, 50_000]) - 0.549_774).abs() < 1e-3
        );
        for (name, divergence) in Divergence::ALL {
            assert!(divergence.between(&base, &[500, 300, 200]).abs() < 1e-2, "{name}");
            assert!(divergence.between(&base, &[0, 0, 0]).is_nan(), "{name}");
        }
        assert_eq!(Divergence::JensenShannon.between(&[9, 0], &[0, 4]), 1.0);
    }

    fn batch(rows: i64, dearer: f64, red: i64) -> RecordBatch {
        RecordBatch::try_from_iter([
            (
                "price",
                Arc::new(Float64Array::from_iter(
                    (0..rows).map(|i| (i % 10 > 0).then_some(dearer + (i * 7919 % 997) as f64)),
                )) as ArrayRef,
            ),
            (
                "colour",
                Arc::new(StringArray::from_iter_values(
                    (0..rows).map(|i| if i % 10 < red { "red".to_owned() } else { format!("c{}", i % 4) }),
                )),
            ),
            ("at", Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(|i| i * 3_600_000_000)))),
        ])
        .unwrap()
    }

    #[test]
    fn rows_as_those_of_training_are_near_and_others_are_far() -> Result<()> {
        let spec = FeatureSpec::learn(&[batch(5000, 0.0, 3)], &FeatureOptions::default())?;
        let far = |other: &RecordBatch| -> Result<Vec<(String, bool)>> {
            let tally = spec.tallied(std::slice::from_ref(other))?;
            Ok(spec
                .drift(&tally, &DriftOptions::default())
                .iter()
                .map(|d| (d.feature.clone(), d.is_anomaly()))
                .collect())
        };
        let expected =
            |price, colour| vec![("price".to_owned(), price), ("colour".to_owned(), colour), ("at".to_owned(), false)];
        assert_eq!(far(&batch(2400, 0.0, 3))?, expected(false, false));
        assert_eq!(far(&batch(2400, 700.0, 3))?, expected(true, false));
        assert_eq!(far(&batch(2400, 0.0, 9))?, expected(false, true));
        // A column that is not there is not measured.
        let only = batch(2400, 0.0, 3).project(&[1]).unwrap();
        assert_eq!(far(&only)?, [("colour".to_owned(), false)]);
        let mistyped =
            RecordBatch::try_from_iter([("price", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]).unwrap();
        assert_eq!(spec.tallied(&[mistyped]).unwrap_err().kind(), Kind::DatatypeMismatch);
        Ok(())
    }
}
