//! Opened blocks of sealed files, the least recently used given up first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::file_format::FileId;

type Key = (FileId, u64);

/// Blocks within a budget of bytes.
#[derive(Debug)]
pub(super) struct BlockCache {
    bytes_max: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    blocks: HashMap<Key, (Arc<Vec<u8>>, u64)>,
    /// Keys by the moment of their last use.
    order: BTreeMap<u64, Key>,
    bytes: usize,
    clock: u64,
}

impl BlockCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max: AtomicUsize::new(bytes_max), inner: Mutex::default() }
    }

    /// Another budget from now on; what is beyond it leaves when something comes.
    pub(super) fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    pub(super) fn get(&self, id: FileId, index: u64) -> Option<Arc<Vec<u8>>> {
        let inner = &mut *self.inner.lock();
        let (block, used) = inner.blocks.get_mut(&(id, index))?;
        inner.clock += 1;
        inner.order.remove(used);
        inner.order.insert(inner.clock, (id, index));
        *used = inner.clock;
        Some(block.clone())
    }

    pub(super) fn insert(&self, id: FileId, index: u64, block: Arc<Vec<u8>>) {
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        if block.len() > bytes_max {
            return;
        }
        let inner = &mut *self.inner.lock();
        inner.remove((id, index));
        inner.clock += 1;
        inner.bytes += block.len();
        inner.order.insert(inner.clock, (id, index));
        inner.blocks.insert((id, index), (block, inner.clock));
        while inner.bytes > bytes_max
            && let Some((_, oldest)) = inner.order.first_key_value()
        {
            let oldest = *oldest;
            inner.remove(oldest);
        }
    }

    /// Gives up the blocks of one file.
    pub(super) fn forget(&self, id: FileId) {
        let inner = &mut *self.inner.lock();
        let of_file: Vec<Key> = inner.blocks.keys().filter(|key| key.0 == id).copied().collect();
        of_file.into_iter().for_each(|key| inner.remove(key));
    }
}

impl Inner {
    fn remove(&mut self, key: Key) {
        if let Some((block, used)) = self.blocks.remove(&key) {
            self.order.remove(&used);
            self.bytes -= block.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let (cache, id) = (BlockCache::new(30), FileId::from_u64(1));
        for index in 0..3 {
            cache.insert(id, index, Arc::new(vec![0; 10]));
        }
        assert!(cache.get(id, 0).is_some());
        cache.insert(id, 3, Arc::new(vec![0; 10]));
        cache.insert(id, 3, Arc::new(vec![0; 10]));
        cache.insert(id, 4, Arc::new(vec![0; 31]));
        let there = |index| cache.get(id, index).is_some();
        assert_eq!([0, 1, 2, 3, 4].map(there), [true, false, true, true, false]);
        cache.forget(id);
        assert!(!there(0) && cache.inner.lock().bytes == 0 && cache.inner.lock().order.is_empty());
    }
}
