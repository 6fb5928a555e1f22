//! The network: tables of weights and vectors by entry, and the parts that each add to the logit.
//!
//! A batch goes through in four moves: gather the entries' vectors and the dense numbers into `row` (rows x width); let
//! each part add to the logit; let each part add to the slope of `row`; scatter that slope to the entries. The gradients
//! are written out by hand and checked against differences in the tests.

use super::accelerated::Resident;
use super::plan::{CROSS_LAYERS, Plan};
use crate::models::features::Encoded;
use crate::models::layers::Layer;
use crate::models::layers::{Block, Step, Table};
use crate::models::random::Random;

/// Weights, and what training needs beside them.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub plan: Plan,
    /// A weight per entry; empty without a linear part.
    pub(super) linear: Table,
    /// A vector per entry; empty for `lr`.
    pub(super) vectors: Table,
    /// A weight per dense number; empty without a linear part.
    pub(super) dense: Block,
    pub(super) bias: Block,
    /// W of the bilinear form, (1 + user) x (1 + item); each side carries a constant 1, which gives either side its own
    /// weights.
    pub(super) bilinear: Block,
    pub(super) tower: Vec<Layer>,
    /// Weight and bias of each cross layer; of `dcnv2` the weight is V, then U.
    pub(super) cross: Vec<(Block, Block)>,
    /// From the last cross layer to the logit.
    pub(super) cross_out: Block,
    /// What each number of the vectors counts in the products of `fm`; empty where all count 1.
    pub(super) factors: Block,
    /// The finished weights on a device, if models run on one.
    pub(super) resident: Resident,
}

/// Buffers of one batch, kept between batches.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) row: Vec<f32>,
    pub(super) row_slope: Vec<f32>,
    pub(super) logits: Vec<f32>,
    pub(super) user: Vec<f32>,
    pub(super) item: Vec<f32>,
    pub(super) product: Vec<f32>,
    pub(super) sums: Vec<f32>,
    pub(super) layers: Vec<Vec<f32>>,
    pub(super) slopes: (Vec<f32>, Vec<f32>),
    pub(super) crossed: Vec<Vec<f32>>,
}

impl Network {
    /// Random weights from the seed.
    pub fn new(plan: Plan, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let width = plan.row_width();
        let linear_rows = if plan.is_linear() { plan.table_rows } else { 0 };
        let vectors = (0..plan.table_rows * plan.dim).map(|_| random.normal(0.05)).collect();
        let sides = (plan.user.len() + 1, plan.item.len() + 1);
        let (bilinear, tower, cross);
        if plan.is_bilinear() {
            let deviation = 1.0 / (sides.0.max(sides.1) as f64).sqrt();
            bilinear = (0..sides.0 * sides.1).map(|_| random.normal(deviation)).collect();
        } else {
            bilinear = Vec::new();
        }
        if plan.has_tower() {
            let outputs = plan.tower();
            let inputs = [width].into_iter().chain(outputs.iter().copied());
            let last = outputs.len() - 1;
            tower = inputs
                .zip(&outputs)
                .enumerate()
                .map(|(place, (inputs, outputs))| Layer::new(inputs, *outputs, place < last, &mut random))
                .collect();
        } else {
            tower = Vec::new();
        }
        let layers = if plan.has_cross() { CROSS_LAYERS } else { 0 };
        cross = (0..layers)
            .map(|_| {
                let weights = plan.cross_weights();
                let weight = (0..weights).map(|_| random.normal(1.0 / (width.max(1) as f64).sqrt())).collect();
                (Block::new(weight), Block::new(vec![0.0; width]))
            })
            .collect();
        Self {
            linear: Table::new(1, vec![0.0; linear_rows]),
            vectors: Table::new(plan.dim, vectors),
            dense: Block::new(vec![0.0; if plan.is_linear() { plan.dense } else { 0 }]),
            bias: Block::new(vec![0.0]),
            bilinear: Block::new(bilinear),
            tower,
            cross,
            cross_out: Block::new(vec![0.0; if plan.has_cross() { width } else { 0 }]),
            factors: Block::default(),
            resident: Resident::default(),
            plan,
        }
    }

    /// A network like that of `plan` over the vectors of another one: it has none of its own, and weighs their products by itself.
    pub fn beside(plan: Plan, seed: u64) -> Self {
        let factors = if plan.is_factorised() { vec![1.0; plan.dim] } else { Vec::new() };
        let mut network = Self::new(plan, seed);
        network.vectors = Table::new(network.plan.dim, Vec::new());
        network.factors = Block::new(factors);
        network
    }

