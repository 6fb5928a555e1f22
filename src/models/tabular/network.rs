//! The network of `mlp` and `anomaly`: a vector for each entry, and a tower of layers over all vectors and dense numbers.

use rayon::prelude::*;

use crate::models::features::{Encoded, FeatureSpec};
use crate::models::layers::{Gradients, Step, Table, Tower, TowerWork};
use crate::models::random::Random;

/// Rows that pass through at once where no gradient is wanted.
const FORWARD_ROWS: usize = 512;
/// Parts of a batch that are learnt side by side, at most, and the rows from which one is worth having. They depend on the batch
/// alone, so that sums come in one order whatever the cores.
const SHARDS_MAX: usize = 8;
const SHARD_ROWS_MIN: usize = 64;
/// Deviation of the entries' vectors before training.
const VECTOR_DEVIATION: f64 = 0.1;

/// What a network looks like between features and outputs.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Numbers in an entry's vector.
    pub dim: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// The hidden layer without a rectifier, if there is one.
    pub linear: Option<usize>,
}

/// Weights, and what training needs beside them.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// Slots of a row.
    slots: usize,
    /// Dense numbers of a row.
    dense: usize,
    table: Table,
    tower: Tower,
}

/// Buffers of one part of a batch, kept between batches.
#[derive(Debug, Default)]
pub(super) struct Shard {
    row: Vec<f32>,
    row_slope: Vec<f32>,
    slopes: Vec<f32>,
    tower: TowerWork,
    gradients: Gradients,
    loss: f64,
}

/// Gives, for rows and their outputs (`rows x outputs`), the slope of the loss of each at its outputs, added to an empty list; and
/// the sum of the losses.
pub(super) type Loss<'a> = &'a (dyn Fn(&[usize], &[f32], &mut Vec<f32>) -> f64 + Sync);

impl Network {
    /// Random weights from the seed, for a shape of this many outputs.
    pub fn new(spec: &FeatureSpec, shape: &Shape, outputs: usize, seed: u64) -> Self {
        let Shape { dim, hidden, linear } = shape;
        let dim = *dim;
        let mut random = Random::new(seed);
        let vectors = (0..spec.table_rows() * dim).map(|_| random.normal(VECTOR_DEVIATION)).collect();
        let inputs = spec.slots() * dim + spec.dense_width();
        let widths: Vec<usize> = std::iter::once(inputs).chain(hidden.iter().copied()).chain([outputs]).collect();
        Self {
            slots: spec.slots(),
            dense: spec.dense_width(),
            table: Table::new(dim, vectors),
            tower: Tower::new(&widths, *linear, &mut random),
        }
    }

    /// The network for an encoding whose table begins as these rows of its own.
    pub fn grown(&self, spec: &FeatureSpec, from: &[u32]) -> Self {
        Self {
            slots: spec.slots(),
            dense: spec.dense_width(),
            table: self.table.taken(from),
            tower: self.tower.clone(),
        }
    }

    /// Weights of such a network.
    pub fn size(spec: &FeatureSpec, shape: &Shape, outputs: usize) -> usize {
        let Shape { dim, hidden, .. } = shape;
        let dim = *dim;
        let inputs = spec.slots() * dim + spec.dense_width();
        let widths: Vec<usize> = std::iter::once(inputs).chain(hidden.iter().copied()).chain([outputs]).collect();
        let layers = widths.iter().zip(widths.iter().skip(1));
        let layers = layers.fold(0usize, |sum, (a, b)| sum.saturating_add((a + 1).saturating_mul(*b)));
        spec.table_rows().saturating_mul(dim).saturating_add(layers)
    }

    /// Every block by its name in the model file, in a fixed order.
    pub fn blocks(&mut self) -> Vec<(String, &mut Vec<f32>)> {
        let mut all = vec![("vectors".to_string(), &mut self.table.values)];
        for (place, block) in self.tower.blocks().enumerate() {
            let kind = if place % 2 == 0 { "weight" } else { "bias" };
            all.push((format!("layer.{}.{kind}", place / 2), &mut block.values));
        }
        all
    }

    fn width(&self) -> usize {
        self.slots * self.table.width + self.dense
    }

    fn gather(&self, encoded: &Encoded, rows: &[usize], into: &mut Vec<f32>) {
        let (width, dim) = (self.width().max(1), self.table.width);
        into.clear();
        into.resize(rows.len() * width, 0.0);
        for (row, to) in rows.iter().zip(into.chunks_exact_mut(width)) {
            encoded.entries(*row, |slot, id, weight| {
                let to = to.get_mut(slot * dim..(slot + 1) * dim).unwrap_or_default();
                to.iter_mut().zip(self.table.row(id)).for_each(|(to, from)| *to += weight * from);
            });
            let to = to.get_mut(self.slots * dim..).unwrap_or_default();
            to.iter_mut().zip(encoded.dense_of(*row)).for_each(|(to, from)| *to = *from);
        }
    }

    /// The outputs of every row (`rows x outputs`).
    pub fn forward(&self, encoded: &Encoded) -> Vec<f32> {
        let rows: Vec<usize> = (0..encoded.rows).collect();
        let parts: Vec<Vec<f32>> = rows
            .par_chunks(FORWARD_ROWS)
            .map(|rows| {
                let (mut input, mut work) = (Vec::new(), TowerWork::default());
                self.gather(encoded, rows, &mut input);
                self.tower.forward(rows.len(), &input, &mut work).to_vec()
            })
            .collect();
        parts.concat()
    }

    /// Room for training with the penalty `l2` and the entries' occurrences.
    pub fn prepare(&mut self, l2: f32, counts: &[u32]) {
        self.table.prepare(l2, counts);
        self.tower.prepare();
    }

