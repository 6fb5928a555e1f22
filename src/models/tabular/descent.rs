//! Full-batch descent for what is linear in the features: logistic regression, and least squares of more columns than sums are kept
//! of.
//!
//! The penalised mean loss is convex and smooth, and L-BFGS (Liu and Nocedal, 1989) walks down it from zero: directions from the last
//! few changes of the gradient, steps halved until they pay (Armijo).

use std::collections::VecDeque;

use rayon::prelude::*;

use super::labels::Labels;
use super::linear::Linear;
use super::watch::Watch;
use crate::error::Result;
use crate::models::features::Encoded;

/// Changes that a direction is made of.
const MEMORY: usize = 8;
/// The gradient's largest part at which the descent ends, of the mean loss.
const SLOPE_MIN: f64 = 1e-6;
/// Share of the promised descent that a step must bring.
const ARMIJO: f64 = 1e-4;
/// Halvings of one step at most.
const HALVINGS_MAX: usize = 40;
/// Parts that rows are dealt to; each sums its own gradient, so that sums come in one order whatever the cores.
const PARTS_MAX: usize = 8;
const PART_ROWS_MIN: usize = 512;
/// Numbers in the gradients of all parts, at most.
const PART_NUMBERS_MAX: usize = 1 << 24;

/// Finds the weights for `labels`; numbers stand in deviations from the mean. Gives the iterations taken.
pub(super) fn fit(
    linear: &mut Linear,
    encoded: &Encoded,
    labels: &Labels,
    l2: f64,
    max_iterations: usize,
    watch: &mut Watch<'_>,
) -> Result<usize> {
    let objective = Objective { linear: linear.clone(), encoded, labels, l2 };
    let mut weights = vec![0.0f64; linear.weights.len() + linear.bias.len()];
    let mut slope = vec![0.0; weights.len()];
    let mut loss = objective.at(&weights, &mut slope);
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    let mut iterations = 0;
    while iterations < max_iterations && slope.iter().any(|part| part.abs() > SLOPE_MIN) {
        watch.check()?;
        let direction = direction(&slope, &pairs);
        let promise = dot(&slope, &direction);
        let mut rate = if pairs.is_empty() { 1.0 / dot(&slope, &slope).sqrt().max(1.0) } else { 1.0 };
        let mut moved = None;
        for _ in 0..HALVINGS_MAX {
            let there: Vec<f64> = weights.iter().zip(&direction).map(|(w, d)| w + rate * d).collect();
            let mut slope_there = vec![0.0; there.len()];
            let loss_there = objective.at(&there, &mut slope_there);
            watch.check()?;
            if loss_there <= loss + ARMIJO * rate * promise {
                moved = Some((there, slope_there, loss_there));
                break;
            }
            rate /= 2.0;
        }
        // No step pays: as near as rounding lets it come.
        let Some((there, slope_there, loss_there)) = moved else { break };
        let step: Vec<f64> = there.iter().zip(&weights).map(|(a, b)| a - b).collect();
        let turn: Vec<f64> = slope_there.iter().zip(&slope).map(|(a, b)| a - b).collect();
        if dot(&step, &turn) > 1e-12 * dot(&turn, &turn) {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back((step, turn));
        }
        (weights, slope, loss) = (there, slope_there, loss_there);
        iterations += 1;
        watch.tell(iterations, max_iterations, ("penalised loss", loss), Vec::new())?;
    }
    linear.take(&weights);
    Ok(iterations)
}

/// Minus the gradient, turned by what its last changes tell of the curvature.
fn direction(slope: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|part| -part).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for (step, turn) in pairs.iter().rev() {
        let share = dot(step, &direction) / dot(step, turn);
        direction.iter_mut().zip(turn).for_each(|(to, turn)| *to -= share * turn);
        shares.push(share);
    }
    if let Some((step, turn)) = pairs.back() {
        let scale = dot(step, turn) / dot(turn, turn);
        direction.iter_mut().for_each(|to| *to *= scale);
    }
    for ((step, turn), share) in pairs.iter().zip(shares.into_iter().rev()) {
        let back = dot(turn, &direction) / dot(step, turn);
        direction.iter_mut().zip(step).for_each(|(to, step)| *to += (share - back) * step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The penalised mean loss of weights over rows.
struct Objective<'a> {
    /// For its sizes.
    linear: Linear,
    encoded: &'a Encoded,
    labels: &'a Labels,
    l2: f64,
}

impl Objective<'_> {
    /// The loss at `weights` (columns x outputs, then the constants), and its gradient.
    fn at(&self, weights: &[f64], slope: &mut [f64]) -> f64 {
        let rows = self.encoded.rows;
        let parts = (PART_NUMBERS_MAX / weights.len().max(1)).clamp(1, PARTS_MAX).min(rows / PART_ROWS_MIN).max(1);
        let part_rows = rows.div_ceil(parts).max(1);
        let starts: Vec<usize> = (0..rows).step_by(part_rows).collect();
        let sums: Vec<(f64, Vec<f64>)> =
            starts.par_iter().map(|from| self.part(weights, *from..rows.min(from + part_rows))).collect();
        let count = rows.max(1) as f64;
        slope.fill(0.0);
        let mut loss = 0.0;
        for (part_loss, part) in sums {
            loss += part_loss / count;
            slope.iter_mut().zip(part).for_each(|(sum, more)| *sum += more / count);
        }
        let penalty = self.l2 / count;
        for (to, weight) in slope.iter_mut().zip(weights).take(self.linear.weights.len()) {
            loss += 0.5 * penalty * weight * weight;
            *to += penalty * weight;
        }
        loss
    }

    /// Loss and gradient summed over some rows.
    fn part(&self, weights: &[f64], rows: std::ops::Range<usize>) -> (f64, Vec<f64>) {
        let outputs = self.linear.outputs.max(1);
        let constants = self.linear.weights.len();
        let mut slope = vec![0.0; weights.len()];
        let mut values = vec![0.0f64; outputs];
        let mut loss = 0.0;
        for row in rows {
            values.copy_from_slice(weights.get(constants..constants + outputs).unwrap_or_default());
            self.encoded.columns(row, self.linear.table_rows, |column, value| {
                let of = weights.get(column * outputs..(column + 1) * outputs).unwrap_or_default();
                values.iter_mut().zip(of).for_each(|(sum, weight)| *sum += f64::from(value) * weight);
            });
            loss += row_loss(self.labels, row, &mut values);
            self.encoded.columns(row, self.linear.table_rows, |column, value| {
                let to = slope.get_mut(column * outputs..(column + 1) * outputs).unwrap_or_default();
                to.iter_mut().zip(&values).for_each(|(sum, slope)| *sum += f64::from(value) * slope);
            });
            let to = slope.get_mut(constants..constants + outputs).unwrap_or_default();
            to.iter_mut().zip(&values).for_each(|(sum, slope)| *sum += slope);
        }
        (loss, slope)
    }
}

