//! `moment AT TIME ZONE zone`: of a moment the clock there, of a clock there the moment.

use super::function::Operator;
use crate::error::{Error, Kind, Result};
use arrow::array::timezone::Tz;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone};
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
        match zone.parse::<Tz>() {
            Ok(_) => Ok(Self { zone: zone.to_owned(), from_clock: matches!(operand, DataType::Timestamp(_, None)) }),
            Err(_) => Err(Error::new(Kind::InvalidParameter, format!("time zone \"{zone}\" not recognized"))),
        }
    }

    fn one(&self, zone: Tz, micros: i64) -> Option<i64> {
        let naive = DateTime::from_timestamp_micros(micros)?.naive_utc();
        let moved = match self.from_clock {
            true => naive.checked_sub_signed(ahead(there(zone, naive)?))?,
            false => naive.checked_add_signed(ahead(zone.offset_from_utc_datetime(&naive)))?,
        };
        Some(moved.and_utc().timestamp_micros())
    }
}

/// How far a clock of this offset is ahead of UTC.
fn ahead(offset: impl Offset) -> Duration {
    Duration::seconds(offset.fix().local_minus_utc().into())
}

/// The offset of a clock there. Where the clock shows a time twice, the later moment is meant; where it leaps over one, the
/// offset before the leap holds, as in PostgreSQL.
fn there(zone: Tz, clock: NaiveDateTime) -> Option<impl Offset> {
    let found = zone.offset_from_local_datetime(&clock);
    found.latest().or_else(|| zone.offset_from_local_datetime(&(clock - Duration::hours(3))).latest())
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
        let at = |zone: &str, from_clock| {
            AtTimeZone { zone: zone.to_owned(), from_clock }.one(zone.parse().unwrap(), micros).unwrap() - micros
        };
        assert_eq!(at("Asia/Shanghai", false), hours(8));
        assert_eq!(at("Asia/Shanghai", true), hours(-8));
        assert_eq!(at("+02:00", true), hours(-2));
        assert_eq!(AtTimeZone::of("Mars/Olympus", &DataType::Date32).unwrap_err().kind(), Kind::InvalidParameter);
    }
}
