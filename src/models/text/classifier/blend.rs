//! How much words and characters count beside the encoder's vectors.
//!
//! What the two say is multiplied with a power for each (a logarithmic opinion pool), which both weighs them and tempers what they say
//! together: heads are surer than they are right. The powers are those that make the log-loss of rows held out least.

/// Powers without rows that choose them: with and without the second part.
const BOTH: (f32, f32) = (0.7, 0.5);
const ALONE: (f32, f32) = (1.0, 0.0);
/// Steps of the search, coarse to fine.
const STEPS: [f32; 3] = [0.2, 0.1, 0.05];
/// The largest power.
const POWER_MAX: f32 = 3.0;
/// Steps of one size at most.
const MOVES_MAX: usize = 40;

/// The powers of the two parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Blend {
    pub words: f32,
    pub vectors: f32,
}

impl Blend {
    /// What is said without rows to choose by.
    pub fn unknown(has_vectors: bool) -> Self {
        let (words, vectors) = if has_vectors { BOTH } else { ALONE };
        Self { words, vectors }
    }

    /// The best for rows with log-probabilities of both parts (the second may be empty) and the class of each.
    pub fn best(words: &[Vec<f32>], vectors: &[Vec<f32>], classes: &[u32]) -> Self {
        let start = Self::unknown(!vectors.is_empty());
        let loss = |blend: Self| {
            let mut sum = 0.0;
            let mut row = Vec::new();
            for (at, (words, class)) in words.iter().zip(classes).enumerate() {
                row.clone_from(words);
                blend.apply(&mut row, vectors.get(at).map(Vec::as_slice).unwrap_or_default());
                into_probabilities(&mut row);
                let own = row.get(*class as usize).copied().unwrap_or_default();
                sum -= f64::from(own.max(1e-7)).ln();
            }
            sum
        };
        let mut best = (loss(start), start);
        for step in STEPS {
            for _ in 0..MOVES_MAX {
                let before = best;
                for (a, b) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)] {
                    if vectors.is_empty() && b != 0 {
                        continue;
                    }
                    let moved = |power: f32, by: i32| (power + step * by as f32).clamp(0.0, POWER_MAX);
                    let next = Self { words: moved(before.1.words, a), vectors: moved(before.1.vectors, b) };
                    let loss = loss(next);
                    if loss < best.0 {
                        best = (loss, next);
                    }
                }
                if best.1 == before.1 {
                    break;
                }
            }
        }
        best.1
    }

    /// The weighed sum of log-probabilities, in `words`.
    pub fn apply(&self, words: &mut [f32], vectors: &[f32]) {
        words.iter_mut().for_each(|value| *value *= self.words);
        words.iter_mut().zip(vectors).for_each(|(value, other)| *value += self.vectors * other);
    }
}

/// Turns logarithms of what is in proportion to probabilities into these.
pub(super) fn into_probabilities(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for value in row.iter_mut() {
        *value = (*value - most).exp();
        total += *value;
    }
    row.iter_mut().for_each(|value| *value /= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(first: f32) -> Vec<f32> {
        vec![first.ln(), (1.0 - first).ln()]
    }

    #[test]
    fn the_part_that_is_right_counts_and_the_other_does_not() {
        let classes: Vec<u32> = (0..100).map(|row| row % 2).collect();
        let right: Vec<Vec<f32>> = classes.iter().map(|class| logs(if *class == 0 { 0.9 } else { 0.1 })).collect();
        // As often wrong as right.
        let noise: Vec<Vec<f32>> = (0..100).map(|row| logs(if row % 4 < 2 { 0.9 } else { 0.1 })).collect();
        let blend = Blend::best(&noise, &right, &classes);
        assert!(blend.words < 0.1 && blend.vectors > 1.0, "{blend:?}");
        let blend = Blend::best(&right, &[], &classes);
        assert!(blend.words > 1.0 && blend.vectors == 0.0, "{blend:?}");
        let mut row = vec![0.0, f32::NEG_INFINITY];
        into_probabilities(&mut row);
        assert_eq!(row, [1.0, 0.0]);
    }
}
