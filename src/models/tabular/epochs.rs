//! The loop over epochs of a network: steps, judgement on the validation rows, slower steps, stopping.

use super::network::{Loss, Network};
use super::options::TabularOptions;
use super::watch::Watch;
use crate::error::Result;
use crate::models::features::Encoded;
use crate::models::layers::Step;
use crate::models::random::Random;

/// Epochs without a better validation loss after which training goes on from the best weights with half the step ...
const PATIENCE: usize = 3;
/// ... at most so often; then it ends.
const HALVINGS_MAX: usize = 3;
/// Share by which a loss must be less to count as better.
const BETTER: f64 = 1e-4;
/// Epochs at most, unless the options say otherwise.
const EPOCHS_MAX: usize = 100;
/// First step of Adam, unless the options say otherwise.
const RATE: f64 = 0.003;
/// Weight of the penalty, unless the options say otherwise.
const L2: f64 = 1.0;

/// Measures of a network, each with its name.
pub(super) type Judge<'a> = &'a dyn Fn(&Network) -> Vec<(&'static str, f64)>;

/// What a training of a network works on.
pub(super) struct Lesson<'a> {
    pub rows: &'a Encoded,
    /// How often each entry occurs in the rows.
    pub counts: &'a [u32],
    pub loss: Loss<'a>,
    /// The loss's name.
    pub name: &'static str,
    /// Measures on held-out rows, the first of which is to become small; `None` without such rows.
    pub judge: Option<Judge<'a>>,
}

/// How a trained network goes on.
pub(super) struct Passes {
    /// Passes over the rows.
    pub epochs: usize,
    /// Size of the steps, as a share of the first ones of a training.
    pub rate: f64,
    /// Rows that it has learnt from then.
    pub of_rows: usize,
    /// Says in which order they come.
    pub seed: u64,
}

/// Goes on from a trained network on new rows.
pub(super) fn step_on(
    mut network: Network,
    lesson: &Lesson<'_>,
    options: &TabularOptions,
    passes: &Passes,
    watch: &mut Watch<'_>,
) -> Result<Network> {
    let rows = lesson.rows.rows;
    let l2 = options.l2_reg.unwrap_or(L2) as f32;
    let decay = l2 / passes.of_rows.max(1) as f32;
    let batch_rows = options.batch_size.unwrap_or_else(|| (rows / 100).clamp(32, 512));
    let rate = (options.learn_rate.unwrap_or(RATE) * passes.rate) as f32;
    network.prepare(l2, lesson.counts);
    let mut random = Random::new(passes.seed);
    let mut order: Vec<usize> = (0..rows).collect();
    let (mut shards, mut steps) = (Vec::new(), 0u32);
    for epoch in 1..=passes.epochs {
        random.shuffle(&mut order);
        let mut loss = 0.0;
        for batch in order.chunks(batch_rows) {
            watch.check()?;
            steps = steps.saturating_add(1);
            loss += network.learn(lesson.rows, batch, lesson.loss, (&Step::new(rate, steps), decay), &mut shards);
        }
        watch.tell(epoch, passes.epochs, (lesson.name, loss / rows.max(1) as f64), Vec::new())?;
    }
    network.finish();
    Ok(network)
}

/// Trains the network; gives the weights of the best epoch, and its number.
pub(super) fn fit(
    mut network: Network,
    lesson: &Lesson<'_>,
    options: &TabularOptions,
    watch: &mut Watch<'_>,
) -> Result<(Network, usize)> {
    let rows = lesson.rows.rows;
    let l2 = options.l2_reg.unwrap_or(L2) as f32;
    let decay = l2 / rows.max(1) as f32;
    let batch_rows = options.batch_size.unwrap_or_else(|| (rows / 100).clamp(32, 512));
    let epochs = options.max_iterations.unwrap_or(EPOCHS_MAX);
    let mut rate = options.learn_rate.unwrap_or(RATE) as f32;
    network.prepare(l2, lesson.counts);
    let mut random = Random::new(options.seed ^ 0x0DE7);
    let mut order: Vec<usize> = (0..rows).collect();
    let (mut shards, mut steps) = (Vec::new(), 0u32);
    let mut best: Option<(f64, usize, Network)> = None;
    let (mut halvings, mut since) = (0, 0);
    for epoch in 1..=epochs {
        random.shuffle(&mut order);
        let mut loss = 0.0;
        for batch in order.chunks(batch_rows) {
            watch.check()?;
            steps = steps.saturating_add(1);
            loss += network.learn(lesson.rows, batch, lesson.loss, (&Step::new(rate, steps), decay), &mut shards);
        }
        let held_out = lesson.judge.map(|judge| judge(&network)).unwrap_or_default();
        let judged = held_out.first().map(|(_, value)| *value);
        watch.tell(epoch, epochs, (lesson.name, loss / rows.max(1) as f64), held_out)?;
        let Some(judged) = judged else { continue };
        if best.as_ref().is_none_or(|(least, ..)| judged < least * (1.0 - BETTER)) {
            best = Some((judged, epoch, network.clone()));
            since = 0;
            continue;
        }
        since += 1;
        if since < PATIENCE {
            continue;
        }
        if halvings == HALVINGS_MAX {
            break;
        }
        halvings += 1;
        since = 0;
        rate /= 2.0;
        if let Some((.., kept)) = &best {
            network = kept.clone();
        }
    }
    let (mut network, epoch) = best.map_or((network, epochs), |(_, epoch, network)| (network, epoch));
    network.finish();
    Ok((network, epoch))
}
