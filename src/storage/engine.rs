//! The trait that the rest of the house stores small values through.

use std::fmt::Debug;
use std::task::{Poll, Waker};

use crate::config;
use crate::error::Result;
use crate::fail;

/// The trees, fixed for ever: sled handles many trees badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tree {
    /// Format version, id allocators, the store's own counts.
    Sys = 0,
    /// Schemas, tables, columns, roles.
    Catalog = 1,
    /// Tags, policies, lineage, quality results, audit.
    Governance = 2,
    /// Which files make up which object.
    Manifest = 3,
    /// Rows not yet in chunks.
    Rows = 4,
    /// Metadata of text indexes.
    Search = 5,
}

impl Tree {
    /// Every tree; a tree's place here is its number.
    pub const ALL: [Self; 6] = [Self::Sys, Self::Catalog, Self::Governance, Self::Manifest, Self::Rows, Self::Search];

    /// The name in errors and on disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sys => "sys",
            Self::Catalog => "catalog",
            Self::Governance => "governance",
            Self::Manifest => "manifest",
            Self::Rows => "rows",
            Self::Search => "search",
        }
    }
}

/// Writes that become true together.
#[derive(Debug, Default, Clone)]
pub struct WriteBatch {
    pub(super) ops: Vec<Op>,
    /// It makes room.
    pub(super) takes_away: bool,
}

