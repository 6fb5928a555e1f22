//! LISTEN and NOTIFY: messages from one session to all that listen, told when what they speak of is committed.
//!
//! What a transaction asks for waits in its [`Pending`] and goes when it is rolled back. At the commit the session first
//! becomes a listener, then the messages are put into the queues of all listeners, in the order of the commits. Queues live in
//! memory and are bounded: who would fill one is refused, and so is its commit.

use super::context::Context;
use super::database::Inner;
use crate::config::{NAME_BYTES_MAX, NOTIFICATION_BYTES_MAX, NOTIFICATIONS_MAX};
use crate::error::{Error, Kind, Result};
use crate::txn::{Committing, Transaction};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::Notify;

/// A message of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The number of the connection that sent it.
    pub pid: i32,
    /// The channel.
    pub channel: String,
    /// What it says.
    pub payload: String,
}

/// What a transaction asks for, in its order.
#[derive(Debug, Clone)]
enum Asked {
    Listen(String),
    Unlisten(String),
    UnlistenAll,
    Notify { channel: String, payload: String },
    Savepoint(String),
}

/// What a session's transaction asks for until it ends. Clones are of the same one.
#[derive(Debug, Clone, Default)]
pub struct Pending(Arc<Mutex<Vec<Asked>>>);

impl Pending {
    /// LISTEN.
    pub fn listen(&self, channel: String) {
        self.0.lock().push(Asked::Listen(channel));
    }

    /// UNLISTEN; without a channel all.
    pub fn unlisten(&self, channel: Option<String>) {
        self.0.lock().push(channel.map_or(Asked::UnlistenAll, Asked::Unlisten));
    }

    /// NOTIFY.
    pub fn notify(&self, channel: &str, payload: &str) -> Result<()> {
        let invalid = |message: &str| Err(Error::new(Kind::InvalidParameter, message));
        if channel.is_empty() {
            return invalid("channel name cannot be empty");
        }
        if channel.len() > NAME_BYTES_MAX {
            return invalid("channel name too long");
        }
        if payload.len() > NOTIFICATION_BYTES_MAX {
            return invalid("payload string too long");
        }
        let mut asked = self.0.lock();
        // Here, not at the commit: a loop of calls must not fill the memory before.
        if asked.len() >= NOTIFICATIONS_MAX {
            return Err(too_many());
        }
        asked.push(Asked::Notify { channel: channel.to_owned(), payload: payload.to_owned() });
        Ok(())
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Marks a savepoint.
    pub fn savepoint(&self, name: &str) {
        self.0.lock().push(Asked::Savepoint(name.to_owned()));
    }

    /// Goes back to a savepoint.
    pub fn rollback_to(&self, name: &str) {
        let mut asked = self.0.lock();
        if let Some(at) = last_savepoint(&asked, name) {
            asked.truncate(at + 1);
        }
    }

    /// Forgets a savepoint and those after it, and nothing of what was asked since.
    pub fn release(&self, name: &str) {
        let mut asked = self.0.lock();
        if let Some(at) = last_savepoint(&asked, name) {
            let since = asked.split_off(at);
            asked.extend(since.into_iter().filter(|asked| !matches!(asked, Asked::Savepoint(_))));
        }
    }

    fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock())
    }
}

fn last_savepoint(asked: &[Asked], name: &str) -> Option<usize> {
    asked.iter().rposition(|asked| matches!(asked, Asked::Savepoint(of) if of == name))
}

/// Messages that a session has still to be told.
#[derive(Debug, Default)]
struct Queue {
    messages: Mutex<VecDeque<Notification>>,
    bell: Arc<Notify>,
}

/// A session as one that listens. Dropped, it does not any more.
#[derive(Debug)]
pub struct Listener {
    channels: Arc<Channels>,
    number: u64,
    queue: Arc<Queue>,
    listens_to: BTreeSet<String>,
}

impl Listener {
    /// Messages since the last call.
    pub fn take(&self) -> Vec<Notification> {
        self.queue.messages.lock().drain(..).collect()
    }

