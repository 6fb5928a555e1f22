//! The first messages of a connection: asking for encryption, naming role and database.

use super::cancel::Registry;
use super::frame::{self, Body};
use super::outbox::encode;
use super::socket::Socket;
use super::sqlstate::error_response;
use super::tls::Tls;
use crate::config::LOGIN_MESSAGE_BYTES_MAX;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::fail;
use bytes::BytesMut;
use pgwire::messages::startup::{NegotiateProtocolVersion, PasswordMessageFamily};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage, ProtocolVersion};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CANCEL_REQUEST: i32 = 80_877_102;
const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;

/// A socket before the two ways of it part: messages in, messages out, one at a time.
pub struct Wire {
    /// The socket.
    pub socket: Socket,
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
    pub fn new(socket: Socket) -> Self {
        Self { socket, buffer: BytesMut::new(), scratch: BytesMut::new() }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: PgWireBackendMessage) -> Result<()> {
        encode(&message, &mut self.scratch)?;
        let sent = put(&mut self.socket, &self.scratch).await;
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
        let mut body = Body::new(self.buffer.split_to(length).freeze());
        body.word()?;
        Ok(Some(body))
    }

    /// Reads one password message.
    pub async fn password(&mut self) -> Result<Option<Body>> {
        loop {
            if !self.fill(5).await? {
                return Ok(None);
            }
            let header = [self.buffer[1], self.buffer[2], self.buffer[3], self.buffer[4]];
            if self.buffer[0] != b'p' || i32::from_be_bytes(header) > LOGIN_MESSAGE_BYTES_MAX as i32 {
                fail!(Protocol, "expected SASL response, got message type {}", self.buffer[0]);
            }
            if let Some(frame) = frame::take(&mut self.buffer)? {
                return match frame.read(Charset::Utf8)? {
                    PgWireFrontendMessage::PasswordMessageFamily(PasswordMessageFamily::Raw(body)) => {
                        Ok(Some(Body::new(body.freeze())))
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

/// Writes bytes and sees them on their way: encrypted ones may wait for more.
async fn put(socket: &mut Socket, bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(bytes).await?;
    socket.flush().await
}

/// Reads what the client wants, encrypted if it asks for that and the server can; `None` when it is gone or wanted to cancel
/// another's statement.
pub async fn hello(wire: &mut Wire, registry: &Registry, tls: Option<&Tls>) -> Result<Option<Hello>> {
    let (mut ssl_asked, mut gss_asked) = (false, false);
    loop {
        let Some(mut body) = wire.untyped().await? else { return Ok(None) };
        match body.word()? {
            SSL_REQUEST if !ssl_asked => {
                ssl_asked = true;
                answer_request(wire, tls, "SSL request").await?;
            }
            GSS_REQUEST if !gss_asked => {
                gss_asked = true;
                answer_request(wire, None, "GSSAPI encryption request").await?;
            }
            CANCEL_REQUEST => {
                registry.cancel(body.word()?, &body.rest());
                return Ok(None);
            }
            version => return startup(wire, version, body).await.map(Some),
        }
    }
}

/// Answers a request for encryption. Once encrypted, neither kind is asked for again.
async fn answer_request(wire: &mut Wire, tls: Option<&Tls>, what: &str) -> Result<()> {
    let tls = tls.filter(|_| !wire.socket.is_encrypted());
    let sent = put(&mut wire.socket, if tls.is_some() { b"S" } else { b"N" }).await;
    sent.map_err(|error| Error::io("answering a client", &error))?;
    // What came before the answer was not encrypted, and may be somebody else's (CVE-2021-23222).
    if !wire.buffer.is_empty() {
        let message = format!("received unencrypted data after {what}");
        return Err(Error::new(Kind::Protocol, message).with_detail(
            "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
        ));
    }
    match tls {
        Some(tls) => tls.accept(&mut wire.socket).await,
        None => Ok(()),
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
        _ => fail!(NotAuthorized, "no PostgreSQL user name specified in startup packet"),
    };
    if parameters.get("replication").is_some_and(|value| !matches!(value.as_str(), "false" | "off" | "no" | "0")) {
        fail!(Unsupported, "replication connections are not supported");
    }
    let database = parameters.remove("database").filter(|name| !name.is_empty()).unwrap_or_else(|| role.clone());
    Ok(Hello { role, database, parameters, version })
}
