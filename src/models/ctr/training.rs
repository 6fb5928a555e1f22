//! The loop over epochs: steps, judgement on the validation rows, stopping.

use super::accelerated::Accelerated;
#[cfg(test)]
use super::network::{Network, Work};
use super::options::CtrOptions;
use super::plan::Plan;
use super::streamed::Streamed;
use super::tasks::{Logits, Tasks, TasksWork, losses};
use crate::error::Result;
use crate::models::evaluation::Progress;
use crate::models::features::Encoded;
use crate::models::layers::Step;
use crate::models::metrics;
use crate::models::random::Random;

/// Epochs without a better validation loss after which training may end ...
const PATIENCE: usize = 4;
/// ... if the loss has also risen by this share: then the network has begun to learn rows by heart. Where it stands still
/// instead, the network may yet have to find how two columns meet.
const RISE_MIN: f64 = 0.002;
/// Rows that pass through the network at once where no gradient is wanted.
const FORWARD_ROWS: usize = 512;

/// Encoded rows and their labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub encoded: Encoded,
    pub labels: Vec<bool>,
    /// Whether there was a click and a conversion; `None` where that is not known, empty where it is not learnt.
    pub conversions: Vec<Option<bool>>,
}

impl Rows {
    /// Appends others, which the same spec encoded.
    pub fn append(&mut self, other: &Self) {
        self.encoded.append(&other.encoded);
        self.labels.extend_from_slice(&other.labels);
        self.conversions.extend_from_slice(&other.conversions);
    }

    /// The rate of clicks, and that of conversions among clicks.
    pub fn rates(&self) -> Rates {
        let mut rates = Rates::default();
        rates.see(&self.labels, &self.conversions);
        rates
    }
}

/// How many rows there are of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    pub rows: usize,
    pub clicks: usize,
    /// Clicks of which it is known whether a conversion followed, and those where it did.
    pub judged: usize,
    pub conversions: usize,
}

impl Rates {
    pub fn see(&mut self, labels: &[bool], conversions: &[Option<bool>]) {
        self.rows += labels.len();
        self.clicks += labels.iter().filter(|label| **label).count();
        for (label, both) in labels.iter().zip(conversions) {
            self.judged += usize::from(*label && both.is_some());
            self.conversions += usize::from(*label && *both == Some(true));
        }
    }

    /// The rate of clicks.
    pub fn click(&self) -> f64 {
        self.clicks as f64 / self.rows as f64
    }

    /// The rate of conversions among clicks.
    pub fn conversion(&self) -> f64 {
        self.conversions as f64 / self.judged as f64
    }
}

