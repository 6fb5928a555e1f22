//! Values one or two letters away from far commoner ones.
//!
//! Candidates are found by the neighbourhood of deletions (as in SymSpell): two texts at distance 1 share a text that each
//! becomes by at most one deletion, and so do most at distance 2. The index over the common values is as large as their
//! letters; a look-up costs as many probes as the value has letters.

use std::collections::HashMap;

use crate::models::random::hash_bytes;

/// Characters of an indexed value: shorter ones are near everything, longer ones are prose.
const CHARACTERS: std::ops::RangeInclusive<usize> = 5..=40;
/// Common values indexed for one column.
const INDEXED_MAX: usize = 4_000;
/// A common value has at least this many rows ...
const COMMON_ROWS: u32 = 10;
/// ... and this many times the rows of what is taken for its misspelling.
const TIMES_COMMONER: u32 = 15;

/// An index of common values by what they become with one letter less.
#[derive(Debug, Clone, Default)]
pub struct Spelling {
    values: Vec<(String, u32)>,
    index: HashMap<u64, Vec<u32>>,
}

impl Spelling {
    /// Indexes the commonest of `values` with their counts.
    pub fn new<'a>(values: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut common: Vec<(String, u32)> = values
            .filter(|(value, count)| *count >= COMMON_ROWS && is_word(value))
            .map(|(value, count)| (value.to_string(), count))
            .collect();
        common.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        common.truncate(INDEXED_MAX);
        let mut index: HashMap<u64, Vec<u32>> = HashMap::new();
        for (place, (value, _)) in common.iter().enumerate() {
            for hash in deletions(value) {
                index.entry(hash).or_default().push(place as u32);
            }
        }
        Self { values: common, index }
    }

    /// The far commoner value that `value`, seen `count` times, may be a misspelling of, and their distance (1 or 2).
    pub fn commoner(&self, value: &str, count: u32) -> Option<(&str, usize)> {
        if self.values.is_empty() || !is_word(value) {
            return None;
        }
        let mut best: Option<(&str, usize, u32)> = None;
        for place in deletions(value).into_iter().filter_map(|hash| self.index.get(&hash)).flatten() {
            let (common, rows) = self.values.get(*place as usize)?;
            if common == value || *rows < TIMES_COMMONER.saturating_mul(count.max(1)) {
                continue;
            }
            let limit = if value.chars().count() >= 9 { 2 } else { 1 };
            let Some(distance) = distance(value, common, limit) else { continue };
            // Different numbers are different things; another case is another witness's business.
            let digits = |text: &str| text.chars().filter(|c| c.is_numeric()).collect::<String>();
            if distance == 0 || digits(value) != digits(common) || value.to_lowercase() == common.to_lowercase() {
                continue;
            }
            if best.is_none_or(|(_, nearest, most)| (distance, most) < (nearest, *rows) || distance < nearest) {
                best = Some((common, distance, *rows));
            }
        }
        best.map(|(value, distance, _)| (value, distance))
    }
}

fn is_word(value: &str) -> bool {
    CHARACTERS.contains(&value.chars().count()) && value.chars().any(char::is_alphabetic)
}

/// Hashes of the value itself and of all it becomes by one deletion.
fn deletions(value: &str) -> Vec<u64> {
    let mut hashes = vec![hash_bytes(value.as_bytes())];
    let mut shorter = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        shorter.clear();
        shorter.push_str(value.get(..at).unwrap_or_default());
        shorter.push_str(value.get(at + character.len_utf8()..).unwrap_or_default());
        hashes.push(hash_bytes(shorter.as_bytes()));
    }
    hashes.dedup();
    hashes
}

/// Edit distance with neighbouring letters swapped counting once (optimal string alignment), if at most `limit`.
pub fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let mut least = (at(&last, j + 1) + 1).min(at(&row, j) + 1).min(at(&last, j) + (from != to) as usize);
            if i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from) {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_find_the_common_value() {
        let common = [("Birmingham", 300u32), ("Washington", 200), ("Model 12", 100), ("Rare one", 3)];
        let spelling = Spelling::new(common.into_iter());
        assert_eq!(spelling.commoner("Birmingxam", 1), Some(("Birmingham", 1)));
        assert_eq!(spelling.commoner("Wahsington", 2), Some(("Washington", 1)));
        assert_eq!(spelling.commoner("Birmingxam", 100), None);
        assert_eq!(spelling.commoner("Model 13", 1), None);
        assert_eq!(spelling.commoner("Rare onee", 1), None);
        assert_eq!(spelling.commoner("BIRMINGHAM", 1), None);
    }

    #[test]
    fn distance_by_hand() {
        assert_eq!(distance("kitten", "sitting", 3), Some(3));
        assert_eq!(distance("ab", "ba", 2), Some(1));
        assert_eq!(distance("abc", "abcdef", 2), None);
    }
}
