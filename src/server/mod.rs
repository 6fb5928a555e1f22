//! The door: PostgreSQL's wire protocol over sessions.
//!
//! A client connects, is asked for its password by SCRAM-SHA-256, and then talks: query strings (*simple*), or parse,
//! bind, describe, execute and sync (*extended*), or the data of a COPY. Behind the door is a [`Backend`] that opens a
//! [`Session`] for each connection; this room knows the protocol and Arrow and no SQL, and it alone names pgwire.
//!
//! **One connection** ([`serve()`] accepts it, `connection` holds it together) is three tasks once `login` is done:
//!
//! ```text
//! socket -> reader (frame) -> conversation (simple, extended, copy; owns the session) -> outbox -> writer -> socket
//!                                   notices of a running statement ---------------------------------^
//! ```
//!
//! The reader notices when the client is gone and cancels what runs for it. The conversation answers messages in order,
//! one at a time. The writer sends chunks of answer, and notices at once. Channels between them are bounded: a million
//! rows for a slow client take the memory of a few chunks.
//!
//! **Values** go out by `encode` (text from [`crate::encoding::pg_text`], binary from here) and come in by `decode`;
//! [`types`] maps Arrow's types to PostgreSQL's. **Errors** get their code in [`sqlstate()`], in one total match.
//!
//! **Stopping.** A cancel request comes on a connection of its own and sets the session's [`CancelHandle`]; so do a
//! statement's timeout, a client that vanishes, and the server's end. A statement that runs has a moment to end by
//! itself, rows that stream stop at once; the client hears 57014.
//!
//! What is promised: bytes that are no protocol end that connection cleanly and nothing else; an unknown role cannot be
//! told from a wrong password; the tag of a statement is sent after its commit (in extended messages: ReadyForQuery is).
//! What is left out: TLS (asked for, the answer is N), replication, function calls, `LISTEN` across sessions.

mod backend;
mod cancel;
mod connection;
mod conversation;
mod copy;
mod cursor;
mod database;
mod decode;
mod encode;
mod engine;
mod extended;
mod frame;
mod lobby;
mod log;
mod login;
mod outbox;
mod portal;
mod serve;
mod simple;
mod sqlstate;
#[cfg(test)]
mod tests;
pub mod types;

pub use backend::{
    Asks, Backend, CancelHandle, CopyChunk, Idle, Notice, NoticeSink, Outcome, Prepared, Session, Severity, Startup,
    Statement, TransactionStatus, Verifier,
};
pub use engine::engine_error;
pub use serve::{listen, serve, serve_at_most, shutdown_signal};
pub use sqlstate::sqlstate;
