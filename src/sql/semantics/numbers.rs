//! Operators that give a number for each row, and what tells how many places these have.

use super::function::Operator;
use super::wide::Number;
use crate::error::Result;
use arrow::array::{ArrayRef, Int32Array};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// An operator whose results have places of their own in each row.
pub trait Numbers: Operator + Copy {
    /// Its result for each of so many rows; one where all operands are constants.
    fn each(self, operands: &[ColumnarValue], rows: usize) -> Result<impl Iterator<Item = Result<Option<Number>>>>;
}

/// How many places the results of such an operator have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Places<O>(pub O);

impl<O: Numbers> Operator for Places<O> {
    fn name(&self) -> &'static str {
        "places"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int32, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let places = self.0.each(operands, rows)?.map(|number| Ok(number?.map(|number| number.scale)));
        Ok(Arc::new(places.collect::<Result<Int32Array>>()?))
    }
}
