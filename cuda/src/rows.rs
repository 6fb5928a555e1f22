//! Encoded rows on the device.

use std::sync::atomic::{AtomicU64, Ordering};

use cudarc::driver::DeviceRepr;

use crate::abi;
use crate::gpu::{Buffer, Device, Fault, Result, address, hold};

/// Rows as the kernels see them; `Rows` of click.cu.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RowsAt {
    ids: u64,
    dense: u64,
    bag_starts: u64,
    bag_ids: u64,
    labels: u64,
    rows: u64,
}

// SAFETY: plain numbers, laid out as C does.
unsafe impl DeviceRepr for RowsAt {}

/// Rows of one encoding, and their labels if they have some.
pub struct Rows {
    /// Tells these rows from all others, so that a recorded step is never replayed on rows that took their place.
    pub number: u64,
    pub rows: usize,
    pub plain: u32,
    pub dense_width: u32,
    pub bags: u32,
    pub has_labels: bool,
    pub device: Device,
    ids: Buffer<u32>,
    dense: Buffer<f32>,
    bag_starts: Buffer<u64>,
    bag_ids: Buffer<u32>,
    labels: Buffer<u8>,
}

/// A slot with several entries a row.
pub struct Bag<'a> {
    pub starts: &'a [u32],
    pub ids: &'a [u32],
}

impl Rows {
    /// Puts rows on the device.
    pub fn new(
        device: &Device,
        (rows, plain, dense_width): (usize, u32, u32),
        ids: &[u32],
        dense: &[f32],
        bags: &[Bag],
        labels: Option<&[u8]>,
    ) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        if rows > u32::MAX as usize {
            return Err(Fault::refused(format!("{rows} rows at once")));
        }
        let (mut starts, mut entries) = (Vec::with_capacity(bags.len() * (rows + 1)), Vec::new());
        for bag in bags {
            let rises = bag.starts.windows(2).all(|pair| pair[0] <= pair[1]);
            let ends = bag.starts.last().is_some_and(|end| *end as usize <= bag.ids.len());
            if bag.starts.len() != rows + 1 || !rises || !ends {
                return Err(Fault::refused("a slot's entries do not fit its rows"));
            }
            let shift = entries.len() as u64;
            starts.extend(bag.starts.iter().map(|start| shift + u64::from(*start)));
            entries.extend_from_slice(bag.ids);
        }
        let gpu = hold(device)?;
        let made = Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            rows,
            plain,
            dense_width,
            bags: bags.len() as u32,
            has_labels: labels.is_some(),
            device: device.clone(),
            ids: gpu.upload(ids)?,
            dense: gpu.upload(dense)?,
            bag_starts: gpu.upload(&starts)?,
            bag_ids: gpu.upload(&entries)?,
            labels: gpu.upload(labels.unwrap_or_default())?,
        };
        // The slices belong to the caller and to this function: copied before it returns.
        gpu.finish()?;
        drop(gpu);
        Ok(made)
    }

    /// Where everything lies; only valid while the rows live.
    pub fn at(&self) -> RowsAt {
        RowsAt {
            ids: address(&self.ids),
            dense: address(&self.dense),
            bag_starts: address(&self.bag_starts),
            bag_ids: address(&self.bag_ids),
            labels: address(&self.labels),
            rows: self.rows as u64,
        }
    }
}

/// The rows that the interface's `rows` speaks of.
///
/// # Safety
/// Its pointers are of slices as long as it says.
pub unsafe fn from_abi(device: &Device, rows: &abi::ClickRows) -> Result<Rows> {
    use crate::slice;
    let places = |width: u32| {
        rows.rows.checked_mul(width as usize).ok_or_else(|| Fault::refused("more places than there can be"))
    };
    // SAFETY: promised by the caller.
    unsafe {
        let bags = slice(rows.bags, rows.bags_count);
        // An encoding without rows may lack even the first start.
        let starts = |bag: &abi::Bag| slice(bag.starts, rows.rows + 1);
        let bags: Vec<Bag> =
            bags.iter().map(|bag| Bag { starts: starts(bag), ids: slice(bag.ids, bag.count) }).collect();
        let labels = (!rows.labels.is_null()).then(|| slice(rows.labels, rows.rows));
        let (ids, dense) = (slice(rows.ids, places(rows.plain)?), slice(rows.dense, places(rows.dense_width)?));
        Rows::new(device, (rows.rows, rows.plain, rows.dense_width), ids, dense, &bags, labels)
    }
}
