//! Batches on their way to the disk: taken in order, made durable many at once by whoever comes first, then applied.
//!
//! ```text
//! waiting -> leading -> durable -> (applied, and gone from here)
//! ```
//!
//! Who comes first leads: it writes and syncs for all on its own thread. The others leave a waker and give their thread away, be
//! they tasks or threads: to hand a thread over costs as much as a short commit. Whoever has submitted a batch must ask for it until
//! it is settled, since the next leader is one of those who wait.
//!
//! That is the shortest way for one who is alone. Where several are at work a thread that waits for the disk is one that computes
//! nothing: there two threads of their own ([`super::writers`]) make durable and apply, and no other leads as long as they are there
//! unless it asks to.
//!
//! Who waits is told as soon as a batch is durable. What is durable is applied when there is enough of it, by one of those who made
//! it so, while the next ones are on their way to the disk: to apply many batches costs little more than to apply one, since most
//! of them change the same rows. Until then it is read from here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::engine::{Op, Pair, Ticket, Tree};
use super::record::Write;
use crate::config::{APPLIED_BATCHES, APPLIED_BYTES, UNAPPLIED_BATCHES_MAX};
use crate::error::Result;

/// One batch: as it came, for those who read before it is applied, and sealed.
#[derive(Debug, Default)]
pub(super) struct Submitted {
    pub ops: Vec<Op>,
    pub writes: Vec<Write>,
}

impl Submitted {
    /// Bytes of its values.
    fn bytes(&self) -> usize {
        self.ops.iter().filter_map(|op| op.value.as_ref()).map(Vec::len).sum()
    }
}

/// The batches that are not applied yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something was applied, or will never be.
    applied: Condvar,
    /// Something waits to be made durable, for the thread that does so.
    called: Condvar,
    /// Enough is durable to be applied, for the thread that does so.
    due: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    /// Tickets up to this one are durable.
    settled: u64,
    waiting: Group,
    /// What a leader has in hand.
    leading: Option<Group>,
    /// What is durable and not applied yet: the last of the settled.
    durable: Vec<Arc<Submitted>>,
    /// Bytes of their values.
    durable_bytes: usize,
    /// Somebody applies it.
    applying: bool,
    /// Who could lead, but has to wait until something is applied.
    held_up: Vec<Waker>,
    /// There are threads that lead and apply.
    has_writers: bool,
}

/// Batches that become durable together.
#[derive(Debug, Default)]
struct Group {
    batches: Vec<Arc<Submitted>>,
    /// The ticket of the last of them.
    reached: u64,
    /// Whose batches they are, so that nobody is woken for the batches of others.
    wakers: Vec<Waker>,
}

