//! What one statement may use, within what all may use together.

use super::super::settings::show_bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all statements use.
#[derive(Debug, Default)]
pub struct Shared {
    limit: AtomicUsize,
    used: AtomicUsize,
}

impl Shared {
    /// Bytes that they may use.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Other bytes that they may use; who has more keeps it.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    fn try_add(&self, bytes: usize) -> Result<()> {
        let limit = self.limit();
        let added = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= limit)
        });
        added.map(drop).map_err(|used| {
            DataFusionError::ResourcesExhausted(format!(
                "{} more were asked for while all statements together use {} of {}",
                show_bytes(bytes as u64),
                show_bytes(used as u64),
                show_bytes(limit as u64)
            ))
        })
    }
}

/// Most that is kept for operators that cannot spill.
const OTHERS_BYTES_MAX: usize = 256 << 20;

/// The part of a statement's memory that an operator which cannot spill has in any case.
const FEW_PART: usize = 64;

/// The memory of one statement. Operators that can spill share half of it evenly, or more of a large one; the others have what is
/// left, at least the other half: what merges spilled rows cannot spill itself, and must not starve because a sort was there first.
#[derive(Debug)]
pub struct StatementPool {
    bytes: usize,
    own: Mutex<Used>,
    all: Arc<Shared>,
}

/// What the operators of a statement have.
#[derive(Debug, Default)]
struct Used {
    /// How many operators can spill.
    spillers: usize,
    by_spillers: usize,
    by_others: usize,
}

impl StatementPool {
    /// So many bytes of what all have.
    pub fn new(bytes: usize, all: Arc<Shared>) -> Self {
        Self { bytes, own: Mutex::default(), all }
    }

    fn try_add(&self, reservation: &MemoryReservation, additional: usize) -> bool {
        let mut used = self.own.lock();
        let for_others = (self.bytes / 2).min(OTHERS_BYTES_MAX);
        match reservation.consumer().can_spill() {
            true => {
                let total = self.bytes - used.by_others.clamp(for_others, self.bytes);
                // Many that could spill need next to nothing: as long as there is plenty nobody is held to a share.
                let fits = reservation.size() + additional <= total / used.spillers.max(1)
                    || used.by_spillers + additional <= total / 2;
                used.by_spillers += if fits { additional } else { 0 };
                fits
            }
            false => {
                let free = self.bytes - used.by_spillers.min(self.bytes - for_others);
                // What is next to nothing fails nobody: those that only pass on may have taken the rest for a moment.
                let few = self.bytes / FEW_PART;
                let fits = used.by_others + additional <= free || reservation.size() + additional <= few;
                used.by_others += if fits { additional } else { 0 };
                fits
            }
        }
    }

    /// Whether this operator only passes batches on. It holds a few at a time; what it would spill is wanted at once, and joins
    /// above it have been seen to wait for it for ever.
    fn passes_on(consumer: &MemoryConsumer) -> bool {
        consumer.name().starts_with("RepartitionExec")
    }

    /// Whether this operator gets what it asks for, though it counts: one that passes on, and the merge of a sort, which needs
    /// no more than its sort holds, or a few batches of each run, and without which the sort cannot give anything back.
    fn is_served(consumer: &MemoryConsumer) -> bool {
        Self::passes_on(consumer) || consumer.name().starts_with("ExternalSorterMerge")
    }

    /// Whether an operator that can spill has so little that it gets what it asks for, whatever those hold that are served: it has
    /// put aside all it could, and must go on.
    fn is_due(&self, reservation: &MemoryReservation, additional: usize) -> bool {
        let spillers = self.own.lock().spillers.max(1);
        reservation.consumer().can_spill() && reservation.size() + additional <= self.bytes / (4 * spillers)
    }

    fn of<'a>(used: &'a mut Used, reservation: &MemoryReservation) -> &'a mut usize {
        match reservation.consumer().can_spill() {
            true => &mut used.by_spillers,
            false => &mut used.by_others,
        }
    }
}

