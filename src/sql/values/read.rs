//! The input functions: text as a value of a type.
//!
//! Arrow reads whole columns of the common forms; only the texts that it cannot read are read again, one by one, in all
//! forms that PostgreSQL has.

use super::super::error::invalid_text;
use super::ends;
use super::far;
use super::inet::Inet;
use super::interval::interval;
use super::json;
use super::moment::moment;
use super::numbers::without_exponent;
use super::time_zone::TimeZone;
use super::vector;
use crate::catalog::SqlType;
use crate::encoding::unhex;
use crate::error::{Error, Kind, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray,
    new_empty_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// Reads texts as values of a type. What cannot be read is [`Kind::InvalidText`] with the text in the message; a number
/// beyond the type [`Kind::NumericOutOfRange`], a day that no calendar has [`Kind::DatetimeOutOfRange`].
pub fn read(texts: &StringArray, target: &SqlType) -> Result<ArrayRef> {
    let each = |read: &dyn Fn(&str) -> Option<String>| -> Result<ArrayRef> {
        let one = |text: &str| read(text.trim()).ok_or_else(|| unreadable(target, text));
        let all = texts.iter().map(|text| text.map(one).transpose());
        Ok(Arc::new(all.collect::<Result<StringArray>>()?))
    };
    if matches!(target, SqlType::Json | SqlType::Jsonb) && texts.iter().flatten().any(json::is_too_deep) {
        return Err(Error::new(Kind::LimitExceeded, "a JSON value is nested too deeply"));
    }
    if *target == SqlType::Jsonb && texts.iter().flatten().any(|text| json::names_zero(text) && json::is_valid(text)) {
        return Err(json::zero());
    }
    match target {
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => Ok(Arc::new(texts.clone())),
        SqlType::Uuid => each(&uuid),
        SqlType::Inet => each(&|text| Inet::read(text).map(|of| of.to_string())),
        SqlType::Cidr => {
            let one = |text: &str| match Inet::read_network(text) {
                Some(of) if of.network() == of => Ok(of.with_its_bits()),
                Some(_) => Err(Error::new(Kind::InvalidText, format!("invalid cidr value: \"{text}\""))
                    .with_detail("Value has bits set to right of mask.")),
                None => Err(unreadable(target, text)),
            };
            Ok(Arc::new(texts.iter().map(|text| text.map(one).transpose()).collect::<Result<StringArray>>()?))
        }
        SqlType::Json => each(&|text| json::is_valid(text).then(|| text.to_owned())),
        SqlType::Jsonb => each(&json::normal),
        SqlType::Bool => {
            let one = |text: &str| boolean(text.trim()).ok_or_else(|| unreadable(target, text));
            let all = texts.iter().map(|text| text.map(one).transpose());
            Ok(Arc::new(all.collect::<Result<BooleanArray>>()?))
        }
        SqlType::Bytea => {
            let one = |text: &str| bytea(text).ok_or_else(|| unreadable(target, text));
            let all = texts.iter().map(|text| text.map(one).transpose()).collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(all.iter().map(Option::as_deref).collect::<BinaryArray>()))
        }
        SqlType::Interval => {
            let one = |text: &str| interval(text).ok_or_else(|| unreadable(target, text));
            let all = texts.iter().map(|text| text.map(one).transpose());
            Ok(Arc::new(all.collect::<Result<IntervalMonthDayNanoArray>>()?))
        }
        SqlType::Enum(of) => {
            let one = |text: &str| of.place(text).map(|_| text.to_owned()).ok_or_else(|| unreadable(target, text));
            let all = texts.iter().map(|text| text.map(one).transpose());
            Ok(Arc::new(all.collect::<Result<StringArray>>()?))
        }
        SqlType::Vector(_) => vector::read(texts),
        // An array of `real` in a vector's form, which it may be before it is one.
        SqlType::Array(item) if **item == SqlType::Float4 && texts.iter().flatten().any(vector::is_written) => {
            vector::read(texts)
        }
        SqlType::Array(item) => arrays(texts, target, item),
        _ => by_arrow(texts, target),
    }
}

