//! Clicks and what follows them, learnt by one objective over all that was shown (Ma et al., "Entire Space Multi-Task Model",
//! SIGIR 2018).
//!
//! Conversions happen after clicks, and only rows with a click say anything of them; a model that learns from those rows alone is
//! then asked about rows of another kind, and has few of its own. Here both are learnt over all rows:
//!
//! ```text
//! pCTR = sigma(a)    pCVR = sigma(b)    pCTCVR = pCTR * pCVR
//! loss = cross-entropy(click, pCTR) + cross-entropy(click and conversion, pCTCVR)
//!        + [click] cross-entropy(conversion, pCVR)
//! ```
//!
//! The last term is not in the paper (it is in Wang et al., "ESCM2", SIGIR 2022): all three are least at the true probabilities, and
//! without it the conversion's network learns so slowly that the click's has begun to know rows by heart before it is of use. On carts
//! and purchases of a shop (`benches/conversion_peers.py`) it takes the AUC of conversions from 0.61 to 0.82 (`mlp`).
//!
//! The conversion's network reads the vectors of the click's and teaches them; all else it has for itself, and of `fm` and `deepfm` what
//! each number of the vectors counts in their products. `lr` has no vectors: there the objective alone is shared. It is the founding
//! document's `max C + R`: click rate and conversion rate are raised together.

use super::network::{Network, Work, cross_entropy, probability, sigmoid};
use super::plan::Plan;
use super::training::Rows;
use crate::models::layers::Step;

/// The networks of a model.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    pub click: Network,
    /// That of conversions, which has no vectors of its own.
    pub conversion: Option<Network>,
}

/// Buffers of both networks.
#[derive(Debug, Default)]
pub(super) struct TasksWork {
    click: Work,
    conversion: Work,
}

/// The logits of some rows: of clicks, and of conversions where they are learnt.
#[derive(Debug, Clone, Default)]
pub(super) struct Logits {
    pub click: Vec<f32>,
    pub conversion: Vec<f32>,
}

impl Tasks {
    /// Random weights from the seed.
    pub fn new(plan: &Plan, seed: u64, has_conversion: bool) -> Self {
        let conversion = has_conversion.then(|| Network::beside(plan.clone(), seed ^ 0xC0DE));
        Self { click: Network::new(plan.clone(), seed), conversion }
    }

    /// Starts from the rates of the training rows.
    pub fn start_at(&mut self, rate: f64, conversion_rate: f64) {
        self.click.start_at(rate);
        if let Some(conversion) = &mut self.conversion {
            conversion.start_at(conversion_rate);
        }
    }

    /// Room for training.
    pub fn prepare(&mut self, l2: f32, counts: &[u32]) {
        self.click.prepare(l2, counts);
        if let Some(conversion) = &mut self.conversion {
            conversion.prepare(l2, counts);
        }
    }

    /// Drops what only training needs.
    pub fn finish(&mut self) {
        self.click.finish();
        if let Some(conversion) = &mut self.conversion {
            conversion.finish();
        }
    }

    /// The networks for a table whose rows begin as these rows of their own.
    pub fn grown(&self, plan: &Plan, from: &[u32]) -> Self {
        let grown = |network: &Network| network.grown(plan.clone(), from);
        Self { click: grown(&self.click), conversion: self.conversion.as_ref().map(grown) }
    }

    /// One step of training on the given rows; gives the sum of their losses before it.
    pub fn learn(&mut self, of: &Rows, rows: &[usize], step: &Step, decay: f32, work: &mut TasksWork) -> f64 {
        let Some(conversion) = &mut self.conversion else {
            return self.click.learn(&of.encoded, &of.labels, rows, step, decay, &mut work.click);
        };
        let loss = slope(&mut self.click, conversion, of, rows, work);
        self.click.step(step, decay);
        conversion.step(step, decay);
        loss
    }

    /// The logits of the given rows, by the processor, appended to `to`.
    pub fn forward(
        &self,
        of: &crate::models::features::Encoded,
        rows: &[usize],
        work: &mut TasksWork,
        to: &mut Logits,
    ) {
        self.click.forward(of, rows, &mut work.click);
        to.click.extend_from_slice(&work.click.logits);
        if let Some(conversion) = &self.conversion {
            std::mem::swap(&mut work.click.row, &mut work.conversion.row);
            conversion.forward_parts(of, rows, &mut work.conversion);
            std::mem::swap(&mut work.click.row, &mut work.conversion.row);
            to.conversion.extend_from_slice(&work.conversion.logits);
        }
    }
}

