//! Low-rank changes of a network's matrices (LoRA: Hu et al., 2021), by which an encoder is tuned.
//!
//! To each of the four matrices of a layer, `y = W x`, is added `s B A x`, with `A` of `rank x inputs` and `B` of `outputs x rank`: a few
//! thousand numbers for a matrix of a million. `A` begins by chance and `B` as zero, so that an adapter that has learnt nothing changes nothing.
//! When it has learnt, `s B A` is added to `W`, and the encoder is as quick as before.

use std::sync::Arc;

use rayon::prelude::*;

use super::linear::{Activation, Linear};
use super::network::{Layer, Network};
use crate::models::layers::{Block, Step, multiply, plain, transposed};
use crate::models::random::Random;

/// `s` times the rank, as is usual.
const STRENGTH: f32 = 16.0;
/// Matrices of a layer that are changed: queries, keys and values; attended; up; down.
pub(super) const MATRICES: usize = 4;

/// The changes of one matrix.
#[derive(Debug, Clone)]
pub(super) struct LowRank {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// `rank x inputs`
    pub(super) a: Block,
    /// `outputs x rank`
    pub(super) b: Block,
    /// The first outputs that stand scaled in the network, as queries do, and by what; their changes are scaled alike.
    pub(super) scaled: (usize, f32),
}

/// The changes of a network's last layers.
#[derive(Debug, Clone)]
pub struct Adapter {
    rank: usize,
    /// Layers that are as they were, before those that are changed.
    first: usize,
    layers: Vec<[LowRank; MATRICES]>,
}

/// Gradients of an adapter's blocks, in their order.
pub(in crate::models) type AdapterGradients = Vec<Vec<f32>>;

impl Adapter {
    /// An adapter of `rank` for the last `layers` layers of a network, which changes nothing yet.
    pub(super) fn new(network: &Network, rank: usize, layers: usize, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xADA7);
        let hidden = network.hidden();
        let first = network.layers.len().saturating_sub(layers);
        let query = 1.0 / ((hidden / network.heads.max(1)) as f32).sqrt();
        let layers = network.layers.iter().skip(first);
        let layers = layers.map(|layer| {
            let wide = layer.up.outputs();
            let mut low = |inputs: usize, outputs: usize, scaled: (usize, f32)| {
                let deviation = 1.0 / (inputs.max(1) as f64).sqrt();
                let a = Block::new((0..rank * inputs).map(|_| random.normal(deviation)).collect());
                LowRank { inputs, outputs, a, b: Block::new(vec![0.0; outputs * rank]), scaled }
            };
            [
                low(hidden, 3 * hidden, (hidden, query)),
                low(hidden, hidden, (0, 1.0)),
                low(hidden, wide, (0, 1.0)),
                low(wide, hidden, (0, 1.0)),
            ]
        });
        Self { rank, first, layers: layers.collect() }
    }

    /// Its rank.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Layers that it changes.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Layers before those that it changes.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// What is between `B` and `A`.
    pub(super) fn strength(&self) -> f32 {
        STRENGTH / self.rank.max(1) as f32
    }

    /// The changes of each layer.
    pub(super) fn changes(&self) -> &[[LowRank; MATRICES]] {
        &self.layers
    }

    /// Every block in a fixed order: `A` and `B` of each matrix of each layer.
    pub(in crate::models) fn blocks(&mut self) -> impl Iterator<Item = &mut Block> {
        self.layers.iter_mut().flatten().flat_map(|low| [&mut low.a, &mut low.b])
    }

    /// The numbers of every block, in the order of [`blocks`](Self::blocks).
    pub(in crate::models) fn values(&self) -> impl Iterator<Item = &[f32]> {
        self.layers.iter().flatten().flat_map(|low| [low.a.values.as_slice(), &low.b.values])
    }

    /// The lengths of the blocks.
    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.layers.iter().flatten().flat_map(|low| [low.a.values.len(), low.b.values.len()])
    }

    /// Numbers that it has.
    pub fn parameters(&self) -> usize {
        self.lengths().sum()
    }

    /// Room for training.
    pub(in crate::models) fn prepare(&mut self) {
        self.blocks().for_each(Block::prepare);
    }

    /// Drops what only training needs.
    pub(in crate::models) fn finish(&mut self) {
        self.blocks().for_each(|block| *block = Block::new(std::mem::take(&mut block.values)));
    }

    /// Zeros for its gradients.
    pub(in crate::models) fn gradients(&self) -> AdapterGradients {
        self.lengths().map(|length| vec![0.0; length]).collect()
    }

    /// One step along gradients; weights shrink by `decay`.
    pub(in crate::models) fn step(&mut self, gradients: &AdapterGradients, step: &Step, decay: f32) {
        for (block, gradient) in self.blocks().zip(gradients) {
            block.gradient.copy_from_slice(gradient);
            block.step(step, decay);
        }
    }

    /// The network with its changes, which shares what is not changed.
    pub(super) fn applied(&self, network: &Network) -> Network {
        let changed = network.layers.par_iter().enumerate().map(|(place, layer)| {
            match place.checked_sub(self.first).and_then(|place| self.layers.get(place)) {
                None => layer.clone(),
                Some([qkv, attended, up, down]) => Arc::new(Layer {
                    qkv: self.merged(&layer.qkv, qkv, Activation::None),
                    attended: self.merged(&layer.attended, attended, Activation::None),
                    attended_norm: layer.attended_norm.clone(),
                    up: self.merged(&layer.up, up, Activation::Gelu),
                    down: self.merged(&layer.down, down, Activation::None),
                    down_norm: layer.down_norm.clone(),
                }),
            }
        });
        Network { layers: changed.collect(), ..network.clone() }
    }

    fn merged(&self, layer: &Linear, low: &LowRank, activation: Activation) -> Linear {
        let (weights, bias) = layer.rows();
        let mut weights = weights.into_owned();
        let mut b: Vec<f32> = low.b.values.iter().map(|value| value * self.strength()).collect();
        let (count, scale) = low.scaled;
        b.iter_mut().take(count * self.rank).for_each(|value| *value *= scale);
        let shape = (low.outputs, self.rank, low.inputs);
        multiply(shape, plain(&b), plain(&low.a.values), &mut weights, true);
        Linear::new(weights, bias.to_vec(), activation)
    }
}

