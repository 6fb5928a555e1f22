//! Dates, times and both together, in the written forms that tables hold.
//!
//! Numeric forms are read byte by byte: `2024-01-31`, `2024/1/31`, `31.01.2024`, `1/31/2024`, `20240131`, each with a
//! time after it (`T` or space, seconds, fractions, zone); times alone (`7:10 a.m.`, `23:59:59`). Forms with words
//! (`Jan 31, 2024`, `31 January 2024`, `2024年1月31日`) go the slower way.

/// What a text writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A day.
    Date,
    /// A day with a time.
    Timestamp,
    /// A time of day.
    Time,
    /// A month of a year.
    YearMonth,
}

/// The moment that `text` writes, `None` if it writes none. The day must exist.
pub fn moment(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    if bytes.len() < 4 || bytes.len() > 48 {
        return None;
    }
    if let Some(end) = numeric_date(bytes) {
        return after_date(&bytes[end..]);
    }
    if let Some(end) = time(bytes) {
        return bytes[end..].iter().all(|b| *b == b' ').then_some(Moment::Time);
    }
    if let Some(end) = worded_date(text) {
        return after_date(text.as_bytes().get(end..)?);
    }
    year_month(bytes).then_some(Moment::YearMonth)
}

/// Whether the day exists; years from 1000 to 2999.
pub fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1000..3000).contains(&year) && (1..=days).contains(&day)
}

/// Whether eight digits write a day as YYYYMMDD, from 1900 to 2100.
pub fn is_compact_day(digits: &[u8]) -> bool {
    digits.len() == 8
        && digits.iter().all(u8::is_ascii_digit)
        && (1900..=2100).contains(&value(&digits[..4]))
        && is_day(value(&digits[..4]), value(&digits[4..6]), value(&digits[6..]))
}

/// Whether six digits write a time as HHMMSS.
pub fn is_compact_time(digits: &[u8]) -> bool {
    digits.len() == 6 && value(&digits[..2]) < 24 && value(&digits[2..4]) < 60 && value(&digits[4..]) < 60
}

fn after_date(rest: &[u8]) -> Option<Moment> {
    match rest {
        [] => Some(Moment::Date),
        [b'T' | b't' | b' ', tail @ ..] | [b',', b' ', tail @ ..] => {
            // An hour alone, as in `2014-12-06 02`.
            if let [b'0'..=b'2', b'0'..=b'9'] = tail {
                return Some(Moment::Timestamp);
            }
            let end = time(tail)?;
            zone(&tail[end..]).then_some(Moment::Timestamp)
        }
        _ => None,
    }
}

/// Bytes of a numeric date at the start of `bytes`.
fn numeric_date(bytes: &[u8]) -> Option<usize> {
    let first = digits(bytes, 0);
    let separator = *bytes.get(first)?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let second = digits(bytes, first + 1);
    if second == first + 1 || bytes.get(second) != Some(&separator) {
        return None;
    }
    let third = digits(bytes, second + 1);
    let (a, b, c) = (&bytes[..first], &bytes[first + 1..second], &bytes[second + 1..third]);
    if b.len() > 2 {
        return None;
    }
    let (x, y, z) = (value(a), value(b), value(c));
    let fits = match (a.len(), c.len()) {
        (4, 1 | 2) => is_day(x, y, z),
        // Day first or month first: either may be meant. With dots, day first.
        (1 | 2, 4) => is_day(z, y, x) || (separator != b'.' && is_day(z, x, y)),
        (1 | 2, 2) if separator != b'.' => is_day(2000 + z, x, y) || is_day(2000 + z, y, x) || is_day(2000 + x, y, z),
        _ => false,
    };
    fits.then_some(third)
}

/// Bytes of a time at the start of `bytes`, an `am` or `pm` included.
fn time(bytes: &[u8]) -> Option<usize> {
    let hour = digits(bytes, 0);
    if !(1..=2).contains(&hour) || bytes.get(hour) != Some(&b':') || value(&bytes[..hour]) > 24 {
        return None;
    }
    let minute = digits(bytes, hour + 1);
    if minute != hour + 3 || value(&bytes[hour + 1..minute]) > 59 {
        return None;
    }
    let mut end = minute;
    if bytes.get(end) == Some(&b':') {
        let second = digits(bytes, end + 1);
        if second != end + 3 || value(&bytes[end + 1..second]) > 60 {
            return None;
        }
        end = second;
        if matches!(bytes.get(end), Some(b'.' | b',')) && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(bytes, end + 1);
        }
    }
    let rest = &bytes[end..];
    let skip = usize::from(rest.first() == Some(&b' '));
    let half: Vec<u8> = rest[skip..].iter().take(4).map(u8::to_ascii_lowercase).collect();
    let length = match half.as_slice() {
        b"a.m." | b"p.m." => 4,
        [b'a' | b'p', b'm', ..] => 2,
        _ => return Some(end),
    };
    Some(end + skip + length)
}

