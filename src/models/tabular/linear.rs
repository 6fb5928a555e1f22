//! What is linear in the features: a weight for each entry and number, and a constant.

use rayon::prelude::*;

use super::labels::Target;
use crate::models::features::Encoded;

/// Rows that one thread takes at once.
const CHUNK_ROWS: usize = 1024;

/// Weights of one or more outputs.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// Entries; the dense numbers' weights stand behind theirs.
    pub table_rows: usize,
    pub outputs: usize,
    /// `(table_rows + dense) x outputs`.
    pub weights: Vec<f32>,
    /// One for each output.
    pub bias: Vec<f32>,
}

impl Linear {
    /// All zero, for features of these sizes.
    pub fn new(table_rows: usize, dense: usize, target: &Target) -> Self {
        let outputs = target.outputs();
        let (weights, bias) = (vec![0.0; (table_rows + dense) * outputs], vec![0.0; outputs]);
        Self { table_rows, outputs, weights, bias }
    }

    /// Takes weights and constants as they were found, `columns x outputs` and then the constants.
    pub fn take(&mut self, found: &[f64]) {
        let mut values = found.iter().map(|value| *value as f32);
        self.weights.iter_mut().chain(&mut self.bias).for_each(|to| *to = values.next().unwrap_or(0.0));
    }

    /// The outputs of every row (`rows x outputs`).
    pub fn forward(&self, encoded: &Encoded) -> Vec<f32> {
        let outputs = self.outputs.max(1);
        let mut all = vec![0.0f32; encoded.rows * outputs];
        all.par_chunks_mut(CHUNK_ROWS * outputs).enumerate().for_each(|(chunk, into)| {
            let mut sums = vec![0.0f64; outputs];
            for (row, to) in into.chunks_exact_mut(outputs).enumerate() {
                sums.iter_mut().zip(&self.bias).for_each(|(sum, bias)| *sum = f64::from(*bias));
                encoded.columns(chunk * CHUNK_ROWS + row, self.table_rows, |column, value| {
                    let weights = self.weights.get(column * outputs..(column + 1) * outputs).unwrap_or_default();
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += f64::from(value) * f64::from(*weight);
                    }
                });
                to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = *sum as f32);
            }
        });
        all
    }
}