/// One write: `None` deletes.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub tree: Tree,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    /// The object whose data key seals the value; 0 if it belongs to none.
    pub owner: u64,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`. Of several writes to one key the last one counts. What is in trees manifest, rows and search
    /// belongs to the object whose number the key tells, the rest to none.
    pub fn put(&mut self, tree: Tree, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let key = key.into();
        self.put_for(owner(tree, &key), tree, key, value);
    }

    /// As [`WriteBatch::put`]; the value goes when the data key of the object `owner` is destroyed.
    pub fn put_for(&mut self, owner: u64, tree: Tree, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.push(Op { tree, key: key.into(), value: Some(value.into()), owner });
    }

    /// Deletes `key`; nothing happens if it is not there.
    pub fn delete(&mut self, tree: Tree, key: impl Into<Vec<u8>>) {
        self.ops.push(Op { tree, key: key.into(), value: None, owner: 0 });
    }

    /// Says that what it writes makes room: it may when the disk is too full for others.
    pub fn take_away(&mut self) {
        self.takes_away = true;
    }

    /// Adds the writes of `other` after those of this one.
    pub fn append(&mut self, mut other: Self) {
        self.takes_away &= other.takes_away;
        self.ops.append(&mut other.ops);
    }

    /// Number of writes.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Bytes of keys and values.
    pub(super) fn bytes(&self) -> u64 {
        self.ops.iter().map(|op| (op.key.len() + op.value.as_ref().map_or(0, Vec::len)) as u64).sum()
    }

    /// Refuses keys and values beyond the bounds, before anything is written.
    pub(super) fn validate(&self) -> Result<()> {
        for op in &self.ops {
            if op.key.len() > config::ENGINE_KEY_BYTES_MAX {
                fail!(Internal, "a key of {} bytes in tree {}", op.key.len(), op.tree.name());
            }
            let length = op.value.as_ref().map_or(0, Vec::len);
            if length > config::ENGINE_VALUE_BYTES_MAX {
                let most = config::ENGINE_VALUE_BYTES_MAX;
                fail!(LimitExceeded, "a value of {length} bytes in tree {}: at most {most} fit", op.tree.name());
            }
        }
        Ok(())
    }
}

/// The number of the object that a value belongs to, as its key tells: the first number of it, in tree manifest behind a
/// byte that says of what kind it is.
fn owner(tree: Tree, key: &[u8]) -> u64 {
    let number = match tree {
        Tree::Rows | Tree::Search => key.first_chunk(),
        Tree::Manifest => key.get(1..).and_then(<[u8]>::first_chunk),
        Tree::Sys | Tree::Catalog | Tree::Governance => None,
    };
    number.map_or(0, |number| u64::from_be_bytes(*number))
}

/// A batch on its way to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// An ordered store of small values in six trees.
///
/// Many threads may call at once. A batch is seen wholly or not at all by each call of [`Engine::get`] and [`Engine::scan`], and may
/// be seen before its [`Engine::commit`] returns, that is, before it is durable: whoever must not show such data publishes
/// it only after `commit`, as `txn` does. Dropping an engine closes it; nothing acknowledged waits for that.
pub trait Engine: Send + Sync + Debug {
    /// The value of `key`. [`Kind::Corruption`](crate::error::Kind) if it is there and does not open.
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// All pairs whose key begins with `prefix`, ordered by key, as of one moment.
    fn scan(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Pair>>;

    /// Takes a batch to be applied after all that were taken before, wholly or, when it is refused, not at all. Reads see it at
    /// once; durable it is when [`Engine::settle`] returns.
    fn submit(&self, batch: WriteBatch) -> Result<Ticket>;

    /// Waits until a batch is durable. If the write or the sync itself fails (`Io`, `DiskFull`, `Corruption`), whether the batch is
    /// kept shows at the next open; until then commits are refused.
    fn settle(&self, ticket: Ticket) -> Result<()>;

    /// As [`Engine::settle`], for a task: `waker` is called when it is worth asking again. Whoever asks first writes for all who
    /// wait, on its own thread. Whoever has begun to ask must go on until the answer, since others may wait for it to write.
    fn poll_settle(&self, ticket: Ticket, waker: &Waker) -> Poll<Result<()>>;

    /// Applies all of `batch` or, when it is refused, none of it; durable on return.
    fn commit(&self, batch: WriteBatch) -> Result<()> {
        let ticket = self.submit(batch)?;
        self.settle(ticket)
    }
}

#[cfg(test)]
pub(super) mod conformance {
    //! What every engine must do, run against each of them.

    use std::sync::Arc;

    use super::*;
    use crate::error::Kind;

    fn put(engine: &dyn Engine, tree: Tree, key: &[u8], value: &[u8]) {
        let mut batch = WriteBatch::new();
        batch.put(tree, key, value);
        engine.commit(batch).unwrap();
    }

    pub fn all(engine: Arc<dyn Engine>) {
        reads_what_was_written(&*engine);
        keeps_order_and_prefixes(&*engine);
        keeps_large_values(&*engine);
        refuses_what_is_beyond_bounds(&*engine);
        takes_commits_from_many_threads(engine);
    }

    fn reads_what_was_written(engine: &dyn Engine) {
        assert_eq!(engine.get(Tree::Catalog, b"a").unwrap(), None);
        let mut batch = WriteBatch::new();
        batch.put(Tree::Catalog, b"a", b"first");
        batch.put(Tree::Catalog, b"a", b"second");
        batch.put(Tree::Sys, b"a", b"");
        batch.put(Tree::Rows, b"gone", b"x");
        batch.delete(Tree::Rows, b"gone");
        batch.delete(Tree::Rows, b"never there");
        engine.commit(batch).unwrap();
        assert_eq!(engine.get(Tree::Catalog, b"a").unwrap().unwrap(), b"second");
        assert_eq!(engine.get(Tree::Sys, b"a").unwrap().unwrap(), b"");
        assert_eq!(engine.get(Tree::Governance, b"a").unwrap(), None);
        assert_eq!(engine.get(Tree::Rows, b"gone").unwrap(), None);
        engine.commit(WriteBatch::new()).unwrap();
    }

    fn keeps_order_and_prefixes(engine: &dyn Engine) {
        let keys: [&[u8]; 7] = [b"", b"\0", b"p", b"p\0", b"p\0\x01", b"p\xff", b"q"];
        for key in keys.iter().rev() {
            put(engine, Tree::Manifest, key, key);
        }
        let found = engine.scan(Tree::Manifest, b"").unwrap();
        assert_eq!(found.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>(), keys);
        assert!(found.iter().all(|(key, value)| key == value));
        let found = engine.scan(Tree::Manifest, b"p").unwrap();
        assert_eq!(found.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>(), keys[2..6]);
        assert!(engine.scan(Tree::Manifest, b"r").unwrap().is_empty());
    }

    fn keeps_large_values(engine: &dyn Engine) {
        let value = |seed: usize, length: usize| (0..length).map(|i| (i * 31 + seed) as u8).collect::<Vec<_>>();
        let sizes = [3_000_000, 100, 16 * 1024 - 90, 16 * 1024 - 64, 16 * 1024, 40_000, 70_000, 0];
        for (seed, length) in sizes.into_iter().enumerate() {
            put(engine, Tree::Search, b"big", &value(seed, length));
            put(engine, Tree::Search, b"big\0", b"neighbour");
            assert_eq!(engine.get(Tree::Search, b"big").unwrap().unwrap(), value(seed, length));
            let found = engine.scan(Tree::Search, b"big").unwrap();
            assert_eq!(found, [(b"big".to_vec(), value(seed, length)), (b"big\0".to_vec(), b"neighbour".to_vec())]);
        }
        put(engine, Tree::Search, b"big", &value(9, 200_000));
        let mut batch = WriteBatch::new();
        batch.delete(Tree::Search, b"big");
        batch.delete(Tree::Search, b"big\0");
        engine.commit(batch).unwrap();
        assert!(engine.scan(Tree::Search, b"").unwrap().is_empty());
    }

    fn refuses_what_is_beyond_bounds(engine: &dyn Engine) {
        let mut batch = WriteBatch::new();
        batch.put(Tree::Rows, b"fine", b"x");
        batch.put(Tree::Rows, vec![0; config::ENGINE_KEY_BYTES_MAX + 1], b"x");
        assert_eq!(engine.commit(batch).unwrap_err().kind(), Kind::Internal);
        let mut batch = WriteBatch::new();
        batch.put(Tree::Rows, b"fine", vec![0; config::ENGINE_VALUE_BYTES_MAX + 1]);
        assert_eq!(engine.commit(batch).unwrap_err().kind(), Kind::LimitExceeded);
        assert_eq!(engine.get(Tree::Rows, b"fine").unwrap(), None);
    }

    fn takes_commits_from_many_threads(engine: Arc<dyn Engine>) {
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                let engine = &engine;
                scope.spawn(move || {
                    for round in 0..20u8 {
                        let mut batch = WriteBatch::new();
                        batch.put(Tree::Rows, [b'm', thread, round], [round]);
                        // Both trees always show the same round of a thread.
                        batch.put(Tree::Governance, [b'm', thread], [round]);
                        batch.put(Tree::Sys, b"last", [thread, round]);
                        engine.commit(batch).unwrap();
                        assert_eq!(engine.get(Tree::Governance, &[b'm', thread]).unwrap().unwrap(), [round]);
                    }
                });
            }
        });
        assert_eq!(engine.scan(Tree::Rows, b"m").unwrap().len(), 160);
        assert!(engine.scan(Tree::Governance, b"m").unwrap().iter().all(|(_, value)| *value == [19]));
    }
}
