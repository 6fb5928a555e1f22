//! Columns of days that are kept as texts: one format for all.

use super::super::date::{Order, day};
use super::Method;
use super::value::Work;
use crate::models::row_quality::pattern;
use chrono::NaiveDate;
use std::collections::HashMap;

/// Share of days among the values from which on a column is one of days.
const DAYS: f64 = 0.9;
/// Share of one format from which on it is the column's.
const ONE_FORMAT: f64 = 0.6;
/// Rows below which nothing is said.
const ROWS_MIN: u64 = 10;

/// A format that days are written in here, by what comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Format {
    /// Year, month, day, with this between.
    Year(char),
    /// 31/12/2024 with this between.
    Day(char),
    /// 12/31/2024 with this between.
    Month(char),
}

impl Format {
    fn write(self, day: NaiveDate) -> String {
        match self {
            Self::Year(c) => day.format(&format!("%Y{c}%m{c}%d")).to_string(),
            Self::Day(c) => day.format(&format!("%d{c}%m{c}%Y")).to_string(),
            Self::Month(c) => day.format(&format!("%m{c}%d{c}%Y")).to_string(),
        }
    }
}

/// Writes the days of a column in the format that most have.
pub fn settle(values: &mut [Work]) {
    let (mut full, mut days) = (0u64, 0u64);
    let mut orders: HashMap<bool, u64> = HashMap::new();
    let mut formats: HashMap<String, u64> = HashMap::new();
    for value in values.iter().filter(|value| !value.is_gone() && !value.text.trim().is_empty()) {
        full += u64::from(value.rows);
        // Read in either order: whether it is a day at all.
        let Some((found, "")) = day(value.text.trim(), Some(Order::DayFirst)) else { continue };
        days += u64::from(value.rows);
        if let Some(order) = found.order {
            *orders.entry(order == Order::DayFirst).or_default() += u64::from(value.rows);
        }
        *formats.entry(pattern(&value.text)).or_default() += u64::from(value.rows);
    }
    if full < ROWS_MIN || (days as f64) < DAYS * full as f64 || formats.len() < 2 {
        return;
    }
    let Some((settled, most)) = formats.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))) else {
        return;
    };
    // Where both orders are met nobody knows which one a doubtful day is in.
    let order = match (orders.get(&true), orders.get(&false)) {
        (Some(_), None) => Some(Order::DayFirst),
        (None, Some(_)) => Some(Order::MonthFirst),
        _ => None,
    };
    let Some(format) = format_of(values, &settled, order).filter(|_| most as f64 >= ONE_FORMAT * full as f64) else {
        return;
    };
    for value in values.iter_mut().filter(|value| !value.is_gone() && pattern(&value.text) != settled) {
        let Some((found, rest)) = day(value.text.trim(), order) else { continue };
        if !rest.is_empty() {
            continue;
        }
        let confidence = if found.doubtful { 0.85 } else { 0.96 };
        value.become_(Some(format.write(found.day)), Method::ParseDate, confidence, None);
    }
}

/// The format of this pattern, if it is one that can be written: numbers of full length with one sign between.
fn format_of(values: &[Work], settled: &str, order: Option<Order>) -> Option<Format> {
    let mut signs = settled.chars().filter(|c| *c != '9');
    let (first, second) = (signs.next()?, signs.next()?);
    if first != second || signs.next().is_some() || settled.matches('9').count() != 3 {
        return None;
    }
    let of_it: Vec<&str> =
        values.iter().filter(|value| pattern(&value.text) == settled).map(|value| value.text.as_str()).collect();
    let lengths = |wanted: [usize; 3]| {
        let fits = |text: &&str| text.split(first).map(str::len).eq(wanted);
        !of_it.is_empty() && of_it.iter().all(fits)
    };
    if lengths([4, 2, 2]) {
        return Some(Format::Year(first));
    }
    match order? {
        Order::DayFirst if lengths([2, 2, 4]) => Some(Format::Day(first)),
        Order::MonthFirst if lengths([2, 2, 4]) => Some(Format::Month(first)),
        _ => None,
    }
}
