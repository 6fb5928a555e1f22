//! One connection from accept to close: login, then three tasks (reader, conversation, writer) until either side ends.

use super::authentication::authenticate;
use super::backend;
use super::backend::{CancelHandle, NoticeSink, Session, Startup};
use super::cancel::{Entry, secret};
use super::conversation::{Conversation, Phase};
use super::frame::{self, Frame};
use super::hba::Visitor;
use super::lobby::Ticket;
use super::log;
use super::login::{Hello, Wire, hello};
use super::outbox::{Outbox, encode, write_all};
use super::serve::Shared;
use super::socket::{ReadHalf, Socket};
use super::sqlstate::{error_response, sqlstate};
use crate::config::{
    CONNECTIONS_RESERVED, LOGIN_TIMEOUT_MS, MESSAGES_AHEAD_MAX, READ_BYTES, SERVER_VERSION, SHUTDOWN_GRACE_MS,
};
use crate::error::{Error, Kind, Result};
use bytes::BytesMut;
use pgwire::messages::startup::{BackendKeyData, ParameterStatus, SecretKey};
use pgwire::messages::{PgWireBackendMessage, ProtocolVersion};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

/// What login makes.
struct LoggedIn {
    session: Box<dyn Session>,
    notices: mpsc::Receiver<backend::Notice>,
    greeting: Vec<PgWireBackendMessage>,
    _entry: Entry,
    _place: OwnedSemaphorePermit,
}

/// Serves one socket until it ends.
pub(super) async fn serve_connection(
    socket: TcpStream,
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
    ticket: Ticket,
) {
    // Answers are written in whole chunks; waiting for more would only delay them.
    let _ = socket.set_nodelay(true);
    let mut wire = Wire::new(Socket::Plain(socket));
    let mut ending = phase.clone();
    let login = tokio::select! {
        login = log_in(&mut wire, &shared, &ticket) => login,
        () = ticket.shown_out() => Err(too_many()),
        () = tokio::time::sleep(Duration::from_millis(LOGIN_TIMEOUT_MS)) => {
            Err(Error::new(Kind::Authentication, "canceling authentication due to timeout"))
        }
        _ = ending.wait_for(|phase| *phase != Phase::Running) => return,
    };
    // No longer one of those that are logging in; and what it is told now it must take at once.
    drop(ticket);
    match login {
        Ok(Some(logged_in)) => {
            let begun = Instant::now();
            converse(wire, logged_in, phase).await;
            log::ended(begun.elapsed());
        }
        Ok(None) => tracing::debug!("gone without a login"),
        Err(error) => {
            log::refused(&error);
            let _ = tokio::time::timeout(Duration::from_millis(SHUTDOWN_GRACE_MS), wire.refuse(&error)).await;
        }
    }
}

/// A place for a role that has proved its password; the last ones are for superusers.
fn take_place(shared: &Shared, role: &str) -> Result<OwnedSemaphorePermit> {
    let place = shared.places.clone().try_acquire_owned().map_err(|_| too_many())?;
    if shared.places.available_permits() < CONNECTIONS_RESERVED && !shared.backend.is_superuser(role) {
        let message = "remaining connection slots are reserved for roles with the SUPERUSER attribute";
        return Err(Error::new(Kind::TooManyConnections, message));
    }
    Ok(place)
}

fn too_many() -> Error {
    Error::new(Kind::TooManyConnections, "sorry, too many clients already")
}

async fn log_in(wire: &mut Wire, shared: &Arc<Shared>, ticket: &Ticket) -> Result<Option<LoggedIn>> {
    let Some(hello) = hello(wire, &shared.registry, shared.tls.as_ref()).await? else { return Ok(None) };
    let role = hello.role.clone();
    let entered = enter(wire, shared, ticket, hello).await;
    if let Err(error) = &entered
        && let Ok(peer) = wire.socket.peer()
    {
        shared.backend.note_refusal(&role, peer.ip().to_canonical(), sqlstate(error.kind()));
    }
    entered
}