impl LowRank {
    /// Adds to `out` what the change makes of the rows `x`; keeps `s A x` in `inner`.
    pub(super) fn forward(&self, strength: f32, x: &[f32], inner: &mut Vec<f32>, out: &mut [f32]) {
        let rows = x.len() / self.inputs;
        let rank = self.a.values.len() / self.inputs;
        inner.resize(rows * rank, 0.0);
        multiply((rows, self.inputs, rank), plain(x), transposed(&self.a.values), inner, false);
        inner.iter_mut().for_each(|value| *value *= strength);
        let (count, scale) = self.scaled;
        if count == 0 {
            multiply((rows, rank, self.outputs), plain(inner), transposed(&self.b.values), out, true);
            return;
        }
        let mut change = vec![0.0; rows * self.outputs];
        multiply((rows, rank, self.outputs), plain(inner), transposed(&self.b.values), &mut change, false);
        for (row, change) in out.chunks_exact_mut(self.outputs).zip(change.chunks_exact_mut(self.outputs)) {
            change.iter_mut().take(count).for_each(|value| *value *= scale);
            row.iter_mut().zip(change).for_each(|(value, change)| *value += *change);
        }
    }

    /// Given the slope at each output, adds to the gradients of `A` and `B`, and to the slope at each input, if that is wanted. `x` and
    /// `inner` are as [`forward`](Self::forward) had them.
    pub(super) fn backward(
        &self,
        strength: f32,
        (x, inner): (&[f32], &[f32]),
        slopes: &[f32],
        input_slopes: Option<&mut [f32]>,
        (a, b): (&mut [f32], &mut [f32]),
    ) {
        let rows = x.len() / self.inputs;
        let rank = self.a.values.len() / self.inputs;
        let (count, scale) = self.scaled;
        let scaled: Vec<f32>;
        let slopes = if count == 0 {
            slopes
        } else {
            let each =
                |(place, slope): (usize, &f32)| if place % self.outputs < count { slope * scale } else { *slope };
            scaled = slopes.iter().enumerate().map(each).collect();
            &scaled
        };
        multiply((self.outputs, rows, rank), transposed(slopes), plain(inner), b, true);
        let mut inner_slopes = vec![0.0; rows * rank];
        multiply((rows, self.outputs, rank), plain(slopes), plain(&self.b.values), &mut inner_slopes, false);
        inner_slopes.iter_mut().for_each(|value| *value *= strength);
        multiply((rank, rows, self.inputs), transposed(&inner_slopes), plain(x), a, true);
        if let Some(input_slopes) = input_slopes {
            multiply((rows, rank, self.inputs), plain(&inner_slopes), plain(&self.a.values), input_slopes, true);
        }
    }
}
