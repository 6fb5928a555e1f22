//! What the sessions of a database are doing: behind pg_stat_activity and pg_stat_ssl, and the way to stop one.
//!
//! A session takes a [`Seat`] for as long as it lives and writes down there what it begins and when it rests. Who asks reads
//! the seats of all; nothing here is kept.

use super::session::Status;
use crate::catalog::ObjectId;
use crate::config::ACTIVITY_QUERY_BYTES;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// All sessions, by their number.
#[derive(Default)]
pub struct Activities(Mutex<BTreeMap<u64, Arc<Activity>>>);

/// One session.
pub struct Activity {
    /// The role that logged in.
    pub role: ObjectId,
    /// When it began, in microseconds since 1970.
    pub begun_us: i64,
    connection: OnceLock<Connection>,
    now: Mutex<Now>,
}

/// The connection that a session belongs to, or the job; a session of a program that embeds the database has none.
pub struct Connection {
    /// Its number.
    pub pid: i32,
    /// Where the client is; a job has none.
    pub peer: Option<SocketAddr>,
    /// How it is encrypted, if it is.
    pub encryption: Option<Encryption>,
    /// What runs by itself, if that is what it is: `job nightly`.
    pub job: Option<String>,
    /// Stops what it does, or the connection itself.
    pub stop: Box<dyn Fn(Stop) + Send + Sync>,
}

/// What TLS is between the client and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// `TLSv1.3`
    pub version: String,
    /// The cipher suite by the name of its standard.
    pub cipher: String,
    /// Bits of the cipher's key.
    pub bits: i32,
}

/// What is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The statement that runs.
    Statement,
    /// The connection.
    Connection,
}

/// What a session is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// A statement runs.
    Active,
    /// It waits for the client.
    #[default]
    Idle,
    /// It waits in a transaction.
    IdleInTransaction,
    /// It waits in a transaction that failed.
    Aborted,
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Idle => Self::Idle,
            Status::Block => Self::IdleInTransaction,
            Status::Failed => Self::Aborted,
        }
    }
}

impl State {
    /// The word of pg_stat_activity.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::IdleInTransaction => "idle in transaction",
            Self::Aborted => "idle in transaction (aborted)",
        }
    }
}

/// What a session is at, and since when; moments are microseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// What it is at.
    pub state: State,
    /// Its last statement, up to so many bytes.
    pub query: String,
    /// The client's name of itself.
    pub application: String,
    /// When its last statement began.
    pub query_us: Option<i64>,
    /// When its transaction began.
    pub transaction_us: Option<i64>,
    /// When the state became what it is.
    pub changed_us: Option<i64>,
}

/// A session's place among all, which it leaves when it ends.
pub struct Seat {
    number: u64,
    all: Arc<Activities>,
    activity: Arc<Activity>,
}

impl Activities {
    /// A seat for a session of this number.
    pub fn sit(self: &Arc<Self>, number: u64, role: ObjectId) -> Seat {
        let now = Mutex::new(Now::default());
        let activity = Arc::new(Activity { role, begun_us: now_us(), connection: OnceLock::new(), now });
        self.0.lock().insert(number, activity.clone());
        Seat { number, all: self.clone(), activity }
    }

    /// All that there are, in the order in which they came.
    pub fn all(&self) -> Vec<Arc<Activity>> {
        self.0.lock().values().cloned().collect()
    }

    /// That of a connection.
    pub fn of_connection(&self, pid: i32) -> Option<Arc<Activity>> {
        self.0.lock().values().find(|of| of.connection().is_some_and(|of| of.pid == pid)).cloned()
    }
}

impl Activity {
    /// Its connection, if it has one.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.get()
    }

    /// The number of its connection, of the process when it has none.
    pub fn pid(&self) -> i32 {
        self.connection().map_or(std::process::id() as i32, |of| of.pid)
    }

    /// What it is at.
    pub fn now(&self) -> Now {
        self.now.lock().clone()
    }
}

impl Seat {
    /// Says which connection it is of, once.
    pub fn connect(&self, connection: Connection) {
        // A second time is none: the session stays with its first connection.
        let _ = self.activity.connection.set(connection);
    }

    /// What is told of the session.
    pub fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// A statement begins.
    pub fn begin(&self, text: &str, application: &str) {
        let moment = now_us();
        let mut now = self.activity.now.lock();
        // What is told already may be told again.
        if now.query != text {
            now.query.clear();
            now.query.push_str(shown(text));
        }
        if now.application != application {
            application.clone_into(&mut now.application);
        }
        (now.state, now.query_us, now.changed_us) = (State::Active, Some(moment), Some(moment));
        now.transaction_us.get_or_insert(moment);
    }

    /// It waits for the client.
    pub fn rest(&self, state: State) {
        let mut now = self.activity.now.lock();
        if now.state != state {
            (now.state, now.changed_us) = (state, Some(now_us()));
        }
        if state == State::Idle {
            now.transaction_us = None;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.number);
    }
}

impl fmt::Debug for Activities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activities").field("sessions", &self.0.lock().len()).finish()
    }
}

/// As much of a statement as is told to others: its beginning, and nothing of one that may hold a password.
fn shown(text: &str) -> &str {
    let word = b"password";
    match text.as_bytes().windows(word.len()).any(|at| at.eq_ignore_ascii_case(word)) {
        true => "<a statement about passwords>",
        false => &text[..text.floor_char_boundary(ACTIVITY_QUERY_BYTES)],
    }
}

fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_tells_what_its_session_does() {
        let all = Arc::new(Activities::default());
        let (first, second) = (all.sit(1, 7), all.sit(2, 8));
        first.begin("SELECT 1", "psql");
        let now = all.all()[0].now();
        assert_eq!((now.state, now.query.as_str(), now.application.as_str()), (State::Active, "SELECT 1", "psql"));
        assert!(now.transaction_us.is_some());
        first.rest(State::IdleInTransaction);
        assert!(first.activity().now().transaction_us.is_some());
        first.rest(State::Idle);
        assert!(first.activity().now().transaction_us.is_none());
        drop(first);
        assert_eq!(all.all().len(), 1);
        assert_eq!(second.activity().now().state, State::Idle);
    }

    #[test]
    fn passwords_are_not_told_and_long_statements_are_cut() {
        assert!(!shown("ALTER ROLE ann Password 'hunter2'").contains("hunter2"));
        let long = "SELECT '茶".to_owned() + &"茶".repeat(ACTIVITY_QUERY_BYTES);
        assert!(long.starts_with(shown(&long)) && shown(&long).len() <= ACTIVITY_QUERY_BYTES);
    }
}
