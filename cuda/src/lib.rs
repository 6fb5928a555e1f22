//! Steward's models on a CUDA device: the other side of `src/models/device/abi.rs`.
//!
//! The program opens this library when its setting asks for a device, and goes on without it when it is not there. It links
//! neither driver nor cuBLAS: both are opened when a device is. No panic leaves it: each becomes a status.
//!
//! `gpu` is the device, `encoder` the text encoder, `rows` and `click` the click models; the kernels are in `kernels/`.

#[path = "../../src/models/device/abi.rs"]
#[allow(dead_code)]
mod abi;
mod click;
mod encoder;
mod gpu;
mod rows;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use abi::{ClickRows, ClickShape, EncoderShape, Epoch, Facts, Handle, Message, Numbers, Plugin, Room};
use click::Click;
use encoder::Encoder;
use gpu::{Device, Fault, Gpu, Result, hold};
use rows::Rows;

static PLUGIN: Plugin = Plugin {
    version: abi::VERSION,
    open,
    describe,
    device_free,
    encoder_new,
    encoder_run,
    encoder_free,
    rows_new,
    rows_free,
    click_new,
    click_prepare,
    click_epoch,
    click_logits,
    click_read,
    click_free,
};

/// The plugin; the only symbol.
#[unsafe(no_mangle)]
pub extern "C" fn steward_cuda_plugin() -> *const Plugin {
    &raw const PLUGIN
}

/// Runs `work`; gives its status, and its words into `message`.
///
/// # Safety
/// `message` is null or points to a message that nobody else uses.
unsafe fn answer(message: *mut Message, work: impl FnOnce() -> Result<()>) -> u32 {
    let fault = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return abi::DONE,
        Ok(Err(fault)) => fault,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            Fault::new(abi::FAILED, format!("the plugin stopped: {}", words.unwrap_or_default()))
        }
    };
    // SAFETY: promised by the caller.
    if let Some(message) = unsafe { message.as_mut() } {
        let end = fault.message.floor_char_boundary(message.text.len());
        message.text[..end].copy_from_slice(&fault.message.as_bytes()[..end]);
        message.count = end;
    }
    fault.status
}

/// A slice of the interface; empty where there is nothing, whatever the pointer.
///
/// # Safety
/// `start` points to `count` values, or `count` is 0.
unsafe fn slice<'a, T>(start: *const T, count: usize) -> &'a [T] {
    if count == 0 || start.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(start, count) }
}

/// As [`slice`], for each of several.
///
/// # Safety
/// As for [`slice`], for the blocks and the numbers of each.
unsafe fn numbers_of<'a>(blocks: *const Numbers, count: usize) -> Vec<&'a [f32]> {
    // SAFETY: promised by the caller.
    unsafe { slice(blocks, count).iter().map(|block| slice(block.start, block.count)).collect() }
}

/// As [`slice`], to be written.
///
/// # Safety
/// As for [`slice`], and nobody else uses the values.
unsafe fn room<'a>(room: &Room) -> &'a mut [f32] {
    if room.count == 0 || room.start.is_null() {
        return &mut [];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(room.start, room.count) }
}

/// What a handle points to.
///
/// # Safety
/// The handle came from this library as one of a `T`, and was not freed.
unsafe fn must_have<'a, T>(handle: Handle) -> Result<&'a T> {
    // SAFETY: promised by the caller.
    unsafe { handle.cast::<T>().as_ref() }.ok_or_else(|| Fault::refused("a handle is null"))
}

/// Gives `value` out as a handle.
///
/// # Safety
/// `to` points to room for one.
unsafe fn give<T>(to: *mut Handle, value: T) {
    // SAFETY: promised by the caller.
    unsafe { to.write(Box::into_raw(Box::new(value)).cast()) }
}

/// Frees what [`give`] gave out; null is nothing.
///
/// # Safety
/// As for [`must_have`].
unsafe fn free<T>(handle: Handle) {
    if !handle.is_null() {
        // SAFETY: promised by the caller. What dropping might say, nobody could hear.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(handle.cast::<T>()) })));
    }
}

unsafe extern "C" fn open(ordinal: u32, device: *mut Handle, message: *mut Message) -> u32 {
    // SAFETY: the interface promises the pointers, here and below.
    unsafe {
        answer(message, || {
            let opened: Device = Arc::new(Mutex::new(Gpu::open(ordinal)?));
            give(device, opened);
            Ok(())
        })
    }
}

