//! Roots, logarithms and powers of `numeric`: with 16 significant digits at least, by PostgreSQL's rules for their places.
//!
//! Numbers between are fixed point with 36 places, whose products fit 256 bits. So results are right to some 33 digits.

use super::function::Operator;
use super::numbers::{Numbers, Places};
use super::wide::{self, Number, Operand, WIDE, overflow, power, rounded};
use crate::error::{Error, Kind, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, i256};
use datafusion::logical_expr::ColumnarValue;

/// Places of fixed point.
const FIXED: i32 = 36;
/// The natural logarithm of ten.
const LN_10: i128 = 2_302_585_092_994_045_684_017_991_454_684_364_208;
/// Digits of a power that are kept on the way to it.
const POWER_DIGITS: i32 = 37;
/// Places beyond which no digit is right.
const PLACES_MAX: i32 = 33;

/// A function of one or two numerics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exact {
    /// `sqrt(x)`
    SquareRoot,
    /// `ln(x)`
    Ln,
    /// `log(x)`, `log10(x)`
    Log10,
    /// `log(base, x)`
    Log,
    /// `exp(x)`
    Exponential,
    /// `power(x, y)`
    Power,
}

/// A call of one, whose operands may be numerics without declared places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExactCall {
    function: Exact,
    open: [bool; 2],
}

impl ExactCall {
    /// The function of this name with so many arguments, if it is such a one.
    pub fn named(name: &str, arguments: usize, open: [bool; 2]) -> Option<Self> {
        let function = match (name, arguments) {
            ("sqrt", 1) => Exact::SquareRoot,
            ("ln", 1) => Exact::Ln,
            ("log" | "log10", 1) => Exact::Log10,
            ("log", 2) => Exact::Log,
            ("exp", 1) => Exact::Exponential,
            ("power", 2) => Exact::Power,
            _ => return None,
        };
        Some(Self { function, open })
    }

    /// What tells the places of its result.
    pub fn places(self) -> Places<Self> {
        Places(self)
    }
}

impl Numbers for ExactCall {
    fn each(self, operands: &[ColumnarValue], rows: usize) -> Result<impl Iterator<Item = Result<Option<Number>>>> {
        let x = Operand::new(&operands[0], rows, self.open[0])?;
        let y = operands.get(1).map(|operand| Operand::new(operand, rows, self.open[1])).transpose()?;
        Ok((0..x.len()).map(move |row| {
            let second = match &y {
                Some(y) => y.at(row),
                None => Some(whole(1)),
            };
            x.at(row).zip(second).map(|(x, y)| self.function.of(x, y)).transpose()
        }))
    }
}

impl Operator for ExactCall {
    fn name(&self) -> &'static str {
        match self.function {
            Exact::SquareRoot => "sqrt",
            Exact::Ln => "ln",
            Exact::Log10 | Exact::Log => "log",
            Exact::Exponential => "exp",
            Exact::Power => "power",
        }
    }

    fn returns(&self) -> Field {
        Field::new("", WIDE, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        wide::array(self.each(operands, rows)?, &WIDE)
    }
}

fn whole(value: i128) -> Number {
    Number { value: i256::from_i128(value), scale: 0 }
}

fn error(kind: Kind, message: &str) -> Error {
    Error::new(kind, message)
}

impl Exact {
    fn of(self, x: Number, y: Number) -> Result<Number> {
        match self {
            Self::SquareRoot => root(x),
            Self::Ln => {
                must_have_logarithm(x)?;
                let scale = places(16 - ln_weight(x), &[x]);
                ln(x)?.to_scale(scale)
            }
            Self::Log10 => logarithm(whole(10), x),
            Self::Log => logarithm(x, y),
            Self::Exponential => {
                let weight = x.to_f64() * std::f64::consts::LOG10_E;
                let scale = places(16 - weight.clamp(-1000.0, 1000.0) as i32, &[x]);
                exponential(fixed(x)?, scale)
            }
            Self::Power => raised(x, y),
        }
    }
}

/// Places of a result: so many, and no fewer than the operands have.
fn places(wanted: i32, operands: &[Number]) -> i32 {
    operands.iter().map(|operand| operand.scale).fold(wanted, i32::max).clamp(0, PLACES_MAX)
}

fn must_have_logarithm(x: Number) -> Result<()> {
    if x.value == i256::ZERO {
        return Err(error(Kind::InvalidLogarithm, "cannot take logarithm of zero"));
    }
    if x.value < i256::ZERO {
        return Err(error(Kind::InvalidLogarithm, "cannot take logarithm of a negative number"));
    }
    Ok(())
}

