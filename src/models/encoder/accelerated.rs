//! The encoder on a CUDA device: the network's own weights, put there by the first batch.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::elementwise::Norm;
use super::linear::Linear;
use super::network::{Network, Pooling};
use crate::error::Result;
use crate::fail;
use crate::models::device::{self, Device, TextEncoder, TextShape};

/// A network's place on the device, if models run on one.
#[derive(Default)]
pub(super) struct Resident(OnceLock<Option<TextEncoder>>);

impl Resident {
    /// Whether batches of `network` go to a device.
    pub(super) fn is_used(&self, network: &Network) -> bool {
        self.encoder(network).is_some()
    }

    /// The embeddings of `texts` by the device; none where the processor has to do it: without a device, and after a failure,
    /// which the log tells.
    pub(super) fn forward(&self, network: &Network, texts: &[&[u32]]) -> Option<Vec<f32>> {
        let answer = self.encoder(network)?.forward(texts);
        answer.inspect_err(|error| tracing::warn!("the processor embeds texts: {}", error.message())).ok()
    }

    fn encoder(&self, network: &Network) -> Option<&TextEncoder> {
        let device = device::current()?;
        let put = || match put(network, device) {
            Ok(encoder) => Some(encoder),
            Err(error) => {
                tracing::warn!("the text encoder stays on the processor: {}", error.message());
                None
            }
        };
        self.0.get_or_init(put).as_ref()
    }
}

/// Puts a network on a device.
pub(super) fn put(network: &Network, device: &Arc<Device>) -> Result<TextEncoder> {
    if !network.words.is_of_blocks() || network.pooling != Pooling::Mean {
        fail!(
            Unsupported,
            "a device runs encoders whose words lie in 4-bit blocks and that take the mean of a text's tokens"
        );
    }
    let mut blocks: Vec<Cow<'_, [f32]>> = vec![Cow::Borrowed(&network.positions)];
    norm(&mut blocks, &network.norm);
    for layer in &network.layers {
        linear(&mut blocks, &layer.qkv);
        linear(&mut blocks, &layer.attended);
        norm(&mut blocks, &layer.attended_norm);
        linear(&mut blocks, &layer.up);
        linear(&mut blocks, &layer.down);
        norm(&mut blocks, &layer.down_norm);
    }
    let hidden = network.hidden();
    let shape = TextShape {
        hidden,
        wide: network.layers.first().map_or(hidden, |layer| layer.up.outputs()),
        heads: network.heads,
        layers: network.layers.len(),
        words: network.vocabulary(),
        positions: network.positions.len() / hidden,
        epsilon: network.norm.epsilon,
    };
    let blocks: Vec<&[f32]> = blocks.iter().map(|block| &**block).collect();
    TextEncoder::new(device, &shape, network.words.packed(), &blocks)
}

fn linear<'a>(blocks: &mut Vec<Cow<'a, [f32]>>, layer: &'a Linear) {
    let (weights, bias) = layer.rows();
    blocks.extend([weights, Cow::Borrowed(bias)]);
}

fn norm<'a>(blocks: &mut Vec<Cow<'a, [f32]>>, norm: &'a Norm) {
    blocks.extend([Cow::Borrowed(norm.weight.as_slice()), Cow::Borrowed(norm.bias.as_slice())]);
}
