//! Columns that tell the rows of a relation apart only together: minimal keys of two and three columns, in a sample of rows.
//!
//! Level by level, as unique column combinations are searched (Abedjan and Naumann, 2011): a set is asked only if none within it is a
//! key and if its columns have enough different values together; the first pair of equal rows ends the question.

use super::profile::ColumnProfile;
use super::rules::codes;
use arrow::array::RecordBatch;
use std::collections::HashSet;

/// Rows that are looked at.
pub const KEY_ROWS: usize = 20_000;
/// Rows below which everything is a key.
const ROWS_MIN: usize = 20;
/// Columns that are put together; those with most different values.
const COLUMNS_MAX: usize = 14;
/// Keys that are told.
const KEYS_MAX: usize = 5;
/// Characters of a text on average from which on it is no part of a key.
const LENGTH_MAX: f64 = 48.0;

/// The minimal keys of two columns, or of three where there are none of two, by the numbers of their columns. `batches` are rows of
/// the relation, of which no more than [`KEY_ROWS`] should be given; measures and columns with NULLs are no part of a key.
pub fn compound_keys(batches: &[RecordBatch], profiles: &[ColumnProfile]) -> Vec<Vec<usize>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if rows < ROWS_MIN {
        return Vec::new();
    }
    let may_be = |profile: &ColumnProfile| {
        let is_measure = profile.data_type.is_floating()
            || matches!(profile.data_type, arrow::datatypes::DataType::Decimal128(..))
            || profile.data_type.is_nested();
        !is_measure
            && profile.nulls == 0
            && profile.distincts > 1
            && profile.avg_length.is_none_or(|length| length <= LENGTH_MAX)
    };
    let mut columns: Vec<(usize, Vec<u32>, usize)> = Vec::new();
    for (at, _) in profiles.iter().enumerate().filter(|(_, profile)| may_be(profile)) {
        let (values, different) = codes(batches, at);
        let values: Vec<u32> = values.into_iter().flatten().collect();
        // One that is a key by itself makes no other minimal.
        if values.len() == rows && different > 1 && different < rows {
            columns.push((at, values, different));
        }
    }
    columns.sort_by_key(|(at, _, different)| (std::cmp::Reverse(*different), *at));
    columns.truncate(COLUMNS_MAX);
    columns.sort_by_key(|(at, ..)| *at);
    let mut found: Vec<Vec<usize>> = Vec::new();
    for one in 0..columns.len() {
        for other in one + 1..columns.len() {
            if is_key(&[&columns[one], &columns[other]], rows) {
                found.push(vec![columns[one].0, columns[other].0]);
            }
        }
    }
    if found.is_empty() {
        for one in 0..columns.len() {
            for other in one + 1..columns.len() {
                for third in other + 1..columns.len() {
                    if is_key(&[&columns[one], &columns[other], &columns[third]], rows) {
                        found.push(vec![columns[one].0, columns[other].0, columns[third].0]);
                    }
                }
            }
        }
    }
    // Keys stand in front.
    found.sort_by_key(|key| key.iter().sum::<usize>());
    found.truncate(KEYS_MAX);
    found
}

fn is_key(columns: &[&(usize, Vec<u32>, usize)], rows: usize) -> bool {
    if columns.iter().map(|(_, _, different)| *different as f64).product::<f64>() < rows as f64 {
        return false;
    }
    let mut seen: HashSet<u128> = HashSet::with_capacity(rows);
    (0..rows).all(|row| {
        let together = columns.iter().filter_map(|(_, values, _)| values.get(row));
        seen.insert(together.fold(0u128, |all, value| all << 32 | u128::from(*value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::Profiler;
    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn lines_of_orders_are_told_apart_by_order_and_line() {
        let numbers =
            |of: &dyn Fn(i64) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values((0..300).map(of))) };
        let batch = RecordBatch::try_from_iter([
            ("order_id", numbers(&|n| 1000 + n / 3)),
            ("line", numbers(&|n| n % 3)),
            ("price", Arc::new(Float64Array::from_iter_values((0..300).map(|n| n as f64 * 0.5))) as ArrayRef),
            ("state", Arc::new(StringArray::from_iter_values((0..300).map(|n| ["a", "b"][n % 2]))) as ArrayRef),
        ])
        .unwrap();
        let mut profiler = Profiler::new(batch.schema());
        profiler.update(&batch).unwrap();
        let profiles = profiler.finish().unwrap();
        assert_eq!(compound_keys(std::slice::from_ref(&batch), &profiles), [vec![0, 1]]);
        assert!(compound_keys(&[batch.slice(0, 10)], &profiles).is_empty());
    }
}
