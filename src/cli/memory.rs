//! Memory that the program has freed, back to the system.

use std::time::Duration;

/// How often it is given back.
const EVERY: Duration = Duration::from_secs(10);

/// Gives freed memory back every now and then, for as long as the task runs. The allocator keeps what large statements have freed until it
/// is asked for more: a server that once changed a gigabyte would hold it for good.
pub async fn give_back() {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let _ = tokio::task::spawn_blocking(collect).await;
    }
}

fn collect() {
    // SAFETY: takes no pointers, and may be called at any time from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