/// Wakes a thread that is parked.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Queue {
    /// Takes a batch.
    pub(super) fn submit(&self, batch: Submitted) -> Ticket {
        let mut state = self.state.lock();
        state.taken += 1;
        state.waiting.reached = state.taken;
        state.waiting.batches.push(Arc::new(batch));
        Ticket(state.taken)
    }

    /// Whether the batch of `ticket` is durable; else `waker` is called when it is worth asking again. The first who asks makes
    /// durable what all wait for, with `write`, on this thread, and then applies what is durable, with `apply`, if it is enough and
    /// nobody else does; `go_on` says whether anything may still be written.
    pub(super) fn poll_settle(
        &self,
        ticket: Ticket,
        waker: &Waker,
        go_on: impl Fn() -> Result<()>,
        write: impl Fn(&[Arc<Submitted>]) -> Result<()>,
        apply: impl Fn(&[Arc<Submitted>]) -> Result<()>,
    ) -> Poll<Result<()>> {
        let mut state = self.state.lock();
        while state.settled < ticket.0 {
            if let Err(error) = go_on() {
                // Whoever was woken to lead leaves, and all others have to hear of it.
                let others = std::mem::take(&mut state.waiting.wakers);
                drop(state);
                others.into_iter().for_each(Waker::wake);
                return Poll::Ready(Err(error));
            }
            let is_held_up = state.is_held_up();
            let State { leading, waiting, held_up, .. } = &mut *state;
            let wakers = match leading {
                Some(leading) if ticket.0 <= leading.reached => Some(&mut leading.wakers),
                Some(_) => Some(&mut waiting.wakers),
                None if is_held_up => Some(held_up),
                None => None,
            };
            if let Some(wakers) = wakers {
                if !wakers.iter().any(|one| one.will_wake(waker)) {
                    wakers.push(waker.clone());
                }
                return Poll::Pending;
            }
            if let Err(error) = self.lead(&mut state, &write) {
                return Poll::Ready(Err(error));
            }
        }
        if state.has_writers {
            return Poll::Ready(Ok(()));
        }
        while !state.applying && state.has_enough() && go_on().is_ok() {
            if let Err(error) = self.apply(&mut state, &apply) {
                return Poll::Ready(Err(error));
            }
            // Nobody is kept at it for long: who comes next applies what is left.
            if state.leading.is_some() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`Queue::poll_settle`] where threads lead and apply: who asks never does. Nothing if there are no such threads.
    pub(super) fn poll_told(
        &self,
        ticket: Ticket,
        waker: &Waker,
        go_on: impl Fn() -> Result<()>,
    ) -> Option<Poll<Result<()>>> {
        let mut state = self.state.lock();
        if state.settled >= ticket.0 {
            return Some(Poll::Ready(Ok(())));
        }
        if let Err(error) = go_on() {
            return Some(Poll::Ready(Err(error)));
        }
        if !state.has_writers {
            return None;
        }
        let is_led = state.leading.is_some();
        let State { leading, waiting, .. } = &mut *state;
        let wakers = match leading {
            Some(leading) if ticket.0 <= leading.reached => &mut leading.wakers,
            _ => &mut waiting.wakers,
        };
        if !wakers.iter().any(|one| one.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        drop(state);
        // Who leads now calls when it is done.
        if !is_led {
            self.called.notify_one();
        }
        Some(Poll::Pending)
    }

    /// From now on threads lead, in [`Queue::lead_all`], and apply, in [`Queue::apply_all`]; or they do no more, and end.
    pub(super) fn set_writers(&self, has_writers: bool) {
        let mut state = self.state.lock();
        state.has_writers = has_writers;
        let woken = match has_writers {
            true => Vec::new(),
            // One of them leads next.
            false => std::mem::take(&mut state.waiting.wakers),
        };
        drop(state);
        self.called.notify_all();
        self.due.notify_all();
        self.applied.notify_all();
        woken.into_iter().for_each(Waker::wake);
    }

    /// Leads, on a thread that does nothing else, until there are to be no such threads any more.
    pub(super) fn lead_all(&self, go_on: impl Fn() -> Result<()>, write: impl Fn(&[Arc<Submitted>]) -> Result<()>) {
        let mut state = self.state.lock();
        while state.has_writers {
            if state.leading.is_some() || state.waiting.batches.is_empty() {
                self.called.wait(&mut state);
            } else if go_on().is_err() {
                // Those who wait hear why when they ask again.
                match std::mem::take(&mut state.waiting.wakers) {
                    none if none.is_empty() => self.called.wait(&mut state),
                    woken => MutexGuard::unlocked(&mut state, || woken.into_iter().for_each(Waker::wake)),
                }
            } else if state.is_held_up() {
                self.applied.wait(&mut state);
            } else {
                // Those for whom it fails hear of it.
                _ = self.lead(&mut state, &write);
            }
        }
    }

    /// Applies what is durable whenever there is enough of it, on a thread that does nothing else, until there are to be no such
    /// threads any more.
    pub(super) fn apply_all(&self, go_on: impl Fn() -> Result<()>, apply: impl Fn(&[Arc<Submitted>]) -> Result<()>) {
        let mut state = self.state.lock();
        while state.has_writers {
            if state.applying || !state.has_enough() || go_on().is_err() {
                self.due.wait(&mut state);
            } else if self.apply(&mut state, &apply).is_err() {
                // Nothing more is written: who waits for that is to hear of it.
                let woken = std::mem::take(&mut state.waiting.wakers);
                MutexGuard::unlocked(&mut state, || woken.into_iter().for_each(Waker::wake));
            }
        }
    }

    /// Makes all that wait durable.
    fn lead(&self, state: &mut MutexGuard<'_, State>, write: impl Fn(&[Arc<Submitted>]) -> Result<()>) -> Result<()> {
        let group = std::mem::take(&mut state.waiting);
        let batches = group.batches.clone();
        state.leading = Some(group);
        let result = MutexGuard::unlocked(state, || write(&batches));
        let Some(group) = state.leading.take() else { return result };
        let mut woken = group.wakers;
        match &result {
            Ok(()) => {
                state.settled = group.reached;
                state.durable_bytes += batches.iter().map(|batch| batch.bytes()).sum::<usize>();
                state.durable.extend(batches);
                // One of those who came meanwhile leads next.
                match state.has_writers {
                    true => self.call(&*state),
                    false => woken.extend(state.waiting.wakers.pop()),
                }
            }
            // Nothing more will be written: all are to hear of it.
            Err(_) => woken.append(&mut state.waiting.wakers),
        }
        MutexGuard::unlocked(state, || woken.into_iter().for_each(Waker::wake));
        result
    }

    /// Has the threads that lead and apply look for what there is to do.
    fn call(&self, state: &State) {
        if !state.waiting.batches.is_empty() {
            self.called.notify_one();
        }
        if state.has_enough() && !state.applying {
            self.due.notify_one();
        }
    }

    /// As [`Queue::poll_settle`], on a thread that has nothing else to do.
    pub(super) fn settle(
        &self,
        ticket: Ticket,
        go_on: impl Fn() -> Result<()>,
        write: impl Fn(&[Arc<Submitted>]) -> Result<()>,
        apply: impl Fn(&[Arc<Submitted>]) -> Result<()>,
    ) -> Result<()> {
        let waker = Waker::from(Arc::new(Parked(thread::current())));
        loop {
            match self.poll_settle(ticket, &waker, &go_on, &write, &apply) {
                Poll::Ready(settled) => return settled,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// Applies all that is durable now.
    pub(super) fn apply_durable(
        &self,
        go_on: impl Fn() -> Result<()>,
        apply: impl Fn(&[Arc<Submitted>]) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let reached = state.settled;
        while state.settled - (state.durable.len() as u64) < reached {
            go_on()?;
            match state.applying {
                true => self.applied.wait(&mut state),
                false => self.apply(&mut state, &apply)?,
            }
        }
        Ok(())
    }

    /// What is durable and not applied; nobody submits any more.
    pub(super) fn take_durable(&mut self) -> Vec<Arc<Submitted>> {
        std::mem::take(&mut self.state.get_mut().durable)
    }

    /// Applies what is durable now.
    fn apply(&self, state: &mut MutexGuard<'_, State>, apply: impl Fn(&[Arc<Submitted>]) -> Result<()>) -> Result<()> {
        let group = state.durable.clone();
        state.applying = true;
        let result = MutexGuard::unlocked(state, || apply(&group));
        state.applying = false;
        if result.is_ok() {
            state.durable.drain(..group.len());
            state.durable_bytes -= group.iter().map(|batch| batch.bytes()).sum::<usize>();
        }
        self.applied.notify_all();
        let held_up = std::mem::take(&mut state.held_up);
        MutexGuard::unlocked(state, || held_up.into_iter().for_each(Waker::wake));
        result
    }

    /// What the batches in the queue make of a key; `None` when they do not name it.
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let state = self.state.lock();
        let mut ops = state.batches().rev().flat_map(|batch| batch.ops.iter().rev());
        ops.find(|op| op.tree == tree && op.key == key).map(|op| op.value.clone())
    }

    /// What the batches in the queue make of the keys with a prefix.
    pub(super) fn scan(&self, tree: Tree, prefix: &[u8]) -> Changes {
        let state = self.state.lock();
        let ops = state.batches().flat_map(|batch| &batch.ops);
        Changes(
            ops.filter(|op| op.tree == tree && op.key.starts_with(prefix))
                .map(|op| (op.key.clone(), op.value.clone()))
                .collect(),
        )
    }
}

impl State {
    /// Whether so much is durable that it is to be applied.
    fn has_enough(&self) -> bool {
        self.durable.len() >= APPLIED_BATCHES || self.durable_bytes >= APPLIED_BYTES
    }

    /// Whether nothing more may become durable before something is applied.
    fn is_held_up(&self) -> bool {
        self.applying && self.durable.len() > UNAPPLIED_BATCHES_MAX
    }

    /// In order.
    fn batches(&self) -> impl DoubleEndedIterator<Item = &Arc<Submitted>> {
        let leading = self.leading.iter().flat_map(|group| &group.batches);
        self.durable.iter().chain(leading).chain(&self.waiting.batches)
    }
}

/// Keys and what became of them.
pub(super) struct Changes(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Changes {
    /// The pairs as they are after the changes, in order.
    pub(super) fn over(self, pairs: Vec<Pair>) -> Vec<Pair> {
        if self.0.is_empty() {
            return pairs;
        }
        let mut all: BTreeMap<_, _> = pairs.into_iter().collect();
        for (key, value) in self.0 {
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(&key),
            };
        }
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::error::{Error, Kind};

    /// A store that fails while a group is on its way is failed for those behind it too: none of them may wait for a leader that
    /// will not come.
    #[test]
    fn all_who_wait_hear_that_nothing_more_is_written() {
        let (queue, failed, asked) = (Queue::default(), AtomicBool::new(false), AtomicUsize::new(0));
        let go_on = || {
            asked.fetch_add(1, Ordering::SeqCst);
            match failed.load(Ordering::SeqCst) {
                true => Err(Error::new(Kind::Io, "failed")),
                false => Ok(()),
            }
        };
        let write = |_: &[Arc<Submitted>]| {
            // Until the others have asked, and wait.
            while asked.load(Ordering::SeqCst) < 4 {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(50));
            failed.store(true, Ordering::SeqCst);
            Ok(())
        };
        let settle = |ticket| queue.settle(ticket, go_on, write, |_: &[Arc<Submitted>]| Ok(()));
        thread::scope(|scope| {
            let first = queue.submit(Submitted::default());
            let leader = scope.spawn(move || settle(first));
            while asked.load(Ordering::SeqCst) < 1 {
                thread::yield_now();
            }
            // The leader has taken its group when it has asked and something is in hand.
            while queue.state.lock().leading.is_none() {
                thread::yield_now();
            }
            let behind: Vec<_> = (0..3)
                .map(|_| {
                    let ticket = queue.submit(Submitted::default());
                    scope.spawn(move || settle(ticket))
                })
                .collect();
            assert!(leader.join().unwrap().is_ok());
            assert!(behind.into_iter().all(|one| one.join().unwrap().is_err()));
        });
    }

    /// With threads that lead and apply nobody else does; when they end, those who wait lead again.
    #[test]
    fn threads_make_durable_what_others_wait_for() {
        use std::sync::atomic::AtomicU64;
        struct Counted(AtomicUsize, Thread);
        impl Wake for Counted {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
                self.1.unpark();
            }
        }
        let (queue, me) = (Queue::default(), thread::current().id());
        let (written, applied, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let go_on = || Ok(());
        let write = |group: &[Arc<Submitted>]| {
            assert!(ended.load(Ordering::SeqCst) || thread::current().id() != me);
            written.fetch_add(group.len() as u64, Ordering::SeqCst);
            Ok(())
        };
        let apply = |group: &[Arc<Submitted>]| {
            applied.fetch_add(group.len() as u64, Ordering::SeqCst);
            Ok(())
        };
        let counted = Arc::new(Counted(AtomicUsize::new(0), thread::current()));
        let waker = Waker::from(counted.clone());
        assert!(queue.poll_told(queue.submit(Submitted::default()), &waker, go_on).is_none(), "there are no threads");
        queue.set_writers(true);
        thread::scope(|scope| {
            let threads = [scope.spawn(|| queue.lead_all(go_on, write)), scope.spawn(|| queue.apply_all(go_on, apply))];
            for _ in 0..3 * APPLIED_BATCHES {
                let ticket = queue.submit(Submitted::default());
                while queue.poll_told(ticket, &waker, go_on).unwrap().is_pending() {
                    thread::park_timeout(Duration::from_secs(5));
                }
            }
            assert!(counted.0.load(Ordering::SeqCst) > 0);
            queue.set_writers(false);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(written.load(Ordering::SeqCst), 3 * APPLIED_BATCHES as u64 + 1);
        assert!(applied.load(Ordering::SeqCst) >= APPLIED_BATCHES as u64);
        ended.store(true, Ordering::SeqCst);
        queue.settle(queue.submit(Submitted::default()), go_on, write, apply).unwrap();
        queue.apply_durable(go_on, apply).unwrap();
        assert_eq!(applied.load(Ordering::SeqCst), written.load(Ordering::SeqCst));
    }
}
