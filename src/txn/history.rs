//! Which snapshots are still looked at: what moved is told for as long as one from before is.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Says that a snapshot is looked at, for as long as a clone of it lives.
#[derive(Debug, Clone, Default)]
pub struct Pin(Arc<()>);

/// Snapshots that are looked at, the oldest first.
#[derive(Debug, Default)]
pub struct History {
    pins: Mutex<VecDeque<(u64, Weak<()>)>>,
}

impl History {
    /// Pins the snapshot of this commit.
    pub fn pin(&self, seq: u64) -> Pin {
        let pin = Pin::default();
        let mut pins = self.pins.lock();
        if pins.len() == pins.capacity() {
            pins.retain(|(_, pin)| pin.strong_count() > 0);
        }
        pins.push_back((seq, Arc::downgrade(&pin.0)));
        pin
    }

    /// The oldest commit whose snapshot is looked at.
    pub fn oldest(&self) -> u64 {
        let mut pins = self.pins.lock();
        while pins.front().is_some_and(|(_, pin)| pin.strong_count() == 0) {
            pins.pop_front();
        }
        pins.front().map_or(u64::MAX, |(seq, _)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_one_that_is_looked_at() {
        let history = History::default();
        assert_eq!(history.oldest(), u64::MAX);
        let (old, _new) = (history.pin(1), history.pin(2));
        assert_eq!(history.oldest(), 1);
        drop(old);
        assert_eq!(history.oldest(), 2);
    }
}
