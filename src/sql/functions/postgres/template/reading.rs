//! Texts read by templates: `to_date('05 Dec 2000', 'DD Mon YYYY')`.

use super::super::made::{Args, Made};
use super::moments::{DAYS, MONTHS};
use super::words::{Node, Pattern, is_separator, nodes};
use crate::error::{Error, Kind, Result};
use crate::sql::values::TimeZone;
use chrono::{NaiveDate, Weekday};

const DAY_MICROS: i64 = 86_400_000_000;

/// What has been read.
#[derive(Default)]
struct Read {
    half: Option<bool>,
    twelve: bool,
    hour: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    second_of_day: Option<i64>,
    micros: Option<i64>,
    millis: Option<i64>,
    year: Option<i64>,
    year_digits: usize,
    before_christ: bool,
    century: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_week: Option<i64>,
    day_of_year: Option<i64>,
    week: Option<i64>,
    week_of_month: Option<i64>,
    julian: Option<i64>,
    zone_minutes: Option<i64>,
    zone_hours: Option<i64>,
    iso: Option<bool>,
}

/// `to_date(text, template)`
pub fn to_date(row: &Args<'_>) -> Result<Made> {
    let micros = moment(row.text(0), row.text(1))?;
    Ok(Made::Moment(micros.div_euclid(DAY_MICROS)))
}

/// `to_timestamp(text, template)`
pub fn to_timestamp(row: &Args<'_>) -> Result<Made> {
    Ok(Made::Moment(moment(row.text(0), row.text(1))?))
}

/// The same by the clocks of a zone.
pub fn to_timestamp_in_zone(row: &Args<'_>) -> Result<Made> {
    let clock = moment(row.text(0), row.text(1))?;
    Ok(Made::Moment(TimeZone::of_engine(row.text(2))?.moment(clock)?))
}

fn invalid(message: String) -> Error {
    Error::new(Kind::InvalidDatetime, message)
}

fn moment(text: &str, template: &str) -> Result<i64> {
    let nodes = nodes(template);
    let mut reader = Reader { rest: text, exact: false, skipped: 0, read: Read::default() };
    for (at, node) in nodes.iter().enumerate() {
        if reader.rest.is_empty() {
            break;
        }
        let separated = match nodes.get(at + 1) {
            None => true,
            Some(Node::Pattern { pattern, .. }) => !pattern.is_number(),
            Some(Node::Separator(letter) | Node::Letter(letter)) => !letter.is_ascii_digit(),
        };
        reader.node(node, at == 0, separated)?;
    }
    reader.read.moment().map_err(|error| {
        error.unwrap_or_else(|| {
            Error::new(Kind::DatetimeOutOfRange, format!("date/time field value out of range: \"{text}\""))
        })
    })
}

