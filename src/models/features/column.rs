//! Reading Arrow columns as one of the few families that features know.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::{Deserialize, Serialize};

use crate::catalog::TYPE_METADATA;
use crate::error::{Error, Kind, Result};
use crate::models::random::{hash_bytes, mix};

/// What kind of thing a column holds, wide enough that a change of width between training and use is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Family {
    /// Whole numbers of any width.
    Integer,
    /// Floats and decimals.
    Float,
    /// Yes or no.
    Bool,
    /// Text.
    Text,
    /// A date or a timestamp.
    Time,
    /// A column without any value, of Arrow's null type.
    Nothing,
    /// An array of texts or booleans.
    TextList,
    /// An array of whole numbers.
    IntegerList,
    /// An array of floats.
    Vector,
    /// An object of JSON.
    Json,
}

impl Family {
    /// The family of an Arrow type, or `None` for those that no feature can be made of (lists, binary, maps).
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Null => Self::Nothing,
            DataType::Boolean => Self::Bool,
            DataType::Dictionary(_, values) => return Self::of(values),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Self::Time,
            data_type if data_type.is_integer() => Self::Integer,
            data_type if data_type.is_numeric() => Self::Float,
            _ => return None,
        })
    }

    /// The same of a column of features, which may hold several values a row.
    pub fn of_feature(data_type: &DataType) -> Option<Self> {
        let items = match data_type {
            DataType::List(items) | DataType::LargeList(items) | DataType::FixedSizeList(items, _) => items,
            _ => return Self::of(data_type),
        };
        match Self::of(items.data_type())? {
            Self::Text | Self::Bool => Some(Self::TextList),
            Self::Integer => Some(Self::IntegerList),
            Self::Float => Some(Self::Vector),
            _ => None,
        }
    }

    /// The same of a field, which may say that its texts are JSON.
    pub fn of_field(field: &Field) -> Option<Self> {
        let family = Self::of_feature(field.data_type())?;
        let is_json = field.metadata().get(TYPE_METADATA).is_some_and(|mark| mark == "jsonb" || mark == "json");
        Some(if is_json && family == Self::Text { Self::Json } else { family })
    }

    /// The family's name in messages, in SQL's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float8",
            Self::Bool => "boolean",
            Self::Text => "text",
            Self::Time => "timestamp",
            Self::Nothing => "unknown",
            Self::TextList => "text[]",
            Self::IntegerList => "bigint[]",
            Self::Vector => "real[]",
            Self::Json => "jsonb",
        }
    }
}

/// The column as floats; missing, infinite and not-a-number become NaN. `name` is for the message.
pub(crate) fn numbers(name: &str, array: &ArrayRef) -> Result<Vec<f64>> {
    let floats = cast(array, &DataType::Float64).map_err(|error| unreadable(name, &error))?;
    let floats = floats.as_primitive::<Float64Type>();
    if floats.null_count() == 0 {
        return Ok(floats.values().iter().map(|value| finite(*value)).collect());
    }
    Ok(floats.iter().map(|value| value.map_or(f64::NAN, finite)).collect())
}

/// Microseconds since 1970; `None` where missing.
pub(crate) fn times(name: &str, array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    let stamps =
        cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(|error| unreadable(name, &error))?;
    let stamps = cast(&stamps, &DataType::Int64).map_err(|error| unreadable(name, &error))?;
    Ok(stamps.as_primitive::<Int64Type>().iter().collect())
}

/// Calls `each` with every row's text.
pub(crate) fn texts(name: &str, array: &ArrayRef, mut each: impl FnMut(usize, Option<&str>)) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().enumerate().for_each(|(row, text)| each(row, text)),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().enumerate().for_each(|(row, text)| each(row, text)),
        DataType::Utf8View => array.as_string_view().iter().enumerate().for_each(|(row, text)| each(row, text)),
        moments if moments.is_temporal() => {
            let shown =
                ArrayFormatter::try_new(array, &FormatOptions::default()).map_err(|error| unreadable(name, &error))?;
            for row in 0..array.len() {
                // What lies beyond all calendars has no text.
                let text =
                    array.is_valid(row).then(|| shown.value(row).try_to_string().unwrap_or_else(|_| "infinity".into()));
                each(row, text.as_deref());
            }
        }
        _ => {
            let cast = cast(array, &DataType::Utf8).map_err(|error| unreadable(name, &error))?;
            cast.as_string::<i32>().iter().enumerate().for_each(|(row, text)| each(row, text));
        }
    }
    Ok(())
}

