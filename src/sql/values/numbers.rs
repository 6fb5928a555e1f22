//! Numbers from one type to another: rounded, and refused where they do not fit.

use super::super::semantics::WIDE;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int64Type};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, PrimitiveArray, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, i256};
use std::sync::Arc;

/// A numeric array as another numeric type. Floating point goes to the nearest integer, half-way cases to the even one
/// (IEEE 754); decimals go away from zero half-way.
pub fn number(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let wanted = target.arrow();
    let whole = match (array.data_type(), wanted.is_integer()) {
        (DataType::Float32 | DataType::Float64 | DataType::Float16, true) => nearest(array, target)?,
        (DataType::Decimal128(..) | DataType::Decimal256(..), true) => {
            let whole = cast_with_options(array, &DataType::Decimal128(38, 0), &LENIENT)?;
            must_be_whole(array, &whole, target)?;
            whole
        }
        (DataType::Float32 | DataType::Float64, false) if wanted.is_decimal() => {
            return as_written(array, target);
        }
        (DataType::Decimal128(_, scale), false) if wanted.is_floating() && *scale != 0 => {
            Arc::new(nearest_double(array, *scale))
        }
        (DataType::Decimal256(_, scale), false) if wanted.is_floating() => {
            let nearest = |value: i256| format!("{value}e{}", -i16::from(*scale)).parse().unwrap_or(f64::NAN);
            Arc::new(array.as_primitive::<Decimal256Type>().unary::<_, Float64Type>(nearest))
        }
        _ => array.clone(),
    };
    let changed = cast_with_options(&whole, &wanted, &LENIENT)?;
    must_be_whole(array, &changed, target)?;
    if wanted == DataType::Float32 && !array.data_type().is_integer() {
        let have = cast(array, &DataType::Float64)?;
        let (have, got) = (have.as_primitive::<Float64Type>(), changed.as_primitive::<Float32Type>());
        let lost = |(have, got): (Option<f64>, Option<f32>)| match (have, got) {
            (Some(have), Some(got)) => have.is_finite() && !got.is_finite() || have != 0.0 && got == 0.0,
            _ => false,
        };
        if have.iter().zip(got).any(lost) {
            return Err(Error::new(Kind::NumericOutOfRange, "value out of range for type real"));
        }
    }
    Ok(changed)
}

/// Floating point as the decimal that its digits say: 15 of `double precision`, 6 of `real`, as PostgreSQL takes them.
fn as_written(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let changed = cast_with_options(&written(array)?, &target.arrow(), &LENIENT)?;
    must_be_whole(array, &changed, target)?;
    Ok(changed)
}

/// The digits of floating point numbers that count.
fn written(array: &ArrayRef) -> Result<StringArray> {
    let digits = if *array.data_type() == DataType::Float32 { 5 } else { 14 };
    let floats = cast(array, &DataType::Float64)?;
    let texts = floats.as_primitive::<Float64Type>().iter();
    Ok(texts.map(|value| value.map(|value| without_exponent(&format!("{value:.digits$e}")))).collect())
}

/// Decimals as the doubles next to them: dividing by a power of ten would round twice.
fn nearest_double(array: &ArrayRef, scale: i8) -> Float64Array {
    const EXACT: i128 = 1 << 53;
    let decimals = array.as_primitive::<Decimal128Type>();
    let power = 10f64.powi(scale.into());
    let one = |value: i128| match (-EXACT..=EXACT).contains(&value) && scale <= 22 {
        // Both are exact, so their quotient is the nearest.
        true if scale > 0 => value as f64 / power,
        _ => format!("{value}e{}", -i16::from(scale)).parse().unwrap_or(value as f64 / power),
    };
    decimals.unary::<_, Float64Type>(one)
}

/// What cannot be cast becomes NULL, and is then found by [`must_be_whole`].
const LENIENT: CastOptions<'static> =
    CastOptions { safe: true, format_options: arrow::util::display::FormatOptions::new() };

