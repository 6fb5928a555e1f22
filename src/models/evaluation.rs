//! What EVALUATE says of a model, whatever its type: measures, each beside that of the simplest predictor.

use serde::{Deserialize, Deserializer, Serialize};

use crate::catalog::Exact;

/// One line of `EVALUATE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What is measured; `baseline_*` is the same of the simplest predictor.
    pub metric: String,
    /// Its value; `None` where the rows cannot tell (AUC of one class).
    #[serde(deserialize_with = "exactly")]
    pub value: Option<f64>,
    /// Which rows: `test` (set aside in training), `train` (too few rows to set any aside), `given`, or `progressive`: those of an
    /// update, by the version before it.
    pub segment: String,
    /// Rows that counted.
    pub n: usize,
}

/// The segment of rows that are measured before a model learns from them.
pub(in crate::models) const PROGRESSIVE: &str = "progressive";

/// Reads a value to the last bit.
fn exactly<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<Exact>::deserialize(from)?.map(|value| value.0))
}

/// Gathers the lines of one evaluation.
#[derive(Debug)]
pub(in crate::models) struct Measured {
    segment: String,
    lines: Vec<Metric>,
}

impl Measured {
    /// Of rows of this segment.
    pub fn of(segment: &str) -> Self {
        Self { segment: segment.to_owned(), lines: Vec::new() }
    }

    /// Adds a measure of `n` rows and that of the baseline, if it has one. What is not finite is not known.
    pub fn add(&mut self, metric: &str, n: usize, value: f64, baseline: Option<f64>) {
        let segment = &self.segment;
        let line = |metric: String, value: f64| Metric {
            metric,
            value: value.is_finite().then_some(value),
            segment: segment.clone(),
            n,
        };
        self.lines.push(line(metric.to_string(), value));
        self.lines.extend(baseline.map(|baseline| line(format!("baseline_{metric}"), baseline)));
    }

    /// The lines.
    pub fn lines(self) -> Vec<Metric> {
        self.lines
    }
}

/// How far training is; given after each epoch or iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Epochs done, from 1.
    pub epoch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// What training makes small, over the training rows: its name and value.
    pub loss: (&'static str, f64),
    /// Measures on rows that are held out; none without such rows.
    pub held_out: Vec<(&'static str, f64)>,
}
