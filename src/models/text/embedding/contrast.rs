//! The loss over a step's pairs, and its slopes at their embeddings.

use crate::models::layers::{multiply, plain, transposed};

/// The pairs of a step.
pub(super) struct Pairs<'a> {
    /// Embeddings of the first texts and of the second, `pairs x width`.
    pub queries: &'a [f32],
    pub passages: &'a [f32],
    pub width: usize,
    /// Which texts are the same: a number for each, equal for equal ones.
    pub query_ids: &'a [u32],
    pub passage_ids: &'a [u32],
    /// How much each pair counts.
    pub weights: &'a [f32],
}

/// The mean loss, and its slope at each number of each query and of each passage.
pub(super) fn contrast(pairs: &Pairs<'_>, temperature: f32) -> (f64, Vec<f32>, Vec<f32>) {
    let (count, width) = (pairs.weights.len(), pairs.width);
    let mut cosines = vec![0.0; count * count];
    multiply((count, width, count), plain(pairs.queries), transposed(pairs.passages), &mut cosines, false);
    let total: f32 = pairs.weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let mut slopes = vec![0.0; count * count];
    let mut loss = 0.0;
    // A pair of others that has one of the texts is no negative: the query of one row may well belong to the passage of the other.
    let is_other = |one: usize, other: usize| {
        let same = |ids: &[u32]| ids.get(one) == ids.get(other);
        one == other || !(same(pairs.query_ids) || same(pairs.passage_ids))
    };
    let mut way = |at: &dyn Fn(usize, usize) -> usize| {
        for (own, weight) in pairs.weights.iter().enumerate() {
            let score = |other: usize| cosines.get(at(own, other)).copied().unwrap_or_default() / temperature;
            let others: Vec<usize> = (0..count).filter(|other| is_other(own, *other)).collect();
            let top = others.iter().map(|other| score(*other)).fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = others.iter().map(|other| (score(*other) - top).exp()).sum();
            // Both ways count half.
            let share = 0.5 * weight / total;
            loss += f64::from(share * (sum.ln() + top - score(own)));
            for other in others {
                let own_share = if other == own { 1.0 } else { 0.0 };
                if let Some(slope) = slopes.get_mut(at(own, other)) {
                    *slope += share * ((score(other) - top).exp() / sum - own_share) / temperature;
                }
            }
        }
    };
    way(&|query, passage| query * count + passage);
    way(&|passage, query| query * count + passage);
    let (mut of_queries, mut of_passages) = (vec![0.0; count * width], vec![0.0; count * width]);
    multiply((count, count, width), plain(&slopes), plain(pairs.passages), &mut of_queries, false);
    multiply((count, count, width), transposed(&slopes), plain(pairs.queries), &mut of_passages, false);
    (loss, of_queries, of_passages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::random::Random;

    #[test]
    fn slopes_are_differences_of_the_loss() {
        let (count, width) = (5, 3);
        let mut random = Random::new(3);
        let mut numbers = || -> Vec<f32> { (0..count * width).map(|_| random.normal(0.5)).collect() };
        let (queries, passages) = (numbers(), numbers());
        let (query_ids, passage_ids) = ([0, 1, 0, 3, 4], [0, 1, 2, 1, 4]);
        let weights = [1.0, 2.0, 1.0, 0.5, 1.0];
        let loss = |queries: &[f32], passages: &[f32]| {
            let ids = (&query_ids, &passage_ids);
            contrast(&Pairs { queries, passages, width, query_ids: ids.0, passage_ids: ids.1, weights: &weights }, 0.5)
        };
        let (_, of_queries, of_passages) = loss(&queries, &passages);
        let step = 1e-2;
        for place in 0..count * width {
            let moved = |numbers: &[f32], by: f32| {
                let mut numbers = numbers.to_vec();
                numbers[place] += by;
                numbers
            };
            let by_queries = loss(&moved(&queries, step), &passages).0 - loss(&moved(&queries, -step), &passages).0;
            let by_passages = loss(&queries, &moved(&passages, step)).0 - loss(&queries, &moved(&passages, -step)).0;
            for (slope, difference) in [(of_queries[place], by_queries), (of_passages[place], by_passages)] {
                let expected = difference / f64::from(2.0 * step);
                assert!((f64::from(slope) - expected).abs() < 1e-3, "{place}: {slope} {expected}");
            }
        }
        // Pairs that are alone with their own have nothing to learn.
        let same = [0, 0, 0, 0, 0];
        let pairs = Pairs {
            queries: &queries,
            passages: &passages,
            width,
            query_ids: &same,
            passage_ids: &same,
            weights: &weights,
        };
        let (nothing, slopes, _) = contrast(&pairs, 0.5);
        assert!(nothing.abs() < 1e-6 && slopes.iter().all(|slope| slope.abs() < 1e-6));
    }
}
