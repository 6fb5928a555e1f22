//! Click models on a CUDA device: weights and rows put there, trained and asked there, read back.
//!
//! Steps, order and factors are the processor's; what differs is the order of sums within a step, so that weights drift apart in
//! late digits. The device sums in an order of its own that is always the same: same seed and rows, same model.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::network::Network;
use super::plan::CROSS_LAYERS;
use super::training::Rows;
use crate::config;
use crate::error::Result;
use crate::models::device::{self, BagOf, ClickNetwork, ClickPlan, ClickRows, Device, StepScale};
use crate::models::features::Encoded;
use crate::models::layers::{Step, penalties};

/// A training that runs on the device.
pub(super) struct Accelerated {
    network: ClickNetwork,
    train: ClickRows,
    validation: Option<ClickRows>,
    steps: u32,
}

impl Accelerated {
    /// Puts network and rows on the device, if models run on one and there are rows enough; none where the processor has to
    /// train, which the log tells when it is for want of memory.
    pub(super) fn begin(
        network: &Network,
        (train, validation): (&Rows, Option<&Rows>),
        (l2, counts, batch_rows): (f32, &[u32], usize),
    ) -> Option<Self> {
        let device = device::current()
            .filter(|_| is_known(network) && train.labels.len() >= config::CTR_DEVICE_TRAIN_ROWS_MIN)?;
        // The device counts the numbers of a batch in 32 bits.
        u32::try_from(network.plan.row_width().checked_mul(batch_rows)?).ok()?;
        let begun = Self::put(device, network, (train, validation), l2, counts);
        begun.inspect_err(|error| tracing::warn!("a click model is trained by the processor: {}", error.message())).ok()
    }

    fn put(
        device: &Arc<Device>,
        network: &Network,
        (train, validation): (&Rows, Option<&Rows>),
        l2: f32,
        counts: &[u32],
    ) -> Result<Self> {
        let validation = validation.filter(|rows| !rows.labels.is_empty());
        let of_rows = |rows: &Rows| put_rows(device, &rows.encoded, Some(&rows.labels));
        let network = put_network(device, network, train.encoded.bags.len())?;
        network.prepare(&penalties(l2, counts))?;
        Ok(Self { network, train: of_rows(train)?, validation: validation.map(of_rows).transpose()?, steps: 0 })
    }

    /// One pass over the training rows in an order, with a step for each batch; gives the sum of the losses.
    pub(super) fn epoch(
        &mut self,
        order: &[usize],
        batch_rows: usize,
        next: &mut dyn FnMut() -> Step,
        decay: f32,
    ) -> Result<f64> {
        let order: Vec<u32> = order.iter().map(|row| *row as u32).collect();
        let scales: Vec<StepScale> = order.chunks(batch_rows).map(|_| next().scale()).collect();
        let first_step = self.steps + 1;
        self.steps = self.steps.saturating_add(scales.len() as u32);
        self.network.epoch(&self.train, &order, batch_rows, first_step, &scales, decay)
    }

    /// The logits of the validation rows.
    pub(super) fn validate(&self) -> Result<Vec<f32>> {
        self.validation.as_ref().map_or(Ok(Vec::new()), |rows| self.network.logits(rows))
    }

    /// Reads the weights back.
    pub(super) fn read(&self, network: &mut Network) -> Result<()> {
        let mut blocks = network.blocks();
        let mut rooms: Vec<&mut [f32]> = blocks.iter_mut().map(|(_, values)| values.as_mut_slice()).collect();
        self.network.read(&mut rooms)
    }
}

/// A finished network's place on the device. A copy of a network gets a place of its own, as it may be changed.
#[derive(Default)]
pub(super) struct Resident(OnceLock<Option<ClickNetwork>>);

impl Resident {
    /// The logits of `encoded` by the device; none where the processor has to do it: without a device, for few rows, and after a
    /// failure, which the log tells.
    pub(super) fn logits(&self, network: &Network, encoded: &Encoded) -> Option<Vec<f32>> {
        let device =
            device::current().filter(|_| is_known(network) && encoded.rows >= config::CTR_DEVICE_PREDICT_ROWS_MIN)?;
        let told = |error: &crate::error::Error| {
            tracing::warn!("a click model predicts on the processor: {}", error.message());
        };
        let put = || put_network(device, network, encoded.bags.len()).inspect_err(told).ok();
        let placed = self.0.get_or_init(put).as_ref()?;
        put_rows(device, encoded, None).and_then(|rows| placed.logits(&rows)).inspect_err(told).ok()
    }
}

impl Clone for Resident {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resident({})", self.0.get().is_some())
    }
}

/// Whether devices have the network's parts.
fn is_known(network: &Network) -> bool {
    !network.plan.is_matrix_cross() && network.factors.values.is_empty()
}

fn put_rows(device: &Arc<Device>, encoded: &Encoded, labels: Option<&[bool]>) -> Result<ClickRows> {
    let bags: Vec<BagOf> = encoded.bags.iter().map(|bag| BagOf { starts: &bag.starts, ids: &bag.ids }).collect();
    let shape = (encoded.rows, encoded.width, encoded.dense_width);
    ClickRows::new(device, shape, &encoded.ids, &encoded.dense, &bags, labels)
}

