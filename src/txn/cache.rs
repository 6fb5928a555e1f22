//! Decoded pages of columns kept in memory within a budget; those that nobody has asked for of late leave first.

use super::hash::Hashes;
use super::stored::Page;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Segment, position of the column within it, and page of the column.
type Place = (u64, usize, usize);

/// A cache of decoded pages.
#[derive(Debug)]
pub struct ColumnCache {
    state: Mutex<State>,
    bytes_max: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    columns: HashMap<Place, Kept, Hashes>,
    /// The places in the order in which they are looked at when there is no more room.
    order: VecDeque<Place>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    column: Arc<Page>,
    bytes: usize,
    /// It was asked for since it was last looked at.
    used: bool,
}

impl ColumnCache {
    /// A cache of at most this many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), bytes_max: AtomicUsize::new(bytes_max) }
    }

    /// Another budget from now on; what is beyond it leaves when something comes.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Lets go of all.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
    }

    /// The column, if it is here.
    pub fn get(&self, place: Place) -> Option<Arc<Page>> {
        let mut state = self.state.lock();
        let kept = state.columns.get_mut(&place)?;
        kept.used = true;
        Some(kept.column.clone())
    }

    /// Keeps a column, making room for it.
    pub fn put(&self, place: Place, column: Arc<Page>) {
        let bytes = column.bytes();
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        if bytes > bytes_max {
            return;
        }
        let mut state = self.state.lock();
        state.bytes += bytes;
        match state.columns.insert(place, Kept { column, bytes, used: false }) {
            Some(old) => state.bytes -= old.bytes,
            None => state.order.push_back(place),
        }
        while state.bytes > bytes_max {
            let Some(next) = state.order.pop_front() else { break };
            match state.columns.get_mut(&next) {
                // It stays for another round.
                Some(kept) if kept.used => {
                    kept.used = false;
                    state.order.push_back(next);
                }
                _ => {
                    if let Some(gone) = state.columns.remove(&next) {
                        state.bytes -= gone.bytes;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;

    #[test]
    fn what_was_asked_for_stays_longer() {
        let column = || Arc::new(Page::of(Arc::new(Int64Array::from_iter_values(0..100))));
        let cache = ColumnCache::new(column().bytes() * 2);
        cache.put((1, 0, 0), column());
        cache.put((2, 0, 0), column());
        assert!(cache.get((1, 0, 0)).is_some());
        cache.put((3, 0, 0), column());
        assert!(cache.get((2, 0, 0)).is_none());
        assert!(cache.get((1, 0, 0)).is_some() && cache.get((3, 0, 0)).is_some());
        for n in 4..50 {
            cache.put((n, 0, 0), column());
            assert!(cache.state.lock().columns.len() == 2 && cache.state.lock().order.len() == 2);
        }
        cache.put((49, 0, 0), column());
        assert_eq!(cache.state.lock().bytes, column().bytes() * 2);
    }
}
