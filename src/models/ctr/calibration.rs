//! From a logit to a probability that can be believed.

use serde::{Deserialize, Serialize};

use super::network::probability;
use super::options::CalibrationMethod;

/// Rows of either class below which a staircase or a curve would follow noise.
const CLASS_ROWS_MIN: usize = 10;

/// A rising function from logit to probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Calibration {
    /// The logistic function itself.
    None,
    /// The logistic function of `slope * logit + shift`.
    Platt { slope: f32, shift: f32 },
    /// Probability by logit at steps, straight between them, flat beyond.
    Isotonic { logits: Vec<f32>, probabilities: Vec<f32> },
}

impl Calibration {
    /// Fits the method on rows that the network was not trained on. With too few rows of a class: [`Self::None`].
    pub fn fit(method: CalibrationMethod, logits: &[f32], labels: &[bool]) -> Self {
        let positives = labels.iter().filter(|label| **label).count();
        if positives < CLASS_ROWS_MIN || labels.len() - positives < CLASS_ROWS_MIN {
            return Self::None;
        }
        match method {
            CalibrationMethod::None => Self::None,
            CalibrationMethod::Platt => platt(logits, labels),
            CalibrationMethod::Isotonic => isotonic(logits, labels),
        }
    }

    /// The probability for a logit.
    pub fn apply(&self, logit: f32) -> f64 {
        match self {
            Self::None => probability(logit),
            Self::Platt { slope, shift } => probability(slope * logit + shift),
            Self::Isotonic { logits, probabilities } => between(logits, probabilities, logit),
        }
    }

    /// Whether it is a rising function of finite numbers; a loaded one might not be.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::None => true,
            Self::Platt { slope, shift } => slope.is_finite() && shift.is_finite(),
            Self::Isotonic { logits, probabilities } => {
                !logits.is_empty()
                    && logits.len() == probabilities.len()
                    && logits.is_sorted()
                    && probabilities.is_sorted()
                    && logits.iter().all(|logit| logit.is_finite())
                    && probabilities.iter().all(|p| (0.0..=1.0).contains(p))
            }
        }
    }
}

/// Newton's method on two parameters, with a weak pull towards the logistic function itself and targets drawn in from
/// 0 and 1 as Platt did. A falling curve (noise) is refused.
fn platt(logits: &[f32], labels: &[bool]) -> Calibration {
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let (mut slope, mut shift) = (1.0f64, 0.0f64);
    const PULL: f64 = 1.0;
    for _ in 0..50 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (PULL * (slope - 1.0), PULL * shift, PULL, 0.0, PULL);
        for (logit, label) in logits.iter().zip(labels) {
            let z = (*logit as f64).clamp(-30.0, 30.0);
            let p = 1.0 / (1.0 + (-(slope * z + shift)).exp());
            let (error, weight) = (p - if *label { high } else { low }, (p * (1.0 - p)).max(1e-9));
            g0 += error * z;
            g1 += error;
            h00 += weight * z * z;
            h01 += weight * z;
            h11 += weight;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        let (d0, d1) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        // A full step may overshoot where the curve is flat.
        let scale = 1.0f64.min(2.0 / d0.hypot(d1).max(1e-12));
        (slope, shift) = (slope - scale * d0, shift - scale * d1);
        if d0.abs() + d1.abs() < 1e-9 {
            break;
        }
    }
    if slope > 0.0 && slope.is_finite() && shift.is_finite() {
        Calibration::Platt { slope: slope as f32, shift: shift as f32 }
    } else {
        Calibration::None
    }
}

/// Pool adjacent violators: neighbouring blocks whose rates fall are merged until all rise.
fn isotonic(logits: &[f32], labels: &[bool]) -> Calibration {
    let mut order: Vec<(f32, bool)> = logits.iter().copied().zip(labels.iter().copied()).collect();
    order.retain(|(logit, _)| logit.is_finite());
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    // Sum of logits, of labels, rows.
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    for (logit, label) in order {
        blocks.push((logit as f64, label as u8 as f64, 1.0));
        while let [.., a, b] = blocks.as_slice()
            && a.1 / a.2 >= b.1 / b.2
        {
            let merged = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
            blocks.truncate(blocks.len() - 2);
            blocks.push(merged);
        }
    }
    // Half a click and half a miss more in each block: no probability of 0 or 1 from a handful of rows.
    let mut steps: Vec<(f32, f32)> =
        blocks.iter().map(|(z, y, rows)| ((z / rows) as f32, ((y + 0.5) / (rows + 1.0)) as f32)).collect();
    let mut highest = 0.0f32;
    for (_, probability) in &mut steps {
        highest = highest.max(*probability);
        *probability = highest;
    }
    let (logits, probabilities) = steps.into_iter().unzip();
    Calibration::Isotonic { logits, probabilities }
}

fn between(logits: &[f32], probabilities: &[f32], logit: f32) -> f64 {
    let after = logits.partition_point(|step| *step < logit);
    let right = logits.get(after).zip(probabilities.get(after));
    let left = after.checked_sub(1).and_then(|before| logits.get(before).zip(probabilities.get(before)));
    match (left, right) {
        (Some((z0, p0)), Some((z1, p1))) if z1 > z0 => {
            let share = f64::from(logit - z0) / f64::from(z1 - z0);
            f64::from(*p0) + f64::from(p1 - p0) * share
        }
        (_, Some((_, p))) | (Some((_, p)), None) => f64::from(*p),
        (None, None) => probability(logit),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{metrics, random::Random};
    use super::*;

    fn overconfident() -> (Vec<f32>, Vec<bool>) {
        let mut random = Random::new(2);
        let truth: Vec<f32> = (0..20_000).map(|_| random.normal(1.0) - 1.0).collect();
        let labels = truth.iter().map(|z| random.uniform() < probability(*z)).collect();
        (truth.iter().map(|z| 2.0 * z + 1.0).collect(), labels)
    }

    #[test]
    fn both_methods_undo_overconfidence() {
        let (logits, labels) = overconfident();
        let error = |calibration: &Calibration| {
            metrics::ece(&logits.iter().map(|z| calibration.apply(*z)).collect::<Vec<_>>(), &labels, 10)
        };
        assert!(error(&Calibration::None) > 0.05);
        for method in [CalibrationMethod::Platt, CalibrationMethod::Isotonic] {
            let calibration = Calibration::fit(method, &logits, &labels);
            assert!(calibration.is_sound() && error(&calibration) < 0.01, "{method:?} {}", error(&calibration));
            assert!((-50..50).all(|z| calibration.apply(z as f32 / 5.0) <= calibration.apply(z as f32 / 5.0 + 0.2)));
        }
        if let Calibration::Platt { slope, shift } = Calibration::fit(CalibrationMethod::Platt, &logits, &labels) {
            assert!((slope - 0.5).abs() < 0.03 && (shift + 0.5).abs() < 0.05, "{slope} {shift}");
        }
    }

    #[test]
    fn few_rows_are_left_alone() {
        assert_eq!(Calibration::fit(CalibrationMethod::Isotonic, &[1.0; 30], &[true; 30]), Calibration::None);
    }
}
