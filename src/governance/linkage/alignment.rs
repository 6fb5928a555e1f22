//! Which columns of two relations speak of the same.

use super::records::{Column, Kind, Vocabulary};
use std::collections::HashSet;

/// Rows of a column that are looked at.
const ROWS_MAX: usize = 20_000;
/// Share of common words from which on columns of different names are taken for the same.
const COMMON_MIN: f64 = 0.15;
/// Share of common values from which on codes that number the rows of both relations are no coincidence.
const COMMON_KEYS_MIN: f64 = 0.05;

/// Pairs of columns, by their places: those of equal names, then those that share most words.
pub fn aligned(left: &[Column], right: &[Column], vocabulary: &Vocabulary) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let mut free: Vec<usize> = (0..right.len()).collect();
    let mut open = Vec::new();
    for (at, column) in left.iter().enumerate() {
        match free.iter().position(|other| name(&right[*other].name) == name(&column.name)) {
            Some(place) => pairs.push((at, free.remove(place))),
            None => open.push(at),
        }
    }
    let mut scores = Vec::new();
    for ours in &open {
        let words = words_of(&left[*ours]);
        for theirs in &free {
            let other = words_of(&right[*theirs]);
            let common = words.intersection(&other).count() as f64 / words.len().min(other.len()).max(1) as f64;
            let same = left[*ours].kind(vocabulary) == right[*theirs].kind(vocabulary);
            if common >= COMMON_MIN && same && left[*ours].declared == right[*theirs].declared {
                scores.push((common, *ours, *theirs));
            }
        }
    }
    scores.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    for (_, ours, theirs) in scores {
        if pairs.iter().all(|(l, r)| *l != ours && *r != theirs) {
            pairs.push((ours, theirs));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// How the values of two columns are compared.
pub fn kind(left: &Column, right: &Column, vocabulary: &Vocabulary) -> Kind {
    if left.is_key() && right.is_key() && (is_serial(left) || is_serial(right) || !share_values(left, right)) {
        return Kind::Nothing;
    }
    match (left.kind(vocabulary), right.kind(vocabulary)) {
        (Kind::Nothing, _) | (_, Kind::Nothing) => Kind::Nothing,
        (Kind::Long, _) | (_, Kind::Long) => Kind::Long,
        (ours, theirs) if ours == theirs => ours,
        _ => Kind::Short,
    }
}

/// A name as it is compared: its last part, letters and digits only.
fn name(name: &str) -> String {
    let last = name.rsplit(['#', '/', ':']).find(|part| !part.is_empty()).unwrap_or(name);
    last.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn words_of(column: &Column) -> HashSet<u32> {
    (0..column.rows().min(ROWS_MAX)).flat_map(|row| column.words(row).iter().copied()).collect()
}

/// Whether values are whole numbers, one after the other.
fn is_serial(column: &Column) -> bool {
    let values = (0..column.rows()).map(|row| column.number(row));
    let whole = values.clone().all(|value| value.fract() == 0.0);
    let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    whole && most - least < 4.0 * column.rows() as f64 + 16.0
}

fn share_values(left: &Column, right: &Column) -> bool {
    let ours: HashSet<u64> = (0..left.rows()).map(|row| left.whole(row)).collect();
    let common = (0..right.rows()).filter(|row| ours.contains(&right.whole(*row))).count();
    common as f64 >= COMMON_KEYS_MIN * left.rows().min(right.rows()) as f64
}