/// Reads one text as a value of a type.
pub fn read_one(text: &str, target: &SqlType) -> Result<ScalarValue> {
    Ok(ScalarValue::try_from_array(&read(&StringArray::from(vec![text]), target)?, 0)?)
}

/// The first row whose text cannot be read as the type, for COPY's messages.
pub fn first_unreadable(texts: &StringArray, target: &SqlType) -> Option<usize> {
    let fails = |row: usize| {
        let one: ArrayRef = Arc::new(texts.slice(row, 1));
        super::assign(&one, target).is_err()
    };
    (0..texts.len()).find(|&row| texts.is_valid(row) && fails(row))
}

/// Numbers, dates and times.
fn by_arrow(texts: &StringArray, target: &SqlType) -> Result<ArrayRef> {
    if ends::has_ends(target) && texts.iter().flatten().any(far::is_written) {
        return with_far_years(texts, target);
    }
    let lenient = CastOptions { safe: true, ..CastOptions::default() };
    let read = |texts: StringArray| cast_with_options(&texts, &target.arrow(), &lenient);
    let trim = |text: &str| match target {
        SqlType::Timestamp => without_zone(text.trim()).to_owned(),
        SqlType::Time => with_colons(text.trim()),
        _ => text.trim().to_owned(),
    };
    let trimmed: StringArray = texts.iter().map(|text| text.map(trim)).collect();
    let values = read(trimmed.clone())?;
    if matches!(target, SqlType::Float4 | SqlType::Float8) {
        must_be_finite(&trimmed, &values, target)?;
    }
    if values.null_count() == texts.null_count() {
        return rounded(values, &trimmed);
    }
    let ends: Option<ends::Ends> = ends::has_ends(target)
        .then(|| trimmed.iter().map(|text| text.and_then(ends::named)).collect())
        .filter(|ends: &ends::Ends| ends.iter().any(Option::is_some));
    if let Some(ends) = ends {
        let others = trimmed.iter().zip(&ends).map(|(text, end)| text.filter(|_| end.is_none()));
        return Ok(ends::put(&by_arrow(&others.collect(), target)?, &ends));
    }
    // Only what Arrow could not read is read again.
    let again: StringArray = (0..texts.len())
        .map(|row| match (texts.is_valid(row), values.is_null(row)) {
            (true, true) => plainer(trimmed.value(row), target),
            (valid, _) => valid.then(|| trimmed.value(row).to_owned()),
        })
        .collect();
    let values = read(again)?;
    match (0..texts.len()).find(|&row| texts.is_valid(row) && values.is_null(row)) {
        Some(row) => Err(unreadable(target, texts.value(row))),
        None => rounded(values, &trimmed),
    }
}

/// Dates and moments of which some say an era, or a year that is none of four digits.
fn with_far_years(texts: &StringArray, target: &SqlType) -> Result<ArrayRef> {
    let wrong = |kind: Kind, text: &str| match kind {
        Kind::DatetimeOutOfRange => {
            Error::new(kind, format!("date/time field value out of range: \"{}\"", text.trim()))
        }
        _ => unreadable(target, text),
    };
    let (mut near, mut cycles) = (Vec::with_capacity(texts.len()), Vec::with_capacity(texts.len()));
    for text in texts {
        let (text, between) = match text {
            Some(text) if far::is_written(text) => {
                let (near, between) = far::near(text).map_err(|kind| wrong(kind, text))?;
                (Some(near), between)
            }
            text => (text.map(str::to_owned), 0),
        };
        near.push(text);
        cycles.push(between);
    }
    let near: StringArray = near.into_iter().collect();
    let values = by_arrow(&near, target).map_err(|error| {
        // It is said in the words of the statement.
        let row = (0..near.len()).find(|&row| by_arrow(&near.slice(row, 1), target).is_err());
        row.map_or(error.clone(), |row| wrong(error.kind(), texts.value(row)))
    })?;
    far::moved(&values, &cycles).map_err(|row| wrong(Kind::DatetimeOutOfRange, texts.value(row)))
}

