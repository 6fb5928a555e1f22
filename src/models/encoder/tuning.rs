//! Steps of a training that tunes an encoder: batches of texts, cut so that they fit in memory, side by side on the cores.

use rayon::prelude::*;

use super::adapter::{Adapter, AdapterGradients};
use super::trainee::Trainee;
use super::{Encoder, Role};
use crate::Result;
use crate::models::layers::Step;

/// Tokens that are gone forward and back through together, on one core.
const PART_TOKENS: usize = 512;
/// What the gradient of a step is cut to, as a length: a batch of odd texts must not undo what others taught.
const LENGTH_MAX: f32 = 1.0;

/// The share of the steps of a training in which they grow.
const GROWING: f32 = 0.05;

/// What a step, counted from 0, is of the largest: steps grow over the first twentieth, and then shrink to nothing.
pub(in crate::models) fn of_largest(step: usize, steps: usize) -> f32 {
    let part = (step as f32 + 1.0) / steps.max(1) as f32;
    if part < GROWING { part / GROWING } else { ((1.0 - part) / (1.0 - GROWING)).max(0.0) }
}

/// Texts as an encoder reads them.
pub(in crate::models) struct Lesson {
    texts: Vec<Vec<u32>>,
}

/// An encoder's adapter while it learns.
pub(in crate::models) struct Tuner<'a> {
    trainee: Trainee<'a>,
    pub adapter: Adapter,
    steps: u32,
}

/// What a loss says of some embeddings (`texts x hidden`), given with the places of their texts in the batch: the slope at each number, and
/// whatever else the caller gathers.
pub(in crate::models) type Judge<'a, T> = &'a (dyn Fn(&[usize], &[f32]) -> (Vec<f32>, T) + Sync);

impl Lesson {
    /// Of texts, cut as [`Encoder::encode`] cuts them.
    pub fn new(encoder: &Encoder, texts: &[&str], role: Role) -> Result<Self> {
        let texts = texts.par_iter().map(|text| encoder.tokens.of(role, text)).collect::<Result<_>>()?;
        Ok(Self { texts })
    }

    /// Texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    fn text(&self, place: usize) -> &[u32] {
        self.texts.get(place).map(Vec::as_slice).unwrap_or_default()
    }
}

impl<'a> Tuner<'a> {
    /// Of an encoder and an adapter that begins.
    pub fn new(encoder: &'a Encoder, mut adapter: Adapter) -> Self {
        adapter.prepare();
        Self { trainee: Trainee::new(&encoder.network, &adapter), adapter, steps: 0 }
    }

    /// The embeddings of the texts at these places of a lesson, by what is learnt so far.
    pub fn embeddings(&self, lesson: &Lesson, places: &[usize]) -> Result<Vec<f32>> {
        let parts = parts(lesson, places);
        let computed: Vec<Vec<f32>> = parts
            .par_iter()
            .map(|part| {
                let texts: Vec<&[u32]> =
                    part.iter().filter_map(|at| places.get(*at)).map(|at| lesson.text(*at)).collect();
                Ok(self.trainee.forward(&self.adapter, &texts)?.embeddings)
            })
            .collect::<Result<_>>()?;
        let width =
            computed.first().zip(parts.first()).map_or(0, |(computed, part)| computed.len() / part.len().max(1));
        let mut all = vec![0.0; places.len() * width];
        for (part, computed) in parts.iter().zip(computed) {
            for (at, embedding) in part.iter().zip(computed.chunks_exact(width.max(1))) {
                if let Some(to) = all.get_mut(at * width..(at + 1) * width) {
                    to.copy_from_slice(embedding);
                }
            }
        }
        Ok(all)
    }

    /// One step of Adam along the slopes that `judge` gives for the texts at these places of a lesson; gives what it gathered. The same
    /// places give the same step, however many cores there are.
    pub fn step<T: Send>(
        &mut self,
        lesson: &Lesson,
        places: &[usize],
        (rate, decay): (f32, f32),
        judge: Judge<'_, T>,
    ) -> Result<Vec<T>> {
        let done: Vec<(AdapterGradients, T)> = parts(lesson, places)
            .par_iter()
            .map(|part| {
                let texts: Vec<&[u32]> =
                    part.iter().filter_map(|at| places.get(*at)).map(|at| lesson.text(*at)).collect();
                let tape = self.trainee.forward(&self.adapter, &texts)?;
                let (slopes, gathered) = judge(part, &tape.embeddings);
                let mut gradients = self.adapter.gradients();
                self.trainee.backward(&self.adapter, &tape, &slopes, &mut gradients);
                Ok((gradients, gathered))
            })
            .collect::<Result<_>>()?;
        let mut sum = self.adapter.gradients();
        let mut gathered = Vec::with_capacity(done.len());
        for (gradients, more) in done {
            for (sum, more) in sum.iter_mut().zip(&gradients) {
                sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            gathered.push(more);
        }
        let length = sum.iter().flatten().map(|slope| f64::from(*slope).powi(2)).sum::<f64>().sqrt() as f32;
        if length > LENGTH_MAX {
            sum.iter_mut().flatten().for_each(|slope| *slope *= LENGTH_MAX / length);
        }
        self.steps = self.steps.saturating_add(1);
        self.adapter.step(&sum, &Step::new(rate, self.steps), decay);
        Ok(gathered)
    }
}

/// The places of a batch in parts of few tokens, texts of like length together.
fn parts(lesson: &Lesson, places: &[usize]) -> Vec<Vec<usize>> {
    let length = |at: usize| places.get(at).map_or(0, |place| lesson.text(*place).len());
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(length(*at)));
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut held = 0;
    for at in order {
        if parts.is_empty() || held + length(at) > PART_TOKENS {
            parts.push(Vec::new());
            held = 0;
        }
        held += length(at);
        if let Some(part) = parts.last_mut() {
            part.push(at);
        }
    }
    parts
}
