//! Labels out of batches, and which rows train, which stop and calibrate, which judge.

use arrow::array::RecordBatch;

use super::options::CtrOptions;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::rows::{Role, Split, of_role, read_times, roles, truths};

/// Batches of one part with their labels.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub batches: Vec<RecordBatch>,
    pub labels: Vec<bool>,
}

/// The rows with a label, in three parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub train: Part,
    /// For early stopping and calibration; may be empty.
    pub validation: Part,
    /// For `evaluation` alone; may be empty.
    pub test: Part,
    /// Rows left out for want of a label.
    pub unlabelled: usize,
}

impl Parts {
    /// Sorts rows into parts. Rows without a label are left out; a label other than 0/1, -1/1 or boolean, and a training
    /// part of one class, is [`Kind::InvalidParameter`].
    pub fn new(batches: &[RecordBatch], options: &CtrOptions) -> Result<Self> {
        let mut labels = Vec::new();
        let mut times = Vec::new();
        for batch in batches {
            labels.extend(truths(batch, &options.label_col)?);
            if let Some(time_col) = &options.time_col {
                times.extend(read_times(batch, time_col)?);
            }
        }
        let usable: Vec<bool> = labels.iter().map(Option::is_some).collect();
        let split = options.split.unwrap_or(if options.time_col.is_some() { Split::Time } else { Split::Random });
        let role = roles(&usable, &times, split, options.eval_fraction, options.seed);
        let mut parts = Self { unlabelled: usable.iter().filter(|usable| !**usable).count(), ..Self::default() };
        parts.train = part(batches, &labels, &role, Role::Train)?;
        parts.validation = part(batches, &labels, &role, Role::Validation)?;
        parts.test = part(batches, &labels, &role, Role::Test)?;
        parts.check(&options.label_col)?;
        Ok(parts)
    }

    fn check(&self, label_col: &str) -> Result<()> {
        let all = [&self.train, &self.validation, &self.test];
        let rows: usize = all.iter().map(|part| part.labels.len()).sum();
        if rows == 0 {
            fail!(InvalidParameter, "column \"{label_col}\" has no row with a label: there is nothing to train on");
        }
        let positives = self.train.labels.iter().filter(|label| **label).count();
        if positives == 0 || positives == self.train.labels.len() {
            let class = if positives == 0 { "0" } else { "1" };
            return Err(Error::new(
                Kind::InvalidParameter,
                format!("every row to train on has label {class} in column \"{label_col}\""),
            )
            .with_hint("A click model needs rows with and without a click."));
        }
        Ok(())
    }
}

fn part(batches: &[RecordBatch], labels: &[Option<bool>], roles: &[Role], wanted: Role) -> Result<Part> {
    let mut part = Part::default();
    let mut rest = (labels, roles);
    for batch in batches {
        let (labels, more_labels) = rest.0.split_at(batch.num_rows().min(rest.0.len()));
        let (roles, more_roles) = rest.1.split_at(batch.num_rows().min(rest.1.len()));
        rest = (more_labels, more_roles);
        let kept = of_role(batch, roles, wanted)?;
        let kept_labels = labels.iter().zip(roles).filter(|(_, role)| **role == wanted);
        part.labels.extend(kept_labels.filter_map(|(label, _)| *label));
        part.batches.push(kept);
    }
    Ok(part)
}
