//! Click models and their rows on a device.

use std::sync::Arc;

use super::abi::{self, Bag, ClickShape, Epoch, Handle, Numbers, Room};
use super::opened::checked;
use super::{Device, numbers};
use crate::error::Result;

/// The shape of a click model.
pub(in crate::models) struct ClickPlan<'a> {
    pub table_rows: usize,
    pub plain: usize,
    pub bags: usize,
    pub dense: usize,
    pub dim: usize,
    pub is_linear: bool,
    pub is_factorised: bool,
    pub is_bilinear: bool,
    pub cross_layers: usize,
    /// Outputs of each layer of the tower.
    pub tower: &'a [usize],
    /// Columns of a gathered row on either side.
    pub user: &'a [usize],
    pub item: &'a [usize],
}

/// Entries of one slot with several a row.
pub(in crate::models) struct BagOf<'a> {
    pub starts: &'a [u32],
    pub ids: &'a [u32],
}

/// The factors of a step that are the same for all numbers.
pub(in crate::models) struct StepScale {
    pub rate: f32,
    pub mean: f32,
    pub square: f32,
}

/// Encoded rows on a device.
pub(in crate::models) struct ClickRows {
    device: Arc<Device>,
    handle: Handle,
    count: usize,
}

/// A click model's weights on a device.
pub(in crate::models) struct ClickNetwork {
    device: Arc<Device>,
    handle: Handle,
}

// SAFETY: the plugin lets any thread call, and has a lock for each device.
unsafe impl Send for ClickRows {}
// SAFETY: as above.
unsafe impl Sync for ClickRows {}
// SAFETY: as above.
unsafe impl Send for ClickNetwork {}
// SAFETY: as above.
unsafe impl Sync for ClickNetwork {}

impl ClickRows {
    /// Puts `count` rows on `device`, at least one: their entries and dense numbers, row by row, and their labels if they have
    /// any.
    pub fn new(
        device: &Arc<Device>,
        (count, plain, dense_width): (usize, usize, usize),
        ids: &[u32],
        dense: &[f32],
        bags: &[BagOf],
        labels: Option<&[bool]>,
    ) -> Result<Self> {
        assert!(ids.len() == count * plain && dense.len() == count * dense_width, "rows shorter than their count");
        assert!(bags.iter().all(|bag| bag.starts.len() == count + 1), "bags shorter than the rows");
        assert!(labels.is_none_or(|labels| labels.len() == count), "labels shorter than the rows");
        let labels: Option<Vec<u8>> = labels.map(|labels| labels.iter().map(|label| u8::from(*label)).collect());
        let told = |bag: &BagOf| Bag { starts: bag.starts.as_ptr(), ids: bag.ids.as_ptr(), count: bag.ids.len() };
        let bags: Vec<Bag> = bags.iter().map(told).collect();
        let rows = abi::ClickRows {
            rows: count,
            plain: plain as u32,
            dense_width: dense_width as u32,
            ids: ids.as_ptr(),
            dense: dense.as_ptr(),
            bags: bags.as_ptr(),
            bags_count: bags.len(),
            labels: labels.as_ref().map_or(std::ptr::null(), |labels| labels.as_ptr()),
        };
        let mut handle: Handle = std::ptr::null_mut();
        // SAFETY: slices are as long as asserted above and outlive the call; the device is open.
        checked(|message| unsafe { (device.plugin().rows_new)(device.handle(), &rows, &mut handle, message) })?;
        Ok(Self { device: device.clone(), handle, count })
    }
}

