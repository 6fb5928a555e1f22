//! Products and quotients of `numeric`.
//!
//! PostgreSQL keeps every digit of a product, and 16 significant ones of a quotient at least, whose places depend on its operands. So
//! quotients are of the type `wide::WIDE`; a product has all of its places, in as many digits as they need.

use super::function::Operator as Function;
use super::quick::quick;
use super::wide::{self, Number, Operand, PLACES, WIDE, decimal};
use crate::error::Result;
use arrow::array::types::Decimal128Type;
use arrow::array::{ArrayRef, Int32Array, PrimitiveArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::{ColumnarValue, Operator};
use std::sync::Arc;

/// Digits of the decimals that are quick.
const DIGITS: u8 = 38;
/// Places of a product at most that is one of those.
const PRODUCT_PLACES: i8 = 20;

/// `*` or `/` of two numbers of which one is a decimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimals {
    operator: Operator,
    /// Whether the places of each operand are no more than its value needs.
    open: [bool; 2],
    data_type: DataType,
}

impl Decimals {
    /// The operator for operands of these types, where the engine's own would give other digits.
    pub fn of(operator: Operator, left: (&DataType, bool), right: (&DataType, bool)) -> Option<Self> {
        let open = [left.1, right.1];
        let (left, right) = (left.0, right.0);
        if decimal(left).is_none() && decimal(right).is_none() {
            return None;
        }
        let ((p1, s1), (p2, s2)) = (digits(left)?, digits(right)?);
        let data_type = match operator {
            Operator::Divide => WIDE,
            Operator::Multiply if open.contains(&true) => WIDE,
            Operator::Multiply if u16::from(p1) + u16::from(p2) < u16::from(DIGITS) => return None,
            // What has all digits there are is a sum, or written so: few rows, and digits that may count.
            Operator::Multiply if p1.max(p2) < DIGITS && s1 + s2 <= PRODUCT_PLACES => {
                DataType::Decimal128(DIGITS, s1 + s2)
            }
            Operator::Multiply if s1 + s2 < PLACES => DataType::Decimal256(wide::DIGITS, s1 + s2),
            Operator::Multiply => WIDE,
            _ => return None,
        };
        Some(Self { operator, open, data_type })
    }

    /// What tells the places of the quotient of the same operands, if it is one.
    pub fn places(&self) -> Option<Places> {
        (self.operator == Operator::Divide).then_some(Places { open: self.open })
    }

    /// Whether it is a product.
    pub fn is_product(&self) -> bool {
        self.operator == Operator::Multiply
    }

    /// A product in as many digits as its operands have, which is most of what is multiplied row by row.
    fn quick(&self, left: &Operand, right: &Operand) -> Option<Result<ArrayRef>> {
        let DataType::Decimal128(precision, scale) = self.data_type else { return None };
        let ((left, of_left), (right, of_right)) = (left.narrow()?, right.narrow()?);
        if !self.is_product() || of_left + of_right != i32::from(scale) {
            return None;
        }
        let limit = 10i128.pow(precision.into());
        let fits = |product: &i128| (1 - limit..limit).contains(product);
        let pairs = left.iter().zip(right.iter()).map(|pair| match pair {
            (Some(a), Some(b)) => a.checked_mul(b).filter(fits).map(Some).ok_or_else(wide::overflow),
            _ => Ok(None),
        });
        let product = pairs.collect::<Result<PrimitiveArray<Decimal128Type>>>();
        Some(product.and_then(|product| Ok(Arc::new(product.with_precision_and_scale(precision, scale)?) as ArrayRef)))
    }

    fn one(&self, left: Number, right: Number) -> Result<Number> {
        match self.operator {
            Operator::Multiply => left.times(right),
            _ => left.divided(right),
        }
    }
}

/// Precision and scale of a number that is not floating point.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        other => decimal(other),
    }
}

impl Function for Decimals {
    fn name(&self) -> &'static str {
        if self.operator == Operator::Divide { "divide" } else { "multiply" }
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        if let DataType::Decimal128(precision, scale) = self.data_type
            && let Some(product) = quick(self.operator, &operands[0], &operands[1], scale)
        {
            return Ok(Arc::new(product.with_precision_and_scale(precision, scale)?));
        }
        let left = Operand::new(&operands[0], rows, self.open[0])?;
        let right = Operand::new(&operands[1], rows, self.open[1])?;
        if let Some(product) = self.quick(&left, &right) {
            return product;
        }
        let numbers = (0..left.len()).map(|row| match (left.at(row), right.at(row)) {
            (Some(left), Some(right)) => self.one(left, right).map(Some),
            _ => Ok(None),
        });
        wide::array(numbers, &self.data_type)
    }
}

/// How many places the quotient of two numbers has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Places {
    open: [bool; 2],
}

impl Function for Places {
    fn name(&self) -> &'static str {
        "places"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int32, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let left = Operand::new(&operands[0], rows, self.open[0])?;
        let right = Operand::new(&operands[1], rows, self.open[1])?;
        let places = (0..left.len()).map(|row| Some(left.at(row)?.places_by(right.at(row)?)));
        Ok(Arc::new(places.collect::<Int32Array>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use datafusion::common::ScalarValue;

    fn shown(operator: Operator, left: (i128, u8, i8), right: (i128, u8, i8)) -> Result<String, Kind> {
        let value = |(value, precision, scale)| ScalarValue::Decimal128(Some(value), precision, scale);
        let (left, right) = (value(left), value(right));
        let types = [left.data_type(), right.data_type()];
        let decimals = Decimals::of(operator, (&types[0], false), (&types[1], false)).unwrap();
        let operands = [ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)];
        let result = decimals.evaluate(&operands, 1).map_err(|error| error.kind())?;
        Ok(crate::encoding::pg_text::cell_text(&result, 0).unwrap())
    }

    #[test]
    fn quotients_keep_their_digits() {
        let divide = |left, right| shown(Operator::Divide, left, right);
        assert_eq!(divide((20, 3, 1), (3, 1, 0)).unwrap(), "0.66666666666666666667");
        assert_eq!(divide((1, 1, 0), (4, 3, 0)).unwrap(), "0.25");
        assert_eq!(divide((1, 1, 0), (0, 3, 2)).unwrap_err(), Kind::DivisionByZero);
    }

    #[test]
    fn products_keep_their_places() {
        let multiply = |left, right| shown(Operator::Multiply, left, right);
        assert_eq!(multiply((15, 38, 1), (20, 38, 1)).unwrap(), "3.00");
        assert_eq!(multiply((10i128.pow(37), 38, 0), (20, 38, 1)).unwrap(), format!("2{}.0", "0".repeat(37)));
        assert_eq!(multiply((10i128.pow(29), 30, 0), (10i128.pow(20), 30, 0)).unwrap_err(), Kind::NumericOutOfRange);
    }
}
