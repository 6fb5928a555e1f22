//! Moments and the time between them.

use super::super::super::value::{Type, Value};
use super::super::plan::Builtin;
use super::super::types::{Family, family};
use super::strict;
use crate::error::{Error, Kind, Result};
use crate::sql::values;
use datafusion::sql::sqlparser::ast::BinaryOperator;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Days of a month, where a month is as long as any.
const MONTH_DAYS: i64 = 30;

/// The microseconds of an interval in text.
pub fn read(text: &str) -> Option<i64> {
    let read = values::interval(text)?;
    let days = i64::from(read.months) * MONTH_DAYS + i64::from(read.days);
    days.checked_mul(DAY)?.checked_add(read.nanoseconds / 1000)
}

/// An interval of so many microseconds as PostgreSQL writes it: `3 days 04:05:06.7`.
pub fn shown(micros: i64) -> String {
    let (days, clock) = (micros / DAY, micros % DAY);
    let (sign, rest) = (if clock < 0 { "-" } else { "" }, clock.unsigned_abs());
    let (seconds, part) = (rest / SECOND as u64, rest % SECOND as u64);
    let mut written = match days {
        0 => String::new(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    if days == 0 || rest > 0 {
        let space = if written.is_empty() { "" } else { " " };
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        written += &format!("{space}{sign}{hours:02}:{minutes:02}:{seconds:02}");
        if part > 0 {
            written += format!(".{part:06}").trim_end_matches('0');
        }
    }
    written
}

/// The operator between a moment or an interval and another, and what it gives.
pub fn operator(op: &BinaryOperator, left: &Type, right: &Type) -> Option<(Builtin, Type)> {
    use BinaryOperator::{Minus, Plus};
    use Family::{Moment, Span};
    Some(match (op, family(left), family(right)) {
        (Minus, Moment, Moment) => (BETWEEN, Type::Interval),
        (Minus, Moment, Span) => (BEFORE, Type::Timestamptz),
        (Plus, Moment, Span) | (Plus, Span, Moment) => (AFTER, Type::Timestamptz),
        (Plus, Span, Span) => (LONGER, Type::Interval),
        (Minus, Span, Span) => (SHORTER, Type::Interval),
        _ => return None,
    })
}

fn micros(args: &[Value]) -> Result<(i64, i64)> {
    match args {
        [Value::Moment(a) | Value::Span(a), Value::Moment(b) | Value::Span(b)] => Ok((*a, *b)),
        _ => Err(Error::new(Kind::DatatypeMismatch, "a moment or an interval is expected here")),
    }
}

fn moment(args: &[Value], by: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let (a, b) = micros(args)?;
    let of_range = || Error::new(Kind::DatetimeOutOfRange, "timestamp out of range");
    by(a, b).map(Value::Moment).ok_or_else(of_range)
}

fn span(args: &[Value], by: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let (a, b) = micros(args)?;
    by(a, b).map(Value::Span).ok_or_else(|| Error::new(Kind::DatetimeOutOfRange, "interval out of range"))
}

/// `extract(epoch from ...)`: seconds.
pub const EPOCH: Builtin = strict("epoch", |args| match args {
    [Value::Moment(micros) | Value::Span(micros)] => Ok(Value::Float(*micros as f64 / SECOND as f64)),
    _ => Err(Error::new(Kind::DatatypeMismatch, "a moment or an interval is expected here")),
});

const BETWEEN: Builtin = strict("moments -", |args| span(args, i64::checked_sub));
const BEFORE: Builtin = strict("moment -", |args| moment(args, i64::checked_sub));
const AFTER: Builtin = strict("moment +", |args| moment(args, i64::checked_add));
const LONGER: Builtin = strict("interval +", |args| span(args, i64::checked_add));
const SHORTER: Builtin = strict("interval -", |args| span(args, i64::checked_sub));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_and_written() {
        for (text, written) in [
            ("5 minutes", "00:05:00"),
            ("1 day", "1 day"),
            ("36:00:00.5", "36:00:00.5"),
            ("-3 days 4 hours", "-3 days +04:00:00"),
            ("0", "00:00:00"),
            ("-10 seconds", "-00:00:10"),
        ] {
            let micros = read(text).unwrap();
            assert_eq!(read(&shown(micros)), Some(micros), "{text}: {}", shown(micros));
            if !written.contains('+') && !written.starts_with("36") {
                assert_eq!(shown(micros), written, "{text}");
            }
        }
        assert_eq!(read("nonsense"), None);
    }
}
