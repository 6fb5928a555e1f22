//! Blocks of parameters and their optimiser, Adam (Kingma and Ba, 2015), dense and by touched rows.

use crate::models::device::StepScale;

/// Decay of the mean and of the mean square of gradients.
const BETA: (f32, f32) = (0.9, 0.999);
/// Keeps the step finite where no gradient has been seen.
const EPSILON: f32 = 1e-8;

/// A dense block: every value has a gradient at each step.
#[derive(Debug, Clone, Default)]
pub(in crate::models) struct Block {
    pub values: Vec<f32>,
    pub gradient: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Block {
    pub fn new(values: Vec<f32>) -> Self {
        Self { values, ..Self::default() }
    }

    /// Room for training.
    pub fn prepare(&mut self) {
        let count = self.values.len();
        (self.gradient, self.mean, self.square) = (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
    }

    /// Takes one step with the penalty's gradient `decay * value` added, and clears the gradient.
    pub fn step(&mut self, step: &Step, decay: f32) {
        let values = self.values.iter_mut().zip(&mut self.gradient);
        for ((value, gradient), (mean, square)) in values.zip(self.mean.iter_mut().zip(&mut self.square)) {
            let slope = *gradient + decay * *value;
            *value -= step.adam(slope, mean, square);
            *gradient = 0.0;
        }
    }
}

/// The factors of one step that do not depend on the parameter.
#[derive(Debug, Clone, Copy)]
pub(in crate::models) struct Step {
    rate: f32,
    mean_scale: f32,
    square_scale: f32,
}

impl Step {
    /// Step number `count`, from 1.
    pub fn new(rate: f32, count: u32) -> Self {
        let count = count.min(100_000) as i32;
        Self { rate, mean_scale: 1.0 / (1.0 - BETA.0.powi(count)), square_scale: 1.0 / (1.0 - BETA.1.powi(count)) }
    }

    /// The factors, for a device that steps by itself.
    pub fn scale(&self) -> StepScale {
        StepScale { rate: self.rate, mean: self.mean_scale, square: self.square_scale }
    }

    #[inline(always)]
    fn adam(&self, slope: f32, mean: &mut f32, square: &mut f32) -> f32 {
        *mean = BETA.0 * *mean + (1.0 - BETA.0) * slope;
        *square = BETA.1 * *square + (1.0 - BETA.1) * slope * slope;
        self.rate * *mean * self.mean_scale / ((*square * self.square_scale).sqrt() + EPSILON)
    }
}

/// The penalty of one occurrence of each table row: the row's whole penalty divided by its occurrences in training, so that a
/// whole epoch penalises every row alike (ridge), however rare it is.
pub(in crate::models) fn penalties(l2: f32, counts: &[u32]) -> Vec<f32> {
    counts.iter().map(|count| l2 / (*count).max(1) as f32).collect()
}

/// A table of rows of `width` numbers of which a batch touches few: only those are stepped, so that the cost of a step
/// follows the batch and not the vocabulary.
#[derive(Debug, Clone, Default)]
pub(in crate::models) struct Table {
    pub width: usize,
    pub values: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
    /// See [`penalties`].
    penalty: Vec<f32>,
    touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl Table {
    pub fn new(width: usize, values: Vec<f32>) -> Self {
        Self { width, values, ..Self::default() }
    }

    /// The numbers of a row.
    #[inline(always)]
    pub fn row(&self, id: u32) -> &[f32] {
        let from = id as usize * self.width;
        self.values.get(from..from + self.width).unwrap_or_default()
    }

    /// Room for training with the penalty `l2` and the rows' occurrences.
    pub fn prepare(&mut self, l2: f32, counts: &[u32]) {
        let count = self.values.len();
        (self.gradient, self.mean, self.square) = (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
        self.penalty = penalties(l2, counts);
        self.touched = Vec::new();
        self.is_touched = vec![false; counts.len()];
    }

    /// Adds `scale * slope` and the penalty of one occurrence among `rows` to the gradient of row `id`.
    #[inline(always)]
    pub fn add(&mut self, id: u32, slope: &[f32], scale: f32, rows: f32) {
        let from = id as usize * self.width;
        let (Some(gradient), Some(values), Some(mark), Some(penalty)) = (
            self.gradient.get_mut(from..from + self.width),
            self.values.get(from..from + self.width),
            self.is_touched.get_mut(id as usize),
            self.penalty.get(id as usize),
        ) else {
            return;
        };
        if !*mark {
            *mark = true;
            self.touched.push(id);
        }
        let decay = penalty / rows;
        for ((gradient, slope), value) in gradient.iter_mut().zip(slope).zip(values) {
            *gradient += scale * slope + decay * value;
        }
    }

    /// Steps the touched rows.
    pub fn step(&mut self, step: &Step) {
        for id in self.touched.drain(..) {
            let places = id as usize * self.width..(id as usize + 1) * self.width;
            let (Some(values), Some(gradient), Some(mean), Some(square)) = (
                self.values.get_mut(places.clone()),
                self.gradient.get_mut(places.clone()),
                self.mean.get_mut(places.clone()),
                self.square.get_mut(places),
            ) else {
                continue;
            };
            for ((value, gradient), (mean, square)) in
                values.iter_mut().zip(gradient).zip(mean.iter_mut().zip(square.iter_mut()))
            {
                *value -= step.adam(*gradient, mean, square);
                *gradient = 0.0;
            }
            if let Some(mark) = self.is_touched.get_mut(id as usize) {
                *mark = false;
            }
        }
    }

    /// The table whose rows begin as these rows of this one.
    pub fn taken(&self, from: &[u32]) -> Self {
        Self::new(self.width, from.iter().flat_map(|id| self.row(*id)).copied().collect())
    }

    /// The gradient gathered since the last step.
    #[cfg(test)]
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Drops what only training needs.
    pub fn finish(&mut self) {
        *self = Self::new(self.width, std::mem::take(&mut self.values));
    }
}
