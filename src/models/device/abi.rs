//! The plain C interface between the program and its CUDA plugin, which both compile from this file.
//!
//! The plugin exports one symbol, [`ENTRY`], a function that gives a [`Plugin`]: a version and the functions. The program
//! looks at nothing behind the version unless it is its own. Every function gives a status; when that is not [`DONE`], the
//! message says why and nothing was made. Slices are borrowed for the call only. Handles are freed by their `_free`, in any
//! order: each keeps what it stands on. A function may be called from any thread; a device does one thing at a time.
//!
//! Numbers of the model and of rows go in and out of this interface and nowhere else: no message holds one.

use std::ffi::{CStr, c_void};

/// Version of everything in this file: any change of it is a new one.
pub const VERSION: u32 = 1;
/// Name of the plugin's only symbol, an [`EntryPoint`].
pub const ENTRY: &CStr = c"steward_cuda_plugin";
/// What [`ENTRY`] is; never null.
pub type EntryPoint = unsafe extern "C" fn() -> *const Plugin;

/// All went well.
pub const DONE: u32 = 0;
/// There is no driver, no such device, or no cuBLAS.
pub const ABSENT: u32 = 1;
/// The device's memory does not suffice.
pub const MEMORY: u32 = 2;
/// The arguments do not fit together, or are beyond what the plugin can do.
pub const REFUSED: u32 = 3;
/// The device or a library failed.
pub const FAILED: u32 = 4;

/// Storage of the encoder's numbers on the device: as on the processor.
pub const F32: u32 = 0;
/// As [`F32`], with products from numbers of ten bits of fraction.
pub const TF32: u32 = 1;
/// Half precision, sums in single.
pub const F16: u32 = 2;
/// Brain floats, sums in single.
pub const BF16: u32 = 3;

/// A handle; what it points to is the plugin's own.
pub type Handle = *mut c_void;

/// Numbers that the other side reads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Numbers {
    /// The first; not read when there are none.
    pub start: *const f32,
    /// How many.
    pub count: usize,
}

/// Numbers that the other side writes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Room {
    /// The first.
    pub start: *mut f32,
    /// How many.
    pub count: usize,
}

/// Room for a message in UTF-8, without a zero at its end.
#[repr(C)]
pub struct Message {
    /// The bytes.
    pub text: [u8; 512],
    /// How many were written.
    pub count: usize,
}

/// What a device is.
#[repr(C)]
pub struct Facts {
    /// Its name in UTF-8.
    pub name: [u8; 128],
    /// Bytes of the name.
    pub name_bytes: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of memory that are free now.
    pub free_bytes: u64,
    /// Compute capability, as 90 for 9.0.
    pub capability: u32,
}

/// The shape of a text encoder.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EncoderShape {
    /// Numbers of a token.
    pub hidden: u32,
    /// Numbers of a token within the feed-forward part.
    pub wide: u32,
    /// Attention heads.
    pub heads: u32,
    /// Layers.
    pub layers: u32,
    /// Rows of the word table, which is Q4_0.
    pub words: u32,
    /// Rows of the position table.
    pub positions: u32,
    /// Of the norms.
    pub epsilon: f32,
    /// [`F32`] and its like.
    pub precision: u32,
}

/// The shape of a click model; see `ctr/plan.rs`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ClickShape {
    /// Rows of the tables.
    pub table_rows: u32,
    /// Slots with one entry a row.
    pub plain: u32,
    /// Slots with several entries, behind them.
    pub bags: u32,
    /// Dense numbers of a row.
    pub dense: u32,
    /// Numbers in an entry's vector.
    pub dim: u32,
    /// Whether each entry and dense number has a weight.
    pub is_linear: u32,
    /// Whether products of vectors count.
    pub is_factorised: u32,
    /// Whether there is a bilinear form between the columns below.
    pub is_bilinear: u32,
    /// Cross layers.
    pub cross_layers: u32,
    /// Layers of the tower, each but the last rectified.
    pub tower_layers: u32,
    /// Outputs of each layer of the tower; the last is 1.
    pub tower: [u32; 8],
    /// Columns of a gathered row on the user's side.
    pub user: *const u32,
    /// How many.
    pub user_count: usize,
    /// Columns on the item's side.
    pub item: *const u32,
    /// How many.
    pub item_count: usize,
}

/// Entries of one slot with several a row.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bag {
    /// Where each row's entries begin; one more than there are rows.
    pub starts: *const u32,
    /// Places in the tables.
    pub ids: *const u32,
    /// How many places.
    pub count: usize,
}

