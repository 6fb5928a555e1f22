//! Dates and times: made of parts, cut at a unit, rounded, moved between zones.

use super::declared::{Body::Each, Declaration};
use super::intervals::civil;
use super::made::{Args, Made, Span};
use crate::encoding::pg_text::{Cell, is_infinite_moment};
use crate::error::{Error, Kind, Result};
use crate::sql::values::TimeZone;
use chrono::{NaiveDate, NaiveDateTime, Utc};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("make_date(int4, int4, int4) date", Each(|row| Ok(Made::Moment(date(row)?)))),
    ("make_time(int4, int4, float8) time", Each(|row| Ok(Made::Moment(time(row, 0)?)))),
    ("make_timestamp(int4, int4, int4, int4, int4, float8) timestamp", Each(timestamp)),
    ("make_timestamptz(int4, int4, int4, int4, int4, float8, text?) timestamptz", Each(timestamptz)),
    (
        "make_timestamptz_in_zone(int4, int4, int4, int4, int4, float8, text) timestamptz",
        Each(|row| Ok(Made::Moment(TimeZone::of_engine(row.text(6))?.moment(moment(row)?)?))),
    ),
    ("date_bin(interval, timestamp, timestamp) timestamp", Each(binned)),
    ("date_bin(interval, timestamptz, timestamptz) timestamptz", Each(binned)),
    ("time_scale(timestamp, int4) timestamp", Each(rounded_moment)),
    ("time_scale(timestamptz, int4) timestamptz", Each(rounded_moment)),
    ("time_scale(time, int4) time", Each(rounded_moment)),
    ("timezone(text, timestamp) timestamptz", Each(|row| there(row, true))),
    ("timezone(text, timestamptz) timestamp", Each(|row| there(row, false))),
    ("timezone(interval, timestamp) timestamptz", Each(|row| shifted(row, -1))),
    ("timezone(interval, timestamptz) timestamp", Each(|row| shifted(row, 1))),
    ("to_timestamp(float8) timestamptz", Each(since_1970)),
    ("!clock_timestamp() timestamptz", Each(|_| Ok(Made::Moment(Utc::now().timestamp_micros())))),
    ("!timeofday() text", Each(|_| Ok(Utc::now().format("%a %b %d %H:%M:%S%.6f %Y UTC").to_string().into()))),
    ("?overlaps(timestamp, timestamp, timestamp, timestamp) bool", Each(overlaps)),
    ("?overlaps(timestamptz, timestamptz, timestamptz, timestamptz) bool", Each(overlaps)),
    ("?overlaps(time, time, time, time) bool", Each(overlaps)),
    ("?overlaps(timestamp, interval, timestamp, interval) bool", Each(overlaps)),
    ("?overlaps(timestamp, timestamp, timestamp, interval) bool", Each(overlaps)),
    ("?overlaps(timestamp, interval, timestamp, timestamp) bool", Each(overlaps)),
    ("?overlaps(timestamptz, timestamptz, timestamptz, interval) bool", Each(overlaps)),
    ("?overlaps(timestamptz, interval, timestamptz, timestamptz) bool", Each(overlaps)),
    ("?overlaps(timestamptz, interval, timestamptz, interval) bool", Each(overlaps)),
];

const DAY_MICROS: i64 = 86_400_000_000;

fn out_of_range(message: String) -> Error {
    Error::new(Kind::DatetimeOutOfRange, message)
}

/// Days since 1970 of the year, month and day that the first arguments are; a negative year is before Christ.
fn date(row: &Args<'_>) -> Result<i64> {
    let (year, month, day) = (row.int(0), row.int(1), row.int(2));
    let counted = if year < 0 { year + 1 } else { year };
    let found = i32::try_from(counted)
        .ok()
        .filter(|_| year != 0)
        .and_then(|counted| NaiveDate::from_ymd_opt(counted, u32::try_from(month).ok()?, u32::try_from(day).ok()?));
    match found {
        Some(date) => Ok(i64::from(date.to_epoch_days())),
        None => Err(out_of_range(format!("date field value out of range: {year}-{month:02}-{day:02}"))),
    }
}

