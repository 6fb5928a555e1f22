//! What is kept of a column while training batches go by.

use std::collections::HashMap;

use arrow::array::ArrayRef;

use super::column::{Family, numbers, text_hashes, texts, times};
use super::elements::{element_hashes, vectors};
use super::learn::{WORDS_CHARACTERS, WORDS_TEXTS_SURE};
use super::spread::{hour, length};
use crate::config;
use crate::error::{Error, Kind, Result};

/// Values looked at when quantiles are taken, at least, where there are so many.
const SAMPLE_VALUES: usize = 200_000;

/// Different values of a column that are counted.
const COUNTED_MAX: usize = 4 * config::MODEL_VOCABULARY_MAX;
/// Numbers of a vector, at most.
const VECTOR_LENGTH_MAX: usize = 4096;

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
    /// How often each value of arrays or objects occurs.
    Elements(Family, Counts),
    /// The length of vectors, which is one for all, and the sum of their squares.
    Vectors {
        length: Option<usize>,
        squares: f64,
        numbers: usize,
    },
}

/// Every so many-th number of a column, and the extremes of all.
#[derive(Debug, Default)]
pub(in crate::models) struct Sample {
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
            Self::Elements(family, counts) => element_hashes(name, *family, array, |hashes| {
                counts.rows += 1;
                match hashes {
                    Some(hashes) => hashes.iter().for_each(|hash| counts.add(*hash)),
                    None => counts.missing += 1,
                }
            })?,
            Self::Vectors { length, squares, numbers } => vectors(name, array, |vector| {
                let Some(vector) = vector else { return Ok(()) };
                let known = *length.get_or_insert(vector.len());
                if vector.len() != known || known > VECTOR_LENGTH_MAX {
                    return Err(Error::new(
                        Kind::InvalidParameter,
                        format!("column \"{name}\" has arrays of floats of {known} and of {} numbers", vector.len()),
                    )
                    .with_hint(format!(
                        "Vectors are of one length, at most {VECTOR_LENGTH_MAX}; an array of names is cast to text[]."
                    )));
                }
                *squares += vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
                *numbers += known;
                Ok(())
            })?,
        }
        Ok(())
    }
}

impl Sample {
    pub fn see(&mut self, value: f64) {
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
    /// Counts a value. When there are too many different ones the rarest are forgotten: such as would be among the known ones come again.
    fn add(&mut self, hash: u64) {
        let count = self.of.entry(hash).or_default();
        *count = count.saturating_add(1);
        let mut rare = 1;
        while self.of.len() > COUNTED_MAX {
            self.of.retain(|_, count| *count > rare);
            rare *= 2;
        }
    }

    fn see(&mut self, name: &str, array: &ArrayRef) -> Result<()> {
        for hash in text_hashes(name, array)? {
            self.rows += 1;
            match hash {
                Some(hash) => self.add(hash),
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
