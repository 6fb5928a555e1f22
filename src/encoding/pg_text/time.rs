//! Dates, times and intervals.

use super::number::write_integer;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Whether microseconds, of a `timestamp` or `timestamptz`, are `infinity` or `-infinity`: the greatest and the least that there
/// are, so that they sort as they should.
pub fn is_infinite_moment(micros: i64) -> bool {
    matches!(micros, i64::MIN | i64::MAX)
}

/// Whether the days of a `date` are `infinity` or `-infinity`.
pub fn is_infinite_date(days: i64) -> bool {
    days == i64::from(i32::MIN) || days == i64::from(i32::MAX)
}

/// The word for an end of time.
fn write_infinity(negative: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if negative { b"-infinity" } else { b"infinity" });
}

/// Writes a date, given in days since 1970-01-01.
pub fn write_date(days: i64, out: &mut Vec<u8>) {
    if is_infinite_date(days) {
        write_infinity(days < 0, out);
    } else if write_calendar(days, out) {
        out.extend_from_slice(b" BC");
    }
}

/// Writes a time of day, given in microseconds since midnight.
pub fn write_time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros / MICROS_PER_SECOND;
    two(seconds / 3600, out);
    out.push(b':');
    two(seconds / 60 % 60, out);
    out.push(b':');
    two(seconds % 60, out);
    write_fraction(micros % MICROS_PER_SECOND, out);
}

/// Writes a timestamp, given in microseconds since 1970-01-01 00:00.
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    write_instant(micros, b"", out);
}

/// Writes a timestamp with time zone, given in microseconds since 1970-01-01 00:00 UTC, as a clock shows it that is so many seconds
/// ahead of UTC: `2026-11-26 09:00:00+08`.
pub fn write_timestamptz(micros: i64, ahead: i32, out: &mut Vec<u8>) {
    if is_infinite_moment(micros) {
        return write_infinity(micros < 0, out);
    }
    let mut zone = vec![if ahead < 0 { b'-' } else { b'+' }];
    let seconds = i64::from(ahead.unsigned_abs());
    two(seconds / 3600, &mut zone);
    for part in [seconds / 60 % 60, seconds % 60] {
        if part != 0 || zone.len() == 3 && seconds % 60 != 0 {
            zone.push(b':');
            two(part, &mut zone);
        }
    }
    write_instant(micros.saturating_add(i64::from(ahead) * MICROS_PER_SECOND), &zone, out);
}

/// Writes an interval in PostgreSQL's own style: `1 year 2 mons -3 days +04:05:06.7`.
pub fn write_interval(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) {
    let mut empty = true;
    // After a negative part a positive one carries its sign, so that the text reads back as what it was.
    let mut after_negative = false;
    for (value, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if value == 0 {
            continue;
        }
        if !empty {
            out.push(b' ');
        }
        if after_negative && value > 0 {
            out.push(b'+');
        }
        write_integer(i128::from(value), out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if value != 1 {
            out.push(b's');
        }
        after_negative = value < 0;
        empty = false;
    }
    if micros == 0 && !empty {
        return;
    }
    if !empty {
        out.push(b' ');
    }
    if micros < 0 {
        out.push(b'-');
    } else if after_negative {
        out.push(b'+');
    }
    let magnitude = micros.unsigned_abs();
    let seconds = (magnitude / MICROS_PER_SECOND as u64) as i64;
    two(seconds / 3600, out);
    out.push(b':');
    two(seconds / 60 % 60, out);
    out.push(b':');
    two(seconds % 60, out);
    write_fraction((magnitude % MICROS_PER_SECOND as u64) as i64, out);
}

fn write_instant(micros: i64, zone: &[u8], out: &mut Vec<u8>) {
    if is_infinite_moment(micros) {
        return write_infinity(micros < 0, out);
    }
    let before_christ = write_calendar(micros.div_euclid(MICROS_PER_DAY), out);
    out.push(b' ');
    write_time(micros.rem_euclid(MICROS_PER_DAY), out);
    out.extend_from_slice(zone);
    if before_christ {
        out.extend_from_slice(b" BC");
    }
}

/// Writes `YYYY-MM-DD` and says whether the year is before Christ.
fn write_calendar(days: i64, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = civil(days);
    let shown = if year <= 0 { 1 - year } else { year };
    if shown < 1000 {
        let zeros = if shown < 10 {
            3
        } else if shown < 100 {
            2
        } else {
            1
        };
        out.extend(std::iter::repeat_n(b'0', zeros));
    }
    write_integer(i128::from(shown), out);
    out.push(b'-');
    two(month, out);
    out.push(b'-');
    two(day, out);
    year <= 0
}

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar (eras of 400 years that
/// begin in March, so that the leap day comes last).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// At least two digits.
fn two(value: i64, out: &mut Vec<u8>) {
    if value < 10 {
        out.push(b'0');
    }
    write_integer(i128::from(value), out);
}

/// The point and the microseconds, without zeros at the end; nothing for a whole second.
fn write_fraction(micros: i64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    out.push(b'.');
    let mut unit = MICROS_PER_SECOND / 10;
    let mut rest = micros;
    while rest > 0 {
        out.push(b'0' + (rest / unit) as u8);
        rest %= unit;
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_cover_the_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (-719_163, "0001-12-31 BC"),
            (-719_162, "0001-01-01"),
            (2_932_897, "10000-01-01"),
        ] {
            assert_eq!(text(|out| write_date(days, out)), expected);
        }
    }

    #[test]
    fn timestamps_trim_the_fraction() {
        assert_eq!(text(|out| write_timestamp(1_700_000_000_123_400, out)), "2023-11-14 22:13:20.1234");
        assert_eq!(text(|out| write_timestamptz(0, 0, out)), "1970-01-01 00:00:00+00");
        assert_eq!(text(|out| write_timestamptz(-63_517_780_800_000_000, 0, out)), "0044-03-15 12:00:00+00 BC");
        assert_eq!(text(|out| write_timestamptz(0, 28_800, out)), "1970-01-01 08:00:00+08");
        assert_eq!(text(|out| write_timestamptz(0, -12_600, out)), "1969-12-31 20:30:00-03:30");
        assert_eq!(text(|out| write_timestamptz(0, 29_143, out)), "1970-01-01 08:05:43+08:05:43");
        assert_eq!(text(|out| write_timestamp(-1, out)), "1969-12-31 23:59:59.999999");
        assert_eq!(text(|out| write_time(86_399_000_001, out)), "23:59:59.000001");
    }

    #[test]
    fn ends_of_time_are_words() {
        assert_eq!(text(|out| write_date(i32::MAX.into(), out)), "infinity");
        assert_eq!(text(|out| write_timestamp(i64::MIN, out)), "-infinity");
        assert_eq!(text(|out| write_timestamptz(i64::MAX, 28_800, out)), "infinity");
    }

    #[test]
    fn intervals_are_postgresqls() {
        for ((months, days, micros), expected) in [
            ((0, 0, 0), "00:00:00"),
            ((14, 3, 14_706_700_000), "1 year 2 mons 3 days 04:05:06.7"),
            ((0, 1, 0), "1 day"),
            ((-1, 2, 0), "-1 mons +2 days"),
            ((0, -3, 3_600_000_000), "-3 days +01:00:00"),
            ((0, 0, -3_661_000_000), "-01:01:01"),
            ((0, 0, 360_000_000_000), "100:00:00"),
            ((-13, -1, 0), "-1 years -1 mons -1 days"),
        ] {
            assert_eq!(text(|out| write_interval(months, days, micros, out)), expected);
        }
    }
}
