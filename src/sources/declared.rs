//! Columns of the types that a script declares, beyond those that are inferred: what fits them, and how they are filled.

use super::columns::Misfit;
use super::infer::{self, Order, Type};
use crate::catalog::SqlType;
use crate::encoding::unhex;
use arrow::array::{
    ArrayRef, BinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, StringBuilder,
    Time64MicrosecondBuilder,
};
use chrono::{NaiveTime, Timelike};
use std::sync::Arc;

/// The inferred type that a declared one is read like.
pub(super) fn base(declared: &SqlType) -> Type {
    match declared {
        SqlType::Bool => Type::Bool,
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 => Type::Int,
        SqlType::Float4 | SqlType::Float8 => Type::Float,
        SqlType::Numeric(Some((digits, places))) => Type::Decimal(*digits, *places),
        // As many as a column without any has.
        SqlType::Numeric(None) => Type::Decimal(38, 9),
        SqlType::Date => Type::Date(Order::Year),
        SqlType::Timestamp => Type::Timestamp(Order::Year),
        SqlType::Timestamptz => Type::TimestampTz(Order::Year),
        SqlType::Json | SqlType::Jsonb => Type::Json,
        _ => Type::Text,
    }
}

/// Whether a column of this type can hold what `text` says, all of it.
pub(super) fn fits(declared: &SqlType, text: &str) -> bool {
    let moment = || infer::moment(text, Order::Year);
    match declared {
        SqlType::Bool => boolean(text).is_some(),
        SqlType::Int2 => infer::integer(text).is_some_and(|number| i16::try_from(number).is_ok()),
        SqlType::Int4 => infer::integer(text).is_some_and(|number| i32::try_from(number).is_ok()),
        SqlType::Int8 => infer::integer(text).is_some(),
        SqlType::Float4 => is_float4(text),
        SqlType::Float8 => float(text).is_some(),
        SqlType::Numeric(_) => match base(declared) {
            Type::Decimal(digits, places) => infer::decimal(text, digits, places).is_some(),
            _ => false,
        },
        SqlType::Varchar(_) | SqlType::Char(_) => is_short(text, declared),
        SqlType::Date => moment().is_some_and(|moment| !moment.timed),
        SqlType::Time => time(text).is_some(),
        SqlType::Timestamp => moment().is_some_and(|moment| !moment.zoned),
        SqlType::Timestamptz => moment().is_some_and(|moment| moment.zoned),
        SqlType::Uuid => uuid(text).is_some(),
        SqlType::Bytea => bytes(text).is_some(),
        SqlType::Json | SqlType::Jsonb => serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok(),
        _ => true,
    }
}

/// As PostgreSQL and MySQL write it; a byte of MySQL's BIT(1), too.
pub(super) fn boolean(text: &str) -> Option<&'static str> {
    match text {
        "t" | "true" | "1" | "\u{1}" | "\\x01" => Some("true"),
        "f" | "false" | "0" | "\\x00" => Some("false"),
        _ => None,
    }
}

fn float(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if plain => text.parse().ok().filter(|value: &f64| value.is_finite()),
        _ => None,
    }
}

/// Whether as few digits as a `real` keeps are all that there are: what is called so elsewhere may be a double.
fn is_float4(text: &str) -> bool {
    float(text).is_some_and(|value| {
        let narrow = value as f32;
        !value.is_finite() || narrow.is_finite() && narrow.to_string().parse() == Ok(value)
    })
}

fn is_short(text: &str, declared: &SqlType) -> bool {
    // Blanks at the end are no reason to refuse a value.
    declared.length_max().is_none_or(|most| text.trim_end_matches(' ').chars().count() <= most)
}

fn time(text: &str) -> Option<NaiveTime> {
    let (time, rest) = infer::time_of_day(text.trim())?;
    rest.is_empty().then_some(time)
}

/// In small letters.
fn uuid(text: &str) -> Option<String> {
    let hyphens = [8, 13, 18, 23];
    let fits = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match hyphens.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        });
    fits.then(|| text.to_ascii_lowercase())
}

/// What `\x6162` says.
fn bytes(text: &str) -> Option<Vec<u8>> {
    unhex(text.strip_prefix("\\x")?.as_bytes())
}

