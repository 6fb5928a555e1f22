//! Rows that an open transaction has added and keeps in memory until it commits.
//!
//! Each statement's rows go behind those from before, so that a transaction of many small statements comes to one segment of a table
//! and not to one a statement. What was there stays as it is: who holds it, a savepoint or a query that runs, sees no more rows.

use super::pieces;
use super::segment::PLAIN_ROWS_MAX;
use crate::config::INLINE_BYTES_MAX;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use std::sync::{Arc, OnceLock};

/// Rows of one table.
#[derive(Debug)]
pub struct Held {
    before: Option<Arc<Held>>,
    /// Those that came last.
    columns: Vec<ArrayRef>,
    rows: usize,
    bytes: usize,
    /// All of them, once somebody asked.
    whole: OnceLock<Vec<ArrayRef>>,
}

impl Held {
    /// Rows by their columns.
    pub fn of(columns: Vec<ArrayRef>) -> Self {
        let (rows, bytes) = (rows_of(&columns), pieces::bytes(&columns));
        Self { before: None, columns, rows, bytes, whole: OnceLock::new() }
    }

    /// Whether these may go behind them: they are few together, and of the same types.
    pub fn takes(&self, more: &[ArrayRef]) -> bool {
        let same = || {
            let types = self.columns.iter().zip(more).all(|(column, more)| column.data_type() == more.data_type());
            types && self.columns.len() == more.len()
        };
        !more.is_empty()
            && self.rows + rows_of(more) <= PLAIN_ROWS_MAX
            && self.bytes + pieces::bytes(more) <= INLINE_BYTES_MAX
            && same()
    }

    /// The same rows and these behind them.
    pub fn and(self: &Arc<Self>, more: Vec<ArrayRef>) -> Self {
        let last = Self::of(more);
        Self { before: Some(self.clone()), rows: self.rows + last.rows, bytes: self.bytes + last.bytes, ..last }
    }

    /// All rows, by their columns.
    pub fn columns(&self) -> Result<&[ArrayRef]> {
        let Some(before) = &self.before else { return Ok(&self.columns) };
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let (mut pieces, mut next) = (vec![self.columns.as_slice()], Some(before));
        while let Some(held) = next {
            let known = held.whole.get();
            pieces.push(known.unwrap_or(&held.columns));
            next = held.before.as_ref().filter(|_| known.is_none());
        }
        pieces.reverse();
        let column = |at: usize| {
            let parts: Vec<&dyn Array> = pieces.iter().map(|columns| columns[at].as_ref()).collect();
            concat(&parts).map_err(|e| Error::internal(format!("rows of one table do not fit together: {e}")))
        };
        let whole = (0..self.columns.len()).map(column).collect::<Result<Vec<_>>>()?;
        Ok(self.whole.get_or_init(|| whole))
    }

    /// The same rows with other values in each column, which is given with its position.
    pub fn map(&self, change: impl Fn((usize, &ArrayRef)) -> ArrayRef + Copy) -> Self {
        let columns = self.columns.iter().enumerate().map(change).collect();
        let before = self.before.as_ref().map(|before| Arc::new(before.map(change)));
        Self { before, columns, rows: self.rows, bytes: self.bytes, whole: OnceLock::new() }
    }
}

fn rows_of(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, |column| column.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int32Array, StringArray};

    fn row(number: i32) -> Vec<ArrayRef> {
        vec![Arc::new(Int32Array::from(vec![number])), Arc::new(StringArray::from(vec![format!("row {number}")]))]
    }

    #[test]
    fn rows_go_behind_those_from_before_which_stay_as_they_are() {
        let mut all = vec![Arc::new(Held::of(row(0)))];
        while all.last().unwrap().takes(&row(1)) {
            let number = all.len() as i32;
            let next = Arc::new(all.last().unwrap().and(row(number)));
            // Some are looked at in between, most are not.
            if number % 7 == 0 {
                assert_eq!(next.columns().unwrap()[0].len(), all.len() + 1);
            }
            all.push(next);
        }
        assert_eq!(all.len(), PLAIN_ROWS_MAX);
        for (n, held) in all.iter().enumerate() {
            let expected: ArrayRef = Arc::new(Int32Array::from_iter_values(0..=n as i32));
            assert_eq!(&held.columns().unwrap()[0], &expected);
        }
        let nothing = |(at, column): (usize, &ArrayRef)| match at {
            1 => arrow::array::new_null_array(column.data_type(), column.len()),
            _ => column.clone(),
        };
        let erased = all[40].map(nothing);
        let erased = erased.columns().unwrap();
        assert_eq!((erased[0].null_count(), erased[1].null_count(), erased[1].len()), (0, 41, 41));
        let other: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1])), Arc::new(Int32Array::from(vec![1]))];
        assert!(!all[0].takes(&other) && !all[0].takes(&row(1)[..1]));
    }
}
