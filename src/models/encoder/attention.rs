//! Attention inside each text of a batch.

use super::elementwise::{LANES, exponentials, softmax_back, softmax_rows, vectorised};
use crate::models::layers::{multiply, plain, transposed};

/// Tokens whose queries are answered together: their sums are independent, so that the processor need not wait for one
/// addition to begin the next, and each key and value is read once for all of them.
const GROUP: usize = 4;

/// As many numbers as one register holds.
type Lanes = [f32; LANES];

/// Room for one head's work, kept from text to text. Keys and values are laid out as the inner loops read them.
#[derive(Default)]
pub(super) struct Scratch {
    /// For each sixteen tokens, for each dimension: the keys of those tokens.
    keys: Vec<Lanes>,
    /// For each sixteen dimensions, for each token: the values in those dimensions.
    values: Vec<Lanes>,
    /// For each token of a group, how much it looks at each other token, in whole lanes.
    scores: [Vec<Lanes>; GROUP],
}

vectorised! {
    /// Attention of one text. `qkv` has a row per token: queries, keys and values, each `width` wide and made of
    /// `heads` equal parts, the queries already scaled by 1/√(width of a part); `out` gets a row of `width` per token,
    /// the values weighted by softmax(query · key). The width of a part is a multiple of [`LANES`].
    pub(super) fn attend(qkv: &[f32], width: usize, heads: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let tokens = qkv.len() / (3 * width);
        let part = width / heads;
        for scores in &mut scratch.scores {
            scores.resize(tokens.div_ceil(LANES), [0.0; LANES]);
        }
        for head in 0..heads {
            let first = head * part;
            scratch.lay_out(qkv, width, first, part);
            let rows = qkv.chunks(3 * width * GROUP).zip(out.chunks_mut(width * GROUP));
            for (queries, out) in rows {
                if out.len() == width * GROUP {
                    let query = |token: usize| &queries[token * 3 * width + first..][..part];
                    scratch.answer([query(0), query(1), query(2), query(3)], tokens, out, width, first);
                } else {
                    let rest = queries.chunks_exact(3 * width).zip(out.chunks_exact_mut(width));
                    for (query, out) in rest {
                        scratch.answer([&query[first..][..part]], tokens, out, width, first);
                    }
                }
            }
        }
    }
}

/// The way back through [`attend`] of one text: from the slopes at its `out` to those at its `qkv`, into `slopes`, which is as long. What
/// each token gave to each other is computed again.
pub(super) fn attend_back(qkv: &[f32], width: usize, heads: usize, out_slopes: &[f32], slopes: &mut [f32]) {
    let tokens = qkv.len() / (3 * width);
    let part = width / heads;
    let take = |rows: &[f32], stride: usize, first: usize| -> Vec<f32> {
        rows.chunks_exact(stride).flat_map(|row| &row[first..first + part]).copied().collect()
    };
    let (mut shares, mut share_slopes) = (vec![0.0; tokens * tokens], vec![0.0; tokens * tokens]);
    let mut back = vec![0.0; tokens * part];
    for head in 0..heads {
        let first = head * part;
        let [queries, keys, values] = [0, 1, 2].map(|kind| take(qkv, 3 * width, kind * width + first));
        let given = take(out_slopes, width, first);
        multiply((tokens, part, tokens), plain(&queries), transposed(&keys), &mut shares, false);
        softmax_rows(&mut shares, tokens);
        multiply((tokens, part, tokens), plain(&given), transposed(&values), &mut share_slopes, false);
        let mut put = |kind: usize, back: &[f32]| {
            for (row, back) in slopes.chunks_exact_mut(3 * width).zip(back.chunks_exact(part)) {
                row[kind * width + first..][..part].copy_from_slice(back);
            }
        };
        multiply((tokens, tokens, part), transposed(&shares), plain(&given), &mut back, false);
        put(2, &back);
        softmax_back(&mut share_slopes, &shares, tokens);
        multiply((tokens, tokens, part), plain(&share_slopes), plain(&keys), &mut back, false);
        put(0, &back);
        multiply((tokens, tokens, part), transposed(&share_slopes), plain(&queries), &mut back, false);
        put(1, &back);
    }
}

impl Scratch {
    /// Copies the keys and values of the head that begins at column `first` of each part of `qkv`.
    #[inline(always)]
    fn lay_out(&mut self, qkv: &[f32], width: usize, first: usize, part: usize) {
        let tokens = qkv.len() / (3 * width);
        self.keys.clear();
        self.keys.resize(tokens.div_ceil(LANES) * part, [0.0; LANES]);
        self.values.resize(tokens * part / LANES, [0.0; LANES]);
        for (token, row) in qkv.chunks_exact(3 * width).enumerate() {
            let keys = &mut self.keys[token / LANES * part..][..part];
            for (keys, key) in keys.iter_mut().zip(&row[width + first..]) {
                keys[token % LANES] = *key;
            }
            let values = row[2 * width + first..][..part].as_chunks().0;
            for (chunk, values) in values.iter().enumerate() {
                self.values[chunk * tokens + token] = *values;
            }
        }
    }

    /// The rows of `out`, from column `first` on, for the tokens that ask `queries`.
    #[inline(always)]
    fn answer<const Q: usize>(
        &mut self,
        queries: [&[f32]; Q],
        tokens: usize,
        out: &mut [f32],
        width: usize,
        first: usize,
    ) {
        let part = queries[0].len();
        for (chunk, keys) in self.keys.chunks_exact(part).enumerate() {
            let mut sums = [[0.0; LANES]; Q];
            for (dimension, keys) in keys.iter().enumerate() {
                // By index: a loop of known length over both arrays, which then stays in registers.
                for row in 0..Q {
                    add_scaled(&mut sums[row], queries[row][dimension], keys);
                }
            }
            for (scores, sum) in self.scores.iter_mut().zip(sums) {
                scores[chunk] = sum;
            }
        }
        let mut scales = [0.0; Q];
        for (scores, scale) in self.scores.iter_mut().zip(&mut scales) {
            // What stands past the last token must not be looked at.
            scores.as_flattened_mut()[tokens..].fill(f32::NEG_INFINITY);
            *scale = 1.0 / exponentials(scores);
        }
        for (chunk, values) in self.values.chunks_exact(tokens).enumerate() {
            let mut sums = [[0.0; LANES]; Q];
            for (token, values) in values.iter().enumerate() {
                for (sum, scores) in sums.iter_mut().zip(&self.scores) {
                    add_scaled(sum, scores.as_flattened()[token], values);
                }
            }
            for (row, (sum, scale)) in sums.iter().zip(scales).enumerate() {
                let out = &mut out[row * width + first + chunk * LANES..][..LANES];
                for (out, sum) in out.iter_mut().zip(sum) {
                    *out = sum * scale;
                }
            }
        }
    }
}

#[inline(always)]
fn add_scaled(sum: &mut Lanes, scale: f32, values: &Lanes) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += scale * value;
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
