//! `CAST(value AS type)`.

use super::super::values::Zone;
use super::function::{self, Operator};
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, Expr};

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

/// What is cast, where a date becomes a moment of clocks without a zone.
pub fn day_as_moment(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let cast = function::operator_of::<Cast>(call)?;
    call.args.first().filter(|_| cast.is_of_day_to_moment())
}

impl Cast {
    fn is_of_day_to_moment(&self) -> bool {
        *self.from.data_type() == DataType::Date32 && self.to == SqlType::Timestamp
    }

    /// Whether it fails for some values: each day has a midnight, and each value a text.
    pub fn can_fail(&self) -> bool {
        !self.is_of_day_to_moment() && self.to != SqlType::Text
    }

    /// The cast of one value.
    pub fn constant(&self, value: &ScalarValue) -> Result<ScalarValue> {
        Ok(ScalarValue::try_from_array(&self.zone.convert(&self.from, &value.to_array()?, &self.to)?, 0)?)
    }
}
