//! How the values of a column are spread: counted at training, and compared with rows that come later.
//!
//! What is kept of a number are the edges of bins of equal share, of a category the hashes of its commonest values: no value can be
//! read from it, and all that leaves this room are distances between two spreads.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::column::{numbers, text_hashes, texts, times};
use super::gather::{Counts, Gathered, Sample};
use super::learn::WORDS_CHARACTERS;
use crate::error::Result;

/// Bins of a number at most: deciles, as BigQuery has them.
const BINS_MAX: usize = 10;
/// Values of a category that are told apart at most.
const CATEGORIES_MAX: usize = 100;
/// Hours of a day.
const HOURS: usize = 24;
/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

/// How rows are told apart by a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Cut {
    /// Missing, then a bin up to each edge and one above the last.
    Number {
        #[serde(with = "crate::models::exact")]
        edges: Vec<f64>,
    },
    /// Missing, any other value, then these values by their hashes.
    Category { hashes: Vec<u64> },
    /// Missing, then the hours of the day.
    Hour,
    /// As of a number: the characters of a text.
    Length {
        #[serde(with = "crate::models::exact")]
        edges: Vec<f64>,
    },
}

/// Rows of training by the values of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    cut: Cut,
    /// Rows of each part of the cut.
    counts: Vec<u64>,
}

impl Spread {
    /// The spread of what was gathered of a column; none of one without values.
    pub(super) fn of(gathered: &Gathered) -> Option<Self> {
        match gathered {
            Gathered::Nothing | Gathered::Elements(..) | Gathered::Vectors { .. } => None,
            Gathered::Time(hours) => Some(Self { cut: Cut::Hour, counts: hours.clone() }),
            Gathered::Numbers(sample) => {
                let (edges, counts) = bins(sample);
                Some(Self { cut: Cut::Number { edges }, counts })
            }
            Gathered::Category(counts) => Some(Self::of_counts(counts)),
            Gathered::Texts { counts, characters, texts, lengths, .. } => match counts {
                Some(counts) if *characters as f64 / (*texts).max(1) as f64 <= WORDS_CHARACTERS => {
                    Some(Self::of_counts(counts))
                }
                _ => {
                    let (edges, counts) = bins(lengths);
                    Some(Self { cut: Cut::Length { edges }, counts })
                }
            },
        }
    }

    fn of_counts(counts: &Counts) -> Self {
        let mut all: Vec<(u64, u32)> = counts.of.iter().map(|(hash, count)| (*hash, *count)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(CATEGORIES_MAX);
        let known: u64 = all.iter().map(|(_, count)| u64::from(*count)).sum();
        let others = (counts.rows - counts.missing) as u64 - known;
        let parts = [counts.missing as u64, others].into_iter().chain(all.iter().map(|(_, count)| u64::from(*count)));
        Self { counts: parts.collect(), cut: Cut::Category { hashes: all.into_iter().map(|(hash, _)| hash).collect() } }
    }

    /// The rows of each part in training.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Whether the parts have an order, as those of numbers have.
    pub fn is_ordered(&self) -> bool {
        !matches!(self.cut, Cut::Category { .. })
    }

    /// Adds the rows of a batch to `to`, by the same parts. `name` is the column's, for errors.
    pub(super) fn count(&self, name: &str, array: &ArrayRef, to: &mut Vec<u64>) -> Result<()> {
        to.resize(self.counts.len(), 0);
        let mut add = |part: usize| {
            if let Some(count) = to.get_mut(part) {
                *count += 1;
            }
        };
        match &self.cut {
            Cut::Number { edges } => numbers(name, array)?.into_iter().for_each(|value| add(bin(edges, value))),
            Cut::Category { hashes } => {
                let places: HashMap<u64, usize> =
                    hashes.iter().enumerate().map(|(place, hash)| (*hash, place + 2)).collect();
                for hash in text_hashes(name, array)? {
                    add(hash.map_or(0, |hash| places.get(&hash).copied().unwrap_or(1)));
                }
            }
            Cut::Hour => times(name, array)?.into_iter().for_each(|time| add(hour(time))),
            Cut::Length { edges } => texts(name, array, |_, text| add(bin(edges, length(text))))?,
        }
        Ok(())
    }

    /// Whether its parts and counts hang together; those of a loaded one might not.
    pub(super) fn is_sound(&self) -> bool {
        let parts = match &self.cut {
            Cut::Number { edges } | Cut::Length { edges } => edges.len() + 2,
            Cut::Category { hashes } => hashes.len() + 2,
            Cut::Hour => HOURS + 1,
        };
        self.counts.len() == parts
    }
}

/// Counts of hours before any row was seen.
pub(super) fn no_hours() -> Vec<u64> {
    vec![0; HOURS + 1]
}

/// The part of an hour.
pub(super) fn hour(time: Option<i64>) -> usize {
    time.map_or(0, |time| 1 + time.div_euclid(HOUR_US).rem_euclid(HOURS as i64) as usize)
}

/// Characters of a text; not a number where missing.
pub(super) fn length(text: Option<&str>) -> f64 {
    text.map_or(f64::NAN, |text| text.chars().count() as f64)
}

/// The part of a number.
fn bin(edges: &[f64], value: f64) -> usize {
    if value.is_nan() { 0 } else { 1 + edges.partition_point(|edge| *edge < value) }
}

/// Edges of bins that hold about as many numbers each, and the counts of the parts.
fn bins(sample: &Sample) -> (Vec<f64>, Vec<u64>) {
    let mut sorted = sample.values.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> =
        (1..BINS_MAX).filter_map(|bin| sorted.get(bin * sorted.len() / BINS_MAX).copied()).collect();
    edges.dedup();
    // Nothing lies above the largest.
    edges.pop_if(|edge| sorted.last() == Some(edge));
    let mut counts = vec![0u64; edges.len() + 2];
    for value in &sorted {
        if let Some(count) = counts.get_mut(bin(&edges, *value)) {
            *count += 1;
        }
    }
    // Of a long column only some numbers were looked at; shares are what counts.
    let scale = sample.numbers as f64 / sorted.len().max(1) as f64;
    counts.iter_mut().for_each(|count| *count = (*count as f64 * scale).round() as u64);
    if let Some(missing) = counts.first_mut() {
        *missing = sample.missing as u64;
    }
    (edges, counts)
}
