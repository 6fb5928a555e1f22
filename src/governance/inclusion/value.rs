//! What a value hashes to wherever it lies: whole numbers, decimals, floating numbers and texts of digits that mean the same number are
//! one value, so that a column of a CSV file meets the table's that has another type.

use crate::governance::profile::{hash_text, mix};

/// Digits of a number that a double keeps.
const DIGITS_EXACT: usize = 15;
/// Whole numbers up to here are exact as doubles.
const WHOLE_MAX: f64 = 9.0e15;

/// The hash of a whole number.
#[inline]
pub fn hash_whole(value: i64) -> u64 {
    mix(value as u64)
}

/// The hash of a floating number: one without a fraction is the whole number.
#[inline]
pub fn hash_number(value: f64) -> u64 {
    match value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        true => hash_whole(value as i64),
        false => mix(value.to_bits() ^ 0x5BD1_E995),
    }
}

/// The hash of a text; `figure` is the number that it writes, if its column is one of numbers.
#[inline]
pub fn hash_written(text: &str, figure: Option<f64>) -> u64 {
    hash_known(text, figure, || hash_text(text.as_bytes()))
}

/// As [`hash_written`]; `plain` gives the hash of its bytes.
#[inline]
pub fn hash_known(text: &str, figure: Option<f64>, plain: impl FnOnce() -> u64) -> u64 {
    if let Some(figure) = figure
        && text.len() <= DIGITS_EXACT
    {
        return hash_number(figure);
    }
    match whole(text) {
        Some(number) => hash_whole(number),
        None => plain(),
    }
}

/// The whole number that a text writes in the one usual way: no sign but a minus, no leading zeros.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let first = digits.bytes().next()?;
    let is_usual = match first {
        b'0' => text == "0",
        _ => first.is_ascii_digit() && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit()),
    };
    if is_usual { text.parse().ok() } else { None }
}

/// What a value adds to the hash of its row: rows are the same whose values are, in whichever order and under whichever names the
/// columns stand.
#[inline]
pub fn of_row(hash: u64) -> u64 {
    mix(hash ^ 0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_value_in_whatever_type() {
        assert_eq!(hash_whole(42), hash_number(42.0));
        assert_eq!(hash_whole(42), hash_written("42", None));
        assert_eq!(hash_whole(-7), hash_written("-7.00", Some(-7.0)));
        assert_eq!(hash_number(2.5), hash_written("2.50", Some(2.5)));
        assert_eq!(hash_whole(0), hash_written("0", None));
        for code in ["007", "+42", "4.2", "", "-", "1e3", "99999999999999999999"] {
            assert_eq!(hash_written(code, None), hash_text(code.as_bytes()), "{code}");
        }
    }
}