/// Whether `rest` is empty or a zone: `Z`, `UTC`, `+08:00`, ` +0800`.
fn zone(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    match rest {
        [] => true,
        b"Z" | b"z" | b"UTC" | b"GMT" | b"CST" | b"EST" | b"PST" => true,
        [b'+' | b'-', zone @ ..] => {
            (2..=5).contains(&zone.len()) && zone.iter().all(|b| b.is_ascii_digit() || *b == b':')
        }
        _ => false,
    }
}

/// `2024-01`, `2024/01`.
fn year_month(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 6 | 7)
        && digits(bytes, 0) == 4
        && matches!(bytes[4], b'-' | b'/')
        && digits(bytes, 5) == bytes.len()
        && (1900..=2100).contains(&value(&bytes[..4]))
        && (1..=12).contains(&value(&bytes[5..]))
}

/// Bytes of a date with a month's name or Chinese signs at the start of `text`.
fn worded_date(text: &str) -> Option<usize> {
    if let Some(year) = text.find('年') {
        let (month, day) = (text.find('月')?, text.find(['日', '号'])?);
        let part = |from: usize, to: usize| text.get(from..to)?.trim().parse::<u32>().ok();
        let (y, m, d) = (part(0, year)?, part(year + 3, month)?, part(month + 3, day)?);
        return is_day(y, m, d).then_some(day + 3);
    }
    if !text.is_ascii() {
        return None;
    }
    let mut parts: Vec<(&str, usize)> = Vec::with_capacity(4);
    let mut from = 0;
    for piece in text.split_inclusive([' ', ',', '-']) {
        let end = from + piece.len();
        let word = piece.trim_matches([' ', ',', '-', '.']);
        if !word.is_empty() {
            parts.push((word, end - (piece.len() - piece.trim_end_matches([' ', ',', '-']).len())));
        }
        from = end;
    }
    // A weekday may stand in front.
    let at = usize::from(parts.first().is_some_and(|(word, _)| is_weekday(word)));
    let [(a, _), (b, _), (c, end), ..] = parts.get(at..)? else { return None };
    let (month, day) = match (month_of(a), month_of(b)) {
        (Some(month), _) => (month, b.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()?),
        (_, Some(month)) => (month, a.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()?),
        _ => return None,
    };
    let year: u32 = c.parse().ok()?;
    let year = if c.len() == 2 { year + 2000 } else { year };
    is_day(year, month, day).then_some(*end)
}

/// Names of the months in English.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn month_of(word: &str) -> Option<u32> {
    if !(3..=9).contains(&word.len()) {
        return None;
    }
    let found = MONTHS.iter().position(|month| {
        month.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
            && (word.len() == 3 || word.len() == month.len() || word.len() == 4)
    })?;
    Some(found as u32 + 1)
}

fn is_weekday(word: &str) -> bool {
    word.len() >= 3
        && ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
            .iter()
            .any(|day| day.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))
}

/// The first position from `from` on that holds no digit.
fn digits(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).map_or(from, |rest| from + rest.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// The value of at most nine digits.
fn value(digits: &[u8]) -> u32 {
    digits.iter().take(9).fold(0, |sum, b| sum * 10 + u32::from(b.wrapping_sub(b'0') % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_many_forms() {
        for text in [
            "2024-01-31",
            "2024/1/31",
            "31.01.2024",
            "1/31/2024",
            "31/1/2024",
            "Jan 31, 2024",
            "31 January 2024",
            "2024年1月31日",
            "Jan-31-2024",
            "Wed, 31 Jan 2024",
        ] {
            assert_eq!(moment(text), Some(Moment::Date), "{text}");
        }
    }

    #[test]
    fn days_that_do_not_exist() {
        for text in ["2023-02-29", "2024-13-01", "32/13/2024", "2024年2月30日", "Feb 30, 2024", "1.2.3", "1-2-3"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn times_and_both() {
        for text in ["7:10 a.m.", "23:59:59", "08:05", "12:00pm"] {
            assert_eq!(moment(text), Some(Moment::Time), "{text}");
        }
        for text in [
            "2019-11-24 00:00:34.762830+00:00",
            "2024-01-31T08:00:00Z",
            "4/1/2016 21:05",
            "2014-12-06 02",
            "2024年1月31日 12:30",
        ] {
            assert_eq!(moment(text), Some(Moment::Timestamp), "{text}");
        }
        for text in ["25:00", "7:99", "2024-01-31T99", "Dec 31, 2024 apples"] {
            assert_eq!(moment(text), None, "{text}");
        }
        assert_eq!(moment("2024-01"), Some(Moment::YearMonth));
        assert!(is_compact_day(b"20240229") && !is_compact_day(b"20230229"));
    }

    #[test]
    fn nothing_panics() {
        for text in ["", "年月日", "2024年", "2024年月", "日月年2024", "::::", "----", "1/", "é-é-é-", "0-0-0"]
        {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
