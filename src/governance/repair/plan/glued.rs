//! Two cells in one: a value whose last word is a value of another column, which is empty in the same row.

use super::column::{ABSENT, Column, Kind};
use super::{Method, Proposal};
use std::collections::{BTreeSet, HashSet};

/// Different values of the column that lost its cell, at most: beyond, its words are everywhere.
const DISTINCT_MAX: usize = 500;
/// Rows from which on it is a habit, not chance, and the share of the empty cells that it explains.
const ROWS_MIN: usize = 5;
const SHARE_MIN: f64 = 0.3;

/// Every such row, as two changes.
pub fn find(columns: &[Column]) -> Vec<Proposal> {
    let mut found = Vec::new();
    for (at, to) in columns.iter().enumerate() {
        let empty: Vec<usize> = (0..to.rows.len()).filter(|row| to.rows.get(*row) == Some(&ABSENT)).collect();
        let fits = to.kind == Kind::Text && !to.fixed && (2..=DISTINCT_MAX).contains(&to.distinct.len());
        if !fits || empty.len() < ROWS_MIN {
            continue;
        }
        let common = to.distinct.iter().zip(&to.counts).filter(|(value, count)| **count > 1 && is_word(value));
        let words: BTreeSet<&str> = common.map(|(value, _)| value.as_str()).collect();
        for (from_at, from) in columns.iter().enumerate() {
            if from_at == at || from.fixed || from.kind != Kind::Text {
                continue;
            }
            let rows: Vec<(usize, &str, &str)> = empty
                .iter()
                .filter_map(|row| {
                    let (rest, word) = split(from.value(*row)?)?;
                    words.contains(word).then_some((*row, rest, word))
                })
                .collect();
            if rows.len() < ROWS_MIN || (rows.len() as f64) < SHARE_MIN * empty.len() as f64 {
                continue;
            }
            // Where the column is full its values do not end so: else the word belongs there.
            let filled = (0..to.rows.len()).filter(|row| to.rows.get(*row) != Some(&ABSENT));
            let (mut all, mut also) = (0usize, 0usize);
            for row in filled {
                all += 1;
                also += usize::from(from.value(row).and_then(split).is_some_and(|(_, word)| words.contains(word)));
            }
            if also * 50 > all {
                continue;
            }
            let known: HashSet<&str> = from.distinct.iter().map(String::as_str).collect();
            let rests = rows.iter().filter(|(_, rest, _)| known.contains(rest)).count();
            let confidence = if rests * 2 >= rows.len() { 0.97 } else { 0.93 };
            for (row, rest, word) in rows {
                let change = |column: usize, new: &str| Proposal {
                    row,
                    column,
                    new: Some(new.to_owned()),
                    method: Method::Split,
                    confidence,
                    rule: None,
                };
                found.extend([change(from_at, rest), change(at, word)]);
            }
        }
    }
    found
}

fn is_word(value: &str) -> bool {
    !value.contains(' ') && !value.is_empty() && !value.bytes().all(|byte| byte.is_ascii_digit())
}

fn split(value: &str) -> Option<(&str, &str)> {
    let (rest, word) = value.trim_end().rsplit_once([' ', ',', '-', '/'])?;
    let rest = rest.trim_end_matches([' ', ',', '-', '/']);
    (!rest.is_empty() && !word.is_empty()).then_some((rest, word))
}
