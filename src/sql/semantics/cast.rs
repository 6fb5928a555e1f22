//! `CAST(value AS type)`.

use super::super::values::Zone;
use super::function::Operator;
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

/// A cast between two types, as [`Zone::convert`] does it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The operand's type.
    pub from: Field,
    /// The result's.
    pub to: SqlType,
    /// The session's zone, if it counts.
    pub zone: Zone,
}

impl Operator for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn returns(&self) -> Field {
        self.to.field("")
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        self.zone.convert(&self.from, &operands[0].to_array(rows)?, &self.to)
    }
}

impl Cast {
    /// The cast of one value.
    pub fn constant(&self, value: &ScalarValue) -> Result<ScalarValue> {
        Ok(ScalarValue::try_from_array(&self.zone.convert(&self.from, &value.to_array()?, &self.to)?, 0)?)
    }
}
