//! `date_trunc` at a unit that is written out: a column of moments cut at once.

use super::super::functions::Unit;
use super::function::Operator;
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimestampMicrosecondType};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// Moments cut at a unit, by the clock of UTC.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Truncated {
    /// At what, by a name that is known.
    pub unit: String,
    /// What they are: `timestamp` or `timestamptz`.
    pub data_type: DataType,
}

impl Operator for Truncated {
    fn name(&self) -> &'static str {
        "date_trunc"
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let moments = cast(&operands[0].to_array(rows)?, &self.data_type)?;
        let unit = Unit::named(&self.unit).ok_or_else(|| Error::internal("moments are cut at no unit"))?;
        let moments = moments.as_primitive::<TimestampMicrosecondType>();
        let cut: TimestampMicrosecondArray = moments.try_unary(|micros| unit.cut(micros))?;
        Ok(Arc::new(cut.with_data_type(self.data_type.clone())))
    }
}
