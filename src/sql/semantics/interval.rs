//! An interval times a number, the one between two moments, and the length by which intervals are compared.

use super::function::Operator;
use crate::error::{Error, Kind, Result};
use arrow::array::types::{DurationMicrosecondType, Float64Type, IntervalMonthDayNanoType};
use arrow::array::{ArrayRef, AsArray, Decimal128Array, IntervalMonthDayNanoArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, IntervalUnit, TimeUnit};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

const MONTH_DAYS: f64 = 30.0;
const DAY_NANOS: f64 = 86_400e9;
const DAY_SECONDS: f64 = 86_400.0;

/// `interval * double precision`, or `/`. A fraction of a month becomes days, one of a day hours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scaled {
    /// Whether it divides.
    pub divide: bool,
}

impl Operator for Scaled {
    fn name(&self) -> &'static str {
        if self.divide { "divide" } else { "multiply" }
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Interval(IntervalUnit::MonthDayNano), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (intervals, factors) = (operands[0].to_array(rows)?, operands[1].to_array(rows)?);
        let pairs =
            intervals.as_primitive::<IntervalMonthDayNanoType>().iter().zip(factors.as_primitive::<Float64Type>());
        let result: IntervalMonthDayNanoArray = pairs
            .map(|pair| match pair {
                (Some(interval), Some(factor)) => self.one(interval, factor).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<_>>()?;
        Ok(Arc::new(result))
    }
}

impl Scaled {
    fn one(&self, interval: IntervalMonthDayNano, factor: f64) -> Result<IntervalMonthDayNano> {
        if self.divide && factor == 0.0 {
            return Err(Error::new(Kind::DivisionByZero, "division by zero"));
        }
        let times = |value: f64| if self.divide { value / factor } else { value * factor };
        let (months, days) = (times(f64::from(interval.months)), times(f64::from(interval.days)));
        let fits = |value: f64, limit: f64| value.abs() <= limit;
        let range = || Error::new(Kind::DatetimeOutOfRange, "interval out of range");
        if !(fits(months, i32::MAX.into()) && fits(days, i32::MAX.into())) {
            return Err(range());
        }
        // The steps of PostgreSQL, which rounds to microseconds in each.
        let rounded = |value: f64| (value * 1e6).round_ties_even() / 1e6;
        let month_days = rounded(months.fract() * MONTH_DAYS);
        let mut seconds = rounded((days.fract() + month_days.fract()) * DAY_SECONDS);
        let mut whole = days.trunc();
        if seconds.abs() >= DAY_SECONDS {
            whole += (seconds / DAY_SECONDS).trunc();
            seconds -= (seconds / DAY_SECONDS).trunc() * DAY_SECONDS;
        }
        whole += month_days.trunc();
        let micros = (times((interval.nanoseconds / 1000) as f64) + seconds * 1e6).round_ties_even();
        let nanos = micros * 1000.0;
        if !(fits(whole, i32::MAX.into()) && fits(nanos, i64::MAX as f64)) {
            return Err(range());
        }
        Ok(IntervalMonthDayNano::new(months.trunc() as i32, whole as i32, micros as i64 * 1000))
    }
}

/// The time between two moments as an interval of days and hours (`timestamp_mi` of PostgreSQL).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Elapsed;

impl Operator for Elapsed {
    fn name(&self) -> &'static str {
        "elapsed"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Interval(IntervalUnit::MonthDayNano), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        const DAY_MICROS: i64 = 86_400_000_000;
        let micros = cast(&operands[0].to_array(rows)?, &DataType::Duration(TimeUnit::Microsecond))?;
        let one = |micros: i64| IntervalMonthDayNano::new(0, (micros / DAY_MICROS) as i32, micros % DAY_MICROS * 1000);
        let elapsed: IntervalMonthDayNanoArray = micros.as_primitive::<DurationMicrosecondType>().unary(one);
        Ok(Arc::new(elapsed))
    }
}

/// The length of an interval in nanoseconds, a month of 30 days of 24 hours each.
pub fn length(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * MONTH_DAYS as i128 + i128::from(interval.days);
    days * DAY_NANOS as i128 + i128::from(interval.nanoseconds)
}

/// The [`length`] of intervals: what PostgreSQL compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Span;

impl Operator for Span {
    fn name(&self) -> &'static str {
        "interval_length"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Decimal128(38, 0), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let intervals = operands[0].to_array(rows)?;
        let lengths = intervals.as_primitive::<IntervalMonthDayNanoType>().iter().map(|interval| interval.map(length));
        Ok(Arc::new(lengths.collect::<Decimal128Array>().with_precision_and_scale(38, 0)?))
    }
}