fn put_network(device: &Arc<Device>, network: &Network, bags: usize) -> Result<ClickNetwork> {
    let plan = &network.plan;
    let tower = plan.tower();
    let shape = ClickPlan {
        table_rows: plan.table_rows,
        plain: plan.slots - bags,
        bags,
        dense: plan.dense,
        dim: plan.dim,
        is_linear: plan.is_linear(),
        is_factorised: plan.is_factorised(),
        is_bilinear: plan.is_bilinear(),
        cross_layers: if plan.has_cross() { CROSS_LAYERS } else { 0 },
        tower: if plan.has_tower() { &tower } else { &[] },
        user: &plan.user,
        item: &plan.item,
    };
    ClickNetwork::new(device, &shape, &blocks_of(network))
}

/// The weights in the order of [`Network::blocks`].
fn blocks_of(network: &Network) -> Vec<&[f32]> {
    let first = [&network.dense, &network.bias, &network.bilinear, &network.cross_out];
    let tower = network.tower.iter().flat_map(|layer| [&layer.weight, &layer.bias]);
    let cross = network.cross.iter().flat_map(|(weight, bias)| [weight, bias]);
    let dense = first.into_iter().chain(tower).chain(cross).map(|block| block.values.as_slice());
    [network.linear.values.as_slice(), network.vectors.values.as_slice()].into_iter().chain(dense).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ctr::options::Architecture;
    use crate::models::ctr::plan::Plan;
    use crate::models::random::Random;

    #[test]
    fn blocks_go_in_the_order_in_which_they_come_back() {
        for (name, architecture) in Architecture::ALL {
            let dim = if architecture == Architecture::Lr { 0 } else { 3 };
            let plan = Plan {
                architecture,
                table_rows: 16,
                slots: 4,
                dense: 2,
                dim,
                user: vec![0, 1],
                item: vec![2],
                hidden: None,
            };
            let mut network = Network::new(plan, 5);
            let mut random = Random::new(3);
            for (_, values) in network.blocks() {
                values.iter_mut().for_each(|value| *value += random.normal(1.0));
            }
            let there: Vec<Vec<f32>> = blocks_of(&network).iter().map(|block| block.to_vec()).collect();
            let back: Vec<Vec<f32>> = network.blocks().into_iter().map(|(_, values)| values.clone()).collect();
            assert_eq!(there, back, "{name}");
        }
    }
    /// Rows of four slots, the last a bag, with numbers and labels that follow from them.
    fn rows(count: usize) -> Rows {
        let mut random = Random::new(11);
        let mut rows = Rows::default();
        rows.encoded = Encoded { rows: count, width: 3, dense_width: 2, ..Encoded::default() };
        let (mut starts, mut ids) = (vec![0], Vec::new());
        for _ in 0..count {
            let entries: Vec<u32> = (0..3).map(|slot| (slot * 40 + random.below(40)) as u32).collect();
            ids.extend((0..random.below(4)).map(|_| (120 + random.below(40)) as u32));
            starts.push(ids.len() as u32);
            rows.labels.push((entries[0] + entries[1]).is_multiple_of(3) || random.below(5) == 0);
            rows.encoded.ids.extend(entries);
            rows.encoded.dense.extend([random.normal(1.0), random.normal(1.0)]);
        }
        rows.encoded.bags = vec![crate::models::features::Bag { starts, ids }];
        rows
    }

    #[test]
    fn a_device_takes_the_processors_steps() {
        let Some(device) = device::for_tests() else { return };
        let (rows, held) = (rows(1000), rows(300));
        let order: Vec<usize> = (0..1000).rev().collect();
        let (l2, decay, counts) = (4.0, 4.0 / 1000.0, vec![25; 160]);
        for (name, architecture) in Architecture::ALL {
            if architecture == Architecture::DcnV2 {
                continue;
            }
            let dim = if architecture == Architecture::Lr { 0 } else { 3 };
            let (user, item) = ((0..6).chain([12]).collect(), (6..12).chain([13]).collect());
            let plan = Plan { architecture, table_rows: 160, slots: 4, dense: 2, dim, user, item, hidden: None };
            let mut ours = Network::new(plan, 5);
            let begin = || Accelerated::put(&device, &ours, (&rows, Some(&held)), l2, &counts).unwrap();
            let (mut on_device, mut again) = (begin(), begin());
            let near = |one: &[f32], other: &[f32], far: f32| one.iter().zip(other).all(|(a, b)| (a - b).abs() < far);
            let mut theirs = ours.clone();
            ours.prepare(l2, &counts);
            let mut work = Default::default();
            for epoch in 0..2 {
                let mut count = epoch * 16;
                let mut next = || {
                    count += 1;
                    Step::new(0.01, count)
                };
                let mut loss = 0.0;
                for batch in order.chunks(64) {
                    loss += ours.learn(&rows.encoded, &rows.labels, batch, &next(), decay, &mut work);
                }
                for device in [&mut on_device, &mut again] {
                    let mut count = epoch * 16;
                    let mut next = || {
                        count += 1;
                        Step::new(0.01, count)
                    };
                    let their_loss = device.epoch(&order, 64, &mut next, decay).unwrap();
                    assert!((their_loss - loss).abs() < 1e-3 * loss, "{name}: {their_loss} {loss}");
                }
            }
            let logits = on_device.validate().unwrap();
            assert_eq!(logits, again.validate().unwrap(), "{name}: same rows, same model");
            on_device.read(&mut theirs).unwrap();
            let ours = crate::models::ctr::training::forward_all(&ours, &held.encoded);
            assert!(near(&logits, &ours, 1e-3), "{name}");
            let theirs = crate::models::ctr::training::forward_all(&theirs, &held.encoded);
            assert!(near(&logits, &theirs, 1e-5), "{name}");
        }
    }
}
