//! `CAST(value AS type)`.

use super::super::values::convert;
use super::function::Operator;
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

/// A cast between two types, as [`convert`] does it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The operand's type.
    pub from: Field,
    /// The result's.
    pub to: SqlType,
}

impl Operator for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn returns(&self) -> Field {
        self.to.field("")
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        convert(&self.from, &operands[0].to_array(rows)?, &self.to)
    }
}

impl Cast {
    /// The cast of one value.
    pub fn constant(&self, value: &ScalarValue) -> Result<ScalarValue> {
        Ok(ScalarValue::try_from_array(&convert(&self.from, &value.to_array()?, &self.to)?, 0)?)
    }
}
