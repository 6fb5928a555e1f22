//! What is kept of a column while training batches go by.

use std::collections::HashMap;

use arrow::array::ArrayRef;

use super::column::{numbers, text_hashes, texts, times};
use super::learn::{WORDS_CHARACTERS, WORDS_TEXTS_SURE};
use super::spread::{hour, length};
use crate::error::Result;

/// Values looked at when quantiles are taken, at least, where there are so many.
const SAMPLE_VALUES: usize = 200_000;

/// What is known of a column so far.
#[derive(Debug)]
pub(super) enum Gathered {
    /// Of the type that has no values.
    Nothing,
    /// Times are encoded without being looked at; how many rows are of no time, and of each hour.
    Time(Vec<u64>),
    Numbers(Sample),
    Category(Counts),
    /// Texts, of which it is not known yet whether they are names or words. Without counts they are surely words.
    Texts {
        counts: Option<Counts>,
        characters: usize,
        texts: usize,
        rows: usize,
        lengths: Sample,
    },
}

/// Every so many-th number of a column, and the extremes of all.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub values: Vec<f64>,
    /// Numbers to leave out after each that is kept.
    skip: usize,
    /// Numbers to leave out before the next that is kept.
    wait: usize,
    pub missing: usize,
    /// Numbers that went by.
    pub numbers: usize,
    extremes: Option<(f64, f64)>,
}

/// How often each value occurs, by its hash.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub of: HashMap<u64, u32>,
    pub rows: usize,
    pub missing: usize,
}

impl Gathered {
    pub fn see(&mut self, name: &str, array: &ArrayRef) -> Result<()> {
        match self {
            Self::Nothing => {}
            Self::Time(hours) => times(name, array)?.into_iter().for_each(|time| {
                if let Some(count) = hours.get_mut(hour(time)) {
                    *count += 1;
                }
            }),
            Self::Numbers(sample) => numbers(name, array)?.into_iter().for_each(|value| sample.see(value)),
            Self::Category(counts) => counts.see(name, array)?,
            Self::Texts { counts, characters, texts: seen, rows, lengths } => {
                *rows += array.len();
                texts(name, array, |_, text| {
                    lengths.see(length(text));
                    if let Some(text) = text {
                        *characters += text.chars().count();
                        *seen += 1;
                    }
                })?;
                if *seen >= WORDS_TEXTS_SURE && *characters as f64 / *seen as f64 > WORDS_CHARACTERS {
                    *counts = None;
                }
                if let Some(counts) = counts {
                    counts.see(name, array)?;
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn see(&mut self, value: f64) {
        if value.is_nan() {
            self.missing += 1;
            return;
        }
        self.numbers += 1;
        let (low, high) = self.extremes.unwrap_or((value, value));
        self.extremes = Some((low.min(value), high.max(value)));
        if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.values.push(value);
        if self.values.len() == 2 * SAMPLE_VALUES {
            // A fixed stride keeps training repeatable: every second one stays, and half as many come.
            let mut place = 0usize;
            self.values.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            // The last one that was pushed is out, which leaves the stride before the next as it is.
            self.skip = 2 * self.skip + 1;
            self.wait = self.skip / 2;
        } else {
            self.wait = self.skip;
        }
    }

    /// Whether all numbers are the same one, or there are none.
    pub fn is_constant(&self) -> bool {
        self.extremes.is_none_or(|(low, high)| low == high)
    }
}

impl Counts {
    fn see(&mut self, name: &str, array: &ArrayRef) -> Result<()> {
        for hash in text_hashes(name, array)? {
            self.rows += 1;
            match hash {
                Some(hash) => {
                    let count = self.of.entry(hash).or_default();
                    *count = count.saturating_add(1);
                }
                None => self.missing += 1,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_column_is_thinned_evenly() {
        let mut sample = Sample::default();
        let rows = 10 * SAMPLE_VALUES;
        (0..rows).for_each(|value| sample.see(value as f64));
        assert!((SAMPLE_VALUES..2 * SAMPLE_VALUES).contains(&sample.values.len()));
        let stride = sample.values[1] - sample.values[0];
        assert!(sample.values.windows(2).all(|pair| pair[1] - pair[0] == stride), "{stride}");
        assert!(*sample.values.last().unwrap() > rows as f64 - 2.0 * stride);
        assert!(!sample.is_constant());
    }
}