/// Moments whose texts have more places than are kept, which are cut off them, rounded to the nearest.
fn rounded(values: ArrayRef, texts: &StringArray) -> Result<ArrayRef> {
    let moments = matches!(values.data_type(), DataType::Timestamp(..) | DataType::Time64(_));
    if !moments || !texts.iter().flatten().any(rounds_up) {
        return Ok(values);
    }
    let micros = arrow::compute::cast(&values, &DataType::Int64)?;
    let up = |(micros, text): (Option<i64>, Option<&str>)| Some(micros? + i64::from(text.is_some_and(rounds_up)));
    let micros: Int64Array = micros.as_primitive::<Int64Type>().iter().zip(texts).map(up).collect();
    Ok(arrow::compute::cast(&micros, values.data_type())?)
}

/// Whether the seventh place of the seconds is five or more.
fn rounds_up(text: &str) -> bool {
    let places = text.split_once(':').and_then(|(_, time)| time.split_once('.')).map_or("", |(_, places)| places);
    let places = places.as_bytes();
    places.len() > 6 && places[..7].iter().all(u8::is_ascii_digit) && places[6] >= b'5'
}

/// A time of digits alone (`235959`), which Arrow takes for a count of microseconds, as one with colons.
fn with_colons(text: &str) -> String {
    match text.len() {
        4 | 6 if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let seconds = if text.len() == 6 { &text[4..] } else { "00" };
            format!("{}:{}:{seconds}", &text[..2], &text[2..4])
        }
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("{text}:"),
        _ => text.to_owned(),
    }
}

