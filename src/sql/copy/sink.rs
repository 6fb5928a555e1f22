//! Texts of one column to values, in one pass for the forms that dumps are written in.
//!
//! A sink reads only what it is sure of, and says so when it meets anything else: blanks, signs, exponents, more digits
//! than fit. Then the whole column is read by the input function of its type ([`values`](super::super::values)), which
//! knows every form and has PostgreSQL's messages. Where a sink reads a text, both must agree.

use crate::catalog::SqlType;
use arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Builder, PrimitiveBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use std::sync::Arc;

/// Values of one column.
#[derive(Debug)]
pub enum Sink {
    /// Texts as they are.
    Text(StringBuilder),
    /// `boolean`
    Bool(BooleanBuilder),
    /// `smallint`
    Int2(PrimitiveBuilder<Int16Type>),
    /// `integer`
    Int4(PrimitiveBuilder<Int32Type>),
    /// `bigint`
    Int8(PrimitiveBuilder<Int64Type>),
    /// `real`
    Float4(PrimitiveBuilder<Float32Type>),
    /// `double precision`
    Float8(PrimitiveBuilder<Float64Type>),
    /// `numeric` of this precision and scale
    Numeric(Decimal128Builder, u8, i8),
    /// `date`
    Date(PrimitiveBuilder<Date32Type>),
    /// `timestamp`
    Timestamp(TimestampMicrosecondBuilder),
    /// Something came that only the type's input function can read.
    Other,
}

impl Sink {
    /// A sink for a type.
    pub fn new(data_type: &SqlType) -> Self {
        match (data_type, data_type.arrow()) {
            (SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_), _) => Self::Text(StringBuilder::new()),
            (SqlType::Bool, _) => Self::Bool(BooleanBuilder::new()),
            (SqlType::Int2, _) => Self::Int2(PrimitiveBuilder::new()),
            (SqlType::Int4, _) => Self::Int4(PrimitiveBuilder::new()),
            (SqlType::Int8, _) => Self::Int8(PrimitiveBuilder::new()),
            (SqlType::Float4, _) => Self::Float4(PrimitiveBuilder::new()),
            (SqlType::Float8, _) => Self::Float8(PrimitiveBuilder::new()),
            (SqlType::Date, _) => Self::Date(PrimitiveBuilder::new()),
            (SqlType::Timestamp, _) => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            (SqlType::Numeric(_), of @ DataType::Decimal128(precision, scale)) => {
                Self::Numeric(Decimal128Builder::new().with_data_type(of), precision, scale)
            }
            _ => Self::Other,
        }
    }

    /// Takes a value. Once it is [`Self::Other`] it takes no more.
    pub fn push(&mut self, value: Option<&str>) {
        let Some(text) = value else { return self.push_null() };
        let bytes = text.as_bytes();
        let read = match self {
            Self::Text(values) => {
                values.append_value(text);
                Some(())
            }
            Self::Bool(values) => boolean(bytes).map(|value| values.append_value(value)),
            Self::Int2(values) => integer(bytes).and_then(|v| v.try_into().ok()).map(|v| values.append_value(v)),
            Self::Int4(values) => integer(bytes).and_then(|v| v.try_into().ok()).map(|v| values.append_value(v)),
            Self::Int8(values) => integer(bytes).map(|value| values.append_value(value)),
            Self::Float4(values) => plain_float(bytes).and_then(|()| finite(text)).map(|v| values.append_value(v)),
            Self::Float8(values) => plain_float(bytes).and_then(|()| finite(text)).map(|v| values.append_value(v)),
            Self::Numeric(values, precision, scale) => {
                decimal(bytes, *precision, *scale).map(|value| values.append_value(value))
            }
            Self::Date(values) => date(bytes).map(|days| values.append_value(days)),
            Self::Timestamp(values) => timestamp(bytes).map(|micros| values.append_value(micros)),
            Self::Other => Some(()),
        };
        if read.is_none() {
            *self = Self::Other;
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Text(values) => values.append_null(),
            Self::Bool(values) => values.append_null(),
            Self::Int2(values) => values.append_null(),
            Self::Int4(values) => values.append_null(),
            Self::Int8(values) => values.append_null(),
            Self::Float4(values) => values.append_null(),
            Self::Float8(values) => values.append_null(),
            Self::Numeric(values, ..) => values.append_null(),
            Self::Date(values) => values.append_null(),
            Self::Timestamp(values) => values.append_null(),
            Self::Other => {}
        }
    }

    /// The values; none if the column must be read by its input function.
    pub fn finish(self) -> Option<ArrayRef> {
        Some(match self {
            Self::Text(mut values) => Arc::new(values.finish()),
            Self::Bool(mut values) => Arc::new(values.finish()),
            Self::Int2(mut values) => Arc::new(values.finish()),
            Self::Int4(mut values) => Arc::new(values.finish()),
            Self::Int8(mut values) => Arc::new(values.finish()),
            Self::Float4(mut values) => Arc::new(values.finish()),
            Self::Float8(mut values) => Arc::new(values.finish()),
            Self::Numeric(mut values, ..) => Arc::new(values.finish()),
            Self::Date(mut values) => Arc::new(values.finish()),
            Self::Timestamp(mut values) => Arc::new(values.finish()),
            Self::Other => return None,
        })
    }
}

fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"t" | b"true" => Some(true),
        b"f" | b"false" => Some(false),
        _ => None,
    }
}

