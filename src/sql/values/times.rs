//! Times of day as lengths of time, and back.

use crate::error::Result;
use arrow::array::types::{IntervalMonthDayNanoType, Time64MicrosecondType};
use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray, Time64MicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use std::sync::Arc;

const DAY_MICROS: i64 = 86_400_000_000;

/// `time::interval`: the time since midnight.
pub fn as_interval(array: &ArrayRef) -> Result<ArrayRef> {
    let array = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
    let one = |micros: i64| IntervalMonthDayNano::new(0, 0, micros * 1000);
    let lengths: IntervalMonthDayNanoArray = array.as_primitive::<Time64MicrosecondType>().unary(one);
    Ok(Arc::new(lengths))
}

/// `interval::time`: what is left beside whole days.
pub fn of_interval(array: &ArrayRef) -> ArrayRef {
    let one = |length: IntervalMonthDayNano| (length.nanoseconds / 1000).rem_euclid(DAY_MICROS);
    let times: Time64MicrosecondArray = array.as_primitive::<IntervalMonthDayNanoType>().unary(one);
    Arc::new(times)
}