/// Lets in whoever may.
async fn enter(wire: &mut Wire, shared: &Arc<Shared>, ticket: &Ticket, hello: Hello) -> Result<Option<LoggedIn>> {
    ticket.has_spoken();
    log::asks(&hello.role);
    // Nobody is asked for a password in vain.
    if shared.places.available_permits() == 0 {
        return Err(too_many());
    }
    let peer = wire.socket.peer().map_err(|error| Error::io("looking at a client's address", &error))?;
    let address = peer.ip().to_canonical();
    let visitor =
        Visitor { address, encrypted: wire.socket.is_encrypted(), role: &hello.role, database: &hello.database };
    let terms = shared.rules.terms(visitor, |group| shared.backend.is_member(&hello.role, group))?;
    if !authenticate(wire, &hello, terms, address, shared).await? {
        return Ok(None);
    }
    let Hello { role, database, parameters, version } = hello;
    // Only now: whoever has no password takes no place from those who have.
    let place = take_place(shared, &role)?;
    let pid = shared.registry.next_pid();
    let defaults = default_parameters(&role, &parameters);
    let (sink, notices) = NoticeSink::channel();
    let encryption = wire.socket.encryption();
    let startup = Startup { role, database, parameters, peer, pid, encryption };
    let mut session = shared.backend.connect(startup.clone(), sink).await?;
    log::logged_in(&startup);
    // Protocol 3.0 knows secrets of four bytes only.
    let key = secret(if version == ProtocolVersion::PROTOCOL3_0 { 4 } else { 32 })?;
    let wire_key = match <[u8; 4]>::try_from(key.as_slice()) {
        Ok(four) => SecretKey::I32(i32::from_be_bytes(four)),
        Err(_) => SecretKey::Bytes(key.clone().into()),
    };
    let entry = shared.registry.enter(pid, key, session.cancel_handle());
    let mut told = defaults;
    told.extend(session.take_parameter_changes());
    let mut greeting: Vec<_> = told
        .into_iter()
        .map(|(name, value)| PgWireBackendMessage::ParameterStatus(ParameterStatus::new(name, value)))
        .collect();
    greeting.push(PgWireBackendMessage::BackendKeyData(BackendKeyData::new(pid, wire_key)));
    Ok(Some(LoggedIn { session, notices, greeting, _entry: entry, _place: place }))
}

/// The settings that PostgreSQL reports, before the session has its say.
fn default_parameters(role: &str, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let application = given.get("application_name").map(String::as_str).unwrap_or_default();
    [
        ("DateStyle", "ISO, MDY"),
        ("IntervalStyle", "postgres"),
        ("TimeZone", "UTC"),
        ("application_name", application),
        ("client_encoding", "UTF8"),
        ("default_transaction_read_only", "off"),
        ("in_hot_standby", "off"),
        ("integer_datetimes", "on"),
        ("is_superuser", "off"),
        ("server_encoding", "UTF8"),
        ("server_version", SERVER_VERSION),
        ("session_authorization", role),
        ("standard_conforming_strings", "on"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

async fn converse(wire: Wire, logged_in: LoggedIn, phase: watch::Receiver<Phase>) {
    let LoggedIn { session, notices, greeting, _entry, _place } = logged_in;
    let cancel = session.cancel_handle();
    let (read, write) = wire.socket.split();
    let (outbox, chunks) = Outbox::channel();
    let (sender, inbox) = mpsc::channel(MESSAGES_AHEAD_MAX);
    let mut conversation = Conversation::new(session, inbox, outbox, phase);
    if conversation.greet(greeting).is_err() {
        return;
    }
    // Sets end their tasks when they are dropped, so that nothing outlives this connection.
    let (mut reader, mut writer, mut talker) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    let (kept, spoken) = (conversation.outbox.sender(), conversation.outbox.spoken());
    reader.spawn(read_all(read, wire.buffer, sender, cancel.clone()));
    writer.spawn(write_all(write, chunks, (notices, spoken), cancel));
    talker.spawn(conversation.run().in_current_span());
    if let Some(Err(error)) = talker.join_next().await
        && error.is_panic()
    {
        tracing::error!("a statement ended by a bug of ours; its connection is closed");
        let response = error_response(&Error::internal("the server failed; this connection is closed"), true);
        let mut bytes = BytesMut::new();
        if encode(&response, &mut bytes).is_ok() {
            // The writer may have ended too; there is nothing more to do for this client.
            let _ = kept.send(bytes.to_vec()).await;
        }
    }
    drop(kept);
    reader.abort_all();
    // What is still on its way to the client goes out, unless the client does not take it.
    let _ = tokio::time::timeout(Duration::from_millis(SHUTDOWN_GRACE_MS), writer.join_next()).await;
}

/// Reads messages until the client ends, breaks the protocol, or the conversation does.
async fn read_all(
    mut socket: ReadHalf,
    mut buffer: BytesMut,
    messages: mpsc::Sender<Result<Frame>>,
    cancel: CancelHandle,
) {
    loop {
        match frame::take(&mut buffer) {
            Ok(Some(frame)) => {
                let last = frame.is_last();
                // After a proper goodbye, what was asked before is still done.
                if messages.send(Ok(frame)).await.is_err() || last {
                    return;
                }
            }
            Ok(None) => match read_some(&mut socket, &mut buffer).await {
                Ok(0) | Err(_) => {
                    // Gone without a word: nobody waits for what still runs.
                    cancel.cancel();
                    return;
                }
                Ok(_) => {}
            },
            Err(error) => {
                // The conversation tells the client, once it has answered what came before.
                let _ = messages.send(Err(error)).await;
                return;
            }
        }
    }
}

/// Reads what there is, up to [`READ_BYTES`]: by way of the stack, so that a connection which waits has no room set aside for
/// what may come.
async fn read_some(socket: &mut ReadHalf, buffer: &mut BytesMut) -> std::io::Result<usize> {
    poll_fn(|context| {
        let mut room = [MaybeUninit::uninit(); READ_BYTES];
        let mut read = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *socket).poll_read(context, &mut read))?;
        buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}
