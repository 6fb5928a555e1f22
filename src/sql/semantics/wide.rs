//! A numeric whose places differ from value to value, as PostgreSQL's do: what a quotient, an average or a deviation is.
//!
//! Arrow's decimals have one scale for a whole column. Such a numeric has the 40 places that are the most it can have, and as many
//! digits as fit; which of them PostgreSQL shows is told beside it (`digits`).

use crate::error::{Error, Kind, Result};
use arrow::array::types::{Decimal128Type, Decimal256Type};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, i256};
use datafusion::logical_expr::ColumnarValue;
use std::sync::LazyLock;

/// Digits that a decimal has at most.
pub const DIGITS: u8 = 76;
/// Places of such a numeric.
pub const PLACES: i8 = 40;
/// Its type.
pub const WIDE: DataType = DataType::Decimal256(DIGITS, PLACES);
/// PostgreSQL's NUMERIC_MIN_SIG_DIGITS.
const SIGNIFICANT: i32 = 16;
/// Decimal digits in one of PostgreSQL's.
const GROUP: i32 = 4;

static POWERS: LazyLock<Vec<i256>> = LazyLock::new(|| {
    let ten = i256::from_i128(10);
    let next = |power: &i256| power.checked_mul(ten);
    std::iter::successors(Some(i256::ONE), next).take(usize::from(DIGITS) + 1).collect()
});

/// Precision and scale of a decimal.
pub fn decimal(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    }
}

/// Ten to the power of a number of places; none where it has more digits than a decimal.
pub fn power(places: i32) -> Option<i256> {
    usize::try_from(places).ok().and_then(|places| POWERS.get(places)).copied()
}

/// A value and how many of its digits are behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// All digits.
    pub value: i256,
    /// How many of them are places.
    pub scale: i32,
}

impl Number {
    /// The same without zeros at the end of its places.
    pub fn trimmed(self) -> Self {
        if self.value == i256::ZERO {
            return Self { value: self.value, scale: 0 };
        }
        let mut number = self;
        for step in [32, 16, 8, 4, 2, 1] {
            while number.scale >= step
                && let Some(unit) = power(step)
                && number.value.wrapping_rem(unit) == i256::ZERO
            {
                number = Self { value: number.value.wrapping_div(unit), scale: number.scale - step };
            }
        }
        number
    }

    /// Its place among PostgreSQL's digits, which are groups of four, and the first of those.
    pub fn weight(self) -> (i32, i32) {
        let size = self.value.wrapping_abs();
        if size == i256::ZERO {
            return (0, 0);
        }
        let digits = digits_of(size);
        let weight = (digits - self.scale - 1).div_euclid(GROUP);
        let dropped = self.scale + GROUP * weight;
        let first = match power(dropped.abs()) {
            Some(unit) if dropped >= 0 => match size.to_i128().zip(unit.to_i128()) {
                // Which is much faster.
                Some((size, unit)) => Some(size / unit),
                None => size.wrapping_div(unit).to_i128(),
            },
            Some(unit) => size.wrapping_mul(unit).to_i128(),
            None => None,
        };
        (weight, first.and_then(|first| i32::try_from(first).ok()).unwrap_or_default())
    }

    /// The places of a quotient: PostgreSQL's `select_div_scale`.
    pub fn places_by(self, divisor: Self) -> i32 {
        let ((weight, first), (by, first_by)) = (self.weight(), divisor.weight());
        let estimate = weight - by - i32::from(first <= first_by);
        (SIGNIFICANT - estimate * GROUP).max(self.scale).max(divisor.scale).clamp(0, PLACES.into())
    }

    /// The quotient, rounded to those places.
    pub fn divided(self, divisor: Self) -> Result<Self> {
        if divisor.value == i256::ZERO {
            return Err(Error::new(Kind::DivisionByZero, "division by zero"));
        }
        let scale = self.places_by(divisor);
        let raise = scale + divisor.scale - self.scale;
        let unit = power(raise.abs()).ok_or_else(overflow)?;
        let (dividend, divisor) = match raise >= 0 {
            true => (self.value.checked_mul(unit), Some(divisor.value)),
            false => (Some(self.value), divisor.value.checked_mul(unit)),
        };
        let (dividend, divisor) = dividend.zip(divisor).ok_or_else(overflow)?;
        Ok(Self { value: rounded(dividend, divisor), scale })
    }

    /// The product with all of its places.
    pub fn times(self, other: Self) -> Result<Self> {
        let product = |a: Self, b: Self| {
            a.value.checked_mul(b.value).map(|value| Self { value, scale: a.scale + b.scale }).filter(|p| p.is_sound())
        };
        product(self, other).or_else(|| product(self.trimmed(), other.trimmed())).ok_or_else(overflow)
    }

