//! The trained model.

use arrow::array::RecordBatch;

use super::clusters::Clusters;
use super::evaluation;
use super::labels::{Labels, Target};
use super::linear::Linear;
use super::network::Network;
use super::options::{ModelType, TabularOptions};
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::evaluation::{Metric, PROGRESSIVE};
use crate::models::features::{Encoded, FeatureSpec, InputColumn, permutation};
use crate::models::rows::Source;

/// Rows whose reconstructions are made at once.
const RECONSTRUCTED_ROWS: usize = 2048;

/// What was learnt.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Linear(Linear),
    Network(Network),
    Clusters(Clusters),
    /// A network that says rows again, and the error above which a row is called an anomaly.
    Autoencoder(Network, f64),
}

/// A model over rows: features, what was learnt, and how good it was on rows that it had not seen.
#[derive(Debug, Clone)]
pub struct TabularModel {
    pub(super) options: TabularOptions,
    pub(super) spec: FeatureSpec,
    pub(super) target: Target,
    pub(super) body: Body,
    pub(super) facts: Facts,
}

impl TabularModel {
    /// One number for each row: what `linear_reg` and `mlp` say of a number; of two classes the probability of the second; of groups
    /// the distance from the nearest centre; the anomaly score, which is 1 at the threshold. Of more than two classes there is
    /// none ([`DatatypeMismatch`](Kind::DatatypeMismatch)).
    pub fn predict(&self, batch: &RecordBatch) -> Result<Vec<f64>> {
        let encoded = self.spec.encode(batch)?;
        Ok(match (&self.target, &self.body) {
            (_, Body::Clusters(clusters)) => clusters.nearest(&encoded).into_iter().map(|(_, d)| d.sqrt()).collect(),
            (_, Body::Autoencoder(network, threshold)) => {
                errors(network, &encoded, self.spec.table_rows()).into_iter().map(|error| error / threshold).collect()
            }
            (Target::Classes { names, .. }, _) if names.len() == 2 => {
                self.probabilities(&encoded).into_iter().skip(1).step_by(2).collect()
            }
            (Target::Classes { names, .. }, _) => {
                let message =
                    format!("the model tells {} classes apart, for which there is no one number", names.len());
                let hint = "PREDICT_LABEL gives the likeliest, PREDICT_PROBA the probability of each.";
                return Err(Error::new(Kind::DatatypeMismatch, message).with_hint(hint));
            }
            _ => self.numbers(&encoded),
        })
    }

    /// The name of each row's class; of groups their number from `1`; `anomaly` or `normal`. Of a number there is none
    /// ([`DatatypeMismatch`](Kind::DatatypeMismatch)).
    pub fn predict_label(&self, batch: &RecordBatch) -> Result<Vec<String>> {
        let encoded = self.spec.encode(batch)?;
        Ok(match (&self.target, &self.body) {
            (_, Body::Clusters(clusters)) => {
                clusters.nearest(&encoded).into_iter().map(|(place, _)| (place + 1).to_string()).collect()
            }
            (_, Body::Autoencoder(network, threshold)) => {
                let named = |error: f64| if error > *threshold { "anomaly" } else { "normal" };
                errors(network, &encoded, self.spec.table_rows()).into_iter().map(|e| named(e).to_owned()).collect()
            }
            (Target::Classes { names, .. }, _) => {
                let likeliest = evaluation::likeliest(&self.probabilities(&encoded), names.len());
                likeliest.into_iter().map(|place| names.get(place).cloned().unwrap_or_default()).collect()
            }
            _ => {
                return Err(Error::new(Kind::DatatypeMismatch, "the model predicts a number, not a class")
                    .with_hint("PREDICT gives it."));
            }
        })
    }

    /// The names of the classes, and the probability of each for each row (`rows x classes`). Of what has no classes there is none
    /// ([`DatatypeMismatch`](Kind::DatatypeMismatch)).
    pub fn predict_proba(&self, batch: &RecordBatch) -> Result<(&[String], Vec<f64>)> {
        let Target::Classes { names, .. } = &self.target else {
            let message =
                format!("a {} model of this kind has no probabilities of classes", self.options.model_type.name());
            return Err(Error::new(Kind::DatatypeMismatch, message).with_hint("PREDICT gives its number."));
        };
        Ok((names.as_slice(), self.probabilities(&self.spec.encode(batch)?)))
    }

