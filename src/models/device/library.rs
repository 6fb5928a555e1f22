//! The plugin's file, opened.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::abi::{self, EntryPoint, Plugin};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// A plugin of our version. It stays open until the program ends: what it gives out points into it.
#[derive(Clone, Copy)]
pub(super) struct Library {
    plugin: &'static Plugin,
}

impl Library {
    /// Opens a plugin; [`Kind::Configuration`] when there is none, when the file is something else, or when it is of another
    /// version. Messages name no path: anybody may see them.
    pub(super) fn open(file: &Path) -> Result<Self> {
        if !file.exists() {
            fail!(Configuration, "there is no CUDA plugin");
        }
        let Ok(path) = CString::new(file.as_os_str().as_bytes()) else {
            fail!(Configuration, "the name of the CUDA plugin cannot be one of a file");
        };
        // SAFETY: the path ends with a zero. Opening runs what the library does at start; it is as trusted as the program.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            tracing::warn!("the CUDA plugin cannot be opened: {}", last_error());
            fail!(Configuration, "the CUDA plugin cannot be opened as a library");
        }
        // SAFETY: the handle is open; the name ends with a zero.
        let entry = unsafe { libc::dlsym(handle, abi::ENTRY.as_ptr()) };
        let plugin = if entry.is_null() { Err(not_ours()) } else { plugin(entry) };
        if plugin.is_err() {
            // SAFETY: nothing of it is used any more.
            unsafe { libc::dlclose(handle) };
        }
        Ok(Self { plugin: plugin? })
    }

    /// What it can do.
    pub(super) fn plugin(self) -> &'static Plugin {
        self.plugin
    }
}

fn not_ours() -> Error {
    Error::new(Kind::Configuration, "the CUDA plugin's file is a library of something else")
}

/// What the entry point gives, if it is of our version.
fn plugin(entry: *mut c_void) -> Result<&'static Plugin> {
    // SAFETY: a symbol of this name is the entry point, whatever the version: abi.rs says so.
    let entry: EntryPoint = unsafe { std::mem::transmute::<*mut c_void, EntryPoint>(entry) };
    // SAFETY: as above.
    let plugin = unsafe { entry() };
    if plugin.is_null() {
        return Err(not_ours());
    }
    // SAFETY: every version begins with its number, and the library stays open; what follows is only looked at below.
    let version = unsafe { plugin.cast::<u32>().read() };
    if version != abi::VERSION {
        fail!(Configuration, "the CUDA plugin is of version {version}, this program needs {}", abi::VERSION);
    }
    // SAFETY: a plugin of our version is laid out as ours, and never freed.
    Ok(unsafe { &*plugin })
}

/// Why the system's loader did not open it.
fn last_error() -> String {
    // SAFETY: gives null or a text that stands until the next call on this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