/// Digits as a number; at most 18 of them.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |value: i64, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn integer(text: &[u8]) -> Option<i64> {
    match text.split_first()? {
        (b'-', rest) => digits(rest).map(|value| -value),
        _ => digits(text),
    }
}

fn decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, text) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &[][..]),
    };
    let missing = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    let part = |text: &[u8]| if text.is_empty() { Some(0) } else { digits(text) };
    // A point needs digits on both sides to be sure of.
    if whole.is_empty() || (fraction.is_empty() && whole.len() < text.len()) {
        return None;
    }
    let value = i128::from(digits(whole)?) * 10i128.pow(fraction.len() as u32) + i128::from(part(fraction)?);
    let value = value.checked_mul(10i128.checked_pow(missing as u32)?)?;
    (value < 10i128.checked_pow(u32::from(precision))?).then_some(if negative { -value } else { value })
}

/// Whether a text is a floating-point number as programs write them.
fn plain_float(text: &[u8]) -> Option<()> {
    let start = text.strip_prefix(b"-").unwrap_or(text);
    let plain = start.first().is_some_and(u8::is_ascii_digit)
        && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    plain.then_some(())
}

/// The number, unless it is too large or too small for its type.
fn finite<F: std::str::FromStr + Into<f64> + Copy>(text: &str) -> Option<F> {
    let value: F = text.parse().ok()?;
    let wide: f64 = value.into();
    (wide.is_finite() && (wide != 0.0 || text.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-')))).then_some(value)
}

/// Days since 1970 of `2026-11-25`.
fn date(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let (year, month, day) = (digits(&[*y1, *y2, *y3, *y4])?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if year == 0 || !(1..=last).contains(&day) {
        return None;
    }
    // Years from March on, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    i32::try_from(days - 719_468).ok()
}

/// Microseconds since 1970 of `2026-11-25 18:30:00`, with up to six digits of a second after it.
fn timestamp(text: &[u8]) -> Option<i64> {
    let (day, time) = text.split_at_checked(10)?;
    let ([b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2], fraction) = time.split_at_checked(9)? else { return None };
    let (hour, minute, second) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', rest @ ..] if rest.len() <= 6 => digits(rest)? * 10i64.pow(6 - rest.len() as u32),
        _ => return None,
    };
    let seconds = i64::from(date(day)?) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::super::super::values;
    use super::*;
    use arrow::array::{Array, StringArray};

    /// Whatever a sink reads, the type's input function reads the same; and the common forms it does read.
    #[test]
    fn sinks_agree_with_the_input_functions() {
        let numbers = [
            "0",
            "-0",
            "7",
            "-42",
            "32767",
            "32768",
            "-32768",
            "2147483647",
            "2147483648",
            "999999999999999999",
            "9223372036854775807",
            "12.5",
            "12.50",
            "-12.345",
            "0.001",
            "99999999.99",
            "100000000",
            "1.",
            ".5",
            "+3",
            " 3",
            "1e3",
            "1E-3",
            "-1.5e+2",
            "1e400",
            "1e-400",
            "NaN",
            "Infinity",
            "",
            "-",
            "--1",
            "1-1",
            "1_000",
            "٣",
        ];
        let moments = [
            "1970-01-01",
            "2024-02-29",
            "2023-02-29",
            "1900-02-29",
            "2000-02-29",
            "0001-01-01",
            "0000-01-01",
            "9999-12-31",
            "2026-11-25 18:30:00",
            "2026-11-25T18:30:00.5",
            "2026-11-25 18:30:00.123456",
            "2026-11-25 24:00:00",
            "2026-11-25 23:59:60",
            "2026-13-01",
            "2026-1-1",
            "25.11.2026",
            "1969-12-31 23:59:59",
            "2026-11-25 18:30",
            "2026-11-25 18:30:00+02",
        ];
        let words = ["t", "f", "true", "false", "yes", "T", "商品", "a", ""];
        let types = [
            (SqlType::Int2, 4),
            (SqlType::Int4, 6),
            (SqlType::Int8, 7),
            (SqlType::Float4, 7),
            (SqlType::Float8, 7),
            (SqlType::Numeric(Some((10, 2))), 5),
            (SqlType::Numeric(None), 7),
            (SqlType::Date, 5),
            (SqlType::Timestamp, 4),
            (SqlType::Bool, 4),
            (SqlType::Text, 40),
            (SqlType::Varchar(Some(3)), 40),
        ];
        for (data_type, at_least) in types {
            let mut read = 0;
            for text in numbers.iter().chain(&moments).chain(&words) {
                let mut sink = Sink::new(&data_type);
                sink.push(None);
                sink.push(Some(text));
                let Some(fast) = sink.finish() else { continue };
                let slow = values::read(&StringArray::from(vec![None, Some(*text)]), &data_type).unwrap();
                assert_eq!(&fast, &slow, "\"{text}\" as {data_type}");
                read += 1;
            }
            assert!(read >= at_least, "{data_type} reads {read} texts");
        }
        for days in (-719_162..2_932_896).step_by(97) {
            let text = chrono::DateTime::from_timestamp(days * 86_400, 0).unwrap().format("%Y-%m-%d").to_string();
            assert_eq!(date(text.as_bytes()), Some(days as i32), "{text}");
        }
        assert!(Sink::new(&SqlType::Jsonb).finish().is_none());
        assert_eq!(Sink::new(&SqlType::Int8).finish().unwrap().len(), 0);
    }
}
