//! An engine that forgets: for tests, and for databases that live in memory.

use std::collections::BTreeMap;
use std::task::{Poll, Waker};

use parking_lot::RwLock;

use super::engine::{Engine, Pair, Ticket, Tree, WriteBatch};
use crate::error::Result;

/// [`Engine`] over ordered maps. Nothing is sealed, nothing outlives it.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    trees: RwLock<[BTreeMap<Vec<u8>, Vec<u8>>; Tree::ALL.len()]>,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Engine for MemoryEngine {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.trees.read()[tree as usize].get(key).cloned())
    }

    fn scan(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Pair>> {
        let trees = self.trees.read();
        let from = trees[tree as usize].range(prefix.to_vec()..);
        Ok(from
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn submit(&self, batch: WriteBatch) -> Result<Ticket> {
        batch.validate()?;
        let mut trees = self.trees.write();
        for op in batch.ops {
            let tree = &mut trees[op.tree as usize];
            match op.value {
                Some(value) => tree.insert(op.key, value),
                None => tree.remove(&op.key),
            };
        }
        Ok(Ticket(0))
    }

    fn settle(&self, _: Ticket) -> Result<()> {
        Ok(())
    }

    fn poll_settle(&self, _: Ticket, _: &Waker) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::engine::conformance;
    use super::*;

    #[test]
    fn conforms() {
        conformance::all(Arc::new(MemoryEngine::new()));
    }
}
