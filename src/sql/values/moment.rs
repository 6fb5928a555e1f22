//! Dates and times in the forms that PostgreSQL reads with DateStyle `ISO, MDY` and Arrow's parser does not.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};

const DATES: &[&str] = &[
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%Y.%m.%d",
    "%d %B %Y",
    "%B %d, %Y",
    "%B %d %Y",
    "%Y-%B-%d",
    "%d-%B-%Y",
    "%B-%d-%Y",
    "%Y %B %d",
];
const TIMES: &[&str] = &["%H:%M:%S%.f", "%H:%M"];
const HALF_DAYS: &[&str] = &["%I:%M:%S%.f %p", "%I:%M:%S%.f%p", "%I:%M %p", "%I:%M%p"];
/// The Julian day of 1970-01-01.
const JULIAN_1970: i32 = 2_440_588;

/// The moment that a text names; a date alone is its midnight.
pub fn moment(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    if let Some(moment) = special(text) {
        return Some(moment);
    }
    if let Some(day) = day(text) {
        return day.and_hms_opt(0, 0, 0);
    }
    // The time is what begins with the last word that has a colon.
    let colon = text.find(':')?;
    let at = text[..colon].rfind([' ', 'T'])?;
    let day = match special(text[..at].trim_end()) {
        Some(moment) => moment.date(),
        None => day(text[..at].trim_end())?,
    };
    Some(day.and_time(time(&text[at + 1..])?))
}

/// Whether a text is a moment that depends on when it is read.
pub fn is_of_now(text: &str) -> bool {
    let word = text.trim().split(' ').next().unwrap_or_default();
    ["now", "today", "tomorrow", "yesterday"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The text with the day in place of a word that tells it by today.
pub fn with_day(text: &str, today: NaiveDate) -> Option<String> {
    let text = text.trim();
    let (word, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
    let day = match word.to_ascii_lowercase().as_str() {
        "today" => Some(today),
        "tomorrow" => today.checked_add_days(Days::new(1)),
        "yesterday" => today.checked_sub_days(Days::new(1)),
        _ => None,
    };
    day.map(|day| format!("{day}{rest}"))
}

/// Words that are moments.
fn special(word: &str) -> Option<NaiveDateTime> {
    let today = || Utc::now().date_naive();
    let midnight = |day: NaiveDate| day.and_hms_opt(0, 0, 0);
    match word.to_ascii_lowercase().as_str() {
        "now" => Some(Utc::now().naive_utc()),
        "today" => midnight(today()),
        "tomorrow" => midnight(today().checked_add_days(Days::new(1))?),
        "yesterday" => midnight(today().checked_sub_days(Days::new(1))?),
        "epoch" => midnight(NaiveDate::from_ymd_opt(1970, 1, 1)?),
        _ => None,
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    if let Some(day) = digits(text) {
        return Some(day);
    }
    // A year of two digits is none of the first century's.
    let short = |part: &str| part.len() < 3;
    let parts: Vec<&str> = text.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [year, day] if year.len() == 4 && day.len() == 3 && text.contains('.') => {
            NaiveDate::from_yo_opt(year.parse().ok()?, day.parse().ok()?)
        }
        [first, _, last] if short(first) && short(last) => None,
        _ => DATES.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok()),
    }
}

/// A day of digits alone: `19990108`, `990108`, `J2451187`.
fn digits(text: &str) -> Option<NaiveDate> {
    if let Some(julian) = text.strip_prefix(['J', 'j']) {
        let days = julian.parse::<i32>().ok()?.checked_sub(JULIAN_1970)?;
        return NaiveDate::from_epoch_days(days);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        8 => NaiveDate::parse_from_str(text, "%Y%m%d").ok(),
        6 => NaiveDate::parse_from_str(text, "%y%m%d").ok(),
        _ => None,
    }
}

fn time(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    TIMES.iter().chain(HALF_DAYS).find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_postgres_reads() {
        let read = |text: &str| moment(text).map(|m| m.to_string());
        for (text, expected) in [
            ("2019-11-24 00:05", "2019-11-24 00:05:00"),
            ("12/1/2010 8:26", "2010-12-01 08:26:00"),
            ("2019/11/24", "2019-11-24 00:00:00"),
            ("January 8, 1999", "1999-01-08 00:00:00"),
            ("1999-Jan-08", "1999-01-08 00:00:00"),
            ("08-Jan-1999", "1999-01-08 00:00:00"),
            ("990108", "1999-01-08 00:00:00"),
            ("1999.008", "1999-01-08 00:00:00"),
            ("J2451187", "1999-01-08 00:00:00"),
            ("Jan 8 1999 4:05 PM", "1999-01-08 16:05:00"),
            ("1999-01-08 04:05:06 PM", "1999-01-08 16:05:06"),
            ("epoch", "1970-01-01 00:00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        let today = NaiveDate::from_ymd_opt(2024, 2, 28).unwrap();
        assert_eq!(with_day("Tomorrow 10:00", today).as_deref(), Some("2024-02-29 10:00"));
        assert_eq!(with_day("2024-01-01", today), None);
        assert_eq!([read("2019-13-24 00:05"), read("24.11"), read("99-Jan-08")], [None, None, None]);
    }
}
