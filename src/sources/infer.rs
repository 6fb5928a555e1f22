//! What a column's texts are: each cell narrows the types that all cells so far allow.
//!
//! A column becomes typed only if every cell seen reads as that type; otherwise it stays text, and nothing is lost.
//! The reading is careful where a wrong guess would change a value: numbers with leading zeros or a plus (postcodes,
//! telephones), integers beyond 64 bits, bare exponents (`12E4` is more often an article number) and dates whose day
//! and month could be exchanged in every row all stay text. `NA`, `NULL` and the like are texts; only nothing is NULL.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// The types that a source's column may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Float,
    /// Digits, and how many of them stand behind the point. Declared, never inferred.
    Decimal(u8, i8),
    Date(Order),
    Timestamp(Order),
    TimestampTz(Order),
    Text,
    /// JSON text, marked `steward:type = jsonb` in the field's metadata.
    Json,
}

/// Which number of a date comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Year,
    Month,
    Day,
}

impl Type {
    /// The name that people know from PostgreSQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Bool => "boolean",
            Type::Int => "bigint",
            Type::Float => "double precision",
            Type::Decimal(..) => "numeric",
            Type::Date(_) => "date",
            Type::Timestamp(_) => "timestamp",
            Type::TimestampTz(_) => "timestamp with time zone",
            Type::Text => "text",
            Type::Json => "jsonb",
        }
    }
}

/// What all cells seen so far allow.
#[derive(Debug, Clone)]
pub(super) struct Guess {
    any: bool,
    bools: bool,
    ints: bool,
    floats: bool,
    /// An integer was seen that a double cannot hold exactly.
    wide: bool,
    year_first: bool,
    month_first: bool,
    day_first: bool,
    times: bool,
    zoned: bool,
    plain: bool,
}

impl Guess {
    pub(super) fn new() -> Self {
        Self {
            any: false,
            bools: true,
            ints: true,
            floats: true,
            wide: false,
            year_first: true,
            month_first: true,
            day_first: true,
            times: false,
            zoned: false,
            plain: false,
        }
    }

    /// Narrows by one cell. Blank cells say nothing.
    pub(super) fn see(&mut self, cell: &str) {
        if self.is_text() {
            return;
        }
        let cell = cell.trim();
        if cell.is_empty() {
            return;
        }
        self.any = true;
        self.bools = self.bools && boolean(cell).is_some();
        if self.floats {
            match integer(cell) {
                Some(value) => self.wide |= value.unsigned_abs() > 1 << 53,
                None => {
                    self.ints = false;
                    self.floats = float(cell).is_some();
                }
            }
            self.ints = self.ints && self.floats;
        }
        if self.year_first || self.month_first || self.day_first {
            let fits = |order| moment(cell, order);
            let year = fits(Order::Year);
            let month = fits(Order::Month);
            let day = fits(Order::Day);
            self.year_first = self.year_first && year.is_some();
            self.month_first = self.month_first && month.is_some();
            self.day_first = self.day_first && day.is_some();
            if let Some(moment) = year.or(month).or(day) {
                self.times |= moment.timed;
                self.zoned |= moment.zoned;
                self.plain |= !moment.zoned;
            }
        }
    }

    /// Whether a text has been seen that nothing else can be.
    pub(super) fn is_text(&self) -> bool {
        self.any && !(self.bools || self.ints || self.floats || self.year_first || self.month_first || self.day_first)
    }

    /// The narrowest type of all cells; a column without any is text.
    pub(super) fn decide(&self) -> Type {
        if !self.any {
            return Type::Text;
        }
        if self.bools {
            return Type::Bool;
        }
        if self.ints {
            return Type::Int;
        }
        if self.floats && !self.wide {
            return Type::Float;
        }
        self.decide_moment()
    }

