//! `jsonb || jsonb`.

use super::super::values::concatenated;
use super::function::Operator;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::Field;
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// `||` of two values of `jsonb`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonConcatenation;

impl Operator for JsonConcatenation {
    fn name(&self) -> &'static str {
        "jsonb_concat"
    }

    fn returns(&self) -> Field {
        SqlType::Jsonb.field("")
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let [left, right] = [operands[0].to_array(rows)?, operands[1].to_array(rows)?];
        let pairs = left.as_string::<i32>().iter().zip(right.as_string::<i32>());
        let invalid = || Error::new(Kind::InvalidText, "invalid input syntax for type json");
        let one = |(left, right): (Option<&str>, Option<&str>)| {
            left.zip(right).map(|(left, right)| concatenated(left, right).ok_or_else(invalid)).transpose()
        };
        Ok(Arc::new(pairs.map(one).collect::<Result<StringArray>>()?))
    }
}
