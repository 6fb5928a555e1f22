//! `date + integer`, which fails where no calendar of ours goes.

use super::function::Operator;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{Date32Type, Int64Type};
use arrow::array::{ArrayRef, AsArray, Date32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// Days since 1970 of the first and the last day that there is here (4714 BC, as in PostgreSQL, and the year 262142).
const DAYS: std::ops::RangeInclusive<i64> = -2_440_588..=95_026_236;

/// A date so many days later, or earlier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shifted {
    /// Whether it is earlier.
    pub back: bool,
}

impl Operator for Shifted {
    fn name(&self) -> &'static str {
        if self.back { "days_before" } else { "days_after" }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Date32, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let dates = cast(&operands[0].to_array(rows)?, &DataType::Date32)?;
        let days = cast(&operands[1].to_array(rows)?, &DataType::Int64)?;
        let one = |(date, days): (Option<i32>, Option<i64>)| {
            let (Some(date), Some(days)) = (date, days) else { return Ok(None) };
            let moved = if self.back { i64::from(date).checked_sub(days) } else { i64::from(date).checked_add(days) };
            match moved.filter(|days| DAYS.contains(days)).map(i32::try_from) {
                Some(Ok(days)) => Ok(Some(days)),
                _ => Err(Error::new(Kind::DatetimeOutOfRange, "date out of range")),
            }
        };
        let pairs = dates.as_primitive::<Date32Type>().iter().zip(days.as_primitive::<Int64Type>());
        Ok(Arc::new(pairs.map(one).collect::<Result<Date32Array>>()?))
    }
}