/// Both networks' gradients on the given rows; gives the sum of the losses.
fn slope(click: &mut Network, conversion: &mut Network, of: &Rows, rows: &[usize], work: &mut TasksWork) -> f64 {
    let (encoded, count) = (&of.encoded, rows.len().max(1) as f32);
    click.forward(encoded, rows, &mut work.click);
    work.conversion.row.clone_from(&work.click.row);
    conversion.forward_parts(encoded, rows, &mut work.conversion);
    let mut loss = 0.0;
    let logits = work.click.logits.iter().zip(&work.conversion.logits);
    let slopes: (Vec<f32>, Vec<f32>) = rows
        .iter()
        .zip(logits)
        .map(|(row, (a, b))| {
            let label = of.labels.get(*row).copied().unwrap_or(false);
            loss += f64::from(cross_entropy(*a, label));
            let slope = (sigmoid(*a) - f32::from(label), 0.0);
            let Some(Some(both)) = of.conversions.get(*row) else { return slope };
            let (more, down_a, down_b) = joint(*a, *b, *both);
            loss += more;
            let (after, down) = clicked(*b, label, *both);
            loss += after;
            (slope.0 + down_a, slope.1 + down_b + down)
        })
        .map(|(a, b)| (a / count, b / count))
        .unzip();
    click.backward_parts(encoded, rows, &slopes.0, &mut work.click);
    conversion.backward_parts(encoded, rows, &slopes.1, &mut work.conversion);
    work.click.row_slope.iter_mut().zip(&work.conversion.row_slope).for_each(|(to, more)| *to += more);
    click.scatter(encoded, rows, &work.click.row_slope);
    loss
}

/// The cross-entropy of `both` (click and conversion) with sigma(a) sigma(b), and its slopes at `a` and `b`. With p, q and r = pq they
/// are `(1 - p) (r - y) / (1 - r)` and `(1 - q) (r - y) / (1 - r)`, where `1 - r = (1 - p) + p (1 - q)` loses no digits near 1.
fn joint(a: f32, b: f32, both: bool) -> (f64, f32, f32) {
    let (p, not_p, not_q) = (sigmoid(a), sigmoid(-a), sigmoid(-b));
    if both {
        return (f64::from(cross_entropy(a, true) + cross_entropy(b, true)), -not_p, -not_q);
    }
    let (q, rest) = (sigmoid(b), (not_p + p * not_q).max(f32::MIN_POSITIVE));
    (-f64::from(rest).ln(), not_p * p * q / rest, not_q * p * q / rest)
}

/// The cross-entropy of a conversion with sigma(b) where there was a click, and its slope at `b`.
fn clicked(b: f32, click: bool, both: bool) -> (f64, f32) {
    if click { (f64::from(cross_entropy(b, both)), sigmoid(b) - f32::from(both)) } else { (0.0, 0.0) }
}

/// The mean loss of rows by their logits, and that of the clicks alone.
pub(super) fn losses(logits: &Logits, of: &Rows) -> (f64, f64) {
    let count = of.labels.len().max(1) as f64;
    let click: Vec<f64> = logits.click.iter().map(|logit| probability(*logit)).collect();
    let clicks = crate::models::metrics::logloss(&click, &of.labels);
    let labels = of.labels.iter().zip(&of.conversions);
    let rows = logits.click.iter().zip(&logits.conversion).zip(labels);
    let one = |a: f32, b: f32, click: bool, both: bool| joint(a, b, both).0 + clicked(b, click, both).0;
    let more: f64 = rows.map(|((a, b), (click, both))| both.map_or(0.0, |both| one(*a, *b, *click, both))).sum();
    (clicks + more / count, clicks)
}

#[cfg(test)]
mod tests {
    use super::super::options::Architecture;
    use super::*;
    use crate::models::features::{Bag, Encoded};
    use crate::models::random::Random;

    const ROWS: [usize; 6] = [0, 1, 2, 3, 4, 5];

