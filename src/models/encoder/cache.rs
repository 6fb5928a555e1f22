//! Recent embeddings, within a budget of bytes.
//!
//! Two generations instead of a list in order of use: new and used entries go to the young one; when that holds half
//! the budget it becomes the old one, and the old one is dropped. An entry used since the last change is never dropped,
//! and there is no order to maintain. Texts themselves are not kept: an entry is found by a 128-bit hash under two keys
//! that are random in each process, so that nobody can make two texts meet.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

use super::{Embedding, Role};

/// Bytes of an entry beside its numbers: key, pointer, counts, and the table's spare room.
const ENTRY_BYTES: usize = 96;

type Key = (u64, u64);

/// Embeddings by encoder, text and role.
pub(super) struct Cache {
    hashers: [RandomState; 2],
    generation_bytes_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Key, Embedding>,
    young_bytes: usize,
    old: HashMap<Key, Embedding>,
}

impl Cache {
    /// An empty cache that will hold at most about `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            generation_bytes_max: bytes_max / 2,
            generations: Mutex::default(),
        }
    }

    /// What is known of `texts`, in their order, by the encoder of this number.
    pub(super) fn get(&self, encoder: u64, role: Role, texts: &[&str]) -> Vec<Option<Embedding>> {
        let keys: Vec<Key> = texts.iter().map(|text| self.key(encoder, role, text)).collect();
        let mut generations = self.generations.lock();
        keys.into_iter().map(|key| generations.get(key, self.generation_bytes_max)).collect()
    }

    /// Remembers the embedding of `text`.
    pub(super) fn put(&self, encoder: u64, role: Role, text: &str, embedding: &Embedding) {
        let key = self.key(encoder, role, text);
        self.generations.lock().put(key, embedding.clone(), self.generation_bytes_max);
    }

    fn key(&self, encoder: u64, role: Role, text: &str) -> Key {
        let [one, two] = &self.hashers;
        (one.hash_one((encoder, role, text)), two.hash_one((encoder, role, text)))
    }
}

impl Generations {
    fn get(&mut self, key: Key, bytes_max: usize) -> Option<Embedding> {
        if let Some(found) = self.young.get(&key) {
            return Some(found.clone());
        }
        let found = self.old.remove(&key)?;
        self.put(key, found.clone(), bytes_max);
        Some(found)
    }

    fn put(&mut self, key: Key, embedding: Embedding, bytes_max: usize) {
        let bytes = ENTRY_BYTES + size_of_val::<[f32]>(&embedding);
        if self.young_bytes + bytes > bytes_max {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(key, embedding).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(number: f32) -> Embedding {
        Embedding::from([number; 8].as_slice())
    }

    #[test]
    fn entries_in_use_outlive_the_others() {
        // Four entries a generation.
        let cache = Cache::new(8 * (ENTRY_BYTES + 32));
        for round in 0..100 {
            let text = format!("text {round}");
            cache.put(0, Role::Query, &text, &embedding(round as f32));
            cache.put(0, Role::Query, "always", &embedding(-1.0));
            assert_eq!(cache.get(0, Role::Query, &[&text, "always"]).iter().flatten().count(), 2);
        }
        assert_eq!(cache.get(0, Role::Query, &["text 0", "text 90"]), [None, None]);
        let generations = cache.generations.lock();
        assert!(generations.young.len() + generations.old.len() <= 8);
    }

    #[test]
    fn roles_and_encoders_do_not_mix() {
        let cache = Cache::new(1 << 20);
        cache.put(0, Role::Query, "milk", &embedding(1.0));
        assert_eq!(cache.get(0, Role::Passage, &["milk"]), [None]);
        assert_eq!(cache.get(1, Role::Query, &["milk"]), [None]);
        assert_eq!(cache.get(0, Role::Query, &["milk"]), [Some(embedding(1.0))]);
    }
}