unsafe extern "C" fn describe(device: Handle, facts: *mut Facts, message: *mut Message) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let gpu = hold(must_have::<Device>(device)?)?;
            let (free, total) = gpu.context.mem_get_info()?;
            let (major, minor) = gpu.context.compute_capability()?;
            let name = gpu.context.name()?;
            let mut told = Facts {
                name: [0; 128],
                name_bytes: name.floor_char_boundary(128),
                memory_bytes: total as u64,
                free_bytes: free as u64,
                capability: (10 * major + minor) as u32,
            };
            told.name[..told.name_bytes].copy_from_slice(&name.as_bytes()[..told.name_bytes]);
            facts.write(told);
            Ok(())
        })
    }
}

unsafe extern "C" fn device_free(device: Handle) {
    // SAFETY: as above.
    unsafe { free::<Device>(device) }
}

unsafe extern "C" fn encoder_new(
    device: Handle,
    shape: *const EncoderShape,
    words: *const u8,
    words_bytes: usize,
    blocks: *const Numbers,
    blocks_count: usize,
    encoder: *mut Handle,
    message: *mut Message,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let blocks = numbers_of(blocks, blocks_count);
            let shape = shape.as_ref().ok_or_else(|| Fault::refused("an encoder without a shape"))?;
            give(encoder, Encoder::new(must_have(device)?, *shape, slice(words, words_bytes), &blocks)?);
            Ok(())
        })
    }
}

unsafe extern "C" fn encoder_run(
    encoder: Handle,
    tokens: *const u32,
    starts: *const u32,
    texts: usize,
    out: *mut f32,
    message: *mut Message,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let encoder = must_have::<Encoder>(encoder)?;
            let starts = slice(starts, texts + 1);
            let tokens = slice(tokens, starts.last().map_or(0, |end| *end as usize));
            encoder.run(tokens, starts, room(&Room { start: out, count: texts * encoder.hidden() }))
        })
    }
}

unsafe extern "C" fn encoder_free(encoder: Handle) {
    // SAFETY: as above.
    unsafe { free::<Encoder>(encoder) }
}

unsafe extern "C" fn rows_new(device: Handle, rows: *const ClickRows, out: *mut Handle, message: *mut Message) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let rows = rows.as_ref().ok_or_else(|| Fault::refused("no rows"))?;
            give(out, rows::from_abi(must_have(device)?, rows)?);
            Ok(())
        })
    }
}

unsafe extern "C" fn rows_free(rows: Handle) {
    // SAFETY: as above.
    unsafe { free::<Rows>(rows) }
}

unsafe extern "C" fn click_new(
    device: Handle,
    shape: *const ClickShape,
    blocks: *const Numbers,
    blocks_count: usize,
    click: *mut Handle,
    message: *mut Message,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let blocks = numbers_of(blocks, blocks_count);
            let shape = shape.as_ref().ok_or_else(|| Fault::refused("a click model without a shape"))?;
            let sides = (slice(shape.user, shape.user_count), slice(shape.item, shape.item_count));
            give(click, Click::new(must_have(device)?, shape, sides, &blocks)?);
            Ok(())
        })
    }
}

unsafe extern "C" fn click_prepare(click: Handle, penalties: Numbers, message: *mut Message) -> u32 {
    // SAFETY: as above.
    unsafe { answer(message, || must_have::<Click>(click)?.prepare(slice(penalties.start, penalties.count))) }
}

unsafe extern "C" fn click_epoch(
    click: Handle,
    rows: Handle,
    epoch: *const Epoch,
    loss: *mut f64,
    message: *mut Message,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let epoch = epoch.as_ref().ok_or_else(|| Fault::refused("no epoch"))?;
            let order = slice(epoch.order, epoch.order_count);
            let scales = slice(epoch.scales, epoch.scales_count);
            loss.write(must_have::<Click>(click)?.epoch(must_have::<Rows>(rows)?, epoch, order, scales)?);
            Ok(())
        })
    }
}

unsafe extern "C" fn click_logits(click: Handle, rows: Handle, out: Room, message: *mut Message) -> u32 {
    // SAFETY: as above.
    unsafe { answer(message, || must_have::<Click>(click)?.logits(must_have::<Rows>(rows)?, room(&out))) }
}

unsafe extern "C" fn click_read(click: Handle, blocks: *const Room, blocks_count: usize, message: *mut Message) -> u32 {
    // SAFETY: as above.
    unsafe {
        answer(message, || {
            let mut blocks: Vec<&mut [f32]> = slice(blocks, blocks_count).iter().map(|block| room(block)).collect();
            must_have::<Click>(click)?.read(&mut blocks)
        })
    }
}

unsafe extern "C" fn click_free(click: Handle) {
    // SAFETY: as above.
    unsafe { free::<Click>(click) }
}
