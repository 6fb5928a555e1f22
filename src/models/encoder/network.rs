//! The forward pass of a BERT over packed tokens.

use super::attention::{Scratch, attend};
use super::elementwise::{Norm, mean_to_unit};
use super::linear::Linear;
use super::weights::Table;
use crate::{Result, fail};

/// The weights of a BERT, as the loops want them.
pub(super) struct Network {
    /// A row per word.
    pub(super) words: Table,
    /// A row per position, the row of token type 0 added.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
    pub(super) heads: usize,
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

    /// The embeddings of `texts`, given as tokens, one after another: the mean of the last layer over the tokens of
    /// each, at unit length. Runs on the calling thread.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>> {
        let hidden = self.hidden();
        let mut x = self.embed(texts)?;
        let (mut qkv, mut attended, mut wide, mut added) = (Vec::new(), vec![0.0; x.len()], Vec::new(), Vec::new());
        let mut scratch = Scratch::default();
        for layer in &self.layers {
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
        let mut embeddings = vec![0.0; texts.len() * hidden];
        let mut rest = x.as_slice();
        for (text, out) in texts.iter().zip(embeddings.chunks_exact_mut(hidden)) {
            let (rows, after) = rest.split_at(text.len() * hidden);
            mean_to_unit(rows, out);
            rest = after;
        }
        Ok(embeddings)
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