/// Infinity is a word, not what digits too large become.
fn must_be_finite(texts: &StringArray, values: &ArrayRef, target: &SqlType) -> Result<()> {
    let values = arrow::compute::cast(values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    let too_large = |row: &usize| {
        values.is_valid(*row) && values.value(*row).is_infinite() && texts.value(*row).contains(char::is_numeric)
    };
    match values.values().iter().any(|value| value.is_infinite()).then(|| (0..texts.len()).find(too_large)).flatten() {
        Some(row) => Err(unreadable(target, texts.value(row))),
        None => Ok(()),
    }
}

/// A text that Arrow cannot read in a form that it can.
fn plainer(text: &str, target: &SqlType) -> Option<String> {
    match target {
        SqlType::Date | SqlType::Timestamp => moment(without_zone(text)).map(|m| m.format(MOMENT).to_string()),
        SqlType::Timestamptz => {
            let (local, zone) = text.split_at(without_zone(text).len());
            let zone = match zone.trim() {
                "" => "Z".to_owned(),
                name if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.eq_ignore_ascii_case("z") => {
                    let clock = moment(local)?.and_utc().timestamp_micros();
                    let there = TimeZone::named(name).ok()?.moment(clock).ok()?;
                    let moved = chrono::DateTime::from_timestamp_micros(there)?;
                    return Some(format!("{}Z", moved.naive_utc().format(MOMENT)));
                }
                hours if hours.len() == 2 => format!("{}0{}:00", &hours[..1], &hours[1..]),
                // Arrow wants minutes in a zone.
                hours if hours.len() == 3 => format!("{hours}:00"),
                other => other.to_owned(),
            };
            moment(local).map(|m| format!("{}{zone}", m.format(MOMENT)))
        }
        SqlType::Time => moment(&format!("1970-01-01 {text}")).map(|m| m.format("%H:%M:%S%.6f").to_string()),
        SqlType::Numeric(_) => Some(without_exponent(text.strip_prefix('+').unwrap_or(text))),
        _ => None,
    }
}

/// The form in which Arrow reads a moment.
const MOMENT: &str = "%Y-%m-%dT%H:%M:%S%.6f";

/// A timestamp without time zone takes no notice of a zone that is written.
fn without_zone(text: &str) -> &str {
    let Some(time) = text.find(':') else {
        return zone_of_day(text).map_or(text, |at| text[..at].trim_end());
    };
    let zone = text[time..].find(['+', '-']).or_else(|| named_zone(&text[time..]));
    zone.map_or(text, |at| text[..time + at].trim_end())
}

/// Where a zone begins behind a day that has no time: `2000-01-01+00`, `2000-01-01 Europe/Berlin`.
fn zone_of_day(text: &str) -> Option<usize> {
    if let Some(at) = text.find('+') {
        return Some(at);
    }
    match text.rfind(char::is_whitespace) {
        Some(blank) => {
            let word = text[blank..].trim_start();
            let hours = word.strip_prefix('-').is_some_and(|hours| hours.starts_with(|c: char| c.is_ascii_digit()));
            let named = || word.starts_with(|c: char| c.is_ascii_alphabetic()) && TimeZone::named(word).is_ok();
            (text.contains(|c: char| c.is_ascii_digit()) && (hours || named())).then(|| text.len() - word.len())
        }
        None => {
            let mut signs = text.match_indices('-').map(|(at, _)| at);
            let (first, third) = (signs.next()?, signs.nth(1)?);
            (first == 4 && text[third + 1..].starts_with(|c: char| c.is_ascii_digit())).then_some(third)
        }
    }
}

/// Whether the text of a moment says in which zone it is, or means the same in all.
pub fn names_zone(text: &str) -> bool {
    let text = far::without_era(text.trim());
    let is_everywhere = ["now", "epoch"].iter().any(|word| text.eq_ignore_ascii_case(word));
    is_everywhere || without_zone(text).len() < text.len()
}

/// Where a zone begins that is a word, behind a time.
fn named_zone(text: &str) -> Option<usize> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let word = text[at..].trim();
    let half = word.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("am") || head.eq_ignore_ascii_case("pm"));
    match word.get(2..) {
        Some(rest) if half && !rest.starts_with(|c: char| c.is_alphabetic()) => {
            let rest = rest.trim_start();
            (!rest.is_empty()).then(|| text.len() - rest.len())
        }
        _ => Some(at),
    }
}

/// A number too long for its type is out of range, and so is a day that no month has; anything else is no value at all.
fn unreadable(target: &SqlType, text: &str) -> Error {
    let trimmed = text.trim();
    let name = target.to_string().replace(" without time zone", "");
    match target {
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 if is_integer(trimmed) => {
            Error::new(Kind::NumericOutOfRange, format!("value \"{trimmed}\" is out of range for type {target}"))
        }
        SqlType::Numeric(_) if trimmed.parse::<f64>().is_ok_and(f64::is_finite) => {
            Error::new(Kind::NumericOutOfRange, "numeric field overflow")
                .with_detail(format!("The value does not fit {target}; a numeric has 38 digits at most."))
        }
        SqlType::Numeric(_) if trimmed.parse::<f64>().is_ok() => {
            Error::new(Kind::NumericOutOfRange, "a numeric is a finite number here")
                .with_hint("Use double precision for NaN and Infinity.")
        }
        SqlType::Bytea if trimmed.starts_with("\\x") => {
            let wrong = trimmed[2..].chars().find(|c| !c.is_ascii_hexdigit() && !c.is_ascii_whitespace());
            let message = match wrong {
                Some(digit) => format!("invalid hexadecimal digit: \"{digit}\""),
                None => "invalid hexadecimal data: odd number of digits".to_owned(),
            };
            Error::new(Kind::InvalidParameter, message)
        }
        SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Timestamptz
            if looks_like_moment(trimmed) || *target == SqlType::Time && looks_like_clock(trimmed) =>
        {
            Error::new(Kind::DatetimeOutOfRange, format!("date/time field value out of range: \"{trimmed}\""))
        }
        SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Timestamptz | SqlType::Interval => {
            Error::new(Kind::InvalidDatetime, invalid_text(&name, text).message())
        }
        SqlType::Float4 | SqlType::Float8 if trimmed.parse::<f64>().is_ok() => {
            Error::new(Kind::NumericOutOfRange, format!("\"{trimmed}\" is out of range for type {target}"))
        }
        SqlType::Json | SqlType::Jsonb => invalid_text("json", text),
        SqlType::Enum(of) => {
            Error::new(Kind::InvalidText, format!("invalid input value for enum {}: \"{text}\"", of.name))
        }
        _ => invalid_text(&name, text),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text has the form of a date or time, so that only its numbers can be wrong.
fn looks_like_moment(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).count();
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | ':' | '.' | ' ' | 'T' | '+' | 'Z');
    numbers >= 3 && text.chars().all(allowed)
}

