//! The parts of the network beyond weights per entry: what each adds to the logits of a batch, and to the slopes.
//!
//! Each part is a pair: `x` reads the gathered rows in `work.row` and adds to `work.logits`; `x_back` takes the loss's slope
//! at each logit, adds to its own gradients and to `work.row_slope`. They rely on what the forward half left in `work`.

use super::cross::CrossLayer;
use super::network::{Network, Work};
use crate::models::layers::{Block, multiply, plain, transposed};

impl Network {
    /// Half of (square of the sum - sum of squares) over the slots' vectors: every pair's product in linear time.
    pub(super) fn factorised(&self, work: &mut Work) {
        let (width, dim) = (self.plan.row_width().max(1), self.plan.dim);
        work.sums.clear();
        work.sums.resize(work.logits.len() * dim, 0.0);
        let rows = work.row.chunks_exact(width).zip(work.sums.chunks_exact_mut(dim));
        if !self.factors.values.is_empty() {
            // The same for each number of the vectors, and then a weighted sum.
            for ((row, sums), logit) in rows.zip(&mut work.logits) {
                let mut squares = 0.0;
                for vector in row.chunks_exact(dim).take(self.plan.slots) {
                    for ((sum, value), factor) in sums.iter_mut().zip(vector).zip(&self.factors.values) {
                        *sum += value;
                        squares += factor * value * value;
                    }
                }
                let of_sums = sums.iter().zip(&self.factors.values).map(|(sum, factor)| factor * sum * sum);
                *logit += 0.5 * (of_sums.sum::<f32>() - squares);
            }
            return;
        }
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

    pub(super) fn bilinear(&self, rows: usize, work: &mut Work) {
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

    pub(super) fn tower(&self, rows: usize, work: &mut Work) {
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
    pub(super) fn cross(&self, work: &mut Work) {
        let width = self.plan.row_width().max(1);
        work.crossed.resize_with(self.cross.len(), Vec::new);
        for (place, (weight, bias)) in self.cross.iter().enumerate() {
            let (before, rest) = work.crossed.split_at_mut(place);
            let input = before.last().unwrap_or(&work.row);
            let Some(output) = rest.first_mut() else { continue };
            output.clear();
            if self.plan.is_matrix_cross() {
                let mut layer = CrossLayer::new(&self.plan, &weight.values, &bias.values);
                layer.forward(&work.row, input, output);
                continue;
            }
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

    pub(super) fn factorised_back(&mut self, slopes: &[f32], work: &mut Work) {
        let (width, dim) = (self.plan.row_width().max(1), self.plan.dim);
        let rows = work.row.chunks_exact(width).zip(work.row_slope.chunks_exact_mut(width));
        let Block { values: factors, gradient, .. } = &mut self.factors;
        if !factors.is_empty() {
            for (((row, row_slope), sums), slope) in rows.zip(work.sums.chunks_exact(dim)).zip(slopes) {
                gradient.iter_mut().zip(sums).for_each(|(to, sum)| *to += 0.5 * slope * sum * sum);
                let vectors = row.chunks_exact(dim).zip(row_slope.chunks_exact_mut(dim)).take(self.plan.slots);
                for (vector, vector_slope) in vectors {
                    let weighed = factors.iter().zip(gradient.iter_mut());
                    let numbers = vector.iter().zip(vector_slope).zip(sums);
                    for (((value, to), sum), (factor, gradient)) in numbers.zip(weighed) {
                        *to += slope * factor * (sum - value);
                        *gradient -= 0.5 * slope * value * value;
                    }
                }
            }
            return;
        }
        for (((row, row_slope), sums), slope) in rows.zip(work.sums.chunks_exact(dim)).zip(slopes) {
            let vectors = row.chunks_exact(dim).zip(row_slope.chunks_exact_mut(dim)).take(self.plan.slots);
            for (vector, vector_slope) in vectors {
                for ((value, to), sum) in vector.iter().zip(vector_slope).zip(sums) {
                    *to += slope * (sum - value);
                }
            }
        }
    }

    pub(super) fn bilinear_back(&mut self, slopes: &[f32], work: &mut Work) {
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

    pub(super) fn tower_back(&mut self, slopes: &[f32], work: &mut Work) {
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

    pub(super) fn cross_back(&mut self, slopes: &[f32], work: &mut Work) {
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
            if self.plan.is_matrix_cross() {
                let mut layer = CrossLayer::new(&self.plan, &weight.values, &bias.values);
                let gradients = (weight.gradient.as_mut_slice(), bias.gradient.as_mut_slice());
                layer.backward((&work.row, input), &mut out_slope, &mut work.row_slope, gradients);
                continue;
            }
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
