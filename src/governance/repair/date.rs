//! Days and moments, as ISO 8601 writes them.

use super::text::half_width;
use crate::governance::semantic_type::MONTHS;
use chrono::NaiveDate;

/// Which part of a day written with numbers comes first, where the year does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// 31/12/2024
    DayFirst,
    /// 12/31/2024
    MonthFirst,
}

/// A day as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The day.
    pub day: NaiveDate,
    /// The order that its numbers say by themselves, if day and month are numbers behind each other before the year.
    pub order: Option<Order>,
    /// Day and month could be the other way round: they are as `order` of [`day`] says.
    pub doubtful: bool,
}

/// A day, or a day and a time, as `YYYY-MM-DD` or `YYYY-MM-DD HH:MM[:SS]`. Day and month in numbers that could be either are read in
/// `order`; without one there is no canonical form. Years of two digits are those from 1969 to 2068, as POSIX reads them.
pub fn date(text: &str, order: Option<Order>) -> Option<String> {
    let text = half_width(text);
    let (day, rest) = day(text.trim(), order)?;
    let iso = day.day.format("%Y-%m-%d").to_string();
    let rest = rest.trim_start_matches(['T', 't', ',', ' ']).trim();
    match rest.is_empty() {
        true => Some(iso),
        false => Some(format!("{iso} {}", time(rest)?)),
    }
}

/// The day at the beginning of a text, and what follows it.
pub fn day(text: &str, order: Option<Order>) -> Option<(Day, &str)> {
    numbers(text, order).or_else(|| compact(text)).or_else(|| named(text))
}

fn made(year: i32, month: u32, day: u32) -> Option<Day> {
    let day = NaiveDate::from_ymd_opt(year, month, day).filter(|_| (1000..=2999).contains(&year))?;
    Some(Day { day, order: None, doubtful: false })
}

/// Digits at the beginning, as a number, and how many.
fn leading(text: &str) -> Option<(u32, usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    ((1..=4).contains(&end)).then_some(())?;
    Some((digits.parse().ok()?, end, rest))
}

