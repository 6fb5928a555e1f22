//! What each value of a column should be, whatever else is in its rows.

use super::super::text::tidy;
use super::column::{ABSENT, Column, Kind};
use super::{Asked, Method, measure, moment, spelling};
use crate::models::row_quality::{SURELY_MISSING, missing_word, number, number_with_unit, pattern};
use std::collections::HashMap;

/// What takes the place of a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub new: Option<String>,
    pub method: Method,
    pub confidence: f64,
    pub rule: Option<String>,
}

/// The changes of a column's values, by place.
#[derive(Debug, Default)]
pub struct Changes(Vec<Option<Change>>);

impl Changes {
    /// That of the value at a place.
    pub fn of(&self, place: u32) -> Option<&Change> {
        if place == ABSENT { None } else { self.0.get(place as usize)?.as_ref() }
    }
}

/// A value on its way: what it has become, by which method last, and how surely all of that is right.
pub struct Work {
    /// Rows that have it.
    pub rows: u32,
    /// What it has become.
    pub text: String,
    /// The change so far.
    pub change: Option<Change>,
}

impl Work {
    /// Makes it another.
    pub fn become_(&mut self, new: Option<String>, method: Method, confidence: f64, rule: Option<String>) {
        if new.as_deref() == Some(&self.text) {
            return;
        }
        let before = self.change.as_ref().map_or(1.0, |change| change.confidence);
        self.text = new.clone().unwrap_or_default();
        self.change = Some(Change { new, method, confidence: confidence.min(before), rule });
    }

    /// Whether it has become NULL.
    pub fn is_gone(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.new.is_none())
    }
}

/// Share of numbers among the values from which on a column is one of numbers that happen to be kept as texts.
const NUMBERS: f64 = 0.8;
/// A format is settled if so much of the column has it ...
const SETTLED_SHARE: f64 = 0.6;
/// ... and more than so many rows.
const SETTLED_ROWS: u64 = 20;
/// Words of a value that are looked through for the part that has the format.
const WORDS_MAX: usize = 8;

/// The changes of a column's values.
pub fn changes(column: &Column, asked: &Asked) -> Changes {
    let mut values: Vec<Work> = column
        .distinct
        .iter()
        .zip(&column.counts)
        .map(|(value, rows)| Work { rows: *rows, text: value.clone(), change: None })
        .collect();
    if column.kind == Kind::Text {
        if asked.may(Method::Trim) {
            trim(&mut values);
        }
        if asked.may(Method::MissingToken) && !column.not_null {
            missing(&mut values);
        }
        if asked.may(Method::StandardiseUnit) {
            measure::settle_units(&mut values);
        }
        if asked.may(Method::ParsePrice) {
            measure::settle_prices(&mut values);
        }
        if asked.may(Method::ParseDate) {
            moment::settle(&mut values);
        }
        if asked.may(Method::Extract) {
            extract(&mut values);
        }
    }
    // What rules declare goes before what is guessed.
    spelling::settle_among(&mut values, &column.among, asked);
    if column.kind == Kind::Text {
        spelling::settle(&mut values, column.rows.len(), asked);
    }
    Changes(values.into_iter().map(|value| value.change).collect())
}

fn trim(values: &mut [Work]) {
    for value in values {
        let tidy = tidy(&value.text);
        // What is nothing but blanks is for who knows whether the column may be empty.
        if tidy.is_empty() || tidy == value.text {
            continue;
        }
        // Blanks within may have a meaning in what is laid out by hand.
        let within = value.text.contains('\n') || value.text.chars().count() > 80;
        let around = tidy == value.text.trim();
        value.become_(Some(tidy), Method::Trim, if around || !within { 0.98 } else { 0.8 }, None);
    }
}

/// Words for "missing". In a column of numbers they can be nothing else; among texts some are names (Namibia's code is NA).
fn missing(values: &mut [Work]) {
    let (mut full, mut numbers) = (0u64, 0u64);
    for value in values.iter().filter(|value| missing_word(&value.text) == 0.0 && !value.text.trim().is_empty()) {
        full += u64::from(value.rows);
        let measured = number(&value.text).is_some() || number_with_unit(&value.text).is_some();
        numbers += if measured { u64::from(value.rows) } else { 0 };
    }
    let of_numbers = full >= 10 && numbers as f64 >= NUMBERS * full as f64;
    for value in values {
        let surely = missing_word(&value.text);
        if surely == 0.0 {
            continue;
        }
        let word = value.text.trim().to_lowercase();
        let unmistakable = matches!(word.as_str(), "n/a" | "#n/a" | "null" | "<na>" | "\\n" | "nan");
        let confidence = match (of_numbers, surely >= SURELY_MISSING, unmistakable) {
            (true, true, _) => 0.98,
            (true, false, _) => 0.92,
            (false, _, true) => 0.92,
            (false, true, _) => 0.7,
            (false, false, _) => 0.5,
        };
        value.become_(None, Method::MissingToken, confidence, None);
    }
}

/// The part of a value that has the format of nearly all others (`9:19 p.m. (Estimated)` where times of day stand). Below what is done by
/// default: what is left out may have said that the rest is not to be trusted.
fn extract(values: &mut [Work]) {
    let mut patterns: HashMap<String, u64> = HashMap::new();
    let mut full = 0u64;
    for value in values.iter().filter(|value| !value.is_gone() && !value.text.is_empty()) {
        full += u64::from(value.rows);
        *patterns.entry(pattern(&value.text)).or_default() += u64::from(value.rows);
    }
    let Some((settled, rows)) = patterns.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))) else {
        return;
    };
    // A format that says something has digits and signs between them.
    let telling = settled.contains('9') && settled.chars().any(|c| !c.is_alphanumeric() && c != ' ' && c != '…');
    if !telling || rows <= SETTLED_ROWS || (rows as f64) < SETTLED_SHARE * full as f64 {
        return;
    }
    for value in values.iter_mut().filter(|value| !value.is_gone() && pattern(&value.text) != settled) {
        let words: Vec<&str> = value.text.split_whitespace().collect();
        if words.len() > WORDS_MAX {
            continue;
        }
        let mut parts = Vec::new();
        for from in 0..words.len() {
            for to in from + 1..=words.len() {
                let part = words.get(from..to).unwrap_or_default().join(" ");
                if pattern(&part) == settled {
                    parts.push(part);
                }
            }
        }
        if let [part] = parts.as_slice() {
            value.become_(Some(part.clone()), Method::Extract, 0.85, None);
        }
    }
}
