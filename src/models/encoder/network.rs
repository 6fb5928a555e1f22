//! The forward pass of a BERT over packed tokens.

use std::sync::Arc;

use super::attention::{Scratch, attend};
use super::elementwise::{Norm, mean_to_unit, unit_back};
use super::linear::Linear;
use super::weights::Table;
use crate::models::random::{hash_bytes, mix};
use crate::{Result, fail};
use serde::{Deserialize, Serialize};

/// What of the last layer is a text's embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over its tokens.
    Mean,
    /// That of the first token, the mark of the start.
    Cls,
}

/// The weights of a BERT, as the loops want them.
#[derive(Clone)]
pub(super) struct Network {
    /// A row per word.
    pub(super) words: Table,
    /// A row per position, the row of token type 0 added.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
    /// Shared with networks of which only other layers differ.
    pub(super) layers: Vec<Arc<Layer>>,
    pub(super) heads: usize,
    pub(super) pooling: Pooling,
}

/// Attention and feed-forward, each followed by adding its input and a norm.
pub(super) struct Layer {
    /// Queries (scaled by 1/√(width of a head)), keys and values side by side.
    pub(super) qkv: Linear,
    pub(super) attended: Linear,
    pub(super) attended_norm: Norm,
    /// Feed-forward up, with its activation.
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) down_norm: Norm,
}

impl Network {
    /// Numbers per token and per embedding.
    pub(super) fn hidden(&self) -> usize {
        self.norm.weight.len()
    }

    /// Words in the table.
    pub(super) fn vocabulary(&self) -> usize {
        self.words.rows()
    }

    /// A hash of words, positions and what is added in each layer, which no two networks that learnt apart have alike.
    pub(super) fn fingerprint(&self) -> u64 {
        let floats =
            |hash: u64, values: &[f32]| values.iter().fold(hash, |hash, value| mix(hash ^ u64::from(value.to_bits())));
        let mut hash = floats(hash_bytes(self.words.packed()), &self.positions);
        for layer in &self.layers {
            for linear in [&layer.qkv, &layer.attended, &layer.up, &layer.down] {
                hash = floats(hash, linear.bias());
            }
        }
        hash
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let of_layer = |layer: &Arc<Layer>| {
            [&layer.qkv, &layer.attended, &layer.up, &layer.down].iter().map(|linear| linear.numbers()).sum::<usize>()
        };
        self.words.packed().len() + 4 * (self.positions.len() + self.layers.iter().map(of_layer).sum::<usize>())
    }

    /// The embeddings of `texts`, given as tokens, one after another: what is pooled of the last layer, at unit length. Runs on the
    /// calling thread.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>> {
        let x = self.through(texts, self.layers.len())?;
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        Ok(self.pooled(&x, &lengths).0)
    }

    /// What the first `layers` layers make of `texts`: a row for each token.
    pub(super) fn through(&self, texts: &[&[u32]], layers: usize) -> Result<Vec<f32>> {
        let hidden = self.hidden();
        let mut x = self.embed(texts)?;
        let (mut qkv, mut attended, mut wide, mut added) = (Vec::new(), vec![0.0; x.len()], Vec::new(), Vec::new());
        let mut scratch = Scratch::default();
        for layer in self.layers.iter().take(layers) {
            layer.qkv.forward(&x, &mut qkv);
            let mut start = 0;
            for text in texts {
                let end = start + text.len();
                let (qkv, out) =
                    (&qkv[start * 3 * hidden..end * 3 * hidden], &mut attended[start * hidden..end * hidden]);
                attend(qkv, hidden, self.heads, &mut scratch, out);
                start = end;
            }
            layer.attended.forward(&attended, &mut added);
            layer.attended_norm.add_and_apply(&mut x, &added);
            layer.up.forward(&x, &mut wide);
            layer.down.forward(&wide, &mut added);
            layer.down_norm.add_and_apply(&mut x, &added);
        }
        Ok(x)
    }

    /// The embeddings of texts of these lengths, of whose tokens `x` has the rows; and for each one over the length that it had before
    /// it was made a unit.
    pub(super) fn pooled(&self, x: &[f32], lengths: &[usize]) -> (Vec<f32>, Vec<f32>) {
        let hidden = self.hidden();
        let mut embeddings = vec![0.0; lengths.len() * hidden];
        let mut scales = Vec::with_capacity(lengths.len());
        let mut rest = x;
        for (length, out) in lengths.iter().zip(embeddings.chunks_exact_mut(hidden)) {
            let (rows, after) = rest.split_at(length * hidden);
            scales.push(mean_to_unit(self.pooling.of(rows, hidden), out));
            rest = after;
        }
        (embeddings, scales)
    }

    /// The way back through [`pooled`](Self::pooled): slopes at embeddings become slopes at the rows of tokens.
    pub(super) fn pooled_back(
        &self,
        embeddings: &[f32],
        scales: &[f32],
        slopes: &[f32],
        lengths: &[usize],
    ) -> Vec<f32> {
        let hidden = self.hidden();
        let mut of_rows = vec![0.0; lengths.iter().sum::<usize>() * hidden];
        let mut rest = of_rows.as_mut_slice();
        let texts = embeddings.chunks_exact(hidden).zip(slopes.chunks_exact(hidden)).zip(scales);
        for (((embedding, slopes), scale), length) in texts.zip(lengths) {
            let (rows, after) = rest.split_at_mut(length * hidden);
            let count = self.pooling.of(rows, hidden).len() / hidden;
            for row in rows.chunks_exact_mut(hidden).take(count) {
                unit_back(embedding, *scale, slopes, row);
            }
            rest = after;
        }
        of_rows
    }

    /// The input of the first layer: for each token the row of its word plus that of its position, normalised.
    fn embed(&self, texts: &[&[u32]]) -> Result<Vec<f32>> {
        let hidden = self.hidden();
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let mut x = vec![0.0; tokens * hidden];
        let mut rows = x.chunks_exact_mut(hidden);
        for text in texts {
            if text.len() * hidden > self.positions.len() {
                fail!(Internal, "a text of {} tokens is longer than the model's positions", text.len());
            }
            for ((word, position), row) in text.iter().zip(self.positions.chunks_exact(hidden)).zip(&mut rows) {
                self.words.read(*word as usize, row)?;
                for (value, position) in row.iter_mut().zip(position) {
                    *value += position;
                }
            }
        }
        self.norm.apply(&mut x);
        Ok(x)
    }
}

impl Pooling {
    /// The rows of a text that are pooled.
    fn of(self, rows: &[f32], hidden: usize) -> &[f32] {
        match self {
            Self::Mean => rows,
            Self::Cls => rows.get(..hidden).unwrap_or(rows),
        }
    }
}
