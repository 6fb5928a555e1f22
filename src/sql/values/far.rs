//! Years before the first, and after 9999: `0044-03-15 BC`, `12024-02-29 10:00`. Neither Arrow nor chrono reads them, but the calendar
//! comes back every 400 years: such a text is read with a year of our time that has the same days, and moved.

use crate::error::Kind;
use arrow::array::types::{Date32Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Years after which the calendar comes back, and their days.
const CYCLE: i64 = 400;
const CYCLE_DAYS: i64 = 146_097;
/// The year with which one of our time begins.
const NEAR: i64 = 2000;
/// Digits of a year at most.
const DIGITS_MAX: usize = 7;
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days since 1970 of the first day that PostgreSQL has, in 4714 BC, and of the last one that chrono has.
const DAYS: RangeInclusive<i64> = -2_440_588..=95_026_236;

/// Whether a text says an era, or a year that is none of four digits.
pub fn is_written(text: &str) -> bool {
    let text = text.trim();
    era(text).is_some() || text.starts_with("0000-") || has_long_year(text)
}

/// The text without the word for its era.
pub fn without_era(text: &str) -> &str {
    era(text).map_or(text, |(moment, _)| moment)
}

/// What stands before the word for an era, and whether it is the one before Christ.
fn era(text: &str) -> Option<(&str, bool)> {
    let at = text.len().checked_sub(2)?;
    let word = text.get(at..)?;
    let before = word.eq_ignore_ascii_case("bc");
    let moment = &text[..at];
    let is_era = (before || word.eq_ignore_ascii_case("ad")) && moment.ends_with(char::is_whitespace);
    is_era.then(|| (moment.trim_end(), before))
}

/// Whether a text begins as `12024-02-`.
fn has_long_year(text: &str) -> bool {
    let digits = digits(text);
    let month = text[digits..].strip_prefix('-').and_then(|rest| rest.split_once('-'));
    digits > 4 && month.is_some_and(|(month, _)| (1..=2).contains(&month.len()) && self::digits(month) == month.len())
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The text with a year of our time, and how many cycles lie between that and its own.
pub fn near(text: &str) -> Result<(String, i64), Kind> {
    let text = text.trim();
    let (moment, before) = era(text).unwrap_or((text, false));
    let digits = digits(moment);
    let (year, rest) = moment.split_at(digits);
    // What has fewer digits may be a month or a day.
    if digits < 3 || !rest.starts_with('-') {
        return if before { Err(Kind::InvalidDatetime) } else { Ok((moment.to_owned(), 0)) };
    }
    let year = match year.parse::<i64>() {
        Ok(year) if year > 0 && digits <= DIGITS_MAX => year,
        _ => return Err(Kind::DatetimeOutOfRange),
    };
    let year = if before { 1 - year } else { year };
    let near = NEAR + year.rem_euclid(CYCLE);
    Ok((format!("{near}{rest}"), (year - near) / CYCLE))
}

/// The values, each so many cycles away; the row of one that is beyond the calendar.
pub fn moved(values: &ArrayRef, cycles: &[i64]) -> Result<ArrayRef, usize> {
    let day = |day: i64, cycles: i64| Some(day + cycles * CYCLE_DAYS).filter(|day| DAYS.contains(day));
    Ok(match values.data_type() {
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>().iter().zip(cycles).enumerate();
            let moved = days.map(|(row, (value, cycles))| match value {
                Some(value) if *cycles != 0 => {
                    let day = day(value.into(), *cycles).and_then(|day| i32::try_from(day).ok());
                    day.map(Some).ok_or(row)
                }
                value => Ok(value),
            });
            Arc::new(moved.collect::<Result<Date32Array, _>>()?)
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>().iter().zip(cycles).enumerate();
            let moved = micros.map(|(row, (value, cycles))| match value {
                Some(value) if *cycles != 0 => {
                    let day = day(value.div_euclid(MICROS_PER_DAY), *cycles).ok_or(row)?;
                    Ok::<_, usize>(Some(day * MICROS_PER_DAY + value.rem_euclid(MICROS_PER_DAY)))
                }
                value => Ok(value),
            });
            Arc::new(moved.collect::<Result<TimestampMicrosecondArray, _>>()?.with_timezone_opt(zone.clone()))
        }
        _ => values.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_years_have_the_days_of_near_ones() {
        let near = |text: &str| near(text).map_err(|kind| format!("{kind:?}"));
        assert_eq!(near("0044-03-15 BC"), Ok(("2357-03-15".to_owned(), -6)));
        assert_eq!(near("0044-03-15 12:00:00+01 bc"), Ok(("2357-03-15 12:00:00+01".to_owned(), -6)));
        assert_eq!(near("0001-01-01 BC"), Ok(("2000-01-01".to_owned(), -5)));
        assert_eq!(near("12024-02-29"), Ok(("2024-02-29".to_owned(), 25)));
        assert_eq!(near("2024-02-29 AD"), Ok(("2024-02-29".to_owned(), 0)));
        assert_eq!(near("0000-01-01"), Err("DatetimeOutOfRange".to_owned()));
        assert_eq!(near("44-03-15 BC"), Err("InvalidDatetime".to_owned()));
        for written in ["0044-03-15 BC", "12024-02-29 10:00", "5874897-12-31", "1 May 2024 AD"] {
            assert!(is_written(written), "{written}");
        }
        for plain in ["2024-02-29", "19990108", "19990108-05", "J2451187", "infinity", "BC", "2024-02-29 10:00 PM"] {
            assert!(!is_written(plain), "{plain}");
        }
    }
}
