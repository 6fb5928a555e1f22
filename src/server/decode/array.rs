//! Array parameters of one dimension.

use super::{binary, invalid, text};
use crate::encoding::Charset;
use crate::error::{Error, Result};
use crate::fail;
use crate::server::types::{arrow_type, oid};
use crate::sql::array_elements;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

/// Reads `{a,"b c",NULL}`.
pub fn from_text(element: u32, given: &str) -> Result<ScalarValue> {
    if given.trim_start().starts_with("{{") {
        fail!(Unsupported, "a parameter can be an array of one dimension only");
    }
    let items = array_elements(given).ok_or_else(|| invalid("array"))?;
    let value = |item: Option<String>| match item {
        Some(item) => text::decode(element, &item),
        None => null(element),
    };
    list(element, items.into_iter().map(value).collect::<Result<_>>()?)
}

/// Reads the binary form, whose header names the element type itself.
pub fn from_binary(element: u32, bytes: &[u8], charset: Charset) -> Result<ScalarValue> {
    let malformed = || invalid("array");
    let mut rest = bytes;
    let mut word = || -> Result<i32> {
        let (first, after) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        rest = after;
        Ok(i32::from_be_bytes(*first))
    };
    let dimensions = word()?;
    let _has_null = word()?;
    let given = word()? as u32;
    if given != element && !(given == oid::TEXT || given == oid::UNKNOWN) {
        return Err(malformed());
    }
    match dimensions {
        0 => return list(element, Vec::new()),
        1 => {}
        _ => fail!(Unsupported, "a parameter can be an array of one dimension only"),
    }
    let count = usize::try_from(word()?).map_err(|_| malformed())?;
    let _lower_bound = word()?;
    // Each element takes four bytes at least, so a count beyond that is a lie.
    if count > rest.len() / 4 {
        return Err(malformed());
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let (first, after) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        rest = after;
        let length = i32::from_be_bytes(*first);
        if length < 0 {
            values.push(null(element)?);
            continue;
        }
        let (item, after) = rest.split_at_checked(length as usize).ok_or_else(malformed)?;
        rest = after;
        values.push(binary::decode(element, item, charset)?);
    }
    if rest.is_empty() { list(element, values) } else { Err(malformed()) }
}

fn null(element: u32) -> Result<ScalarValue> {
    ScalarValue::try_from(&arrow_type(element)).map_err(|_| Error::internal("an element type has no NULL"))
}

fn list(element: u32, mut values: Vec<ScalarValue>) -> Result<ScalarValue> {
    let mut item = arrow_type(element);
    if element == oid::NUMERIC {
        item = common_decimal(&values).unwrap_or(item);
        for value in &mut values {
            *value = value.cast_to(&item).map_err(|_| invalid("numeric"))?;
        }
    }
    Ok(ScalarValue::List(ScalarValue::new_list(&values, &item, true)))
}

/// The decimal that holds all elements, each of which is as narrow as its own digits allow.
fn common_decimal(values: &[ScalarValue]) -> Option<DataType> {
    let (mut whole, mut scale) = (0i16, 0i8);
    for value in values.iter().filter(|value| !value.is_null()) {
        let (DataType::Decimal128(precision, places) | DataType::Decimal256(precision, places)) = value.data_type()
        else {
            return None;
        };
        whole = whole.max(i16::from(precision) - i16::from(places));
        scale = scale.max(places);
    }
    match whole + i16::from(scale) {
        0 => None,
        precision @ ..=38 => Some(DataType::Decimal128(precision as u8, scale)),
        precision @ ..=76 => Some(DataType::Decimal256(precision as u8, scale)),
        _ => None,
    }
}
