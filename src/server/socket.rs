//! The bytes of a connection, plain or encrypted: the rest of the room does not care which.

use crate::sql::Encryption;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::server::TlsStream;

/// A way in or out of a socket that has been taken apart.
pub type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
/// The other way.
pub type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// What a client is connected by.
pub enum Socket {
    /// As the network carries it.
    Plain(TcpStream),
    /// Behind TLS.
    Encrypted(Box<TlsStream<TcpStream>>),
    /// Nothing any more: a handshake failed, and took the connection with it.
    Gone,
}

impl Socket {
    /// Where the client is.
    pub fn peer(&self) -> Result<SocketAddr> {
        match self {
            Self::Plain(socket) => socket.peer_addr(),
            Self::Encrypted(socket) => socket.get_ref().0.peer_addr(),
            Self::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Whether nobody on the way can read it.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }

    /// What TLS it is, if it is.
    pub fn encryption(&self) -> Option<Encryption> {
        let Self::Encrypted(socket) = self else { return None };
        let session = socket.get_ref().1;
        let suite = session.negotiated_cipher_suite()?;
        let version = match session.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
            ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        };
        // `TLS13_AES_256_GCM_SHA384` in rustls is `TLS_AES_256_GCM_SHA384` in RFC 8446.
        let cipher = format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
        let bits = if cipher.contains("AES_128") { 128 } else { 256 };
        Some(Encryption { version, cipher, bits })
    }

    /// The certificate that the client has proved to hold, as DER, if it gave one.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Encrypted(socket) => socket.get_ref().1.peer_certificates()?.first().map(|first| first.as_ref()),
            Self::Plain(_) | Self::Gone => None,
        }
    }

    /// Both ways of it, each for a task of its own.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Plain(socket) => {
                let (read, write) = socket.into_split();
                (Box::new(read), Box::new(write))
            }
            other => {
                let (read, write) = tokio::io::split(other);
                (Box::new(read), Box::new(write))
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Encrypted(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Encrypted(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Gone => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Encrypted(socket) => Pin::new(socket).poll_flush(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Encrypted(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}
