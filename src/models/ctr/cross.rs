//! A cross layer with a matrix (Wang et al., "DCN V2: Improved Deep & Cross Network", 2021), of low rank as there:
//! `x(l+1) = x(0) * (U V^T x(l) + b) + x(l)`, where `*` goes number by number.

use super::plan::Plan;
use crate::models::layers::{multiply, plain, transposed};

/// One layer's weights, and what the last pass through it gave.
pub(super) struct CrossLayer<'a> {
    width: usize,
    rank: usize,
    /// V and U, both `width x rank`, and b.
    v: &'a [f32],
    u: &'a [f32],
    bias: &'a [f32],
    /// `x V`, rows x rank.
    narrow: Vec<f32>,
    /// `U V^T x + b`, rows x width.
    wide: Vec<f32>,
}

impl<'a> CrossLayer<'a> {
    /// The layer of a plan whose `weight` is V, then U.
    pub fn new(plan: &Plan, weight: &'a [f32], bias: &'a [f32]) -> Self {
        let (width, rank) = (plan.row_width(), plan.cross_rank());
        let (v, u) = weight.split_at((width * rank).min(weight.len()));
        Self { width, rank, v, u, bias, narrow: Vec::new(), wide: Vec::new() }
    }

    fn pass(&mut self, input: &[f32]) -> usize {
        let (width, rank) = (self.width, self.rank);
        let rows = input.len() / width.max(1);
        self.narrow.resize(rows * rank, 0.0);
        multiply((rows, width, rank), plain(input), plain(self.v), &mut self.narrow, false);
        self.wide.clear();
        (0..rows).for_each(|_| self.wide.extend_from_slice(self.bias));
        multiply((rows, rank, width), plain(&self.narrow), transposed(self.u), &mut self.wide, true);
        rows
    }

    /// The layer's output for rows `first` (x(0)) and `input` (x(l)), all rows x width.
    pub fn forward(&mut self, first: &[f32], input: &[f32], output: &mut Vec<f32>) {
        self.pass(input);
        let terms = first.iter().zip(&self.wide).zip(input);
        output.extend(terms.map(|((first, wide), input)| first * wide + input));
    }

    /// Turns the slope at the output into that at the input, adds to the slope at `first`, and to the gradients of weight and bias.
    pub fn backward(
        &mut self,
        (first, input): (&[f32], &[f32]),
        slope: &mut [f32],
        first_slope: &mut [f32],
        (weight, bias): (&mut [f32], &mut [f32]),
    ) {
        let (width, rank) = (self.width, self.rank);
        let rows = self.pass(input);
        // d/d wide = slope * x(0), kept where wide was.
        for (((wide, first), slope), first_slope) in self.wide.iter_mut().zip(first).zip(&*slope).zip(first_slope) {
            *first_slope += slope * *wide;
            *wide = slope * first;
        }
        for row in self.wide.chunks_exact(width.max(1)) {
            bias.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
        }
        let (v, u) = weight.split_at_mut((width * rank).min(weight.len()));
        multiply((width, rows, rank), transposed(&self.wide), plain(&self.narrow), u, true);
        multiply((rows, width, rank), plain(&self.wide), plain(self.u), &mut self.narrow, false);
        multiply((width, rows, rank), transposed(input), plain(&self.narrow), v, true);
        multiply((rows, rank, width), plain(&self.narrow), transposed(self.v), slope, true);
    }
}
