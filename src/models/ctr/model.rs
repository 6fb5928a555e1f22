//! The trained model.

use arrow::array::RecordBatch;

use super::calibration::Calibration;
use super::evaluation::measure;
use super::network::Network;
use super::options::CtrOptions;
use super::plan::Plan;
use super::rows::Parts;
use super::training::{Rows, fit, logits};
use crate::error::Result;
use crate::models::Facts;
use crate::models::evaluation::{Metric, Progress};
use crate::models::features::{Encoded, FeatureOptions, FeatureSpec, InputColumn, text_hashes};
use crate::models::metrics;
use crate::models::rows::{not_features, truths};

/// Rows up to which the network is trained a second time with the validation rows.
const REFIT_ROWS_MAX: usize = 500_000;

/// The second network is kept only if its logits on the validation rows spread about as widely as the first one's, for
/// whom the calibration curve was fitted. A network that found something else would be read through the wrong curve.
const SPREAD_RATIO_MIN: f64 = 0.7;

/// A click model: features, network, calibration, and how good it was on rows it had not seen.
#[derive(Debug, Clone)]
pub struct CtrModel {
    pub(super) options: CtrOptions,
    pub(super) spec: FeatureSpec,
    pub(super) network: Network,
    pub(super) calibration: Calibration,
    /// Rate of clicks among the training rows.
    pub(super) rate: f64,
    pub(super) facts: Facts,
}

