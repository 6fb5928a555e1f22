//! The forward pass once more, keeping what its slopes need, and the way back: how a loss over embeddings changes with an [`Adapter`].
//!
//! The network's own weights stand still, so that each layer costs what it costs forward once more on the way back: a product with the
//! transposed matrix, which is laid out as [`Linear`] lays out any other. Layers before the first that is changed are not gone back through.
//! What attention gave to each pair of tokens is computed again instead of being kept.

use super::adapter::{Adapter, AdapterGradients, LowRank, MATRICES};
use super::attention::{Scratch, attend, attend_back};
use super::elementwise::{NormTape, gelu_all, gelu_back};
use super::linear::{Activation, Linear};
use super::network::Network;
use crate::Result;

/// A network prepared for the way back through its last layers.
pub(in crate::models) struct Trainee<'a> {
    network: &'a Network,
    first: usize,
    layers: Vec<Turned>,
}

/// The matrices of a layer, transposed, and its way up without the activation.
struct Turned {
    qkv: Linear,
    attended: Linear,
    rising: Linear,
    up: Linear,
    down: Linear,
}

/// What a forward pass keeps.
pub(in crate::models) struct Tape {
    lengths: Vec<usize>,
    layers: Vec<LayerTape>,
    /// Embeddings, `texts x hidden`, and the lengths that they had before they were made units.
    pub embeddings: Vec<f32>,
    norms: Vec<f32>,
}

#[derive(Default)]
struct LayerTape {
    x: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    attended: NormTape,
    /// Input of the way up.
    middle: Vec<f32>,
    /// Before and after the activation.
    rising: Vec<f32>,
    wide: Vec<f32>,
    down: NormTape,
    /// `s A x` of each matrix.
    inner: [Vec<f32>; MATRICES],
}

impl<'a> Trainee<'a> {
    /// Of a network that `adapter` is to change.
    pub(super) fn new(network: &'a Network, adapter: &Adapter) -> Self {
        let turned = |layer: &std::sync::Arc<super::network::Layer>| {
            let (up, bias) = layer.up.rows();
            Turned {
                qkv: layer.qkv.turned(),
                attended: layer.attended.turned(),
                rising: Linear::new(up.into_owned(), bias.to_vec(), Activation::None),
                up: layer.up.turned(),
                down: layer.down.turned(),
            }
        };
        let first = adapter.first();
        Self { network, first, layers: network.layers.iter().skip(first).map(turned).collect() }
    }

    /// The embeddings of texts, given as tokens, with what the way back needs.
    pub fn forward(&self, adapter: &Adapter, texts: &[&[u32]]) -> Result<Tape> {
        let strength = adapter.strength();
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let mut x = self.network.through(texts, self.first)?;
        let mut layers = Vec::with_capacity(self.layers.len());
        let mut scratch = Scratch::default();
        for ((layer, turned), changes) in
            self.network.layers.iter().skip(self.first).zip(&self.layers).zip(adapter.changes())
        {
            let mut tape = LayerTape { x, ..LayerTape::default() };
            let [qkv, attended, up, down] = changes;
            let [inner_qkv, inner_attended, inner_up, inner_down] = &mut tape.inner;
            layer.qkv.forward(&tape.x, &mut tape.qkv);
            qkv.forward(strength, &tape.x, inner_qkv, &mut tape.qkv);
            tape.mixed.resize(tape.x.len(), 0.0);
            self.attend(&lengths, &tape.qkv, &mut tape.mixed, &mut scratch);
            let mut added = Vec::new();
            layer.attended.forward(&tape.mixed, &mut added);
            attended.forward(strength, &tape.mixed, inner_attended, &mut added);
            tape.middle = layer.attended_norm.taped(&tape.x, &added, &mut tape.attended);
            turned.rising.forward(&tape.middle, &mut tape.rising);
            up.forward(strength, &tape.middle, inner_up, &mut tape.rising);
            tape.wide.clone_from(&tape.rising);
            gelu_all(&mut tape.wide);
            layer.down.forward(&tape.wide, &mut added);
            down.forward(strength, &tape.wide, inner_down, &mut added);
            x = layer.down_norm.taped(&tape.middle, &added, &mut tape.down);
            layers.push(tape);
        }
        let (embeddings, norms) = self.network.pooled(&x, &lengths);
        Ok(Tape { lengths, layers, embeddings, norms })
    }

