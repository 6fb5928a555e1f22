//! `interval` as text: `1 year 2 mons -3 days +04:05:06.7`, `90 minutes`, `2 weeks ago`.

use arrow::datatypes::IntervalMonthDayNano;

/// Nanoseconds of a second, a day; days of a month: what a fraction of a larger unit is worth.
const SECOND: f64 = 1e9;
const DAY: f64 = 86_400.0 * SECOND;
const MONTH_DAYS: f64 = 30.0;

#[derive(Default)]
struct Sum {
    months: f64,
    days: f64,
    nanos: f64,
}

/// Reads PostgreSQL's own and its verbose style; `None` is not an interval, or one out of range.
pub fn interval(text: &str) -> Option<IntervalMonthDayNano> {
    let mut sum = Sum::default();
    let mut ago = false;
    let mut words = text.split(|character: char| character.is_whitespace() || character == ',').peekable();
    let mut any = false;
    while let Some(word) = words.next() {
        if word.is_empty() || word == "@" {
            continue;
        }
        if word.eq_ignore_ascii_case("ago") {
            ago = true;
        } else if word.contains(':') {
            sum.nanos += clock(word)?;
        } else {
            // `3 days` or `3days`.
            let end = word.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(word.len());
            let (number, unit) = word.split_at(end);
            let number: f64 = number.parse().ok()?;
            let unit = match unit {
                "" => words.next_if(|next| next.starts_with(|c: char| c.is_ascii_alphabetic())).unwrap_or("second"),
                unit => unit,
            };
            sum.add(number, unit)?;
        }
        any = true;
    }
    if !any {
        return None;
    }
    let sign = if ago { -1.0 } else { 1.0 };
    let whole = |value: f64, least: f64, most: f64| {
        let value = (sign * value).round();
        if value < least || value >= most {
            return None;
        }
        Some(value)
    };
    let months = whole(sum.months, f64::from(i32::MIN), f64::from(i32::MAX))? as i32;
    let days = whole(sum.days, f64::from(i32::MIN), f64::from(i32::MAX))? as i32;
    let nanos = whole(sum.nanos, i64::MIN as f64, i64::MAX as f64)? as i64;
    Some(IntervalMonthDayNano::new(months, days, nanos))
}

impl Sum {
    fn add(&mut self, number: f64, unit: &str) -> Option<()> {
        let unit = unit.to_ascii_lowercase();
        let unit = unit.strip_suffix('s').filter(|unit| unit.len() > 1).unwrap_or(&unit);
        let months = match unit {
            "mon" | "month" => 1.0,
            "y" | "yr" | "year" => 12.0,
            "decade" => 120.0,
            "c" | "cent" | "century" | "centurie" => 1200.0,
            "mil" | "millennium" | "millennia" => 12_000.0,
            _ => 0.0,
        };
        if months > 0.0 {
            // A fraction of a year is months; a fraction of a month is days.
            let exact = number * months;
            self.months += exact.trunc();
            self.add_days(exact.fract() * MONTH_DAYS);
            return Some(());
        }
        let seconds = match unit {
            "d" | "day" => {
                self.add_days(number);
                return Some(());
            }
            "w" | "week" => {
                self.add_days(number * 7.0);
                return Some(());
            }
            "h" | "hr" | "hour" => 3600.0,
            "m" | "min" | "minute" => 60.0,
            "s" | "sec" | "second" => 1.0,
            "ms" | "msec" | "millisecond" => 1e-3,
            "us" | "usec" | "microsecond" => 1e-6,
            _ => return None,
        };
        self.nanos += micros(number * seconds * SECOND);
        Some(())
    }

    fn add_days(&mut self, days: f64) {
        self.days += days.trunc();
        self.nanos += micros(days.fract() * DAY);
    }
}

/// PostgreSQL keeps whole microseconds.
fn micros(nanos: f64) -> f64 {
    (nanos / 1000.0).round() * 1000.0
}

/// `[+-]HH:MM[:SS[.fraction]]` in nanoseconds.
fn clock(word: &str) -> Option<f64> {
    let (sign, rest) = match word.as_bytes().first() {
        Some(b'-') => (-1.0, &word[1..]),
        Some(b'+') => (1.0, &word[1..]),
        _ => (1.0, word),
    };
    let mut total = 0.0;
    let mut unit = 3600.0;
    for part in rest.split(':') {
        let value: f64 = part.parse().ok()?;
        if unit < 1.0 || value < 0.0 {
            return None;
        }
        total += value * unit;
        unit /= 60.0;
    }
    Some(sign * micros(total * SECOND))
}
