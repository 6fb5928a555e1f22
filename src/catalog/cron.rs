//! Expressions of cron: which minutes of which days.
//!
//! Five fields, minute hour day-of-month month day-of-week, as Vixie's cron reads them: `*`, numbers, names of months and days,
//! ranges, steps and lists. Where both days are restricted (neither begins with `*`), one of them is enough. `@hourly`, `@daily` (also `@midnight`), `@weekly`,
//! `@monthly` and `@yearly` (also `@annually`) stand for what they say.
//!
//! When clocks are put forward, what was to run at a time that does not come runs as soon as the clocks have been put; what was to run
//! at a time that comes twice runs the first time. That is for expressions that name times: where the minute or the hour begins with `*` the
//! clocks alone count.

use crate::error::{Error, Kind, Result};
use arrow::array::timezone::Tz;
use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};

/// Days that are looked at for the next time: the 29th of February comes within eight years.
const DAYS_MAX: u64 = 366 * 9;
/// Clocks are put by no more minutes than that.
const SHIFT_MINUTES: i64 = 180;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// An expression that was read: a bit for each number that a field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both days are restricted: one of them is enough.
    either_day: bool,
    /// It names no times: what clocks show is all that counts.
    by_clock: bool,
}

/// A field: its name, the numbers that it may have, and the names of them from the first on.
struct Field {
    what: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { what: "minute", first: 0, last: 59, names: &[] },
    Field { what: "hour", first: 0, last: 23, names: &[] },
    Field { what: "day of month", first: 1, last: 31, names: &[] },
    Field { what: "month", first: 1, last: 12, names: &MONTHS },
    Field { what: "day of week", first: 0, last: 7, names: &WEEKDAYS },
];

impl Field {
    fn wrong(&self, text: &str) -> Error {
        Error::new(Kind::InvalidParameter, format!("invalid {} in a cron expression: \"{text}\"", self.what))
            .with_hint(format!("It is from {} to {}.", self.first, self.last))
    }

    fn number(&self, text: &str, whole: &str) -> Result<u32> {
        let lower = text.to_lowercase();
        if let Some(at) = self.names.iter().position(|name| *name == lower) {
            return Ok(self.first + at as u32);
        }
        let is_number = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number && (self.first..=self.last).contains(&number) => Ok(number),
            _ => Err(self.wrong(whole)),
        }
    }

    /// The bits of `*/2`, `1-5`, `mon,wed`, `10-30/5`.
    fn bits(&self, text: &str) -> Result<u64> {
        let mut bits = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    let step = step.parse().ok().filter(|step| (1..=self.last).contains(step));
                    (range, step.ok_or_else(|| self.wrong(text))?)
                }
                None => (part, 1),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (self.first, self.last),
                Some((from, to)) => (self.number(from, text)?, self.number(to, text)?),
                // Steps of one number make no sense to Vixie's cron.
                None if part.contains('/') => return Err(self.wrong(text)),
                None => (self.number(range, text)?, self.number(range, text)?),
            };
            if from > to {
                return Err(self.wrong(text));
            }
            (from..=to).step_by(step as usize).for_each(|number| bits |= 1 << number);
        }
        Ok(bits)
    }
}

impl Cron {
    /// Reads an expression; one that is none, or that names days that never come, is [`Kind::InvalidParameter`].
    pub fn parse(text: &str) -> Result<Self> {
        let cron = Self::read(text)?;
        // Any eight years have all the days that there are.
        match cron.next(0, "UTC") {
            Some(_) => Ok(cron),
            None => Err(Error::new(Kind::InvalidParameter, format!("cron expression \"{text}\" never comes"))),
        }
    }

