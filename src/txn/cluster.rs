//! The order of a table that has a clustering key, declared or learnt: rows that are asked for together lie together, so that bounds of pages
//! rule more of them out.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use arrow::error::ArrowError;

/// Where rows belong that are sorted by these of their columns; none if there is no such column.
pub fn order(by: &[usize], columns: &[ArrayRef]) -> Result<Option<UInt32Array>, ArrowError> {
    let by = by.iter().filter_map(|&c| columns.get(c));
    let by: Vec<SortColumn> = by.map(|column| SortColumn { values: column.clone(), options: None }).collect();
    match by.is_empty() {
        true => Ok(None),
        false => lexsort_to_indices(&by, None).map(Some),
    }
}

/// The rows of a batch sorted by these of its columns.
pub fn sorted(by: &[usize], batch: RecordBatch) -> Result<RecordBatch> {
    let sorted = order(by, batch.columns()).and_then(|order| match order {
        Some(order) => take_record_batch(&batch, &order),
        None => Ok(batch),
    });
    sorted.map_err(|e| Error::internal(format!("rows cannot be sorted: {e}")))
}
