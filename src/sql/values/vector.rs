//! Vectors: `[1,2.5,-3]`, as pgvector writes them.

use crate::catalog::SqlType;
use crate::config::VECTOR_DIMENSIONS_MAX;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Float32Type};
use std::sync::Arc;

/// Whether a text is written as a vector is.
pub fn is_written(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('[') && text.ends_with(']')
}

/// Reads texts as vectors.
pub fn read(texts: &StringArray) -> Result<ArrayRef> {
    let (mut values, mut lengths) = (Vec::new(), Vec::with_capacity(texts.len()));
    for text in texts {
        let before = values.len();
        if let Some(text) = text {
            one(text, &mut values).ok_or_else(|| malformed(text))?;
        }
        lengths.push(values.len() - before);
    }
    let DataType::List(item) = SqlType::Vector(None).arrow() else {
        return Err(Error::internal("a vector is no list"));
    };
    let nulls = texts.nulls().map(|nulls| NullBuffer::new(nulls.inner().clone()));
    let values = Arc::new(Float32Array::from(values));
    Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), values, nulls)?))
}

fn one(text: &str, values: &mut Vec<f32>) -> Option<()> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    for number in inner.split(',') {
        values.push(number.trim().parse().ok()?);
    }
    Some(())
}

fn malformed(text: &str) -> Error {
    match text.trim() {
        "[]" => Error::new(Kind::InvalidParameter, "vector must have at least 1 dimension"),
        _ => Error::new(Kind::InvalidText, format!("invalid input syntax for type vector: \"{text}\"")),
    }
}

/// Refuses vectors without values, with too many or other than so many, with NULL in them, or what is no number.
pub fn must_be_sound(array: &ArrayRef, dimensions: Option<u16>) -> Result<()> {
    let invalid = |message: String| Err(Error::new(Kind::InvalidParameter, message));
    let Some(list) = array.as_list_opt::<i32>() else { return Ok(()) };
    let Some(values) = list.values().as_primitive_opt::<Float32Type>() else { return Ok(()) };
    for row in (0..list.len()).filter(|row| list.is_valid(*row)) {
        let range = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
        match (range.len(), dimensions) {
            (0, _) => return invalid("vector must have at least 1 dimension".to_owned()),
            (n, Some(wanted)) if n != usize::from(wanted) => {
                return invalid(format!("expected {wanted} dimensions, not {n}"));
            }
            (n, _) if n > usize::from(VECTOR_DIMENSIONS_MAX) => {
                return invalid(format!("vector cannot have more than {VECTOR_DIMENSIONS_MAX} dimensions"));
            }
            _ => {}
        }
        if range.clone().any(|at| values.is_null(at)) {
            return invalid("array must not contain nulls".to_owned());
        }
        match values.values()[range].iter().find(|value| !value.is_finite()) {
            Some(value) if value.is_nan() => return invalid("NaN not allowed in vector".to_owned()),
            Some(_) => return invalid("infinite value not allowed in vector".to_owned()),
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::values::{assign, read_one};

    #[test]
    fn vectors_are_read_and_checked() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("[1, 2.5,-3e-1]"), None]));
        let vectors = assign(&texts, &SqlType::Vector(Some(3))).unwrap();
        assert_eq!(vectors.as_list::<i32>().value(0).as_primitive::<Float32Type>().values(), &[1.0, 2.5, -0.3]);
        assert!(vectors.is_null(1));
        let error = assign(&vectors, &SqlType::Vector(Some(2))).unwrap_err();
        assert_eq!(error.message(), "expected 2 dimensions, not 3");
        for wrong in ["[]", "1,2", "[1,,2]", "[a]", "[1]]"] {
            assert!(read_one(wrong, &SqlType::Vector(None)).is_err(), "{wrong}");
        }
        let nan: ArrayRef = Arc::new(StringArray::from(vec!["[NaN]"]));
        assert_eq!(assign(&nan, &SqlType::Vector(None)).unwrap_err().message(), "NaN not allowed in vector");
    }
}
