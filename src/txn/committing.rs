//! A commit on its way to the disk.

use super::keys::KeyBytes;
use super::locks::Moves;
use super::manager::Manager;
use super::seen::Followed;
use super::snapshot::Snapshot;
use super::transaction::Transaction;
use crate::catalog::ObjectId;
use crate::config::{SHORT_COMMIT, SMALL_SEGMENTS_MAX};
use crate::error::Result;
use crate::storage::Ticket;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What a commit merged.
#[derive(Default)]
pub(super) struct Merged {
    /// Where rows are now.
    pub(super) rows: Moves,
    /// The keys of the rows of new segments: table, constraint, segment, key of each row.
    pub(super) keys: Vec<(ObjectId, String, u64, Vec<Option<KeyBytes>>)>,
    /// Places that move along.
    pub(super) seen: Followed,
}

impl Manager {
    /// Checks a transaction and hands it to the store: what others commit from now on is built on it. It is shown once it is durable,
    /// which the [`Committing`] tells.
    pub fn begin_commit(&self, txn: Transaction) -> Result<Committing<'_>> {
        match txn.is_empty() {
            true => Ok(Committing::nothing(self, txn.base.seq)),
            false => self.submit(txn, self.commit.lock()),
        }
    }

    /// A commit that is durable, and shown: the one of this number.
    pub fn committed(&self, seq: u64) -> Committing<'_> {
        Committing::nothing(self, seq)
    }

    /// As [`Manager::begin_commit`] if that neither waits long for another who commits nor writes a file; else the transaction comes back.
    pub fn begin_short_commit(&self, txn: Transaction) -> Result<std::result::Result<Committing<'_>, Transaction>> {
        if txn.is_empty() {
            return Ok(Ok(Committing::nothing(self, txn.base.seq)));
        }
        // To hand this thread to others takes longer than most commits have this.
        match self.commit.try_lock_for(SHORT_COMMIT) {
            Some(alone) if self.is_short(&txn) => self.submit(txn, alone).map(Ok),
            _ => Ok(Err(txn)),
        }
    }

    /// Whether no segments are merged when a transaction is committed, no file is removed, and nobody keeps it from the audit log.
    fn is_short(&self, txn: &Transaction) -> bool {
        let latest = self.checked.load();
        let has_room = |table: &ObjectId| {
            let rows = latest.rows(*table);
            let new = txn.added.get(table).map_or(0, Vec::len);
            new + rows.segments.len() <= SMALL_SEGMENTS_MAX
                || new + rows.segments.iter().filter(|s| s.file().is_none()).count() <= SMALL_SEGMENTS_MAX
        };
        let touched = txn.added.keys().chain(txn.deleted.keys().map(|(table, _)| table));
        let only_rows = txn.objects.is_empty() && txn.truncated.is_empty() && txn.erased.is_empty();
        let logs_at_once = txn.audit.is_empty() || self.audit().is_free();
        only_rows && logs_at_once && touched.into_iter().all(has_room)
    }
}

/// A commit that others build on already, and that is shown once it is durable.
///
/// A future for tasks; threads [`wait`](Committing::wait). Whoever comes first writes for all, on its own thread, so that a task should be
/// polled where that may take a sync of the disk. One that is dropped before its end is waited for then: it has been handed to the
/// store and becomes durable, so that it must be shown, and others may wait for it to write.
#[must_use = "what was committed is shown once this is waited for"]
pub struct Committing<'a> {
    manager: &'a Manager,
    end: End,
    /// A thread of the store writes for it.
    apart: bool,
}

enum End {
    /// There is nothing to wait for: the number of the last commit.
    Reached(u64),
    Waiting(Box<Waiting>),
}

struct Waiting {
    ticket: Ticket,
    /// The states before and after it.
    states: (Arc<Snapshot>, Arc<Snapshot>),
    /// Its locks are held until it is shown.
    _txn: Transaction,
}

impl<'a> Committing<'a> {
    /// Of a transaction that changed nothing, on the state of this commit.
    pub(super) fn nothing(manager: &'a Manager, seq: u64) -> Self {
        Self { manager, end: End::Reached(seq), apart: false }
    }

    /// Of a transaction whose batch has this ticket, between these states.
    pub(super) fn of(
        manager: &'a Manager,
        ticket: Ticket,
        states: (Arc<Snapshot>, Arc<Snapshot>),
        txn: Transaction,
    ) -> Self {
        Self { manager, end: End::Waiting(Box::new(Waiting { ticket, states, _txn: txn })), apart: false }
    }

    /// The same that never writes on the thread that asks, where others are at work meanwhile.
    pub fn apart(self, apart: bool) -> Self {
        let mut committing = self;
        committing.apart = apart;
        committing
    }

    /// Its number, once it is durable.
    pub fn wait(mut self) -> Result<u64> {
        self.settle()
    }

    fn settle(&mut self) -> Result<u64> {
        let ticket = match &self.end {
            End::Reached(seq) => return Ok(*seq),
            End::Waiting(waiting) => waiting.ticket,
        };
        let settled = self.manager.store().engine().settle(ticket);
        self.show(settled)
    }

    /// Shows it if it is durable.
    fn show(&mut self, settled: Result<()>) -> Result<u64> {
        // The transaction's locks go when what it did can be seen.
        match std::mem::replace(&mut self.end, End::Reached(0)) {
            End::Reached(seq) => Ok(seq),
            End::Waiting(waiting) => {
                settled?;
                let seq = self.manager.publish(&waiting.states.0, waiting.states.1.clone())?;
                self.end = End::Reached(seq);
                Ok(seq)
            }
        }
    }
}

impl Future for Committing<'_> {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = match &self.end {
            End::Reached(seq) => return Poll::Ready(Ok(*seq)),
            End::Waiting(waiting) => waiting.ticket,
        };
        let store = self.manager.store();
        let asked = match self.apart {
            true => store.poll_settle_apart(ticket, context.waker()),
            false => store.engine().poll_settle(ticket, context.waker()),
        };
        match asked {
            Poll::Ready(settled) => Poll::Ready(self.show(settled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        // Nobody is left to hear of an error; the store refuses what comes next.
        _ = self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Object, Tag};
    use crate::crypto::{KeySource, MasterKey};
    use crate::storage::Store;
    use std::task::Waker;

    /// It has been handed to the store: who gives it up does not take it back, and those behind it do not wait for ever.
    #[test]
    fn one_that_is_given_up_is_shown_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let manager = Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap();
        let begin = |name: &str| {
            let mut txn = manager.begin(false);
            let tag = Tag {
                name: name.to_owned(),
                allowed_values: Vec::new(),
                mask: None,
                unmask: Vec::new(),
                comment: None,
                propagate: None,
                on_conflict: None,
            };
            txn.put_object(manager.new_id(), Object::Tag(tag)).unwrap();
            manager.begin_commit(txn).unwrap()
        };
        let before = manager.current().seq;
        let (first, mut second) = (begin("a"), begin("b"));
        assert_eq!(manager.current().seq, before, "nothing is shown before it is durable");
        drop(first);
        assert!(manager.current().catalog.tag("a").is_some());
        let told = Pin::new(&mut second).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(told, Poll::Ready(Ok(seq)) if seq == before + 2));
        assert!(manager.current().catalog.tag("b").is_some());
        let (third, fourth) = (begin("c").apart(true), begin("d").apart(true));
        drop(third);
        assert!(manager.current().catalog.tag("c").is_some());
        let waited = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(fourth);
        assert_eq!(waited.unwrap(), before + 4);
        assert!(manager.current().catalog.tag("d").is_some());
    }
}