    /// What is known of its training.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The measures of `EVALUATE` on any rows; those without a label are left out, and so are columns that the model does not know.
    pub fn evaluate(&self, source: &mut dyn Source) -> Result<Vec<Metric>> {
        self.measured(source, "given")
    }

    /// The measures of `EVALUATE` on rows that the model has not seen, before it learns from them.
    pub fn progressive(&self, source: &mut dyn Source) -> Result<Vec<Metric>> {
        self.measured(source, PROGRESSIVE)
    }

    fn measured(&self, source: &mut dyn Source, segment: &str) -> Result<Vec<Metric>> {
        let (mut encoded, mut labels) = (Encoded::default(), Labels::Nothing);
        source.read(&mut |batch| {
            let mut read = self.labels(batch)?;
            let keep = self.counts(&read, batch.num_rows());
            let rows = self.spec.encode(&self.spec.pick(batch)?)?;
            let places: Vec<usize> = (0..rows.rows).filter(|row| keep.get(*row) == Some(&true)).collect();
            encoded.append(&rows.take(&places));
            read.retain(&keep);
            labels.append(read);
            Ok(())
        })?;
        Ok(self.measure(&encoded, &labels, segment))
    }

    /// The columns wanted by [`predict`](Self::predict).
    pub fn inputs(&self) -> Vec<InputColumn> {
        self.spec.inputs()
    }

    pub(in crate::models) fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// The options it was trained with.
    pub fn options(&self) -> &TabularOptions {
        &self.options
    }

    /// The labels of a batch. Which rows are known anomalies need not be known.
    pub(super) fn labels(&self, batch: &RecordBatch) -> Result<Labels> {
        labels_of(&self.target, &self.options, batch)
    }

    /// Which rows count.
    pub(super) fn counts(&self, labels: &Labels, rows: usize) -> Vec<bool> {
        if self.options.model_type.is_supervised() { labels.known(rows) } else { vec![true; rows] }
    }

    pub(super) fn measure(&self, encoded: &Encoded, labels: &Labels, segment: &str) -> Vec<Metric> {
        let table_rows = self.spec.table_rows();
        let shape = (table_rows, table_rows + self.spec.dense_width());
        match (&self.target, &self.body, labels) {
            (_, Body::Clusters(clusters), _) => {
                evaluation::groups(encoded, shape, &clusters.nearest(encoded), self.options.seed, segment)
            }
            (_, Body::Autoencoder(network, threshold), labels) => {
                let known: &[Option<usize>] = if let Labels::Classes(known) = labels { known } else { &[] };
                evaluation::anomalies(
                    encoded,
                    shape,
                    (&errors(network, encoded, table_rows), *threshold),
                    known,
                    segment,
                )
            }
            (Target::Number { scale }, _, Labels::Numbers(actual)) => {
                let constant = scale.get(2).copied().unwrap_or(f64::NAN);
                evaluation::numbers(&self.numbers(encoded), actual, constant, segment)
            }
            (Target::Classes { rates, .. }, _, Labels::Classes(places)) => {
                let places: Vec<usize> = places.iter().map(|place| place.unwrap_or(rates.len())).collect();
                evaluation::classes(&self.probabilities(encoded), &places, rates, segment)
            }
            _ => Vec::new(),
        }
    }

