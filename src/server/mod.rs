//! The door: PostgreSQL's wire protocol over sessions.
//!
//! A client connects, encrypts if the server can (`tls`), is let in by the first rule that fits it (`hba`), proves who it
//! is by SCRAM-SHA-256 or a certificate (`authentication`, slowed down by `throttle` after failures), and then talks: query strings (*simple*), or parse,
//! bind, describe, execute and sync (*extended*), or the data of a COPY. Behind the door is a [`Backend`] that opens a
//! [`Session`] for each connection; this room knows the protocol and Arrow and no SQL, and it alone names pgwire and rustls.
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
//! What is left out: GSSAPI, replication, function calls, `LISTEN` across sessions.

mod admission;
mod authentication;
mod backend;
mod binary_copy;
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
mod hba;
mod lobby;
mod log;
mod login;
mod outbox;
mod portal;
mod recode;
mod serve;
mod simple;
mod socket;
mod sqlstate;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
pub mod types;

pub use admission::Admission;
pub use backend::{
    Asks, Backend, CancelHandle, CopyChunk, Idle, Notice, NoticeSink, Outcome, Prepared, Session, Severity, Startup,
    Statement, TransactionStatus, Verifier,
};
pub use binary_copy::BinaryCopy;
pub use engine::engine_error;
pub use hba::Rules;
pub use serve::{listen, serve, serve_as, shutdown_signal};
pub use sqlstate::sqlstate;
pub use tls::{Tls, TlsFiles};
