//! Numbers of paths: exact as long as their digits fit, floating point beyond.

use super::super::tree::Tree;
use super::{Fault, Sum};
use crate::error::{Error, Kind};
use crate::sql::values::json_number;

/// A number: without its point, and its places.
#[derive(Debug, Clone, Copy)]
enum Number {
    Exact(i128, u32),
    Float(f64),
}

/// Places of a quotient that does not end.
const PLACES: u32 = 20;

fn read(text: &str) -> Number {
    exact(text)
        .map_or_else(|| Number::Float(text.parse().unwrap_or(f64::NAN)), |(value, places)| Number::Exact(value, places))
}

fn exact(text: &str) -> Option<(i128, u32)> {
    if text.contains(['e', 'E']) {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 30)?;
    Some((format!("{whole}{fraction}").parse().ok()?, places))
}

fn float(number: Number) -> f64 {
    match number {
        Number::Exact(value, places) => format!("{value}e-{places}").parse().unwrap_or(f64::NAN),
        Number::Float(value) => value,
    }
}

fn shown(number: Number) -> Option<Tree> {
    Some(Tree::Number(match number {
        Number::Exact(value, 0) => value.to_string(),
        Number::Exact(value, places) => {
            let (sign, digits) = (if value < 0 { "-" } else { "" }, value.unsigned_abs().to_string());
            let places = places as usize;
            let digits = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            format!("{sign}{whole}.{fraction}")
        }
        Number::Float(value) => json_number(&serde_json::Number::from_f64(value)?.to_string()),
    }))
}

fn out_of_range() -> Fault {
    Fault::soft(Error::new(Kind::NumericOutOfRange, "value overflows numeric format"))
}

/// Both with as many places.
fn aligned((a, a_places): (i128, u32), (b, b_places): (i128, u32)) -> Option<(i128, i128, u32)> {
    let places = a_places.max(b_places);
    let raise = |value: i128, by: u32| value.checked_mul(10i128.checked_pow(by)?);
    Some((raise(a, places - a_places)?, raise(b, places - b_places)?, places))
}

/// What comes of two numbers.
pub fn sum(sum: Sum, left: &str, right: &str) -> Result<Tree, Fault> {
    let (left, right) = (read(left), read(right));
    if matches!(sum, Sum::Divided | Sum::Modulo) && float(right) == 0.0 {
        return Err(Fault::soft(Error::new(Kind::DivisionByZero, "division by zero")));
    }
    let exact = match (left, right) {
        (Number::Exact(a, x), Number::Exact(b, y)) => of_exact(sum, (a, x), (b, y)),
        _ => None,
    };
    let (a, b) = (float(left), float(right));
    let number = exact.unwrap_or_else(|| {
        Number::Float(match sum {
            Sum::Plus => a + b,
            Sum::Minus => a - b,
            Sum::Times => a * b,
            Sum::Divided => a / b,
            Sum::Modulo => a % b,
        })
    });
    shown(number).ok_or_else(out_of_range)
}

fn of_exact(sum: Sum, left: (i128, u32), right: (i128, u32)) -> Option<Number> {
    let (a, b, places) = aligned(left, right)?;
    Some(match sum {
        Sum::Plus => Number::Exact(a.checked_add(b)?, places),
        Sum::Minus => Number::Exact(a.checked_sub(b)?, places),
        Sum::Times => Number::Exact(left.0.checked_mul(right.0)?, left.1 + right.1),
        Sum::Modulo => Number::Exact(a.checked_rem(b)?, places),
        Sum::Divided => {
            let raised = a.checked_mul(10i128.pow(PLACES))?;
            let (quotient, rest) = (raised / b, raised % b);
            let up = i128::from(rest.unsigned_abs() * 2 >= b.unsigned_abs());
            let quotient = if (a < 0) == (b < 0) { quotient + up } else { quotient - up };
            // numeric shows sixteen digits at least; twenty places where the whole part is zero.
            let places = if quotient.unsigned_abs() >= 10u128.pow(PLACES) { 16 } else { PLACES };
            let cut = 10i128.pow(PLACES - places);
            Number::Exact((quotient + quotient.signum() * (cut / 2)) / cut, places)
        }
    })
}

/// The number with the other sign.
pub fn negated(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) => rest.to_owned(),
        None if text.chars().all(|letter| matches!(letter, '0' | '.')) => text.to_owned(),
        None => format!("-{text}"),
    }
}

/// The whole number at or below it, or at or above it.
pub fn rounded(text: &str, up: bool) -> Result<Tree, Fault> {
    let number = match read(text) {
        Number::Exact(value, places) => {
            let unit = 10i128.pow(places);
            let down = value.div_euclid(unit);
            Number::Exact(if up && value.rem_euclid(unit) != 0 { down + 1 } else { down }, 0)
        }
        Number::Float(value) => Number::Float(if up { value.ceil() } else { value.floor() }),
    };
    shown(number).ok_or_else(out_of_range)
}

/// As floating point.
pub fn double(text: &str) -> Option<Tree> {
    let value: f64 = text.trim().parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Tree::Number(json_number(serde_json::Number::from_f64(value)?.to_string().trim_end_matches(".0"))))
}

/// The whole part, as a place in an array.
pub fn place(text: &str) -> Option<i64> {
    match read(text) {
        Number::Exact(value, places) => i64::try_from(value / 10i128.pow(places)).ok(),
        Number::Float(value) => (value.abs() < 2e9).then_some(value.trunc() as i64),
    }
}