impl CtrModel {
    /// Trains on `batches` of one schema, all columns but the label being features (and the time column only if it is a
    /// timestamp). `progress` is told after each epoch and cancels by returning an error.
    ///
    /// Errors: [`InvalidParameter`](crate::Kind::InvalidParameter) for impossible options, labels other than 0 and 1, one
    /// class only, or no rows; [`UndefinedColumn`](crate::Kind::UndefinedColumn) for a named column that is not there;
    /// [`DatatypeMismatch`](crate::Kind::DatatypeMismatch) for a column that cannot be a feature.
    pub fn train(
        batches: &[RecordBatch],
        options: &CtrOptions,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Self> {
        options.check()?;
        let parts = Parts::new(batches, options)?;
        let spec = FeatureSpec::learn(&parts.train.batches, &feature_options(batches, options))?;
        let encode = |part: &super::rows::Part| -> Result<Rows> {
            Ok(Rows { encoded: encode_all(&spec, &part.batches)?, labels: part.labels.clone() })
        };
        let (mut train, validation, test) = (encode(&parts.train)?, encode(&parts.validation)?, encode(&parts.test)?);
        let plan = Plan::new(options.architecture, &spec, options.embedding_dim);
        let rate = metrics::rate(&train.labels);
        let counts = spec.counts();
        let held = (!validation.labels.is_empty()).then_some(&validation);
        let (mut network, epochs) = fit(&plan, counts, &train, held, options, options.max_iterations, progress)?;
        let mut calibration = Calibration::None;
        let mut trained_rows = train.labels.len();
        if held.is_some() {
            let validation_logits = logits(&network, &validation.encoded);
            calibration = Calibration::fit(options.calibration, &validation_logits, &validation.labels);
            if train.labels.len() <= REFIT_ROWS_MAX {
                train.encoded.append(&validation.encoded);
                train.labels.extend_from_slice(&validation.labels);
                // The caller saw its epochs already; what is left of its progress is the chance to cancel.
                let mut again = |done: Progress| progress(Progress { epoch: epochs, ..done });
                let whole = fit(&plan, counts, &train, None, options, epochs, &mut again)?.0;
                let ratio = spread(&logits(&whole, &validation.encoded)) / spread(&validation_logits);
                if (SPREAD_RATIO_MIN..=1.0 / SPREAD_RATIO_MIN).contains(&ratio) {
                    network = whole;
                    trained_rows = train.labels.len();
                }
            }
        }
        let facts = Facts { trained_rows, skipped_rows: parts.unlabelled, epochs, ..Facts::default() };
        let mut model = Self { options: options.clone(), spec, network, calibration, rate, facts };
        let (judged, batches, segment) = if test.labels.is_empty() {
            (&train, &parts.train.batches, "train")
        } else {
            (&test, &parts.test.batches, "test")
        };
        let users = model.users(batches)?;
        let probabilities = model.probabilities(&judged.encoded);
        // Without parts, `train` may have grown by no rows: labels and probabilities stay in step.
        model.facts.evaluation = measure(&probabilities, &judged.labels, users.as_deref(), rate, segment);
        model.facts.importance = model.permutation_importance(judged)?;
        Ok(model)
    }

    /// The calibrated probability of a click for each row. The label and time columns may be there or not.
    pub fn predict(&self, batch: &RecordBatch) -> Result<Vec<f64>> {
        Ok(self.probabilities(&self.spec.encode(batch)?))
    }

    /// What is known of its training.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The measures of `EVALUATE` on any rows with labels; rows without one are left out.
    pub fn evaluate(&self, batches: &[RecordBatch]) -> Result<Vec<Metric>> {
        self.measured(batches, "given")
    }

    pub(super) fn measured(&self, batches: &[RecordBatch], segment: &str) -> Result<Vec<Metric>> {
        let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
        let mut users = self.users(batches)?;
        let mut keep = Vec::new();
        for batch in batches {
            let read = truths(batch, &self.options.label_col)?;
            for (probability, label) in self.predict(batch)?.into_iter().zip(read) {
                keep.push(label.is_some());
                if let Some(label) = label {
                    probabilities.push(probability);
                    labels.push(label);
                }
            }
        }
        if let Some(users) = &mut users {
            let mut kept = keep.iter();
            users.retain(|_| kept.next().copied().unwrap_or(false));
        }
        Ok(measure(&probabilities, &labels, users.as_deref(), self.rate, segment))
    }

    /// The columns wanted by [`predict`](Self::predict).
    pub fn inputs(&self) -> Vec<InputColumn> {
        self.spec.inputs()
    }

    pub(in crate::models) fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// The options it was trained with.
    pub fn options(&self) -> &CtrOptions {
        &self.options
    }

    pub(super) fn probabilities(&self, encoded: &Encoded) -> Vec<f64> {
        logits(&self.network, encoded).into_iter().map(|logit| self.calibration.apply(logit)).collect()
    }

    fn users(&self, batches: &[RecordBatch]) -> Result<Option<Vec<u64>>> {
        let Some(user_col) = &self.options.user_col else { return Ok(None) };
        let mut users = Vec::new();
        for array in batches.iter().filter_map(|batch| batch.column_by_name(user_col)) {
            users.extend(text_hashes(user_col, array)?.into_iter().map(|hash| hash.unwrap_or(0)));
        }
        Ok(Some(users))
    }
}

/// Standard deviation.
fn spread(logits: &[f32]) -> f64 {
    let count = logits.len().max(1) as f64;
    let mean = logits.iter().map(|logit| *logit as f64).sum::<f64>() / count;
    (logits.iter().map(|logit| (*logit as f64 - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Encodes batches one after the other.
fn encode_all(spec: &FeatureSpec, batches: &[RecordBatch]) -> Result<Encoded> {
    let mut all = Encoded::default();
    for batch in batches {
        all.append(&spec.encode(batch)?);
    }
    Ok(all)
}

fn feature_options(batches: &[RecordBatch], options: &CtrOptions) -> FeatureOptions {
    let mut ignored = vec![options.label_col.clone()];
    if let Some(first) = batches.first() {
        ignored.extend(not_features(first.schema_ref(), options.time_col.as_ref()));
    }
    let with = |one: &Option<String>, more: &[String]| one.iter().chain(more).cloned().collect::<Vec<_>>();
    FeatureOptions {
        ignored,
        ids: options.user_col.iter().chain(&options.item_col).cloned().collect(),
        user: with(&options.user_col, &options.user_features),
        item: with(&options.item_col, &options.item_features),
        ..FeatureOptions::default()
    }
}
