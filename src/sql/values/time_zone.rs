//! Time zones by name: what their clocks show at a moment, and the moment at which they show that.

use crate::encoding::pg_text::is_infinite_moment;
use crate::error::{Error, Kind, Result};
use arrow::array::timezone::Tz;
use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone as _};
use chrono_tz::OffsetName;

/// A zone, by a name of the zone database, an abbreviation or an offset.
#[derive(Debug, Clone, Copy)]
pub struct TimeZone(Tz);

/// Abbreviations, and how far they are ahead of UTC: of those that PostgreSQL knows the ones of the largest zones.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("pst", "-08:00"),
    ("pdt", "-07:00"),
    ("mst", "-07:00"),
    ("mdt", "-06:00"),
    ("cst", "-06:00"),
    ("cdt", "-05:00"),
    ("est", "-05:00"),
    ("edt", "-04:00"),
    ("akst", "-09:00"),
    ("akdt", "-08:00"),
    ("hst", "-10:00"),
    ("gmt", "+00:00"),
    ("utc", "+00:00"),
    ("z", "+00:00"),
    ("zulu", "+00:00"),
    ("wet", "+00:00"),
    ("west", "+01:00"),
    ("bst", "+01:00"),
    ("cet", "+01:00"),
    ("cest", "+02:00"),
    ("eet", "+02:00"),
    ("eest", "+03:00"),
    ("msk", "+03:00"),
    ("jst", "+09:00"),
    ("kst", "+09:00"),
    ("aest", "+10:00"),
    ("nzst", "+12:00"),
];

impl TimeZone {
    /// The zone of this name.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` for one that is not known.
    pub fn named(zone: &str) -> Result<Self> {
        Self::find(zone.trim())
            .ok_or_else(|| Error::new(Kind::InvalidParameter, format!("time zone \"{zone}\" not recognized")))
    }

    /// The zone that the engine knows by this name.
    pub fn of_engine(name: &str) -> Result<Self> {
        Ok(Self(name.parse()?))
    }

    /// What its clocks are said to show at a moment: `EDT`, or how far they are ahead, as `+08`.
    pub fn abbreviation(name: &str, micros: i64) -> Option<String> {
        let moment = DateTime::from_timestamp_micros(micros)?.naive_utc();
        match name.parse::<chrono_tz::Tz>() {
            Ok(zone) => zone.offset_from_utc_datetime(&moment).abbreviation().map(ToOwned::to_owned),
            Err(_) => Some(name.trim_end_matches(":00").to_owned()),
        }
    }

    fn find(zone: &str) -> Option<Self> {
        if zone.starts_with(char::is_alphabetic) {
            let short = ABBREVIATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(zone));
            let known = short.map_or(zone, |(_, offset)| offset);
            if let Ok(zone) = known.parse().or_else(|_| capital(zone).parse()) {
                return Some(Self(zone));
            }
        }
        posix(zone)?.parse().ok().map(Self)
    }

    /// What clocks show there at a moment.
    pub fn clock(self, micros: i64) -> Result<i64> {
        clock_of(self.0, micros).ok_or_else(out_of_range)
    }

    /// The moment at which clocks there show something.
    pub fn moment(self, clock: i64) -> Result<i64> {
        moment_of(self.0, clock).ok_or_else(out_of_range)
    }
}

/// The error for a moment that no timestamp can be.
pub fn out_of_range() -> Error {
    Error::new(Kind::DatetimeOutOfRange, "timestamp out of range")
}

/// What a clock of the zone shows at a moment, as a moment at which one of UTC shows it.
pub fn clock_of(zone: Tz, micros: i64) -> Option<i64> {
    if is_infinite_moment(micros) {
        return Some(micros);
    }
    let moment = DateTime::from_timestamp_micros(micros)?.naive_utc();
    let clock = moment.checked_add_signed(ahead(zone.offset_from_utc_datetime(&moment)))?;
    Some(clock.and_utc().timestamp_micros())
}

/// The moment at which a clock of the zone shows this. Where it shows a time twice, the later moment is meant; where it leaps over
/// one, the offset before the leap holds, as in PostgreSQL.
pub fn moment_of(zone: Tz, micros: i64) -> Option<i64> {
    if is_infinite_moment(micros) {
        return Some(micros);
    }
    let clock = DateTime::from_timestamp_micros(micros)?.naive_utc();
    Some(clock.checked_sub_signed(ahead(there(zone, clock)?))?.and_utc().timestamp_micros())
}

/// How far a clock of this offset is ahead of UTC.
fn ahead(offset: impl Offset) -> Duration {
    Duration::seconds(offset.fix().local_minus_utc().into())
}

fn there(zone: Tz, clock: NaiveDateTime) -> Option<impl Offset> {
    let found = zone.offset_from_local_datetime(&clock);
    found.latest().or_else(|| zone.offset_from_local_datetime(&(clock - Duration::hours(3))).latest())
}

/// A zone as Arrow knows it, from one of PostgreSQL's names: `Asia/Shanghai` in any case, or POSIX's `UTC+8`, `+08`, `<+08>-8`, whose hours
/// count west of Greenwich.
pub fn zone_name(text: &str) -> Option<String> {
    let known = |name: &str| name.starts_with(char::is_alphabetic) && name.parse::<Tz>().is_ok();
    if known(text) {
        return Some(text.to_owned());
    }
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("gmt") || text.eq_ignore_ascii_case("z") {
        return Some("UTC".to_owned());
    }
    let words = capital(text);
    if known(&words) { Some(words) } else { posix(text) }
}

/// A name of the zone database in its own letters: `america/new_york` is `America/New_York`.
fn capital(name: &str) -> String {
    let mut first = true;
    let letters = name.chars().map(|letter| {
        let shown = if first { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        first = !letter.is_alphanumeric();
        shown
    });
    letters.collect()
}

/// A zone of POSIX as one of ISO 8601, whose hours count east.
fn posix(zone: &str) -> Option<String> {
    let hours = match zone.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => zone.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    };
    let (east, hours) = match hours.split_at_checked(1)? {
        ("+", hours) => ('-', hours),
        ("-", hours) => ('+', hours),
        _ => ('-', hours),
    };
    let (hours, minutes) = hours.split_once(':').unwrap_or((hours, "0"));
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    (hours < 24 && minutes < 60).then(|| format!("{east}{hours:02}:{minutes:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_zones() {
        let named = |text: &str| zone_name(text);
        assert_eq!(named("asia/shanghai").as_deref(), Some("Asia/Shanghai"));
        assert_eq!(named("America/new_york").as_deref(), Some("America/New_York"));
        assert_eq!(named("Mars/Olympus"), None);
        // Those of POSIX have the other sign.
        let all = ["+08", "UTC+8", "-02:00", "<+03>-3"].map(|text| named(text).unwrap());
        assert_eq!(all, ["-08:00", "-08:00", "+02:00", "+03:00"]);
    }

    #[test]
    fn clocks_that_leap() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        let at = |text: &str| text.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_micros();
        assert_eq!(clock_of(zone, at("2026-07-01T00:00:00")), Some(at("2026-07-01T02:00:00")));
        assert_eq!(moment_of(zone, at("2026-03-29T02:30:00")), Some(at("2026-03-29T01:30:00")));
        assert_eq!(moment_of(zone, at("2026-10-25T02:30:00")), Some(at("2026-10-25T01:30:00")));
    }
}
