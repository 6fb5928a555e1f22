//! The trained model.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::calibration::Calibration;
use super::evaluation::{Judged, measure};
use super::options::CtrOptions;
use super::plan::Plan;
use super::rows::{Labels, Parts};
use super::streamed::{self, Survey};
use super::tasks::{Logits, Tasks};
use super::training::{Course, Rates, Rows, fit, logits};
use crate::error::Result;
use crate::models::Facts;
use crate::models::evaluation::{Metric, Progress};
use crate::models::features::{Encoded, FeatureOptions, FeatureSpec, InputColumn, text_hashes};
use crate::models::rows::{Source, not_features};
use crate::models::tabular::Watch;

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
    pub(super) tasks: Tasks,
    pub(super) calibration: Calibration,
    /// Rate of clicks among the training rows.
    pub(super) rate: f64,
    /// Of conversions, where they are learnt.
    pub(super) conversion: Option<Conversion>,
    pub(super) facts: Facts,
}

/// How the conversion's logits are read.
#[derive(Debug, Clone)]
pub(super) struct Conversion {
    /// Fitted on clicks.
    pub calibration: Calibration,
    /// Rate of conversions among the clicks of training.
    pub rate: f64,
}

/// What a model says of some rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// The probability of a click.
    pub ctr: Vec<f64>,
    /// That of a conversion after a click; empty where it is not learnt.
    pub cvr: Vec<f64>,
}

/// What a model can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The probability of a click.
    Ctr,
    /// That of a conversion, given a click.
    Cvr,
    /// That of both.
    Ctcvr,
}

impl Target {
    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ctr => "ctr",
            Self::Cvr => "cvr",
            Self::Ctcvr => "ctcvr",
        }
    }
}

impl Said {
    /// The probabilities of a target.
    pub fn of(self, target: Target) -> Vec<f64> {
        match target {
            Target::Ctr => self.ctr,
            Target::Cvr => self.cvr,
            Target::Ctcvr => self.ctr.iter().zip(&self.cvr).map(|(click, after)| click * after).collect(),
        }
    }
}

/// Networks that were fitted, before they are calibrated and judged.
pub(super) struct Trial {
    pub tasks: Tasks,
    pub spec: FeatureSpec,
    /// Of the rows that they have learnt from.
    pub rates: Rates,
    pub epochs: usize,
    pub skipped_rows: usize,
}

impl Trial {
    /// The model: calibrated on `held`, judged by `judges` (rows, their users' hashes, and what they are called).
    pub fn judged(
        self,
        options: &CtrOptions,
        held: Option<&Rows>,
        (rows, users, segment): (&Rows, Option<&[u64]>, &str),
    ) -> Result<CtrModel> {
        let curves = held.map(|held| calibrate(options, &logits(&self.tasks, &held.encoded), held));
        let (click, after) = curves.unwrap_or((Calibration::None, Calibration::None));
        self.with_curves(options, (click, after), (rows, users, segment))
    }

    /// The same with curves that are known.
    pub fn with_curves(
        self,
        options: &CtrOptions,
        (calibration, after): (Calibration, Calibration),
        (rows, users, segment): (&Rows, Option<&[u64]>, &str),
    ) -> Result<CtrModel> {
        let Self { tasks, spec, rates, epochs, skipped_rows } = self;
        let conversion =
            tasks.conversion.is_some().then(|| Conversion { calibration: after, rate: rates.conversion() });
        let facts = Facts { trained_rows: rates.rows, skipped_rows, epochs, ..Facts::default() };
        let rate = rates.click();
        let mut model = CtrModel { options: options.clone(), spec, tasks, calibration, rate, conversion, facts };
        let said = model.said(&rows.encoded);
        let judged = Judged { said: &said, labels: &rows.labels, conversions: &rows.conversions, users };
        model.facts.evaluation = measure(&judged, model.rates(), segment);
        model.facts.importance = model.permutation_importance(rows)?;
        Ok(model)
    }
}

impl CtrModel {
    /// Trains on the rows of `source`, all columns but the labels being features (and the time column only if it is a
    /// timestamp). Rows of more than [`CTR_KEPT_BYTES_MAX`](crate::config::CTR_KEPT_BYTES_MAX) are read again for each epoch.
    ///
    /// Errors: [`InvalidParameter`](crate::Kind::InvalidParameter) for impossible options, labels other than 0 and 1, one
    /// class only, or no rows; [`UndefinedColumn`](crate::Kind::UndefinedColumn) for a named column that is not there;
    /// [`DatatypeMismatch`](crate::Kind::DatatypeMismatch) for a column that cannot be a feature.
    pub fn train(source: &mut dyn Source, options: &CtrOptions, watch: &mut Watch<'_>) -> Result<Self> {
        options.check()?;
        let mut survey = Survey::new(source, options, watch)?;
        match survey.kept.take() {
            Some(batches) => Self::train_kept(&batches, options, watch),
            None => streamed::train(source, &survey, options, watch),
        }
    }

