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

/// A zone, by a name of the zone database, an abbreviation or an offset.
#[derive(Debug, Clone, Copy)]
pub struct Zone(Tz);

/// Abbreviations, and how far they are ahead of UTC: of those that PostgreSQL knows the ones of the largest zones.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("pst", "-08:00"),
    ("pdt", "-07:00"),
    ("mst", "-07:00"),
    ("mdt", "-06:00"),
    ("cst", "-06:00"),
    ("cdt", "-05:00"),
    ("est", "-05:00"),
    ("edt", "-04:00"),
    ("akst", "-09:00"),
    ("akdt", "-08:00"),
    ("hst", "-10:00"),
    ("gmt", "+00:00"),
    ("utc", "+00:00"),
    ("z", "+00:00"),
    ("zulu", "+00:00"),
    ("wet", "+00:00"),
    ("west", "+01:00"),
    ("bst", "+01:00"),
    ("cet", "+01:00"),
    ("cest", "+02:00"),
    ("eet", "+02:00"),
    ("eest", "+03:00"),
    ("msk", "+03:00"),
    ("jst", "+09:00"),
    ("kst", "+09:00"),
    ("aest", "+10:00"),
    ("nzst", "+12:00"),
];

impl Zone {
    /// The zone of this name.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` for one that is not known.
    pub fn named(zone: &str) -> Result<Self> {
        Self::find(zone.trim())
            .ok_or_else(|| Error::new(Kind::InvalidParameter, format!("time zone \"{zone}\" not recognized")))
    }

    fn find(zone: &str) -> Option<Self> {
        if zone.starts_with(char::is_alphabetic) {
            let short = ABBREVIATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(zone));
            let known = short.map_or(zone, |(_, offset)| offset);
            if let Ok(zone) = known.parse().or_else(|_| capital(zone).parse()) {
                return Some(Self(zone));
            }
        }
        posix(zone)?.parse().ok().map(Self)
    }

    /// What clocks show there at a moment.
    pub fn clock(self, micros: i64) -> Result<i64> {
        let moved = DateTime::from_timestamp_micros(micros).and_then(|moment| {
            let moment = moment.naive_utc();
            moment.checked_add_signed(ahead(self.0.offset_from_utc_datetime(&moment)))
        });
        moved.map(|clock| clock.and_utc().timestamp_micros()).ok_or_else(out_of_range)
    }

    /// The moment at which clocks there show something.
    pub fn moment(self, clock: i64) -> Result<i64> {
        let moved = DateTime::from_timestamp_micros(clock).and_then(|clock| {
            let clock = clock.naive_utc();
            clock.checked_sub_signed(ahead(there(self.0, clock)?))
        });
        moved.map(|moment| moment.and_utc().timestamp_micros()).ok_or_else(out_of_range)
    }
}

/// A name of the zone database in its own letters: `america/new_york` is `America/New_York`.
fn capital(name: &str) -> String {
    let mut first = true;
    let letters = name.chars().map(|letter| {
        let shown = if first { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        first = !letter.is_alphanumeric();
        shown
    });
    letters.collect()
}

fn out_of_range() -> Error {
    Error::new(Kind::DatetimeOutOfRange, "timestamp out of range")
}

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
        Zone::named(zone)?;
        Ok(Self { zone: zone.to_owned(), from_clock: matches!(operand, DataType::Timestamp(_, None)) })
    }

    fn one(&self, zone: Zone, micros: i64) -> Result<i64> {
        if self.from_clock { zone.moment(micros) } else { zone.clock(micros) }
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
        let zone = Zone::named(&self.zone)?;
        let plain = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let moments = match self.from_clock {
            true => operands[0].to_array(rows)?,
            false => cast(&operands[0].to_array(rows)?, &plain)?,
        };
        let moments = cast(&moments, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let moved: TimestampMicrosecondArray = moments
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .map(|micros| micros.map(|micros| self.one(zone, micros)).transpose())
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
            there.one(Zone::named(zone).unwrap(), micros).unwrap() - micros
        };
        assert_eq!(at("Asia/Shanghai", false), hours(8));
        assert_eq!(at("Asia/Shanghai", true), hours(-8));
        assert_eq!([at("asia/shanghai", false), at("PST", false)], [8, -8].map(hours));
        // Those of POSIX have the other sign.
        assert_eq!(["+08", "UTC+8", "-02:00", "<+03>-3"].map(|zone| at(zone, false)), [-8, -8, 2, 3].map(hours));
        assert_eq!(AtTimeZone::of("Mars/Olympus", &DataType::Date32).unwrap_err().kind(), Kind::InvalidParameter);
    }
}