    /// Clicks with and without a conversion, one of which it is not known, and rows without a click.
    fn rows(random: &mut Random) -> Rows {
        let mut encoded = Encoded { rows: 6, width: 3, dense_width: 2, ..Encoded::default() };
        encoded.ids = (0..18).map(|place| (place % 3 * 4 + random.below(4)) as u32).collect();
        encoded.dense = (0..12).map(|_| random.normal(1.0)).collect();
        let ids: Vec<u32> = (0..12).map(|_| 12 + random.below(4) as u32).collect();
        encoded.bags = vec![Bag { starts: vec![0, 2, 2, 5, 6, 9, 12], ids }];
        let conversions = vec![Some(true), Some(false), None, Some(false), Some(true), Some(false)];
        Rows { encoded, labels: vec![true, true, true, false, true, false], conversions }
    }

    fn plan(architecture: Architecture) -> Plan {
        let dim = if architecture == Architecture::Lr { 0 } else { 3 };
        let (user, item) = ((0..6).chain([12]).collect(), (6..12).chain([13]).collect());
        Plan { architecture, table_rows: 16, slots: 4, dense: 2, dim, user, item, hidden: None }
    }

    fn loss(tasks: &Tasks, of: &Rows) -> f64 {
        let mut logits = Logits::default();
        tasks.forward(&of.encoded, &ROWS, &mut TasksWork::default(), &mut logits);
        losses(&logits, of).0
    }

    #[test]
    fn gradients_are_the_differences_of_the_joint_loss() {
        for (name, architecture) in Architecture::ALL {
            let mut random = Random::new(11);
            let of = rows(&mut random);
            let mut tasks = Tasks::new(&plan(architecture), 5, true);
            for network in [Some(&mut tasks.click), tasks.conversion.as_mut()].into_iter().flatten() {
                for (_, values) in network.blocks() {
                    values.iter_mut().for_each(|value| *value += random.normal(0.3));
                }
            }
            tasks.prepare(0.0, &[1; 16]);
            let Tasks { click, conversion } = &mut tasks;
            let sum = slope(click, conversion.as_mut().unwrap(), &of, &ROWS, &mut TasksWork::default());
            assert!((sum / 6.0 - loss(&tasks, &of)).abs() < 1e-5, "{name}");
            let mut checked = 0;
            for which in 0..2 {
                let network = |tasks: &Tasks| {
                    if which == 0 { tasks.click.clone() } else { tasks.conversion.clone().unwrap() }
                };
                for (block, gradient) in super::super::network::gradients(&network(&tasks)).iter().enumerate() {
                    for (place, slope) in gradient.iter().enumerate() {
                        let at = |shift: f32| {
                            let mut moved = tasks.clone();
                            let network =
                                if which == 0 { &mut moved.click } else { moved.conversion.as_mut().unwrap() };
                            network.blocks()[block].1[place] += shift;
                            loss(&moved, &of)
                        };
                        // A rectifier may open or shut within the wider shift.
                        let error =
                            |shift: f32| ((at(shift) - at(-shift)) / f64::from(2.0 * shift) - f64::from(*slope)).abs();
                        let error = error(1e-3).min(error(2e-4));
                        assert!(
                            error < 3e-3,
                            "{name} network {which} block {block} place {place}: {slope}, {error} off"
                        );
                        checked += 1;
                    }
                }
            }
            assert!(checked > 36, "{name}");
        }
    }

    #[test]
    fn the_joint_loss_by_hand() {
        // p = q = 1/2: r = 1/4.
        let (loss, a, b) = joint(0.0, 0.0, true);
        assert!((loss - 4f64.ln()).abs() < 1e-6 && (a + 0.5).abs() < 1e-6 && (b + 0.5).abs() < 1e-6);
        let (loss, a, b) = joint(0.0, 0.0, false);
        assert!((loss - (4.0f64 / 3.0).ln()).abs() < 1e-6 && (a - 1.0 / 6.0).abs() < 1e-6 && a == b);
        // Where both are next to sure nothing overflows.
        let (loss, a, b) = joint(40.0, 60.0, false);
        assert!(loss.is_finite() && a.is_finite() && b.is_finite() && a > 0.9);
        assert!(joint(100.0, 100.0, true).0 < 1e-30);
    }
}
