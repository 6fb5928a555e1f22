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
        let known = zone.starts_with(char::is_alphabetic) && zone.parse::<Tz>().is_ok();
        match if known { Some(zone.to_owned()) } else { posix(zone) } {
            Some(zone) => Ok(Self { zone, from_clock: matches!(operand, DataType::Timestamp(_, None)) }),
            None => Err(Error::new(Kind::InvalidParameter, format!("time zone \"{zone}\" not recognized"))),
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

/// A zone of POSIX (`UTC+8`, `+08`, `<+03>-3`), whose hours count west of Greenwich, as one of ISO 8601, whose count east.
fn posix(zone: &str) -> Option<String> {
    let hours = match zone.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => zone.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    };
    let (east, hours) = match hours.split_at_checked(1)? {
        ("+", hours) => ('-', hours),
        ("-", hours) => ('+', hours),
        _ => ('-', hours),
    };
    let (hours, minutes) = hours.split_once(':').unwrap_or((hours, "0"));
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    (hours < 24 && minutes < 60).then(|| format!("{east}{hours:02}:{minutes:02}"))
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
        let at = |zone: &str, from_clock: bool| {
            let operand = DataType::Timestamp(TimeUnit::Microsecond, (!from_clock).then(|| "UTC".into()));
            let there = AtTimeZone::of(zone, &operand).unwrap();
            there.one(there.zone.parse().unwrap(), micros).unwrap() - micros
        };
        assert_eq!(at("Asia/Shanghai", false), hours(8));
        assert_eq!(at("Asia/Shanghai", true), hours(-8));
        // Those of POSIX have the other sign.
        assert_eq!(["+08", "UTC+8", "-02:00", "<+03>-3"].map(|zone| at(zone, false)), [-8, -8, 2, 3].map(hours));
        assert_eq!(AtTimeZone::of("Mars/Olympus", &DataType::Date32).unwrap_err().kind(), Kind::InvalidParameter);
    }
}
