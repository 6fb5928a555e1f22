//! A store beside a plain map: random operations on both, and now and then a close, a kill, a checkpoint, a look into the past, a
//! backup that is restored and gone on with. What could go wrong: any difference, ever.
//!
//! `STEWARD_MODEL_OPERATIONS` asks for more operations, `STEWARD_MODEL_SEED` for the same ones again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::engine::{Engine, Tree, WriteBatch};
use super::restore::Latest;
use super::tests::{copy, key};
use super::{FileId, FileKind, Store, restore};

type Values = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

/// The map, and the store that must be equal to it.
struct Pair {
    folder: TempDir,
    store: Option<Store>,
    values: Values,
    files: BTreeMap<FileId, Vec<u8>>,
    /// States of the past, by the commit after which they held.
    past: Vec<(u64, Values)>,
    state: u64,
    done: u64,
}

impl Pair {
    fn dice(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % bound
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn data(folder: &TempDir) -> std::path::PathBuf {
        folder.path().join("data")
    }

    fn key(&mut self) -> Vec<u8> {
        let number = self.dice(400) as u16;
        let length = [2, 2, 2, 1][self.dice(4) as usize];
        number.to_be_bytes()[..length].to_vec()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = match self.dice(200) {
            0 => 16_000 + self.dice(2_000),
            1 => self.dice(60_000),
            _ => self.dice(150),
        };
        let seed = self.dice(1 << 40);
        (0..length).map(|n| (seed.wrapping_mul(n * 31 + 7) >> 11) as u8).collect()
    }

    /// Some writes as one commit.
    fn commit(&mut self) {
        let mut batch = WriteBatch::new();
        for _ in 0..=self.dice(60) {
            let (tree, key) = (Tree::ALL[self.dice(6) as usize], self.key());
            self.done += 1;
            if self.dice(4) == 0 {
                batch.delete(tree, key.clone());
                self.values.remove(&(tree, key));
            } else {
                let value = self.value();
                batch.put(tree, key.clone(), value.clone());
                self.values.insert((tree, key), value);
            }
        }
        self.store().engine().commit(batch).unwrap();
    }

    fn read(&mut self) {
        for _ in 0..20 {
            let (tree, key) = (Tree::ALL[self.dice(6) as usize], self.key());
            self.done += 1;
            assert_eq!(self.store().engine().get(tree, &key).unwrap().as_ref(), self.values.get(&(tree, key)));
        }
        let (tree, prefix) = (Tree::ALL[self.dice(6) as usize], [self.dice(2) as u8]);
        self.done += 1;
        let found = self.store().engine().scan(tree, &prefix).unwrap();
        let from = self.values.range((tree, prefix.to_vec())..);
        let expected: Vec<_> = from
            .take_while(|((t, k), _)| *t == tree && k.starts_with(&prefix))
            .map(|((_, k), v)| (k.clone(), v.clone()))
            .collect();
        assert!(found == expected, "tree {}, prefix {prefix:?}", tree.name());
    }

    fn file(&mut self) {
        self.done += 1;
        let random = self.dice(1 << 20) as usize;
        let nth = |files: &BTreeMap<FileId, Vec<u8>>| files.keys().nth(random % files.len().max(1)).copied();
        match (self.dice(3), nth(&self.files)) {
            (0, _) | (_, None) => {
                let length = self.dice(200_000) as usize;
                let bytes = self.value().into_iter().cycle().take(length).collect::<Vec<_>>();
                let id = self.store().files().create(FileKind::Chunk, 0, &bytes).unwrap();
                self.files.insert(id, bytes);
            }
            (1, Some(id)) => {
                self.store().files().remove(id).unwrap();
                self.files.remove(&id);
            }
            (_, Some(id)) => assert!(self.store().files().read(id).unwrap() == self.files[&id]),
        }
    }

    /// Everything is equal.
    fn compare(&self) {
        equal(self.store().engine().as_ref(), &self.values, "now");
        let mut there = self.store().files().list().unwrap();
        there.sort();
        assert!(there.iter().eq(self.files.keys()), "the same files");
    }

    fn remember(&mut self) {
        let (number, ..) = self.store().sealed().position().unwrap();
        self.past.push((number, self.values.clone()));
        if self.past.len() > 6 {
            self.past.remove(0);
        }
    }

    fn look_back(&mut self) {
        if self.past.is_empty() {
            return;
        }
        let at = self.dice(self.past.len() as u64) as usize;
        self.done += 1;
        let (number, values) = &self.past[at];
        match self.store().state_at(*number) {
            Ok(state) => equal(&state, values, "then"),
            // No longer kept.
            Err(_) => assert!(self.store().span().unwrap().first > *number, "commit {number}"),
        }
    }

    fn reopen(&mut self) {
        self.done += 1;
        drop(self.store.take());
        self.store = Some(Store::open(&Self::data(&self.folder), &key()).unwrap());
        self.compare();
    }

    /// Goes on with what a kill would leave: a copy of the folder as it lies.
    fn kill(&mut self) {
        self.done += 1;
        let next = TempDir::new().unwrap();
        copy(&Self::data(&self.folder), &Self::data(&next));
        drop(self.store.take());
        self.folder = next;
        self.reopen();
    }

    /// Goes on with what comes back from a backup.
    fn back_up(&mut self, backups: &Path) {
        self.done += 1;
        self.store().backup(backups, false, |_| Ok(())).unwrap();
        let next = TempDir::new().unwrap();
        let restored = restore(backups, &Self::data(&next), &key(), &mut Latest).unwrap();
        restored.finish().unwrap();
        drop(self.store.take());
        self.folder = next;
        // Its journal is its own.
        self.past.clear();
        self.reopen_with_orphans();
    }

    /// A backup also holds removed files that are kept; the owner of a store removes what nothing refers to.
    fn reopen_with_orphans(&mut self) {
        self.store = Some(Store::open(&Self::data(&self.folder), &key()).unwrap());
        for id in self.store().files().list().unwrap() {
            if !self.files.contains_key(&id) {
                self.store().files().remove(id).unwrap();
            }
        }
        self.compare();
    }
}

fn equal(engine: &dyn Engine, values: &Values, when: &str) {
    for tree in Tree::ALL {
        let found = engine.scan(tree, b"").unwrap();
        let found = found.into_iter().filter(|(key, _)| !(tree == Tree::Sys && key == b"retention"));
        let expected =
            values.iter().filter(|((t, _), _)| *t == tree).map(|((_, key), value)| (key.clone(), value.clone()));
        assert!(found.eq(expected), "tree {} {when}", tree.name());
    }
}

#[test]
fn a_store_is_equal_to_a_map() {
    let operations = std::env::var("STEWARD_MODEL_OPERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("STEWARD_MODEL_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(now) | 1;
    println!("{operations} operations, seed {seed}");
    let (folder, mut backups) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Some(Store::open(&Pair::data(&folder), &key()).unwrap());
    let (values, files, past) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut pair = Pair { folder, store, values, files, past, state: seed, done: 0 };
    let (mut reopened, mut restored, mut backups_in) = (0, 0, 0);
    while pair.done < operations {
        match pair.dice(4000) {
            0..1600 => pair.commit(),
            1600..3700 => pair.read(),
            3700..3960 => pair.file(),
            3960..3970 => pair.remember(),
            3970..3976 => pair.look_back(),
            3976..3986 => pair.store().checkpoint().unwrap(),
            3986..3990 => {
                let kept = [0, 3_600_000][pair.dice(2) as usize];
                pair.store().set_kept(kept).unwrap();
            }
            3990..3994 => {
                pair.reopen();
                reopened += 1;
            }
            3994..3998 => {
                pair.kill();
                reopened += 1;
            }
            _ => {
                // Backups of what was restored go into the same place now and then: it is the same database.
                if backups_in == 4 {
                    backups = TempDir::new().unwrap();
                    backups_in = 0;
                }
                pair.back_up(backups.path());
                restored += 1;
                backups_in += 1;
            }
        }
    }
    pair.compare();
    assert!(pair.store().check().iter().all(|finding| finding.ok));
    println!("{} operations, {reopened} reopened, {restored} restored, no difference", pair.done);
}