    /// Starts from the training rows' rate, so that the first epoch need not learn it.
    pub fn start_at(&mut self, rate: f64) {
        self.bias.values = vec![(rate / (1.0 - rate)).ln() as f32];
    }

    /// Every block by its name in the model file, in a fixed order.
    pub fn blocks(&mut self) -> Vec<(String, &mut Vec<f32>)> {
        // Whoever asks may change them.
        self.resident = Resident::default();
        let mut all = vec![
            ("linear".to_string(), &mut self.linear.values),
            ("vectors".to_string(), &mut self.vectors.values),
            ("dense".to_string(), &mut self.dense.values),
            ("bias".to_string(), &mut self.bias.values),
            ("bilinear".to_string(), &mut self.bilinear.values),
            ("cross_out".to_string(), &mut self.cross_out.values),
        ];
        for (place, layer) in self.tower.iter_mut().enumerate() {
            all.push((format!("tower.{place}.weight"), &mut layer.weight.values));
            all.push((format!("tower.{place}.bias"), &mut layer.bias.values));
        }
        for (place, (weight, bias)) in self.cross.iter_mut().enumerate() {
            all.push((format!("cross.{place}.weight"), &mut weight.values));
            all.push((format!("cross.{place}.bias"), &mut bias.values));
        }
        if !self.factors.values.is_empty() {
            all.push(("factors".to_string(), &mut self.factors.values));
        }
        all
    }

    /// The network for a table whose rows begin as these rows of its own.
    pub fn grown(&self, plan: Plan, from: &[u32]) -> Self {
        let linear = if self.plan.is_linear() { self.linear.taken(from) } else { self.linear.clone() };
        let vectors = self.vectors.taken(from);
        Self { plan, linear, vectors, resident: Resident::default(), ..self.clone() }
    }

    /// Room for training.
    pub fn prepare(&mut self, l2: f32, counts: &[u32]) {
        self.linear.prepare(l2, counts);
        self.vectors.prepare(l2, counts);
        self.bias.prepare();
        for block in self.dense_blocks() {
            block.prepare();
        }
    }

    /// Drops what only training needs.
    pub fn finish(&mut self) {
        self.linear.finish();
        self.vectors.finish();
        self.bias = Block::new(std::mem::take(&mut self.bias.values));
        for block in self.dense_blocks() {
            *block = Block::new(std::mem::take(&mut block.values));
        }
    }

    /// The dense blocks that a penalty shrinks: all but the bias.
    fn dense_blocks(&mut self) -> Vec<&mut Block> {
        let mut all = vec![&mut self.dense, &mut self.bilinear, &mut self.cross_out, &mut self.factors];
        all.extend(self.tower.iter_mut().flat_map(|layer| [&mut layer.weight, &mut layer.bias]));
        all.extend(self.cross.iter_mut().flat_map(|(weight, bias)| [weight, bias]));
        all
    }

    /// Logits of the given rows, left in `work.logits`.
    pub fn forward(&self, encoded: &Encoded, rows: &[usize], work: &mut Work) {
        if self.plan.dim > 0 {
            self.gather(encoded, rows, work);
        }
        self.forward_parts(encoded, rows, work);
    }

    /// [`forward`](Self::forward) where the rows were gathered into `work.row` already.
    pub(super) fn forward_parts(&self, encoded: &Encoded, rows: &[usize], work: &mut Work) {
        let bias = self.bias.values.first().copied().unwrap_or(0.0);
        work.logits.clear();
        work.logits.resize(rows.len(), bias);
        if self.plan.is_linear() {
            for (row, logit) in rows.iter().zip(&mut work.logits) {
                encoded.entries(*row, |_, id, weight| *logit += weight * self.linear.row(id).first().unwrap_or(&0.0));
                let dense = encoded.dense_of(*row).iter().zip(&self.dense.values);
                *logit += dense.map(|(value, weight)| value * weight).sum::<f32>();
            }
        }
        if self.plan.dim == 0 {
            return;
        }
        if self.plan.is_factorised() {
            self.factorised(work);
        }
        if self.plan.is_bilinear() {
            self.bilinear(rows.len(), work);
        }
        if self.plan.has_tower() {
            self.tower(rows.len(), work);
        }
        if self.plan.has_cross() {
            self.cross(work);
        }
    }

