//! Variances and standard deviations of exact numbers, exactly: made of how many there are, their sum and the sum of their squares, as
//! PostgreSQL makes them.

use super::exact::rounded_root;
use super::function::Operator;
use super::numbers::{Numbers, Places};
use super::wide::{self, Number, Operand, WIDE, power};
use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, i256};
use datafusion::logical_expr::ColumnarValue;

/// One of the four, over a count, a sum and a sum of squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deviation {
    /// Whether the numbers are a sample of others.
    sample: bool,
    /// Whether it is the root of the variance.
    root: bool,
}

impl Deviation {
    /// The aggregate of this name, if it is such a one.
    pub fn named(name: &str) -> Option<Self> {
        let (sample, root) = match name {
            "var_samp" | "var" | "var_sample" | "variance" => (true, false),
            "var_pop" | "var_population" => (false, false),
            "stddev" | "stddev_samp" => (true, true),
            "stddev_pop" => (false, true),
            _ => return None,
        };
        Some(Self { sample, root })
    }

    /// The result; none of too few numbers.
    fn of(self, count: Number, sum: Number, squares: Number) -> Result<Option<Number>> {
        let one = Number { value: i256::ONE, scale: 0 };
        let least = i256::from_i128(if self.sample { 2 } else { 1 });
        if count.value < least {
            return Ok(None);
        }
        let (all, square) = (count.times(squares)?, sum.times(sum)?);
        let scale = all.scale.max(square.scale);
        let spread = all.to_scale(scale)?.value.wrapping_sub(square.to_scale(scale)?.value);
        // What is below is rounding.
        if spread <= i256::ZERO {
            return Ok(Some(Number { value: i256::ZERO, scale: 0 }));
        }
        let rest = Number { value: count.value.wrapping_sub(one.value), scale: 0 };
        let divisor = count.times(if self.sample { rest } else { count })?;
        let variance = Number { value: spread, scale }.divided(divisor)?;
        if self.root { root(variance).map(Some) } else { Ok(Some(variance)) }
    }

    /// What tells its places.
    pub fn places(self) -> Places<Self> {
        Places(self)
    }
}

/// The square root with as many places, or as many as there is room for.
fn root(number: Number) -> Result<Number> {
    // Of n places it is the root of a whole number with twice as many.
    let room = i32::from(wide::DIGITS) - number.digits();
    let scale = number.scale.min((room + number.scale) / 2);
    let shift = 2 * scale - number.scale;
    let unit = power(shift.abs()).ok_or_else(wide::overflow)?;
    let square = match shift >= 0 {
        true => number.value.checked_mul(unit).ok_or_else(wide::overflow)?,
        false => number.value.wrapping_div(unit),
    };
    Ok(Number { value: rounded_root(square), scale })
}

impl Numbers for Deviation {
    fn each(self, operands: &[ColumnarValue], rows: usize) -> Result<impl Iterator<Item = Result<Option<Number>>>> {
        let [count, sum, squares] = [0, 1, 2].map(|at| Operand::new(&operands[at], rows, false));
        let (count, sum, squares) = (count?, sum?, squares?);
        Ok((0..count.len()).map(move |row| match (count.at(row), sum.at(row), squares.at(row)) {
            (Some(count), Some(sum), Some(squares)) => self.of(count, sum, squares),
            _ => Ok(None),
        }))
    }
}

impl Operator for Deviation {
    fn name(&self) -> &'static str {
        "deviation"
    }

    fn returns(&self) -> Field {
        Field::new("", WIDE, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        wide::array(self.each(operands, rows)?, &WIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_postgresqls() {
        let number = |value: i128, scale| Number { value: i256::from_i128(value), scale };
        // 1.5, 2.25, 4.00
        let of = |name| {
            Deviation::named(name).unwrap().of(number(3, 0), number(775, 2), number(233_125, 4)).unwrap().unwrap()
        };
        assert_eq!(of("stddev"), number(12_829_003_598_617_210, 16));
        assert_eq!(of("var_samp"), number(16_458_333_333_333_333, 16));
        assert_eq!(of("stddev_pop"), number(104_748_375_749_804_455_964, 20));
        assert_eq!(Deviation::named("var_samp").unwrap().of(number(1, 0), number(5, 0), number(25, 0)).unwrap(), None);
    }
}
