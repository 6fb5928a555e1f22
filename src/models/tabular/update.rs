//! One more step of a trained network of `mlp`, on rows that came later: predicted first, then learnt from.
//!
//! As of [click models](crate::models::ctr): from the weights that it has, a few passes of Adam in small steps, the penalty as in a pass
//! over all rows so far, entries of their own for values that now come often enough. Mean and deviation of a number, and the names of
//! classes, stay those of the training. The other types are not stepped: what is solved or grouped from all rows has no gradient to go on
//! from, and an anomaly's threshold is a share of rows that were held out.

use arrow::array::RecordBatch;

use super::epochs::{self, Lesson, Passes};
use super::labels::{Labels, Target};
use super::model::{Body, TabularModel};
use super::training::{lesson_labels, network_loss};
use super::watch::Watch;
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::evaluation::Metric;
use crate::models::features::{Encoded, Grown};
use crate::models::random::mix;

/// Passes over the rows of an update.
const EPOCHS: usize = 2;
/// Size of its steps, as a share of the first steps of a training.
const RATE: f64 = 0.3;

impl TabularModel {
    /// [`Kind::Unsupported`] for a type that has no steps to take.
    pub fn must_take_steps(&self) -> Result<()> {
        match self.body {
            Body::Network(_) => Ok(()),
            _ => {
                let message = format!("a {} model cannot be updated", self.options.model_type.name());
                Err(Error::new(Kind::Unsupported, message)
                    .with_hint("CREATE OR REPLACE MODEL trains a version anew, on old and new rows."))
            }
        }
    }

    /// The model one step on: it has learnt from `batches` as well, of which `judged` was measured before. Rows without a label are
    /// left out.
    ///
    /// Errors: [`Unsupported`](Kind::Unsupported) for all but networks that predict; [`InvalidParameter`](Kind::InvalidParameter) for no
    /// rows with a label, or a class that training did not know; [`UndefinedColumn`](Kind::UndefinedColumn) and
    /// [`DatatypeMismatch`](Kind::DatatypeMismatch) for columns other than those of the training.
    pub fn updated(&self, batches: &[RecordBatch], judged: Vec<Metric>, watch: &mut Watch<'_>) -> Result<Self> {
        self.must_take_steps()?;
        let Body::Network(network) = &self.body else { return Err(Error::internal("an update without a network")) };
        let before = self.facts.trained_rows;
        let Grown { spec, from } = self.spec.grown(batches, before)?;
        let (mut encoded, mut labels, mut skipped) = (Encoded::default(), Labels::Nothing, 0);
        for batch in batches {
            watch.check()?;
            let mut read = self.labels(batch)?;
            let keep = self.counts(&read, batch.num_rows());
            let places: Vec<usize> = (0..keep.len()).filter(|row| keep.get(*row) == Some(&true)).collect();
            skipped += keep.len() - places.len();
            encoded.append(&spec.encode(batch)?.take(&places));
            read.retain(&keep);
            labels.append(read);
        }
        self.must_be_known(&labels)?;
        let rows = encoded.rows;
        let label_col = self.options.label_col.as_deref().unwrap_or_default();
        if rows == 0 {
            let message = format!("no row has a label in column \"{label_col}\": there is nothing to learn");
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        let lesson_labels = lesson_labels(&self.target, &labels);
        let outputs = self.target.outputs();
        let loss = |rows: &[usize], said: &[f32], slopes: &mut Vec<f32>| {
            network_loss(&lesson_labels, outputs, rows, said, slopes)
        };
        let is_number = matches!(self.target, Target::Number { .. });
        let lesson = Lesson {
            rows: &encoded,
            counts: spec.counts(),
            loss: &loss,
            name: if is_number { "squared error" } else { "log-loss" },
            judge: None,
        };
        // Another order for each update, and the same for the same one.
        let passes =
            Passes { epochs: EPOCHS, rate: RATE, of_rows: before + rows, seed: mix(self.options.seed ^ before as u64) };
        let network = epochs::step_on(network.grown(&spec, &from), &lesson, &self.options, &passes, watch)?;
        let seen = spec.tallied(batches)?;
        let facts = Facts {
            trained_rows: before + rows,
            skipped_rows: skipped,
            epochs: EPOCHS,
            evaluation: judged,
            seen,
            ..Facts::default()
        };
        let mut target = self.target.clone();
        target.settle_on(&labels, before);
        let mut model = Self { options: self.options.clone(), spec, target, body: Body::Network(network), facts };
        model.facts.importance = model.permutation_importance(&encoded, &labels, watch.cancel)?;
        Ok(model)
    }

    /// Refuses classes that training did not know: there is no output for them.
    fn must_be_known(&self, labels: &Labels) -> Result<()> {
        let (Target::Classes { names, .. }, Labels::Classes(places)) = (&self.target, labels) else { return Ok(()) };
        if places.iter().flatten().all(|place| *place < names.len()) {
            return Ok(());
        }
        let label_col = self.options.label_col.as_deref().unwrap_or_default();
        let message = format!("column \"{label_col}\" has a class that the model was not trained on");
        Err(Error::new(Kind::InvalidParameter, message)
            .with_hint("CREATE OR REPLACE MODEL trains a version that knows it."))
    }
}
