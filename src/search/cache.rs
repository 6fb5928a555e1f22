//! Opened blocks of index files, kept while they are used.
//!
//! Opening a seal for every posting list that a query touches costs three to five times the query (docs/storage.md), so
//! blocks stay in memory in plain within [`config::SEARCH_CACHE_BYTES`], for all indexes of the process together. What
//! leaves is chosen by the clock: a block that was used since the hand last passed stays for another round.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use crate::config;

/// Which block: number of the directory in this process, file, number of the block in it.
pub(super) type BlockKey = (u64, u64, u64);

/// Blocks by key, within a budget.
pub(super) struct BlockCache {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    blocks: HashMap<BlockKey, Slot>,
    clock: VecDeque<BlockKey>,
    bytes: usize,
}

struct Slot {
    block: Arc<[u8]>,
    used: bool,
}

impl BlockCache {
    /// The cache that all indexes share.
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<BlockCache> = LazyLock::new(|| BlockCache::new(config::SEARCH_CACHE_BYTES));
        &SHARED
    }

    fn new(capacity: usize) -> Self {
        Self { capacity, inner: Mutex::default() }
    }

    pub(super) fn get(&self, key: BlockKey) -> Option<Arc<[u8]>> {
        let mut inner = self.inner.lock();
        let slot = inner.blocks.get_mut(&key)?;
        slot.used = true;
        Some(slot.block.clone())
    }

    pub(super) fn put(&self, key: BlockKey, block: Arc<[u8]>) {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        inner.bytes += block.len();
        match inner.blocks.insert(key, Slot { block, used: false }) {
            // Two readers opened it at once.
            Some(old) => inner.bytes -= old.block.len(),
            None => inner.clock.push_back(key),
        }
        while inner.bytes > self.capacity {
            let Some(key) = inner.clock.pop_front() else { break };
            match inner.blocks.get_mut(&key) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    inner.clock.push_back(key);
                }
                Some(_) => {
                    inner.bytes -= inner.blocks.remove(&key).map_or(0, |slot| slot.block.len());
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_blocks_outlive_unused_ones_within_the_budget() {
        let cache = BlockCache::new(30);
        let block = || Arc::<[u8]>::from(vec![0; 10]);
        for n in 0..3 {
            cache.put((0, 0, n), block());
        }
        assert!(cache.get((0, 0, 0)).is_some());
        cache.put((0, 0, 3), block());
        assert!(cache.get((0, 0, 0)).is_some(), "was used");
        assert!(cache.get((0, 0, 1)).is_none(), "was not");
        cache.put((0, 0, 3), block());
        assert_eq!(cache.inner.lock().bytes, 30, "the same block twice counts once");
        cache.put((0, 0, 9), Arc::from(vec![0; 31]));
        assert!(cache.get((0, 0, 9)).is_none() && cache.inner.lock().bytes <= 30);
    }
}
