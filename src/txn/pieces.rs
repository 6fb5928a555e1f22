//! Pieces of rows: a segment is cut where it has enough rows, or enough bytes. A text may be as long as a client likes, and what is
//! worked on at once must fit into memory, and below the 2 GiB that one column can have.

use crate::config::{PAGE_BYTES_MAX, PAGE_ROWS};
use arrow::array::{Array, ArrayRef, RecordBatch};

/// Bytes in memory of these columns alone, whatever they are slices of.
pub fn bytes(columns: &[ArrayRef]) -> usize {
    let of = |column: &ArrayRef| {
        let data = column.to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| data.get_array_memory_size())
    };
    columns.iter().map(of).sum()
}

/// A batch in slices of at most so many bytes each, but for a single row that has more.
pub fn within(batch: &RecordBatch, bytes_max: usize) -> Vec<RecordBatch> {
    let mut pieces = Vec::new();
    cut(batch, bytes_max, &mut pieces);
    pieces
}

fn cut(batch: &RecordBatch, bytes_max: usize, pieces: &mut Vec<RecordBatch>) {
    let rows = batch.num_rows();
    // One row is not cut, whatever it weighs.
    let all = if rows <= 1 { 0 } else { bytes(batch.columns()) };
    if all <= bytes_max {
        pieces.push(batch.clone());
        return;
    }
    // Long values may all stand together: what is still too large is cut again.
    let each = rows.div_ceil(all.div_ceil(bytes_max.max(1)).min(rows));
    for start in (0..rows).step_by(each) {
        cut(&batch.slice(start, each.min(rows - start)), bytes_max, pieces);
    }
}

/// Rows of a page of a chunk that has these rows: fewer of wide ones, so that a page never takes much memory.
pub fn page_rows(batch: &RecordBatch) -> usize {
    let mut rows = PAGE_ROWS;
    let each = bytes(batch.columns()) / batch.num_rows().max(1);
    while rows > 1 && rows * each > PAGE_BYTES_MAX {
        rows /= 2;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use std::sync::Arc;

    fn texts(lengths: &[usize]) -> RecordBatch {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(lengths.iter().map(|&n| "x".repeat(n))));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..lengths.len() as i64));
        RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).unwrap()
    }

    #[test]
    fn pieces_are_no_larger_than_they_may_be_and_make_the_whole() {
        let mut lengths = vec![10; 1000];
        // One that is larger than a piece, and many large ones together.
        lengths[3] = 5000;
        lengths[900..].fill(900);
        let whole = texts(&lengths);
        let slice = whole.slice(1, 998);
        let pieces = within(&slice, 2000);
        assert!(pieces.iter().all(|piece| piece.num_rows() == 1 || bytes(piece.columns()) <= 2000));
        assert!(pieces.len() < 200, "{}", pieces.len());
        assert_eq!(arrow::compute::concat_batches(&whole.schema(), &pieces).unwrap(), slice);
        assert_eq!(within(&slice, usize::MAX).len(), 1);
        assert_eq!(within(&slice.slice(0, 0), 10).len(), 1);
    }

    #[test]
    fn pages_of_wide_rows_are_short() {
        assert_eq!(page_rows(&texts(&[10; 100])), PAGE_ROWS);
        assert_eq!(page_rows(&texts(&[])), PAGE_ROWS);
        let wide = page_rows(&texts(&[32 << 10; 64]));
        assert!(wide.is_power_of_two() && wide * (32 << 10) <= PAGE_BYTES_MAX && wide * (66 << 10) > PAGE_BYTES_MAX);
    }
}
