//! The first messages of a connection: refusing encryption, naming role and database, proving the password.

use super::backend::{Backend, Verifier};
use super::cancel::{Registry, secret};
use super::frame::{self, Body};
use super::outbox::encode;
use super::sqlstate::error_response;
use crate::config::{LOGIN_MESSAGE_BYTES_MAX, SCRAM_ROUNDS};
use crate::error::{Error, Kind, Result};
use crate::fail;
use bytes::{Bytes, BytesMut};
use pgwire::api::auth::sasl::scram::{ScramSecret, ScramServerAuth};
use pgwire::error::PgWireError;
use pgwire::messages::startup::{Authentication, NegotiateProtocolVersion, PasswordMessageFamily};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage, ProtocolVersion};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CANCEL_REQUEST: i32 = 80_877_102;
const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
const MECHANISM: &str = "SCRAM-SHA-256";

/// A socket before the two ways of it part: messages in, messages out, one at a time.
pub struct Wire {
    /// The socket.
    pub socket: TcpStream,
    /// Bytes that are read but not yet taken.
    pub buffer: BytesMut,
    scratch: BytesMut,
}

/// What a client asks for when it connects.
pub struct Hello {
    /// The role.
    pub role: String,
    /// The database.
    pub database: String,
    /// The rest of what it said.
    pub parameters: BTreeMap<String, String>,
    /// The protocol that is spoken.
    pub version: ProtocolVersion,
}

impl Wire {
    /// A socket of which nothing has been read.
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, buffer: BytesMut::new(), scratch: BytesMut::new() }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: PgWireBackendMessage) -> Result<()> {
        encode(&message, &mut self.scratch)?;
        let sent = self.socket.write_all(&self.scratch).await;
        sent.map_err(|error| Error::io("answering a client", &error))
    }

    /// Tells the client why its connection ends.
    pub async fn refuse(&mut self, error: &Error) {
        // It may be gone already; there is nobody else to tell.
        let _ = self.send(error_response(error, true)).await;
        let _ = self.socket.shutdown().await;
    }

    /// Reads until `count` bytes are there; false when the client is gone.
    async fn fill(&mut self, count: usize) -> Result<bool> {
        while self.buffer.len() < count {
            match self.socket.read_buf(&mut self.buffer).await {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) => return Err(Error::io("reading from a client", &error)),
            }
        }
        Ok(true)
    }

    /// Reads one message without a type byte, as all before login are.
    async fn untyped(&mut self) -> Result<Option<Body>> {
        if !self.fill(4).await? {
            return Ok(None);
        }
        let header = self.buffer.first_chunk::<4>().copied().unwrap_or_default();
        let length = match usize::try_from(i32::from_be_bytes(header)) {
            Ok(length) if (8..=LOGIN_MESSAGE_BYTES_MAX).contains(&length) => length,
            _ => fail!(Protocol, "invalid length of startup packet"),
        };
        if !self.fill(length).await? {
            return Ok(None);
        }
        let mut body = Body(self.buffer.split_to(length).freeze());
        body.word()?;
        Ok(Some(body))
    }

    /// Reads one password message.
    async fn password(&mut self) -> Result<Option<Body>> {
        loop {
            if !self.fill(5).await? {
                return Ok(None);
            }
            let header = [self.buffer[1], self.buffer[2], self.buffer[3], self.buffer[4]];
            if self.buffer[0] != b'p' || i32::from_be_bytes(header) > LOGIN_MESSAGE_BYTES_MAX as i32 {
                fail!(Protocol, "expected SASL response, got message type {}", self.buffer[0]);
            }
            if let Some(message) = frame::take(&mut self.buffer)? {
                return match message {
                    PgWireFrontendMessage::PasswordMessageFamily(PasswordMessageFamily::Raw(body)) => {
                        Ok(Some(Body(body.freeze())))
                    }
                    _ => fail!(Protocol, "expected SASL response"),
                };
            }
            if !self.fill(self.buffer.len() + 1).await? {
                return Ok(None);
            }
        }
    }
}

/// Reads what the client wants; `None` when it is gone or wanted to cancel another's statement.
pub async fn hello(wire: &mut Wire, registry: &Registry) -> Result<Option<Hello>> {
    loop {
        let Some(mut body) = wire.untyped().await? else { return Ok(None) };
        match body.word()? {
            SSL_REQUEST | GSS_REQUEST => {
                let sent = wire.socket.write_all(b"N").await;
                sent.map_err(|error| Error::io("answering a client", &error))?;
            }
            CANCEL_REQUEST => {
                registry.cancel(body.word()?, &body.rest());
                return Ok(None);
            }
            version => return startup(wire, version, body).await.map(Some),
        }
    }
}

