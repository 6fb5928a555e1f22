//! `moment AT TIME ZONE zone`: of a moment the clock there, of a clock there the moment.

use super::super::values::{clock_of, moment_of, zone_name};
use super::function::Operator;
use crate::error::{Error, Kind, Result};
use arrow::array::timezone::Tz;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::logical_expr::ColumnarValue;
use std::sync::Arc;

/// `AT TIME ZONE` of a constant zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AtTimeZone {
    zone: String,
    /// Whether the operand is a clock there (`timestamp`), and not a moment (`timestamptz`).
    from_clock: bool,
}

impl AtTimeZone {
    /// The operator for an operand of this type.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` for a zone that is not known.
    pub fn of(zone: &str, operand: &DataType) -> Result<Self> {
        match zone_name(zone) {
            Some(zone) => Ok(Self { zone, from_clock: matches!(operand, DataType::Timestamp(_, None)) }),
            None => Err(Error::new(Kind::InvalidParameter, format!("time zone \"{zone}\" not recognized"))),
        }
    }

    /// From a moment to the clock of a known zone.
    pub fn to_clock(zone: &str) -> Self {
        Self { zone: zone.to_owned(), from_clock: false }
    }

    /// From the clock of a known zone to the moment.
    pub fn from_clock(zone: &str) -> Self {
        Self { zone: zone.to_owned(), from_clock: true }
    }

    fn one(&self, zone: Tz, micros: i64) -> Option<i64> {
        if self.from_clock { moment_of(zone, micros) } else { clock_of(zone, micros) }
    }
}

impl Operator for AtTimeZone {
    fn name(&self) -> &'static str {
        "timezone"
    }

    fn returns(&self) -> Field {
        let zone = self.from_clock.then(|| "UTC".into());
        Field::new("", DataType::Timestamp(TimeUnit::Microsecond, zone), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let zone: Tz = self.zone.parse()?;
        let plain = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let moments = match self.from_clock {
            true => operands[0].to_array(rows)?,
            false => cast(&operands[0].to_array(rows)?, &plain)?,
        };
        let moments = cast(&moments, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let out_of_range = || Error::new(Kind::DatetimeOutOfRange, "timestamp out of range");
        let moved: TimestampMicrosecondArray = moments
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .map(|micros| micros.map(|micros| self.one(zone, micros).ok_or_else(out_of_range)).transpose())
            .collect::<Result<_>>()?;
        Ok(Arc::new(moved.with_data_type(self.returns().data_type().clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_moments_are_eight_hours_apart() {
        let micros = 1_704_067_200_000_000;
        let hours = |n: i64| n * 3_600_000_000;
        let at = |zone: &str, from_clock: bool| {
            let operand = DataType::Timestamp(TimeUnit::Microsecond, (!from_clock).then(|| "UTC".into()));
            let there = AtTimeZone::of(zone, &operand).unwrap();
            there.one(there.zone.parse().unwrap(), micros).unwrap() - micros
        };
        assert_eq!(at("Asia/Shanghai", false), hours(8));
        assert_eq!(at("Asia/Shanghai", true), hours(-8));
        assert_eq!(["+08", "<+03>-3"].map(|zone| at(zone, false)), [-8, 3].map(hours));
        assert_eq!(AtTimeZone::of("Mars/Olympus", &DataType::Date32).unwrap_err().kind(), Kind::InvalidParameter);
    }
}
