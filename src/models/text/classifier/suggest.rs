//! Which rows are most worth a label: those that the model is unsure of, and that are unlike each other.
//!
//! Uncertainty is the entropy of what the model says, as a share of the most there can be. Of the most uncertain texts those are taken
//! one after another whose uncertainty times distance from what is taken already is largest, so that ten ways to say one thing are
//! not asked about ten times. (Uncertainty sampling with the diversity of greedy k-centre, as in Sener and Savarese, 2018.)

use super::model::TextClassifier;
use crate::error::Result;
use crate::models::encoder::{Embedding, Role};
use crate::models::text::background;

/// Texts among which is chosen, for each that is asked for, and at most.
const CANDIDATES: usize = 10;
const CANDIDATES_MAX: usize = 4_000;

/// A text that is worth a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Its place among the texts given.
    pub place: usize,
    /// The class that the model would give it.
    pub class: usize,
    /// How probable the model thinks it.
    pub probability: f32,
    /// 0 sure to 1 anything goes.
    pub uncertainty: f32,
}

/// The `count` texts most worth a label, best first; of equal texts the first. [`Kind::Cancelled`](crate::Kind::Cancelled) when
/// `cancel` says so between batches.
pub fn suggest(
    model: &TextClassifier,
    texts: &[&str],
    count: usize,
    cancel: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Suggestion>> {
    let mut seen = std::collections::HashSet::new();
    let places: Vec<usize> =
        texts.iter().enumerate().filter(|(_, text)| seen.insert(text.trim())).map(|(place, _)| place).collect();
    let each: Vec<&str> = places.iter().filter_map(|place| texts.get(*place)).copied().collect();
    let classes = model.labels().len();
    let said = model.probabilities(&each, cancel)?;
    let mut all: Vec<Suggestion> = places
        .iter()
        .zip(said.chunks_exact(classes.max(1)))
        .map(|(place, said)| {
            let probability = said.iter().copied().fold(0.0, f32::max);
            let class = said.iter().position(|p| *p == probability).unwrap_or(0);
            Suggestion { place: *place, class, probability, uncertainty: entropy(said) }
        })
        .collect();
    all.sort_by(|a, b| b.uncertainty.total_cmp(&a.uncertainty).then(a.place.cmp(&b.place)));
    all.truncate(count.saturating_mul(CANDIDATES).min(CANDIDATES_MAX.max(count)));
    let each: Vec<&str> = all.iter().filter_map(|one| texts.get(one.place)).copied().collect();
    let encoder = model.encoder()?;
    let middle = background::mean(encoder)?;
    let vectors: Vec<Vec<f32>> =
        encoder.encode(&each, Role::Query, cancel)?.iter().map(|vector| from(vector, &middle)).collect();
    Ok(spread(all, &vectors, count))
}

/// The entropy of probabilities, 0 to 1.
fn entropy(said: &[f32]) -> f32 {
    let sum: f32 = said.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
    (sum / (said.len().max(2) as f32).ln()).clamp(0.0, 1.0)
}

/// Where a text lies, seen from the middle of all texts.
fn from(vector: &Embedding, middle: &[f32]) -> Vec<f32> {
    let moved: Vec<f32> = vector.iter().zip(middle).map(|(value, middle)| value - middle).collect();
    let length = moved.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    moved.into_iter().map(|value| value / length).collect()
}

/// Takes `count` of candidates, most uncertain first, which lie apart.
fn spread(mut all: Vec<Suggestion>, vectors: &[Vec<f32>], count: usize) -> Vec<Suggestion> {
    // Distance of each from what is taken: 1 - cosine, of what is far at most 1.
    let mut apart = vec![1.0f32; all.len()];
    let mut taken: Vec<usize> = Vec::new();
    while taken.len() < count.min(all.len()) {
        let worth = |at: usize| {
            let uncertainty = all.get(at).map_or(0.0, |one| one.uncertainty);
            (uncertainty + 1e-6) * (apart.get(at).copied().unwrap_or(0.0) + 1e-6)
        };
        let best = (0..all.len()).filter(|at| apart.get(*at).is_some_and(|apart| *apart >= 0.0)).max_by(|a, b| {
            // Of equal ones the first.
            worth(*a).total_cmp(&worth(*b)).then(b.cmp(a))
        });
        let Some(best) = best else { break };
        for (at, (apart, vector)) in apart.iter_mut().zip(vectors).enumerate() {
            let cosine: f32 = vectors.get(best).map_or(0.0, |other| vector.iter().zip(other).map(|(a, b)| a * b).sum());
            if *apart >= 0.0 {
                *apart = if at == best { -1.0 } else { apart.min((1.0 - cosine).max(0.0)) };
            }
        }
        // Without a vector of its own.
        if let Some(own) = apart.get_mut(best) {
            *own = -1.0;
        }
        taken.push(best);
    }
    let mut rank = vec![usize::MAX; all.len()];
    taken.iter().enumerate().for_each(|(at, place)| {
        if let Some(rank) = rank.get_mut(*place) {
            *rank = at;
        }
    });
    let mut ranked: Vec<(usize, Suggestion)> = rank.into_iter().zip(all.drain(..)).collect();
    ranked.retain(|(rank, _)| *rank != usize::MAX);
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_what_is_taken_comes_late() {
        let one = |place, uncertainty| Suggestion { place, class: 0, probability: 0.5, uncertainty };
        let all = vec![one(0, 0.9), one(1, 0.89), one(2, 0.5)];
        let vectors = vec![vec![1.0, 0.0], vec![0.999, 0.04], vec![0.0, 1.0]];
        let places: Vec<usize> = spread(all.clone(), &vectors, 2).iter().map(|one| one.place).collect();
        assert_eq!(places, [0, 2]);
        assert_eq!(spread(all, &vectors, 9).len(), 3);
        assert!(entropy(&[0.5, 0.5]) > 0.999 && entropy(&[1.0, 0.0]) < 1e-6);
    }
}
