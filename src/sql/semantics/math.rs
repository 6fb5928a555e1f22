//! Functions of one or two numbers that are not defined everywhere, and those that drop a decimal's places.

use super::floats;
use super::function::Operator;
use super::wide::{self, Number, Operand, decimal, rounded};
use crate::error::{Error, Kind, Result};
use arrow::array::types::{Decimal128Type, Float64Type};
use arrow::array::{ArrayRef, AsArray, Float64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, i256};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// A function of `double precision` whose domain or range has an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Math {
    /// `sqrt(x)`
    SquareRoot,
    /// `ln(x)`
    Ln,
    /// `log(x)`, `log10(x)`
    Log10,
    /// `log2(x)`, which PostgreSQL has not.
    Log2,
    /// `exp(x)`
    Exponential,
    /// `power(x, y)`
    Power,
    /// `asin(x)`
    ArcSine,
    /// `acos(x)`
    ArcCosine,
    /// `acosh(x)`
    AreaCosine,
    /// `degrees(x)`
    Degrees,
    /// `sign(x)`
    Sign,
}

impl Math {
    /// The function of this name with so many arguments, if it is such a one.
    pub fn named(name: &str, arguments: usize) -> Option<Self> {
        Some(match (name, arguments) {
            ("sqrt", 1) => Self::SquareRoot,
            ("ln", 1) => Self::Ln,
            ("log" | "log10", 1) => Self::Log10,
            ("log2", 1) => Self::Log2,
            ("exp", 1) => Self::Exponential,
            ("power", 2) => Self::Power,
            ("asin", 1) => Self::ArcSine,
            ("acos", 1) => Self::ArcCosine,
            ("acosh", 1) => Self::AreaCosine,
            ("degrees", 1) => Self::Degrees,
            _ => return None,
        })
    }

    fn of(self, x: f64, y: f64) -> Result<f64> {
        if matches!(self, Self::Ln | Self::Log10 | Self::Log2) && x <= 0.0 {
            let what = if x == 0.0 { "zero" } else { "a negative number" };
            return Err(Error::new(Kind::InvalidLogarithm, format!("cannot take logarithm of {what}")));
        }
        let outside = match self {
            Self::ArcSine | Self::ArcCosine => x.abs() > 1.0,
            Self::AreaCosine => x < 1.0,
            _ => false,
        };
        if outside {
            return Err(Error::new(Kind::NumericOutOfRange, "input is out of range"));
        }
        let value = match self {
            Self::ArcSine => x.asin(),
            Self::ArcCosine => x.acos(),
            Self::AreaCosine => x.acosh(),
            // As PostgreSQL does: a quotient, which other digits may come of than of a product.
            Self::Degrees => x / (std::f64::consts::PI / 180.0),
            // What is no number has none.
            Self::Sign if x > 0.0 => 1.0,
            Self::Sign if x < 0.0 => -1.0,
            Self::Sign => 0.0,
            Self::SquareRoot if x < 0.0 => return Err(no_power("cannot take square root of a negative number")),
            Self::SquareRoot => x.sqrt(),
            Self::Ln => x.ln(),
            Self::Log10 => x.log10(),
            Self::Log2 => x.log2(),
            Self::Exponential => x.exp(),
            Self::Power if x == 0.0 && y < 0.0 => {
                return Err(no_power("zero raised to a negative power is undefined"));
            }
            Self::Power if x < 0.0 && y.is_finite() && y.fract() != 0.0 => {
                return Err(no_power("a negative number raised to a non-integer power yields a complex result"));
            }
            Self::Power => x.powf(y),
        };
        if value.is_infinite() && x.is_finite() && y.is_finite() {
            return Err(floats::overflow());
        }
        let vanishes = matches!(self, Self::Exponential | Self::Power) && value == 0.0;
        if vanishes && x.is_finite() && y.is_finite() && (x != 0.0 || matches!(self, Self::Exponential)) {
            return Err(Error::new(Kind::NumericOutOfRange, "value out of range: underflow"));
        }
        Ok(value)
    }
}

fn no_power(message: &str) -> Error {
    Error::new(Kind::InvalidPower, message)
}

impl Operator for Math {
    fn name(&self) -> &'static str {
        match self {
            Self::SquareRoot => "sqrt",
            Self::Ln => "ln",
            Self::Log10 => "log10",
            Self::Log2 => "log2",
            Self::Exponential => "exp",
            Self::Power => "power",
            Self::ArcSine => "asin",
            Self::ArcCosine => "acos",
            Self::AreaCosine => "acosh",
            Self::Degrees => "degrees",
            Self::Sign => "sign",
        }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Float64, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let floats = |operand: &ColumnarValue| -> Result<Float64Array> {
            let array = cast(&operand.to_array(rows)?, &DataType::Float64)?;
            Ok(array.as_primitive::<Float64Type>().clone())
        };
        let x = floats(&operands[0])?;
        let result: Float64Array = match operands.get(1) {
            None => x.iter().map(|x| x.map(|x| self.of(x, 1.0)).transpose()).collect::<Result<_>>()?,
            Some(y) => {
                let y = floats(y)?;
                let pairs = x.iter().zip(y.iter());
                pairs.map(|(x, y)| x.zip(y).map(|(x, y)| self.of(x, y)).transpose()).collect::<Result<_>>()?
            }
        };
        Ok(Arc::new(result))
    }
}

