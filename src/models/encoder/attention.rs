//! Attention inside each text of a batch.

use super::elementwise::{LANES, softmax, vectorised};

/// Room for one head's work, kept from text to text.
#[derive(Default)]
pub(super) struct Scratch {
    /// The keys of a head, one row per dimension, one column per token; rows padded to whole [`LANES`].
    keys: Vec<f32>,
    /// How much one token looks at each other.
    scores: Vec<f32>,
}

vectorised! {
    /// Attention of one text. `qkv` has a row per token: queries, keys and values, each `width` wide and made of
    /// `heads` equal parts, the queries already scaled by 1/√(width of a part); `out` gets a row of `width` per token,
    /// the values weighted by softmax(query · key). The width of a part is a multiple of [`LANES`].
    pub(super) fn attend(qkv: &[f32], width: usize, heads: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let tokens = qkv.len() / (3 * width);
        let part = width / heads;
        let padded = tokens.next_multiple_of(LANES);
        scratch.keys.clear();
        scratch.keys.resize(part * padded, 0.0);
        scratch.scores.resize(padded, 0.0);
        for head in 0..heads {
            let (query_at, key_at, value_at) = (head * part, width + head * part, 2 * width + head * part);
            for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
                for (dimension, key) in row[key_at..key_at + part].iter().enumerate() {
                    scratch.keys[dimension * padded + token] = *key;
                }
            }
            for (row, out) in qkv.chunks_exact(3 * width).zip(out.chunks_exact_mut(width)) {
                let query = &row[query_at..query_at + part];
                for (chunk, scores) in scratch.scores.chunks_exact_mut(LANES).enumerate() {
                    let mut sums = [0.0; LANES];
                    for (query, keys) in query.iter().zip(scratch.keys.chunks_exact(padded)) {
                        for (sum, key) in sums.iter_mut().zip(&keys[chunk * LANES..][..LANES]) {
                            *sum += query * key;
                        }
                    }
                    scores.copy_from_slice(&sums);
                }
                softmax(&mut scratch.scores[..tokens]);
                for (chunk, out) in out[query_at..query_at + part].chunks_exact_mut(LANES).enumerate() {
                    let mut sums = [0.0; LANES];
                    for (score, row) in scratch.scores.iter().zip(qkv.chunks_exact(3 * width)) {
                        for (sum, value) in sums.iter_mut().zip(&row[value_at + chunk * LANES..][..LANES]) {
                            *sum += score * value;
                        }
                    }
                    out.copy_from_slice(&sums);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_formula_at_any_length() {
        let (width, heads, part) = (32, 2, 16);
        for tokens in [1, 2, 16, 19, 40] {
            let qkv: Vec<f32> = (0..tokens * 96).map(|k| (k as f32 * 0.7).sin()).collect();
            let mut out = vec![0.0; tokens * width];
            attend(&qkv, width, heads, &mut Scratch::default(), &mut out);
            let at = |token: usize, kind: usize, place: usize| f64::from(qkv[token * 96 + kind * width + place]);
            for (place, out) in out.iter().enumerate() {
                let (token, column) = (place / width, place % width);
                let head = column / part * part;
                let score = |other| (head..head + part).map(|d| at(token, 0, d) * at(other, 1, d)).sum::<f64>().exp();
                let total: f64 = (0..tokens).map(score).sum();
                let expected: f64 = (0..tokens).map(|other| score(other) / total * at(other, 2, column)).sum();
                assert!((f64::from(*out) - expected).abs() < 1e-5, "{tokens} tokens, place {place}");
            }
        }
    }
}
