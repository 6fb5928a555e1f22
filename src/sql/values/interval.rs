//! `interval` as text: `1 year 2 mons -3 days +04:05:06.7`, `90 minutes`, `2 weeks ago`, `1-2`, `P1Y2M3DT4H5M6S`.

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
    let text = text.trim();
    if let Some(designated) = text.strip_prefix('P') {
        return iso(designated, &mut sum).and_then(|()| sum.whole(1.0));
    }
    let text = apart(text);
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
        } else if let Some(months) = years_and_months(word) {
            sum.months += months?;
        } else {
            // `3 days` or `3days`.
            let end = word.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(word.len());
            let (number, unit) = word.split_at(end);
            let number: f64 = number.parse().ok()?;
            let unit = match unit {
                "" if words.peek().is_some_and(|next| next.contains(':')) => "day",
                "" => match words.next_if(|next| next.starts_with(|c: char| c.is_ascii_alphabetic())) {
                    Some(unit) => unit,
                    None if words.all(str::is_empty) => "second",
                    None => return None,
                },
                unit => unit,
            };
            sum.add(number, unit)?;
        }
        any = true;
    }
    if !any {
        return None;
    }
    sum.whole(if ago { -1.0 } else { 1.0 })
}

/// `1y2mon` as `1y 2mon`, and `- 1 day` as `-1 day`.
fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut last = ' ';
    for letter in text.chars() {
        let sign = out.strip_suffix(['+', '-']);
        if letter.is_whitespace()
            && sign.is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
        {
            continue;
        }
        if last.is_ascii_alphabetic() && (letter.is_ascii_digit() || matches!(letter, '+' | '-')) {
            out.push(' ');
        }
        out.push(letter);
        last = letter;
    }
    out
}

/// `1-2` as a year and two months; nothing if a word has not that form.
fn years_and_months(word: &str) -> Option<Option<f64>> {
    let (sign, rest) = match word.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    };
    let (years, months) = rest.split_once('-')?;
    let number = |text: &str| text.parse::<u32>().ok().map(f64::from);
    Some(match (number(years), number(months)) {
        (Some(years), Some(months)) if months < 12.0 => Some(sign * (years * 12.0 + months)),
        _ => None,
    })
}

/// What stands behind the `P` of ISO 8601: with designators, or as a date and a time.
fn iso(text: &str, sum: &mut Sum) -> Option<()> {
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let parts: Vec<&str> = date.split('-').collect();
    if let [years, months, days] = parts.as_slice()
        && !years.is_empty()
    {
        sum.add(years.parse().ok()?, "year")?;
        sum.add(months.parse().ok()?, "month")?;
        sum.add(days.parse().ok()?, "day")?;
    } else {
        designated(date, &[('Y', "year"), ('M', "month"), ('W', "week"), ('D', "day")], sum)?;
    }
    if time.contains(':') {
        sum.nanos += clock(time)?;
        return Some(());
    }
    designated(time, &[('H', "hour"), ('M', "minute"), ('S', "second")], sum)
}

fn designated(mut text: &str, units: &[(char, &str)], sum: &mut Sum) -> Option<()> {
    while !text.is_empty() {
        let at = text.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = units.iter().find(|(letter, _)| text[at..].starts_with(*letter))?.1;
        sum.add(text[..at].parse().ok()?, unit)?;
        text = &text[at + 1..];
    }
    Some(())
}

impl Sum {
    /// The interval, if its parts fit.
    fn whole(&self, sign: f64) -> Option<IntervalMonthDayNano> {
        let whole = |value: f64, least: f64, most: f64| {
            let value = (sign * value).round();
            if value < least || value > most { None } else { Some(value) }
        };
        let months = whole(self.months, f64::from(i32::MIN), f64::from(i32::MAX))? as i32;
        let days = whole(self.days, f64::from(i32::MIN), f64::from(i32::MAX))? as i32;
        // The greatest whole number is no floating point number: the next one is beyond it.
        let nanos = whole(self.nanos, i64::MIN as f64, (i64::MAX as f64).next_down())? as i64;
        Some(IntervalMonthDayNano::new(months, days, nanos))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_postgres_reads() {
        let parts = |text: &str| interval(text).map(|i| (i.months, i.days, i.nanoseconds / 1_000_000_000));
        for (text, expected) in [
            ("1 year 2 mons ago", (-14, 0, 0)),
            ("@ 1 minute", (0, 0, 60)),
            ("P1Y2M3DT4H5M6S", (14, 3, 14_706)),
            ("P0001-02-03T04:05:06", (14, 3, 14_706)),
            ("1 month - 1 day", (1, -1, 0)),
            ("- 1 day - 00:00:05", (0, -1, -5)),
            ("P1W", (0, 7, 0)),
            ("PT-1H", (0, 0, -3600)),
            ("1-2", (14, 0, 0)),
            ("-1-2", (-14, 0, 0)),
            ("1 12:59:10", (0, 1, 46_750)),
            ("1y2mon", (14, 0, 0)),
            ("-1 days +02:03", (0, -1, 7380)),
            ("1.5 months", (1, 15, 0)),
        ] {
            assert_eq!(parts(text), Some(expected), "{text}");
        }
        assert_eq!([parts("P"), parts("foo"), parts("1 foo"), parts("")], [None; 4]);
    }
}
