//! Makes sled sync its log for real on Linux.
//!
//! sled 0.34.7 calls `sync_file_range` after it has written a piece of its log. That call flushes neither the drive's cache
//! nor the size of a grown file, so that a power cut loses acknowledged commits. When the call answers ENOSYS, sled takes its
//! own other path, `File::sync_all`, which is what macOS always gets. The definition here wins over the one in libc at
//! link time, because sled is linked statically into the same binary. [`calls`] counts, and the store refuses to run when
//! its first flush did not pass through here: a link that chose otherwise is noticed before anything is acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// How often sled has asked since the process started; each time it synced the whole file instead.
pub(super) fn calls() -> u64 {
    // Naming the function keeps the linker from leaving its object file out.
    #[cfg(target_os = "linux")]
    std::hint::black_box(sync_file_range as *const ());
    CALLS.load(Ordering::SeqCst)
}

/// Whether a flush after which [`calls`] did not grow means that the log is not synced.
pub(super) const EXPECTED: bool = cfg!(target_os = "linux");

/// Answers "no such system call" to every caller in this binary. Nothing but sled calls it here; who else did would have to
/// expect that answer too, since the manual names it.
///
/// # Safety
///
/// Safe for any arguments: none of them is used. It writes only the calling thread's `errno`, whose address libc gives. The
/// signature is that of sync_file_range(2) on every Linux that Rust supports (`off64_t` has 64 bits).
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sync_file_range(_file: i32, _offset: i64, _bytes: i64, _flags: u32) -> i32 {
    CALLS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: __errno_location gives a valid pointer to the thread's own errno at any time.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}