    /// As [`Guess::decide`], but for texts of JSON, where numbers and booleans would not be in quotes.
    pub(super) fn decide_moment(&self) -> Type {
        let order = match (self.year_first, self.month_first, self.day_first) {
            (true, _, _) => Order::Year,
            (_, true, false) => Order::Month,
            (_, false, true) => Order::Day,
            _ => return Type::Text,
        };
        match (self.any, self.times, self.zoned, self.plain) {
            (false, ..) | (_, _, true, true) => Type::Text,
            (_, _, true, false) => Type::TimestampTz(order),
            (_, true, false, _) => Type::Timestamp(order),
            (_, false, false, _) => Type::Date(order),
        }
    }
}

/// `true` or `false` in any case.
pub(super) fn boolean(cell: &str) -> Option<bool> {
    if cell.eq_ignore_ascii_case("true") {
        Some(true)
    } else if cell.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A 64-bit integer without leading zeros or plus.
pub(super) fn integer(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell).as_bytes();
    match digits {
        [] => None,
        [b'0'] => Some(0),
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 && rest.iter().all(u8::is_ascii_digit) => cell.parse().ok(),
        _ => None,
    }
}

/// A decimal number; an exponent needs a point before it or a sign in it.
pub(super) fn float(cell: &str) -> Option<f64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let zero_led = whole.len() > 1 && whole.starts_with('0');
    let nothing = whole.is_empty() && fraction.unwrap_or_default().is_empty();
    // Beyond 17 digits a whole number is a key, not a quantity.
    let key = fraction.is_none() && exponent.is_none() && whole.len() > 17;
    if zero_led || nothing || key || !all_digits(whole) || !all_digits(fraction.unwrap_or_default()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let signed = unsigned.len() < exponent.len();
        if unsigned.is_empty() || !all_digits(unsigned) || !(signed || fraction.is_some()) {
            return None;
        }
    }
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A decimal number as a whole number of its last place; none if it has more digits than it may.
pub(super) fn decimal(cell: &str, digits: u8, places: i8) -> Option<i128> {
    let places = usize::try_from(places).ok()?;
    let (negative, unsigned) = match cell.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, cell),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = if fraction.len() > places { fraction.trim_end_matches('0') } else { fraction };
    let all = format!("{whole}{fraction:0<places$}");
    let fits = !unsigned.is_empty() && fraction.len() <= places && all.bytes().all(|byte| byte.is_ascii_digit());
    if !fits || all.trim_start_matches('0').len() > usize::from(digits) {
        return None;
    }
    let value: i128 = if all.is_empty() { 0 } else { all.parse().ok()? };
    Some(if negative { -value } else { value })
}

/// A date, and a time of day if there was one; with a zone already reckoned to UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    pub(super) at: NaiveDateTime,
    pub(super) timed: bool,
    pub(super) zoned: bool,
}

/// Reads `2014-12-06`, `2014/12/6 08:30`, `2014年12月6日`, `6.12.2014`, `12/6/2014 8:30:15.25 PM`, `...T08:30:00+08:00`.
pub(super) fn moment(cell: &str, order: Order) -> Option<Moment> {
    if !(8..=40).contains(&cell.len()) || !cell.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (first, rest) = number(cell)?;
    let mut letters = rest.chars();
    let mark = letters.next()?;
    let (second, rest) = number(letters.as_str())?;
    let mut letters = rest.chars();
    let (third, rest) = match (mark, letters.next()?) {
        ('年', '月') => {
            let (third, rest) = number(letters.as_str())?;
            (third, rest.strip_prefix('日')?)
        }
        ('-' | '/' | '.', next) if next == mark => number(letters.as_str())?,
        _ => return None,
    };
    let (year, month, day) = match order {
        Order::Year if mark != '.' => (first, second, third),
        Order::Month if matches!(mark, '-' | '/') => (third, first, second),
        Order::Day if mark != '年' => (third, second, first),
        _ => return None,
    };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    if rest.is_empty() {
        return Some(Moment { at: date.and_time(NaiveTime::MIN), timed: false, zoned: false });
    }
    let rest = rest.strip_prefix(['T', 't']).unwrap_or_else(|| rest.trim_start_matches(' '));
    let (time, rest) = time_of_day(rest)?;
    let at = date.and_time(time);
    let Some(seconds) = zone(rest.trim_start_matches(' '))? else {
        return Some(Moment { at, timed: true, zoned: false });
    };
    Some(Moment { at: at.checked_sub_signed(TimeDelta::seconds(seconds))?, timed: true, zoned: true })
}