/// Refuses numbers that were given with more places than a `numeric` without any keeps: they would be rounded without a word. What was
/// computed to all places that there are, as a quotient or an average, or as floating point, is rounded as it was when computed.
pub fn must_keep(array: &ArrayRef) -> Result<()> {
    let DataType::Decimal128(_, kept) = SqlType::Numeric(None).arrow() else { return Ok(()) };
    let more = |text: &str| {
        let plain = without_exponent(text.trim());
        let places = plain.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len());
        places > kept as usize
    };
    let lost = match array.data_type() {
        DataType::Decimal128(_, scale) if *scale > kept => {
            let unit = 10i128.pow((scale - kept) as u32);
            array.as_primitive::<Decimal128Type>().iter().flatten().any(|value| value % unit != 0)
        }
        wide if *wide == WIDE => false,
        DataType::Decimal256(_, scale) if *scale > kept => {
            let unit = i256::from_i128(10).checked_pow((scale - kept) as u32).unwrap_or(i256::ONE);
            let rest = |value: i256| value.checked_rem(unit).is_some_and(|rest| rest != i256::ZERO);
            array.as_primitive::<Decimal256Type>().iter().flatten().any(rest)
        }
        DataType::Utf8 => array.as_string::<i32>().iter().flatten().any(more),
        _ => false,
    };
    match lost {
        true => Err(Error::new(Kind::NumericOutOfRange, format!("numeric keeps {kept} digits after the point"))
            .with_hint("Declare the column as numeric(precision, scale), or round the value.")),
        false => Ok(()),
    }
}

fn must_be_whole(before: &ArrayRef, after: &ArrayRef, target: &SqlType) -> Result<()> {
    if after.null_count() <= before.null_count() {
        return Ok(());
    }
    Err(out_of_range(target))
}

/// The error for a number that a type cannot hold.
fn out_of_range(target: &SqlType) -> Error {
    match target {
        SqlType::Numeric(Some((precision, scale))) => Error::new(Kind::NumericOutOfRange, "numeric field overflow")
            .with_detail(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute value less than 10^{}.",
                i16::from(*precision) - i16::from(*scale)
            )),
        SqlType::Numeric(None) => Error::new(Kind::NumericOutOfRange, "value overflows numeric format"),
        _ => Error::new(Kind::NumericOutOfRange, format!("{target} out of range")),
    }
}

/// Floating-point numbers as the nearest `bigint`.
fn nearest(array: &ArrayRef, target: &SqlType) -> Result<ArrayRef> {
    let floats = cast(array, &DataType::Float64)?;
    // 2^63 is a double, 2^63 - 1 is not.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let rounded: PrimitiveArray<Int64Type> =
        floats.as_primitive::<Float64Type>().try_unary(|value| match value.round_ties_even() {
            rounded if (-LIMIT..LIMIT).contains(&rounded) => Ok(rounded as i64),
            _ => Err(out_of_range(target)),
        })?;
    Ok(Arc::new(rounded))
}

/// A number in text without its exponent; what is none is left as it is.
pub fn without_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return text.to_owned() };
    let Ok(exponent) = exponent.parse::<i64>() else { return text.to_owned() };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = whole.len() as i64 + exponent;
    // Digits beyond those that a numeric has are left as they were written.
    if !(-200..200).contains(&point) {
        return text.to_owned();
    }
    let digits = format!("{whole}{fraction}");
    let zeros = |n: i64| "0".repeat(n.max(0) as usize);
    let length = digits.len() as i64;
    let shown = match point {
        ..=0 => format!("0.{}{digits}", zeros(-point)),
        _ if point >= length => format!("{digits}{}", zeros(point - length)),
        _ => format!("{}.{}", &digits[..point as usize], &digits[point as usize..]),
    };
    let kept = shown.trim_start_matches('0');
    match kept.starts_with('.') || kept.is_empty() {
        true => format!("{sign}0{kept}"),
        false => format!("{sign}{kept}"),
    }
}