impl fmt::Display for StatementPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MemoryPool for StatementPool {
    fn name(&self) -> &str {
        "statement"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.lock().spillers += usize::from(consumer.can_spill() && !Self::passes_on(consumer));
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.lock().spillers -= usize::from(consumer.can_spill() && !Self::passes_on(consumer));
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.used.fetch_add(additional, Ordering::Relaxed);
        *Self::of(&mut self.own.lock(), reservation) += additional;
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        *Self::of(&mut self.own.lock(), reservation) -= shrink;
        self.all.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if Self::is_served(reservation.consumer()) {
            self.grow(reservation, additional);
            return Ok(());
        }
        if self.is_due(reservation, additional) {
            self.grow(reservation, additional);
            return Ok(());
        }
        self.all.try_add(additional)?;
        if self.try_add(reservation, additional) {
            return Ok(());
        }
        self.all.used.fetch_sub(additional, Ordering::Relaxed);
        Err(DataFusionError::ResourcesExhausted(format!(
            "{} needs {} more, beside {} that it has",
            reservation.consumer().name(),
            show_bytes(additional as u64),
            show_bytes(reservation.size() as u64)
        )))
    }

    fn reserved(&self) -> usize {
        let used = self.own.lock();
        used.by_spillers + used.by_others
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_its_part_of_what_all_have() {
        let all = Arc::new(Shared::default());
        all.set_limit(100);
        let pool = |bytes| Arc::new(StatementPool::new(bytes, all.clone())) as Arc<dyn MemoryPool>;
        let (one, other) = (pool(60), pool(60));
        let first = MemoryConsumer::new("first").register(&one);
        let second = MemoryConsumer::new("second").register(&other);
        first.try_grow(60).unwrap();
        assert!(matches!(first.try_grow(1), Err(DataFusionError::ResourcesExhausted(_))), "its own limit");
        assert!(matches!(second.try_grow(50), Err(DataFusionError::ResourcesExhausted(_))), "that of all");
        second.try_grow(40).unwrap();
        drop(first);
        second.try_grow(20).unwrap();
        drop(second);
        assert_eq!(all.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn next_to_nothing_is_given_in_any_case() {
        let all = Arc::new(Shared::default());
        all.set_limit(1000);
        let pool = Arc::new(StatementPool::new(128, all)) as Arc<dyn MemoryPool>;
        let (join, count) = (MemoryConsumer::new("join").register(&pool), MemoryConsumer::new("count").register(&pool));
        join.try_grow(128).unwrap();
        count.try_grow(2).unwrap();
        assert!(count.try_grow(1).is_err());
    }

    #[test]
    fn who_has_spilled_goes_on_whatever_others_are_served() {
        let all = Arc::new(Shared::default());
        all.set_limit(100);
        let pool = Arc::new(StatementPool::new(100, all)) as Arc<dyn MemoryPool>;
        let passing = MemoryConsumer::new("RepartitionExec[0]").with_can_spill(true).register(&pool);
        passing.try_grow(120).unwrap();
        let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        sort.try_grow(25).unwrap();
        assert!(sort.try_grow(1).is_err());
    }

    #[test]
    fn those_that_can_spill_share_and_leave_a_half() {
        let all = Arc::new(Shared::default());
        all.set_limit(1000);
        let pool = Arc::new(StatementPool::new(100, all.clone())) as Arc<dyn MemoryPool>;
        let sort = || MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        let first = sort();
        first.try_grow(50).unwrap();
        assert!(first.try_grow(1).is_err());
        let second = sort();
        assert!(second.try_grow(26).is_err(), "more than half of a half");
        second.try_grow(25).unwrap();
        let merge = MemoryConsumer::new("merge").register(&pool);
        merge.try_grow(50).unwrap();
        assert!(merge.try_grow(1).is_err());
        drop((first, second));
        merge.try_grow(50).unwrap();
        drop(merge);
        assert_eq!((pool.reserved(), all.used.load(Ordering::Relaxed)), (0, 0));
    }
}
