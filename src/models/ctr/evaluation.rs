//! How good a click model is, beside always saying the training rows' rate.

use super::model::Said;
use crate::models::evaluation::{Measured, Metric};
use crate::models::metrics;

/// Rows that were predicted, and what came of them.
pub(super) struct Judged<'a> {
    pub said: &'a Said,
    pub labels: &'a [bool],
    /// Whether there was a click and a conversion; `None` where that is not known, empty where it is not learnt.
    pub conversions: &'a [Option<bool>],
    /// Hashes of their users, for `gauc`.
    pub users: Option<&'a [u64]>,
}

/// Every measure of the rows: `auc`, `gauc`, `logloss`, `normalised_entropy`, `calibration` (expected calibration error, ten bins), `ctr`
/// (the rate that was), `predicted_ctr`; and `baseline_*` of the constant predictor, which says the training rows' `rates` of clicks and of
/// conversions among clicks. Where conversions are learnt the same of them: `cvr_*` over the rows with a click, `ctcvr_*` over all.
pub(super) fn measure(judged: &Judged<'_>, (rate, after): (f64, f64), segment: &str) -> Vec<Metric> {
    let mut all = Measured::of(segment);
    let Judged { said, labels, conversions, users } = judged;
    add(&mut all, "", ("ctr", &said.ctr), labels, *users, rate);
    if !conversions.is_empty() {
        let (mut clicks, mut entire) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for (((click, both), ctr), cvr) in labels.iter().zip(*conversions).zip(&said.ctr).zip(&said.cvr) {
            let Some(both) = both else { continue };
            entire.0.push(ctr * cvr);
            entire.1.push(*both);
            if *click {
                clicks.0.push(*cvr);
                clicks.1.push(*both);
            }
        }
        add(&mut all, "cvr_", ("cvr", &clicks.0), &clicks.1, None, after);
        add(&mut all, "ctcvr_", ("ctcvr", &entire.0), &entire.1, None, rate * after);
    }
    all.lines()
}

/// The measures of one probability, called `prefix` and their names; the rate is called `name`.
fn add(
    all: &mut Measured,
    prefix: &str,
    (name, probabilities): (&str, &[f64]),
    labels: &[bool],
    users: Option<&[u64]>,
    constant: f64,
) {
    let always = vec![constant; labels.len()];
    let n = labels.len();
    let mut add = |metric: &str, n, value, baseline| all.add(&format!("{prefix}{metric}"), n, value, baseline);
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
    for (metric, measure) in pairs {
        add(metric, n, measure(probabilities, labels), Some(measure(&always, labels)));
    }
    all.add(name, n, metrics::rate(labels), Some(constant));
    let predicted = probabilities.iter().sum::<f64>() / n as f64;
    all.add(&format!("predicted_{name}"), n, predicted, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_measure_stands_beside_its_baseline() {
        let labels = [true, false, true, false];
        let said = Said { ctr: vec![0.9, 0.1, 0.8, 0.2], cvr: Vec::new() };
        let judged = Judged { said: &said, labels: &labels, conversions: &[], users: Some(&[1, 1, 2, 2]) };
        let all = measure(&judged, (0.5, f64::NAN), "test");
        let value =
            |name: &str| all.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap();
        assert_eq!((value("auc"), value("gauc"), value("baseline_auc")), (1.0, 1.0, 0.5));
        assert!((value("baseline_logloss") - 2f64.ln()).abs() < 1e-6 && value("logloss") < 0.2);
        assert!((value("baseline_normalised_entropy") - 1.0).abs() < 1e-6);
        assert!((value("ctr") - 0.5).abs() < 1e-9 && (value("predicted_ctr") - 0.5).abs() < 1e-6);
        assert!(all.iter().all(|metric| metric.segment == "test" && metric.n == 4));
        let said = Said { ctr: vec![0.5], cvr: Vec::new() };
        let one_class = Judged { said: &said, labels: &[true], conversions: &[], users: None };
        assert_eq!(measure(&one_class, (0.5, f64::NAN), "given")[0].value, None);
    }

    #[test]
    fn conversions_are_judged_on_clicks_and_over_all_rows() {
        let said = Said { ctr: vec![0.5, 0.5, 0.4, 0.2, 0.5], cvr: vec![0.8, 0.2, 0.5, 0.9, 0.9] };
        let labels = [true, true, true, false, false];
        // Of the third click it is not known what followed.
        let conversions = [Some(true), Some(false), None, Some(false), Some(false)];
        let judged = Judged { said: &said, labels: &labels, conversions: &conversions, users: None };
        let all = measure(&judged, (0.6, 0.5), "given");
        let line = |name: &str| all.iter().find(|metric| metric.metric == name).unwrap();
        assert_eq!((line("cvr_auc").value, line("cvr_auc").n, line("ctr").n), (Some(1.0), 2, 5));
        // 0.4 of one conversion against 0.1, 0.18 and 0.45: two of three pairs are in order.
        assert_eq!((line("ctcvr_auc").value, line("ctcvr_auc").n), (Some(2.0 / 3.0), 4));
        let close = |name: &str, wanted: f64| (line(name).value.unwrap() - wanted).abs() < 1e-9;
        assert!(close("cvr_logloss", -(0.8f64.ln())) && close("cvr", 0.5) && close("ctcvr", 0.25));
        let entire = -(0.4f64.ln() + 0.9f64.ln() + 0.82f64.ln() + 0.55f64.ln()) / 4.0;
        assert!(close("ctcvr_logloss", entire) && close("baseline_ctcvr", 0.3) && close("predicted_cvr", 0.5));
        assert!(close("ctcvr_calibration", (0.4f64 + 0.45 - 1.0).abs() / 4.0 + 0.28 / 4.0));
    }
}
