//! Least squares from sums alone: what rows say of a linear model, gathered as they go by.
//!
//! For rows x with a constant 1 and targets y, the sums of x x', x y and y y are all that the penalised squares depend on:
//! half of |y - X w|^2 + l1 |w| + l2/2 |w|^2, the constant's weight free. So rows need not be kept, and the squared error of any
//! weights on held-out rows follows from *their* sums.

use std::ops::Range;

use rayon::prelude::*;

use crate::models::features::Encoded;
use crate::models::layers::{multiply, plain, transposed};

/// Weights of the penalty among which held-out rows choose.
const L2_CHOICES: [f64; 8] = [1e-4, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0];
/// Rows whose dense numbers are multiplied at once.
const CHUNK_ROWS: usize = 2048;
/// A pivot below this share of its column's square belongs to a column that the others already say.
const PIVOT_MIN: f64 = 1e-12;
/// Sweeps of coordinate descent at most, and the change of a weight below which it ends.
const SWEEPS_MAX: usize = 1000;
const CHANGE_MIN: f64 = 1e-9;

/// Sums over rows: the upper triangle of [x, 1, y]' [x, 1, y], row-major. Columns are the entries, the dense numbers, the constant,
/// the target.
#[derive(Debug, Clone)]
pub(super) struct Gram {
    table_rows: usize,
    size: usize,
    sums: Vec<f64>,
}

impl Gram {
    /// Of no rows yet.
    pub fn new(table_rows: usize, dense: usize) -> Self {
        let size = table_rows + dense + 2;
        Self { table_rows, size, sums: vec![0.0; size * size] }
    }

    /// Rows that were added.
    pub fn rows(&self) -> f64 {
        self.at(self.size - 2, self.size - 2)
    }

    /// The sum of their targets.
    pub fn target_sum(&self) -> f64 {
        self.at(self.size - 2, self.size - 1)
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.sums.get(row.min(column) * self.size + row.max(column)).copied().unwrap_or(0.0)
    }

    /// Adds some rows with their targets.
    pub fn add(&mut self, encoded: &Encoded, targets: &[f64], of: Range<usize>) {
        let tail = self.size - self.table_rows;
        let mut dense: Vec<f64> = Vec::new();
        let mut product = vec![0.0f64; tail * tail];
        let mut entries: Vec<(usize, f64)> = Vec::new();
        for from in of.clone().step_by(CHUNK_ROWS) {
            let rows = from..of.end.min(from + CHUNK_ROWS);
            dense.clear();
            for row in rows.clone() {
                dense.extend(encoded.dense_of(row).iter().map(|value| f64::from(*value)));
                dense.extend([1.0, targets.get(row).copied().unwrap_or(0.0)]);
            }
            multiply((tail, rows.len(), tail), transposed(&dense), plain(&dense), &mut product, false);
            for (row, product) in product.chunks_exact(tail).enumerate() {
                let at = (self.table_rows + row) * self.size + self.table_rows;
                let to = self.sums.get_mut(at..at + tail).unwrap_or_default();
                to.iter_mut().zip(product).skip(row).for_each(|(sum, more)| *sum += more);
            }
            for (row, dense) in rows.zip(dense.chunks_exact(tail)) {
                entries.clear();
                encoded.entries(row, |_, id, weight| entries.push((id as usize, f64::from(weight))));
                for (place, (id, weight)) in entries.iter().enumerate() {
                    let at = id * self.size + self.table_rows;
                    let to = self.sums.get_mut(at..at + tail).unwrap_or_default();
                    to.iter_mut().zip(dense).for_each(|(sum, value)| *sum += weight * value);
                    for (other, other_weight) in entries.iter().skip(place) {
                        // The same word twice in a text meets itself twice.
                        let twice = if other == id && !std::ptr::eq(other, id) { 2.0 } else { 1.0 };
                        let at = id.min(other) * self.size + id.max(other);
                        if let Some(sum) = self.sums.get_mut(at) {
                            *sum += twice * weight * other_weight;
                        }
                    }
                }
            }
        }
    }

