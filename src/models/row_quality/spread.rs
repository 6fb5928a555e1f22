//! Where the numbers or days of a column lie, and how far from them a value is.

use serde::{Deserialize, Serialize};

use super::pattern::{day, number};

/// Robust deviations from the median beyond which a number speaks of an error.
pub(super) const FAR_OUT: f64 = 8.0;
/// Values below which nothing is said.
const VALUES_MIN: u64 = 30;

/// Median and spread of numbers or days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    median: f64,
    deviation: f64,
    /// The same of the logarithms, where nearly all are above 0.
    log: Option<(f64, f64)>,
    pub negative_share: f64,
    pub days: bool,
}

impl Spread {
    /// Weighted medians of values and of distances from it; quartiles where more than half are equal; `None` for few
    /// values, and where all are equal without a sign to judge.
    pub fn learn(mut values: Vec<(f64, u32)>, days: bool) -> Option<Self> {
        let total: u64 = values.iter().map(|(_, count)| *count as u64).sum();
        if total < VALUES_MIN {
            return None;
        }
        let negative: u64 = values.iter().filter(|(value, _)| *value < 0.0).map(|(_, count)| *count as u64).sum();
        let positive: u64 = values.iter().filter(|(value, _)| *value > 0.0).map(|(_, count)| *count as u64).sum();
        let negative_share = negative as f64 / total as f64;
        let (median, deviation) = centre(&mut values);
        let mut log = None;
        if !days && positive as f64 >= 0.95 * total as f64 {
            let mut logs: Vec<(f64, u32)> =
                values.iter().filter(|(value, _)| *value > 0.0).map(|(value, count)| (value.ln(), *count)).collect();
            log = Some(centre(&mut logs));
        }
        if deviation <= 0.0 && log.is_none_or(|(_, deviation)| deviation <= 0.0) {
            let spread = Self { median, deviation: 0.0, log: None, negative_share, days };
            return (negative * 200 < total).then_some(spread);
        }
        Some(Self { median, deviation, log, negative_share, days })
    }

    /// Whether nearly all numbers are above 0.
    pub fn is_of_positives(&self) -> bool {
        self.log.is_some()
    }

    /// The number or the day that a text of this column is.
    pub fn measure(&self, text: &str) -> Option<f64> {
        if self.days { day(text) } else { number(text) }
    }

    /// Robust deviations from the median; of the plain and the logarithmic scale the nearer.
    pub fn out(&self, number: f64) -> f64 {
        let far = |value: f64, median: f64, deviation: f64| {
            if deviation > 0.0 { (value - median).abs() / deviation } else { 0.0 }
        };
        let mut out = far(number, self.median, self.deviation);
        if let Some((median, deviation)) = self.log {
            let log_out = if number > 0.0 { far(number.ln(), median, deviation) } else { FAR_OUT };
            out = out.min(log_out);
        }
        out
    }

    /// Whether the value lies among the others: not far out, and the very value where all are equal.
    pub fn holds(&self, number: f64) -> bool {
        if self.deviation > 0.0 { self.out(number) <= FAR_OUT } else { number == self.median }
    }
}

/// Median and 1.4826 times the median distance from it (the deviation, for normal values); where that is 0, the distance
/// between the 5th and 95th percentile over 3.29.
fn centre(values: &mut [(f64, u32)]) -> (f64, f64) {
    let median = quantile(values, 0.5);
    let mut distances: Vec<(f64, u32)> = values.iter().map(|(value, count)| ((value - median).abs(), *count)).collect();
    let deviation = 1.4826 * quantile(&mut distances, 0.5);
    if deviation > 0.0 && deviation.is_finite() {
        return (median, deviation);
    }
    let wide = (quantile(values, 0.95) - quantile(values, 0.05)) / 3.29;
    // The ends of the range of floats are further apart than a float can say.
    (median, if wide.is_finite() { wide } else { 0.0 })
}

fn quantile(values: &mut [(f64, u32)], share: f64) -> f64 {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|(_, count)| *count as f64).sum();
    let mut passed = 0.0;
    for (value, count) in values.iter() {
        passed += *count as f64;
        if passed >= share * total {
            return *value;
        }
    }
    0.0
}
