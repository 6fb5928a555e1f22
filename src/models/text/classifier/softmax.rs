//! Probabilities of classes from what is linear in sparse rows: multinomial logistic regression.
//!
//! Learnt row by row with steps that shrink for each feature as it is seen (AdaGrad, Duchi, Hazan and Singer, 2011), one step size for
//! all classes of a feature. A penalty on squared weights is spread over a feature's occurrences, so that an epoch penalises each
//! weight alike, however rare its feature.

use super::vocabulary::Rows;
use crate::error::Result;
use crate::models::random::Random;

/// First step.
const RATE: f32 = 0.5;
/// What the sum of squared slopes starts with.
const SQUARES: f32 = 0.01;
/// Weight of the penalty beside the sum of losses.
const L2: f32 = 0.005;

/// A head over sparse rows. Of two classes one output, the logit of the second.
#[derive(Debug, Clone, Default)]
pub(super) struct Softmax {
    pub outputs: usize,
    /// `features x outputs`
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

/// What training keeps beside the weights.
pub(super) struct Lesson<'a> {
    rows: &'a Rows,
    classes: &'a [u32],
    penalty: Vec<f32>,
    squares: Vec<f32>,
    bias_squares: f32,
    order: Vec<u32>,
    random: Random,
    rate: f32,
}

/// Outputs for so many classes.
pub(super) fn outputs(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

impl Softmax {
    pub fn new(features: usize, classes: usize) -> Self {
        let outputs = outputs(classes);
        Self { outputs, weights: vec![0.0; features * outputs], bias: vec![0.0; outputs] }
    }

    /// The outputs for a row.
    pub fn logits(&self, (ids, values): (&[u32], &[f32]), into: &mut Vec<f32>) {
        into.clear();
        into.extend_from_slice(&self.bias);
        let width = self.outputs;
        for (id, value) in ids.iter().zip(values) {
            let from = *id as usize * width;
            let Some(weights) = self.weights.get(from..from + width) else { continue };
            into.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
        }
    }

    /// Goes once over all rows; gives their mean loss as it was when each was seen.
    pub fn epoch(&mut self, lesson: &mut Lesson<'_>, stop: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
        let width = self.outputs;
        let (mut slopes, mut loss) = (Vec::with_capacity(width), 0.0);
        lesson.random.shuffle(&mut lesson.order);
        for (at, row) in lesson.order.iter().enumerate() {
            if at.is_multiple_of(4096) {
                stop()?;
            }
            let (ids, values) = lesson.rows.row(*row as usize);
            let class = lesson.classes.get(*row as usize).copied().unwrap_or_default() as usize;
            self.logits((ids, values), &mut slopes);
            loss += f64::from(slope(&mut slopes, class));
            let steepness: f32 = slopes.iter().map(|slope| slope * slope).sum();
            for (id, value) in ids.iter().zip(values) {
                let place = *id as usize;
                let (Some(squares), Some(penalty)) = (lesson.squares.get_mut(place), lesson.penalty.get(place)) else {
                    continue;
                };
                let Some(weights) = self.weights.get_mut(place * width..(place + 1) * width) else { continue };
                *squares += steepness * value * value;
                let rate = lesson.rate / squares.sqrt();
                for (weight, slope) in weights.iter_mut().zip(&slopes) {
                    *weight -= rate * (slope * value + penalty * *weight);
                }
            }
            lesson.bias_squares += steepness;
            let rate = lesson.rate / lesson.bias_squares.sqrt();
            self.bias.iter_mut().zip(&slopes).for_each(|(bias, slope)| *bias -= rate * slope);
        }
        Ok(loss / lesson.order.len().max(1) as f64)
    }
}

impl<'a> Lesson<'a> {
    /// Of rows with the class of each; `features` are known.
    pub fn new(rows: &'a Rows, classes: &'a [u32], features: usize, l2: Option<f64>, seed: u64) -> Self {
        let l2 = l2.map_or(L2, |l2| l2 as f32);
        let penalty = rows.counts(features).into_iter().map(|count| l2 / count.max(1) as f32).collect();
        Self {
            rows,
            classes,
            penalty,
            squares: vec![SQUARES; features],
            bias_squares: 1.0,
            order: (0..rows.len() as u32).collect(),
            random: Random::new(seed ^ 0x50F7),
            rate: RATE,
        }
    }
}

/// Turns outputs into the slopes of the loss at them; gives the loss.
pub(super) fn slope(outputs: &mut [f32], class: usize) -> f32 {
    if let [logit] = outputs {
        let wanted = if class == 1 { 1.0 } else { 0.0 };
        let of = if class == 1 { -*logit } else { *logit };
        *logit = (1.0 + (-*logit).exp()).recip() - wanted;
        // ln(1 + e^x), without overflow.
        return of.max(0.0) + (-of.abs()).exp().ln_1p();
    }
    let most = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for output in outputs.iter_mut() {
        *output = (*output - most).exp();
        total += *output;
    }
    outputs.iter_mut().for_each(|output| *output /= total);
    let Some(own) = outputs.get_mut(class) else { return 0.0 };
    let loss = -own.max(f32::MIN_POSITIVE).ln();
    *own -= 1.0;
    loss
}

/// The logarithm of each class's probability, from outputs.
pub(super) fn log_probabilities(outputs: &[f32], into: &mut Vec<f32>) {
    into.clear();
    match outputs {
        [logit] => into.extend([-softplus(*logit), -softplus(-*logit)]),
        _ => {
            let most = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total = outputs.iter().map(|output| (output - most).exp()).sum::<f32>().ln() + most;
            into.extend(outputs.iter().map(|output| output - total));
        }
    }
}

/// `ln(1 + e^x)`
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
