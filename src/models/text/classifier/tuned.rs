//! Tuning of the encoder for the classes: an adapter and a linear head over the vectors learn together.
//!
//! The head begins as what it learnt over the vectors of the encoder as it is (linear probing, then tuning: Kumar et al., 2022), so that its
//! first gradients do not throw the encoder about. Steps of Adam grow over the first twentieth and then shrink to nothing. Of the epochs that is
//! kept whose log-loss on rows held out is least.

use std::time::{Duration, Instant};

use super::blend::{Blend, into_probabilities};
use super::dense::DenseHead;
use super::training::{BETTER, Fitted, Part, Steps, judged, log_rows, log_vectors};
use crate::error::Result;
use crate::models::encoder::{Adapter, Encoder, Lesson, Role, Tuner, of_largest};
use crate::models::layers::{Gradients, Step};
use crate::models::random::Random;
use crate::models::text::OwnEncoder;

/// Epochs unless the options say otherwise.
const EPOCHS: usize = 3;
/// How often is told how far an epoch is.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// Texts of a step.
const BATCH_TEXTS: usize = 32;
/// The largest steps of the adapter and of the head.
const RATE: f32 = 5e-4;
const HEAD_RATE: f32 = 1e-3;
/// Weight of the penalty of the adapter's numbers beside the mean loss.
const DECAY: f32 = 0.0;
/// Texts whose vectors are computed together where nothing is learnt.
const TEXTS: usize = 256;

/// Texts with their classes.
pub(super) struct Labelled<'a> {
    pub lesson: &'a Lesson,
    pub classes: &'a [u32],
}

/// An adapter that learns with its head.
pub(super) struct Tuning<'a> {
    tuner: Tuner<'a>,
    head: DenseHead,
    random: Random,
    order: Vec<usize>,
    step: u32,
    steps: usize,
}

impl<'a> Tuning<'a> {
    /// Begins with a head that has learnt over the encoder's own vectors, for `epochs` epochs over `texts` texts.
    pub fn new(
        encoder: &'a Encoder,
        adapter: Adapter,
        mut head: DenseHead,
        (texts, epochs): (usize, usize),
        seed: u64,
    ) -> Self {
        head.tower.prepare();
        Self {
            tuner: Tuner::new(encoder, adapter),
            head,
            random: Random::new(seed ^ 0x7E4E),
            order: (0..texts).collect(),
            step: 0,
            steps: texts.div_ceil(BATCH_TEXTS) * epochs,
        }
    }

    /// What is learnt so far.
    pub fn state(&self) -> (Adapter, DenseHead) {
        (self.tuner.adapter.clone(), self.head.clone())
    }

    /// Goes once over all texts; gives their mean loss as it was when each was seen. `told` hears after each step how many texts are done.
    pub fn epoch(&mut self, labelled: &Labelled<'_>, told: &mut dyn FnMut(usize) -> Result<()>) -> Result<f64> {
        let mut order = std::mem::take(&mut self.order);
        self.random.shuffle(&mut order);
        let (mut loss, mut done) = (0.0, 0);
        for batch in order.chunks(BATCH_TEXTS) {
            let factor = of_largest(self.step as usize, self.steps);
            let (head, weight) = (&self.head, 1.0 / batch.len() as f32);
            let class =
                |at: &usize| batch.get(*at).and_then(|row| labelled.classes.get(*row)).copied().unwrap_or_default();
            let judge = |part: &[usize], vectors: &[f32]| {
                let classes: Vec<u32> = part.iter().map(class).collect();
                head.slopes(vectors, &classes, weight)
            };
            let gathered = self.tuner.step(labelled.lesson, batch, (RATE * factor, DECAY), &judge)?;
            let mut sum: Option<Gradients> = None;
            for (part_loss, gradients) in gathered {
                loss += part_loss;
                match &mut sum {
                    Some(sum) => sum.add(&gradients),
                    None => sum = Some(gradients),
                }
            }
            self.step += 1;
            if let Some(sum) = sum {
                self.head.step(&sum, &Step::new(HEAD_RATE * factor, self.step));
            }
            done += batch.len();
            told(done)?;
        }
        self.order = order;
        Ok(loss / self.order.len().max(1) as f64)
    }

    /// The vectors of texts as they are now.
    pub fn vectors(&self, lesson: &Lesson, stop: &mut dyn FnMut() -> Result<()>) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        let places: Vec<usize> = (0..lesson.len()).collect();
        for places in places.chunks(TEXTS) {
            stop()?;
            all.extend(self.tuner.embeddings(lesson, places)?);
        }
        Ok(all)
    }

    /// The head as it is now.
    pub fn head(&self) -> &DenseHead {
        &self.head
    }
}

