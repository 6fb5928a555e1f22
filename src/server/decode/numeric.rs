//! `numeric` parameters: decimals of up to 76 digits.

use super::invalid;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::server::encode::{NUMERIC_NAN, NUMERIC_NEGATIVE};
use datafusion::arrow::datatypes::i256;
use datafusion::common::ScalarValue;

/// Digits of a 128-bit and of a 256-bit decimal.
const SMALL_DIGITS: usize = 38;
const LARGE_DIGITS: usize = 76;

/// Reads `12.50`, `-1e3`.
pub fn from_text(text: &str) -> Result<ScalarValue> {
    if ["nan", "infinity", "-infinity"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Err(not_finite());
    }
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().map_err(|_| invalid("numeric"))?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = String::with_capacity(mantissa.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("numeric"));
    }
    let scale = i32::try_from(fraction.len()).unwrap_or(i32::MAX).saturating_sub(exponent);
    from_digits(negative, digits, scale)
}

/// Reads groups of four digits.
pub fn from_binary(bytes: &[u8]) -> Result<ScalarValue> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let mut header = || words.next().ok_or_else(|| invalid("numeric"));
    let (count, weight, sign, shown) = (header()?, header()? as i16, header()?, header()?);
    if bytes.len() != 8 + 2 * usize::from(count) {
        return Err(invalid("numeric"));
    }
    match sign {
        0 | NUMERIC_NEGATIVE => {}
        NUMERIC_NAN | 0xD000 | 0xF000 => return Err(not_finite()),
        _ => return Err(invalid("numeric")),
    }
    let mut digits = String::with_capacity(4 * usize::from(count));
    for word in words {
        if word > 9999 {
            return Err(invalid("numeric"));
        }
        digits.push_str(&format!("{word:04}"));
    }
    if digits.is_empty() {
        digits.push('0');
    }
    // The first group counts 10000^weight, so the last one stands `4 * (count - 1 - weight)` digits after the point.
    let scale = 4 * (i32::from(count) - 1 - i32::from(weight));
    let shown = i32::from(shown);
    if count == 0 {
        return from_digits(false, digits, 0);
    }
    // The groups may end in digits beyond the scale, or stop before it.
    let spare = scale - shown;
    if spare > 0 {
        digits.truncate(digits.len().saturating_sub(spare as usize));
        if digits.is_empty() {
            digits.push('0');
        }
        return from_digits(sign == NUMERIC_NEGATIVE, digits, shown);
    }
    from_digits(sign == NUMERIC_NEGATIVE, digits, scale)
}

fn from_digits(negative: bool, digits: String, scale: i32) -> Result<ScalarValue> {
    let mut digits = digits.trim_start_matches('0').to_owned();
    let scale = if scale < 0 {
        if !digits.is_empty() {
            if scale.unsigned_abs() as usize > LARGE_DIGITS {
                return Err(too_large());
            }
            digits.push_str(&"0".repeat(scale.unsigned_abs() as usize));
        }
        0
    } else {
        scale as usize
    };
    let precision = digits.len().max(scale).max(1);
    if precision > LARGE_DIGITS {
        return Err(too_large());
    }
    let text = format!("{}{}", if negative { "-" } else { "" }, if digits.is_empty() { "0" } else { &digits });
    // Both fit: LARGE_DIGITS is below 127.
    let (places, scale) = (precision as u8, scale as i8);
    if precision <= SMALL_DIGITS {
        let value = text.parse::<i128>().map_err(|_| invalid("numeric"))?;
        return Ok(ScalarValue::Decimal128(Some(value), places, scale));
    }
    match i256::from_string(&text) {
        Some(value) => Ok(ScalarValue::Decimal256(Some(value), places, scale)),
        None => fail!(NumericOutOfRange, "value overflows numeric format"),
    }
}

fn too_large() -> Error {
    Error::new(Kind::NumericOutOfRange, "value overflows numeric format")
        .with_detail(format!("A numeric can have at most {LARGE_DIGITS} digits."))
}

fn not_finite() -> Error {
    Error::new(Kind::NumericOutOfRange, "a numeric is a finite number here")
        .with_hint("Use double precision for NaN and Infinity.")
}
