//! `date_trunc`: moments and lengths of time cut at a unit.

use super::declared::{Body::Each, Declaration};
use super::intervals::civil;
use super::made::{Args, Made, Span};
use crate::encoding::pg_text::is_infinite_moment;
use crate::error::{Error, Kind, Result};
use crate::sql::values::TimeZone;
use chrono::{Datelike, NaiveDate};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    (
        "date_trunc(text, timestamp) timestamp",
        Each(|row| Ok(Made::Moment(Unit::of(row.text(0), "timestamp without time zone")?.cut(row.moment(1))?))),
    ),
    (
        "date_trunc(text, timestamptz) timestamptz",
        Each(|row| Ok(Made::Moment(Unit::of(row.text(0), "timestamp with time zone")?.cut(row.moment(1))?))),
    ),
    ("date_trunc(text, timestamptz, text) timestamptz", Each(|row| there(row, TimeZone::named(row.text(2))?))),
    (
        "date_trunc_in_zone(text, timestamptz, text) timestamptz",
        Each(|row| there(row, TimeZone::of_engine(row.text(2))?)),
    ),
    ("date_trunc(text, interval) interval", Each(of_span)),
];

const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;

/// At what a moment is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A stretch of so many microseconds, a day at most.
    Micros(i64),
    /// From Monday on.
    Week,
    /// So many months, a year at most.
    Months(u32),
    /// Ten years, from one whose last digit is zero on.
    Decade,
    /// So many years, counted from the year 1 on: 2001 is the first of its century.
    Years(i32),
}

impl Unit {
    /// The unit of this name, if moments are cut at it.
    pub fn named(name: &str) -> Option<Self> {
        let folded = name.trim().to_ascii_lowercase();
        let singular = match folded.as_str() {
            "centuries" => "century",
            "millennia" | "millenniums" | "mils" => "millennium",
            unit @ ("s" | "ms" | "us") => unit,
            unit => unit.strip_suffix('s').unwrap_or(unit),
        };
        Some(match singular {
            "microsecond" | "us" | "usec" => Self::Micros(1),
            "millisecond" | "ms" | "msec" => Self::Micros(1000),
            "second" | "sec" | "s" => Self::Micros(1_000_000),
            "minute" | "min" | "m" => Self::Micros(60_000_000),
            "hour" | "hr" | "h" => Self::Micros(HOUR_MICROS),
            "day" | "d" => Self::Micros(DAY_MICROS),
            "week" | "w" => Self::Week,
            "month" | "mon" => Self::Months(1),
            "quarter" | "qtr" => Self::Months(3),
            "year" | "yr" | "y" => Self::Months(12),
            "decade" | "dec" => Self::Decade,
            "century" | "cent" | "c" => Self::Years(100),
            "millennium" | "mil" => Self::Years(1000),
            _ => return None,
        })
    }

    /// The same, or what PostgreSQL says for a value of that type.
    fn of(name: &str, data_type: &str) -> Result<Self> {
        Self::named(name).ok_or_else(|| match name.trim().to_ascii_lowercase().as_str() {
            known @ ("timezone" | "timezone_hour" | "timezone_minute" | "dow" | "doy" | "isodow" | "isoyear"
            | "epoch" | "julian") => {
                Error::new(Kind::Unsupported, format!("unit \"{known}\" not supported for type {data_type}"))
            }
            other => {
                Error::new(Kind::InvalidParameter, format!("unit \"{other}\" not recognized for type {data_type}"))
            }
        })
    }

    /// Microseconds since 1970 cut at the unit; an end of time stays where it is. 22008 before the year 262143 BC.
    pub fn cut(self, micros: i64) -> Result<i64> {
        if is_infinite_moment(micros) {
            return Ok(micros);
        }
        let midnight = micros - micros.rem_euclid(DAY_MICROS);
        let day = || civil(midnight).map(|clock| clock.date());
        let (year, month) = match self {
            Self::Micros(length) => return Ok(micros - micros.rem_euclid(length)),
            Self::Week => {
                return Ok(midnight - i64::from(day()?.weekday().num_days_from_monday()) * DAY_MICROS);
            }
            Self::Months(months) => {
                let day = day()?;
                (day.year(), day.month0() / months * months + 1)
            }
            Self::Decade => (day()?.year().div_euclid(10) * 10, 1),
            Self::Years(years) => ((day()?.year() - 1).div_euclid(years) * years + 1, 1),
        };
        let first = NaiveDate::from_ymd_opt(year, month, 1);
        let first = first.ok_or_else(|| Error::new(Kind::DatetimeOutOfRange, "timestamp out of range"))?;
        Ok(i64::from(first.to_epoch_days()) * DAY_MICROS)
    }
}

/// Cut at a unit as the clocks of a zone show it.
fn there(row: &Args<'_>, zone: TimeZone) -> Result<Made> {
    let (unit, moment) = (Unit::of(row.text(0), "timestamp with time zone")?, row.moment(1));
    let clock = zone.clock(moment)?;
    let cut = unit.cut(clock)?;
    // Within a day the clock goes on as it goes at that moment, also where it shows a time for the second time.
    let of_day = matches!(unit, Unit::Micros(length) if length < DAY_MICROS);
    let goes_on = of_day && !is_infinite_moment(moment) && clock - cut < HOUR_MICROS;
    Ok(Made::Moment(if goes_on { cut - (clock - moment) } else { zone.moment(cut)? }))
}

fn of_span(row: &Args<'_>) -> Result<Made> {
    let Span { months, days, micros } = row.span(1);
    let of_months = |count: i32| Span { months: months / count * count, ..Span::default() };
    Ok(match Unit::of(row.text(0), "interval")? {
        Unit::Years(years) => of_months(years * 12),
        Unit::Decade => of_months(120),
        Unit::Months(count) => of_months(count.cast_signed()),
        Unit::Micros(DAY_MICROS) => Span { months, days, micros: 0 },
        Unit::Micros(length) => Span { months, days, micros: micros / length * length },
        Unit::Week => {
            return Err(Error::new(Kind::Unsupported, "unit \"week\" not supported for type interval")
                .with_detail("Months usually have fractional weeks."));
        }
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros()
    }

    #[test]
    fn moments_are_cut_in_every_year() {
        for (unit, at, expected) in [
            ("month", "1500-05-05T10:00:00", "1500-05-01T00:00:00"),
            ("Weeks", "2500-06-01T00:00:00", "2500-05-31T00:00:00"),
            ("quarter", "2020-11-30T23:59:59", "2020-10-01T00:00:00"),
            ("century", "2000-12-31T00:00:00", "1901-01-01T00:00:00"),
            ("decade", "1969-12-31T23:00:00", "1960-01-01T00:00:00"),
            ("hour", "1969-12-31T23:30:00", "1969-12-31T23:00:00"),
            ("milliseconds", "2024-01-31T10:20:30.123456", "2024-01-31T10:20:30.123"),
        ] {
            assert_eq!(Unit::named(unit).unwrap().cut(micros(at)).unwrap(), micros(expected), "{unit} of {at}");
        }
        assert_eq!(Unit::named("day").unwrap().cut(i64::MAX).unwrap(), i64::MAX);
        assert_eq!(Unit::named("dow"), None);
        assert_eq!(Unit::of("foo", "interval").unwrap_err().kind(), Kind::InvalidParameter);
    }
}