/// The loss of a row's outputs, which become the loss's slopes at them: half the squared error, or the log-loss.
pub(super) fn row_loss(labels: &Labels, row: usize, outputs: &mut [f64]) -> f64 {
    match labels {
        Labels::Nothing => 0.0,
        Labels::Numbers(values) => {
            let label = values.get(row).copied().unwrap_or(0.0);
            outputs
                .iter_mut()
                .map(|output| {
                    *output -= label;
                    0.5 * *output * *output
                })
                .sum()
        }
        Labels::Classes(places) => {
            let place = places.get(row).copied().flatten().unwrap_or(0);
            if let [logit] = outputs {
                let towards = if place == 1 { *logit } else { -*logit };
                let loss = (-towards.abs()).exp().ln_1p() + (-towards).max(0.0);
                *logit = 1.0 / (1.0 + (-*logit).exp()) - f64::from(u8::from(place == 1));
                return loss;
            }
            let own = outputs.get(place).copied().unwrap_or(0.0);
            let sum = softmax(outputs);
            if let Some(own) = outputs.get_mut(place) {
                *own -= 1.0;
            }
            sum - own
        }
    }
}

/// Makes probabilities of logits; gives the logarithm of the sum of their exponentials.
pub(super) fn softmax(logits: &mut [f64]) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - most).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|logit| *logit /= sum);
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::random::Random;
    use crate::models::tabular::labels::Target;

    fn rows(random: &mut Random) -> Encoded {
        let mut encoded = Encoded { rows: 40, width: 1, dense_width: 2, ..Encoded::default() };
        encoded.ids = (0..40).map(|_| random.below(3) as u32).collect();
        encoded.dense = (0..80).map(|_| random.normal(1.0)).collect();
        encoded
    }

    #[test]
    fn gradients_are_the_differences_of_the_loss_and_the_descent_ends_where_there_is_none() -> Result<()> {
        let mut random = Random::new(5);
        let encoded = rows(&mut random);
        for classes in [0usize, 2, 3] {
            let names = (0..classes).map(|name| name.to_string()).collect();
            let target = match classes {
                0 => Target::Number { scale: vec![0.0, 1.0] },
                _ => Target::Classes { names, rates: vec![0.0; classes] },
            };
            let labels = match classes {
                0 => Labels::Numbers((0..40).map(|_| f64::from(random.normal(1.0))).collect()),
                _ => Labels::Classes((0..40).map(|_| Some(random.below(classes))).collect()),
            };
            let mut linear = Linear::new(3, 2, &target);
            let objective = Objective { linear: linear.clone(), encoded: &encoded, labels: &labels, l2: 0.5 };
            let count = linear.weights.len() + linear.bias.len();
            let weights: Vec<f64> = (0..count).map(|_| f64::from(random.normal(0.5))).collect();
            let mut slope = vec![0.0; count];
            objective.at(&weights, &mut slope);
            let mut unused = vec![0.0; count];
            for place in 0..count {
                let mut at = |shift: f64| {
                    let mut moved = weights.clone();
                    moved[place] += shift;
                    objective.at(&moved, &mut unused)
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((difference - slope[place]).abs() < 1e-7, "{classes} {place}: {difference} {}", slope[place]);
            }
            fit(&mut linear, &encoded, &labels, 0.5, 500, &mut Watch::nobody())?;
            let found: Vec<f64> = linear.weights.iter().chain(&linear.bias).map(|w| f64::from(*w)).collect();
            objective.at(&found, &mut slope);
            assert!(slope.iter().all(|part| part.abs() < 1e-5), "{classes}: {slope:?}");
        }
        Ok(())
    }
}