    /// The same with so many places, rounded half-way away from zero.
    pub fn to_scale(self, scale: i32) -> Result<Self> {
        let unit = power((scale - self.scale).abs()).ok_or_else(overflow)?;
        let value = match scale >= self.scale {
            true => self.value.checked_mul(unit).ok_or_else(overflow)?,
            false => rounded(self.value, unit),
        };
        Some(Self { value, scale }).filter(|number| number.is_sound()).ok_or_else(overflow)
    }

    /// How many digits there are.
    pub fn digits(self) -> i32 {
        digits_of(self.value.wrapping_abs())
    }

    /// The exponent of ten of its first digit.
    pub fn first_digit(self) -> i32 {
        digits_of(self.value.wrapping_abs()) - self.scale - 1
    }

    /// Whether its first digits are more than the square root of ten.
    pub fn leads_beyond_three(self) -> bool {
        let size = self.value.wrapping_abs();
        let digits = digits_of(size);
        match power((digits - 2).max(0)) {
            Some(unit) => size.wrapping_div(unit) >= i256::from_i128(if digits > 1 { 32 } else { 4 }),
            None => false,
        }
    }

    /// With so many digits at most, the rest of its places rounded away.
    pub fn cut(self, digits: i32) -> Self {
        let beyond = (digits_of(self.value.wrapping_abs()) - digits).min(self.scale);
        match power(beyond) {
            Some(unit) if beyond > 0 => Self { value: rounded(self.value, unit), scale: self.scale - beyond },
            _ => self,
        }
    }

    /// All digits of what it is more than another, at the greater of both scales.
    pub fn minus(self, other: Self) -> i256 {
        let scale = self.scale.max(other.scale);
        match (self.to_scale(scale), other.to_scale(scale)) {
            (Ok(a), Ok(b)) => a.value.wrapping_sub(b.value),
            // Which is far greater.
            _ => self.value,
        }
    }

    /// The number as floating point.
    pub fn to_f64(self) -> f64 {
        format!("{}e{}", self.value, -self.scale).parse().unwrap_or(f64::NAN)
    }

    fn is_sound(&self) -> bool {
        digits_of(self.value.wrapping_abs()) <= i32::from(DIGITS)
    }
}

fn digits_of(size: i256) -> i32 {
    match size.to_i128() {
        Some(size) => size.unsigned_abs().checked_ilog10().map_or(0, |log| log as i32 + 1),
        None => POWERS.partition_point(|power| *power <= size) as i32,
    }
}

/// A quotient rounded to the nearest, half-way cases away from zero.
pub fn rounded(dividend: i256, divisor: i256) -> i256 {
    let (whole, rest) = match dividend.to_i128().zip(divisor.to_i128()) {
        // Which is much faster, and has no overflow but in one case.
        Some((dividend, divisor)) if divisor != -1 => {
            (i256::from_i128(dividend / divisor), i256::from_i128(dividend % divisor))
        }
        _ => (dividend.wrapping_div(divisor), dividend.wrapping_rem(divisor)),
    };
    let rest = rest.wrapping_abs();
    // More than half of the divisor, without an overflow.
    if rest < divisor.wrapping_abs().wrapping_sub(rest) {
        return whole;
    }
    match (dividend < i256::ZERO) == (divisor < i256::ZERO) {
        true => whole.wrapping_add(i256::ONE),
        false => whole.wrapping_sub(i256::ONE),
    }
}

/// The error for a number with too many digits.
pub fn overflow() -> Error {
    Error::new(Kind::NumericOutOfRange, "value overflows numeric format")
        .with_detail(format!("A numeric has {DIGITS} digits at most here, those after the point among them."))
}

/// An operand whose rows are numbers.
pub struct Operand {
    values: Values,
    scale: i32,
    /// Whether zeros at the end of its places mean nothing.
    open: bool,
}

enum Values {
    Narrow(PrimitiveArray<Decimal128Type>),
    Wide(PrimitiveArray<Decimal256Type>),
}

