//! Lengths of time: made of parts, between two moments, in other units.

use super::declared::{Body::Each, Declaration};
use super::made::{Args, Made, Span};
use crate::encoding::pg_text::{is_infinite_date, is_infinite_moment};
use crate::error::{Error, Kind, Result};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("age(timestamp, timestamp) interval", Each(age)),
    ("age(timestamptz, timestamptz) interval", Each(age)),
    ("justify_days(interval) interval", Each(|row| justify_days(row.span(0)).map(Made::from))),
    ("justify_hours(interval) interval", Each(|row| justify_hours(row.span(0)).map(Made::from))),
    ("justify_interval(interval) interval", Each(justify)),
    ("make_interval(int4?, int4?, int4?, int4?, int4?, int4?, float8?) interval", Each(make)),
    ("isfinite(date) bool", Each(|row| Ok(Made::Bool(!is_infinite_date(row.moment(0)))))),
    ("isfinite(timestamp) bool", Each(|row| Ok(Made::Bool(!is_infinite_moment(row.moment(0)))))),
    ("isfinite(timestamptz) bool", Each(|row| Ok(Made::Bool(!is_infinite_moment(row.moment(0)))))),
    ("isfinite(interval) bool", Each(|_| Ok(Made::Bool(true)))),
    ("interval_scale(interval, int4) interval", Each(scaled)),
];

const DAY_MICROS: i64 = 86_400_000_000;
const MONTH_DAYS: i32 = 30;

fn out_of_range() -> Error {
    Error::new(Kind::DatetimeOutOfRange, "interval out of range")
}

/// A moment in the calendar.
pub fn civil(micros: i64) -> Result<NaiveDateTime> {
    let moment = DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc());
    moment.ok_or_else(|| Error::new(Kind::DatetimeOutOfRange, "timestamp out of range"))
}

/// Years, months and days from one moment to another: as one counts on a calendar, the days of the month that is begun first.
fn age(row: &Args<'_>) -> Result<Made> {
    let (first, second) = (row.moment(0), row.moment(1));
    let (later, earlier) = (civil(first.max(second))?, civil(first.min(second))?);
    let mut micros = time_of(&later) - time_of(&earlier);
    let mut days = later.day() as i32 - earlier.day() as i32;
    let mut months = (later.year() - earlier.year()) * 12 + later.month() as i32 - earlier.month() as i32;
    if micros < 0 {
        micros += DAY_MICROS;
        days -= 1;
    }
    if days < 0 {
        // Of the month in which the earlier one is.
        days += days_of(earlier.year(), earlier.month());
        months -= 1;
    }
    let sign = if first < second { -1 } else { 1 };
    Ok(Span { months: sign * months, days: sign * days, micros: i64::from(sign) * micros }.into())
}

fn time_of(moment: &NaiveDateTime) -> i64 {
    i64::from(moment.num_seconds_from_midnight()) * 1_000_000 + i64::from(moment.nanosecond() / 1000)
}

/// Days of a month.
pub fn days_of(year: i32, month: u32) -> i32 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = |(year, month)| NaiveDate::from_ymd_opt(year, month, 1);
    match (first((year, month)), first(next)) {
        (Some(this), Some(next)) => (next - this).num_days() as i32,
        _ => 31,
    }
}

/// Thirty days are a month.
fn justify_days(span: Span) -> Result<Span> {
    let mut months = span.months.checked_add(span.days / MONTH_DAYS).ok_or_else(out_of_range)?;
    let mut days = span.days % MONTH_DAYS;
    if months > 0 && days < 0 {
        (months, days) = (months - 1, days + MONTH_DAYS);
    } else if months < 0 && days > 0 {
        (months, days) = (months + 1, days - MONTH_DAYS);
    }
    Ok(Span { months, days, ..span })
}

/// Twenty-four hours are a day.
fn justify_hours(span: Span) -> Result<Span> {
    let whole = i32::try_from(span.micros / DAY_MICROS).map_err(|_| out_of_range())?;
    let mut days = span.days.checked_add(whole).ok_or_else(out_of_range)?;
    let mut micros = span.micros % DAY_MICROS;
    if days > 0 && micros < 0 {
        (days, micros) = (days - 1, micros + DAY_MICROS);
    } else if days < 0 && micros > 0 {
        (days, micros) = (days + 1, micros - DAY_MICROS);
    }
    Ok(Span { days, micros, ..span })
}

fn justify(row: &Args<'_>) -> Result<Made> {
    let Span { mut months, mut days, mut micros } = row.span(0);
    // Days first where they and the hours go the same way, so that nothing overflows that need not.
    if days > 0 && micros > 0 || days < 0 && micros < 0 {
        months = months.checked_add(days / MONTH_DAYS).ok_or_else(out_of_range)?;
        days %= MONTH_DAYS;
    }
    let whole = i32::try_from(micros / DAY_MICROS).map_err(|_| out_of_range())?;
    days = days.checked_add(whole).ok_or_else(out_of_range)?;
    micros %= DAY_MICROS;
    months = months.checked_add(days / MONTH_DAYS).ok_or_else(out_of_range)?;
    days %= MONTH_DAYS;
    if months > 0 && (days < 0 || days == 0 && micros < 0) {
        (months, days) = (months - 1, days + MONTH_DAYS);
    } else if months < 0 && (days > 0 || days == 0 && micros > 0) {
        (months, days) = (months + 1, days - MONTH_DAYS);
    }
    if days > 0 && micros < 0 {
        (days, micros) = (days - 1, micros + DAY_MICROS);
    } else if days < 0 && micros > 0 {
        (days, micros) = (days + 1, micros - DAY_MICROS);
    }
    Ok(Span { months, days, micros }.into())
}

fn make(row: &Args<'_>) -> Result<Made> {
    let whole = |at: usize, times: i64| i32::try_from(row.int(at) * times).map_err(|_| out_of_range());
    let months = whole(0, 12)?.checked_add(whole(1, 1)?).ok_or_else(out_of_range)?;
    let days = whole(2, 7)?.checked_add(whole(3, 1)?).ok_or_else(out_of_range)?;
    let seconds = row.float(6);
    if !seconds.is_finite() || seconds.abs() > 9e12 {
        return Err(out_of_range());
    }
    let micros = (row.int(4) * 3600 + row.int(5) * 60) * 1_000_000 + (seconds * 1e6).round_ties_even() as i64;
    Ok(Span { months, days, micros }.into())
}

/// `interval(n)`: so many places after the seconds.
fn scaled(row: &Args<'_>) -> Result<Made> {
    let span = row.span(0);
    Ok(Span { micros: super::moments::rounded(span.micros, row.int(1)), ..span }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::Cell;

    fn aged(later: &str, earlier: &str) -> Span {
        let micros = |text: &str| {
            let moment = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
            Cell::Timestamp(moment.and_utc().timestamp_micros())
        };
        match age(&Args(&[Some(micros(later)), Some(micros(earlier))])).unwrap() {
            Made::Span(span) => span,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ages_are_counted_on_the_calendar() {
        let span = |months, days| Span { months, days, micros: 0 };
        assert_eq!(aged("2024-03-01 00:00:00", "2023-01-31 00:00:00"), span(13, 1));
        assert_eq!(aged("2001-04-10 00:00:00", "1957-06-13 00:00:00"), span(525, 27));
        assert_eq!(aged("2024-01-01 00:00:00", "2024-03-15 00:00:00"), span(-2, -14));
    }
}
