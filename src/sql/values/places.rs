//! Times and moments in fewer places of seconds: `timestamp(3)`.

use crate::encoding::pg_text::is_infinite_moment;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{ArrowPrimitiveType, Time64MicrosecondType, TimestampMicrosecondType};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;

/// PostgreSQL's zero, 2000-01-01, in microseconds since 1970: half-way cases go away from it.
const ZERO_MICROS: i64 = 946_684_800_000_000;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// The values rounded to so many places; others than times and moments as they are.
pub fn in_places(array: &ArrayRef, places: u8) -> Result<ArrayRef> {
    let unit = 10i64.pow(6 - u32::from(places.min(6)));
    Ok(match array.data_type() {
        DataType::Time64(TimeUnit::Microsecond) => {
            let of_day = |micros: i64| rounded(micros, unit).filter(|micros| *micros < DAY_MICROS);
            Arc::new(each(array.as_primitive::<Time64MicrosecondType>(), of_day)?)
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let moment = |micros: i64| match is_infinite_moment(micros) {
                true => Some(micros),
                false => rounded(micros.checked_sub(ZERO_MICROS)?, unit)?.checked_add(ZERO_MICROS),
            };
            let moments = each(array.as_primitive::<TimestampMicrosecondType>(), moment)?;
            Arc::new(moments.with_timezone_opt(zone.clone()))
        }
        _ => array.clone(),
    })
}

fn rounded(micros: i64, unit: i64) -> Option<i64> {
    let half = if micros < 0 { -unit / 2 } else { unit / 2 };
    Some(micros.checked_add(half)? / unit * unit)
}

fn each<T: ArrowPrimitiveType<Native = i64>>(
    array: &PrimitiveArray<T>,
    one: impl Fn(i64) -> Option<i64>,
) -> Result<PrimitiveArray<T>> {
    let out_of_range = || Error::new(Kind::DatetimeOutOfRange, "date/time field value out of range");
    array.try_unary(|micros| one(micros).ok_or_else(out_of_range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::TimestampMicrosecondArray;

    #[test]
    fn halves_go_away_from_the_year_2000() {
        let moments = |micros: [i64; 4]| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(micros.map(|micros| micros + ZERO_MICROS).to_vec()))
        };
        let given = moments([1_500, -1_500, 1_499, 0]);
        assert_eq!(in_places(&given, 3).unwrap().as_ref(), moments([2_000, -2_000, 1_000, 0]).as_ref());
        assert_eq!(in_places(&given, 6).unwrap().as_ref(), given.as_ref());
    }
}