    /// The same of batches of one schema, in memory.
    fn train_kept(batches: &[RecordBatch], options: &CtrOptions, watch: &mut Watch<'_>) -> Result<Self> {
        let parts = Parts::new(batches, options)?;
        parts.odd.tell(options, watch.told)?;
        let schema = batches.first().map_or_else(|| Schema::empty().into(), RecordBatch::schema);
        let spec = FeatureSpec::learn(&parts.train.batches, &feature_options(&schema, options))?;
        let encode = |part: &super::rows::Part| -> Result<Rows> {
            let (labels, conversions) = (part.labels.clone(), part.conversions.clone());
            Ok(Rows { encoded: encode_all(&spec, &part.batches)?, labels, conversions })
        };
        let (mut train, validation, test) = (encode(&parts.train)?, encode(&parts.validation)?, encode(&parts.test)?);
        let plan = Plan::new(options, &spec);
        let mut rates = train.rates();
        let counts = spec.counts();
        let held = (!validation.labels.is_empty()).then_some(&validation);
        let progress = &mut *watch.progress;
        let mut course = Course::kept(&train);
        let (mut tasks, epochs) = fit(&plan, counts, &mut course, held, options, options.max_iterations, progress)?;
        drop(course);
        let mut curves = (Calibration::None, Calibration::None);
        if held.is_some() {
            let first = logits(&tasks, &validation.encoded);
            curves = calibrate(options, &first, &validation);
            if train.labels.len() <= REFIT_ROWS_MAX {
                train.append(&validation);
                // The caller saw its epochs already; what is left of its progress is the chance to cancel.
                let mut again = |done: Progress| progress(Progress { epoch: epochs, ..done });
                let whole = fit(&plan, counts, &mut Course::kept(&train), None, options, epochs, &mut again)?.0;
                if is_alike(&first, &logits(&whole, &validation.encoded)) {
                    tasks = whole;
                    // The constant beside it knows what it knows.
                    rates = train.rates();
                }
            }
        }
        let (judged, batches, segment) = if test.labels.is_empty() {
            (&train, &parts.train.batches, "train")
        } else {
            (&test, &parts.test.batches, "test")
        };
        let mut users = Vec::new();
        for (batch, user_col) in batches.iter().filter_map(|batch| Some((batch, options.user_col.as_ref()?))) {
            hashed_users(batch, user_col, &mut users)?;
        }
        let users = options.user_col.as_ref().map(|_| users);
        let trial = Trial { tasks, spec, rates, epochs, skipped_rows: parts.odd.unlabelled };
        trial.with_curves(options, curves, (judged, users.as_deref(), segment))
    }

    /// The calibrated probability of a click for each row. The label and time columns may be there or not.
    pub fn predict(&self, batch: &RecordBatch) -> Result<Vec<f64>> {
        Ok(self.said(&self.spec.encode(batch)?).ctr)
    }

    /// The calibrated probability of what is asked for, for each row; nothing of conversions where they are not
    /// [learnt](Self::has_conversion).
    pub fn predict_target(&self, batch: &RecordBatch, target: Target) -> Result<Vec<f64>> {
        Ok(self.said(&self.spec.encode(batch)?).of(target))
    }

    /// Whether it learnt conversions beside clicks.
    pub fn has_conversion(&self) -> bool {
        self.conversion.is_some()
    }

    /// What is known of its training.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The measures of `EVALUATE` on any rows with labels; rows without one are left out.
    pub fn evaluate(&self, source: &mut dyn Source) -> Result<Vec<Metric>> {
        self.measured(source, "given")
    }