impl Steps<'_, '_, '_> {
    /// An adapter with its head, and the epochs of that, where both together with the words predict the rows held out better than `fitted`
    /// does, or where no rows are held out; told either way.
    pub(super) fn tuned(
        &mut self,
        own: &OwnEncoder,
        (train, validation): (&Part, &Part),
        fitted: &Fitted,
        classes: usize,
    ) -> Result<Option<(Adapter, DenseHead, usize)>> {
        let encoder = own.base()?;
        let options = self.options;
        let layers = options.adapter_layers.unwrap_or(usize::MAX).min(encoder.layers());
        let adapter = encoder.adapter(options.adapter_rank, layers, options.seed);
        let epochs = options.adapter_epochs.unwrap_or(EPOCHS);
        let most = self.most(validation);
        let (before, again) = (self.epochs, self.again);
        self.again += 1;
        let judge = Some(validation).filter(|part| part.rows.len() > 0);
        let (head, _) = self.vectors_for(train, judge, (classes, &[]), most)?;
        (self.epochs, self.again) = (before, again);
        (self.watch.told)(&format!(
            "tuning the encoder: {} numbers in {layers} layers, {} texts, at most {epochs} epochs",
            adapter.parameters(),
            train.texts.len()
        ))?;
        let of =
            |part: &Part| Lesson::new(encoder, &part.texts.iter().map(String::as_str).collect::<Vec<_>>(), Role::Query);
        let (lesson, held_out) = (of(train)?, of(validation)?);
        let labels = train.read_classes();
        let labelled = Labelled { lesson: &lesson, classes: &labels };
        let mut tuning = Tuning::new(encoder, adapter, head, (lesson.len(), epochs), options.seed);
        let words = log_rows(&fitted.sparse, &validation.rows);
        let mut best: Option<(f64, usize, Adapter, DenseHead)> = None;
        let started = Instant::now();
        for epoch in 1..=epochs {
            let mut told = Instant::now();
            let watch = &mut *self.watch;
            let loss = tuning.epoch(&labelled, &mut |done| {
                watch.check()?;
                if told.elapsed() > TOLD_EVERY {
                    told = Instant::now();
                    let rate = ((epoch - 1) * lesson.len() + done) as f64 / started.elapsed().as_secs_f64().max(1e-3);
                    let of = lesson.len();
                    (watch.told)(&format!(
                        "tuning epoch {epoch} of {epochs}: {done} of {of} texts, {rate:.0} a second"
                    ))?;
                }
                Ok(())
            })?;
            if judge.is_none() {
                self.watch.tell(before + epoch, before + epochs, ("log-loss", loss), Vec::new())?;
                let (adapter, head) = tuning.state();
                best = Some((f64::NEG_INFINITY, epoch, adapter, head));
                continue;
            }
            let vectors = tuning.vectors(&held_out, &mut || self.watch.check())?;
            let second = log_vectors(tuning.head(), &vectors, classes);
            let blend = Blend::best(&words, &second, &validation.classes);
            let mut said = words.clone();
            for (row, second) in said.iter_mut().zip(&second) {
                blend.apply(row, second);
                into_probabilities(row);
                row.iter_mut().for_each(|share| *share = share.max(1e-7).ln());
            }
            let measured = judged(&said, &validation.classes);
            self.watch.tell(before + epoch, before + epochs, ("log-loss", loss), measured.to_vec())?;
            let [(_, held), _] = measured;
            if best.as_ref().is_none_or(|(least, ..)| held < least * (1.0 - BETTER)) {
                let (adapter, head) = tuning.state();
                best = Some((held, epoch, adapter, head));
            } else if best.as_ref().is_some_and(|(_, at, ..)| epoch >= at + 2) {
                break;
            }
        }
        self.epochs = before + epochs;
        let Some((after, epoch, mut adapter, mut head)) = best else { return Ok(None) };
        if let Some(before) = fitted.loss {
            let told = format!("held-out log-loss {after:.5} tuned, {before:.5} as it was");
            if after >= before * (1.0 - BETTER) {
                (self.watch.told)(&format!("the encoder stays as it was: tuning it does not help ({told})"))?;
                return Ok(None);
            }
            (self.watch.told)(&format!("the encoder is tuned by epoch {epoch} ({told})"))?;
        }
        adapter.finish();
        head.tower.finish();
        Ok(Some((adapter, head, epoch)))
    }
}