    /// See [`Facts::importance`].
    pub(super) fn permutation_importance(
        &self,
        encoded: &Encoded,
        labels: &Labels,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<(String, f64)>> {
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        permutation(&self.spec, encoded, self.options.seed, &mut |rows, places| {
            check()?;
            Ok(match (&self.target, &self.body) {
                (_, Body::Clusters(clusters)) => mean(clusters.nearest(rows).into_iter().map(|(_, d)| d).collect()),
                (_, Body::Autoencoder(network, _)) => mean(errors(network, rows, self.spec.table_rows())),
                _ => loss(&self.target, &self.outputs(rows), &labels.take(places)),
            })
        })
    }

    fn outputs(&self, encoded: &Encoded) -> Vec<f32> {
        match &self.body {
            Body::Linear(linear) => linear.forward(encoded),
            Body::Network(network) | Body::Autoencoder(network, _) => network.forward(encoded),
            Body::Clusters(_) => Vec::new(),
        }
    }

    fn numbers(&self, encoded: &Encoded) -> Vec<f64> {
        numbers(&self.target, &self.outputs(encoded))
    }

    fn probabilities(&self, encoded: &Encoded) -> Vec<f64> {
        probabilities(&self.target, &self.outputs(encoded))
    }
}

/// The labels of a batch for a model with these options.
pub(super) fn labels_of(target: &Target, options: &TabularOptions, batch: &RecordBatch) -> Result<Labels> {
    let label_col = options.label_col.as_ref();
    match (options.model_type, label_col) {
        (ModelType::Anomaly, Some(name)) if batch.column_by_name(name).is_some() => {
            let known = crate::models::rows::truths(batch, name)?;
            Ok(Labels::Classes(known.into_iter().map(|known| known.map(usize::from)).collect()))
        }
        (ModelType::Anomaly | ModelType::Kmeans, _) => Ok(Labels::Nothing),
        _ => target.read(batch, label_col),
    }
}

/// Outputs in deviations as numbers.
pub(super) fn numbers(target: &Target, outputs: &[f32]) -> Vec<f64> {
    let Target::Number { scale } = target else { return Vec::new() };
    let (mean, deviation) = (scale.first().copied().unwrap_or(0.0), scale.get(1).copied().unwrap_or(1.0));
    outputs.iter().map(|output| mean + deviation * f64::from(*output)).collect()
}

/// Logits as the probability of every class (`rows x classes`).
pub(super) fn probabilities(target: &Target, outputs: &[f32]) -> Vec<f64> {
    let width = target.outputs();
    if width == 1 {
        let sigmoid = |logit: f64| 1.0 / (1.0 + (-logit).exp());
        // One minus the second would lose what is left of a small first.
        return outputs.iter().flat_map(|logit| [sigmoid(-f64::from(*logit)), sigmoid(f64::from(*logit))]).collect();
    }
    let mut all: Vec<f64> = outputs.iter().map(|logit| f64::from(*logit)).collect();
    for row in all.chunks_exact_mut(width.max(1)) {
        super::descent::softmax(row);
    }
    all
}

/// What is to be small on held-out rows: the root of the mean squared error in the label's own units, or the log-loss.
pub(super) fn loss(target: &Target, outputs: &[f32], labels: &Labels) -> f64 {
    match (target, labels) {
        (Target::Number { .. }, Labels::Numbers(actual)) => {
            crate::models::metrics::rmse(&numbers(target, outputs), actual)
        }
        (Target::Classes { names, .. }, Labels::Classes(places)) => {
            let places: Vec<usize> = places.iter().map(|place| place.unwrap_or(names.len())).collect();
            evaluation::logloss(&probabilities(target, outputs), &places, names.len())
        }
        _ => f64::NAN,
    }
}

/// By how much a network fails to say each row again: the sum of squared differences over entries and numbers.
pub(super) fn errors(network: &Network, encoded: &Encoded, table_rows: usize) -> Vec<f64> {
    let columns = (table_rows + encoded.dense_width).max(1);
    let rows: Vec<usize> = (0..encoded.rows).collect();
    let mut all = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(RECONSTRUCTED_ROWS) {
        let mut said = network.forward(&encoded.take(chunk));
        for (row, said) in chunk.iter().zip(said.chunks_exact_mut(columns)) {
            encoded.columns(*row, table_rows, |column, value| {
                said.iter_mut().skip(column).take(1).for_each(|said| *said -= value);
            });
            all.push(said.iter().map(|difference| f64::from(*difference).powi(2)).sum());
        }
    }
    all
}
