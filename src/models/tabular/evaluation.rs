//! How good a model is on rows, each measure beside that of the simplest predictor.

use super::clusters::silhouette;
use crate::models::evaluation::{Measured, Metric};
use crate::models::features::Encoded;
use crate::models::metrics::{self, PROBABILITY_MIN};
use crate::models::random::Random;

/// Of numbers, beside always saying `constant`, the training rows' mean.
pub(super) fn numbers(predicted: &[f64], actual: &[f64], constant: f64, segment: &str) -> Vec<Metric> {
    let always = vec![constant; actual.len()];
    let mut all = Measured::of(segment);
    let n = actual.len();
    all.add("rmse", n, metrics::rmse(predicted, actual), Some(metrics::rmse(&always, actual)));
    all.add("mae", n, metrics::mae(predicted, actual), Some(metrics::mae(&always, actual)));
    let (mape, counted) = metrics::mape(predicted, actual);
    all.add("mape", counted, mape, Some(metrics::mape(&always, actual).0));
    all.add("r2", n, metrics::r2(predicted, actual), Some(metrics::r2(&always, actual)));
    all.lines()
}

/// The mean log-loss of probabilities (`rows x classes`) given to the labels. A class that was not there in training has none.
pub(in crate::models) fn logloss<P: Copy + Into<f64>>(probabilities: &[P], labels: &[usize], classes: usize) -> f64 {
    let of = probabilities.chunks_exact(classes.max(1)).zip(labels);
    let sum: f64 =
        of.map(|(row, label)| -row.get(*label).map_or(0.0, |p| (*p).into()).clamp(PROBABILITY_MIN, 1.0).ln()).sum();
    sum / labels.len() as f64
}

/// The most probable class of each row; of equal ones the first.
pub(in crate::models) fn likeliest<P: Copy + Into<f64>>(probabilities: &[P], classes: usize) -> Vec<usize> {
    let first_most = |row: &[P]| {
        let most = row.iter().copied().map(P::into).fold(f64::NEG_INFINITY, f64::max);
        row.iter().position(|probability| (*probability).into() == most).unwrap_or(0)
    };
    probabilities.chunks_exact(classes.max(1)).map(first_most).collect()
}

/// Of classes, beside always saying `rates`, their shares of the training rows. AUC and F1 of two classes are those of the second; of
/// more, the mean over the classes that occur.
pub(in crate::models) fn classes<P: Copy + Into<f64>>(
    probabilities: &[P],
    labels: &[usize],
    rates: &[f64],
    segment: &str,
) -> Vec<Metric> {
    let count = rates.len();
    let n = labels.len();
    let always: Vec<f64> = labels.iter().flat_map(|_| rates.iter().copied()).collect();
    let mut all = Measured::of(segment);
    all.add("logloss", n, logloss(probabilities, labels, count), Some(logloss(&always, labels, count)));
    let auc_of = |class: usize| {
        let scores: Vec<f64> = probabilities.iter().skip(class).step_by(count.max(1)).map(|p| (*p).into()).collect();
        let is_it: Vec<bool> = labels.iter().map(|label| *label == class).collect();
        metrics::auc(&scores, &is_it)
    };
    let auc = if count == 2 {
        auc_of(1)
    } else {
        let each: Vec<f64> = (0..count).map(auc_of).filter(|auc| !auc.is_nan()).collect();
        each.iter().sum::<f64>() / each.len() as f64
    };
    all.add("auc", n, auc, Some(if auc.is_nan() { f64::NAN } else { 0.5 }));
    let f1 = |said: &[usize]| match count {
        2 => {
            let is = |places: &[usize]| places.iter().map(|place| *place == 1).collect::<Vec<_>>();
            metrics::f1(&is(said), &is(labels))
        }
        _ => metrics::macro_f1(said, labels),
    };
    let (said, always) = (likeliest(probabilities, count), likeliest(&always, count));
    all.add("f1", n, f1(&said), Some(f1(&always)));
    all.add("accuracy", n, metrics::accuracy(&said, labels), Some(metrics::accuracy(&always, labels)));
    all.lines()
}