    /// One step of training on the given rows; gives the sum of their losses before it.
    pub fn learn(
        &mut self,
        encoded: &Encoded,
        rows: &[usize],
        loss: Loss<'_>,
        (step, decay): (&Step, f32),
        shards: &mut Vec<Shard>,
    ) -> f64 {
        self.slopes(encoded, rows, loss, shards);
        let part_rows = part_rows(rows.len());
        let (width, dim) = (self.width().max(1), self.table.width);
        let count = rows.len().max(1) as f32;
        let mut sum = 0.0;
        for (part, shard) in rows.chunks(part_rows).zip(shards.iter()) {
            sum += shard.loss;
            for (row, slope) in part.iter().zip(shard.row_slope.chunks_exact(width)) {
                encoded.entries(*row, |slot, id, weight| {
                    if let Some(slope) = slope.get(slot * dim..(slot + 1) * dim) {
                        self.table.add(id, slope, weight, count);
                    }
                });
            }
        }
        self.table.step(step);
        if let Some((first, others)) = shards.split_first_mut() {
            for other in others.iter().take(rows.len().div_ceil(part_rows).saturating_sub(1)) {
                first.gradients.add(&other.gradients);
            }
            self.tower.step(&first.gradients, step, decay);
        }
        sum
    }

    /// Leaves in each shard the gradients of its part of the rows.
    fn slopes(&self, encoded: &Encoded, rows: &[usize], loss: Loss<'_>, shards: &mut Vec<Shard>) {
        let part_rows = part_rows(rows.len());
        let parts = rows.len().div_ceil(part_rows);
        if shards.len() < parts {
            shards.resize_with(parts, Shard::default);
        }
        let count = rows.len().max(1) as f32;
        let work = |(part, shard): (&[usize], &mut Shard)| {
            self.gather(encoded, part, &mut shard.row);
            let outputs = self.tower.forward(part.len(), &shard.row, &mut shard.tower);
            shard.slopes.clear();
            shard.loss = loss(part, outputs, &mut shard.slopes);
            shard.slopes.iter_mut().for_each(|slope| *slope /= count);
            shard.gradients.clear(&self.tower);
            self.tower.backward(
                part.len(),
                &shard.row,
                &shard.slopes,
                &mut shard.tower,
                (&mut shard.gradients, &mut shard.row_slope),
            );
        };
        let pairs: Vec<(&[usize], &mut Shard)> = rows.chunks(part_rows).zip(shards.iter_mut()).collect();
        match parts {
            1 => pairs.into_iter().for_each(work),
            _ => pairs.into_par_iter().for_each(work),
        }
    }

    /// Drops what only training needs.
    pub fn finish(&mut self) {
        self.table.finish();
        self.tower.finish();
    }
}

/// Rows of each part of a batch.
fn part_rows(rows: usize) -> usize {
    rows.div_ceil((rows / SHARD_ROWS_MIN).clamp(1, SHARDS_MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};

    use super::*;
    use crate::error::Result;
    use crate::models::features::{FeatureOptions, NumberForm};

    #[test]
    fn gradients_are_the_differences_of_the_loss() -> Result<()> {
        let mut random = Random::new(9);
        let rows = 200usize;
        let batch = RecordBatch::try_from_iter([
            (
                "a",
                Arc::new(Float64Array::from_iter_values((0..rows).map(|_| f64::from(random.normal(1.0))))) as ArrayRef,
            ),
            ("b", Arc::new(StringArray::from_iter_values((0..rows).map(|row| ["x", "y", "z"][row % 3])))),
        ])
        .unwrap();
        let options = FeatureOptions { numbers: NumberForm::Smooth, ..FeatureOptions::default() };
        let spec = FeatureSpec::learn(std::slice::from_ref(&batch), &options)?;
        let encoded = spec.encode(&batch)?;
        let shape = Shape { dim: 3, hidden: vec![5, 2, 4], linear: Some(1) };
        let mut network = Network::new(&spec, &shape, 2, 4);
        assert_eq!(network.blocks().iter().map(|(_, v)| v.len()).sum::<usize>(), Network::size(&spec, &shape, 2));
        for (_, values) in network.blocks() {
            values.iter_mut().for_each(|value| *value += random.normal(0.3));
        }
        // Half the squared distance of the outputs from 1 and -1.
        let loss = |rows: &[usize], outputs: &[f32], slopes: &mut Vec<f32>| {
            let wanted = rows.iter().flat_map(|_| [1.0, -1.0]);
            slopes.extend(outputs.iter().zip(wanted).map(|(output, wanted)| output - wanted));
            slopes.iter().map(|slope| 0.5 * f64::from(*slope).powi(2)).sum::<f64>()
        };
        let all: Vec<usize> = (0..rows).collect();
        let value = |network: &Network| {
            let mut unused = Vec::new();
            loss(&all, &network.forward(&encoded), &mut unused) / rows as f64
        };
        let mut shards = Vec::new();
        network.prepare(0.0, &vec![1; spec.table_rows()]);
        network.slopes(&encoded, &all, &loss, &mut shards);
        assert_eq!(shards.len(), 3);
        let (first, others) = shards.split_first_mut().unwrap();
        others.iter().for_each(|other| first.gradients.add(&other.gradients));
        for (block, gradient) in first.gradients.all().into_iter().enumerate() {
            for (place, slope) in gradient.into_iter().enumerate() {
                let at = |shift: f32| {
                    let mut moved = network.clone();
                    moved.blocks()[block + 1].1[place] += shift;
                    value(&moved)
                };
                let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!((difference - f64::from(slope)).abs() < 3e-3, "{block} {place}: {difference} {slope}");
            }
        }
        Ok(())
    }
}
