//! Memory that the program has freed, back to the system.

use std::time::Duration;

/// Bytes from which a piece of memory is the system's own, and goes back as soon as it is freed: a page of long texts, a segment that is
/// being written.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: libc::c_int = 4 << 20;

/// Has large pieces of memory go back at once. Left to itself the allocator keeps all up to 32 MiB, once it has seen such a piece
/// freed, and several times what is in use lies about between those that are.
pub fn part_with_large() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointers; called before there are other threads.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        // What it would have set itself beside that.
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * LARGE_BYTES);
    }
}

/// Bytes that a thread has set aside for what it will need.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const AHEAD_BYTES: usize = 3 << 20;

/// Has the thread that calls it set some memory aside. Left to itself the allocator asks the system for a page at a time where it is not
/// the program's first thread that wants more: for every other commit, which each leave a page or so until they are applied. No page is in use before something
/// is written there.
pub fn set_aside() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: what is allocated is freed at once, and nothing is read of it.
    unsafe {
        libc::free(std::hint::black_box(libc::malloc(AHEAD_BYTES)));
    }
}

/// How often it is given back.
const EVERY: Duration = Duration::from_secs(10);

/// Gives freed memory back every now and then, for as long as the task runs. The allocator keeps what large statements have freed in
/// pieces: a server that once changed a gigabyte would hold it for good.
pub async fn give_back() {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let _ = tokio::task::spawn_blocking(trim).await;
    }
}

fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointers, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