/// PostgreSQL's estimate of the place of a logarithm's first digit.
fn ln_weight(x: Number) -> i32 {
    if x.value <= i256::ZERO {
        return 0;
    }
    let float = x.to_f64();
    // As it is compared there, in decimals.
    let near = |tenths: i128| x.minus(Number { value: i256::from_i128(tenths), scale: 1 });
    if near(9) >= i256::ZERO && near(11) <= i256::ZERO {
        let rest = Number { value: x.minus(whole(1)), scale: x.scale };
        return if rest.value == i256::ZERO { 0 } else { rest.first_digit() };
    }
    float.ln().abs().log10() as i32
}

/// The square root, to as many places as PostgreSQL gives it.
fn root(x: Number) -> Result<Number> {
    if x.value < i256::ZERO {
        return Err(error(Kind::InvalidPower, "cannot take square root of a negative number"));
    }
    let (weight, _) = x.weight();
    let estimate = if weight >= 0 { (weight + 1) * 2 - 1 } else { -((-(weight + 1) * 4) / 2) - 1 };
    let scale = places(16 - estimate, &[x]);
    let shift = 2 * scale - x.scale;
    let square = match shift >= 0 {
        true => power(shift).and_then(|unit| x.value.checked_mul(unit)).ok_or_else(overflow)?,
        false => x.value.wrapping_div(power(-shift).ok_or_else(overflow)?),
    };
    Ok(Number { value: rounded_root(square), scale })
}

/// The root of a whole number as the whole number next to it.
pub fn rounded_root(square: i256) -> i256 {
    if square <= i256::ZERO {
        return i256::ZERO;
    }
    // Newton's steps from above go down to the whole part of the root.
    let bits = 256 - square.leading_zeros();
    let mut found = (0..bits.div_ceil(2)).fold(i256::ONE, |power, _| power.wrapping_add(power));
    loop {
        let next = found.wrapping_add(square.wrapping_div(found)).wrapping_div(i256::from_i128(2));
        if next >= found {
            break;
        }
        found = next;
    }
    // (r + 1/2)^2 = r^2 + r + 1/4
    let over = square.wrapping_sub(found.wrapping_mul(found)) > found;
    if over { found.wrapping_add(i256::ONE) } else { found }
}

fn unit() -> i256 {
    power(FIXED).unwrap_or(i256::ONE)
}

fn fixed(x: Number) -> Result<i256> {
    Ok(x.to_scale(FIXED)?.value)
}

fn product(a: i256, b: i256) -> Result<i256> {
    Ok(rounded(a.checked_mul(b).ok_or_else(overflow)?, unit()))
}

/// A natural logarithm.
fn ln(x: Number) -> Result<Number> {
    // As a number near one by a power of ten.
    let tens = x.first_digit() + i32::from(x.leads_beyond_three());
    let near = Number { value: x.value, scale: x.scale + tens }.to_scale(FIXED).or_else(|_| {
        // With more digits than there is room for.
        Number { value: x.value, scale: x.scale + tens }.trimmed().to_scale(FIXED)
    })?;
    let (above, below) = (near.value.wrapping_sub(unit()), near.value.wrapping_add(unit()));
    let ratio = rounded(above.checked_mul(unit()).ok_or_else(overflow)?, below);
    let square = product(ratio, ratio)?;
    let (mut sum, mut term, mut n) = (ratio, ratio, 1);
    while term != i256::ZERO {
        term = product(term, square)?;
        n += 2;
        sum = sum.wrapping_add(term.wrapping_div(i256::from_i128(n)));
    }
    let tens = i256::from_i128(LN_10).wrapping_mul(i256::from_i128(tens.into()));
    Ok(Number { value: sum.wrapping_add(sum).wrapping_add(tens), scale: FIXED })
}

fn logarithm(base: Number, x: Number) -> Result<Number> {
    must_have_logarithm(base)?;
    must_have_logarithm(x)?;
    let scale = places(16 - (ln_weight(x) - ln_weight(base)), &[base, x]);
    let (over, under) = (ln(x)?, ln(base)?);
    if under.value == i256::ZERO {
        return Err(error(Kind::DivisionByZero, "division by zero"));
    }
    // Which is exact for powers of the base.
    let quotient = rounded(over.value.checked_mul(unit()).ok_or_else(overflow)?, under.value);
    Number { value: quotient, scale: FIXED }.to_scale(scale)
}

