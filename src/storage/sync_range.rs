//! Keeps sled from syncing each piece of its log on Linux.
//!
//! sled 0.34.7 writes its log in two pieces for each transaction, and after each calls `sync_file_range`, which waits for the disk
//! and yet flushes neither the drive's cache nor the size of a grown file. Nothing waits for that here: a commit is durable in the
//! journal before sled gets it, and what sled lacks after a crash comes from there. So the call is answered at once, and the
//! store syncs the file as a whole where it relies on it: at checkpoints and when it is closed (`Assets::flush`). Else the disk
//! would do three syncs for each group of commits, and all who commit would wait for three. The definition here wins over the one
//! in libc at link time, because sled is linked statically into the same binary.

use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// How often sled has asked since the process started.
pub(super) fn calls() -> u64 {
    // Naming the function keeps the linker from leaving its object file out.
    #[cfg(target_os = "linux")]
    std::hint::black_box(sync_file_range as *const ());
    CALLS.load(Ordering::Relaxed)
}

/// Whether a flush after which [`calls`] did not grow means that sled asks somebody else.
pub(super) const EXPECTED: bool = cfg!(target_os = "linux");

/// Answers every caller in this binary that all is well. Nothing but sled calls it here.
///
/// The signature is that of sync_file_range(2) on every Linux that Rust supports (`off64_t` has 64 bits).
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub extern "C" fn sync_file_range(_file: i32, _offset: i64, _bytes: i64, _flags: u32) -> i32 {
    CALLS.fetch_add(1, Ordering::Relaxed);
    0
}