impl ClickNetwork {
    /// Puts a model on `device`: its blocks in the order of the model file.
    pub fn new(device: &Arc<Device>, plan: &ClickPlan, blocks: &[&[f32]]) -> Result<Self> {
        let narrow = |columns: &[usize]| -> Vec<u32> { columns.iter().map(|column| *column as u32).collect() };
        let (user, item) = (narrow(plan.user), narrow(plan.item));
        let mut tower = [0; 8];
        tower.iter_mut().zip(plan.tower).for_each(|(to, outputs)| *to = *outputs as u32);
        let shape = ClickShape {
            table_rows: plan.table_rows as u32,
            plain: plan.plain as u32,
            bags: plan.bags as u32,
            dense: plan.dense as u32,
            dim: plan.dim as u32,
            is_linear: u32::from(plan.is_linear),
            is_factorised: u32::from(plan.is_factorised),
            is_bilinear: u32::from(plan.is_bilinear),
            cross_layers: plan.cross_layers as u32,
            tower_layers: plan.tower.len() as u32,
            tower,
            user: user.as_ptr(),
            user_count: user.len(),
            item: item.as_ptr(),
            item_count: item.len(),
        };
        let blocks: Vec<Numbers> = blocks.iter().map(|block| numbers(block)).collect();
        let mut handle: Handle = std::ptr::null_mut();
        checked(|message| {
            let new = device.plugin().click_new;
            // SAFETY: slices outlive the call; the device is open.
            unsafe { new(device.handle(), &shape, blocks.as_ptr(), blocks.len(), &mut handle, message) }
        })?;
        Ok(Self { device: device.clone(), handle })
    }

    /// Room for training, with the penalty of one occurrence of each row of the tables.
    pub fn prepare(&self, penalties: &[f32]) -> Result<()> {
        // SAFETY: the slice outlives the call.
        checked(|message| unsafe { (self.device.plugin().click_prepare)(self.handle, numbers(penalties), message) })
    }

    /// One pass of training over `rows` in an order, the first of its steps being number `first_step`; gives the sum of the losses,
    /// each before its step.
    pub fn epoch(
        &self,
        rows: &ClickRows,
        order: &[u32],
        batch_rows: usize,
        first_step: u32,
        scales: &[StepScale],
        decay: f32,
    ) -> Result<f64> {
        let told = |scale: &StepScale| abi::Scale { rate: scale.rate, mean: scale.mean, square: scale.square };
        let scales: Vec<abi::Scale> = scales.iter().map(told).collect();
        let epoch = Epoch {
            order: order.as_ptr(),
            order_count: order.len(),
            batch_rows: batch_rows as u32,
            first_step,
            scales: scales.as_ptr(),
            scales_count: scales.len(),
            decay,
        };
        let mut loss = 0.0;
        checked(|message| {
            // SAFETY: slices outlive the call; both handles are open.
            unsafe { (self.device.plugin().click_epoch)(self.handle, rows.handle, &epoch, &mut loss, message) }
        })?;
        Ok(loss)
    }

    /// The logit of each of `rows`.
    pub fn logits(&self, rows: &ClickRows) -> Result<Vec<f32>> {
        let mut out = vec![0.0; rows.count];
        let room = room(&mut out);
        // SAFETY: there is room for each row's logit; both handles are open.
        checked(|message| unsafe { (self.device.plugin().click_logits)(self.handle, rows.handle, room, message) })?;
        Ok(out)
    }

    /// Writes the weights into `blocks`, in the order of [`ClickNetwork::new`].
    pub fn read(&self, blocks: &mut [&mut [f32]]) -> Result<()> {
        let rooms: Vec<Room> = blocks.iter_mut().map(|block| room(block)).collect();
        checked(|message| {
            let read = self.device.plugin().click_read;
            // SAFETY: the rooms are of slices that nobody else uses during the call.
            unsafe { read(self.handle, rooms.as_ptr(), rooms.len(), message) }
        })
    }
}

impl Drop for ClickRows {
    fn drop(&mut self) {
        // SAFETY: the handle came from `rows_new` and is not used again.
        unsafe { (self.device.plugin().rows_free)(self.handle) };
    }
}

impl Drop for ClickNetwork {
    fn drop(&mut self) {
        // SAFETY: the handle came from `click_new` and is not used again.
        unsafe { (self.device.plugin().click_free)(self.handle) };
    }
}

fn room(slice: &mut [f32]) -> Room {
    Room { start: slice.as_mut_ptr(), count: slice.len() }
}
