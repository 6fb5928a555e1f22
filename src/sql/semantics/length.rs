//! Functions that make long texts out of short ones, kept within bounds.

use super::function::Operator;
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