/// Microseconds of the hour, minute and second that stand from an argument on.
fn time(row: &Args<'_>, at: usize) -> Result<i64> {
    let (hour, minute, second) = (row.int(at), row.int(at + 1), row.float(at + 2));
    let ends = hour == 24 && minute == 0 && second == 0.0;
    if !((0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second) || ends) {
        return Err(out_of_range(format!("time field value out of range: {hour}:{minute:02}:{second:02}")));
    }
    if ends {
        return Err(Error::new(Kind::Unsupported, "24:00:00 is no time here"));
    }
    Ok((hour * 3600 + minute * 60) * 1_000_000 + (second * 1e6).round_ties_even() as i64)
}

fn moment(row: &Args<'_>) -> Result<i64> {
    Ok(date(row)? * DAY_MICROS + time(row, 3)?)
}

fn timestamp(row: &Args<'_>) -> Result<Made> {
    Ok(Made::Moment(moment(row)?))
}

fn timestamptz(row: &Args<'_>) -> Result<Made> {
    let clock = moment(row)?;
    let moved = match row.text_if(6) {
        None => clock,
        Some(zone) => TimeZone::named(zone)?.moment(clock)?,
    };
    Ok(Made::Moment(moved))
}

/// The beginning of the stretch that a moment is in, where such stretches follow each other from an origin on.
fn binned(row: &Args<'_>) -> Result<Made> {
    let Span { months, days, micros } = row.span(0);
    let (moment, origin) = (row.moment(1), row.moment(2));
    if is_infinite_moment(moment) {
        return Ok(Made::Moment(moment));
    }
    if is_infinite_moment(origin) {
        return Err(out_of_range("origin out of range".to_owned()));
    }
    if months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(Error::new(Kind::Unsupported, message));
    }
    let too_long = || out_of_range("interval out of range".to_owned());
    let stride =
        i64::from(days).checked_mul(DAY_MICROS).and_then(|days| days.checked_add(micros)).ok_or_else(too_long)?;
    if stride <= 0 {
        return Err(out_of_range("stride must be greater than zero".to_owned()));
    }
    let past = moment.checked_sub(origin).ok_or_else(too_long)?.rem_euclid(stride);
    moment.checked_sub(past).map(Made::Moment).ok_or_else(|| out_of_range("timestamp out of range".to_owned()))
}

/// Microseconds with so many places after the seconds, half-way cases away from zero.
pub fn rounded(micros: i64, places: i64) -> i64 {
    let Ok(places @ 0..6) = u32::try_from(places) else { return micros };
    let unit = 10i64.pow(6 - places);
    let away = if micros < 0 { -unit / 2 } else { unit / 2 };
    (micros + away) / unit * unit
}

fn rounded_moment(row: &Args<'_>) -> Result<Made> {
    // PostgreSQL counts from 2000 on, and half-way cases go away from there.
    let origin = if matches!(row.get(0), Some(Cell::Time(_))) { 0 } else { 946_684_800_000_000 };
    if is_infinite_moment(row.moment(0)) {
        return Ok(Made::Moment(row.moment(0)));
    }
    let moved = row.moment(0).checked_sub(origin);
    let rounded = moved.and_then(|micros| rounded(micros, row.int(1)).checked_add(origin));
    rounded.map(Made::Moment).ok_or_else(|| out_of_range("timestamp out of range".to_owned()))
}

/// A clock there as a moment, or a moment as the clock there.
fn there(row: &Args<'_>, from_clock: bool) -> Result<Made> {
    let zone = TimeZone::named(row.text(0))?;
    let micros = row.moment(1);
    Ok(Made::Moment(if from_clock { zone.moment(micros)? } else { zone.clock(micros)? }))
}

