//! Columns of amounts that are kept as texts: units, signs of percent, currencies.
//!
//! A unit that all values have, spelt in one way, is no error. One that some have and others have not is, and so is one that is spelt in
//! several ways: then the number alone is what the column wants, as nothing is lost that the column's name could not say.

use super::super::number::{self, divided_by_100, without_noise};
use super::super::unit::{Known, written};
use super::Method;
use super::value::Work;
use crate::models::row_quality::{number as plain_number, number_with_unit};
use std::collections::HashMap;

/// Share of amounts among the values from which on a column is one of amounts.
const AMOUNTS: f64 = 0.9;
/// Rows below which nothing is said.
const ROWS_MIN: u64 = 10;
/// Share of one spelling of the unit from which on it is the column's.
const ONE_SPELLING: f64 = 0.95;
/// How far the middle of amounts with a unit may lie from that of those without for both to be in that unit.
const TIMES_APART: f64 = 8.0;

/// An amount with what is known of its unit.
struct Amount {
    at: usize,
    rows: u64,
    /// In plain digits.
    digits: String,
    spelling: String,
    unit: Option<Known>,
}

impl Amount {
    fn read(at: usize, value: &Work) -> Option<Self> {
        let (amount, spelling) = number_with_unit(&value.text)?;
        let digits = without_noise(&number::number(amount)?);
        let unit = Known::named(spelling);
        Some(Self { at, rows: u64::from(value.rows), digits, spelling: spelling.to_owned(), unit })
    }

    /// What the unit is called, whether it is known or not.
    fn name(&self) -> String {
        match self.unit {
            Some(unit) => unit.sign().to_owned(),
            None => self.spelling.trim_end_matches('.').to_lowercase(),
        }
    }
}

/// Brings amounts of a column to one unit, or to none.
pub fn settle_units(values: &mut [Work]) {
    let (mut full, mut plain) = (0u64, 0u64);
    let mut amounts = Vec::new();
    let mut numbers: Vec<(f64, u64)> = Vec::new();
    for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_gone() && !value.text.trim().is_empty())
    {
        full += u64::from(value.rows);
        if let Some(value_of) = plain_number(&value.text) {
            plain += u64::from(value.rows);
            numbers.push((value_of, u64::from(value.rows)));
        } else {
            amounts.extend(Amount::read(at, value));
        }
    }
    let with_unit: u64 = amounts.iter().map(|amount| amount.rows).sum();
    if full < ROWS_MIN || ((plain + with_unit) as f64) < AMOUNTS * full as f64 || amounts.is_empty() {
        return;
    }
    let names: HashMap<String, u64> = counted(amounts.iter().map(|amount| (amount.name(), amount.rows)));
    let spellings: HashMap<String, u64> = counted(amounts.iter().map(|amount| (amount.spelling.clone(), amount.rows)));
    let most_spelt = spellings.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
    let Some((spelling, spelt)) = most_spelt.map(|(spelling, rows)| (spelling.clone(), *rows)) else { return };
    match (names.len(), plain * 2 >= full) {
        // Numbers, some of which have their unit written behind.
        (1, true) => without_unit(values, &amounts, &mut numbers),
        (1, false) if spelt as f64 >= ONE_SPELLING * with_unit as f64 => one_spelling(values, &amounts, &spelling),
        (1, false) => {
            for amount in &amounts {
                put(values, amount.at, amount.digits.clone(), 0.96);
            }
        }
        _ => one_measure(values, &amounts, with_unit),
    }
}

fn counted(all: impl Iterator<Item = (String, u64)>) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for (name, rows) in all {
        *counts.entry(name).or_default() += rows;
    }
    counts
}

fn put(values: &mut [Work], at: usize, new: String, confidence: f64) {
    if let Some(value) = values.get_mut(at) {
        value.become_(Some(new), Method::StandardiseUnit, confidence, None);
    }
}

fn median(values: &mut [(f64, u64)]) -> f64 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, rows)| rows).sum::<u64>() / 2;
    let mut passed = 0;
    for (value, rows) in values.iter() {
        passed += rows;
        if passed > half {
            return *value;
        }
    }
    0.0
}