/// The same for a time of day without seconds.
fn looks_like_clock(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 2 && parts.iter().all(|part| is_integer(part))
}

/// Any beginning of true, false, yes, no; on, off (or `of`), 1, 0.
fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || lower == "1" {
        return Some(true);
    }
    (begins("false", 1) || begins("no", 1) || begins("off", 2) || lower == "0").then_some(false)
}

/// `\x` and hexadecimal digits, or text with `\\` and `\ooo`.
fn bytea(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: String = digits.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        return unhex(digits.as_bytes());
    }
    unescaped(text)
}

/// The bytes of a text with `\\` and `\ooo`; none where a backslash begins nothing.
pub fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    Some(bytes)
}

/// Thirty-two digits, with or without braces and hyphens, as PostgreSQL writes them.
fn uuid(text: &str) -> Option<String> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let digits: String = inner.chars().filter(|character| *character != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    Some([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

/// Reads `{a,"b c",NULL}`, of one dimension.
fn arrays(texts: &StringArray, target: &SqlType, item: &SqlType) -> Result<ArrayRef> {
    let mut all: Vec<Option<String>> = Vec::new();
    let mut lengths = Vec::with_capacity(texts.len());
    for text in texts {
        let before = all.len();
        if let Some(text) = text {
            if text.trim_start().starts_with("{{") {
                return Err(Error::new(Kind::Unsupported, "arrays have one dimension here"));
            }
            all.extend(
                array_elements(text)
                    .ok_or_else(|| Error::new(Kind::InvalidText, format!("malformed array literal: \"{text}\"")))?,
            );
        }
        lengths.push(all.len() - before);
    }
    let items = match all.is_empty() {
        true => new_empty_array(&item.arrow()),
        false => read(&StringArray::from(all), item)?,
    };
    let DataType::List(field) = target.arrow() else { return Err(Error::internal("an array type is no list")) };
    let nulls = texts.nulls().map(|nulls| NullBuffer::new(nulls.inner().clone()));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, nulls)?))
}

