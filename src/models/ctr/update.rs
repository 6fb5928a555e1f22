//! One more step of a trained click model, on rows that came later.
//!
//! The rows are first predicted by the model as it is ([`CtrModel::progressive`]: every row is one that it has not seen), then a copy
//! learns from them ([`CtrModel::updated`]). It goes on from the weights that it has: a few passes of Adam in small steps, as
//! at the end of a training; the penalty pulls on each entry as little as it would in a pass over all rows so far. Values that
//! training did not know get entries of their own where they come often enough, and begin as what stood for them. The calibration curve stays.

use arrow::array::RecordBatch;

use super::model::CtrModel;
use super::network::Work;
use super::plan::Plan;
use super::training::Rows;
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::evaluation::{Metric, PROGRESSIVE, Progress};
use crate::models::layers::Step;
use crate::models::metrics;
use crate::models::random::{Random, mix};
use crate::models::rows::truths;

/// Passes over the rows of an update.
const EPOCHS: usize = 2;
/// Size of its steps, as a share of the first steps of a training.
const RATE: f32 = 0.3;

impl CtrModel {
    /// The measures of `EVALUATE` on rows that the model has not seen, before it learns from them.
    pub fn progressive(&self, batches: &[RecordBatch]) -> Result<Vec<Metric>> {
        self.measured(batches, PROGRESSIVE)
    }

    /// The model one step on: it has learnt from `batches` as well, of which `judged` was measured before. Rows without a label are
    /// left out. `progress` is told after each pass and cancels by returning an error.
    ///
    /// Errors: [`InvalidParameter`](Kind::InvalidParameter) for labels other than 0 and 1, or no rows with one;
    /// [`UndefinedColumn`](Kind::UndefinedColumn) and [`DatatypeMismatch`](Kind::DatatypeMismatch) for columns other than those of the training.
    pub fn updated(
        &self,
        batches: &[RecordBatch],
        judged: Vec<Metric>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Self> {
        let before = self.facts.trained_rows;
        let grown = self.spec.grown(batches, before)?;
        let (mut new, mut skipped) = (Rows::default(), 0);
        for batch in batches {
            let labels = truths(batch, &self.options.label_col)?;
            let places: Vec<usize> =
                (0..labels.len()).filter(|row| labels.get(*row).is_some_and(Option::is_some)).collect();
            skipped += labels.len() - places.len();
            new.encoded.append(&grown.spec.encode(batch)?.take(&places));
            new.labels.extend(labels.into_iter().flatten());
        }
        let rows = new.labels.len();
        if rows == 0 {
            let message =
                format!("no row has a label in column \"{}\": there is nothing to learn", self.options.label_col);
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        let plan = Plan::new(self.options.architecture, &grown.spec, self.options.embedding_dim);
        let mut network = self.network.grown(plan, &grown.from);
        let l2 = self.options.l2();
        network.prepare(l2, grown.spec.counts());
        let decay = l2 / (before + rows) as f32;
        let rate = RATE * self.options.learn_rate(network.plan.slots);
        let batch_rows = self.options.batch_rows(rows);
        // Another order for each update, and the same for the same one.
        let mut random = Random::new(mix(self.options.seed ^ before as u64));
        let mut order: Vec<usize> = (0..rows).collect();
        let (mut work, mut steps) = (Work::default(), 0u32);
        for epoch in 1..=EPOCHS {
            random.shuffle(&mut order);
            let mut loss = 0.0;
            for chunk in order.chunks(batch_rows) {
                steps = steps.saturating_add(1);
                loss += network.learn(&new.encoded, &new.labels, chunk, &Step::new(rate, steps), decay, &mut work);
            }
            progress(Progress { epoch, epochs: EPOCHS, loss: ("log-loss", loss / rows as f64), held_out: Vec::new() })?;
        }
        network.finish();
        let clicks = metrics::rate(&new.labels) * rows as f64;
        let facts = Facts {
            trained_rows: before + rows,
            skipped_rows: skipped,
            epochs: EPOCHS,
            evaluation: judged,
            importance: Vec::new(),
            seen: grown.spec.tallied(batches)?,
        };
        let mut model = Self {
            options: self.options.clone(),
            spec: grown.spec,
            network,
            calibration: self.calibration.clone(),
            rate: (self.rate * before as f64 + clicks) / (before + rows) as f64,
            facts,
        };
        model.facts.importance = model.permutation_importance(&new)?;
        Ok(model)
    }
}
