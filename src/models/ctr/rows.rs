//! Labels out of batches, and which rows train, which stop and calibrate, which judge.

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;

use super::options::{CtrOptions, Split};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::features::{Family, numbers, texts, times};
use crate::models::random::Random;

/// Rows of each held-out part below which it is not worth having.
const PART_ROWS_MIN: usize = 20;

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
            labels.extend(read_labels(batch, &options.label_col)?);
            if let Some(time_col) = &options.time_col {
                times.extend(read_times(batch, time_col)?);
            }
        }
        let labelled: Vec<usize> =
            (0..labels.len()).filter(|row| labels.get(*row).copied().flatten().is_some()).collect();
        let split = options.split.unwrap_or(if options.time_col.is_some() { Split::Time } else { Split::Random });
        let order = order(labelled, &times, split, options.seed);

        let held = (order.len() as f64 * options.eval_fraction).round() as usize;
        let held = if held < PART_ROWS_MIN { 0 } else { held };
        let mut role = vec![Role::Out; labels.len()];
        for (place, row) in order.iter().enumerate() {
            let from_end = order.len() - place;
            if let Some(role) = role.get_mut(*row) {
                *role = if from_end <= held {
                    Role::Test
                } else if from_end <= 2 * held {
                    Role::Validation
                } else {
                    Role::Train
                };
            }
        }
        let mut parts = Self { unlabelled: labels.len() - order.len(), ..Self::default() };
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Out,
    Train,
    Validation,
    Test,
}

fn part(batches: &[RecordBatch], labels: &[Option<bool>], roles: &[Role], wanted: Role) -> Result<Part> {
    let mut part = Part::default();
    let mut rest = (labels, roles);
    for batch in batches {
        let (labels, more_labels) = rest.0.split_at(batch.num_rows().min(rest.0.len()));
        let (roles, more_roles) = rest.1.split_at(batch.num_rows().min(rest.1.len()));
        rest = (more_labels, more_roles);
        let keep = BooleanArray::from_iter(roles.iter().map(|role| Some(*role == wanted)));
        let kept =
            filter_record_batch(batch, &keep).map_err(|error| Error::internal(format!("split of rows: {error}")))?;
        let kept_labels = labels.iter().zip(roles).filter(|(_, role)| **role == wanted);
        part.labels.extend(kept_labels.filter_map(|(label, _)| *label));
        part.batches.push(kept);
    }
    Ok(part)
}

/// Rows in the order train, validation, test. By time, rows of no time count as oldest; rows of equal time keep their
/// order.
fn order(mut rows: Vec<usize>, times: &[i64], split: Split, seed: u64) -> Vec<usize> {
    match split {
        Split::Time => rows.sort_by_key(|row| times.get(*row).copied().unwrap_or(i64::MIN)),
        Split::Random => Random::new(seed ^ 0x5EED).shuffle(&mut rows),
    }
    rows
}

/// The labels of a batch, `None` where NULL.
pub(super) fn read_labels(batch: &RecordBatch, name: &str) -> Result<Vec<Option<bool>>> {
    let Some(array) = batch.column_by_name(name) else {
        fail!(UndefinedColumn, "the label column \"{name}\" is missing");
    };
    let mut labels = Vec::with_capacity(array.len());
    match Family::of(array.data_type()) {
        Some(Family::Bool) => labels.extend(array.as_boolean().iter()),
        Some(Family::Integer | Family::Float) => {
            for (row, value) in numbers(name, array)?.into_iter().enumerate() {
                labels.push(if array.is_null(row) { None } else { Some(label_of(value, name)?) });
            }
        }
        Some(Family::Text) => {
            let mut bad = false;
            texts(name, array, |_, text| {
                labels.push(text.map(|text| match text.trim().to_lowercase().as_str() {
                    "1" | "true" | "t" | "yes" | "y" | "1.0" => true,
                    "0" | "-1" | "false" | "f" | "no" | "n" | "0.0" => false,
                    _ => {
                        bad = true;
                        false
                    }
                }));
            })?;
            if bad {
                return Err(bad_label(name));
            }
        }
        Some(Family::Nothing) => labels.resize(array.len(), None),
        _ => fail!(DatatypeMismatch, "the label column \"{name}\" must be a number or boolean"),
    }
    Ok(labels)
}

fn label_of(value: f64, name: &str) -> Result<bool> {
    match value {
        1.0 => Ok(true),
        0.0 | -1.0 => Ok(false),
        _ => Err(bad_label(name)),
    }
}

fn bad_label(name: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("the label column \"{name}\" holds something other than 0 and 1"))
        .with_hint("Labels are 0 and 1, -1 and 1, boolean, or texts such as yes and no; NULL rows are skipped.")
}

/// A sortable time per row: timestamps as they are, numbers by value; text is read as a timestamp.
fn read_times(batch: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let Some(array) = batch.column_by_name(name) else {
        fail!(UndefinedColumn, "the time column \"{name}\" is missing");
    };
    let stamps = |array: &ArrayRef| -> Result<Vec<i64>> {
        Ok(times(name, array)?.into_iter().map(|time| time.unwrap_or(i64::MIN)).collect())
    };
    match Family::of(array.data_type()) {
        Some(Family::Time | Family::Text) => stamps(array),
        Some(Family::Integer) => {
            let wide = arrow::compute::cast(array, &arrow::datatypes::DataType::Int64).map_err(|_| {
                Error::new(Kind::DatatypeMismatch, format!("the time column \"{name}\" cannot be read"))
            })?;
            Ok(wide.as_primitive::<Int64Type>().iter().map(|time| time.unwrap_or(i64::MIN)).collect())
        }
        // Seconds with a fraction, most likely: order is all that counts.
        Some(Family::Float) => Ok(numbers(name, array)?
            .into_iter()
            .map(|time| if time.is_nan() { i64::MIN } else { (time * 1e3) as i64 })
            .collect()),
        _ => fail!(DatatypeMismatch, "the time column \"{name}\" must be a timestamp or a number"),
    }
}