    /// As [`Self::parse`], of one that is known to come.
    pub fn read(text: &str) -> Result<Self> {
        let written = match text.trim().to_lowercase().as_str() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ => text,
        };
        let fields: Vec<&str> = written.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(Error::new(Kind::InvalidParameter, format!("invalid cron expression: \"{text}\""))
                .with_hint("It has five fields: minute, hour, day of month, month, day of week."));
        };
        let bits = |at: usize, text: &str| FIELDS[at].bits(text);
        let mut weekdays = bits(4, weekday)?;
        // Sunday is 0 and 7.
        weekdays |= (weekdays >> 7) & 1;
        Ok(Self {
            minutes: bits(0, minute)?,
            hours: bits(1, hour)?,
            days: bits(2, day)?,
            months: bits(3, month)?,
            weekdays: weekdays & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            by_clock: minute.starts_with('*') || hour.starts_with('*'),
        })
    }

    fn is_day(&self, date: NaiveDate) -> bool {
        let has = |bits: u64, number: u32| bits >> number & 1 == 1;
        let (day, weekday) = (has(self.days, date.day()), has(self.weekdays, date.weekday().num_days_from_sunday()));
        let days = if self.either_day { day || weekday } else { day && weekday };
        has(self.months, date.month()) && days
    }

    /// The first moment after this one, in milliseconds since 1970, by the clocks of a zone; UTC where it is none.
    pub fn next(&self, after_ms: i64, zone: &str) -> Option<i64> {
        let zone: Tz = zone.parse().or_else(|_| "UTC".parse()).ok()?;
        let after = DateTime::<Utc>::from_timestamp_millis(after_ms)?;
        let clock = zone.from_utc_datetime(&after.naive_utc()).naive_local();
        let from = clock - TimeDelta::minutes(SHIFT_MINUTES);
        let first = from.date();
        let mut found: Option<DateTime<Utc>> = None;
        for ahead in 0..DAYS_MAX {
            let date = first.checked_add_days(Days::new(ahead))?;
            let of_day = self.of_day(date, from, after, &zone);
            // Where clocks are put back at midnight a later day may come first.
            if let Some(before) = found {
                return Some(of_day.map_or(before, |moment| moment.min(before)).timestamp_millis());
            }
            found = of_day;
        }
        found.map(|moment| moment.timestamp_millis())
    }

    /// The first moment of a day that is after `after`; times of its clock before `from` are not looked at.
    fn of_day(&self, date: NaiveDate, from: NaiveDateTime, after: DateTime<Utc>, zone: &Tz) -> Option<DateTime<Utc>> {
        if !self.is_day(date) {
            return None;
        }
        let mut found: Option<(DateTime<Utc>, NaiveDateTime)> = None;
        for hour in (0..24).filter(|hour| self.hours >> hour & 1 == 1) {
            for minute in (0..60).filter(|minute| self.minutes >> minute & 1 == 1) {
                let clock = date.and_time(NaiveTime::from_hms_opt(hour, minute, 0)?);
                if clock < from {
                    continue;
                }
                // Later times come first only where clocks were put between them.
                if let Some((moment, at)) = found
                    && clock - at > TimeDelta::minutes(SHIFT_MINUTES)
                {
                    return Some(moment);
                }
                let moments = self.moments(clock, zone);
                let next = moments.into_iter().flatten().filter(|moment| *moment > after).min();
                if let Some(next) = next
                    && found.is_none_or(|(moment, _)| next < moment)
                {
                    found = Some((next, found.map_or(clock, |(_, at)| at)));
                }
            }
        }
        found.map(|(moment, _)| moment)
    }

    /// The moments at which it runs for a time of the clock.
    fn moments(&self, clock: NaiveDateTime, zone: &Tz) -> [Option<DateTime<Utc>>; 2] {
        match zone.from_local_datetime(&clock) {
            LocalResult::Single(moment) => [Some(moment.to_utc()), None],
            LocalResult::Ambiguous(first, second) if self.by_clock => [Some(first.to_utc()), Some(second.to_utc())],
            LocalResult::Ambiguous(first, _) => [Some(first.to_utc()), None],
            LocalResult::None if self.by_clock => [None, None],
            // As soon as the clocks have been put forward.
            LocalResult::None => {
                let later = (1..=SHIFT_MINUTES)
                    .find_map(|minutes| zone.from_local_datetime(&(clock + TimeDelta::minutes(minutes))).earliest());
                [later.map(|moment| moment.to_utc()), None]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    /// The next moments after one, written in UTC.
    fn next(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(text).unwrap();
        let mut at = ms(after);
        let mut found = Vec::new();
        for _ in 0..count {
            at = cron.next(at, zone).unwrap();
            let moment = DateTime::<Utc>::from_timestamp_millis(at).unwrap();
            found.push(moment.format("%m-%dT%H:%M").to_string());
        }
        found
    }

    #[test]
    fn fields_are_read_as_vixies_cron_reads_them() {
        let after = "2026-01-01T00:00:00Z";
        assert_eq!(next("0 3 * * *", "UTC", after, 2), ["01-01T03:00", "01-02T03:00"]);
        assert_eq!(next("*/20 8 * * *", "UTC", after, 4), ["01-01T08:00", "01-01T08:20", "01-01T08:40", "01-02T08:00"]);
        assert_eq!(next("0 0 1 mar,JUL *", "UTC", after, 3), ["03-01T00:00", "07-01T00:00", "03-01T00:00"]);
        // The 1st of January 2026 is a Thursday.
        assert_eq!(next("0 9 * * mon-fri", "UTC", after, 3), ["01-01T09:00", "01-02T09:00", "01-05T09:00"]);
        assert_eq!(next("0 9 * * 7", "UTC", after, 1), ["01-04T09:00"]);
        assert_eq!(next("0 9 * * 5-7", "UTC", after, 3), ["01-02T09:00", "01-03T09:00", "01-04T09:00"]);
        // Both days restricted: one is enough; with a star both must hold.
        assert_eq!(next("0 0 13 * fri", "UTC", after, 3), ["01-02T00:00", "01-09T00:00", "01-13T00:00"]);
        assert_eq!(next("0 0 */2 * sat", "UTC", after, 2), ["01-03T00:00", "01-17T00:00"]);
        assert_eq!(next("0 0 29 2 *", "UTC", after, 1), ["02-29T00:00"]);
        assert_eq!(next("10-30/10 0 1 1 *", "UTC", after, 3), ["01-01T00:10", "01-01T00:20", "01-01T00:30"]);
        assert_eq!(next("@weekly", "UTC", after, 1), ["01-04T00:00"]);
        assert_eq!(next("@HOURLY", "UTC", "2026-01-01T00:30:00Z", 1), ["01-01T01:00"]);
        assert_eq!(next("* * * * *", "UTC", "2026-01-01T00:30:30Z", 2), ["01-01T00:31", "01-01T00:32"]);
        assert_eq!(next("0 3 * * *", "Asia/Shanghai", after, 1), ["01-01T19:00"]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "5/2 * * * *",
            "a * * * *",
            "1, * * * *",
            "+1 * * * *",
            "0 0 30 2 *",
            "@reboot",
            "* * * foo *",
            "1-2-3 * * * *",
            "*/x * * * *",
            "001 * * * *",
        ] {
            assert_eq!(Cron::parse(wrong).unwrap_err().kind(), Kind::InvalidParameter, "{wrong}");
        }
    }

    #[test]
    fn clocks_that_are_put_forward_skip_no_named_time() {
        // New York, 8 March 2026: 02:00 becomes 03:00, which is 07:00 UTC.
        let (zone, before) = ("America/New_York", "2026-03-07T12:00:00Z");
        assert_eq!(next("30 2 * * *", zone, before, 3), ["03-08T07:00", "03-09T06:30", "03-10T06:30"]);
        // What follows the clocks alone has no such time.
        assert_eq!(next("30 * 8 3 *", zone, "2026-03-08T06:00:00Z", 2), ["03-08T06:30", "03-08T07:30"]);
    }

    #[test]
    fn clocks_that_are_put_back_repeat_no_named_time() {
        // New York, 1 November 2026: 02:00 EDT becomes 01:00 EST, which is 06:00 UTC.
        let zone = "America/New_York";
        assert_eq!(next("30 1 * * *", zone, "2026-10-31T12:00:00Z", 2), ["11-01T05:30", "11-02T06:30"]);
        assert_eq!(next("30 1 * * *", zone, "2026-11-01T06:10:00Z", 1), ["11-02T06:30"]);
        let clocks = next("*/30 * * * *", zone, "2026-11-01T04:50:00Z", 6);
        assert_eq!(clocks, ["11-01T05:00", "11-01T05:30", "11-01T06:00", "11-01T06:30", "11-01T07:00", "11-01T07:30"]);
    }
}