async fn startup(wire: &mut Wire, version: i32, mut body: Body) -> Result<Hello> {
    let (major, minor) = (version >> 16, version & 0xffff);
    if major != 3 {
        fail!(Unsupported, "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2");
    }
    let mut parameters = BTreeMap::new();
    loop {
        let name = body.string()?;
        if name.is_empty() {
            break;
        }
        parameters.insert(name, body.string()?);
    }
    let unknown: Vec<String> = parameters.keys().filter(|name| name.starts_with("_pq_.")).cloned().collect();
    let known = ProtocolVersion::from_version_number(3, minor as u16);
    // Never a newer one than was asked for: 3.1 was never made.
    let nearest = if minor > 2 { ProtocolVersion::PROTOCOL3_2 } else { ProtocolVersion::PROTOCOL3_0 };
    let version = known.unwrap_or(nearest);
    if known.is_none() || !unknown.is_empty() {
        let answer = NegotiateProtocolVersion::new(version.into(), unknown);
        wire.send(PgWireBackendMessage::NegotiateProtocolVersion(answer)).await?;
    }
    let role = match parameters.remove("user") {
        Some(role) if !role.is_empty() => role,
        _ => fail!(Authentication, "no PostgreSQL user name specified in startup packet"),
    };
    if parameters.get("replication").is_some_and(|value| !matches!(value.as_str(), "false" | "off" | "no" | "0")) {
        fail!(Unsupported, "replication connections are not supported");
    }
    let database = parameters.remove("database").filter(|name| !name.is_empty()).unwrap_or_else(|| role.clone());
    Ok(Hello { role, database, parameters, version })
}

/// Lets the client prove its password by SCRAM-SHA-256; false when it is gone.
pub async fn authenticate(wire: &mut Wire, role: &str, backend: &dyn Backend, mocks: &RandomState) -> Result<bool> {
    let (verifier, known) = match backend.scram_verifier(role) {
        Some(verifier) => (verifier, true),
        None => (mock_verifier(role, mocks)?, false),
    };
    let secret = ScramSecret::Verifier {
        salt: verifier.salt,
        iterations: verifier.iterations as usize,
        stored_key: verifier.stored_key,
        server_key: verifier.server_key,
    };
    wire.send(PgWireBackendMessage::Authentication(Authentication::SASL(vec![MECHANISM.to_owned()]))).await?;
    let Some(mut first) = wire.password().await? else { return Ok(false) };
    if first.string()? != MECHANISM {
        fail!(Protocol, "client selected an invalid SASL authentication mechanism");
    }
    let length = usize::try_from(first.word()?).unwrap_or_default();
    let initial = first.bytes(length)?;
    let refused = |error| refusal(error, role);
    let (challenge, waiting) =
        ScramServerAuth::new().on_client_first_message_with_secret(&initial, secret).map_err(refused)?;
    let challenge = Authentication::SASLContinue(Bytes::from(challenge));
    wire.send(PgWireBackendMessage::Authentication(challenge)).await?;
    let Some(mut last) = wire.password().await? else { return Ok(false) };
    let signature = waiting.on_client_final_message(&last.rest()).map_err(refused)?;
    if !known {
        return Err(wrong_password(role));
    }
    let signature = Authentication::SASLFinal(Bytes::from(signature));
    wire.send(PgWireBackendMessage::Authentication(signature)).await?;
    wire.send(PgWireBackendMessage::Authentication(Authentication::Ok)).await?;
    Ok(true)
}

/// The verifier of a role that is not there: a salt that stays the same for a name, keys that fit no password.
fn mock_verifier(role: &str, mocks: &RandomState) -> Result<Verifier> {
    let salt = [0u8, 1].iter().flat_map(|half| mocks.hash_one((half, role)).to_be_bytes()).collect();
    Ok(Verifier { iterations: SCRAM_ROUNDS, salt, stored_key: secret(32)?, server_key: secret(32)? })
}

fn refusal(error: PgWireError, role: &str) -> Error {
    match error {
        PgWireError::InvalidPassword(_) => wrong_password(role),
        _ => Error::new(Kind::Protocol, "malformed SCRAM message"),
    }
}

fn wrong_password(role: &str) -> Error {
    Error::new(Kind::Authentication, format!("password authentication failed for user \"{role}\""))
}
