//! What a transaction puts off: constraints that it looks at later than its statements, and the keys to look at then.
//!
//! A constraint is known by its table and its name. What keys mean is for whoever looks at them; here they only wait. As they are
//! part of the transaction, what a savepoint does not know of is forgotten with ROLLBACK TO.

use crate::catalog::ObjectId;
use arrow::array::ArrayRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A constraint: its table and its name.
pub type ConstraintId = (ObjectId, String);

/// Keys for which a constraint is still to be looked at.
#[derive(Debug)]
pub struct Waiting {
    /// The constraint.
    pub constraint: ConstraintId,
    /// The table whose rows came or went.
    pub table: ObjectId,
    /// They are keys of rows that came; else of rows that are gone.
    pub came: bool,
    /// The columns of the keys.
    pub keys: Vec<ArrayRef>,
}

/// What a transaction puts off. Cloning is cheap, and so is one more.
#[derive(Debug, Clone, Default)]
pub struct Deferred {
    /// SET CONSTRAINTS ALL, the last.
    all: Option<bool>,
    /// SET CONSTRAINTS of single ones since then.
    named: BTreeMap<ConstraintId, bool>,
    last: Option<Arc<Node>>,
}

#[derive(Debug)]
struct Node {
    waiting: Arc<Waiting>,
    before: Option<Arc<Node>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // One after another: as many as a transaction may have are too many for the stack.
        let mut before = self.before.take();
        while let Some(node) = before {
            before = Arc::into_inner(node).and_then(|mut node| node.before.take());
        }
    }
}

impl Deferred {
    /// All constraints that can be are put off from now on, or none is.
    pub fn set_all(&mut self, deferred: bool) {
        self.all = Some(deferred);
        self.named.clear();
    }

    /// A constraint is put off from now on, or is not.
    pub fn set(&mut self, constraint: ConstraintId, deferred: bool) {
        self.named.insert(constraint, deferred);
    }

    /// Whether a constraint is put off, if the transaction has said anything of it.
    pub fn mode(&self, table: ObjectId, name: &str) -> Option<bool> {
        match self.named.is_empty() {
            true => self.all,
            false => self.named.get(&(table, name.to_owned())).copied().or(self.all),
        }
    }

    /// Puts keys off.
    pub fn put_off(&mut self, waiting: Waiting) {
        self.push(Arc::new(waiting));
    }

    fn push(&mut self, waiting: Arc<Waiting>) {
        self.last = Some(Arc::new(Node { waiting, before: self.last.take() }));
    }

    /// Whether no key waits.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Whether keys of a table's rows wait.
    pub fn waits_for(&self, table: ObjectId) -> bool {
        self.newest_first().any(|waiting| waiting.table == table)
    }

    /// Takes out the keys of the constraints that are meant, in the order in which they came.
    pub fn take(&mut self, meant: impl Fn(&ConstraintId) -> bool) -> Vec<Arc<Waiting>> {
        let mut all: Vec<Arc<Waiting>> = self.newest_first().cloned().collect();
        all.reverse();
        self.last = None;
        let (taken, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|waiting| meant(&waiting.constraint));
        kept.into_iter().for_each(|waiting| self.push(waiting));
        taken
    }

    fn newest_first(&self) -> impl Iterator<Item = &Arc<Waiting>> {
        std::iter::successors(self.last.as_deref(), |node| node.before.as_deref()).map(|node| &node.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(table: u64, name: &str) -> Waiting {
        Waiting { constraint: (table, name.to_owned()), table, came: true, keys: Vec::new() }
    }

    #[test]
    fn a_single_constraint_goes_by_its_own_word_until_all_are_named() {
        let mut deferred = Deferred::default();
        assert_eq!(deferred.mode(1, "a"), None);
        deferred.set_all(true);
        deferred.set((1, "a".to_owned()), false);
        assert_eq!((deferred.mode(1, "a"), deferred.mode(2, "a")), (Some(false), Some(true)));
        deferred.set_all(true);
        assert_eq!(deferred.mode(1, "a"), Some(true));
    }

    #[test]
    fn what_is_taken_comes_in_order_and_the_rest_stays() {
        let mut deferred = Deferred::default();
        for name in ["a", "b", "a"] {
            deferred.put_off(waiting(1, name));
        }
        let before = deferred.clone();
        assert!(deferred.waits_for(1) && !deferred.waits_for(2));
        assert_eq!(deferred.take(|(_, name)| name == "a").len(), 2);
        assert!(!deferred.is_empty());
        assert_eq!(deferred.take(|_| true).len(), 1);
        assert!(deferred.is_empty() && !before.is_empty());
    }

    #[test]
    fn a_million_of_them_end_without_a_stack_of_their_size() {
        let mut deferred = Deferred::default();
        (0..1_000_000).for_each(|_| deferred.put_off(waiting(1, "a")));
        drop(deferred);
    }
}
