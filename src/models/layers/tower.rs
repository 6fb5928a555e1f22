//! Fully connected layers one after the other.

use super::dense::Layer;
use super::parameters::{Block, Step};
use crate::models::random::Random;

/// Layers of rectified units; the last one is without the rectifier, and so may be a narrow one between.
#[derive(Debug, Clone, Default)]
pub(in crate::models) struct Tower {
    pub layers: Vec<Layer>,
}

/// What the layers gave for some rows, and room for their slopes; kept between batches.
#[derive(Debug, Default)]
pub(in crate::models) struct TowerWork {
    outputs: Vec<Vec<f32>>,
    slopes: (Vec<f32>, Vec<f32>),
}

/// The gradients of a tower's parameters over some rows: weight and bias of each layer.
#[derive(Debug, Default)]
pub(in crate::models) struct Gradients(Vec<(Vec<f32>, Vec<f32>)>);

impl Tower {
    /// Random weights for layers of these widths, inputs first and outputs last. Layer number `linear` (from 0) is without the
    /// rectifier, as the last one always is.
    pub fn new(widths: &[usize], linear: Option<usize>, random: &mut Random) -> Self {
        let last = widths.len().saturating_sub(2);
        let pairs = widths.iter().zip(widths.iter().skip(1)).enumerate();
        let layers = pairs.map(|(place, (inputs, outputs))| {
            Layer::new(*inputs, *outputs, place < last && Some(place) != linear, random)
        });
        Self { layers: layers.collect() }
    }

    /// The outputs (`rows x outputs`) for inputs (`rows x inputs`).
    pub fn forward<'a>(&self, rows: usize, input: &[f32], work: &'a mut TowerWork) -> &'a [f32] {
        work.outputs.resize_with(self.layers.len(), Vec::new);
        for (place, layer) in self.layers.iter().enumerate() {
            let (before, rest) = work.outputs.split_at_mut(place);
            if let Some(output) = rest.first_mut() {
                layer.forward(rows, before.last().map_or(input, Vec::as_slice), output);
            }
        }
        work.outputs.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// Given the loss's slope at each output, adds to `gradients` and leaves the slope at each input in `input_slope`. `work` is as
    /// [`forward`](Self::forward) left it.
    pub fn backward(
        &self,
        rows: usize,
        input: &[f32],
        slopes: &[f32],
        work: &mut TowerWork,
        (gradients, input_slope): (&mut Gradients, &mut Vec<f32>),
    ) {
        let (from, to) = (&mut work.slopes.0, &mut work.slopes.1);
        from.clear();
        from.extend_from_slice(slopes);
        for (place, (layer, (weight, bias))) in self.layers.iter().zip(&mut gradients.0).enumerate().rev() {
            let Some(output) = work.outputs.get(place) else { continue };
            match place.checked_sub(1).and_then(|before| work.outputs.get(before)) {
                Some(before) => layer.slopes(rows, (before, output), from, (&mut *to, false), (weight, bias)),
                None => layer.slopes(rows, (input, output), from, (&mut *input_slope, false), (weight, bias)),
            }
            std::mem::swap(from, to);
        }
    }

    /// Every block, in a fixed order: weight and bias of each layer.
    pub fn blocks(&mut self) -> impl Iterator<Item = &mut Block> {
        self.layers.iter_mut().flat_map(|layer| [&mut layer.weight, &mut layer.bias])
    }

    /// Room for training.
    pub fn prepare(&mut self) {
        self.blocks().for_each(Block::prepare);
    }

    /// Takes one step along `gradients`, weights with the penalty's gradient `decay * weight` added.
    pub fn step(&mut self, gradients: &Gradients, step: &Step, decay: f32) {
        for (layer, (weight, bias)) in self.layers.iter_mut().zip(&gradients.0) {
            layer.weight.gradient.copy_from_slice(weight);
            layer.bias.gradient.copy_from_slice(bias);
            layer.weight.step(step, decay);
            layer.bias.step(step, 0.0);
        }
    }

    /// Drops what only training needs.
    pub fn finish(&mut self) {
        for block in self.blocks() {
            *block = Block::new(std::mem::take(&mut block.values));
        }
    }
}

impl Gradients {
    /// Zeros for a tower.
    pub fn clear(&mut self, tower: &Tower) {
        self.0.resize_with(tower.layers.len(), Default::default);
        for (layer, (weight, bias)) in tower.layers.iter().zip(&mut self.0) {
            weight.clear();
            weight.resize(layer.weight.values.len(), 0.0);
            bias.clear();
            bias.resize(layer.bias.values.len(), 0.0);
        }
    }

    /// Adds those of other rows.
    pub fn add(&mut self, other: &Self) {
        for ((weight, bias), (more_weight, more_bias)) in self.0.iter_mut().zip(&other.0) {
            weight.iter_mut().zip(more_weight).for_each(|(sum, more)| *sum += more);
            bias.iter_mut().zip(more_bias).for_each(|(sum, more)| *sum += more);
        }
    }

    /// The gradients of each block in the order of [`Tower::blocks`].
    #[cfg(test)]
    pub fn all(&self) -> Vec<Vec<f32>> {
        self.0.iter().flat_map(|(weight, bias)| [weight.clone(), bias.clone()]).collect()
    }
}
