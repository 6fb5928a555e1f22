//! Another PostgreSQL database, read in place over the wire.
//!
//! [`RemoteOptions`] say where it is and as whom to enter; [`list`] asks its catalogue for the tables of one schema;
//! [`RemoteTable::scan`] reads one of them in a read-only transaction through a cursor on the other server, so that what is
//! held here is bounded by a batch, whatever the table's size. Projection, simple conditions and LIMIT are carried out there.
//! Values travel as texts, in the settings that PostgreSQL's own foreign tables use, and whoever asked reads them as the
//! types that [`RemoteColumn::type_name`] says.
//!
//! **A reading has a thread of its own.** It waits for the network without holding a thread of those that serve clients,
//! and may be left: whoever asked looks for its own cancellation while it waits, and what is dropped sends a cancel request to
//! the other server.
//!
//! **Promises.** Nothing is ever written there. With `sslmode` from `require` upwards nothing falls back to plain text. Errors
//! name host, database and table and carry the other server's SQLSTATE, never the password; a message of that server is passed on
//! only where it cannot hold a row's value.

mod condition;
mod connection;
mod listing;
mod options;
mod reading;
mod tls;

pub use listing::{RemoteColumn, RemoteTable, list};
pub use options::RemoteOptions;
pub use reading::RemoteScan;

use crate::error::{Error, Kind, Result};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How often whoever waits looks whether it is still wanted.
const LOOK_MS: u64 = 20;

/// Whether whoever asked still wants the answer: its error ends the waiting.
#[derive(Clone)]
pub struct Stop(Arc<dyn Fn() -> Result<()> + Send + Sync>);

impl Stop {
    /// Asks `wanted` now and then while it waits.
    pub fn new(wanted: impl Fn() -> Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(wanted))
    }
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

/// What a thread of its own is doing. Dropped, it tells the thread to give up.
struct Work<T> {
    answers: Receiver<Result<T>>,
    stop: Stop,
    _wanted: oneshot::Sender<()>,
}

impl<T> Work<T> {
    /// The next answer; none when the thread has ended.
    fn next(&self) -> Result<Option<T>> {
        loop {
            match self.answers.recv_timeout(Duration::from_millis(LOOK_MS)) {
                Ok(answer) => return answer.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => (self.stop.0)()?,
            }
        }
    }
}

/// An error of the library, as one of ours. `what` names what was read.
fn failed(options: &RemoteOptions, what: &str, error: &tokio_postgres::Error) -> Error {
    let place = options.shown();
    let Some(told) = error.as_db_error() else {
        // Such errors are of the network and the handshake, and tell no value.
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let told = error.to_string();
        let lost = if told.ends_with(&cause) { told } else { told + &cause };
        let lost = format!("cannot reach {place}: {lost}");
        return Error::new(Kind::ForeignConnection, lost)
            .with_hint("Is the server there, and are host, port and sslmode of the source right?");
    };
    let code = told.code().code();
    // Errors about names, rights, connections and resources hold no value of a row; others may.
    let speaks =
        ["08", "0A", "25", "28", "3D", "3F", "42", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class));
    let detail = match speaks {
        true => format!("SQLSTATE {code}: {}", told.message()),
        false => format!("SQLSTATE {code}"),
    };
    let (kind, verb) = match code.get(..2) {
        Some("28" | "3D" | "08") => (Kind::ForeignConnection, "enter"),
        _ => (Kind::Foreign, "read"),
    };
    let message = match kind {
        Kind::ForeignConnection => format!("cannot {verb} {place}"),
        _ => format!("cannot {verb} {what} of {place}"),
    };
    let hint = match code {
        "42P01" | "42703" => "The other database has changed: REFRESH SOURCE looks at it again.",
        "42501" => "The source's user needs SELECT on it there.",
        _ => return Error::new(kind, message).with_detail(detail),
    };
    Error::new(kind, message).with_detail(detail).with_hint(hint)
}