/// Encoded rows; see `features/encoded.rs`.
#[repr(C)]
pub struct ClickRows {
    /// Rows.
    pub rows: usize,
    /// Slots with one entry.
    pub plain: u32,
    /// Dense numbers of a row.
    pub dense_width: u32,
    /// `rows * plain` places in the tables.
    pub ids: *const u32,
    /// `rows * dense_width` numbers.
    pub dense: *const f32,
    /// The other slots.
    pub bags: *const Bag,
    /// How many.
    pub bags_count: usize,
    /// A byte a row, 1 for a click; null where nothing is learnt from the rows.
    pub labels: *const u8,
}

/// The factors of one step of Adam that are the same for all numbers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Scale {
    /// Length of the step.
    pub rate: f32,
    /// What makes up for the mean's start at zero.
    pub mean: f32,
    /// What makes up for the mean square's start at zero.
    pub square: f32,
}

/// One pass over rows in an order.
#[repr(C)]
pub struct Epoch {
    /// The rows in the order in which they are met.
    pub order: *const u32,
    /// How many.
    pub order_count: usize,
    /// Rows of a step.
    pub batch_rows: u32,
    /// Number of the epoch's first step, from 1.
    pub first_step: u32,
    /// One for each step.
    pub scales: *const Scale,
    /// How many steps.
    pub scales_count: usize,
    /// Penalty of the dense numbers.
    pub decay: f32,
}

/// What the plugin can do.
#[repr(C)]
pub struct Plugin {
    /// [`VERSION`] of the plugin.
    pub version: u32,
    /// Opens device number `ordinal`.
    pub open: unsafe extern "C" fn(ordinal: u32, device: *mut Handle, message: *mut Message) -> u32,
    /// Says what a device is.
    pub describe: unsafe extern "C" fn(device: Handle, facts: *mut Facts, message: *mut Message) -> u32,
    /// Lets go of a device.
    pub device_free: unsafe extern "C" fn(device: Handle),
    /// An encoder. `blocks`: positions, norm weight and bias, then for each layer weight and bias of queries-keys-values,
    /// of what follows the attention and of its norm, of the way up, of the way down and of its norm.
    pub encoder_new: unsafe extern "C" fn(
        device: Handle,
        shape: *const EncoderShape,
        words: *const u8,
        words_bytes: usize,
        blocks: *const Numbers,
        blocks_count: usize,
        encoder: *mut Handle,
        message: *mut Message,
    ) -> u32,
    /// The embeddings of `texts` texts into `out`, `hidden` numbers each. `starts` has one more than there are texts.
    pub encoder_run: unsafe extern "C" fn(
        encoder: Handle,
        tokens: *const u32,
        starts: *const u32,
        texts: usize,
        out: *mut f32,
        message: *mut Message,
    ) -> u32,
    /// Lets go of an encoder.
    pub encoder_free: unsafe extern "C" fn(encoder: Handle),
    /// Rows on the device.
    pub rows_new:
        unsafe extern "C" fn(device: Handle, rows: *const ClickRows, out: *mut Handle, message: *mut Message) -> u32,
    /// Lets go of rows.
    pub rows_free: unsafe extern "C" fn(rows: Handle),
    /// A click model from its blocks in the order of the model file: linear, vectors, dense, bias, bilinear, cross_out, weight
    /// and bias of each layer of the tower, weight and bias of each cross layer.
    pub click_new: unsafe extern "C" fn(
        device: Handle,
        shape: *const ClickShape,
        blocks: *const Numbers,
        blocks_count: usize,
        click: *mut Handle,
        message: *mut Message,
    ) -> u32,
    /// Room for training, with the penalty of one occurrence of each row of the tables.
    pub click_prepare: unsafe extern "C" fn(click: Handle, penalties: Numbers, message: *mut Message) -> u32,
    /// One pass of training over labelled rows; gives the sum of the losses, each before its step.
    pub click_epoch: unsafe extern "C" fn(
        click: Handle,
        rows: Handle,
        epoch: *const Epoch,
        loss: *mut f64,
        message: *mut Message,
    ) -> u32,
    /// The logit of each row.
    pub click_logits: unsafe extern "C" fn(click: Handle, rows: Handle, out: Room, message: *mut Message) -> u32,
    /// Writes the blocks out, in the order of `click_new`.
    pub click_read:
        unsafe extern "C" fn(click: Handle, blocks: *const Room, blocks_count: usize, message: *mut Message) -> u32,
    /// Lets go of a click model.
    pub click_free: unsafe extern "C" fn(click: Handle),
}
