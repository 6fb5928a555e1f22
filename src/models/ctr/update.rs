//! One more step of a trained click model, on rows that came later.
//!
//! The rows are first predicted by the model as it is ([`CtrModel::progressive`]: every row is one that it has not seen), then a copy
//! learns from them ([`CtrModel::updated`]). It goes on from the weights that it has: a few passes of Adam in small steps, as
//! at the end of a training; the penalty pulls on each entry as little as it would in a pass over all rows so far. Values that
//! training did not know get entries of their own where they come often enough, and begin as what stood for them. The calibration curve stays.

use arrow::array::RecordBatch;

use super::model::{Conversion, CtrModel};
use super::plan::Plan;
use super::rows::{Labels, Odd};
use super::tasks::TasksWork;
use super::training::{Rates, Rows};
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::evaluation::{Metric, PROGRESSIVE};
use crate::models::layers::Step;
use crate::models::random::{Random, mix};
use crate::models::tabular::Watch;

/// Passes over the rows of an update.
const EPOCHS: usize = 2;
/// Size of its steps, as a share of the first steps of a training.
const RATE: f32 = 0.3;

impl CtrModel {
    /// The measures of `EVALUATE` on rows that the model has not seen, before it learns from them.
    pub fn progressive(&self, batches: &[RecordBatch]) -> Result<Vec<Metric>> {
        self.measured(&mut { batches }, PROGRESSIVE)
    }

    /// The model one step on: it has learnt from `batches` as well, of which `judged` was measured before. Rows without a label are
    /// left out. `watch` is told after each pass.
    ///
    /// Errors: [`InvalidParameter`](Kind::InvalidParameter) for labels other than 0 and 1, or no rows with one;
    /// [`UndefinedColumn`](Kind::UndefinedColumn) and [`DatatypeMismatch`](Kind::DatatypeMismatch) for columns other than those of the training.
    pub fn updated(&self, batches: &[RecordBatch], judged: Vec<Metric>, watch: &mut Watch<'_>) -> Result<Self> {
        let before = self.facts.trained_rows;
        let grown = self.spec.grown(batches, before)?;
        let (mut new, mut odd) = (Rows::default(), Odd::default());
        for batch in batches {
            let labels = Labels::read(batch, &self.options)?;
            odd.add(labels.odd);
            let rows = 0..labels.clicks.len();
            let places: Vec<usize> = rows.filter(|row| labels.clicks.get(*row).is_some_and(Option::is_some)).collect();
            let encoded = grown.spec.encode(batch)?.take(&places);
            let (labels, conversions) = labels.of(places.into_iter());
            new.append(&Rows { encoded, labels, conversions });
        }
        odd.tell(&self.options, watch.told)?;
        let rows = new.labels.len();
        if rows == 0 {
            let message =
                format!("no row has a label in column \"{}\": there is nothing to learn", self.options.label_col);
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        let plan = Plan::new(&self.options, &grown.spec);
        let mut tasks = self.tasks.grown(&plan, &grown.from);
        let l2 = self.options.l2();
        tasks.prepare(l2, grown.spec.counts());
        let decay = l2 / (before + rows) as f32;
        let rate = RATE * self.options.learn_rate(plan.slots);
        let batch_rows = self.options.batch_rows(rows);
        // Another order for each update, and the same for the same one.
        let mut random = Random::new(mix(self.options.seed ^ before as u64));
        let mut order: Vec<usize> = (0..rows).collect();
        let (mut work, mut steps) = (TasksWork::default(), 0u32);
        for epoch in 1..=EPOCHS {
            random.shuffle(&mut order);
            let mut loss = 0.0;
            for chunk in order.chunks(batch_rows) {
                steps = steps.saturating_add(1);
                loss += tasks.learn(&new, chunk, &Step::new(rate, steps), decay, &mut work);
            }
            watch.tell(epoch, EPOCHS, ("log-loss", loss / rows as f64), Vec::new())?;
        }
        tasks.finish();
        let rates = new.rates();
        let facts = Facts {
            trained_rows: before + rows,
            skipped_rows: odd.unlabelled,
            epochs: EPOCHS,
            evaluation: judged,
            importance: Vec::new(),
            seen: grown.spec.tallied(batches)?,
        };
        let mut model = Self {
            options: self.options.clone(),
            spec: grown.spec,
            tasks,
            calibration: self.calibration.clone(),
            rate: (self.rate * before as f64 + rates.clicks as f64) / (before + rows) as f64,
            conversion: self.conversion.as_ref().map(|after| after.after(self.rate * before as f64, &rates)),
            facts,
        };
        model.facts.importance = model.permutation_importance(&new)?;
        Ok(model)
    }
}

impl Conversion {
    /// The same with the rate of so many clicks before and of those of an update.
    fn after(&self, before: f64, rates: &Rates) -> Self {
        let clicks = before + rates.judged as f64;
        let rate = if clicks > 0.0 { (self.rate * before + rates.conversions as f64) / clicks } else { self.rate };
        Self { calibration: self.calibration.clone(), rate }
    }
}