/// A hash of each row's value, for vocabularies: whole numbers by value whatever their width, all else by its text;
/// `None` where missing.
pub(crate) fn text_hashes(name: &str, array: &ArrayRef) -> Result<Vec<Option<u64>>> {
    if Family::of(array.data_type()) == Some(Family::Integer) && !matches!(array.data_type(), DataType::Dictionary(..))
    {
        // UInt64 beyond i64 would become NULL in a checked cast; wrapping keeps such ids apart.
        let wide = match array.data_type() {
            DataType::UInt64 => {
                array.as_primitive::<arrow::datatypes::UInt64Type>().iter().map(|v| v.map(mix)).collect()
            }
            _ => {
                let wide = cast_with_options(array, &DataType::Int64, &Default::default())
                    .map_err(|error| unreadable(name, &error))?;
                wide.as_primitive::<Int64Type>().iter().map(|value| value.map(|value| mix(value as u64))).collect()
            }
        };
        return Ok(wide);
    }
    let mut hashes = Vec::with_capacity(array.len());
    texts(name, array, |_, text| hashes.push(text.map(|text| hash_bytes(text.as_bytes()))))?;
    Ok(hashes)
}

/// Hashes of the words of `text`: runs of letters and digits in lower case; where the script writes no spaces (Chinese,
/// Japanese), each character and each pair of neighbours.
pub(crate) fn word_hashes(text: &str, into: &mut Vec<u64>) {
    let mut word = String::new();
    let mut previous: Option<char> = None;
    for character in text.chars() {
        if ('\u{2E80}'..='\u{9FFF}').contains(&character) || ('\u{F900}'..='\u{FAFF}').contains(&character) {
            flush(&mut word, into);
            into.push(mix(character as u64));
            if let Some(before) = previous {
                into.push(mix(((before as u64) << 32) | character as u64));
            }
            previous = Some(character);
        } else {
            previous = None;
            if character.is_alphanumeric() {
                word.extend(character.to_lowercase());
            } else {
                flush(&mut word, into);
            }
        }
    }
    flush(&mut word, into);
}

fn flush(word: &mut String, into: &mut Vec<u64>) {
    if !word.is_empty() {
        into.push(hash_bytes(word.as_bytes()));
        word.clear();
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn unreadable(name: &str, _error: &arrow::error::ArrowError) -> Error {
    // Arrow's message may quote a value, which no error may carry.
    Error::new(Kind::DatatypeMismatch, format!("column \"{name}\" cannot be read as a feature"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Int16Array, Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn moments_beyond_all_calendars_are_values() -> Result<()> {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(i32::MAX), None, Some(0)]));
        let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(i64::MAX), None, Some(0)]));
        for array in [days, moments] {
            let hashes = text_hashes("until", &array)?;
            assert!(hashes[0].is_some() && hashes[1].is_none() && hashes[2].is_some() && hashes[0] != hashes[2]);
        }
        Ok(())
    }

    #[test]
    fn width_and_layout_do_not_change_a_value() -> Result<()> {
        let narrow: ArrayRef = Arc::new(Int16Array::from(vec![Some(-3), None]));
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![Some(-3), None]));
        assert_eq!(text_hashes("a", &narrow)?, text_hashes("a", &wide)?);
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
        let view: ArrayRef = Arc::new(StringViewArray::from(vec![Some("x"), None]));
        assert_eq!(text_hashes("a", &plain)?, text_hashes("a", &view)?);
        Ok(())
    }

    #[test]
    fn words_of_both_scripts() {
        let count = |text| {
            let mut hashes = Vec::new();
            word_hashes(text, &mut hashes);
            hashes.len()
        };
        assert_eq!(count("Red shoes, size 42"), 4);
        assert_eq!(count("红色跑鞋"), 4 + 3);
        assert_eq!(count("USB接口"), 1 + 2 + 1);
        assert_eq!(count("  ,. "), 0);
    }
}