    fn gather(&self, encoded: &Encoded, rows: &[usize], work: &mut Work) {
        let (width, dim) = (self.plan.row_width(), self.plan.dim);
        work.row.clear();
        work.row.resize(rows.len() * width, 0.0);
        for (row, to) in rows.iter().zip(work.row.chunks_exact_mut(width.max(1))) {
            encoded.entries(*row, |slot, id, weight| {
                if let Some(to) = to.get_mut(slot * dim..(slot + 1) * dim) {
                    to.iter_mut().zip(self.vectors.row(id)).for_each(|(to, from)| *to += weight * from);
                }
            });
            if let Some(to) = to.get_mut(self.plan.slots * dim..) {
                to.copy_from_slice(encoded.dense_of(*row));
            }
        }
    }

    /// One step of training on the given rows; gives the sum of their losses before it.
    pub fn learn(
        &mut self,
        encoded: &Encoded,
        labels: &[bool],
        rows: &[usize],
        step: &Step,
        decay: f32,
        work: &mut Work,
    ) -> f64 {
        self.forward(encoded, rows, work);
        let mut loss = 0.0f64;
        let count = rows.len().max(1) as f32;
        let slopes: Vec<f32> = rows
            .iter()
            .zip(&work.logits)
            .map(|(row, logit)| {
                let label = labels.get(*row).copied().unwrap_or(false);
                loss += cross_entropy(*logit, label) as f64;
                (sigmoid(*logit) - label as u8 as f32) / count
            })
            .collect();
        self.backward(encoded, rows, &slopes, work);
        self.step(step, decay);
        loss
    }

    /// Takes one step along the gradients, with the penalty's gradient `decay * weight` added to the dense ones.
    pub(super) fn step(&mut self, step: &Step, decay: f32) {
        self.linear.step(step);
        self.vectors.step(step);
        self.bias.step(step, 0.0);
        for block in self.dense_blocks() {
            block.step(step, decay);
        }
    }

    /// Adds the loss's gradient, given its slope at each logit, to every block touched.
    fn backward(&mut self, encoded: &Encoded, rows: &[usize], slopes: &[f32], work: &mut Work) {
        self.backward_parts(encoded, rows, slopes, work);
        self.scatter(encoded, rows, &work.row_slope);
    }

    /// [`backward`](Self::backward) but for the vectors: the slope at the gathered rows is left in `work.row_slope`.
    pub(super) fn backward_parts(&mut self, encoded: &Encoded, rows: &[usize], slopes: &[f32], work: &mut Work) {
        self.bias.gradient.iter_mut().for_each(|sum| *sum += slopes.iter().sum::<f32>());
        let count = rows.len().max(1) as f32;
        if self.plan.is_linear() {
            for (row, slope) in rows.iter().zip(slopes) {
                encoded.entries(*row, |_, id, weight| self.linear.add(id, &[weight * slope], 1.0, count));
                let dense = self.dense.gradient.iter_mut().zip(encoded.dense_of(*row));
                dense.for_each(|(sum, value)| *sum += slope * value);
            }
        }
        if self.plan.dim == 0 {
            return;
        }
        work.row_slope.clear();
        work.row_slope.resize(work.row.len(), 0.0);
        if self.plan.is_factorised() {
            self.factorised_back(slopes, work);
        }
        if self.plan.is_bilinear() {
            self.bilinear_back(slopes, work);
        }
        if self.plan.has_tower() {
            self.tower_back(slopes, work);
        }
        if self.plan.has_cross() {
            self.cross_back(slopes, work);
        }
    }

    /// Hands the slope at the gathered rows to the vectors that they were gathered from.
    pub(super) fn scatter(&mut self, encoded: &Encoded, rows: &[usize], row_slope: &[f32]) {
        let (width, dim) = (self.plan.row_width().max(1), self.plan.dim);
        if dim == 0 {
            return;
        }
        let count = rows.len().max(1) as f32;
        for (row, slope) in rows.iter().zip(row_slope.chunks_exact(width)) {
            encoded.entries(*row, |slot, id, weight| {
                if let Some(slope) = slope.get(slot * dim..(slot + 1) * dim) {
                    self.vectors.add(id, slope, weight, count);
                }
            });
        }
    }
}

