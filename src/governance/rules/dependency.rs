//! Columns that are determined by others: `city -> state`, found in a sample of rows.
//!
//! The strength of `a -> b` is the share of rows that would be right if each value of `a` had its most frequent `b` (1 - g3 of Kivinen and
//! Mannila, 1995). A column that is nearly always the same is "determined" by everything; so strength counts by how far it lies above
//! what the one most frequent value of `b` reaches.

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::HashMap;

/// Strength from which on a dependency is worth measuring.
const STRENGTH_MIN: f64 = 0.95;
/// Part of the distance between guessing and certainty that a dependency must cover.
const GAIN_MIN: f64 = 0.8;
/// Rows for each value of the determinant, on average, below which agreement says nothing.
const ROWS_OF_VALUE_MIN: f64 = 3.0;
/// Dependencies that are given at most.
const DEPENDENCIES_MAX: usize = 20;
/// Rows below which nothing is said.
const ROWS_MIN: usize = 20;

/// A column that another one determines.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// The column that determines.
    pub determinant: usize,
    /// The column that is determined.
    pub column: usize,
    /// The share of rows that keep it, in the sample.
    pub strength: f64,
}

/// Values of a column as numbers from 0 on; `None` for NULL.
pub(in crate::governance) fn codes(batches: &[RecordBatch], column: usize) -> (Vec<Option<u32>>, usize) {
    let mut known: HashMap<String, u32> = HashMap::new();
    let mut codes = Vec::new();
    let options = FormatOptions::default();
    for batch in batches {
        let array = batch.column(column);
        let Ok(texts) = ArrayFormatter::try_new(array, &options) else { return (Vec::new(), 0) };
        for row in 0..array.len() {
            codes.push(match array.is_null(row) {
                true => None,
                false => {
                    let next = known.len() as u32;
                    Some(*known.entry(texts.value(row).to_string()).or_insert(next))
                }
            });
        }
    }
    (codes, known.len())
}

/// The dependencies between single columns of a sample of rows, strongest first; `meant` says which columns may take part.
pub fn dependencies(batches: &[RecordBatch], meant: &[bool]) -> Vec<Dependency> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if rows < ROWS_MIN {
        return Vec::new();
    }
    let columns: Vec<(Vec<Option<u32>>, usize)> =
        meant.iter().enumerate().map(|(at, meant)| if *meant { codes(batches, at) } else { (Vec::new(), 0) }).collect();
    let mut found = Vec::new();
    for (determinant, (by, values)) in columns.iter().enumerate() {
        let present = by.iter().flatten().count();
        if *values < 2 || present < ROWS_MIN || present as f64 / *values as f64 <= ROWS_OF_VALUE_MIN {
            continue;
        }
        for (column, (of, others)) in columns.iter().enumerate() {
            if column == determinant || *others < 2 {
                continue;
            }
            let (strength, guess) = strength(by, of, *others);
            if strength >= STRENGTH_MIN && strength - guess >= GAIN_MIN * (1.0 - guess) {
                found.push((strength - guess, Dependency { determinant, column, strength }));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().take(DEPENDENCIES_MAX).map(|(_, dependency)| dependency).collect()
}

/// The share of rows whose value is the most frequent one of their determinant, and that of the most frequent value of all.
fn strength(by: &[Option<u32>], of: &[Option<u32>], values: usize) -> (f64, f64) {
    let mut pairs: HashMap<(u32, u32), u32> = HashMap::new();
    let mut alone = vec![0u32; values];
    let mut rows = 0u64;
    for (by, of) in by.iter().zip(of) {
        if let (Some(by), Some(of)) = (by, of) {
            *pairs.entry((*by, *of)).or_default() += 1;
            alone[*of as usize] += 1;
            rows += 1;
        }
    }
    let mut most: HashMap<u32, u32> = HashMap::new();
    for ((by, _), count) in pairs {
        let most = most.entry(by).or_default();
        *most = (*most).max(count);
    }
    let kept: u64 = most.values().map(|count| u64::from(*count)).sum();
    let rows = rows.max(1) as f64;
    (kept as f64 / rows, f64::from(alone.into_iter().max().unwrap_or(0)) / rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, StringArray};
    use std::sync::Arc;

    #[test]
    fn a_city_tells_its_state_but_for_a_slip_and_nothing_tells_what_never_changes() {
        let cities = ["Austin", "Dallas", "Boston", "Salem"];
        let states = ["TX", "TX", "MA", "MA"];
        let column = |of: &dyn Fn(usize) -> String| -> ArrayRef {
            Arc::new(StringArray::from((0..200).map(of).collect::<Vec<_>>()))
        };
        let batch = RecordBatch::try_from_iter([
            ("id", column(&|n| n.to_string())),
            ("city", column(&|n| cities[n % 4].to_owned())),
            ("state", column(&|n| if n == 8 { "MA".to_owned() } else { states[n % 4].to_owned() })),
            ("country", column(&|_| "US".to_owned())),
            ("other", column(&|n| (n * 7 % 11).to_string())),
        ])
        .unwrap();
        let found = dependencies(&[batch], &[true; 5]);
        assert_eq!(found, [Dependency { determinant: 1, column: 2, strength: 0.995 }]);
    }
}