    pub(super) fn measured(&self, source: &mut dyn Source, segment: &str) -> Result<Vec<Metric>> {
        let (mut said, mut clicks, mut conversions) = (Said::default(), Vec::new(), Vec::new());
        let mut users = Vec::new();
        source.read(&mut |batch| {
            let labels = Labels::read(batch, &self.options)?;
            let keep: Vec<bool> = labels.clicks.iter().map(Option::is_some).collect();
            let Said { mut ctr, mut cvr } = self.said(&self.spec.encode(batch)?);
            retain(&mut ctr, &keep);
            retain(&mut cvr, &keep);
            said.ctr.append(&mut ctr);
            said.cvr.append(&mut cvr);
            let (more_clicks, more_conversions) = labels.of(0..keep.len());
            clicks.extend(more_clicks);
            conversions.extend(more_conversions);
            if let Some(user_col) = &self.options.user_col {
                let mut more = Vec::new();
                hashed_users(batch, user_col, &mut more)?;
                retain(&mut more, &keep);
                users.append(&mut more);
            }
            Ok(())
        })?;
        let users = self.options.user_col.as_ref().map(|_| users.as_slice());
        let judged = Judged { said: &said, labels: &clicks, conversions: &conversions, users };
        Ok(measure(&judged, self.rates(), segment))
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

    /// The rates of clicks and of conversions among clicks in training.
    fn rates(&self) -> (f64, f64) {
        (self.rate, self.conversion.as_ref().map_or(f64::NAN, |conversion| conversion.rate))
    }

    pub(super) fn said(&self, encoded: &Encoded) -> Said {
        let logits = logits(&self.tasks, encoded);
        let ctr = logits.click.into_iter().map(|logit| self.calibration.apply(logit)).collect();
        let after = |conversion: &Conversion| {
            logits.conversion.iter().map(|logit| conversion.calibration.apply(*logit)).collect()
        };
        Said { ctr, cvr: self.conversion.as_ref().map(after).unwrap_or_default() }
    }
}

/// The curves of clicks, and of conversions over rows with a click.
fn calibrate(options: &CtrOptions, logits: &Logits, held: &Rows) -> (Calibration, Calibration) {
    let click = Calibration::fit(options.calibration, &logits.click, &held.labels);
    let clicks = held.labels.iter().zip(&held.conversions).zip(&logits.conversion).filter(|((label, _), _)| **label);
    let (after, labels): (Vec<f32>, Vec<bool>) =
        clicks.filter_map(|((_, both), logit)| Some((*logit, (*both)?))).unzip();
    (click, Calibration::fit(options.calibration, &after, &labels))
}

/// Whether two networks' logits spread about as widely.
fn is_alike(one: &Logits, other: &Logits) -> bool {
    let alike = |one: &[f32], other: &[f32]| {
        one.is_empty() || (SPREAD_RATIO_MIN..=1.0 / SPREAD_RATIO_MIN).contains(&(spread(other) / spread(one)))
    };
    alike(&one.click, &other.click) && alike(&one.conversion, &other.conversion)
}

/// Standard deviation.
fn spread(logits: &[f32]) -> f64 {
    let count = logits.len().max(1) as f64;
    let mean = logits.iter().map(|logit| *logit as f64).sum::<f64>() / count;
    (logits.iter().map(|logit| (*logit as f64 - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Keeps what has a true beside it.
fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
    let mut kept = keep.iter();
    values.retain(|_| kept.next().copied().unwrap_or(false));
}

/// Appends a hash of each row's user, 0 where there is none.
pub(super) fn hashed_users(batch: &RecordBatch, user_col: &str, to: &mut Vec<u64>) -> Result<()> {
    if let Some(array) = batch.column_by_name(user_col) {
        to.extend(text_hashes(user_col, array)?.into_iter().map(|hash| hash.unwrap_or(0)));
    }
    Ok(())
}

/// Encodes batches one after the other.
fn encode_all(spec: &FeatureSpec, batches: &[RecordBatch]) -> Result<Encoded> {
    let mut all = Encoded::default();
    for batch in batches {
        all.append(&spec.encode(batch)?);
    }
    Ok(all)
}

/// What the options say of a schema's columns.
pub(super) fn feature_options(schema: &Schema, options: &CtrOptions) -> FeatureOptions {
    let mut ignored = vec![options.label_col.clone()];
    ignored.extend(options.conversion_col.clone());
    ignored.extend(not_features(schema, options.time_col.as_ref()));
    let with = |one: &Option<String>, more: &[String]| one.iter().chain(more).cloned().collect::<Vec<_>>();
    FeatureOptions {
        ignored,
        ids: options.user_col.iter().chain(&options.item_col).cloned().collect(),
        user: with(&options.user_col, &options.user_features),
        item: with(&options.item_col, &options.item_features),
        ..FeatureOptions::default()
    }
}
