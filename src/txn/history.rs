//! Which snapshots are still looked at, and what must stay for them.
//!
//! A reader of an old snapshot reads small segments from the store's tree `Rows`. Their bytes go when the last snapshot
//! that names them has gone, with a later commit; what a killed process left of them goes at the next open.

use crate::catalog::ObjectId;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Table and segment.
pub type Retired = (ObjectId, u64);

/// Says that a snapshot is looked at, for as long as a clone of it lives.
#[derive(Debug, Clone, Default)]
pub struct Pin(Arc<()>);

/// Snapshots that are looked at, and bytes that wait for them.
#[derive(Debug, Default)]
pub struct History {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    pins: VecDeque<(u64, Weak<()>)>,
    /// Small segments that no snapshot from this commit on names.
    gone: VecDeque<(u64, Vec<Retired>)>,
}

impl History {
    /// Pins the snapshot of this commit.
    pub fn pin(&self, seq: u64) -> Pin {
        let pin = Pin::default();
        let mut state = self.state.lock();
        if state.pins.len() == state.pins.capacity() {
            state.pins.retain(|(_, pin)| pin.strong_count() > 0);
        }
        state.pins.push_back((seq, Arc::downgrade(&pin.0)));
        pin
    }

    /// The oldest commit whose snapshot is looked at.
    pub fn oldest(&self) -> u64 {
        self.state.lock().oldest()
    }

    /// Notes small segments that snapshots from the commit `seq` on do not name.
    pub fn retire(&self, seq: u64, segments: Vec<Retired>) {
        if !segments.is_empty() {
            self.state.lock().gone.push_back((seq, segments));
        }
    }

    /// Takes those that no snapshot names any more.
    pub fn take_unnamed(&self) -> Vec<Retired> {
        let mut state = self.state.lock();
        let oldest = state.oldest();
        let mut unnamed = Vec::new();
        while state.gone.front().is_some_and(|(seq, _)| *seq <= oldest) {
            unnamed.extend(state.gone.pop_front().into_iter().flat_map(|(_, segments)| segments));
        }
        unnamed
    }
}

impl State {
    fn oldest(&mut self) -> u64 {
        while self.pins.front().is_some_and(|(_, pin)| pin.strong_count() == 0) {
            self.pins.pop_front();
        }
        self.pins.front().map_or(u64::MAX, |(seq, _)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_old_snapshot_names_stays() {
        let history = History::default();
        let (old, _new) = (history.pin(1), history.pin(2));
        history.retire(2, vec![(7, 1)]);
        assert!(history.take_unnamed().is_empty());
        drop(old);
        assert_eq!(history.oldest(), 2);
        assert_eq!(history.take_unnamed(), [(7, 1)]);
        assert!(history.take_unnamed().is_empty());
    }
}