fn shifted(row: &Args<'_>, sign: i64) -> Result<Made> {
    let Span { months, days, micros } = row.span(0);
    if months != 0 || days != 0 {
        let mut text = Vec::new();
        crate::encoding::pg_text::write_interval(months, days, micros, &mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let message = format!("interval time zone \"{text}\" must not include months or days");
        return Err(Error::new(Kind::InvalidParameter, message));
    }
    if is_infinite_moment(row.moment(1)) {
        return Ok(Made::Moment(row.moment(1)));
    }
    let moved = row.moment(1).checked_add(sign * micros);
    moved.map(Made::Moment).ok_or_else(|| out_of_range("timestamp out of range".to_owned()))
}

fn since_1970(row: &Args<'_>) -> Result<Made> {
    if row.float(0).is_infinite() {
        return Ok(Made::Moment(if row.float(0) > 0.0 { i64::MAX } else { i64::MIN }));
    }
    if row.float(0).is_nan() {
        return Err(out_of_range("timestamp cannot be NaN".to_owned()));
    }
    let micros = (row.float(0) * 1e6).round_ties_even();
    // The years that a calendar of ours has.
    match micros.abs() < 8e18 && civil(micros as i64).is_ok() {
        true => Ok(Made::Moment(micros as i64)),
        false => Err(out_of_range(format!("timestamp out of range: \"{}\"", row.float(0)))),
    }
}

/// Whether two stretches of time, each from a moment to another or of a length, have a moment in common. Of a stretch one end may
/// be unknown.
fn overlaps(row: &Args<'_>) -> Result<Made> {
    let stretch = |at: usize| {
        let known = |at: usize| row.get(at).map(|_| row.moment(at));
        let from = known(at);
        let to = match (row.get(at + 1), from) {
            (Some(Cell::Interval(..)), Some(from)) => Some(moved(from, row.span(at + 1))?),
            (Some(Cell::Interval(..)), None) => None,
            _ => known(at + 1),
        };
        Ok::<_, Error>(match (from, to) {
            (Some(from), Some(to)) => Some((from.min(to), Some(from.max(to)))),
            (from, to) => from.or(to).map(|end| (end, None)),
        })
    };
    let (Some(one), Some(other)) = (stretch(0)?, stretch(2)?) else { return Ok(Made::Null) };
    Ok(match one.0.cmp(&other.0) {
        std::cmp::Ordering::Greater => reaches(other.1, one),
        std::cmp::Ordering::Less => reaches(one.1, other),
        // They begin together, so that they have a moment in common if both have an end.
        std::cmp::Ordering::Equal => one.1.zip(other.1).map(|_| true).into(),
    })
}

/// Whether a stretch that begins earlier ends after the beginning of another.
fn reaches(end: Option<i64>, (from, to): (i64, Option<i64>)) -> Made {
    match end {
        Some(end) if from < end => true.into(),
        Some(_) if to.is_some() => false.into(),
        _ => Made::Null,
    }
}

/// A moment moved by a length of time.
fn moved(micros: i64, span: Span) -> Result<i64> {
    if is_infinite_moment(micros) {
        return Ok(micros);
    }
    let range = || out_of_range("timestamp out of range".to_owned());
    let clock: NaiveDateTime = civil(micros)?;
    let months = chrono::Months::new(span.months.unsigned_abs());
    let clock = match span.months < 0 {
        true => clock.checked_sub_months(months),
        false => clock.checked_add_months(months),
    };
    let micros = clock.ok_or_else(range)?.and_utc().timestamp_micros();
    let days = i64::from(span.days) * DAY_MICROS;
    micros.checked_add(days).and_then(|micros| micros.checked_add(span.micros)).ok_or_else(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!(rounded(1_600_000, 0), 2_000_000);
        assert_eq!(rounded(-1_234_567, 3), -1_235_000);
    }
}
