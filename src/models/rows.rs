//! Rows to learn from: where they come from, and which train, which stop and choose, which judge.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use serde::{Deserialize, Serialize};

use super::features::{Family, numbers, texts, times};
use super::random::Random;
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Rows of each held-out part below which it is not worth having.
const PART_ROWS_MIN: usize = 20;

/// Batches of one schema that can be read again and again, each time the same rows in the same order. So training can go over
/// more rows than there is memory for.
pub trait Source {
    /// Calls `each` for every batch; its error ends the reading.
    fn read(&mut self, each: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()>;
}

impl Source for &[RecordBatch] {
    fn read(&mut self, each: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(each)
    }
}

/// How rows are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Split {
    /// The latest rows by the time column.
    Time,
    /// Rows by chance (seeded).
    Random,
}

/// What a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::models) enum Role {
    /// For nothing: it has no label.
    Out,
    Train,
    /// For early stopping, choices, calibration.
    Validation,
    /// For the last judgement alone.
    Test,
    /// It has no label, and may teach nevertheless ([`roles`] gives none this one).
    Unlabelled,
}

/// The error for a query that was read again and gave other rows.
pub(in crate::models) fn changed() -> Error {
    Error::new(Kind::InvalidParameter, "the training query gives other rows each time that it is run")
        .with_hint("Leave out what is random or changes with the clock, or keep the rows in a table first.")
}

/// The role of each row. `usable` says which count at all; `times` orders them (empty for [`Split::Random`]); `fraction` of them is
/// for the last judgement, and as many again for choices, where that is twenty rows or more. Rows of no time count as oldest;
/// rows of equal time keep their order.
pub(in crate::models) fn roles(usable: &[bool], times: &[i64], split: Split, fraction: f64, seed: u64) -> Vec<Role> {
    let mut order: Vec<usize> = usable.iter().enumerate().filter(|(_, usable)| **usable).map(|(row, _)| row).collect();
    match split {
        Split::Time => order.sort_by_key(|row| times.get(*row).copied().unwrap_or(i64::MIN)),
        Split::Random => Random::new(seed ^ 0x5EED).shuffle(&mut order),
    }
    let held = (order.len() as f64 * fraction).round() as usize;
    let held = if held < PART_ROWS_MIN { 0 } else { held };
    let mut roles = vec![Role::Out; usable.len()];
    for (place, row) in order.iter().enumerate() {
        let from_end = order.len() - place;
        if let Some(role) = roles.get_mut(*row) {
            *role = if from_end <= held {
                Role::Test
            } else if from_end <= 2 * held {
                Role::Validation
            } else {
                Role::Train
            };
        }
    }
    roles
}

/// The rows of a batch whose role is `wanted`; `roles` has one for each.
pub(in crate::models) fn of_role(batch: &RecordBatch, roles: &[Role], wanted: Role) -> Result<RecordBatch> {
    let keep = BooleanArray::from_iter(roles.iter().map(|role| Some(*role == wanted)));
    filter_record_batch(batch, &keep).map_err(|error| Error::internal(format!("split of rows: {error}")))
}

/// The labels of a batch that say yes or no, `None` where NULL.
pub(in crate::models) fn truths(batch: &RecordBatch, name: &str) -> Result<Vec<Option<bool>>> {
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
pub(in crate::models) fn read_times(batch: &RecordBatch, name: &str) -> Result<Vec<i64>> {
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

/// Columns that are no features beside the label: a time that is a number only grows, and says nothing of tomorrow; hour and weekday
/// of a timestamp do.
pub(in crate::models) fn not_features(schema: &arrow::datatypes::Schema, time_col: Option<&String>) -> Vec<String> {
    let is_moment = |name: &String| {
        schema.field_with_name(name).is_ok_and(|field| Family::of(field.data_type()) == Some(Family::Time))
    };
    time_col.filter(|name| !is_moment(name)).cloned().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_rows_judge_and_those_without_a_label_do_nothing() {
        let usable: Vec<bool> = (0..1000).map(|row| row % 10 != 3).collect();
        let times: Vec<i64> = (0..1000).rev().collect();
        let by_time = roles(&usable, &times, Split::Time, 0.1, 7);
        let rows = |role: Role| by_time.iter().enumerate().filter(move |(_, r)| **r == role).map(|(row, _)| row);
        assert_eq!(rows(Role::Out).count(), 100);
        assert_eq!((rows(Role::Test).count(), rows(Role::Validation).count()), (90, 90));
        assert!(rows(Role::Test).max() < rows(Role::Validation).min());
        assert!(rows(Role::Validation).max() < rows(Role::Train).min());
        let by_chance = roles(&usable, &[], Split::Random, 0.1, 7);
        assert_eq!(by_chance, roles(&usable, &[], Split::Random, 0.1, 7));
        assert_ne!(by_chance, roles(&usable, &[], Split::Random, 0.1, 8));
        assert!(roles(&[true; 50], &[], Split::Random, 0.1, 7).iter().all(|role| *role == Role::Train));
    }
}