/// Where the rows of an epoch come from.
pub(super) enum Course<'a> {
    /// From memory, in the order of the last epoch.
    Kept { rows: &'a Rows, order: Vec<usize> },
    /// From the query, each time anew.
    Streamed(Streamed<'a>),
}

impl<'a> Course<'a> {
    pub fn kept(rows: &'a Rows) -> Self {
        Self::Kept { rows, order: (0..rows.labels.len()).collect() }
    }

    fn rates(&self) -> Rates {
        match self {
            Self::Kept { rows, .. } => rows.rates(),
            Self::Streamed(streamed) => streamed.rates,
        }
    }
}

/// Trains from the seed for at most `epochs`; with validation rows, stops early and gives back the weights of the best
/// epoch and its number. `progress` may end it with an error.
pub(super) fn fit(
    plan: &Plan,
    counts: &[u32],
    course: &mut Course<'_>,
    validation: Option<&Rows>,
    options: &CtrOptions,
    epochs: usize,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<(Tasks, usize)> {
    let rates = course.rates();
    let rows = rates.rows;
    let mut tasks = Tasks::new(plan, options.seed, options.conversion_col.is_some());
    tasks.start_at(rates.click(), rates.conversion());
    let decay = options.l2() / rows.max(1) as f32;
    let batch_rows = options.batch_rows(rows);
    let mut on_device = match &*course {
        Course::Kept { rows, .. } if tasks.conversion.is_none() => {
            Accelerated::begin(&tasks.click, (*rows, validation), (options.l2(), counts, batch_rows))
        }
        _ => None,
    };
    if on_device.is_none() {
        tasks.prepare(options.l2(), counts);
    }
    let mut random = Random::new(options.seed ^ 0x0DE7);
    let mut work = TasksWork::default();
    let mut best: Option<(f64, usize, Tasks)> = None;
    let mut steps = 0u32;
    for epoch in 1..=epochs {
        // The whole schedule is laid out by max_iterations, so that a second training of fewer epochs repeats the first.
        let done = (epoch - 1) as f32 / options.max_iterations.max(1) as f32;
        let rate = options.learn_rate(plan.slots) * (1.0 - 0.9 * done);
        let mut loss = 0.0;
        let mut next = || {
            steps = steps.saturating_add(1);
            Step::new(rate, steps)
        };
        match (&mut on_device, &mut *course) {
            (Some(device), Course::Kept { order, .. }) => {
                random.shuffle(order);
                loss = device.epoch(order, batch_rows, &mut next, decay)?;
            }
            (_, Course::Kept { rows, order }) => {
                random.shuffle(order);
                for batch in order.chunks(batch_rows) {
                    loss += tasks.learn(rows, batch, &next(), decay, &mut work);
                }
            }
            (_, Course::Streamed(streamed)) => streamed.epoch(batch_rows, &mut random, &mut |rows, batch| {
                loss += tasks.learn(rows, batch, &next(), decay, &mut work);
            })?,
        }
        let (mut judged, mut held_out) = (f64::NAN, Vec::new());
        if let Some(validation) = validation {
            let logits = match &on_device {
                Some(device) => Logits { click: device.validate()?, conversion: Vec::new() },
                None => forward_tasks(&tasks, &validation.encoded),
            };
            (judged, held_out) = judge(&logits, validation);
        }
        progress(Progress { epoch, epochs, loss: ("log-loss", loss / rows.max(1) as f64), held_out })?;
        if validation.is_none() {
            continue;
        }
        let better = best.as_ref().is_none_or(|(loss, ..)| judged < *loss);
        if better {
            if let Some(device) = &on_device {
                device.read(&mut tasks.click)?;
            }
            let mut kept = tasks.clone();
            kept.finish();
            best = Some((judged, epoch, kept));
        } else if best.as_ref().is_some_and(|(loss, at, _)| epoch >= at + PATIENCE && judged > loss * (1.0 + RISE_MIN))
        {
            break;
        }
    }
    if let Some((_, epoch, tasks)) = best {
        return Ok((tasks, epoch));
    }
    if let Some(device) = &on_device {
        device.read(&mut tasks.click)?;
    }
    tasks.finish();
    Ok((tasks, epochs))
}

/// The loss on validation rows, and what is told of them.
fn judge(logits: &Logits, validation: &Rows) -> (f64, Vec<(&'static str, f64)>) {
    let (all, clicks) = losses(logits, validation);
    let auc = metrics::auc(&logits.click, &validation.labels);
    if validation.conversions.is_empty() {
        return (clicks, vec![("log-loss", clicks), ("AUC", auc)]);
    }
    let of_clicks = validation.labels.iter().zip(&validation.conversions).zip(&logits.conversion);
    let (scores, labels): (Vec<f32>, Vec<bool>) =
        of_clicks.filter(|((label, _), _)| **label).filter_map(|((_, both), logit)| Some((*logit, (*both)?))).unzip();
    let conversion_auc = metrics::auc(&scores, &labels);
    (all, vec![("log-loss", all), ("AUC", auc), ("AUC of conversions after clicks", conversion_auc)])
}

/// The logits of all rows of finished networks, by the device if models run on one.
pub(super) fn logits(tasks: &Tasks, encoded: &Encoded) -> Logits {
    let by_device = match tasks.conversion {
        None => tasks.click.resident.logits(&tasks.click, encoded),
        Some(_) => None,
    };
    match by_device {
        Some(click) => Logits { click, conversion: Vec::new() },
        None => forward_tasks(tasks, encoded),
    }
}

fn forward_tasks(tasks: &Tasks, encoded: &Encoded) -> Logits {
    let mut work = TasksWork::default();
    let mut all = Logits::default();
    let rows: Vec<usize> = (0..encoded.rows).collect();
    rows.chunks(FORWARD_ROWS).for_each(|chunk| tasks.forward(encoded, chunk, &mut work, &mut all));
    all
}

/// The logit of every row, by the processor.
#[cfg(test)]
pub(super) fn forward_all(network: &Network, encoded: &Encoded) -> Vec<f32> {
    let mut work = Work::default();
    let mut all = Vec::with_capacity(encoded.rows);
    let rows: Vec<usize> = (0..encoded.rows).collect();
    for chunk in rows.chunks(FORWARD_ROWS) {
        network.forward(encoded, chunk, &mut work);
        all.extend_from_slice(&work.logits);
    }
    all
}
