//! The same results of those rows alone that differ, which are known when all have been seen.

use super::{Gives, Sums, rows};
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use std::collections::HashSet;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

/// The rows that differ, each by its bits.
#[derive(Debug)]
pub(super) struct Distinct<S> {
    rows: HashSet<[u64; 2]>,
    gives: Gives,
    sums: PhantomData<S>,
}

impl<S: Sums> Distinct<S> {
    pub(super) fn new(gives: Gives) -> Self {
        Self { rows: HashSet::new(), gives, sums: PhantomData }
    }

    fn take(&mut self, row: [f64; 2]) {
        // All that is no number is alike.
        self.rows.insert(row.map(|number| if number.is_nan() { f64::NAN } else { number }.to_bits()));
    }
}

/// What is kept of them in between two steps: their numbers, one behind the other.
pub(super) fn state(name: &str) -> FieldRef {
    let numbers = Field::new_list_field(DataType::Float64, true);
    Arc::new(Field::new_list(format!("{name}[rows]"), numbers, true))
}

impl<S: Sums> Accumulator for Distinct<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        rows(values).flatten().for_each(|row| self.take(row));
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mut rows: Vec<[f64; 2]> = self.rows.iter().map(|row| row.map(f64::from_bits)).collect();
        // In the order in which PostgreSQL sorts them, for the sake of the last digits.
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let mut sums = S::default();
        rows.into_iter().try_for_each(|row| sums.add(row))?;
        Ok(ScalarValue::Float64(sums.result(self.gives)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.capacity() * size_of::<[u64; 2]>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let numbers = self.rows.iter().flatten().map(|bits| ScalarValue::from(f64::from_bits(*bits)));
        let numbers: Vec<ScalarValue> = numbers.collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&numbers, &DataType::Float64))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let lists = states[0].as_list::<i32>();
        for numbers in lists.iter().flatten() {
            let numbers = numbers.as_primitive::<Float64Type>();
            numbers.values().chunks_exact(2).for_each(|row| self.take([row[0], row[1]]));
        }
        Ok(())
    }
}
