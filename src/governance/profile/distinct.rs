//! Distinct values and frequent ones, in bounded memory.
//!
//! Up to [`PROFILE_DISTINCT_EXACT_MAX`] different values every one is counted, told apart by a 64-bit hash (a wrong count by
//! collision has odds of one in three billion at the bound). Beyond it a HyperLogLog of 2^14 registers (Flajolet and
//! others, 2007; standard error 1.04 / sqrt(2^14) = 0.8 %) estimates the number, and the table keeps the values met
//! most often.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::config::PROFILE_DISTINCT_EXACT_MAX;

/// Values kept for the list of frequent ones when the exact bound is passed.
const FREQUENT_KEPT: usize = 10_000;
const REGISTER_BITS: u32 = 14;

/// Counts of the values of one column; `V` is how a value is kept for the list of frequent ones.
pub struct Distincts<V> {
    counts: HashMap<u64, Slot<V>, BuildHasherDefault<Given>>,
    registers: Option<Vec<u8>>,
    shown: usize,
}

struct Slot<V> {
    count: u64,
    value: Option<V>,
}

impl<V> Distincts<V> {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self { counts: HashMap::default(), registers: None, shown: 0 }
    }

    /// Counts a value with the given hash. `keep` makes what is kept of it; it is called for the first values and for
    /// those that come again, so that columns of keys keep next to nothing. Gives `false` if the value is known to have come before.
    pub fn add(&mut self, hash: u64, keep: impl FnOnce() -> V) -> bool {
        if let Some(registers) = &mut self.registers {
            observe(registers, hash);
        }
        if let Some(slot) = self.counts.get_mut(&hash) {
            slot.count += 1;
            if slot.value.is_none() {
                slot.value = Some(keep());
            }
            return false;
        }
        let bound = if self.registers.is_some() { 2 * FREQUENT_KEPT } else { PROFILE_DISTINCT_EXACT_MAX };
        if self.counts.len() >= bound {
            self.overflow(hash);
        }
        let value = (self.shown < super::TOP_VALUES).then(keep);
        self.shown += usize::from(value.is_some());
        self.counts.insert(hash, Slot { count: 1, value });
        true
    }

    /// Distinct values, and whether the number is exact.
    pub fn count(&self) -> (u64, bool) {
        match &self.registers {
            None => (self.counts.len() as u64, true),
            Some(registers) => (estimate(registers), false),
        }
    }

    /// The `n` most frequent values that were kept, most frequent first; ties in the order of the hash.
    pub fn top(self, n: usize) -> Vec<(V, u64)> {
        let mut slots: Vec<(u64, Slot<V>)> = self.counts.into_iter().filter(|(_, slot)| slot.value.is_some()).collect();
        slots.sort_by(|a, b| b.1.count.cmp(&a.1.count).then(a.0.cmp(&b.0)));
        slots.into_iter().take(n).filter_map(|(_, slot)| slot.value.map(|value| (value, slot.count))).collect()
    }

    /// Goes over to estimating, and keeps the more frequent values.
    fn overflow(&mut self, hash: u64) {
        if self.registers.is_none() {
            let mut registers = vec![0; 1 << REGISTER_BITS];
            self.counts.keys().for_each(|known| observe(&mut registers, *known));
            observe(&mut registers, hash);
            self.registers = Some(registers);
        }
        let mut counts: Vec<u64> = self.counts.values().map(|slot| slot.count).collect();
        let place = counts.len().saturating_sub(FREQUENT_KEPT).min(counts.len().saturating_sub(1));
        let (_, bar, _) = counts.select_nth_unstable(place);
        let bar = *bar;
        let mut room = FREQUENT_KEPT.saturating_sub(counts.iter().filter(|count| **count > bar).count());
        self.counts.retain(|_, slot| {
            let tied = slot.count == bar && room > 0;
            room -= usize::from(tied);
            slot.count > bar || tied
        });
    }
}

/// A hash of 64 bits whose every bit depends on every bit of the input (the finish of splitmix64).
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The hash of a text: eight bytes at a time, multiplied and folded.
pub fn hash_text(bytes: &[u8]) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15u64 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        state = fold(state ^ word);
    }
    let tail = chunks.remainder().iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    mix(fold(state ^ tail))
}

fn fold(value: u64) -> u64 {
    let product = u128::from(value) * 0xE703_7ED1_A0B4_28DB;
    (product as u64) ^ ((product >> 64) as u64) ^ value.rotate_left(23)
}

fn observe(registers: &mut [u8], hash: u64) {
    let place = (hash >> (64 - REGISTER_BITS)) as usize;
    let rank = (hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut(place) {
        *register = rank.max(*register);
    }
}

fn estimate(registers: &[u8]) -> u64 {
    let m = registers.len() as f64;
    let sum: f64 = registers.iter().map(|rank| 2f64.powi(-i32::from(*rank))).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let zeros = registers.iter().filter(|rank| **rank == 0).count();
    let linear = raw <= 2.5 * m && zeros > 0;
    (if linear { m * (m / zeros as f64).ln() } else { raw }).round() as u64
}

/// The keys are hashes already.
#[derive(Default)]
struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_text(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_below_the_bound() {
        let mut distincts = Distincts::new();
        for i in 0..1000u64 {
            distincts.add(mix(i % 100), || i % 100);
        }
        assert_eq!(distincts.count(), (100, true));
        let top = distincts.top(3);
        assert!(top.iter().all(|(_, count)| *count == 10));
    }

    #[test]
    fn estimates_within_three_percent_and_keeps_the_frequent() {
        let mut distincts = Distincts::new();
        for i in 0..1_000_000u64 {
            distincts.add(mix(i), || i);
            if i % 50 == 0 {
                distincts.add(mix(7), || 7);
            }
        }
        let (count, exact) = distincts.count();
        assert!(!exact && (count as f64 / 1e6 - 1.0).abs() < 0.03, "{count}");
        assert_eq!(distincts.top(1), [(7, 20_001)]);
    }

    #[test]
    fn texts_hash_apart() {
        let hashes: std::collections::HashSet<u64> =
            (0..10_000).map(|i| hash_text(format!("value {i}").as_bytes())).collect();
        assert_eq!(hashes.len(), 10_000);
        assert_ne!(hash_text(b""), hash_text(b"\0"));
    }
}