/// Where a decimal goes when its places are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Direction {
    /// `trunc`
    Zero,
    /// `ceil`
    Up,
    /// `floor`
    Down,
    /// `round`
    Near,
}

/// `ceil`, `floor` and `trunc` of a decimal, exactly; of one with more than 38 digits `round` as well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Whole {
    direction: Direction,
    from: i8,
    /// Places that are left.
    places: i8,
    /// Whether it has more than 38 digits.
    wide: bool,
}

impl Whole {
    /// The function of this name for a decimal of this type, if it is such a one.
    pub fn named(name: &str, data_type: &DataType, places: i8) -> Option<Self> {
        let (_, from) = decimal(data_type)?;
        let wide = matches!(data_type, DataType::Decimal256(..));
        let direction = match name {
            "round" if wide => Direction::Near,
            "trunc" => Direction::Zero,
            "ceil" => Direction::Up,
            "floor" => Direction::Down,
            _ => return None,
        };
        let least = if wide { -30 } else { from.max(7) - 37 };
        (least..=from).contains(&places).then_some(Self { direction, from, places, wide })
    }

    fn data_type(&self) -> DataType {
        match self.wide {
            true => DataType::Decimal256(wide::DIGITS, self.places.max(0)),
            false => DataType::Decimal128(38, self.places.max(0)),
        }
    }

    fn of(&self, value: i128, unit: i128) -> i128 {
        match self.direction {
            Direction::Zero => value / unit,
            Direction::Up => value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0),
            Direction::Down => value.div_euclid(unit),
            Direction::Near => rounded(i256::from_i128(value), i256::from_i128(unit)).to_i128().unwrap_or_default(),
        }
    }

    /// The same of a number of any size.
    fn of_wide(&self, number: Number) -> Result<Number> {
        let places = i32::from(self.places);
        if number.scale <= places {
            return Ok(number);
        }
        let unit = wide::power(number.scale - places).ok_or_else(wide::overflow)?;
        let (whole, rest) = (number.value.wrapping_div(unit), number.value.wrapping_rem(unit));
        let value = match self.direction {
            Direction::Up if rest > i256::ZERO => whole.wrapping_add(i256::ONE),
            Direction::Down if rest < i256::ZERO => whole.wrapping_sub(i256::ONE),
            Direction::Near => rounded(number.value, unit),
            _ => whole,
        };
        Ok(Number { value, scale: places })
    }
}

impl Operator for Whole {
    fn name(&self) -> &'static str {
        match self.direction {
            Direction::Zero => "trunc",
            Direction::Up => "ceil",
            Direction::Down => "floor",
            Direction::Near => "round",
        }
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        if self.wide {
            let operand = Operand::new(&operands[0], rows, false)?;
            let numbers = (0..operand.len()).map(|row| operand.at(row).map(|number| self.of_wide(number)).transpose());
            return wide::array(numbers, &self.data_type());
        }
        let array = operands[0].to_array(rows)?;
        let from = match array.data_type() {
            DataType::Decimal128(_, scale) => *scale,
            _ => self.from,
        };
        let (array, from) = match from < self.places {
            true => (cast(&array, &DataType::Decimal128(38, self.places))?, self.places),
            false => (array, from),
        };
        let unit = 10i128.pow((from - self.places).unsigned_abs().into());
        // Digits before the point that are dropped are zeros.
        let zeros = 10i128.pow(self.places.min(0).unsigned_abs().into());
        let result: PrimitiveArray<Decimal128Type> =
            array.as_primitive::<Decimal128Type>().unary(|value| self.of(value, unit) * zeros);
        Ok(Arc::new(result.with_precision_and_scale(38, self.places.max(0))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_an_error() {
        let kind = |math: Math, x, y| math.of(x, y).map_err(|error| error.kind()).unwrap_err();
        assert_eq!(kind(Math::Ln, 0.0, 1.0), Kind::InvalidLogarithm);
        assert_eq!(kind(Math::SquareRoot, -1.0, 1.0), Kind::InvalidPower);
        assert_eq!(kind(Math::Power, -8.0, 0.5), Kind::InvalidPower);
        assert_eq!(kind(Math::Power, 1e300, 2.0), Kind::NumericOutOfRange);
        assert_eq!(kind(Math::Exponential, -1e4, 1.0), Kind::NumericOutOfRange);
        assert!((Math::Ln.of(1.0, 1.0).unwrap()).abs() < f64::EPSILON);
        assert!((Math::Power.of(-2.0, 3.0).unwrap() + 8.0).abs() < f64::EPSILON);
    }

    #[test]
    fn places_are_dropped_the_way_the_name_says() {
        let type_of = DataType::Decimal128(10, 2);
        let of = |name, value| Whole::named(name, &type_of, 0).unwrap().of(value, 100);
        assert_eq!([of("ceil", -150), of("ceil", 101), of("ceil", 100)], [-1, 2, 1]);
        assert_eq!([of("floor", -150), of("floor", 199)], [-2, 1]);
        assert_eq!([of("trunc", -199), of("trunc", 199)], [-1, 1]);
        assert_eq!(Whole::named("trunc", &type_of, 3), None);
    }
}