/// 1 / (1 + e^-x), without overflow.
#[inline(always)]
pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// [`sigmoid`] as a double, which tells more of what is nearly sure.
pub(super) fn probability(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// -ln of the probability given to the label, without overflow.
pub(super) fn cross_entropy(logit: f32, label: bool) -> f32 {
    let towards = if label { logit } else { -logit };
    (-towards.abs()).exp().ln_1p() + (-towards).max(0.0)
}

/// The gradients of each block, in the order of [`Network::blocks`].
#[cfg(test)]
pub(super) fn gradients(network: &Network) -> Vec<Vec<f32>> {
    let mut all = vec![
        network.linear.gradient().to_vec(),
        network.vectors.gradient().to_vec(),
        network.dense.gradient.clone(),
        network.bias.gradient.clone(),
        network.bilinear.gradient.clone(),
        network.cross_out.gradient.clone(),
    ];
    all.extend(network.tower.iter().flat_map(|layer| [layer.weight.gradient.clone(), layer.bias.gradient.clone()]));
    all.extend(network.cross.iter().flat_map(|(weight, bias)| [weight.gradient.clone(), bias.gradient.clone()]));
    if !network.factors.values.is_empty() {
        all.push(network.factors.gradient.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::options::Architecture;
    use super::*;
    use crate::models::features::Encoded;

    fn rows(random: &mut Random) -> (Encoded, Vec<bool>) {
        let mut encoded = Encoded { rows: 6, width: 3, dense_width: 2, ..Encoded::default() };
        encoded.ids = (0..18).map(|place| (place % 3 * 4 + random.below(4)) as u32).collect();
        encoded.dense = (0..12).map(|_| random.normal(1.0)).collect();
        let ids: Vec<u32> = (0..12).map(|_| 12 + random.below(4) as u32).collect();
        encoded.bags = vec![crate::models::features::Bag { starts: vec![0, 2, 2, 5, 6, 9, 12], ids }];
        (encoded, (0..6).map(|row| row % 2 == 0).collect())
    }

    fn plan(architecture: Architecture) -> Plan {
        let dim = if architecture == Architecture::Lr { 0 } else { 3 };
        let (user, item) = ((0..6).chain([12]).collect(), (6..12).chain([13]).collect());
        Plan { architecture, table_rows: 16, slots: 4, dense: 2, dim, user, item, hidden: None }
    }

    fn loss(network: &Network, encoded: &Encoded, labels: &[bool]) -> f64 {
        let mut work = Work::default();
        network.forward(encoded, &[0, 1, 2, 3, 4, 5], &mut work);
        work.logits.iter().zip(labels).map(|(logit, label)| cross_entropy(*logit, *label) as f64).sum::<f64>() / 6.0
    }

    #[test]
    fn gradients_are_the_differences_of_the_loss() {
        for (name, architecture) in Architecture::ALL {
            let mut random = Random::new(11);
            let (encoded, labels) = rows(&mut random);
            let mut network = Network::new(plan(architecture), 5);
            // Away from the symmetric start. The shift below is small so that no rectifier opens or shuts within it.
            for (_, values) in network.blocks() {
                values.iter_mut().for_each(|value| *value += random.normal(0.3));
            }
            network.prepare(0.0, &[1; 16]);
            let mut work = Work::default();
            network.forward(&encoded, &[0, 1, 2, 3, 4, 5], &mut work);
            let slopes: Vec<f32> =
                work.logits.iter().zip(&labels).map(|(z, y)| (sigmoid(*z) - *y as u8 as f32) / 6.0).collect();
            network.backward(&encoded, &[0, 1, 2, 3, 4, 5], &slopes, &mut work);
            let gradients = gradients(&network);
            let mut checked = 0;
            for (block, gradient) in gradients.iter().enumerate() {
                for (place, slope) in gradient.iter().enumerate() {
                    let at = |shift: f32| {
                        let mut moved = network.clone();
                        moved.blocks()[block].1[place] += shift;
                        loss(&moved, &encoded, &labels)
                    };
                    let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
                    let error = (difference - *slope as f64).abs();
                    assert!(error < 2e-3, "{name} block {block} place {place}: {difference} {}", slope);
                    checked += 1;
                }
            }
            assert!(checked > 18, "{name}");
        }
    }

    #[test]
    fn cross_entropy_does_not_overflow() {
        assert_eq!(cross_entropy(1000.0, true), 0.0);
        assert_eq!(cross_entropy(1000.0, false), 1000.0);
        assert!((cross_entropy(0.0, true) - 2f32.ln()).abs() < 1e-6);
        assert_eq!((sigmoid(200.0), sigmoid(-200.0)), (1.0, 0.0));
    }
}
