//! `to_char(moment, pattern)` with PostgreSQL's template patterns; the engine's own has those of `strftime`.

use super::udf::Udf;
use crate::error::{Error, Kind};
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
use datafusion::logical_expr::{ScalarUDF, Signature, Volatility};
use std::fmt::Write;
use std::sync::Arc;

/// The function of this name, if it is this one.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    (name == "to_char").then(|| {
        let returns = Field::new(name, DataType::Utf8, true);
        Udf::make(name, Signature::any(2, Volatility::Stable), returns, |args, rows| {
            let moments = match args[0].data_type() {
                DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
                    cast(&args[0], &DataType::Timestamp(TimeUnit::Microsecond, None))?
                }
                DataType::Null => return Ok(Arc::new(StringArray::new_null(rows)) as ArrayRef),
                other => {
                    let message = format!("to_char of {other} is not supported: it takes a date or a timestamp");
                    return Err(Error::new(Kind::Unsupported, message));
                }
            };
            let moments = moments.as_primitive::<TimestampMicrosecondType>();
            let patterns = cast(&args[1], &DataType::Utf8)?;
            let patterns = patterns.as_string::<i32>();
            let text = |row: usize| {
                let moment = DateTime::from_timestamp_micros(moments.value(row))?.naive_utc();
                Some(shown(moment, patterns.value(row)))
            };
            let valid = |row: usize| moments.is_valid(row) && patterns.is_valid(row);
            Ok(Arc::new((0..rows).map(|row| if valid(row) { text(row) } else { None }).collect::<StringArray>()))
        })
    })
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// Longer patterns before those that they begin with.
const PATTERNS: &[&str] = &[
    "HH24", "HH12", "HH", "MI", "SSSS", "SS", "MS", "US", "YYYY", "YYY", "YY", "Y", "IYYY", "IW", "MONTH", "Month",
    "month", "MON", "Mon", "mon", "MM", "DDD", "DD", "DAY", "Day", "day", "DY", "Dy", "dy", "D", "WW", "W", "Q", "CC",
    "AM", "PM", "am", "pm",
];

/// A moment as a pattern shows it. `FM` before a pattern takes away its blanks and zeros; text in double quotes is itself.
fn shown(moment: NaiveDateTime, pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            out.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
            continue;
        }
        let (fill, after) = match rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            Some(after) => (false, after),
            None => (true, rest),
        };
        let begins = |p: &&&str| {
            after.get(..p.len()).is_some_and(|head| head == **p || is_number(p) && head.eq_ignore_ascii_case(p))
        };
        match PATTERNS.iter().find(begins) {
            Some(found) => {
                one(moment, found, fill, &mut out);
                rest = &after[found.len()..];
            }
            None if !fill => rest = after,
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// Whether a pattern shows a number, so that the case of its letters says nothing.
fn is_number(pattern: &str) -> bool {
    !matches!(pattern.to_ascii_uppercase().as_str(), "MONTH" | "MON" | "DAY" | "DY" | "AM" | "PM")
}

fn one(moment: NaiveDateTime, pattern: &str, fill: bool, out: &mut String) {
    let twelve = (moment.hour() + 11) % 12 + 1;
    let week = moment.iso_week();
    let weekday = moment.weekday().num_days_from_sunday();
    let (number, width) = match pattern {
        "YYYY" => (moment.year() as u32, 4),
        "YYY" => (moment.year() as u32 % 1000, 3),
        "YY" => (moment.year() as u32 % 100, 2),
        "Y" => (moment.year() as u32 % 10, 1),
        "IYYY" => (week.year() as u32, 4),
        "IW" => (week.week(), 2),
        "MM" => (moment.month(), 2),
        "DDD" => (moment.ordinal(), 3),
        "DD" => (moment.day(), 2),
        "D" => (weekday + 1, 1),
        "WW" => (moment.ordinal0() / 7 + 1, 2),
        "W" => (moment.day0() / 7 + 1, 1),
        "Q" => (moment.month0() / 3 + 1, 1),
        "CC" => ((moment.year() as u32).div_ceil(100), 2),
        "HH24" => (moment.hour(), 2),
        "HH12" | "HH" => (twelve, 2),
        "MI" => (moment.minute(), 2),
        "SSSS" => (moment.num_seconds_from_midnight(), 1),
        "SS" => (moment.second(), 2),
        "MS" => (moment.nanosecond() / 1_000_000, 3),
        "US" => (moment.nanosecond() / 1000, 6),
        words => return word(moment, words, weekday, fill, out),
    };
    let width = if fill { width } else { 0 };
    // Writing to a String cannot fail.
    let _ = write!(out, "{number:0width$}");
}

fn word(moment: NaiveDateTime, pattern: &str, weekday: u32, fill: bool, out: &mut String) {
    let (month, day) = (MONTHS[moment.month0() as usize], DAYS[weekday as usize]);
    let (name, width) = match pattern.to_ascii_lowercase().as_str() {
        "month" => (month, 9),
        "mon" => (&month[..3], 0),
        "day" => (day, 9),
        "dy" => (&day[..3], 0),
        _ if moment.hour() < 12 => ("AM", 0),
        _ => ("PM", 0),
    };
    let name = match pattern {
        lower if lower.chars().all(char::is_lowercase) => name.to_lowercase(),
        upper if upper.chars().all(char::is_uppercase) => name.to_uppercase(),
        _ => name.to_owned(),
    };
    let width = if fill { width } else { 0 };
    let _ = write!(out, "{name:width$}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_postgres() {
        let moment = chrono::NaiveDate::from_ymd_opt(2024, 2, 9).unwrap().and_hms_micro_opt(15, 4, 5, 6007).unwrap();
        for (pattern, expected) in [
            ("YYYY-MM-DD HH24:MI:SS", "2024-02-09 15:04:05"),
            ("yyyy/mm/dd", "2024/02/09"),
            ("FMMonth FMDD, YYYY", "February 9, 2024"),
            ("Month|DY|dy", "February |FRI|fri"),
            ("HH12:MI pm", "03:04 pm"),
            ("IYYY-\"W\"IW Q DDD", "2024-W06 1 040"),
            ("SS.MS SS.US", "05.006 05.006007"),
            ("YYYY年MM月", "2024年02月"),
        ] {
            assert_eq!(shown(moment, pattern), expected, "{pattern}");
        }
    }
}
