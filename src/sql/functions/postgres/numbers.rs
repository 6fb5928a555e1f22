//! Numbers: buckets, angles in degrees, whole quotients, and how many digits there are.

use super::declared::{Body::Each, Declaration};
use super::made::{Args, Made};
use crate::encoding::pg_text::Cell;
use crate::error::{Error, Kind, Result};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("width_bucket(float8, float8, float8, int4) int4", Each(bucket)),
    ("width_bucket(numeric, numeric, numeric, int4) int4", Each(exact_bucket)),
    ("width_bucket(float8, float8[]) int4", Each(bucket_of_thresholds)),
    ("width_bucket(int4, int4[]) int4", Each(bucket_of_thresholds)),
    ("width_bucket(numeric, numeric[]) int4", Each(bucket_of_thresholds)),
    ("div(numeric, numeric) numeric", Each(whole_quotient)),
    ("trim_scale(numeric) numeric", Each(|row| numeric(without_zeros(row.decimal(0).0, row.decimal(0).1)))),
    ("scale(numeric) int4", Each(|row| Ok(Made::Int(written(row).1.into())))),
    ("min_scale(numeric) int4", Each(min_scale)),
    ("sind(float8) float8", Each(|row| degrees(row, sine))),
    ("cosd(float8) float8", Each(|row| degrees(row, |x| sine(90.0 - x)))),
    ("tand(float8) float8", Each(|row| degrees(row, |x| sine(x) / sine(90.0 - x)))),
    ("cotd(float8) float8", Each(|row| degrees(row, |x| sine(90.0 - x) / sine(x)))),
    ("asind(float8) float8", Each(|row| inverse(row, f64::asin))),
    ("acosd(float8) float8", Each(|row| inverse(row, f64::acos))),
    ("atand(float8) float8", Each(|row| Ok(row.float(0).atan().to_degrees().into()))),
    ("atan2d(float8, float8) float8", Each(|row| Ok(row.float(0).atan2(row.float(1)).to_degrees().into()))),
];

/// A number without its point, and the places that it shows.
fn written(row: &Args<'_>) -> (i128, i8) {
    let (value, scale) = row.decimal(0);
    match row.get(0) {
        // One without declared places shows only those that are there.
        Some(Cell::Decimal(_, _, true)) => without_zeros(value, scale),
        _ => (value, scale),
    }
}

fn without_zeros(mut value: i128, mut scale: i8) -> (i128, i8) {
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    (value, scale)
}

/// A number in the places of a numeric without declared ones.
fn numeric((value, scale): (i128, i8)) -> Result<Made> {
    const PLACES: i8 = 9;
    if scale > PLACES {
        return Err(Error::new(Kind::Unsupported, "a numeric has 9 places after the point here"));
    }
    let raised = value.checked_mul(10i128.pow((PLACES - scale).unsigned_abs().into()));
    raised.map(Made::Int).ok_or_else(overflow)
}

fn whole_quotient(row: &Args<'_>) -> Result<Made> {
    let ((left, a), (right, b)) = (row.decimal(0), row.decimal(1));
    if right == 0 {
        return Err(Error::new(Kind::DivisionByZero, "division by zero"));
    }
    let power = |n: i8| 10i128.checked_pow(n.max(0).unsigned_abs().into()).ok_or_else(overflow);
    let left = left.checked_mul(power(b - a)?).ok_or_else(overflow)?;
    let right = right.checked_mul(power(a - b)?).ok_or_else(overflow)?;
    numeric((left / right, 0))
}

fn min_scale(row: &Args<'_>) -> Result<Made> {
    let (value, scale) = row.decimal(0);
    Ok(Made::Int(without_zeros(value, scale).1.into()))
}

fn must_be_buckets(count: i64, bounds_equal: bool) -> Result<()> {
    if count <= 0 {
        return Err(Error::new(Kind::InvalidWidthBucket, "count must be greater than zero"));
    }
    if bounds_equal {
        return Err(Error::new(Kind::InvalidWidthBucket, "lower bound cannot equal upper bound"));
    }
    Ok(())
}

