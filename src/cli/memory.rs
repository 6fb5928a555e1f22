//! Memory that the program has freed, back to the system.

use std::time::Duration;

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