    /// What rings when there are some.
    pub fn bell(&self) -> Arc<Notify> {
        self.queue.bell.clone()
    }

    fn listen(&mut self, channel: String) {
        let mut listeners = self.channels.listeners.lock();
        let listeners = listeners.entry(channel.clone()).or_default();
        listeners.insert(self.number, self.queue.clone());
        self.listens_to.insert(channel);
    }

    fn unlisten(&mut self, channel: &str) {
        let mut all = self.channels.listeners.lock();
        if let Some(listeners) = all.get_mut(channel) {
            listeners.remove(&self.number);
            if listeners.is_empty() {
                all.remove(channel);
            }
        }
        self.listens_to.remove(channel);
    }

    fn unlisten_all(&mut self) {
        std::mem::take(&mut self.listens_to).iter().for_each(|channel| self.unlisten(channel));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.unlisten_all();
    }
}

/// All channels of a database.
#[derive(Debug, Default)]
pub struct Channels {
    listeners: Mutex<HashMap<String, HashMap<u64, Arc<Queue>>>>,
    /// Held while a transaction with messages is committed, so that they come in the order of the commits.
    order: Mutex<()>,
}

impl Channels {
    /// A session that may listen; no two have the same number.
    pub fn listener(self: &Arc<Self>, number: u64) -> Listener {
        Listener { channels: self.clone(), number, queue: Arc::default(), listens_to: BTreeSet::new() }
    }

    fn queues(&self, channel: &str) -> Vec<Arc<Queue>> {
        self.listeners.lock().get(channel).into_iter().flat_map(|of| of.values().cloned()).collect()
    }

    fn must_have_room(&self, messages: &[Notification]) -> Result<()> {
        for message in messages {
            for queue in self.queues(&message.channel) {
                if queue.messages.lock().len() + messages.len() > NOTIFICATIONS_MAX {
                    return Err(too_many());
                }
            }
        }
        Ok(())
    }

    fn send(&self, messages: Vec<Notification>) {
        for message in messages {
            for queue in self.queues(&message.channel) {
                queue.messages.lock().push_back(message.clone());
                queue.bell.notify_one();
            }
        }
    }
}

fn too_many() -> Error {
    Error::new(Kind::LimitExceeded, "too many notifications in the NOTIFY queue")
        .with_hint("A session that listens is in a transaction or does not read what it is sent.")
}

/// Begins to commit a transaction. One that asked for something is committed when this returns, and that is done.
pub fn begin_commit<'a>(
    database: &'a Inner,
    txn: Transaction,
    pending: &Pending,
    (listener, pid): (&mut Listener, i32),
) -> Result<Committing<'a>> {
    let asked = pending.take();
    if asked.is_empty() {
        return database.begin_commit(txn);
    }
    let mut said = HashSet::new();
    let messages: Vec<Notification> = (asked.iter())
        .filter_map(|asked| match asked {
            Asked::Notify { channel, payload } if said.insert((channel, payload)) => {
                Some(Notification { pid, channel: channel.clone(), payload: payload.clone() })
            }
            _ => None,
        })
        .collect();
    let channels = listener.channels.clone();
    let order = (!messages.is_empty()).then(|| channels.order.lock());
    channels.must_have_room(&messages)?;
    // Under the lock of those who send: on this thread.
    let seq = database.commit_now(txn)?;
    for asked in asked {
        match asked {
            Asked::Listen(channel) => listener.listen(channel),
            Asked::Unlisten(channel) => listener.unlisten(&channel),
            Asked::UnlistenAll => listener.unlisten_all(),
            Asked::Notify { .. } | Asked::Savepoint(_) => {}
        }
    }
    channels.send(messages);
    drop(order);
    Ok(database.manager.committed(seq))
}

/// NOTIFY by a function.
pub fn notify(context: &Context, channel: &str, payload: &str) -> Result<()> {
    context.pending.notify(channel, payload)
}
