//! The ends of time: `infinity` and `-infinity` among dates and timestamps.
//!
//! They are kept as the greatest and the least value, so that they are compared and sorted as any other. What counts with values
//! has to leave them out: here they are taken away before, and put back behind.

use crate::catalog::SqlType;
use crate::encoding::pg_text::{is_infinite_date, is_infinite_moment};
use crate::error::Result;
use arrow::array::types::{Date32Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::compute::{cast, nullif};
use arrow::datatypes::{ArrowPrimitiveType, DataType, TimeUnit};
use std::sync::Arc;

/// Of each row which end it is, if it is one: whether it is the later.
pub type Ends = Vec<Option<bool>>;

/// The end that a text names.
pub fn named(text: &str) -> Option<bool> {
    let text = text.trim();
    match text.eq_ignore_ascii_case("infinity") {
        true => Some(true),
        false => text.eq_ignore_ascii_case("-infinity").then_some(false),
    }
}

/// Whether values of a type may be an end.
pub fn has_ends(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz)
}

/// The ends among values; none where there are none.
pub fn of(array: &dyn Array) -> Option<Ends> {
    match array.data_type() {
        DataType::Date32 => among(array.as_primitive::<Date32Type>(), |days| is_infinite_date(days.into())),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            among(array.as_primitive::<TimestampMicrosecondType>(), is_infinite_moment)
        }
        _ => None,
    }
}

fn among<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, is_end: impl Fn(T::Native) -> bool) -> Option<Ends> {
    // Most columns have none, and are not looked at row by row.
    if !array.values().iter().any(|value| is_end(*value)) {
        return None;
    }
    let later = |value: T::Native| is_end(value).then(|| value > T::Native::default());
    Some(array.iter().map(|value| value.and_then(later)).collect())
}

/// The values with NULL in place of ends.
pub fn without(array: &ArrayRef, ends: &Ends) -> Result<ArrayRef> {
    let ends: BooleanArray = ends.iter().map(|end| Some(end.is_some())).collect();
    Ok(nullif(array, &ends)?)
}

/// The values with ends where they are; values of another type than a date's or a moment's stay as they are.
pub fn put(array: &ArrayRef, ends: &Ends) -> ArrayRef {
    match array.data_type() {
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            let put =
                array.iter().zip(ends).map(|(days, end)| end.map(|end| if end { i32::MAX } else { i32::MIN }).or(days));
            Arc::new(put.collect::<PrimitiveArray<Date32Type>>())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let array = array.as_primitive::<TimestampMicrosecondType>();
            let put = array
                .iter()
                .zip(ends)
                .map(|(micros, end)| end.map(|end| if end { i64::MAX } else { i64::MIN }).or(micros));
            let put: PrimitiveArray<TimestampMicrosecondType> = put.collect();
            Arc::new(put.with_timezone_opt(zone.clone()))
        }
        _ => array.clone(),
    }
}

/// What `change` makes of the values that are no ends, and these as they are.
pub fn around(array: &ArrayRef, change: impl FnOnce(&ArrayRef) -> Result<ArrayRef>) -> Result<ArrayRef> {
    match of(array) {
        None => change(array),
        Some(ends) => Ok(put(&change(&without(array, &ends)?)?, &ends)),
    }
}

/// Dates and moments as a date, moments, or times of day: an end is none of these, but NULL.
pub fn cast_moments(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    around(array, |finite| Ok(cast(finite, wanted)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::cell_text;
    use arrow::array::Date32Array;

    #[test]
    fn ends_stay_ends_when_types_change() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(i32::MAX), Some(1), None, Some(i32::MIN)]));
        let shown = |array: &ArrayRef| (0..4).map(|row| cell_text(array, row).unwrap_or_default()).collect::<Vec<_>>();
        let moments = cast_moments(&days, &SqlType::Timestamptz.arrow()).unwrap();
        assert_eq!(shown(&moments), ["infinity", "1970-01-02 00:00:00+00", "", "-infinity"]);
        assert_eq!(cast_moments(&moments, &DataType::Date32).unwrap().as_ref(), days.as_ref());
        let times = cast_moments(&moments, &DataType::Time64(TimeUnit::Microsecond)).unwrap();
        assert_eq!(shown(&times), ["", "00:00:00", "", ""]);
        assert_eq!([" -Infinity", "infinity", "inf"].map(named), [Some(false), Some(true), None]);
    }
}
