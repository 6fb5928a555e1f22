//! The loop over epochs: steps, judgement on the validation rows, stopping.

use super::accelerated::Accelerated;
use super::network::{Network, Work};
use super::options::CtrOptions;
use super::plan::Plan;
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
}

/// Trains from the seed for at most `epochs`; with validation rows, stops early and gives back the weights of the best
/// epoch and its number. `progress` may end it with an error.
pub(super) fn fit(
    plan: &Plan,
    counts: &[u32],
    train: &Rows,
    validation: Option<&Rows>,
    options: &CtrOptions,
    epochs: usize,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<(Network, usize)> {
    let rows = train.labels.len();
    let mut network = Network::new(plan.clone(), options.seed);
    network.start_at(metrics::rate(&train.labels));
    let decay = options.l2() / rows.max(1) as f32;
    let batch_rows = options.batch_rows(rows);
    let mut on_device = Accelerated::begin(&network, (train, validation), (options.l2(), counts, batch_rows));
    if on_device.is_none() {
        network.prepare(options.l2(), counts);
    }
    let mut random = Random::new(options.seed ^ 0x0DE7);
    let mut order: Vec<usize> = (0..rows).collect();
    let mut work = Work::default();
    let mut best: Option<(f64, usize, Network)> = None;
    let mut steps = 0u32;
    for epoch in 1..=epochs {
        // The whole schedule is laid out by max_iterations, so that a second training of fewer epochs repeats the first.
        let done = (epoch - 1) as f32 / options.max_iterations.max(1) as f32;
        let rate = options.learn_rate(plan.slots) * (1.0 - 0.9 * done);
        random.shuffle(&mut order);
        let mut loss = 0.0;
        let mut next = || {
            steps = steps.saturating_add(1);
            Step::new(rate, steps)
        };
        match &mut on_device {
            Some(device) => loss = device.epoch(&order, batch_rows, &mut next, decay)?,
            None => {
                for batch in order.chunks(batch_rows) {
                    loss += network.learn(&train.encoded, &train.labels, batch, &next(), decay, &mut work);
                }
            }
        }
        let (mut eval_logloss, mut eval_auc) = (f64::NAN, f64::NAN);
        if let Some(validation) = validation {
            let logits = match &on_device {
                Some(device) => device.validate()?,
                None => forward_all(&network, &validation.encoded),
            };
            let probabilities: Vec<f64> = logits.iter().map(|logit| super::network::probability(*logit)).collect();
            eval_logloss = metrics::logloss(&probabilities, &validation.labels);
            eval_auc = metrics::auc(&logits, &validation.labels);
        }
        let held_out = match validation {
            Some(_) => vec![("log-loss", eval_logloss), ("AUC", eval_auc)],
            None => Vec::new(),
        };
        progress(Progress { epoch, epochs, loss: ("log-loss", loss / rows.max(1) as f64), held_out })?;
        if validation.is_none() {
            continue;
        }
        let better = best.as_ref().is_none_or(|(loss, ..)| eval_logloss < *loss);
        if better {
            if let Some(device) = &on_device {
                device.read(&mut network)?;
            }
            let mut kept = network.clone();
            kept.finish();
            best = Some((eval_logloss, epoch, kept));
        } else if best
            .as_ref()
            .is_some_and(|(loss, at, _)| epoch >= at + PATIENCE && eval_logloss > loss * (1.0 + RISE_MIN))
        {
            break;
        }
    }
    if let Some((_, epoch, network)) = best {
        return Ok((network, epoch));
    }
    if let Some(device) = &on_device {
        device.read(&mut network)?;
    }
    network.finish();
    Ok((network, epochs))
}

/// The logit of every row of a finished network, by the device if models run on one.
pub(super) fn logits(network: &Network, encoded: &Encoded) -> Vec<f32> {
    network.resident.logits(network, encoded).unwrap_or_else(|| forward_all(network, encoded))
}

/// The logit of every row, by the processor.
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