fn year_of(number: u32, digits: usize) -> Option<i32> {
    match digits {
        4 => i32::try_from(number).ok(),
        2 => i32::try_from(number).ok().map(|year| if year < 69 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

/// `2024-1-31`, `2024年1月31日`, `31.1.2024`, `1/31/24`.
fn numbers(text: &str, order: Option<Order>) -> Option<(Day, &str)> {
    let (first, first_digits, rest) = leading(text)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.' | '年'))?;
    let rest = rest.get(separator.len_utf8()..)?.trim_start();
    let (second, _, rest) = leading(rest)?;
    let again = if separator == '年' { '月' } else { separator };
    let rest = rest.trim_start().strip_prefix(again)?.trim_start();
    let (third, third_digits, rest) = leading(rest)?;
    let rest = if separator == '年' { rest.trim_start().trim_start_matches(['日', '号']) } else { rest };
    // Another number would make it a version or an address.
    if rest.starts_with(['-', '/', '.']) {
        return None;
    }
    if first_digits == 4 {
        return Some((made(i32::try_from(first).ok()?, second, third)?, rest));
    }
    if first_digits > 2 || separator == '年' {
        return None;
    }
    let year = year_of(third, third_digits)?;
    let (day_first, month_first) = (made(year, second, first), made(year, first, second));
    let day = match (day_first, month_first) {
        (Some(day), Some(other)) if day.day == other.day => day,
        (Some(day), None) => Day { order: Some(Order::DayFirst), ..day },
        (None, Some(day)) => Day { order: Some(Order::MonthFirst), ..day },
        (Some(day), Some(other)) => {
            let day = if order? == Order::DayFirst { day } else { other };
            Day { doubtful: true, ..day }
        }
        (None, None) => return None,
    };
    Some((day, rest))
}

/// `20240131`.
fn compact(text: &str) -> Option<(Day, &str)> {
    let digits = text.get(..8).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let rest = text.get(8..)?;
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    Some((made(i32::try_from(part(0, 4)?).ok()?, part(4, 6)?, part(6, 8)?)?, rest))
}

fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.').to_lowercase();
    let at = MONTHS.iter().position(|month| *month == word || month.get(..3) == Some(&word));
    let at = at.or_else(|| (word == "sept").then_some(8))?;
    u32::try_from(at + 1).ok()
}

/// `31 Jan 2024`, `31-Jan-24`, `January 31, 2024`, with the name of the weekday before it or without.
fn named(text: &str) -> Option<(Day, &str)> {
    let mut rest = text;
    let mut parts: Vec<&str> = Vec::new();
    while parts.len() < 4 {
        rest = rest.trim_start_matches([' ', ',', '-', '/']);
        let letters = rest.starts_with(char::is_alphabetic);
        let end = rest.find(|c: char| if letters { !c.is_alphabetic() && c != '.' } else { !c.is_alphanumeric() });
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        if part.is_empty() {
            return None;
        }
        rest = after;
        let weekday = part.get(..3).is_some_and(|three| {
            matches!(three.to_lowercase().as_str(), "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")
        });
        if parts.is_empty() && weekday {
            continue;
        }
        parts.push(part);
        if parts.len() == 3 {
            break;
        }
    }
    let [a, b, c] = parts.as_slice() else { return None };
    let of_month = |text: &str| {
        let text = text.trim_end_matches(|c: char| c.is_alphabetic());
        text.parse::<u32>().ok()
    };
    let year = |text: &str| year_of(text.parse().ok()?, text.len());
    let day = match (month(a), month(b)) {
        (Some(month), _) => made(year(c)?, month, of_month(b)?)?,
        (None, Some(month)) => made(year(c)?, month, of_month(a)?)?,
        _ => return None,
    };
    Some((day, rest))
}

/// A time of a day as `HH:MM` or `HH:MM:SS`, with what follows it of a zone.
fn time(text: &str) -> Option<String> {
    let (clock, zone) = match text.find(['+', 'Z', 'z']) {
        Some(at) if at >= 4 => text.split_at(at),
        _ => (text, ""),
    };
    let lower = clock.trim().to_lowercase().replace("a.m.", "am").replace("p.m.", "pm");
    let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim(), Some(false)),
        (_, Some(clock)) => (clock.trim(), Some(true)),
        _ => (lower.as_str(), None),
    };
    let (clock, fraction) = clock.split_once('.').map_or((clock, String::new()), |(c, f)| (c, format!(".{f}")));
    let parts: Vec<u32> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (&hour, &minute) = (parts.first()?, parts.get(1).unwrap_or(&0));
    let second = parts.get(2).copied();
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(after) => hour % 12 + if after { 12 } else { 0 },
        None if parts.len() < 2 => return None,
        None => hour,
    };
    let zone_fits = zone.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b':') && zone.len() <= 6;
    if hour > 23 || minute > 59 || second.unwrap_or(0) > 59 || parts.len() > 3 || !zone_fits {
        return None;
    }
    if !fraction.bytes().skip(1).all(|b| b.is_ascii_digit()) || !fraction.is_empty() && second.is_none() {
        return None;
    }
    let zone = if zone == "z" { "Z" } else { zone };
    Some(match second {
        Some(second) => format!("{hour:02}:{minute:02}:{second:02}{fraction}{zone}"),
        None => format!("{hour:02}:{minute:02}{zone}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        let iso = |text: &str| date(text, None);
        for text in ["2024/1/31", "2024年1月31日", "20240131", "31.1.2024", "1/31/24", "Jan 31st, 2024", "31-Jan-24"]
        {
            assert_eq!(iso(text).as_deref(), Some("2024-01-31"), "{text}");
        }
        assert_eq!(iso("Wed, 31 January 2024 7:05 p.m.").as_deref(), Some("2024-01-31 19:05"));
        assert_eq!(iso("2024-01-31T07:05:09Z").as_deref(), Some("2024-01-31 07:05:09Z"));
        assert_eq!(iso("3/4/2024"), None, "the third of April or the fourth of March");
        assert_eq!(date("3/4/2024", Some(Order::DayFirst)).as_deref(), Some("2024-04-03"));
        assert_eq!(date("3/4/2024", Some(Order::MonthFirst)).as_deref(), Some("2024-03-04"));
        for none in ["2024-02-30", "1.2.3.4", "soon", "2024-01-31 25:00", "12", "2024-01-31 or later"] {
            assert_eq!(iso(none), None, "{none}");
        }
    }
}