/// A column of a declared type being filled.
pub(super) enum Declared {
    Int2(Int16Builder),
    Int4(Int32Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Text(StringBuilder, SqlType),
    Time(Time64MicrosecondBuilder),
    Uuid(StringBuilder),
    Bytea(BinaryBuilder),
}

impl Declared {
    /// A column of this type; none where one of an inferred type does as well.
    pub(super) fn new(declared: &SqlType) -> Option<Self> {
        Some(match declared {
            SqlType::Int2 => Self::Int2(Int16Builder::new()),
            SqlType::Int4 => Self::Int4(Int32Builder::new()),
            SqlType::Float4 => Self::Float4(Float32Builder::new()),
            SqlType::Float8 => Self::Float8(Float64Builder::new()),
            SqlType::Varchar(_) | SqlType::Char(_) => Self::Text(StringBuilder::new(), declared.clone()),
            SqlType::Time => Self::Time(Time64MicrosecondBuilder::new()),
            SqlType::Uuid => Self::Uuid(StringBuilder::new()),
            SqlType::Bytea => Self::Bytea(BinaryBuilder::new()),
            _ => return None,
        })
    }

    pub(super) fn push_null(&mut self) {
        match self {
            Self::Int2(values) => values.append_null(),
            Self::Int4(values) => values.append_null(),
            Self::Float4(values) => values.append_null(),
            Self::Float8(values) => values.append_null(),
            Self::Text(values, _) | Self::Uuid(values) => values.append_null(),
            Self::Time(values) => values.append_null(),
            Self::Bytea(values) => values.append_null(),
        }
    }

    /// Adds what `text` says; an empty text is a value, and none of a type that has no such.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Misfit> {
        let whole = || infer::integer(text).ok_or(Misfit);
        match self {
            Self::Int2(values) => values.append_value(i16::try_from(whole()?).map_err(|_| Misfit)?),
            Self::Int4(values) => values.append_value(i32::try_from(whole()?).map_err(|_| Misfit)?),
            Self::Float4(values) => {
                let value = float(text).ok_or(Misfit)?;
                let narrow = value as f32;
                if value.is_finite() && !narrow.is_finite() {
                    return Err(Misfit);
                }
                values.append_value(narrow);
            }
            Self::Float8(values) => values.append_value(float(text).ok_or(Misfit)?),
            Self::Text(values, declared) => {
                if !is_short(text, declared) {
                    return Err(Misfit);
                }
                let most = declared.length_max().unwrap_or(usize::MAX);
                match declared {
                    // Kept without the blanks that it is shown with.
                    SqlType::Char(_) => values.append_value(text.trim_end_matches(' ')),
                    _ if text.chars().count() > most => {
                        values.append_value(text.chars().take(most).collect::<String>())
                    }
                    _ => values.append_value(text),
                }
            }
            Self::Time(values) => {
                let time = time(text).ok_or(Misfit)?;
                let micros = i64::from(time.num_seconds_from_midnight()) * 1_000_000;
                values.append_value(micros + i64::from(time.nanosecond() / 1000));
            }
            Self::Uuid(values) => values.append_value(uuid(text).ok_or(Misfit)?),
            Self::Bytea(values) => values.append_value(bytes(text).ok_or(Misfit)?),
        }
        Ok(())
    }

    /// Adds bytes as they are.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Misfit> {
        match self {
            Self::Bytea(values) => values.append_value(bytes),
            _ => return Err(Misfit),
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int2(values) => Arc::new(values.finish()),
            Self::Int4(values) => Arc::new(values.finish()),
            Self::Float4(values) => Arc::new(values.finish()),
            Self::Float8(values) => Arc::new(values.finish()),
            Self::Text(values, _) | Self::Uuid(values) => Arc::new(values.finish()),
            Self::Time(values) => Arc::new(values.finish()),
            Self::Bytea(values) => Arc::new(values.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_what_it_can_say_exactly() {
        for (declared, fitting, other) in [
            (SqlType::Int2, "-32768", "32768"),
            (SqlType::Int4, "2147483647", "2147483648"),
            (SqlType::Float4, "3.4e+38", "0.1234567890123"),
            (SqlType::Float4, "0.1", "1e39"),
            (SqlType::Float8, "1e30", "1,5"),
            (SqlType::Float8, "-Infinity", "inf"),
            (SqlType::Varchar(Some(2)), "商品  ", "商品名"),
            (SqlType::Char(3), "abc ", "abcd"),
            (SqlType::Time, "23:59:59.5", "24:00:00"),
            (SqlType::Uuid, "6F9619FF-8B86-D011-B42D-00C04FC964FF", "6F9619FF-8B86-D011-B42D+00C04FC964FF"),
            (SqlType::Bytea, "\\xAB00", "\\xAB0"),
            (SqlType::Numeric(Some((4, 2))), "-12.50", "123.4"),
            (SqlType::Bool, "\\x01", "2"),
        ] {
            assert!(fits(&declared, fitting), "{declared} {fitting}");
            assert!(!fits(&declared, other), "{declared} {other}");
        }
    }
}
