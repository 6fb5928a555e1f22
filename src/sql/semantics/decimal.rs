//! Products and quotients of `numeric`.
//!
//! PostgreSQL keeps every digit of a product and 16 significant ones of a quotient at least. Arrow's decimals have 38 in
//! all, at a scale that the type fixes: a quotient has 16 places here, and a product all of its places while they fit,
//! then twenty.

use super::function::Operator as Function;
use crate::error::{Error, Kind, Result};
use arrow::array::types::Decimal128Type;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, i256};
use datafusion::logical_expr::{ColumnarValue, Operator};
use std::sync::Arc;

/// Digits of a decimal.
const DIGITS: u8 = 38;
/// Places of a quotient at least.
const QUOTIENT_PLACES: i8 = 16;
/// Places of a product at most, once not all of its digits are sure to fit.
const PRODUCT_PLACES: i8 = 20;

/// `*` or `/` of two decimals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimals {
    operator: Operator,
    left: i8,
    right: i8,
    scale: i8,
}

impl Decimals {
    /// The operator for operands of these types, where the engine's own would give other digits.
    pub fn of(operator: Operator, left: &DataType, right: &DataType) -> Option<Self> {
        let decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
        if !decimal(left) && !decimal(right) {
            return None;
        }
        let ((p1, s1), (p2, s2)) = (digits(left)?, digits(right)?);
        let scale = match operator {
            Operator::Divide => s1.max(s2).max(QUOTIENT_PLACES),
            Operator::Multiply if p1 + p2 >= DIGITS => (s1 + s2).min(s1.max(s2).max(PRODUCT_PLACES)),
            _ => return None,
        };
        Some(Self { operator, left: s1, right: s2, scale })
    }

    /// The result for two operands of these scales.
    fn one(&self, (left, left_scale): (i128, i8), (right, right_scale): (i128, i8)) -> Result<i128> {
        match self.operator {
            Operator::Multiply => {
                let dropped = left_scale + right_scale - self.scale;
                match left.checked_mul(right) {
                    Some(product) if dropped == 0 => within(product),
                    _ => {
                        let product = i256::from(left).checked_mul(i256::from(right));
                        narrow(quotient(product.and_then(|p| p.checked_mul(power(-dropped))), power(dropped))?)
                    }
                }
            }
            _ if right == 0 => Err(Error::new(Kind::DivisionByZero, "division by zero")),
            _ => {
                let raise = self.scale + right_scale - left_scale;
                let divisor = i256::from(right).checked_mul(power(-raise)).ok_or_else(overflow)?;
                narrow(quotient(i256::from(left).checked_mul(power(raise)), divisor)?)
            }
        }
    }
}

/// Precision and scale of a number that is not floating point.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        _ => None,
    }
}

/// Ten to the power of a number of places, up to 76; one for less than none.
fn power(places: i8) -> i256 {
    (0..places).fold(i256::ONE, |power, _| power.wrapping_mul(i256::from_i128(10)))
}

/// Rounded to the nearest, half-way cases away from zero.
fn quotient(dividend: Option<i256>, divisor: i256) -> Result<i256> {
    let dividend = dividend.ok_or_else(overflow)?;
    let whole = dividend.wrapping_div(divisor);
    let rest = dividend.wrapping_rem(divisor).wrapping_abs();
    if rest.wrapping_add(rest) < divisor.wrapping_abs() {
        return Ok(whole);
    }
    let away = match (dividend < i256::ZERO) == (divisor < i256::ZERO) {
        true => i256::ONE,
        false => i256::MINUS_ONE,
    };
    Ok(whole.wrapping_add(away))
}

fn narrow(value: i256) -> Result<i128> {
    value.to_i128().ok_or_else(overflow).and_then(within)
}

fn within(value: i128) -> Result<i128> {
    match value.unsigned_abs() < 10u128.pow(u32::from(DIGITS)) {
        true => Ok(value),
        false => Err(overflow()),
    }
}

fn overflow() -> Error {
    Error::new(Kind::NumericOutOfRange, "value overflows numeric format")
        .with_detail(format!("A numeric has {DIGITS} digits at most here, those after the point among them."))
}

impl Function for Decimals {
    fn name(&self) -> &'static str {
        if self.operator == Operator::Divide { "divide" } else { "multiply" }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Decimal128(DIGITS, self.scale), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (left, right) = (decimals(&operands[0], self.left, rows)?, decimals(&operands[1], self.right, rows)?);
        // What was chosen among several may have more places than its first.
        let (of_left, of_right) = (left.scale(), right.scale());
        let pairs = left.iter().zip(right.iter()).map(|pair| match pair {
            (Some(left), Some(right)) => self.one((left, of_left), (right, of_right)).map(Some),
            _ => Ok(None),
        });
        let result: PrimitiveArray<Decimal128Type> = pairs.collect::<Result<_>>()?;
        Ok(Arc::new(result.with_precision_and_scale(DIGITS, self.scale)?))
    }
}

fn decimals(operand: &ColumnarValue, scale: i8, rows: usize) -> Result<PrimitiveArray<Decimal128Type>> {
    let array = operand.to_array(rows)?;
    let array = match array.data_type() {
        DataType::Decimal128(..) => array,
        _ => cast(&array, &DataType::Decimal128(DIGITS, scale))?,
    };
    Ok(array.as_primitive::<Decimal128Type>().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::ScalarValue;

    fn shown(operator: Operator, left: (i128, u8, i8), right: (i128, u8, i8)) -> Result<String, Kind> {
        let value = |(value, precision, scale)| ScalarValue::Decimal128(Some(value), precision, scale);
        let (left, right) = (value(left), value(right));
        let decimals = Decimals::of(operator, &left.data_type(), &right.data_type()).unwrap();
        let operands = [ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)];
        let result = decimals.evaluate(&operands, 1).map_err(|error| error.kind())?;
        Ok(crate::encoding::pg_text::cell_text(&result, 0).unwrap())
    }

    #[test]
    fn quotients_have_sixteen_places_and_are_rounded() {
        let divide = |left, right| shown(Operator::Divide, left, right);
        assert_eq!(divide((20, 3, 1), (3, 1, 0)).unwrap(), "0.6666666666666667");
        assert_eq!(divide((-20, 3, 1), (3, 1, 0)).unwrap(), "-0.6666666666666667");
        assert_eq!(divide((1, 1, 0), (0, 3, 2)).unwrap_err(), Kind::DivisionByZero);
    }

    #[test]
    fn products_keep_their_digits_while_they_fit() {
        let wide = |value| (value, 38, 16);
        let multiply = |left, right| shown(Operator::Multiply, left, right);
        let two = 2 * 10i128.pow(16);
        assert_eq!(multiply(wide(two), wide(two)).unwrap(), format!("4.{}", "0".repeat(20)));
        assert_eq!(multiply(wide(10i128.pow(37)), wide(10i128.pow(37))).unwrap_err(), Kind::NumericOutOfRange);
    }
}
