//! Which number formats of a workbook show days and times, and what a number means then.
//!
//! A cell of a workbook that shows a date holds a number: days since the end of 1899 (or since 1904), the time of day behind
//! the point. That it is a date is said by its format alone: Office Open XML, part 1, 18.8.30.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

/// How a cell's number is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Style {
    /// As a number.
    #[default]
    Number,
    /// As a day, with a time of day if there is one.
    Moment,
    /// As a time of day, or how long something took.
    Time,
}

/// What a format shows: one that is built in by its number, others by their letters.
pub(super) fn style(id: u32, code: Option<&str>) -> Style {
    match (code, id) {
        (Some(code), _) => by_letters(code),
        (None, 14..=17 | 22 | 27..=31 | 34..=36 | 50..=54 | 57 | 58) => Style::Moment,
        (None, 18..=21 | 32 | 33 | 45..=47 | 55 | 56) => Style::Time,
        _ => Style::Number,
    }
}

/// The letters of a format's first part, without what stands in quotes, in brackets or behind a backslash.
fn by_letters(code: &str) -> Style {
    let (mut days, mut times, mut months) = (false, false, false);
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter.to_ascii_lowercase() {
            ';' => break,
            '"' => _ = letters.by_ref().find(|other| *other == '"'),
            '\\' | '_' | '*' => _ = letters.next(),
            '[' => {
                let inner: String = letters.by_ref().take_while(|other| *other != ']').collect();
                let is_lasting = |letter: char| matches!(letter.to_ascii_lowercase(), 'h' | 'm' | 's');
                times |= !inner.is_empty() && inner.chars().all(is_lasting);
            }
            'y' | 'd' | '年' | '日' => days = true,
            'h' | 's' => times = true,
            'm' => months = true,
            // General, and numbers of any form.
            'g' | '#' | '?' if !days && !times => return Style::Number,
            _ => {}
        }
    }
    match (days || (months && !times), times) {
        (true, _) => Style::Moment,
        (false, true) => Style::Time,
        (false, false) => Style::Number,
    }
}

/// The text of a moment as readers of texts know it: `2014-12-06`, with a time of day if it has one. None beyond the calendar.
pub(super) fn moment(serial: f64, since_1904: bool) -> Option<String> {
    if !(0.0..3_000_000.0).contains(&serial) {
        return None;
    }
    let (mut days, mut millis) = (serial.trunc() as u64, (serial.fract() * 86_400_000.0).round() as i64);
    if millis == 86_400_000 {
        (days, millis) = (days + 1, 0);
    }
    // The 29th of February 1900, which there was not, is day 60.
    let first = match (since_1904, days) {
        (true, _) => NaiveDate::from_ymd_opt(1904, 1, 1)?,
        (false, 0..60) => NaiveDate::from_ymd_opt(1899, 12, 31)?,
        (false, _) => NaiveDate::from_ymd_opt(1899, 12, 30)?,
    };
    let day = first.checked_add_days(Days::new(days))?;
    let time = NaiveTime::MIN + TimeDelta::milliseconds(millis);
    Some(match millis {
        0 => day.to_string(),
        _ if millis % 1000 == 0 => format!("{day} {}", time.format("%H:%M:%S")),
        _ => format!("{day} {}", time.format("%H:%M:%S%.3f")),
    })
}

/// The text of a time: hours may be more than a day has.
pub(super) fn time(serial: f64) -> Option<String> {
    if !(0.0..3_000_000.0).contains(&serial) {
        return None;
    }
    let millis = (serial * 86_400_000.0).round() as u64;
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(if rest == 0 { text } else { format!("{text}.{rest:03}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_days_times_and_numbers_apart() {
        let of = |code: &str| style(200, Some(code));
        for code in
            ["yyyy-mm-dd", "d/m/yy h:mm", "[$-409]mmm\\-yy;@", "m/d", "yyyy\"年\"m\"月\"", "mmmm", "[Red]dd.mm.yyyy"]
        {
            assert_eq!(of(code), Style::Moment, "{code}");
        }
        for code in ["h:mm", "[h]:mm:ss", "mm:ss", "h:mm AM/PM"] {
            assert_eq!(of(code), Style::Time, "{code}");
        }
        for code in ["0.00", "General", "#,##0.00 \"days\"", "0%", "[Red]0", "0.00E+00", "@", "\"$\"#,##0", "0\\d"] {
            assert_eq!(of(code), Style::Number, "{code}");
        }
        assert_eq!([style(14, None), style(21, None), style(2, None)], [Style::Moment, Style::Time, Style::Number]);
    }

    #[test]
    fn numbers_become_the_days_that_people_see() {
        let shown = |serial| moment(serial, false).unwrap();
        assert_eq!(shown(1.0), "1900-01-01");
        assert_eq!(shown(59.0), "1900-02-28");
        assert_eq!(shown(61.0), "1900-03-01");
        assert_eq!(shown(40_513.351_388_888_89), "2010-12-01 08:26:00");
        assert_eq!(shown(40_513.999_999_999), "2010-12-02");
        assert_eq!(moment(0.0, true).unwrap(), "1904-01-01");
        assert_eq!(moment(-1.0, false), None);
        assert_eq!(moment(f64::NAN, false), None);
        assert_eq!(time(0.5).unwrap(), "12:00:00");
        assert_eq!(time(1.5).unwrap(), "36:00:00");
    }
}