/// The digits that `text` starts with, and what follows.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    if end == 0 { None } else { text.split_at_checked(end) }
}

pub(super) fn time_of_day(text: &str) -> Option<(NaiveTime, &str)> {
    let (hour, rest) = number(text)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?)?;
    let (mut second, mut nanos) = ("0", 0u32);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = number(after)?;
        if let Some(after) = rest.strip_prefix('.') {
            let (fraction, after) = number(after)?;
            let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
            nanos = digits.parse().ok()?;
            rest = after;
        }
    }
    if hour.len() > 2 || minute.len() != 2 || second.len() > 2 {
        return None;
    }
    let mut hour: u32 = hour.parse().ok()?;
    let half = rest.trim_start_matches(' ');
    for (mark, add) in [("AM", 0), ("PM", 12), ("am", 0), ("pm", 12)] {
        if let Some(after) = half.strip_prefix(mark) {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + add;
            rest = after;
        }
    }
    Some((NaiveTime::from_hms_nano_opt(hour, minute.parse().ok()?, second.parse().ok()?, nanos)?, rest))
}

/// Seconds east of Greenwich: nothing for no zone, `None` when the text is something else.
#[allow(clippy::option_option)] // no zone and no time are two answers
fn zone(text: &str) -> Option<Option<i64>> {
    match text {
        "" => return Some(None),
        "Z" | "z" | "UTC" | "GMT" => return Some(Some(0)),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let digits = digits.replacen(':', "", 1);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().unwrap_or(0));
    (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(cells: &[&str]) -> Type {
        let mut guess = Guess::new();
        cells.iter().for_each(|cell| guess.see(cell));
        guess.decide()
    }

    #[test]
    fn a_column_has_the_type_that_all_its_cells_have() {
        assert_eq!(guess(&["1", "", "-20"]), Type::Int);
        assert_eq!(guess(&["1", "2.5", "1e-05", ".5"]), Type::Float);
        assert_eq!(guess(&["true", "FALSE"]), Type::Bool);
        assert_eq!(guess(&["", " "]), Type::Text);
        assert_eq!(guess(&["2014-12-06", "2015/1/2", "2015年3月4日"]), Type::Date(Order::Year));
        assert_eq!(guess(&["2014-12-06 10:00", "2014-12-07"]), Type::Timestamp(Order::Year));
        assert_eq!(guess(&["2014-12-06T10:00:00Z", "2014-12-06 10:00:00.123+08:00"]), Type::TimestampTz(Order::Year));
        assert_eq!(guess(&["05-02-2010", "19-02-2010"]), Type::Date(Order::Day));
        assert_eq!(guess(&["3/7/2014 8:26", "3/14/2014 18:05"]), Type::Timestamp(Order::Month));
    }

    #[test]
    fn what_a_type_would_change_stays_text() {
        for cells in [
            &["00501", "90210"][..],
            &["+8613800138000"],
            &["1", "NA"],
            &["12345678901234567890"],
            &["9007199254740993", "0.5"],
            &["12E4", "13E5"],
            &["05-02-2010", "06-03-2010"],
            &["2014-02-30"],
            &["2014-12-06 02"],
            &["2014-12-06 10:00:00Z", "2014-12-06 10:00:00"],
            &["nan", "1.0"],
            &["3/3/13 21:53"],
        ] {
            assert_eq!(guess(cells), Type::Text, "{cells:?}");
        }
    }

    #[test]
    fn moments_are_reckoned_to_utc() {
        let at = |cell, order| moment(cell, order).map(|m| m.at.to_string());
        assert_eq!(at("2014-12-06T08:30:00+08:00", Order::Year).unwrap(), "2014-12-06 00:30:00");
        assert_eq!(at("12/6/2014 12:05 AM", Order::Month).unwrap(), "2014-12-06 00:05:00");
        assert_eq!(at("6.12.2014", Order::Day).unwrap(), "2014-12-06 00:00:00");
        assert_eq!(at("2014-12-06 24:00", Order::Year), None);
    }
}
