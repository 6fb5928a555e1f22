//! A CUDA device that was opened by the plugin.

use std::fmt;

use super::abi::{self, Facts, Handle, Message, Plugin};
use super::library::Library;
use crate::error::{Error, Kind, Result};

/// An open device. What is put on it keeps it open.
pub struct Device {
    plugin: &'static Plugin,
    handle: Handle,
    ordinal: u32,
    name: String,
    memory_bytes: u64,
}

// SAFETY: the plugin lets any thread call, and has a lock for each device.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

impl Device {
    /// Opens device number `ordinal`.
    pub(super) fn open(library: Library, ordinal: u32) -> Result<Self> {
        let plugin = library.plugin();
        let mut handle: Handle = std::ptr::null_mut();
        // SAFETY: the pointers are of variables that outlive the call.
        checked(|message| unsafe { (plugin.open)(ordinal, &mut handle, message) })?;
        let mut device = Self { plugin, handle, ordinal, name: String::new(), memory_bytes: 0 };
        let mut facts = Facts { name: [0; 128], name_bytes: 0, memory_bytes: 0, free_bytes: 0, capability: 0 };
        // SAFETY: as above; the device is open.
        checked(|message| unsafe { (plugin.describe)(handle, &mut facts, message) })?;
        let name = facts.name.get(..facts.name_bytes).unwrap_or_default();
        device.name = String::from_utf8_lossy(name).into_owned();
        device.memory_bytes = facts.memory_bytes;
        Ok(device)
    }

    /// Its number among the machine's devices.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// What its maker calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of its memory.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// What the plugin can do.
    pub(super) fn plugin(&self) -> &'static Plugin {
        self.plugin
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: the handle came from `open` and is not used again.
        unsafe { (self.plugin.device_free)(self.handle) };
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device(cuda:{}, {})", self.ordinal, self.name)
    }
}

/// The outcome of a call of the interface: its status and message as a result.
pub(super) fn checked(call: impl FnOnce(*mut Message) -> u32) -> Result<()> {
    let mut message = Message { text: [0; 512], count: 0 };
    let status = call(&mut message);
    let words = String::from_utf8_lossy(message.text.get(..message.count).unwrap_or_default()).into_owned();
    Err(match status {
        abi::DONE => return Ok(()),
        abi::ABSENT => Error::new(Kind::Configuration, words),
        abi::MEMORY => Error::new(Kind::OutOfMemory, format!("the CUDA device's memory does not suffice: {words}")),
        abi::REFUSED => Error::internal(format!("the CUDA plugin refused its arguments: {words}")),
        _ => Error::new(Kind::Io, format!("the CUDA device failed: {words}")),
    })
}
