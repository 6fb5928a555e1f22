//! The network: tables of weights and vectors by entry, and the parts that each add to the logit.
//!
//! A batch goes through in four moves: gather the entries' vectors and the dense numbers into `row` (rows x width); let
//! each part add to the logit; let each part add to the slope of `row`; scatter that slope to the entries. The gradients
//! are written out by hand and checked against differences in the tests.

use super::dense::{Layer, multiply, plain, transposed};
use super::parameters::{Block, Step, Table};
use super::plan::{CROSS_LAYERS, HIDDEN, Plan};
use crate::models::features::Encoded;
use crate::models::random::Random;

/// Weights, and what training needs beside them.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub plan: Plan,
    /// A weight per entry; empty without a linear part.
    linear: Table,
    /// A vector per entry; empty for `lr`.
    vectors: Table,
    /// A weight per dense number; empty without a linear part.
    dense: Block,
    bias: Block,
    /// W of the bilinear form, (1 + user) x (1 + item); each side carries a constant 1, which gives either side its own
    /// weights.
    bilinear: Block,
    tower: Vec<Layer>,
    /// Weight and bias of each cross layer.
    cross: Vec<(Block, Block)>,
    /// From the last cross layer to the logit.
    cross_out: Block,
}

/// Buffers of one batch, kept between batches.
#[derive(Debug, Default)]
pub(super) struct Work {
    row: Vec<f32>,
    row_slope: Vec<f32>,
    pub logits: Vec<f32>,
    user: Vec<f32>,
    item: Vec<f32>,
    product: Vec<f32>,
    sums: Vec<f32>,
    layers: Vec<Vec<f32>>,
    slopes: (Vec<f32>, Vec<f32>),
    crossed: Vec<Vec<f32>>,
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
            tower = vec![
                Layer::new(width, HIDDEN[0], true, &mut random),
                Layer::new(HIDDEN[0], HIDDEN[1], true, &mut random),
                Layer::new(HIDDEN[1], 1, false, &mut random),
            ];
        } else {
            tower = Vec::new();
        }
        let layers = if plan.has_cross() { CROSS_LAYERS } else { 0 };
        cross = (0..layers)
            .map(|_| {
                let weight = (0..width).map(|_| random.normal(1.0 / (width.max(1) as f64).sqrt())).collect();
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
            plan,
        }
    }

    /// Starts from the training rows' rate, so that the first epoch need not learn it.
    pub fn start_at(&mut self, rate: f64) {
        self.bias.values = vec![(rate / (1.0 - rate)).ln() as f32];
    }

    /// Every block by its name in the model file, in a fixed order.
    pub fn blocks(&mut self) -> Vec<(String, &mut Vec<f32>)> {
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
        all
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
        let mut all = vec![&mut self.dense, &mut self.bilinear, &mut self.cross_out];
        all.extend(self.tower.iter_mut().flat_map(|layer| [&mut layer.weight, &mut layer.bias]));
        all.extend(self.cross.iter_mut().flat_map(|(weight, bias)| [weight, bias]));
        all
    }

    /// Logits of the given rows, left in `work.logits`.
    pub fn forward(&self, encoded: &Encoded, rows: &[usize], work: &mut Work) {
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
        self.gather(encoded, rows, work);
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

    /// Half of (square of the sum - sum of squares) over the slots' vectors: every pair's product in linear time.
    fn factorised(&self, work: &mut Work) {
        let (width, dim) = (self.plan.row_width().max(1), self.plan.dim);
        work.sums.clear();
        work.sums.resize(work.logits.len() * dim, 0.0);
        let rows = work.row.chunks_exact(width).zip(work.sums.chunks_exact_mut(dim));
        for ((row, sums), logit) in rows.zip(&mut work.logits) {
            let mut squares = 0.0;
            for vector in row.chunks_exact(dim).take(self.plan.slots) {
                for (sum, value) in sums.iter_mut().zip(vector) {
                    *sum += value;
                    squares += value * value;
                }
            }
            *logit += 0.5 * (sums.iter().map(|sum| sum * sum).sum::<f32>() - squares);
        }
    }

    fn bilinear(&self, rows: usize, work: &mut Work) {
        let width = self.plan.row_width();
        let pick = |columns: &[usize], into: &mut Vec<f32>| {
            into.clear();
            for row in work.row.chunks_exact(width.max(1)) {
                into.push(1.0);
                into.extend(columns.iter().filter_map(|column| row.get(*column)));
            }
        };
        pick(&self.plan.user, &mut work.user);
        pick(&self.plan.item, &mut work.item);
        let (users, items) = (self.plan.user.len() + 1, self.plan.item.len() + 1);
        work.product.resize(rows * items, 0.0);
        multiply((rows, users, items), plain(&work.user), plain(&self.bilinear.values), &mut work.product, false);
        let pairs = work.product.chunks_exact(items).zip(work.item.chunks_exact(items));
        for ((product, item), logit) in pairs.zip(&mut work.logits) {
            *logit += product.iter().zip(item).map(|(a, b)| a * b).sum::<f32>();
        }
    }

    fn tower(&self, rows: usize, work: &mut Work) {
        work.layers.resize_with(self.tower.len(), Vec::new);
        for (place, layer) in self.tower.iter().enumerate() {
            let (before, rest) = work.layers.split_at_mut(place);
            let input = before.last().unwrap_or(&work.row);
            if let Some(output) = rest.first_mut() {
                layer.forward(rows, input, output);
            }
        }
        if let Some(output) = work.layers.last() {
            work.logits.iter_mut().zip(output).for_each(|(logit, value)| *logit += value);
        }
    }

    /// x(l+1) = x(0) * (x(l) . w) + b + x(l), then a weighted sum of the last.
    fn cross(&self, work: &mut Work) {
        let width = self.plan.row_width().max(1);
        work.crossed.resize_with(self.cross.len(), Vec::new);
        for (place, (weight, bias)) in self.cross.iter().enumerate() {
            let (before, rest) = work.crossed.split_at_mut(place);
            let input = before.last().unwrap_or(&work.row);
            let Some(output) = rest.first_mut() else { continue };
            output.clear();
            for (input, first) in input.chunks_exact(width).zip(work.row.chunks_exact(width)) {
                let scale: f32 = input.iter().zip(&weight.values).map(|(x, w)| x * w).sum();
                let terms = input.iter().zip(first).zip(&bias.values);
                output.extend(terms.map(|((input, first), bias)| first * scale + bias + input));
            }
        }
        let last = work.crossed.last().unwrap_or(&work.row);
        for (row, logit) in last.chunks_exact(width).zip(&mut work.logits) {
            *logit += row.iter().zip(&self.cross_out.values).map(|(x, w)| x * w).sum::<f32>();
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
        self.linear.step(step);
        self.vectors.step(step);
        self.bias.step(step, 0.0);
        for block in self.dense_blocks() {
            block.step(step, decay);
        }
        loss
    }

    /// Adds the loss's gradient, given its slope at each logit, to every block touched.
    fn backward(&mut self, encoded: &Encoded, rows: &[usize], slopes: &[f32], work: &mut Work) {
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
        let (width, dim) = (self.plan.row_width().max(1), self.plan.dim);
        for (row, slope) in rows.iter().zip(work.row_slope.chunks_exact(width)) {
            encoded.entries(*row, |slot, id, weight| {
                if let Some(slope) = slope.get(slot * dim..(slot + 1) * dim) {
                    self.vectors.add(id, slope, weight, count);
                }
            });
        }
    }

    fn factorised_back(&self, slopes: &[f32], work: &mut Work) {
        let (width, dim) = (self.plan.row_width().max(1), self.plan.dim);
        let rows = work.row.chunks_exact(width).zip(work.row_slope.chunks_exact_mut(width));
        for (((row, row_slope), sums), slope) in rows.zip(work.sums.chunks_exact(dim)).zip(slopes) {
            let vectors = row.chunks_exact(dim).zip(row_slope.chunks_exact_mut(dim)).take(self.plan.slots);
            for (vector, vector_slope) in vectors {
                for ((value, to), sum) in vector.iter().zip(vector_slope).zip(sums) {
                    *to += slope * (sum - value);
                }
            }
        }
    }

    fn bilinear_back(&mut self, slopes: &[f32], work: &mut Work) {
        let (width, rows) = (self.plan.row_width().max(1), slopes.len());
        let (users, items) = (self.plan.user.len() + 1, self.plan.item.len() + 1);
        // d/d item = slope * (user W); d/d (user W) = slope * item, from which W and user follow.
        for (row_slope, (product, slope)) in
            work.row_slope.chunks_exact_mut(width).zip(work.product.chunks_exact(items).zip(slopes))
        {
            for (column, value) in self.plan.item.iter().zip(product.iter().skip(1)) {
                if let Some(to) = row_slope.get_mut(*column) {
                    *to += slope * value;
                }
            }
        }
        for (item, slope) in work.item.chunks_exact_mut(items).zip(slopes) {
            item.iter_mut().for_each(|value| *value *= slope);
        }
        let shape = (users, rows, items);
        multiply(shape, transposed(&work.user), plain(&work.item), &mut self.bilinear.gradient, true);
        work.product.resize(rows * users.max(items), 0.0);
        let shape = (rows, items, users);
        multiply(shape, plain(&work.item), transposed(&self.bilinear.values), &mut work.product, false);
        for (row_slope, user_slope) in work.row_slope.chunks_exact_mut(width).zip(work.product.chunks_exact(users)) {
            for (column, value) in self.plan.user.iter().zip(user_slope.iter().skip(1)) {
                if let Some(to) = row_slope.get_mut(*column) {
                    *to += value;
                }
            }
        }
    }

    fn tower_back(&mut self, slopes: &[f32], work: &mut Work) {
        let rows = slopes.len();
        work.slopes.0.clear();
        work.slopes.0.extend_from_slice(slopes);
        for (place, layer) in self.tower.iter_mut().enumerate().rev() {
            let Some(output) = work.layers.get(place) else { continue };
            let before = place.checked_sub(1).and_then(|before| work.layers.get(before));
            let (from, to) = (&mut work.slopes.0, &mut work.slopes.1);
            match before {
                Some(input) => layer.backward(rows, (input, output), from, to, false),
                None => layer.backward(rows, (&work.row, output), from, &mut work.row_slope, true),
            }
            std::mem::swap(&mut work.slopes.0, &mut work.slopes.1);
        }
    }

    fn cross_back(&mut self, slopes: &[f32], work: &mut Work) {
        let width = self.plan.row_width().max(1);
        let last = work.crossed.last().unwrap_or(&work.row);
        // Slope at the output of the layer in hand, all rows.
        let mut out_slope: Vec<f32> = Vec::with_capacity(last.len());
        for (row, slope) in last.chunks_exact(width).zip(slopes) {
            self.cross_out.gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += slope * value);
            out_slope.extend(self.cross_out.values.iter().map(|weight| slope * weight));
        }
        for (place, (weight, bias)) in self.cross.iter_mut().enumerate().rev() {
            let input = place.checked_sub(1).and_then(|before| work.crossed.get(before)).unwrap_or(&work.row);
            let rows = input.chunks_exact(width).zip(work.row.chunks_exact(width));
            let rows = rows.zip(out_slope.chunks_exact_mut(width).zip(work.row_slope.chunks_exact_mut(width)));
            for ((input, first), (slope, first_slope)) in rows {
                let scale: f32 = input.iter().zip(&weight.values).map(|(x, w)| x * w).sum();
                let scale_slope: f32 = slope.iter().zip(first).map(|(slope, first)| slope * first).sum();
                let slots = slope.iter_mut().zip(first_slope).zip(input);
                let blocks = weight.gradient.iter_mut().zip(&weight.values).zip(&mut bias.gradient);
                for (((slope, first_slope), input), ((weight_sum, weight), bias_sum)) in slots.zip(blocks) {
                    *first_slope += *slope * scale;
                    *bias_sum += *slope;
                    *weight_sum += scale_slope * input;
                    *slope += scale_slope * weight;
                }
            }
        }
        // The first layer's input is the row itself.
        work.row_slope.iter_mut().zip(&out_slope).for_each(|(to, slope)| *to += slope);
    }
}

