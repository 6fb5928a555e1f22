//! Which features of texts a model knows, and texts as rows of them.
//!
//! A text's row has a number for each different feature that is known: `(1 + ln times) · idf`, all brought to length 1; `idf` is
//! `1 + ln((texts + 1) / (texts with it + 1))` over the training texts, as scikit-learn's `TfidfVectorizer` with `sublinear_tf` has it.

use std::collections::HashMap;

use super::grams::grams;

/// Known features. Their place in the sorted list is their number.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    /// Hashes, ascending.
    pub hashes: Vec<u64>,
    /// The weight of each for being rare.
    pub idf: Vec<f32>,
    /// Where hashes with each value of their first bits begin: hashes are spread evenly, so that these leave one or two to look at.
    starts: Vec<u32>,
    shift: u32,
}

/// Texts as sparse rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    ends: Vec<usize>,
    ids: Vec<u32>,
    values: Vec<f32>,
}

/// How many texts have each feature.
#[derive(Debug, Default)]
pub(super) struct Counter {
    texts: usize,
    of: HashMap<u64, u32, BuildPlain>,
    hashes: Vec<u64>,
}

/// Hashes are hashed already.
#[derive(Debug, Clone, Copy, Default)]
struct BuildPlain;

#[derive(Debug, Default)]
struct Plain(u64);

impl std::hash::BuildHasher for BuildPlain {
    type Hasher = Plain;
    fn build_hasher(&self) -> Plain {
        Plain(0)
    }
}

impl std::hash::Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Counter {
    /// Counts a text's features; gives their number.
    pub fn see(&mut self, text: &str) -> usize {
        let mut hashes = std::mem::take(&mut self.hashes);
        grams(text, &mut hashes);
        hashes.sort_unstable();
        hashes.dedup();
        for hash in &hashes {
            let count = self.of.entry(*hash).or_default();
            *count = count.saturating_add(1);
        }
        let count = hashes.len();
        self.hashes = hashes;
        self.texts += 1;
        count
    }

    /// Different features so far.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Forgets the features that only one text had, so that counting stays within bounds.
    pub fn thin(&mut self) {
        self.of.retain(|_, count| *count > 1);
    }

    /// The features that `least` texts or more have; of more than `most` those in most texts.
    pub fn finish(self, least: u32, most: usize) -> Vocabulary {
        let mut kept: Vec<(u64, u32)> = self.of.into_iter().filter(|(_, count)| *count >= least).collect();
        if kept.len() > most {
            kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            kept.truncate(most);
        }
        kept.sort_unstable_by_key(|(hash, _)| *hash);
        let texts = self.texts as f64;
        let idf = |count: u32| (1.0 + ((texts + 1.0) / (f64::from(count) + 1.0)).ln()) as f32;
        Vocabulary::new(
            kept.iter().map(|(hash, _)| *hash).collect(),
            kept.iter().map(|(_, count)| idf(*count)).collect(),
        )
    }
}

impl Vocabulary {
    /// Of ascending hashes and the weight of each.
    pub fn new(hashes: Vec<u64>, idf: Vec<f32>) -> Self {
        let bits = hashes.len().max(1).ilog2().clamp(1, 24);
        let shift = 64 - bits;
        let mut starts = vec![0u32; (1 << bits) + 1];
        for hash in &hashes {
            if let Some(count) = starts.get_mut((hash >> shift) as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { hashes, idf, starts, shift }
    }

    /// Features known.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    fn id(&self, hash: u64) -> Option<u32> {
        let first = (hash >> self.shift) as usize;
        let (from, to) = (*self.starts.get(first)? as usize, *self.starts.get(first + 1)? as usize);
        let at = self.hashes.get(from..to)?.iter().position(|known| *known == hash)?;
        Some((from + at) as u32)
    }

    /// Appends a text's row.
    pub fn append(&self, text: &str, hashes: &mut Vec<u64>, rows: &mut Rows) {
        grams(text, hashes);
        hashes.sort_unstable();
        let from = rows.ids.len();
        let mut squares = 0.0f32;
        for run in hashes.chunk_by(|a, b| a == b) {
            let Some(id) = run.first().and_then(|hash| self.id(*hash)) else { continue };
            let Some(idf) = self.idf.get(id as usize) else { continue };
            let value = (1.0 + (run.len() as f32).ln()) * idf;
            squares += value * value;
            rows.ids.push(id);
            rows.values.push(value);
        }
        if squares > 0.0 {
            let scale = squares.sqrt().recip();
            rows.values.iter_mut().skip(from).for_each(|value| *value *= scale);
        }
        rows.ends.push(rows.ids.len());
    }
}

impl Rows {
    /// Rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Appends the rows of others.
    pub fn extend(&mut self, other: &Self) {
        let before = self.ids.len();
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.ids.extend_from_slice(&other.ids);
        self.values.extend_from_slice(&other.values);
    }

    /// Some of the rows.
    pub fn take(&self, rows: &[usize]) -> Self {
        let mut taken = Self::default();
        for row in rows {
            let (ids, values) = self.row(*row);
            taken.ids.extend_from_slice(ids);
            taken.values.extend_from_slice(values);
            taken.ends.push(taken.ids.len());
        }
        taken
    }

    /// The features of a row and their values.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let from = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let to = self.ends.get(row).copied().unwrap_or(from);
        (self.ids.get(from..to).unwrap_or_default(), self.values.get(from..to).unwrap_or_default())
    }

    /// How many rows have each of `features` features.
    pub fn counts(&self, features: usize) -> Vec<u32> {
        let mut counts = vec![0u32; features];
        for id in &self.ids {
            if let Some(count) = counts.get_mut(*id as usize) {
                *count += 1;
            }
        }
        counts
    }
}