fn bucket(row: &Args<'_>) -> Result<Made> {
    let (value, low, high, count) = (row.float(0), row.float(1), row.float(2), row.int(3));
    if value.is_nan() || low.is_nan() || high.is_nan() {
        let message = "operand, lower bound, and upper bound cannot be NaN";
        return Err(Error::new(Kind::InvalidParameter, message));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(Error::new(Kind::InvalidParameter, "lower and upper bounds must be finite"));
    }
    must_be_buckets(count, low.to_bits() == high.to_bits())?;
    let (below, beyond, share) = match low < high {
        true => (value < low, value >= high, (value - low) / (high - low)),
        false => (value > low, value <= high, (low - value) / (low - high)),
    };
    Ok(Made::Int(match (below, beyond) {
        (true, _) => 0,
        (_, true) => i128::from(count) + 1,
        _ => ((share * count as f64).floor() as i128 + 1).min(count.into()),
    }))
}

fn exact_bucket(row: &Args<'_>) -> Result<Made> {
    let all = [row.decimal(0), row.decimal(1), row.decimal(2)];
    let most = all.iter().map(|(_, scale)| *scale).max().unwrap_or_default();
    let raised = |(value, scale): (i128, i8)| {
        let power = 10i128.checked_pow((most - scale).unsigned_abs().into());
        power.and_then(|power| value.checked_mul(power)).ok_or_else(overflow)
    };
    let (value, low, high, count) = (raised(all[0])?, raised(all[1])?, raised(all[2])?, row.int(3));
    must_be_buckets(count, low == high)?;
    let (below, beyond, part, whole) = match low < high {
        true => (value < low, value >= high, value - low, high - low),
        false => (value > low, value <= high, low - value, low - high),
    };
    Ok(Made::Int(match (below, beyond) {
        (true, _) => 0,
        (_, true) => i128::from(count) + 1,
        _ => part.checked_mul(count.into()).ok_or_else(overflow)? / whole + 1,
    }))
}

fn overflow() -> Error {
    Error::new(Kind::NumericOutOfRange, "value overflows numeric format")
}

fn bucket_of_thresholds(row: &Args<'_>) -> Result<Made> {
    let thresholds = row.texts(1);
    if thresholds.iter().any(Option::is_none) {
        return Err(Error::new(Kind::InvalidParameter, "thresholds array must not contain NULLs"));
    }
    let value = row.float(0);
    let numbers = thresholds.iter().flatten().filter_map(|text| text.parse::<f64>().ok());
    Ok(Made::Int(numbers.filter(|threshold| *threshold <= value).count() as i128))
}

fn degrees(row: &Args<'_>, of: impl Fn(f64) -> f64) -> Result<Made> {
    let x = row.float(0);
    match x.is_infinite() {
        true => Err(Error::new(Kind::NumericOutOfRange, "input is out of range")),
        false => Ok(of(x).into()),
    }
}

/// The sine of degrees, exact where it is a simple fraction.
fn sine(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let x = x.rem_euclid(360.0);
    let (sign, x) = if x > 180.0 { (-1.0, x - 180.0) } else { (1.0, x) };
    let x = if x > 90.0 { 180.0 - x } else { x };
    // `sin 30` is not one half in floating point, nor is the sine of 90 degrees one.
    let value = match x {
        0.0 => 0.0,
        30.0 => 0.5,
        90.0 => 1.0,
        x if x < 30.0 => x.to_radians().sin() / 30f64.to_radians().sin() / 2.0,
        x => 1.0 - (1.0 - (90.0 - x).to_radians().cos()) / (1.0 - 60f64.to_radians().cos()) / 2.0,
    };
    sign * value
}

fn inverse(row: &Args<'_>, of: fn(f64) -> f64) -> Result<Made> {
    let x = row.float(0);
    if !(-1.0..=1.0).contains(&x) && !x.is_nan() {
        return Err(Error::new(Kind::NumericOutOfRange, "input is out of range"));
    }
    let angle = of(x).to_degrees();
    // Whole numbers of degrees are meant where they are next.
    let whole = angle.round();
    Ok(if (angle - whole).abs() < 1e-13 { whole } else { angle }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_exact_where_they_can_be() {
        let close = |a: f64, b: f64| (a - b).abs() < f64::EPSILON;
        assert!(
            close(sine(30.0), 0.5) && close(sine(150.0), 0.5) && close(sine(-30.0), -0.5) && close(sine(270.0), -1.0)
        );
        assert!(close(sine(45.0) / sine(90.0 - 45.0), 1.0));
    }
}