/// The elements of an array in text, `None` for NULL; nothing if the text is no array of one dimension.
pub fn array_elements(text: &str) -> Option<Vec<Option<String>>> {
    let mut rest = text.trim().strip_prefix('{')?;
    let mut items = Vec::new();
    if rest.trim_start().strip_prefix('}').is_some_and(str::is_empty) {
        return Some(items);
    }
    loop {
        rest = rest.trim_start();
        let quoted = rest.starts_with('"');
        let mut item = String::new();
        let mut characters = rest.char_indices().skip(usize::from(quoted));
        let end = loop {
            match characters.next()? {
                (_, '\\') => item.push(characters.next()?.1),
                (at, '"') if quoted => break at + 1,
                (_, '"' | '{') if !quoted => return None,
                (at, ',' | '}') if !quoted => break at,
                (_, character) => item.push(character),
            }
        };
        rest = rest[end..].trim_start();
        let bare = item.trim_end();
        items.push(match quoted {
            true => Some(item),
            false if bare.is_empty() => return None,
            false => (!bare.eq_ignore_ascii_case("null")).then(|| bare.to_owned()),
        });
        rest = match rest.as_bytes().first()? {
            b',' => &rest[1..],
            b'}' => return rest[1..].trim().is_empty().then_some(items),
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::cell_text;

    fn shown(text: &str, target: &SqlType) -> Result<Option<String>, Kind> {
        let array = read(&StringArray::from(vec![text]), target).map_err(|error| error.kind())?;
        Ok(cell_text(&array, 0))
    }

    #[test]
    fn texts_become_values() {
        for (text, target, expected) in [
            (" 7 ", SqlType::Int4, "7"),
            ("TRUE", SqlType::Bool, "t"),
            ("of", SqlType::Bool, "f"),
            ("+1.50", SqlType::Numeric(Some((5, 2))), "1.50"),
            ("1e3", SqlType::Numeric(Some((7, 2))), "1000.00"),
            ("Infinity", SqlType::Date, "infinity"),
            ("-infinity", SqlType::Timestamptz, "-infinity"),
            ("2024-02-29 10:05", SqlType::Timestamp, "2024-02-29 10:05:00"),
            ("2024-02-29 10:05:01+08", SqlType::Timestamp, "2024-02-29 10:05:01"),
            ("2024-02-29 10:05+08", SqlType::Timestamptz, "2024-02-29 02:05:00+00"),
            ("2020-03-08 02:30 America/New_York", SqlType::Timestamptz, "2020-03-08 07:30:00+00"),
            ("2000-01-01+08", SqlType::Timestamptz, "1999-12-31 16:00:00+00"),
            ("2000-01-01 -05", SqlType::Timestamptz, "2000-01-01 05:00:00+00"),
            ("2000-01-01-05", SqlType::Timestamptz, "2000-01-01 05:00:00+00"),
            ("2000-01-01 Europe/Berlin", SqlType::Timestamptz, "1999-12-31 23:00:00+00"),
            ("January 8, 1999", SqlType::Timestamptz, "1999-01-08 00:00:00+00"),
            ("12/31/2019", SqlType::Date, "2019-12-31"),
            ("10:05", SqlType::Time, "10:05:00"),
            ("1 year 2 days", SqlType::Interval, "1 year 2 days"),
            ("{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}", SqlType::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ("{\"b\":1, \"a\" : [1.50,2], \"b\":2}", SqlType::Jsonb, "{\"a\": [1.50, 2], \"b\": 2}"),
            ("{1,NULL, 3}", SqlType::Array(Box::new(SqlType::Int4)), "{1,NULL,3}"),
            ("\\x00ff", SqlType::Bytea, "\\x00ff"),
        ] {
            assert_eq!(shown(text, &target).unwrap().as_deref(), Some(expected), "{text} as {target}");
        }
    }

    #[test]
    fn what_is_no_value_is_told_from_what_does_not_fit() {
        for (text, target, expected) in [
            ("x", SqlType::Int4, Kind::InvalidText),
            ("99999999999", SqlType::Int4, Kind::NumericOutOfRange),
            ("1e40", SqlType::Numeric(Some((10, 2))), Kind::NumericOutOfRange),
            ("{", SqlType::Jsonb, Kind::InvalidText),
            ("2023-02-29", SqlType::Date, Kind::DatetimeOutOfRange),
            ("yesterday's", SqlType::Date, Kind::InvalidDatetime),
            ("1e400", SqlType::Float8, Kind::NumericOutOfRange),
            ("{1,", SqlType::Array(Box::new(SqlType::Int4)), Kind::InvalidText),
            ("perhaps", SqlType::Bool, Kind::InvalidText),
        ] {
            assert_eq!(shown(text, &target).unwrap_err(), expected, "{text} as {target}");
        }
    }
}