struct Reader<'a> {
    rest: &'a str,
    exact: bool,
    /// Blanks that were passed over beyond those of the template.
    skipped: i64,
    read: Read,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.rest.starts_with(|c: char| c.is_ascii_whitespace()) {
            self.rest = &self.rest[1..];
            self.skipped += 1;
        }
    }

    fn letter(&mut self) {
        let mut letters = self.rest.chars();
        letters.next();
        self.rest = letters.as_str();
    }

    fn node(&mut self, node: &Node, first: bool, separated: bool) -> Result<()> {
        if !self.exact && (first || matches!(node, Node::Pattern { .. })) {
            self.blanks();
        }
        match node {
            Node::Separator(_) if self.exact => self.letter(),
            Node::Separator(_) => {
                self.skipped -= 1;
                if self.rest.starts_with(is_separator) {
                    self.letter();
                    self.skipped += 1;
                }
            }
            Node::Letter(_) if !self.exact && self.skipped > 0 => self.skipped -= 1,
            Node::Letter(_) => self.letter(),
            Node::Pattern { pattern, written, fill, ordinal } => {
                if let Some(iso) = date_mode(*pattern) {
                    if self.read.iso.is_some_and(|known| known != iso) {
                        return Err(invalid("invalid combination of date conventions".to_owned()).with_hint(
                            "Do not mix Gregorian and ISO week date conventions in a formatting template.",
                        ));
                    }
                    self.read.iso = Some(iso);
                }
                let slurps = *fill || separated && ordinal.is_none();
                self.pattern(*pattern, written, slurps)?;
                if ordinal.is_some() && pattern.is_number() {
                    self.letter();
                    self.letter();
                }
                if !self.exact {
                    self.skipped = 0;
                    self.blanks();
                }
            }
        }
        Ok(())
    }

    /// A whole number of so many digits, or of as many as there are; and how many letters it has.
    fn number(&mut self, written: &str, length: usize, slurps: bool) -> Result<(i64, usize)> {
        let begun = self.rest;
        let rest = begun.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let signed = rest.strip_prefix(['-', '+']).map_or(0, |_| 1);
        let digits = rest[signed..].bytes().take_while(u8::is_ascii_digit).count();
        let taken = match slurps {
            true => signed + digits,
            false => {
                if rest.chars().count() < length {
                    return Err(invalid(format!("source string too short for \"{written}\" formatting field"))
                        .with_detail(format!(
                            "Field requires {length} characters, but only {} remain.",
                            rest.chars().count()
                        ))
                        .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
                }
                let used = (signed + digits).min(length);
                if used > 0 && used < length {
                    let value: String = rest.chars().take(length).collect();
                    return Err(invalid(format!("invalid value \"{value}\" for \"{written}\""))
                        .with_detail(format!("Field requires {length} characters, but only {used} could be parsed."))
                        .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
                }
                used
            }
        };
        if digits == 0 || taken == 0 {
            let value: String = rest.chars().take(length).collect();
            return Err(invalid(format!("invalid value \"{value}\" for \"{written}\""))
                .with_detail("Value must be an integer."));
        }
        let number = rest[..taken].parse::<i64>().ok().filter(|number| i32::try_from(*number).is_ok());
        let number = number.ok_or_else(|| {
            Error::new(Kind::DatetimeOutOfRange, format!("value for \"{written}\" in source string is out of range"))
                .with_detail("Value must be in the range -2147483648 to 2147483647.")
        })?;
        self.rest = &rest[taken..];
        Ok((number, begun.len() - self.rest.len()))
    }

    /// Which of several names comes next, in any letters.
    fn name(&mut self, written: &str, names: &[&str]) -> Result<usize> {
        let found = names
            .iter()
            .enumerate()
            .filter(|(_, name)| self.rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)));
        match found.max_by_key(|(_, name)| name.len()) {
            Some((at, name)) => {
                self.rest = &self.rest[name.len()..];
                Ok(at)
            }
            None => {
                let value: String = self.rest.chars().take_while(|c| !c.is_ascii_whitespace()).collect();
                Err(invalid(format!("invalid value \"{value}\" for \"{written}\""))
                    .with_detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }

    fn pattern(&mut self, pattern: Pattern, written: &str, slurps: bool) -> Result<()> {
        let length = match pattern {
            Pattern::Hour24 | Pattern::Hour12 => 2,
            Pattern::Millisecond => 3,
            Pattern::Microsecond => 6,
            Pattern::Fraction(places) => places,
            _ => written.len(),
        };
        match pattern {
            Pattern::Exact => self.exact = true,
            Pattern::HalfDay(points) => {
                let names = if points { ["a.m.", "p.m."] } else { ["am", "pm"] };
                let half = self.name(written, &names)?;
                self.read.half = Some(half == 1);
                self.read.twelve = true;
            }
            Pattern::Era(points) => {
                let names = if points { ["b.c.", "a.d."] } else { ["bc", "ad"] };
                self.read.before_christ = self.name(written, &names)? == 0;
            }
            Pattern::MonthName => {
                let month = self.name(written, &MONTHS)?;
                set(&mut self.read.month, month as i64 + 1, written)?;
            }
            Pattern::MonthShort => {
                let month = self.name(written, &MONTHS.map(|name| &name[..3]))?;
                set(&mut self.read.month, month as i64 + 1, written)?;
            }
            Pattern::DayName => self.read.day_of_week = Some(self.name(written, &DAYS)? as i64 + 1),
            Pattern::DayShort => {
                self.read.day_of_week = Some(self.name(written, &DAYS.map(|name| &name[..3]))? as i64 + 1);
            }
            Pattern::RomanMonth => {
                let names = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"];
                let month = self.name(written, &names)?;
                set(&mut self.read.month, month as i64 + 1, written)?;
            }
            Pattern::Zone | Pattern::Offset => {
                let message = format!("formatting field \"{written}\" is only supported in to_char");
                return Err(Error::new(Kind::Unsupported, message));
            }
            Pattern::YearWithComma => {
                let (thousands, _) = self.number(written, 1, true)?;
                let Some(rest) = self.rest.strip_prefix(',') else {
                    return Err(invalid("invalid input string for \"Y,YYY\"".to_owned()));
                };
                self.rest = rest;
                let (year, _) = self.number(written, 3, false)?;
                set(&mut self.read.year, thousands * 1000 + year, written)?;
                self.read.year_digits = 4;
            }
            pattern => {
                let (number, letters) = self.number(written, length, slurps)?;
                self.number_read(pattern, number, letters, written)?;
            }
        }
        Ok(())
    }

    fn number_read(&mut self, pattern: Pattern, number: i64, letters: usize, written: &str) -> Result<()> {
        let read = &mut self.read;
        // `25` thousandths are a quarter of a second.
        let scaled = |places: u32| number * 10i64.pow(places.saturating_sub(letters as u32));
        match pattern {
            Pattern::Hour24 => set(&mut read.hour, number, written),
            Pattern::Hour12 => {
                read.twelve = true;
                set(&mut read.hour, number, written)
            }
            Pattern::Minute => set(&mut read.minute, number, written),
            Pattern::Second => set(&mut read.second, number, written),
            Pattern::SecondOfDay => set(&mut read.second_of_day, number, written),
            Pattern::Millisecond => set(&mut read.millis, scaled(3), written),
            Pattern::Microsecond | Pattern::Fraction(_) => set(&mut read.micros, scaled(6), written),
            Pattern::Month => set(&mut read.month, number, written),
            Pattern::DayOfMonth => set(&mut read.day, number, written),
            Pattern::DayOfYear | Pattern::IsoDayOfYear => set(&mut read.day_of_year, number, written),
            Pattern::DayOfWeek => set(&mut read.day_of_week, number, written),
            Pattern::IsoDayOfWeek => set(&mut read.day_of_week, number % 7 + 1, written),
            Pattern::Week | Pattern::IsoWeek => set(&mut read.week, number, written),
            Pattern::WeekOfMonth => set(&mut read.week_of_month, number, written),
            Pattern::Julian => set(&mut read.julian, number, written),
            Pattern::Century => set(&mut read.century, number, written),
            Pattern::ZoneHour => set(&mut read.zone_hours, number, written),
            Pattern::ZoneMinute => set(&mut read.zone_minutes, number, written),
            Pattern::Year(digits) | Pattern::IsoYear(digits) => {
                read.year_digits = digits;
                let near = if digits < 4 && letters < 4 { near_2020(number) } else { number };
                set(&mut read.year, near, written)
            }
            // A quarter says nothing that a date is made of.
            _ => Ok(()),
        }
    }
}

/// Whether a pattern counts as ISO 8601 does; nothing for one of both.
fn date_mode(pattern: Pattern) -> Option<bool> {
    use Pattern::{
        Century, DayOfMonth, DayOfWeek, DayOfYear, Month, MonthName, MonthShort, Quarter, RomanMonth, Week,
        WeekOfMonth, Year, YearWithComma,
    };
    match pattern {
        pattern if pattern.is_iso() => Some(true),
        Century | DayOfMonth | DayOfWeek | DayOfYear | Month | MonthName | MonthShort | Quarter | RomanMonth | Week
        | WeekOfMonth | Year(_) | YearWithComma => Some(false),
        _ => None,
    }
}

/// Two digits of a year mean the one next to 2020.
fn near_2020(year: i64) -> i64 {
    match year {
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

fn set(field: &mut Option<i64>, value: i64, written: &str) -> Result<()> {
    if field.is_some_and(|known| known != value) {
        return Err(invalid(format!("conflicting values for \"{written}\" field in formatting string"))
            .with_detail("This value contradicts a previous setting for the same field type."));
    }
    *field = Some(value);
    Ok(())
}

impl Read {
    /// The moment that all of it says; an error of no words for one that there is not.
    fn moment(&self) -> std::result::Result<i64, Option<Error>> {
        let (mut hour, mut minute, mut second) =
            (self.hour.unwrap_or(0), self.minute.unwrap_or(0), self.second.unwrap_or(0));
        if let Some(all) = self.second_of_day {
            (hour, minute, second) = (all / 3600, all / 60 % 60, all % 60);
        }
        if self.twelve && self.hour.is_some() {
            if !(1..=12).contains(&hour) {
                return Err(Some(
                    invalid(format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                        .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."),
                ));
            }
            match self.half {
                Some(true) if hour < 12 => hour += 12,
                Some(true) => {}
                _ if hour == 12 => hour = 0,
                _ => {}
            }
        }
        let micros = self.millis.unwrap_or(0) * 1000 + self.micros.unwrap_or(0);
        let within = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        if !within || !(0..1_000_000).contains(&micros) {
            return Err(None);
        }
        let days = self.days()?;
        let time = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
        let zone = self.zone_hours.unwrap_or(0) * 60;
        let minutes = self.zone_minutes.unwrap_or(0);
        let zone = if zone < 0 { zone - minutes } else { zone + minutes };
        Ok(days * DAY_MICROS + time - zone * 60_000_000)
    }

    fn days(&self) -> std::result::Result<i64, Option<Error>> {
        if let Some(julian) = self.julian {
            return Ok(julian - 2_440_588);
        }
        let mut year = self.year();
        if self.before_christ {
            year = 1 - year.abs().max(1);
        }
        let (mut month, mut day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let iso = self.iso == Some(true);
        let short = |value: i64| i32::try_from(value).map_err(|_| None);
        let mut of_year = self.day_of_year;
        if let Some(week) = self.week {
            if iso {
                // Sunday is the first here, and the last there.
                let weekday = match self.day_of_week {
                    Some(1) => Weekday::Sun,
                    Some(day) => {
                        u8::try_from(day - 2).ok().and_then(|n| Weekday::try_from(n).ok()).unwrap_or(Weekday::Mon)
                    }
                    None => Weekday::Mon,
                };
                let week = u32::try_from(week).map_err(|_| None)?;
                let date = NaiveDate::from_isoywd_opt(short(year)?, week, weekday);
                return date.map(|date| i64::from(date.to_epoch_days())).ok_or(None);
            }
            of_year = Some((week - 1) * 7 + 1);
        }
        if let Some(week) = self.week_of_month {
            day = (week - 1) * 7 + 1;
        }
        if let Some(of_year) = of_year.filter(|_| self.month.is_none() || self.day.is_none()) {
            if self.year.is_none() && self.century.is_none() && !self.before_christ {
                let message = "cannot calculate day of year without year information";
                return Err(Some(invalid(message.to_owned())));
            }
            let of_year = u32::try_from(of_year).map_err(|_| None)?;
            let date = match iso {
                true => NaiveDate::from_isoywd_opt(short(year)?, 1, chrono::Weekday::Mon)
                    .and_then(|first| first.checked_add_days(chrono::Days::new(u64::from(of_year) - 1))),
                false => NaiveDate::from_yo_opt(short(year)?, of_year),
            };
            return date.map(|date| i64::from(date.to_epoch_days())).ok_or(None);
        }
        // A month or a day of zero is the first.
        (month, day) = (month.max(i64::from(month == 0)), day.max(i64::from(day == 0)));
        let part = |value: i64| u32::try_from(value).map_err(|_| None);
        let date = NaiveDate::from_ymd_opt(short(year)?, part(month)?, part(day)?);
        date.map(|date| i64::from(date.to_epoch_days())).ok_or(None)
    }

    /// The year, of a century where that is said.
    fn year(&self) -> i64 {
        match (self.year, self.century) {
            (Some(year), Some(century)) if self.year_digits <= 2 => match century < 0 {
                true => (century + 1) * 100 - year % 100 + 1,
                false => {
                    let year = year % 100;
                    if year == 0 { century * 100 } else { (century - 1) * 100 + year }
                }
            },
            (Some(year), _) => year,
            (None, Some(century)) if century >= 0 => (century - 1) * 100 + 1,
            (None, Some(century)) => century * 100 + 1,
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_by_templates() {
        let day = |text: &str, template: &str| {
            moment(text, template).map(|micros| {
                let moment = chrono::DateTime::from_timestamp_micros(micros).unwrap();
                moment.naive_utc().to_string()
            })
        };
        for (text, template, expected) in [
            ("05 Dec 2000", "DD Mon YYYY", "2000-12-05 00:00:00"),
            ("20240131", "YYYYMMDD", "2024-01-31 00:00:00"),
            ("2024-05", "YYYY-MM", "2024-05-01 00:00:00"),
            ("2024-01-31 10:20:30", "YYYY-MM-DD HH24:MI:SS", "2024-01-31 10:20:30"),
            ("12/31/2023 11:59 PM", "MM/DD/YYYY HH12:MI AM", "2023-12-31 23:59:00"),
            ("2024-366", "YYYY-DDD", "2024-12-31 00:00:00"),
            ("2024-W05", "IYYY-\"W\"IW", "2024-01-29 00:00:00"),
            ("97/2/16", "YY/MM/DD", "1997-02-16 00:00:00"),
            ("12.5", "SS.MS", "0000-01-01 00:00:12.500"),
        ] {
            assert_eq!(day(text, template).unwrap(), expected, "{text} {template}");
        }
        assert_eq!(day("32 Jan 2024", "DD Mon YYYY").unwrap_err().kind(), Kind::DatetimeOutOfRange);
        assert_eq!(day("apple", "YYYY").unwrap_err().kind(), Kind::InvalidDatetime);
    }
}
