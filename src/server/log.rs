//! What the log hears of clients: who came, went and was turned away, what failed with which code, what took long.
//!
//! Never a statement, a parameter, a row or a password. The message of an error quotes what the user wrote or what a row
//! holds (`invalid input syntax for type integer: "..."`), so that of what failed only the code and its meaning are told;
//! damage and a disk that fails are told whole, as those messages name files and nothing else. Names that a client gave
//! are written escaped: no line of the log is made by anybody but us.

use super::backend::Startup;
use super::sqlstate::sqlstate;
use crate::config::SLOW_STATEMENT_MS;
use crate::error::{Error, Kind};
use std::net::SocketAddr;
use std::time::Duration;
use tracing::{Span, debug, error, error_span, field, info, warn};

/// The client that a connection's lines are about. As grave as can be, so that it is named however little is logged.
pub fn client(peer: SocketAddr) -> Span {
    error_span!("client", %peer, pid = field::Empty, role = field::Empty)
}

/// Somebody says who it wants to be.
pub fn asks(role: &str) {
    Span::current().record("role", field::debug(role));
}

/// Somebody has proved who it is.
pub fn logged_in(startup: &Startup) {
    Span::current().record("pid", startup.pid);
    let application = startup.parameters.get("application_name").map_or("", String::as_str);
    info!(?application, "logged in");
}

/// A client that was logged in is gone.
pub fn ended(after: Duration) {
    info!(seconds = after.as_secs(), "the connection ended");
}

/// A client was not let in.
pub fn refused(error: &Error) {
    match error.kind() {
        // It went away itself.
        Kind::Io => debug!("the connection broke before a login"),
        kind => warn!(sqlstate = sqlstate(kind), ?kind, "a login was refused"),
    }
}

/// A statement failed, after so long.
pub fn failed(told: &Error, after: Duration) {
    let (kind, ms) = (told.kind(), after.as_millis());
    let code = sqlstate(kind);
    match kind {
        Kind::Corruption | Kind::Io | Kind::DiskFull => {
            error!(sqlstate = code, ?kind, ms, reason = told.message(), "a statement failed");
        }
        Kind::Internal => {
            error!(sqlstate = code, ?kind, ms, "a statement failed by a bug of the program; please report it")
        }
        _ => warn!(sqlstate = code, ?kind, ms, "a statement failed"),
    }
}

/// The server ended a conversation.
pub fn closed(told: &Error) {
    let kind = told.kind();
    warn!(sqlstate = sqlstate(kind), ?kind, "the connection is closed");
}

/// A statement was done, after so long.
pub fn done(tag: &str, after: Duration) {
    let ms = after.as_millis();
    match ms >= SLOW_STATEMENT_MS {
        true => info!(tag, ms, "a statement took long"),
        false => debug!(tag, ms, "a statement was done"),
    }
}
