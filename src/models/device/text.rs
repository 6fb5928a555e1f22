//! A text encoder on a device.

use std::sync::Arc;

use super::abi::{self, EncoderShape, Handle, Numbers};
use super::opened::checked;
use super::{Device, numbers};
use crate::error::Result;
use crate::fail;

/// The shape of an encoder.
pub(in crate::models) struct TextShape {
    pub hidden: usize,
    pub wide: usize,
    pub heads: usize,
    pub layers: usize,
    pub words: usize,
    pub positions: usize,
    pub epsilon: f32,
}

/// An encoder's weights on a device.
pub(in crate::models) struct TextEncoder {
    device: Arc<Device>,
    handle: Handle,
    hidden: usize,
}

// SAFETY: the plugin lets any thread call, and has a lock for each device.
unsafe impl Send for TextEncoder {}
// SAFETY: as above.
unsafe impl Sync for TextEncoder {}

impl TextEncoder {
    /// Puts an encoder on `device`: the packed word table, and the other blocks in the interface's order.
    pub fn new(device: &Arc<Device>, shape: &TextShape, words: &[u8], blocks: &[&[f32]]) -> Result<Self> {
        let blocks: Vec<Numbers> = blocks.iter().map(|block| numbers(block)).collect();
        let told = EncoderShape {
            hidden: shape.hidden as u32,
            wide: shape.wide as u32,
            heads: shape.heads as u32,
            layers: shape.layers as u32,
            words: shape.words as u32,
            positions: shape.positions as u32,
            epsilon: shape.epsilon,
            precision: abi::F32,
        };
        let mut handle: Handle = std::ptr::null_mut();
        checked(|message| {
            // SAFETY: slices and variables outlive the call; the device is open.
            unsafe {
                (device.plugin().encoder_new)(
                    device.handle(),
                    &told,
                    words.as_ptr(),
                    words.len(),
                    blocks.as_ptr(),
                    blocks.len(),
                    &mut handle,
                    message,
                )
            }
        })?;
        Ok(Self { device: device.clone(), handle, hidden: shape.hidden })
    }

    /// The embeddings of `texts`, given as tokens, one after another.
    pub fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>> {
        let tokens = texts.concat();
        if tokens.len() > u32::MAX as usize {
            fail!(Internal, "{} tokens in one batch", tokens.len());
        }
        let mut starts = vec![0u32];
        let mut end = 0;
        starts.extend(texts.iter().map(|text| {
            end += text.len() as u32;
            end
        }));
        let mut out = vec![0.0; texts.len() * self.hidden];
        checked(|message| {
            let run = self.device.plugin().encoder_run;
            // SAFETY: one more start than texts, as many tokens as the last of them, room for each text's embedding.
            unsafe { run(self.handle, tokens.as_ptr(), starts.as_ptr(), texts.len(), out.as_mut_ptr(), message) }
        })?;
        Ok(out)
    }
}

impl Drop for TextEncoder {
    fn drop(&mut self) {
        // SAFETY: the handle came from `encoder_new` and is not used again.
        unsafe { (self.device.plugin().encoder_free)(self.handle) };
    }
}
