//! Cancel requests: a second connection names the first by its number and secret, and its statement is stopped.

use super::backend::CancelHandle;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The connections that can be cancelled.
#[derive(Default)]
pub struct Registry {
    next: AtomicU32,
    entries: Mutex<HashMap<i32, (Vec<u8>, CancelHandle)>>,
}

impl Registry {
    /// A number for a new connection, never 0 nor negative.
    pub fn next_pid(&self) -> i32 {
        (self.next.fetch_add(1, Ordering::Relaxed) % i32::MAX as u32) as i32 + 1
    }

    /// Enters a connection for as long as the guard lives.
    pub fn enter(self: &Arc<Self>, pid: i32, secret: Vec<u8>, handle: CancelHandle) -> Entry {
        self.entries.lock().insert(pid, (secret, handle));
        Entry { registry: self.clone(), pid }
    }

    /// Stops the statement of a connection if the secret is right; says nothing either way, as the protocol wants.
    pub fn cancel(&self, pid: i32, secret: &[u8]) {
        if let Some((right, handle)) = self.entries.lock().get(&pid)
            && right.len() == secret.len()
            // Without an early end, so that time tells nothing of the secret.
            && right.iter().zip(secret).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
        {
            handle.cancel();
        }
    }

    /// Stops every statement.
    pub fn cancel_all(&self) {
        self.entries.lock().values().for_each(|(_, handle)| handle.cancel());
    }
}

/// Keeps a connection in the registry.
pub struct Entry {
    registry: Arc<Registry>,
    pid: i32,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.entries.lock().remove(&self.pid);
    }
}

/// A secret of so many random bytes.
pub fn secret(length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    getrandom::getrandom(&mut bytes).map_err(|_| Error::internal("the system gives no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_cancels() {
        let registry = Arc::new(Registry::default());
        let handle = CancelHandle::default();
        let pid = registry.next_pid();
        let entry = registry.enter(pid, vec![1, 2, 3, 4], handle.clone());
        registry.cancel(pid, &[1, 2, 3, 5]);
        registry.cancel(pid, &[]);
        registry.cancel(pid + 1, &[1, 2, 3, 4]);
        assert!(!handle.is_cancelled());
        registry.cancel(pid, &[1, 2, 3, 4]);
        assert!(handle.is_cancelled());
        handle.reset();
        drop(entry);
        registry.cancel(pid, &[1, 2, 3, 4]);
        assert!(!handle.is_cancelled());
    }
}