impl Operand {
    /// The values of an operand: decimals, or whole numbers.
    pub fn new(operand: &ColumnarValue, rows: usize, open: bool) -> Result<Self> {
        let array = operand.to_array(rows)?;
        Ok(match array.data_type() {
            DataType::Decimal256(_, scale) => Self {
                scale: i32::from(*scale),
                open: open || *array.data_type() == WIDE,
                values: Values::Wide(array.as_primitive::<Decimal256Type>().clone()),
            },
            DataType::Decimal128(_, scale) => {
                let scale = i32::from(*scale);
                Self { scale, open, values: Values::Narrow(array.as_primitive::<Decimal128Type>().clone()) }
            }
            _ => {
                let whole = cast(&array, &DataType::Decimal128(38, 0))?;
                Self { scale: 0, open: false, values: Values::Narrow(whole.as_primitive::<Decimal128Type>().clone()) }
            }
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Narrow(values) => values.len(),
            Values::Wide(values) => values.len(),
        }
    }

    /// The values and their scale, where they have 38 digits at most.
    pub fn narrow(&self) -> Option<(&PrimitiveArray<Decimal128Type>, i32)> {
        match &self.values {
            Values::Narrow(values) if !self.open => Some((values, self.scale)),
            _ => None,
        }
    }

    /// The number of a row.
    pub fn at(&self, row: usize) -> Option<Number> {
        let value = match &self.values {
            Values::Narrow(values) => values.is_valid(row).then(|| i256::from_i128(values.value(row)))?,
            Values::Wide(values) => values.is_valid(row).then(|| values.value(row))?,
        };
        let number = Number { value, scale: self.scale };
        Some(if self.open { number.trimmed() } else { number })
    }
}

/// Numbers as an array of a type of decimals.
pub fn array(numbers: impl Iterator<Item = Result<Option<Number>>>, data_type: &DataType) -> Result<ArrayRef> {
    let (precision, scale) = decimal(data_type).ok_or_else(|| Error::internal("no decimal"))?;
    let values = numbers.map(|number| number?.map(|number| Ok(number.to_scale(scale.into())?.value)).transpose());
    if matches!(data_type, DataType::Decimal256(..)) {
        let values = values.collect::<Result<PrimitiveArray<Decimal256Type>>>()?;
        return Ok(std::sync::Arc::new(values.with_precision_and_scale(precision, scale)?));
    }
    let limit = 10i128.pow(precision.into());
    let narrow = |value: i256| value.to_i128().filter(|value| value.abs() < limit).ok_or_else(overflow);
    let values = values.map(|value| value?.map(narrow).transpose());
    let values = values.collect::<Result<PrimitiveArray<Decimal128Type>>>()?;
    Ok(std::sync::Arc::new(values.with_precision_and_scale(precision, scale)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: i128, scale: i32) -> Number {
        Number { value: i256::from_i128(value), scale }
    }

    fn shown(number: Number) -> String {
        let mut out = Vec::new();
        let text = number.value.wrapping_abs().to_string();
        crate::encoding::pg_text::write_decimal(
            number.value.is_negative(),
            text.as_bytes(),
            number.scale,
            false,
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quotients_have_the_places_that_postgresql_gives_them() {
        let divided = |a: Number, b: Number| shown(a.divided(b).unwrap());
        assert_eq!(divided(number(10, 1), number(3, 0)), "0.33333333333333333333");
        assert_eq!(divided(number(20, 1), number(3, 0)), "0.66666666666666666667");
        assert_eq!(divided(number(-20, 1), number(3, 0)), "-0.66666666666666666667");
        assert_eq!(divided(number(100_000, 0), number(30, 1)), "33333.333333333333");
        assert_eq!(divided(number(1, 0), number(300_000, 1)), "0.000033333333333333333333");
        assert_eq!(divided(number(10_000_000_000, 0), number(30, 1)), "3333333333.33333333");
        assert_eq!(divided(number(0, 1), number(5, 0)), "0.00000000000000000000");
        assert_eq!(divided(number(7, 0), number(1, 4)), "70000.000000000000");
        assert_eq!(divided(number(10, 0), number(20, 1)), "5.0000000000000000");
        assert_eq!(number(1, 0).divided(number(0, 3)).unwrap_err().kind(), Kind::DivisionByZero);
    }

    #[test]
    fn digits_are_counted_on_both_sides_of_128_bits() {
        assert_eq!(digits_of(i256::ZERO), 0);
        assert_eq!(digits_of(i256::from_i128(999)), 3);
        assert_eq!(digits_of(power(38).unwrap()), 39);
        assert_eq!(digits_of(power(75).unwrap()), 76);
        assert_eq!(digits_of(power(75).unwrap().wrapping_sub(i256::ONE)), 75);
        assert_eq!(digits_of(i256::MAX), 77);
    }

    #[test]
    fn products_keep_their_digits_while_they_fit() {
        let third = number(33_333_333_333_333_333_333, 20).to_scale(40).unwrap();
        assert_eq!(shown(third.times(third).unwrap()), "0.1111111111111111111088888888888888888889");
        let large = number(10i128.pow(37), 0);
        assert_eq!(large.times(large).unwrap().times(large).unwrap_err().kind(), Kind::NumericOutOfRange);
    }
}