/// Of fixed point, to so many places.
fn exponential(x: i256, scale: i32) -> Result<Number> {
    /// How often the operand is halved, and its exponential squared.
    const HALVINGS: u32 = 8;
    let ten = i256::from_i128(LN_10);
    let tens = rounded(x, ten);
    let rest = x.wrapping_sub(tens.wrapping_mul(ten));
    let rest = rest.wrapping_div(i256::from_i128(1 << HALVINGS));
    let (mut sum, mut term, mut n) = (unit(), unit(), 0);
    while term != i256::ZERO {
        n += 1;
        term = product(term, rest)?.wrapping_div(i256::from_i128(n));
        sum = sum.wrapping_add(term);
    }
    for _ in 0..HALVINGS {
        sum = product(sum, sum)?;
    }
    let tens = tens.to_i128().and_then(|tens| i32::try_from(tens).ok()).filter(|tens| *tens < 100);
    match tens.ok_or_else(overflow)? {
        // Nothing of it is in these places.
        ..-75 => Ok(Number { value: i256::ZERO, scale }),
        tens => {
            let number = Number { value: sum, scale: FIXED - tens };
            match number.scale < 0 {
                true => Number {
                    value: sum.checked_mul(power(-number.scale).ok_or_else(overflow)?).ok_or_else(overflow)?,
                    scale: 0,
                }
                .to_scale(scale),
                false => number.to_scale(scale),
            }
        }
    }
}

fn raised(x: Number, y: Number) -> Result<Number> {
    let exponent = y.trimmed();
    if x.value == i256::ZERO && y.value < i256::ZERO {
        return Err(error(Kind::InvalidPower, "zero raised to a negative power is undefined"));
    }
    if exponent.scale == 0
        && let Some(exponent) = exponent.value.to_i128().and_then(|n| i32::try_from(n).ok())
    {
        return raised_to_whole(x, exponent);
    }
    if x.value < i256::ZERO {
        return Err(error(
            Kind::InvalidPower,
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    if x.value == i256::ZERO {
        return Ok(Number { value: i256::ZERO, scale: 16 });
    }
    let log = product(ln(x)?.value, fixed(y)?)?;
    let weight = Number { value: log, scale: FIXED }.to_f64() * std::f64::consts::LOG10_E;
    exponential(log, places(16 - weight.clamp(-1000.0, 1000.0) as i32, &[x, y]))
}

fn raised_to_whole(x: Number, exponent: i32) -> Result<Number> {
    let scale = places(16, &[x]);
    let mut found = whole(1);
    let (mut factor, mut left) = (x.trimmed(), exponent.unsigned_abs());
    while left > 0 {
        if left & 1 == 1 {
            found = found.times(factor)?.cut(POWER_DIGITS);
        }
        left >>= 1;
        if left > 0 {
            factor = factor.times(factor)?.cut(POWER_DIGITS);
        }
    }
    if exponent >= 0 {
        return found.to_scale(scale);
    }
    let shift = scale + found.scale;
    match shift {
        ..0 => Ok(Number { value: i256::ZERO, scale }),
        shift => {
            let dividend = power(shift).ok_or_else(overflow)?;
            Ok(Number { value: rounded(dividend, found.value), scale })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(function: Exact, x: (i128, i32), y: (i128, i32)) -> Result<String, Kind> {
        let number = |(value, scale)| Number { value: i256::from_i128(value), scale };
        let found = function.of(number(x), number(y)).map_err(|error| error.kind())?;
        let mut out = Vec::new();
        let digits = found.value.wrapping_abs().to_string();
        crate::encoding::pg_text::write_decimal(
            found.value.is_negative(),
            digits.as_bytes(),
            found.scale,
            false,
            &mut out,
        );
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn results_are_postgresqls() {
        let one = |function, x| shown(function, x, (1, 0)).unwrap();
        assert_eq!(one(Exact::SquareRoot, (20, 1)), "1.414213562373095");
        assert_eq!(one(Exact::Ln, (20, 1)), "0.6931471805599453");
        assert_eq!(one(Exact::Exponential, (10, 1)), "2.7182818284590452");
        assert_eq!(one(Exact::Log10, (1000, 1)), "2.0000000000000000");
        let two = |function, x, y| shown(function, x, y).unwrap();
        assert_eq!(two(Exact::Log, (20, 1), (80, 1)), "3.0000000000000000");
        assert_eq!(two(Exact::Power, (20, 1), (3, 0)), "8.0000000000000000");
        assert_eq!(two(Exact::Power, (20, 1), (5, 1)), "1.4142135623730950");
        assert_eq!(shown(Exact::Ln, (0, 0), (1, 0)), Err(Kind::InvalidLogarithm));
        assert_eq!(shown(Exact::SquareRoot, (-1, 0), (1, 0)), Err(Kind::InvalidPower));
        assert_eq!(shown(Exact::Power, (-8, 0), (5, 1)), Err(Kind::InvalidPower));
        assert_eq!(shown(Exact::Power, (0, 0), (-1, 0)), Err(Kind::InvalidPower));
    }
}
