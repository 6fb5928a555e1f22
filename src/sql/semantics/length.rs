//! Functions that make much out of little, kept within bounds: long texts out of short ones, series out of two numbers.

use super::function::Operator;
use super::session_zone::SERIES_MAX;
use crate::config::TEXT_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use arrow::array::types::Int64Type;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// The count of `repeat(text, count)` and the length of `lpad` and `rpad`, which must not ask for more than fits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bounded {
    /// Whether the count is of texts, and not of characters.
    pub repeats: bool,
}

impl Operator for Bounded {
    fn name(&self) -> &'static str {
        "bounded"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int64, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let text = cast(&operands[0].to_array(rows)?, &DataType::Utf8)?;
        let counts = cast(&operands[1].to_array(rows)?, &DataType::Int64)?;
        let (text, numbers) = (text.as_string::<i32>(), counts.as_primitive::<Int64Type>());
        let mut bytes = 0u64;
        for row in (0..rows).filter(|&row| !text.is_null(row) && !numbers.is_null(row)) {
            let each = if self.repeats { text.value(row).len() as u64 } else { 1 };
            bytes = bytes.saturating_add(each.saturating_mul(numbers.value(row).max(0) as u64));
        }
        match bytes > TEXT_BYTES_MAX as u64 {
            true => Err(Error::new(Kind::ProgramLimit, "requested length too large")),
            // Less than nothing is nothing, which the engine does not know of every length.
            false => Ok(Arc::new(numbers.unary::<_, Int64Type>(|number| number.max(0)))),
        }
    }
}

/// The last number of `generate_series(first, last, step)` where its values are made at once, which must not be more than fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counted;

impl Operator for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }

    fn counts_rows(&self) -> bool {
        true
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int64, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let numbers = |operand: &ColumnarValue| Ok::<_, Error>(cast(&operand.to_array(rows)?, &DataType::Int64)?);
        let arrays = operands.iter().map(numbers).collect::<Result<Vec<_>>>()?;
        let [first, last, step] = arrays.as_slice() else {
            return Err(Error::internal("a series has a first number, a last one and a step"));
        };
        let at = |array: &ArrayRef, row: usize| {
            array.is_valid(row).then(|| i128::from(array.as_primitive::<Int64Type>().value(row)))
        };
        let mut values = 0;
        for row in 0..rows {
            let (Some(first), Some(to), Some(step)) = (at(first, row), at(last, row), at(step, row)) else { continue };
            values += match step {
                0 => return Err(Error::new(Kind::InvalidParameter, "step size cannot equal zero")),
                step if (to - first).signum() == -step.signum() => 0,
                step => (to - first) / step + 1,
            };
        }
        match values > SERIES_MAX as i128 {
            true => Err(Error::new(Kind::LimitExceeded, "the series has too many values")
                .with_hint("FROM generate_series(...) makes its values one after the other.")),
            false => Ok(last.clone()),
        }
    }
}