/// 1 / (1 + e^-x), without overflow.
#[inline(always)]
pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// -ln of the probability given to the label, without overflow.
fn cross_entropy(logit: f32, label: bool) -> f32 {
    let towards = if label { logit } else { -logit };
    (-towards.abs()).exp().ln_1p() + (-towards).max(0.0)
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
        Plan { architecture, table_rows: 16, slots: 4, dense: 2, dim, user, item }
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
                for place in 0..gradient.len() {
                    let at = |shift: f32| {
                        let mut moved = network.clone();
                        moved.blocks()[block].1[place] += shift;
                        loss(&moved, &encoded, &labels)
                    };
                    let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
                    let error = (difference - gradient[place] as f64).abs();
                    assert!(error < 2e-3, "{name} block {block} place {place}: {difference} {}", gradient[place]);
                    checked += 1;
                }
            }
            assert!(checked > 18, "{name}");
        }
    }

    /// In the order of `blocks`.
    fn gradients(network: &Network) -> Vec<Vec<f32>> {
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
        all
    }

    #[test]
    fn cross_entropy_does_not_overflow() {
        assert_eq!(cross_entropy(1000.0, true), 0.0);
        assert_eq!(cross_entropy(1000.0, false), 1000.0);
        assert!((cross_entropy(0.0, true) - 2f32.ln()).abs() < 1e-6);
        assert_eq!((sigmoid(200.0), sigmoid(-200.0)), (1.0, 0.0));
    }
}
