//! Which pairs are worth comparing: for each record those that share the rarest of its words.
//!
//! Comparing all pairs of a million records would take years. A record is looked up in an index of words instead, rarest word first,
//! until a fixed number of entries has been read; the records that share most weight are its candidates. Work and memory are bounded by
//! rows times constants. Source of the idea: canopies by an inverted index, A. McCallum, K. Nigam, L. Ungar, KDD 2000.

use crate::error::Result;
use std::collections::HashMap;

/// Entries of the index that are read for one record at most.
const READ_MAX: usize = 1_000;
/// Records between two looks whether the work goes on.
const ROWS_BETWEEN_CHECKS: usize = 1_024;

/// Sets of keys, one of each record, and what sharing a key is worth.
#[derive(Debug, Default)]
pub struct Bags {
    ends: Vec<usize>,
    keys: Vec<u32>,
    /// Worth of each key.
    pub weights: Vec<f32>,
    counts: Vec<u32>,
    norms: Vec<f32>,
}

impl Bags {
    /// The next record's keys, in any order, perhaps several times.
    pub fn push(&mut self, keys: &mut Vec<u32>) {
        keys.sort_unstable();
        keys.dedup();
        self.keys.extend_from_slice(keys);
        self.ends.push(self.keys.len());
    }

    /// Counts in how many records each of `keys` keys is, and weighs them by it.
    pub fn weigh(&mut self, keys: usize) {
        self.counts = vec![0; keys];
        for key in &self.keys {
            self.counts[*key as usize] += 1;
        }
        let rows = self.ends.len() as f32;
        self.weights = self.counts.iter().map(|count| (1.0 + rows / (*count).max(1) as f32).ln()).collect();
        self.norms = (0..self.ends.len())
            .map(|row| self.of(row).iter().map(|key| self.weights[*key as usize].powi(2)).sum::<f32>().sqrt())
            .collect();
    }

    /// How many records there are.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The keys of a record, ascending.
    pub fn of(&self, row: usize) -> &[u32] {
        &self.keys[self.range(row)]
    }

    /// Where the keys of a record are among all.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        let from = if row == 0 { 0 } else { self.ends[row - 1] };
        from..self.ends[row]
    }

    /// The keys at these places.
    pub fn keys(&self, places: std::ops::Range<usize>) -> &[u32] {
        &self.keys[places]
    }
}

/// Where records are found by their keys.
struct Index {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Index {
    fn of(bags: &Bags, rows: std::ops::Range<usize>) -> Self {
        let mut starts = vec![0usize; bags.weights.len() + 1];
        for row in rows.clone() {
            bags.of(row).iter().for_each(|key| starts[*key as usize + 1] += 1);
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut found = vec![0u32; starts.last().copied().unwrap_or(0)];
        for row in rows {
            for key in bags.of(row) {
                let place = &mut next[*key as usize];
                found[*place] = row as u32;
                *place += 1;
            }
        }
        Self { starts, rows: found }
    }

    fn rows(&self, key: u32) -> &[u32] {
        &self.rows[self.starts[key as usize]..self.starts[key as usize + 1]]
    }
}

/// Pairs of records worth comparing, each once, the lower row first, ascending.
///
/// `split` is the row where the second relation begins: pairs are then of one record of each. `None`: pairs within one relation. At most
/// `most` candidates come from each record. `check` is asked now and then whether to go on.
pub fn candidates(
    bags: &Bags,
    split: Option<usize>,
    most: usize,
    check: &dyn Fn() -> Result<()>,
) -> Result<Vec<(u32, u32)>> {
    let rows = bags.rows();
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let sides = match split {
        Some(split) => vec![(0..split, split..rows), (split..rows, 0..split)],
        None => vec![(0..rows, 0..rows)],
    };
    let mut scores = vec![0.0f32; rows];
    for (askers, asked) in sides {
        let index = Index::of(bags, asked);
        let mut touched: Vec<u32> = Vec::new();
        let mut keys: Vec<u32> = Vec::new();
        for row in askers {
            if row % ROWS_BETWEEN_CHECKS == 0 {
                check()?;
            }
            keys.clear();
            keys.extend_from_slice(bags.of(row));
            keys.sort_unstable_by_key(|key| index.rows(*key).len());
            let mut left = READ_MAX;
            for key in &keys {
                let found = index.rows(*key);
                // A key of too many records is read for the first only of a record's keys: of equals all are as good as any.
                if found.len() > left {
                    break;
                }
                left -= found.len();
                let worth = bags.weights[*key as usize].powi(2);
                for other in found {
                    let score = &mut scores[*other as usize];
                    if *score == 0.0 {
                        touched.push(*other);
                    }
                    *score += worth;
                }
            }
            let mut best: Vec<(f32, u32)> = Vec::with_capacity(touched.len());
            for other in touched.drain(..) {
                let score = std::mem::take(&mut scores[other as usize]);
                if other as usize != row {
                    best.push((score / bags.norms[other as usize].max(1e-6), other));
                }
            }
            let by = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            if best.len() > most {
                best.select_nth_unstable_by(most, by);
                best.truncate(most);
            }
            let row = row as u32;
            pairs.extend(best.into_iter().map(|(_, other)| (row.min(other), row.max(other))));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

/// Parts of words as keys, for records of few words, whose misspelt words would share nothing.
#[derive(Debug, Default)]
pub struct Grams {
    numbers: HashMap<[u8; 3], u32>,
}

impl Grams {
    /// Calls `each` with the number of every run of three letters of a word of four letters or more.
    pub fn of(&mut self, word: &[u8], each: &mut dyn FnMut(u32)) {
        if word.len() < 4 {
            return;
        }
        let mut last = [1, 1, 1];
        let mut count = 0;
        for letter in word.iter().copied().chain([2]) {
            last = [last[1], last[2], letter];
            count += 1;
            if count >= 2 {
                let next = self.numbers.len() as u32;
                each(*self.numbers.entry(last).or_insert(next));
            }
        }
    }

    /// How many different ones there are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }
}
