//! Spellings: a common value in other letters of the same word, a rare value near a common one, a value near one that rules accept.

use super::column::Among;
use super::value::Work;
use super::{Asked, Method};
use crate::models::row_quality::{Spelling, distance, folded};
use std::collections::{BTreeMap, HashMap};

/// A spelling has so many rows, and so many times those of another, before it is the right one of both.
const COMMON_ROWS: u32 = 5;
const TIMES_COMMONER: u32 = 10;
/// Rows of the common value from which on a misspelling in one row is told by nearness alone.
const FAR_COMMONER: u32 = 100;
/// Share of rows in common values from which on a column's vocabulary is settled.
const VOCABULARY: f64 = 0.95;

/// Brings the values of a column to its common spellings. `rows` is how many rows there are.
pub fn settle(values: &mut [Work], rows: usize, asked: &Asked) {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for value in values.iter().filter(|value| !value.is_gone() && !value.text.trim().is_empty()) {
        *counts.entry(value.text.clone()).or_default() += value.rows;
    }
    let full: u64 = counts.values().map(|rows| u64::from(*rows)).sum();
    // Where nearly every value occurs once, nearness says nothing.
    if full < 20 || counts.len() * 2 > rows {
        return;
    }
    if asked.may(Method::Case) {
        let mut spellings: HashMap<String, Vec<(&String, u32)>> = HashMap::new();
        for (value, rows) in counts.iter().filter(|(value, _)| is_word(value)) {
            spellings.entry(folded(value)).or_default().push((value, *rows));
        }
        for value in values.iter_mut().filter(|value| !value.is_gone() && is_word(&value.text)) {
            let Some(all) = spellings.get(&folded(&value.text)).filter(|all| all.len() > 1) else { continue };
            let Some((usual, most)) = all.iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0))) else {
                continue;
            };
            let here = counts.get(&value.text).copied().unwrap_or(1);
            if **usual == value.text || *most < here.saturating_mul(2) {
                continue;
            }
            let far = *most >= COMMON_ROWS && *most >= here.saturating_mul(TIMES_COMMONER);
            value.become_(Some((*usual).clone()), Method::Case, if far { 0.96 } else { 0.8 }, None);
        }
    }
    if !asked.may(Method::FuzzyMatch) {
        return;
    }
    let spelling = Spelling::new(counts.iter().map(|(value, rows)| (value.as_str(), *rows)));
    let common: u64 = counts.values().filter(|rows| **rows >= COMMON_ROWS).map(|rows| u64::from(*rows)).sum();
    let settled = common as f64 >= VOCABULARY * full as f64;
    for value in values.iter_mut().filter(|value| !value.is_gone() && is_word(&value.text)) {
        let here = counts.get(&value.text).copied().unwrap_or(1);
        let Some((usual, apart)) = spelling.commoner(&value.text, here) else { continue };
        let most = counts.get(usual).copied().unwrap_or(0);
        // A name of eight letters with one of them wrong, once among hundreds, in a column of a settled vocabulary.
        let clear = settled && apart == 1 && here <= 2 && most >= FAR_COMMONER && usual.chars().count() >= 8;
        let confidence = match (clear, apart) {
            (true, _) => 0.92,
            (false, 1) => 0.75,
            _ => 0.6,
        };
        value.become_(Some(usual.to_owned()), Method::FuzzyMatch, confidence, None);
    }
}

/// Case tells words apart only if they are some: `aB` and `AB` may be two codes.
fn is_word(value: &str) -> bool {
    value.chars().filter(|c| c.is_alphabetic()).count() >= 3 && !value.chars().any(char::is_numeric)
}

/// Brings values that rules do not accept to the one that they are near, if that is one alone.
pub fn settle_among(values: &mut [Work], among: &[Among], asked: &Asked) {
    for among in among {
        let method = if among.keys { Method::FkFix } else { Method::Dictionary };
        if !asked.may(method) || among.values.is_empty() {
            continue;
        }
        let mut by_folded: HashMap<String, Vec<&String>> = HashMap::new();
        for value in &among.values {
            by_folded.entry(folded(value)).or_default().push(value);
        }
        for value in values.iter_mut().filter(|value| !value.is_gone() && !value.text.is_empty()) {
            if among.values.contains(&value.text) {
                continue;
            }
            let (new, confidence) = match by_folded.get(&folded(&value.text)).map(Vec::as_slice) {
                Some([one]) => ((*one).clone(), 0.97),
                Some(_) => continue,
                None => match near(&value.text, among) {
                    Some(one) => one,
                    None => continue,
                },
            };
            value.become_(Some(new), method, confidence, Some(among.rule.clone()));
        }
    }
}

/// The one accepted value that differs by a letter (of five or more), or by two of nine or more.
fn near(value: &str, among: &Among) -> Option<(String, f64)> {
    let length = value.chars().count();
    let has_letters = value.chars().any(char::is_alphabetic);
    let digits = |text: &str| text.chars().filter(|c| c.is_numeric()).collect::<String>();
    for limit in 1..=(if length >= 9 { 2 } else { 1 }) {
        let fits = |other: &&String| {
            length >= 5 && other.chars().count() >= 4 && distance(value, other, limit).is_some()
                // Other digits are another thing.
                && has_letters && digits(value) == digits(other)
        };
        let mut found = among.values.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(one), None) => return Some((one.clone(), if limit == 1 { 0.93 } else { 0.8 })),
            (Some(_), Some(_)) => return None,
            _ => {}
        }
    }
    None
}
