//! Probabilities of classes from the encoder's vectors: a small network.
//!
//! Vectors stand in deviations from their mean; one layer of rectified units, Adam, batches by chance, and the weights of the
//! epoch that is best on rows held out.

use super::softmax::{outputs, slope};
use crate::error::Result;
use crate::models::layers::{Gradients, Step, Tower, TowerWork};
use crate::models::random::Random;

/// Rows of one step.
const BATCH_ROWS: usize = 64;
/// Step of Adam.
const RATE: f32 = 0.001;
/// Epochs after which a step is half as long.
const SLOWER: f32 = 10.0;
/// Weight of the penalty beside the mean loss.
const DECAY: f32 = 0.01;
/// Share of the inputs' numbers that a step does not see.
const DROPPED: f64 = 0.2;

/// A head over dense rows.
#[derive(Debug, Clone, Default)]
pub(super) struct DenseHead {
    pub mean: Vec<f32>,
    /// One over the deviation.
    pub scale: Vec<f32>,
    pub tower: Tower,
}

/// Dense rows with their classes, and what training keeps.
pub(super) struct DenseLesson {
    width: usize,
    /// `rows x width`, in deviations.
    rows: Vec<f32>,
    classes: Vec<u32>,
    order: Vec<usize>,
    random: Random,
    steps: u32,
    work: TowerWork,
    gradients: Gradients,
}

impl DenseHead {
    /// Of vectors (`rows x width`), with weights that chance begins.
    pub fn new(vectors: &[f32], width: usize, hidden: &[usize], classes: usize, seed: u64) -> Self {
        let count = (vectors.len() / width.max(1)).max(1) as f64;
        let (mut sums, mut squares) = (vec![0.0f64; width], vec![0.0f64; width]);
        for row in vectors.chunks_exact(width.max(1)) {
            for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(row) {
                *sum += f64::from(*value);
                *square += f64::from(*value).powi(2);
            }
        }
        let scale = sums.iter().zip(&squares).map(|(sum, square)| {
            let deviation = (square / count - (sum / count).powi(2)).max(0.0).sqrt();
            if deviation > 1e-6 { (1.0 / deviation) as f32 } else { 0.0 }
        });
        let scale = scale.collect();
        let mean = sums.iter().map(|sum| (sum / count) as f32).collect();
        let widths: Vec<usize> = [width].iter().chain(hidden).copied().chain([outputs(classes)]).collect();
        let mut tower = Tower::new(&widths, None, &mut Random::new(seed ^ 0xDE45E));
        // The last layer begins by saying nothing.
        if let Some(last) = tower.layers.last_mut() {
            last.weight.values.fill(0.0);
        }
        tower.prepare();
        Self { mean, scale, tower }
    }

    /// Vectors in deviations.
    fn scaled(&self, vectors: &[f32]) -> Vec<f32> {
        let middle = self.mean.iter().zip(&self.scale).cycle();
        vectors.iter().zip(middle).map(|(value, (mean, scale))| (value - mean) * scale).collect()
    }

    /// The outputs for vectors, `rows x outputs`.
    pub fn logits(&self, vectors: &[f32], work: &mut TowerWork) -> Vec<f32> {
        let rows = vectors.len() / self.mean.len().max(1);
        if rows == 0 {
            return Vec::new();
        }
        self.tower.forward(rows, &self.scaled(vectors), work).to_vec()
    }

    /// For vectors with the class of each: the slope of the loss at each number of each, `weight` for a row's loss; the sum of the losses;
    /// and the head's own gradients.
    pub fn slopes(&self, vectors: &[f32], classes: &[u32], weight: f32) -> (Vec<f32>, (f64, Gradients)) {
        let (input, rows) = (self.scaled(vectors), classes.len());
        let mut work = TowerWork::default();
        let mut slopes = self.tower.forward(rows, &input, &mut work).to_vec();
        let outputs = slopes.len() / rows.max(1);
        let mut loss = 0.0;
        for (class, slopes) in classes.iter().zip(slopes.chunks_exact_mut(outputs.max(1))) {
            loss += f64::from(slope(slopes, *class as usize));
            slopes.iter_mut().for_each(|slope| *slope *= weight);
        }
        let (mut gradients, mut at_input) = (Gradients::default(), Vec::new());
        gradients.clear(&self.tower);
        self.tower.backward(rows, &input, &slopes, &mut work, (&mut gradients, &mut at_input));
        at_input.iter_mut().zip(self.scale.iter().cycle()).for_each(|(slope, scale)| *slope *= scale);
        (at_input, (loss, gradients))
    }

    /// One step along gradients.
    pub fn step(&mut self, gradients: &Gradients, step: &Step) {
        self.tower.step(gradients, step, DECAY);
    }

    /// Goes once over all rows; gives their mean loss as it was when each was seen.
    pub fn epoch(
        &mut self,
        lesson: &mut DenseLesson,
        epoch: usize,
        stop: &mut dyn FnMut() -> Result<()>,
    ) -> Result<f64> {
        let width = lesson.width.max(1);
        // Steps shrink from epoch to epoch.
        let rate = RATE / (1.0 + epoch as f32 / SLOWER);
        let (mut input, mut input_slope, mut loss) = (Vec::new(), Vec::new(), 0.0);
        lesson.random.shuffle(&mut lesson.order);
        for (at, batch) in lesson.order.chunks(BATCH_ROWS).enumerate() {
            if at.is_multiple_of(16) {
                stop()?;
            }
            input.clear();
            for row in batch {
                let values = lesson.rows.get(row * width..(row + 1) * width).unwrap_or_default();
                input.extend(values.iter().map(|value| {
                    if lesson.random.uniform() < DROPPED { 0.0 } else { value * (1.0 / (1.0 - DROPPED)) as f32 }
                }));
            }
            let mut slopes = self.tower.forward(batch.len(), &input, &mut lesson.work).to_vec();
            let outputs = slopes.len() / batch.len().max(1);
            for (row, slopes) in batch.iter().zip(slopes.chunks_exact_mut(outputs.max(1))) {
                loss += f64::from(slope(slopes, lesson.classes.get(*row).copied().unwrap_or_default() as usize));
                slopes.iter_mut().for_each(|slope| *slope /= batch.len() as f32);
            }
            lesson.gradients.clear(&self.tower);
            self.tower.backward(
                batch.len(),
                &input,
                &slopes,
                &mut lesson.work,
                (&mut lesson.gradients, &mut input_slope),
            );
            lesson.steps = lesson.steps.saturating_add(1);
            self.tower.step(&lesson.gradients, &Step::new(rate, lesson.steps), DECAY);
        }
        Ok(loss / lesson.order.len().max(1) as f64)
    }
}

impl DenseLesson {
    /// Of vectors with the class of each.
    pub fn new(head: &DenseHead, vectors: &[f32], classes: Vec<u32>, seed: u64) -> Self {
        Self {
            width: head.mean.len(),
            rows: head.scaled(vectors),
            order: (0..classes.len()).collect(),
            classes,
            random: Random::new(seed ^ 0xD405),
            steps: 0,
            work: TowerWork::default(),
            gradients: Gradients::default(),
        }
    }
}