/// Numbers among which some have their unit behind. `5%` among shares between 0 and 1 is 0.05, and `0.05%` there is 0.05 too: where the
/// numbers lie says which.
fn without_unit(values: &mut [Work], amounts: &[Amount], numbers: &mut [(f64, u64)]) {
    let usual = median(numbers);
    let mut written: Vec<(f64, u64)> =
        amounts.iter().filter_map(|amount| Some((amount.digits.parse().ok()?, amount.rows))).collect();
    let here = median(&mut written);
    let near = |value: f64| usual > 0.0 && value > 0.0 && (value / usual).max(usual / value) <= TIMES_APART;
    let percent = amounts.first().is_some_and(|amount| amount.name() == "%");
    for amount in amounts {
        if near(here) {
            put(values, amount.at, amount.digits.clone(), 0.96);
        } else if percent && near(here / 100.0) {
            put(values, amount.at, divided_by_100(&amount.digits), 0.95);
        } else {
            // They are in another measure than the others, which nobody names.
            put(values, amount.at, amount.digits.clone(), 0.5);
        }
    }
}

/// A unit in one spelling, but for a few.
fn one_spelling(values: &mut [Work], amounts: &[Amount], spelling: &str) {
    let blank = |amount: &Amount| values.get(amount.at).is_some_and(|value| value.text.contains(' '));
    let of_it = amounts.iter().filter(|amount| amount.spelling == spelling);
    let (with, all) = of_it.fold((0u64, 0u64), |(with, all), amount| {
        (with + if blank(amount) { amount.rows } else { 0 }, all + amount.rows)
    });
    let between = if with * 2 >= all { " " } else { "" };
    for amount in amounts.iter().filter(|amount| amount.spelling != spelling) {
        let amount_text = number_with_unit(&values.get(amount.at).map_or_else(String::new, |value| value.text.clone()))
            .map(|(digits, _)| digits.to_owned());
        if let Some(digits) = amount_text {
            put(values, amount.at, format!("{digits}{between}{spelling}"), 0.95);
        }
    }
}

/// Amounts in several units of one kind: all in the commonest.
fn one_measure(values: &mut [Work], amounts: &[Amount], rows: u64) {
    let known = counted(amounts.iter().filter_map(|amount| Some((amount.unit?.sign().to_owned(), amount.rows))));
    let Some((sign, most)) = known.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))) else { return };
    let Some(target) = Known::named(&sign).filter(|_| most * 10 >= rows * 9) else { return };
    for amount in amounts.iter().filter(|amount| amount.unit.is_some_and(|unit| unit != target)) {
        let times = amount.unit.and_then(|unit| unit.in_terms_of(target));
        let Some((times, value)) = times.zip(amount.digits.parse::<f64>().ok()) else { continue };
        // What is sold in two units may well be meant so.
        put(values, amount.at, format!("{} {sign}", written(value * times)), 0.8);
    }
}

/// Amounts of money among plain numbers become plain numbers.
pub fn settle_prices(values: &mut [Work]) {
    let (mut full, mut plain, mut priced) = (0u64, 0u64, 0u64);
    let mut found: Vec<(usize, String)> = Vec::new();
    for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_gone() && !value.text.trim().is_empty())
    {
        full += u64::from(value.rows);
        if plain_number(&value.text).is_some() {
            plain += u64::from(value.rows);
        } else if let Some(digits) = number::number(&value.text) {
            priced += u64::from(value.rows);
            found.push((at, digits));
        }
    }
    if full < ROWS_MIN || plain * 2 < full || ((plain + priced) as f64) < AMOUNTS * full as f64 {
        return;
    }
    for (at, digits) in found {
        if let Some(value) = values.get_mut(at) {
            // `1,234` could have a decimal comma.
            let doubtful = value.text.matches(',').count() == 1 && !value.text.contains('.');
            value.become_(Some(digits), Method::ParsePrice, if doubtful { 0.88 } else { 0.95 }, None);
        }
    }
}
