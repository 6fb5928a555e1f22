//! Decoded pages of columns kept in memory within a budget, the least recently used leaving first.

use arrow::array::{Array, ArrayRef};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
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
    columns: HashMap<Place, (ArrayRef, u64)>,
    by_age: BTreeMap<u64, Place>,
    clock: u64,
    bytes: usize,
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

    /// The column, if it is here.
    pub fn get(&self, place: Place) -> Option<ArrayRef> {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let (column, used) = state.columns.get_mut(&place)?;
        let (column, before) = (column.clone(), std::mem::replace(used, now));
        state.by_age.remove(&before);
        state.by_age.insert(now, place);
        Some(column)
    }

    /// Keeps a column, making room for it.
    pub fn put(&self, place: Place, column: ArrayRef) {
        let size = column.get_array_memory_size();
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        if size > bytes_max {
            return;
        }
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        if let Some((old, used)) = state.columns.insert(place, (column, now)) {
            state.bytes -= old.get_array_memory_size();
            state.by_age.remove(&used);
        }
        state.by_age.insert(now, place);
        state.bytes += size;
        while state.bytes > bytes_max {
            let Some((_, oldest)) = state.by_age.pop_first() else { break };
            if let Some((gone, _)) = state.columns.remove(&oldest) {
                state.bytes -= gone.get_array_memory_size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use std::sync::Arc;

    #[test]
    fn the_least_recently_used_leaves_first() {
        let column = || Arc::new(Int64Array::from_iter_values(0..100)) as ArrayRef;
        let cache = ColumnCache::new(column().get_array_memory_size() * 2);
        cache.put((1, 0, 0), column());
        cache.put((2, 0, 0), column());
        assert!(cache.get((1, 0, 0)).is_some());
        cache.put((3, 0, 0), column());
        assert!(cache.get((2, 0, 0)).is_none());
        assert!(cache.get((1, 0, 0)).is_some() && cache.get((3, 0, 0)).is_some());
    }
}
