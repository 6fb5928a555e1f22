//! Two cells in one: a value whose last word is a value of another column that is empty in the same row.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::column::Finding;

/// Distinct values of the column that lost its cell, at most: beyond, its words are everywhere.
const DISTINCT_MAX: usize = 500;
/// Rows from which on it is a habit, not chance.
const ROWS_MIN: usize = 5;

/// Cells of `from` carry at their end what is missing in `to`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Glued {
    pub from: String,
    pub to: String,
    words: BTreeSet<String>,
}

impl Glued {
    /// Judges the two cells of a row: first the one that holds too much, then the empty one.
    pub fn judge(&self, from: Option<&str>, to: Option<&str>) -> Option<(Finding, Finding)> {
        let (rest, word) = split(from?)?;
        if to.is_some() || !self.words.contains(word) {
            return None;
        }
        let whole = format!("ends in a value of \"{}\", which is empty here", self.to);
        let lost = format!("its value stands at the end of \"{}\"", self.from);
        Some((Finding::new(0.9, whole, Some(rest.to_string())), Finding::new(0.9, lost, Some(word.to_string()))))
    }
}

/// Finds every pair of columns with such rows, where they explain at least three tenths of the empty cells.
pub(super) fn learn(columns: &[Cells]) -> Vec<Glued> {
    let mut found = Vec::new();
    for to in columns {
        let empty: Vec<usize> = (0..to.rows.len()).filter(|row| to.value(*row).is_none()).collect();
        if empty.len() < ROWS_MIN || !(2..=DISTINCT_MAX).contains(&to.distinct.len()) {
            continue;
        }
        let common = to.distinct.iter().zip(&to.counts).filter(|(value, count)| **count > 1 && !value.contains(' '));
        let words: BTreeSet<String> =
            common.map(|(value, _)| value.clone()).filter(|value| !is_number(value)).collect();
        for from in columns.iter().filter(|from| from.name != to.name) {
            let ends = |row: &&usize| from.value(**row).and_then(split).is_some_and(|(_, word)| words.contains(word));
            let hits = empty.iter().filter(ends).count();
            if hits >= ROWS_MIN && hits * 10 >= empty.len() * 3 {
                found.push(Glued { from: from.name.clone(), to: to.name.clone(), words: words.clone() });
            }
        }
    }
    found
}

fn split(value: &str) -> Option<(&str, &str)> {
    let (rest, word) = value.trim_end().rsplit_once([' ', ',', '-', '/'])?;
    let rest = rest.trim_end_matches([' ', ',', '-', '/']);
    (!rest.is_empty() && !word.is_empty()).then_some((rest, word))
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}