    fn attend(&self, lengths: &[usize], qkv: &[f32], mixed: &mut [f32], scratch: &mut Scratch) {
        let hidden = self.network.hidden();
        let mut start = 0;
        for length in lengths {
            let end = start + length;
            let (qkv, mixed) = (&qkv[start * 3 * hidden..end * 3 * hidden], &mut mixed[start * hidden..end * hidden]);
            attend(qkv, hidden, self.network.heads, scratch, mixed);
            start = end;
        }
    }

    /// Given the loss's slope at each number of each embedding, adds to the adapter's gradients.
    pub fn backward(&self, adapter: &Adapter, tape: &Tape, slopes: &[f32], gradients: &mut AdapterGradients) {
        let (strength, hidden) = (adapter.strength(), self.network.hidden());
        let mut slope = self.network.pooled_back(&tape.embeddings, &tape.norms, slopes, &tape.lengths);
        let of_network = self.network.layers.iter().skip(self.first);
        let layers = of_network.zip(&self.layers).zip(adapter.changes()).zip(&tape.layers);
        let blocks = gradients.chunks_exact_mut(2 * MATRICES);
        let (mut wide, mut through, mut mixed) = (Vec::new(), Vec::new(), Vec::new());
        for (place, ((((layer, turned), changes), kept), blocks)) in layers.zip(blocks).enumerate().rev() {
            let [qkv, attended, up, down] = changes;
            let [inner_qkv, inner_attended, inner_up, inner_down] = &kept.inner;
            let (qkv_blocks, blocks) = blocks.split_at_mut(2);
            let (attended_blocks, blocks) = blocks.split_at_mut(2);
            let (up_blocks, down_blocks) = blocks.split_at_mut(2);
            // The feed-forward.
            layer.down_norm.back(&kept.down, &mut slope);
            turned.down.forward(&slope, &mut wide);
            change_back(down, strength, (&kept.wide, inner_down), &slope, Some(&mut wide), down_blocks);
            gelu_back(&mut wide, &kept.rising);
            turned.up.forward(&wide, &mut through);
            change_back(up, strength, (&kept.middle, inner_up), &wide, Some(&mut through), up_blocks);
            add(&mut slope, &through);
            // Attention.
            layer.attended_norm.back(&kept.attended, &mut slope);
            turned.attended.forward(&slope, &mut mixed);
            change_back(attended, strength, (&kept.mixed, inner_attended), &slope, Some(&mut mixed), attended_blocks);
            let mut pairs = vec![0.0; kept.qkv.len()];
            let mut start = 0;
            for length in &tape.lengths {
                let end = start + length;
                let places = start * 3 * hidden..end * 3 * hidden;
                let (qkv, pairs) = (&kept.qkv[places.clone()], &mut pairs[places]);
                attend_back(qkv, hidden, self.network.heads, &mixed[start * hidden..end * hidden], pairs);
                start = end;
            }
            if place == 0 {
                // What is before is not changed.
                change_back(qkv, strength, (&kept.x, inner_qkv), &pairs, None, qkv_blocks);
                break;
            }
            turned.qkv.forward(&pairs, &mut through);
            change_back(qkv, strength, (&kept.x, inner_qkv), &pairs, Some(&mut through), qkv_blocks);
            add(&mut slope, &through);
        }
    }
}

fn change_back(
    low: &LowRank,
    strength: f32,
    kept: (&[f32], &[f32]),
    slopes: &[f32],
    input_slopes: Option<&mut [f32]>,
    blocks: &mut [Vec<f32>],
) {
    if let [a, b] = blocks {
        low.backward(strength, kept, slopes, input_slopes, (a, b));
    }
}

fn add(to: &mut [f32], more: &[f32]) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}
