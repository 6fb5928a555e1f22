//! What is computed beside a numeric, and how it is written at last.

use super::super::function::Operator;
use super::super::wide::{Number, Operand, PLACES};
use crate::encoding::pg_text::{DIGITS_MARK, TYPE_METADATA, write_decimal};
use crate::error::Result;
use arrow::array::types::Int32Type;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// The most of several numbers of places, or their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Most {
    /// Whether it is the sum.
    pub sum: bool,
}

impl Operator for Most {
    fn name(&self) -> &'static str {
        "places"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int32, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let arrays = operands.iter().map(|operand| Ok(operand.to_array(rows)?)).collect::<Result<Vec<_>>>()?;
        let arrays: Vec<&Int32Array> = arrays.iter().map(|array| array.as_primitive::<Int32Type>()).collect();
        let of = |row: usize| {
            let all = arrays.iter().map(|array| array.is_valid(row).then(|| array.value(row)));
            let all: Vec<i32> = all.collect::<Option<_>>()?;
            if self.sum { Some(all.iter().sum::<i32>().min(PLACES.into())) } else { all.into_iter().max() }
        };
        let rows = arrays.first().map_or(0, |array| array.len());
        Ok(Arc::new((0..rows).map(of).collect::<Int32Array>()))
    }
}

/// A numeric as text, with so many places: as many zeros at its end as PostgreSQL shows. No other digit is ever left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shown;

impl Operator for Shown {
    fn name(&self) -> &'static str {
        "shown"
    }

    fn returns(&self) -> Field {
        let mark = [(TYPE_METADATA.to_owned(), DIGITS_MARK.to_owned())];
        Field::new("", DataType::Utf8, true).with_metadata(mark.into())
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let numbers = Operand::new(&operands[0], rows, true)?;
        let places = operands[1].to_array(rows)?;
        let places = places.as_primitive::<Int32Type>();
        let mut texts = StringBuilder::with_capacity(numbers.len(), numbers.len() * 20);
        let mut text = Vec::new();
        for row in 0..numbers.len() {
            let Some(number) = numbers.at(row) else {
                texts.append_null();
                continue;
            };
            let wanted = if places.is_valid(row) { places.value(row) } else { 0 };
            text.clear();
            write(number, wanted, &mut text);
            texts.append_value(String::from_utf8_lossy(&text));
        }
        Ok(Arc::new(texts.finish()))
    }
}

fn write(number: Number, places: i32, out: &mut Vec<u8>) {
    let digits = number.value.wrapping_abs().to_string();
    write_decimal(number.value.is_negative(), digits.as_bytes(), number.scale, false, out);
    let zeros = places - number.scale;
    if zeros > 0 {
        if number.scale == 0 {
            out.push(b'.');
        }
        out.extend(std::iter::repeat_n(b'0', zeros.unsigned_abs() as usize));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::i256;

    #[test]
    fn zeros_are_shown_and_other_digits_kept() {
        let shown = |value: i128, scale, places| {
            let mut out = Vec::new();
            write(Number { value: i256::from_i128(value), scale }.trimmed(), places, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(-110, 2, 2), "-1.10");
        assert_eq!(shown(5, 0, 3), "5.000");
        assert_eq!(shown(0, 0, 2), "0.00");
        assert_eq!(shown(125, 3, 1), "0.125");
        assert_eq!(shown(100, 0, 0), "100");
    }
}
