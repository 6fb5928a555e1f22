//! How good a click model is, beside always saying the training rows' rate.

use crate::models::evaluation::{Measured, Metric};
use crate::models::metrics;

/// Every measure of `probabilities` against `labels`: `auc`, `gauc`, `logloss`, `normalised_entropy`, `calibration` (expected
/// calibration error, ten bins), `ctr` (the rate that was), `predicted_ctr`; and `baseline_*` of the constant predictor. `users` (hashes) for `gauc`, `constant` the training rows' rate.
pub(super) fn measure(
    probabilities: &[f64],
    labels: &[bool],
    users: Option<&[u64]>,
    constant: f64,
    segment: &str,
) -> Vec<Metric> {
    let always = vec![constant; labels.len()];
    let mut all = Measured::of(segment);
    let mut add = |metric: &str, n, value, baseline| all.add(metric, n, value, baseline);
    let n = labels.len();
    let auc = metrics::auc(probabilities, labels);
    add("auc", n, auc, Some(if auc.is_nan() { f64::NAN } else { 0.5 }));
    if let Some(users) = users {
        let (gauc, counted) = metrics::gauc(probabilities, labels, users);
        add("gauc", counted, gauc, Some(if gauc.is_nan() { f64::NAN } else { 0.5 }));
    }
    type Measure = fn(&[f64], &[bool]) -> f64;
    let pairs: [(&str, Measure); 3] = [
        ("logloss", metrics::logloss),
        ("normalised_entropy", metrics::normalised_entropy),
        ("calibration", |probabilities, labels| metrics::ece(probabilities, labels, 10)),
    ];
    for (name, measure) in pairs {
        add(name, n, measure(probabilities, labels), Some(measure(&always, labels)));
    }
    add("ctr", n, metrics::rate(labels), Some(constant));
    let predicted = probabilities.iter().sum::<f64>() / n as f64;
    add("predicted_ctr", n, predicted, None);
    all.lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_measure_stands_beside_its_baseline() {
        let labels = [true, false, true, false];
        let all = measure(&[0.9, 0.1, 0.8, 0.2], &labels, Some(&[1, 1, 2, 2]), 0.5, "test");
        let value =
            |name: &str| all.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap();
        assert_eq!((value("auc"), value("gauc"), value("baseline_auc")), (1.0, 1.0, 0.5));
        assert!((value("baseline_logloss") - 2f64.ln()).abs() < 1e-6 && value("logloss") < 0.2);
        assert!((value("baseline_normalised_entropy") - 1.0).abs() < 1e-6);
        assert!((value("ctr") - 0.5).abs() < 1e-9 && (value("predicted_ctr") - 0.5).abs() < 1e-6);
        assert!(all.iter().all(|metric| metric.segment == "test" && metric.n == 4));
        let one_class = measure(&[0.5], &[true], None, 0.5, "given");
        assert_eq!(one_class[0].value, None);
    }
}
