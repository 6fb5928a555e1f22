//! Moments and lengths of time by templates: `YYYY-MM-DD HH24:MI:SS`, `FMDay, DDth FMMonth`.

use super::super::intervals::civil;
use super::super::made::{Args, Made, Span};
use super::ordinal;
use super::roman::roman;
use super::words::{Node, Pattern, nodes};
use crate::encoding::pg_text::is_infinite_moment;
use crate::error::{Error, Kind, Result};
use crate::sql::values::TimeZone;
use chrono::{Datelike, NaiveDateTime, Timelike};

/// Names of the months.
pub const MONTHS: [&str; 12] = [
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
/// Names of the days, from Sunday on.
pub const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What a template shows.
struct Shown {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// The moment; none of a length of time, which has no weekdays and no names of months.
    moment: Option<NaiveDateTime>,
    /// The zone; none of a clock without.
    zone: Option<String>,
    /// Seconds that its clocks are ahead of UTC.
    ahead: i64,
}

/// `to_char(timestamp, template)`
pub fn of_timestamp(row: &Args<'_>) -> Result<Made> {
    of_clock(row, row.moment(0), None, 0)
}

/// `to_char(timestamptz, template)` in UTC.
pub fn of_timestamptz(row: &Args<'_>) -> Result<Made> {
    of_clock(row, row.moment(0), Some("UTC".to_owned()), 0)
}

/// The same by the clocks of a zone.
pub fn in_zone(row: &Args<'_>) -> Result<Made> {
    let (moment, zone) = (row.moment(0), row.text(2));
    let clock = TimeZone::of_engine(zone)?.clock(moment)?;
    of_clock(row, clock, TimeZone::abbreviation(zone, moment), (clock - moment) / 1_000_000)
}

fn of_clock(row: &Args<'_>, clock: i64, zone: Option<String>, ahead: i64) -> Result<Made> {
    if is_infinite_moment(clock) {
        return Ok(Made::Null);
    }
    let moment = civil(clock)?;
    let shown = Shown {
        year: moment.year().into(),
        month: moment.month().into(),
        day: moment.day().into(),
        hour: moment.hour().into(),
        minute: moment.minute().into(),
        second: moment.second().into(),
        micros: (moment.nanosecond() / 1000).into(),
        moment: Some(moment),
        zone,
        ahead,
    };
    shown.by(row.text(1))
}

/// `to_char(interval, template)`
pub fn of_interval(row: &Args<'_>) -> Result<Made> {
    let Span { months, days, micros } = row.span(0);
    let shown = Shown {
        year: (months / 12).into(),
        month: (months % 12).into(),
        day: days.into(),
        hour: micros / 3_600_000_000,
        minute: micros / 60_000_000 % 60,
        second: micros / 1_000_000 % 60,
        micros: micros % 1_000_000,
        moment: None,
        zone: None,
        ahead: 0,
    };
    shown.by(row.text(1))
}

impl Shown {
    fn by(&self, template: &str) -> Result<Made> {
        let mut out = String::with_capacity(template.len() + 16);
        for node in nodes(template) {
            match node {
                Node::Separator(letter) | Node::Letter(letter) => out.push(letter),
                Node::Pattern { pattern, written, fill, ordinal: ending } => {
                    let text = self.one(pattern, &written, fill)?;
                    out.push_str(&text);
                    if let Some(upper) = ending.filter(|_| pattern.is_number()) {
                        out.push_str(ordinal(&text, upper));
                    }
                }
            }
        }
        Ok(if template.is_empty() { Made::Null } else { out.into() })
    }

    fn date(&self) -> Result<NaiveDateTime> {
        self.moment.ok_or_else(|| {
            Error::new(Kind::InvalidDatetime, "invalid format specification for an interval value")
                .with_hint("Intervals are not tied to specific calendar dates.")
        })
    }

    /// The year as it is counted before Christ too.
    fn counted(&self, year: i64) -> i64 {
        if self.moment.is_some() && year <= 0 { 1 - year } else { year }
    }

    fn one(&self, pattern: Pattern, written: &str, fill: bool) -> Result<String> {
        // A sign takes a place of its own.
        let padded = |number: i64, width: usize| {
            let width = if fill { 0 } else { width + usize::from(number < 0) };
            format!("{number:0width$}")
        };
        let twelve = if self.hour % 12 == 0 { 12 } else { self.hour % 12 };
        let seconds = self.hour * 3600 + self.minute * 60 + self.second;
        Ok(match pattern {
            Pattern::Exact => String::new(),
            Pattern::Era(points) => {
                let after = self.date()?.year() > 0;
                let name = match (after, points) {
                    (true, true) => "A.D.",
                    (true, false) => "AD",
                    (false, true) => "B.C.",
                    (false, false) => "BC",
                };
                cased(name, written)
            }
            Pattern::HalfDay(points) => {
                let name = match (self.hour.rem_euclid(24) >= 12, points) {
                    (false, true) => "A.M.",
                    (false, false) => "AM",
                    (true, true) => "P.M.",
                    (true, false) => "PM",
                };
                cased(name, written)
            }
            Pattern::Century => {
                let century = match self.moment {
                    None => self.year / 100,
                    Some(_) if self.year > 0 => (self.year - 1) / 100 + 1,
                    Some(_) => self.year / 100 - 1,
                };
                if (-99..=99).contains(&century) { padded(century, 2) } else { century.to_string() }
            }
            Pattern::MonthName | Pattern::MonthShort => {
                self.date()?;
                let name = MONTHS[(self.month - 1) as usize];
                match pattern {
                    Pattern::MonthName => wide(&cased(name, written), fill),
                    _ => cased(&name[..3], written),
                }
            }
            Pattern::DayName | Pattern::DayShort => {
                let name = DAYS[self.date()?.weekday().num_days_from_sunday() as usize];
                match pattern {
                    Pattern::DayName => wide(&cased(name, written), fill),
                    _ => cased(&name[..3], written),
                }
            }
            Pattern::Hour24 => padded(self.hour, 2),
            Pattern::Hour12 => padded(twelve, 2),
            Pattern::Minute => padded(self.minute, 2),
            Pattern::Second => padded(self.second, 2),
            Pattern::SecondOfDay => seconds.to_string(),
            Pattern::Millisecond => format!("{:03}", self.micros / 1000),
            Pattern::Microsecond => format!("{:06}", self.micros),
            Pattern::Fraction(places) => {
                format!("{:0places$}", self.micros / 10i64.pow(6 - places as u32))
            }
            Pattern::Month => padded(self.month, 2),
            Pattern::DayOfMonth => padded(self.day, 2),
            Pattern::DayOfYear => padded(self.date()?.ordinal().into(), 3),
            Pattern::IsoDayOfYear => {
                let date = self.date()?;
                let day = i64::from(date.iso_week().week() - 1) * 7 + i64::from(date.weekday().number_from_monday());
                padded(day, 3)
            }
            Pattern::DayOfWeek => (self.date()?.weekday().num_days_from_sunday() + 1).to_string(),
            Pattern::IsoDayOfWeek => self.date()?.weekday().number_from_monday().to_string(),
            Pattern::Week => padded(i64::from(self.date()?.ordinal0() / 7 + 1), 2),
            Pattern::IsoWeek => padded(self.date()?.iso_week().week().into(), 2),
            Pattern::WeekOfMonth => ((self.day - 1) / 7 + 1).to_string(),
            Pattern::Quarter if self.month == 0 => String::new(),
            Pattern::Quarter => ((self.month - 1) / 3 + 1).to_string(),
            Pattern::Year(digits) => self.year(self.counted(self.year), digits, fill),
            Pattern::IsoYear(digits) => self.year(self.counted(self.date()?.iso_week().year().into()), digits, fill),
            Pattern::YearWithComma => {
                let year = self.counted(self.year);
                format!("{},{:03}", year / 1000, year % 1000)
            }
            Pattern::RomanMonth if self.month == 0 => String::new(),
            Pattern::RomanMonth => {
                let name = roman(self.month.unsigned_abs().into()).unwrap_or_default();
                let name = if written == "rm" { name.to_lowercase() } else { name };
                if fill { name } else { format!("{name:<4}") }
            }
            Pattern::Julian => (i64::from(self.date()?.date().to_epoch_days()) + 2_440_588).to_string(),
            Pattern::Zone => {
                self.date()?;
                let name = self.zone.clone().unwrap_or_default();
                if written == "tz" { name.to_lowercase() } else { name }
            }
            Pattern::ZoneHour | Pattern::Offset => {
                self.date()?;
                let (sign, minutes) = (if self.ahead < 0 { '-' } else { '+' }, self.ahead.abs() / 60);
                match minutes % 60 {
                    rest if rest != 0 && pattern == Pattern::Offset => format!("{sign}{:02}:{rest:02}", minutes / 60),
                    _ => format!("{sign}{:02}", minutes / 60),
                }
            }
            Pattern::ZoneMinute => {
                self.date()?;
                format!("{:02}", self.ahead.abs() / 60 % 60)
            }
        })
    }

    fn year(&self, year: i64, digits: usize, fill: bool) -> String {
        let (shown, width) = match digits {
            4 => (year, 4),
            digits => (year % 10i64.pow(digits as u32), digits),
        };
        let width = if fill { 0 } else { width + usize::from(shown < 0) };
        format!("{shown:0width$}")
    }
}

/// A name in the letters of its pattern: `MONTH`, `Month`, `month`.
fn cased(name: &str, written: &str) -> String {
    let mut letters = written.chars().filter(|letter| letter.is_alphabetic());
    match (letters.next().is_some_and(char::is_uppercase), letters.next().is_some_and(char::is_uppercase)) {
        (true, true) => name.to_uppercase(),
        (true, false) => name.to_owned(),
        _ => name.to_lowercase(),
    }
}

/// With blanks up to the length of the longest name.
fn wide(name: &str, fill: bool) -> String {
    if fill { name.to_owned() } else { format!("{name:<9}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::pg_text::Cell;

    #[test]
    fn patterns_are_those_of_postgres() {
        let moment = chrono::NaiveDate::from_ymd_opt(2024, 2, 9).unwrap().and_hms_micro_opt(15, 4, 5, 6007).unwrap();
        let micros = moment.and_utc().timestamp_micros();
        for (pattern, expected) in [
            ("YYYY-MM-DD HH24:MI:SS", "2024-02-09 15:04:05"),
            ("yyyy/mm/dd", "2024/02/09"),
            ("FMMonth FMDDth, YYYY", "February 9th, 2024"),
            ("Month|DY|dy", "February |FRI|fri"),
            ("HH12:MI pm", "03:04 pm"),
            ("IYYY-\"W\"IW-ID Q DDD", "2024-W06-5 1 040"),
            ("SS.MS SS.US FF3", "05.006 05.006007 006"),
            ("YYYY年MM月", "2024年02月"),
            ("Y,YYY J RM BC SSSSS a.m.", "2,024 2460350 II   AD 54245 p.m."),
        ] {
            let cells = [Some(Cell::Timestamp(micros)), Some(Cell::Text(pattern.as_bytes()))];
            assert_eq!(of_timestamp(&Args(&cells)).unwrap(), Made::from(expected), "{pattern}");
        }
    }
}