/// Of groups: the silhouette of a sample beside that of the same groups dealt to its rows by chance, and the mean squared distance
/// from the own centre beside that from the one centre of all rows.
pub(super) fn groups(
    encoded: &Encoded,
    (table_rows, columns): (usize, usize),
    nearest: &[(usize, f64)],
    seed: u64,
    segment: &str,
) -> Vec<Metric> {
    let mut random = Random::new(seed ^ 0x511);
    let mut order: Vec<usize> = (0..encoded.rows).collect();
    random.shuffle(&mut order);
    order.truncate(super::clusters::SILHOUETTE_ROWS);
    let sample = encoded.take(&order);
    let mut groups: Vec<usize> = order.iter().filter_map(|row| nearest.get(*row)).map(|(group, _)| *group).collect();
    let apart = silhouette(&sample, table_rows, columns, &groups);
    random.shuffle(&mut groups);
    let by_chance = silhouette(&sample, table_rows, columns, &groups);
    let mut all = Measured::of(segment);
    all.add("silhouette", sample.rows, apart, Some(by_chance));
    let n = encoded.rows;
    let distance = nearest.iter().map(|(_, distance)| distance).sum::<f64>() / n as f64;
    all.add("mean_squared_distance", n, distance, Some(variance(encoded, table_rows, columns)));
    all.lines()
}

/// The mean squared distance of rows from their mean.
fn variance(encoded: &Encoded, table_rows: usize, columns: usize) -> f64 {
    let (mut sums, mut squares) = (vec![0.0f64; columns], 0.0f64);
    for row in 0..encoded.rows {
        encoded.columns(row, table_rows, |column, value| {
            if let Some(sum) = sums.get_mut(column) {
                *sum += f64::from(value);
            }
            squares += f64::from(value).powi(2);
        });
    }
    let n = encoded.rows as f64;
    (squares / n - sums.iter().map(|sum| (sum / n).powi(2)).sum::<f64>()).max(0.0)
}

/// Of anomaly scores: the error of saying rows again beside that of always saying their mean, the share above the threshold, and
/// where some rows are known to be anomalies or not, how well the score tells them apart.
pub(super) fn anomalies(
    encoded: &Encoded,
    (table_rows, columns): (usize, usize),
    (errors, threshold): (&[f64], f64),
    known: &[Option<usize>],
    segment: &str,
) -> Vec<Metric> {
    let n = errors.len();
    let mut all = Measured::of(segment);
    let mean = errors.iter().sum::<f64>() / n as f64;
    all.add("reconstruction_error", n, mean, Some(variance(encoded, table_rows, columns)));
    let above = errors.iter().filter(|error| **error > threshold).count();
    all.add("anomaly_rate", n, above as f64 / n as f64, None);
    let told: Vec<(f64, bool)> =
        errors.iter().zip(known).filter_map(|(error, label)| Some((*error, (*label)? == 1))).collect();
    if !told.is_empty() {
        let labels: Vec<bool> = told.iter().map(|(_, label)| *label).collect();
        let scores: Vec<f64> = told.iter().map(|(error, _)| *error).collect();
        let auc = metrics::auc(&scores, &labels);
        all.add("auc", told.len(), auc, Some(if auc.is_nan() { f64::NAN } else { 0.5 }));
        let flagged: Vec<bool> = told.iter().map(|(error, _)| *error > threshold).collect();
        all.add("f1", told.len(), metrics::f1(&flagged, &labels), Some(metrics::f1(&vec![true; told.len()], &labels)));
    }
    all.lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(all: &[Metric], name: &str) -> f64 {
        all.iter().find(|metric| metric.metric == name).and_then(|metric| metric.value).unwrap_or(f64::NAN)
    }

    #[test]
    fn each_measure_stands_beside_its_baseline() {
        let all = numbers(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0], 2.0, "test");
        assert!((value(&all, "rmse") - (1.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((value(&all, "baseline_rmse") - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((value(&all, "r2"), value(&all, "baseline_r2")), (0.5, 0.0));

        let three = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4, 0.6, 0.3, 0.1];
        let all = classes(&three, &[0, 1, 2, 1], &[0.25, 0.5, 0.25], "test");
        assert_eq!((value(&all, "accuracy"), value(&all, "baseline_accuracy")), (0.75, 0.5));
        // Of the second class one pair of four is a tie.
        assert_eq!(value(&all, "auc"), (1.0 + 0.875 + 1.0) / 3.0);
        let expected = -(0.7f64.ln() + 0.8f64.ln() + 0.4f64.ln() + 0.3f64.ln()) / 4.0;
        assert!((value(&all, "logloss") - expected).abs() < 1e-6);
        // A class that was not there in training: as wrong as can be, and no panic.
        let all = classes(&[0.4, 0.6], &[2], &[0.5, 0.5], "given");
        assert!(value(&all, "logloss") > 36.0 && value(&all, "accuracy") == 0.0);
        assert!(numbers(&[], &[], 0.0, "given").iter().all(|metric| metric.value.is_none()));
    }
}