    /// Adds the sums of other rows.
    pub fn append(&mut self, other: &Self) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
    }

    /// The sum of squared errors of `weights` (one for each column, the constant last) on these rows.
    pub fn squared_error(&self, weights: &[f64]) -> f64 {
        let all: Vec<f64> = weights.iter().copied().chain([-1.0]).collect();
        let rows = all.iter().zip(self.sums.chunks_exact(self.size)).enumerate();
        let sum = rows.map(|(place, (weight, row))| {
            let mut pairs = row.iter().zip(&all).skip(place);
            let own = pairs.next().map_or(0.0, |(sum, weight)| sum * weight);
            weight * (own + 2.0 * pairs.map(|(sum, weight)| sum * weight).sum::<f64>())
        });
        // Rounding may leave a little less than nothing.
        sum.sum::<f64>().max(0.0)
    }

    /// The weights of least penalised squares by Cholesky's decomposition. A column that the others already say gets 0.
    pub fn ridge(&self, l2: f64) -> Vec<f64> {
        let count = self.size - 1;
        let mut factor = vec![0.0f64; count * count];
        let mut dropped = vec![false; count];
        for row in 0..count {
            for column in 0..=row {
                let (above, own) = factor.split_at_mut(row * count);
                let other = if column < row { above.get(column * count..).unwrap_or_default() } else { &*own };
                let dot: f64 = own.iter().zip(other).take(column).map(|(a, b)| a * b).sum();
                let mut value = self.at(row, column) - dot;
                if column < row {
                    let pivot = above.get(column * count + column).copied().unwrap_or(1.0);
                    value = if dropped.get(column) == Some(&true) { 0.0 } else { value / pivot };
                } else {
                    let square = self.at(row, row) + if row + 1 < count { l2 } else { 0.0 };
                    value += square - self.at(row, row);
                    let is_said = value <= PIVOT_MIN * square || value <= 0.0;
                    if let Some(dropped) = dropped.get_mut(row) {
                        *dropped = is_said;
                    }
                    value = if is_said { 1.0 } else { value.sqrt() };
                }
                if let Some(to) = own.get_mut(column) {
                    *to = value;
                }
            }
            if dropped.get(row) == Some(&true)
                && let Some(own) = factor.get_mut(row * count..row * count + row)
            {
                own.fill(0.0);
            }
        }
        let mut solved: Vec<f64> = Vec::with_capacity(count);
        for (row, own) in factor.chunks_exact(count).enumerate() {
            let dot: f64 = own.iter().zip(&solved).map(|(a, b)| a * b).sum();
            let pivot = own.get(row).copied().unwrap_or(1.0);
            let is_out = dropped.get(row) == Some(&true);
            solved.push(if is_out { 0.0 } else { (self.at(row, count) - dot) / pivot });
        }
        for row in (0..count).rev() {
            let (before, rest) = solved.split_at_mut(row);
            let own = factor.get(row * count..(row + 1) * count).unwrap_or_default();
            let Some(value) = rest.first_mut() else { continue };
            *value /= own.get(row).copied().unwrap_or(1.0);
            before.iter_mut().zip(own).for_each(|(to, factor)| *to -= factor * *value);
        }
        solved
    }

    /// The weights of least squares with both penalties by coordinate descent on the sums (Friedman, Hastie and Tibshirani,
    /// "Regularization Paths for Generalized Linear Models via Coordinate Descent", 2010).
    pub fn elastic_net(&self, l1: f64, l2: f64) -> Vec<f64> {
        let count = self.size - 1;
        let mut weights = vec![0.0; count];
        // What each column still has to say of the target.
        let mut left: Vec<f64> = (0..count).map(|row| self.at(row, count)).collect();
        for _ in 0..SWEEPS_MAX {
            let mut change_most = 0.0f64;
            for column in 0..count {
                let square = self.at(column, column);
                let is_constant = column + 1 == count;
                let (l1, l2) = if is_constant { (0.0, 0.0) } else { (l1, l2) };
                let before = weights.get(column).copied().unwrap_or(0.0);
                if square + l2 <= 0.0 {
                    continue;
                }
                let alone = left.get(column).copied().unwrap_or(0.0) + square * before;
                let after = alone.signum() * (alone.abs() - l1).max(0.0) / (square + l2);
                let change = after - before;
                if change != 0.0 {
                    left.iter_mut().enumerate().for_each(|(row, left)| *left -= change * self.at(row, column));
                    weights.iter_mut().skip(column).take(1).for_each(|weight| *weight = after);
                }
                change_most = change_most.max(change.abs());
            }
            if change_most < CHANGE_MIN {
                break;
            }
        }
        weights
    }

    /// The penalty, of some, with the least squared error on `held_out`; the smallest where that has no rows.
    pub fn choose_l2(&self, held_out: &Self) -> f64 {
        if held_out.rows() == 0.0 {
            return L2_CHOICES.first().copied().unwrap_or(1.0);
        }
        let errors: Vec<(f64, f64)> =
            L2_CHOICES.par_iter().map(|l2| (held_out.squared_error(&self.ridge(*l2)), *l2)).collect();
        errors.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, l2)| l2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::random::Random;

    /// 300 rows of one slot of three entries and two numbers, with targets that follow from them but for some noise.
    fn rows() -> (Encoded, Vec<f64>) {
        let mut random = Random::new(3);
        let mut encoded = Encoded { rows: 300, width: 1, dense_width: 2, ..Encoded::default() };
        encoded.ids = (0..300).map(|_| random.below(3) as u32).collect();
        encoded.dense = (0..600).map(|_| random.normal(1.0)).collect();
        let targets = (0..300).map(|row| {
            let dense = encoded.dense_of(row);
            let entry = [1.0, -2.0, 0.5][encoded.ids[row] as usize];
            3.0 + entry + 2.0 * f64::from(dense[0]) - f64::from(dense[1]) + f64::from(random.normal(0.1))
        });
        let targets = targets.collect();
        (encoded, targets)
    }

    fn gram() -> (Gram, Encoded, Vec<f64>) {
        let (encoded, targets) = rows();
        let mut gram = Gram::new(3, 2);
        gram.add(&encoded, &targets, 0..300);
        (gram, encoded, targets)
    }

    fn predicted(encoded: &Encoded, weights: &[f64], row: usize) -> f64 {
        let mut sum = weights[5];
        encoded.columns(row, 3, |column, value| sum += weights[column] * f64::from(value));
        sum
    }

    /// Half the penalised squares, row by row.
    fn objective(encoded: &Encoded, targets: &[f64], weights: &[f64], l1: f64, l2: f64) -> f64 {
        let errors: f64 = (0..300).map(|row| (targets[row] - predicted(encoded, weights, row)).powi(2)).sum();
        let penalty: f64 = weights[..5].iter().map(|w| l1 * w.abs() + 0.5 * l2 * w * w).sum();
        0.5 * errors + penalty
    }

    #[test]
    fn solutions_are_where_every_step_leads_uphill() {
        let (gram, encoded, targets) = gram();
        assert_eq!(gram.rows(), 300.0);
        for (l1, l2) in [(0.0, 1e-4), (0.0, 5.0), (20.0, 0.0), (20.0, 5.0)] {
            let weights = if l1 > 0.0 { gram.elastic_net(l1, l2) } else { gram.ridge(l2) };
            let least = objective(&encoded, &targets, &weights, l1, l2);
            for place in 0..6 {
                for shift in [-0.01, 0.01] {
                    let mut moved = weights.clone();
                    moved[place] += shift;
                    assert!(objective(&encoded, &targets, &moved, l1, l2) > least, "{l1} {l2} {place} {shift}");
                }
            }
            let errors: f64 = (0..300).map(|row| (targets[row] - predicted(&encoded, &weights, row)).powi(2)).sum();
            assert!((gram.squared_error(&weights) / errors - 1.0).abs() < 1e-6);
        }
        // A strong penalty on absolute values leaves nothing but the constant.
        let none = gram.elastic_net(1e6, 0.0);
        assert!(none[..5].iter().all(|weight| *weight == 0.0) && none[5] != 0.0);
    }

    #[test]
    fn columns_that_say_the_same_do_no_harm() {
        let (gram, encoded, targets) = gram();
        // The three entries add up to the constant: without a penalty one of the four is too much.
        let weights = gram.ridge(0.0);
        let errors: Vec<f64> = (0..300).map(|row| targets[row] - predicted(&encoded, &weights, row)).collect();
        assert!(errors.iter().all(|error| error.abs() < 0.5), "{weights:?}");
        assert!(gram.choose_l2(&gram) < 1.0);
    }
}
