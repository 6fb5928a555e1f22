//! Rows as text, each column with a dictionary: everything that depends on a value alone is done once per distinct value.

use std::collections::HashMap;

use arrow::array::{Array, RecordBatch};

use crate::error::Result;
use crate::models::features::{Family, texts};

/// The place that stands for an empty cell (NULL or blank).
pub(super) const EMPTY: u32 = u32::MAX;

/// One column: its distinct values, how often each occurs, and each row's place among them.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    pub name: String,
    pub distinct: Vec<String>,
    pub counts: Vec<u32>,
    pub rows: Vec<u32>,
}

impl Cells {
    /// The value of a row, `None` where empty.
    pub fn value(&self, row: usize) -> Option<&str> {
        self.at(*self.rows.get(row)?)
    }

    /// The value at a place of the dictionary.
    pub fn at(&self, place: u32) -> Option<&str> {
        self.distinct.get(place as usize).map(String::as_str)
    }

    /// Empty cells.
    pub fn empty(&self) -> usize {
        self.rows.iter().filter(|place| **place == EMPTY).count()
    }
}

/// Reads batches of one schema; columns that cannot be text (lists, binary) are left out. Every `stride`-th row is read.
pub(super) fn read(batches: &[RecordBatch], stride: usize) -> Result<Vec<Cells>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let mut columns = Vec::new();
    for field in first.schema_ref().fields() {
        if Family::of(field.data_type()).is_none() {
            continue;
        }
        let mut cells = Cells { name: field.name().clone(), ..Cells::default() };
        let mut places: HashMap<String, u32> = HashMap::new();
        let mut passed = 0usize;
        for array in batches.iter().filter_map(|batch| batch.column_by_name(field.name())) {
            cells.rows.reserve(array.len() / stride.max(1));
            texts(field.name(), array, |row, text| {
                if !(passed + row).is_multiple_of(stride.max(1)) {
                    return;
                }
                let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
                    cells.rows.push(EMPTY);
                    return;
                };
                let place = match places.get(text) {
                    Some(place) => *place,
                    None => {
                        let place = cells.distinct.len() as u32;
                        places.insert(text.to_string(), place);
                        cells.distinct.push(text.to_string());
                        cells.counts.push(0);
                        place
                    }
                };
                cells.rows.push(place);
                if let Some(count) = cells.counts.get_mut(place as usize) {
                    *count += 1;
                }
            })?;
            passed += array.len();
        }
        columns.push(cells);
    }
    Ok(columns)
}
