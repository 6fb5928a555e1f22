//! The door with TLS, and with rules who may come in.
//!
//! What could go wrong: a connection that should be encrypted is not; what somebody else put before the encrypted bytes is
//! taken for the client's; a certificate of a stranger, or of another role, opens the door; a client that was deceived about
//! channel binding is not told; a wrong password answers at once however often it is tried.
//!
//! The certificates in `certificates` were made for these tests, and open nothing else.

use super::fake::PASSWORD;

use super::{Door, code, door_with};
use crate::config::LOGIN_FAILURES_FREE;
use crate::crypto::sha256;
use crate::error::Kind;
use crate::server::hba::{Abilities, Rules};
use crate::server::{Admission, Tls, TlsFiles};
use futures::future::BoxFuture;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::config::ChannelBinding as Wanted;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

macro_rules! certificate {
    ($name:literal) => {
        include_bytes!(concat!("certificates/", $name))
    };
}

/// The files of a server.
struct Files {
    folder: TempDir,
    files: TlsFiles,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        let files = TlsFiles {
            certificate: at("server.crt", certificate!("server.crt")),
            key: at("server.key", certificate!("server.key")),
            client_authorities: Some(at("root.crt", certificate!("root.crt"))),
        };
        Self { folder, files }
    }

    fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A server with these rules.
    async fn door(&self, rules: &str) -> Door {
        let tls = Tls::load(&self.files).unwrap();
        let abilities = Abilities { encrypts: true, asks_clients: true };
        let rules = Rules::load(self.write("pg_hba.conf", rules.as_bytes()), abilities).unwrap();
        door_with(Admission { connections_max: 8, tls: Some(tls), rules: Arc::new(rules) }).await
    }
}

/// Encrypts as a client; with a certificate and its key if there is one.
#[derive(Clone)]
struct Encrypting(Option<(&'static [u8], &'static [u8])>);

impl Encrypting {
    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate!("root.crt")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        TlsConnector::from(Arc::new(match self.0 {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key).unwrap()).unwrap()
            }
        }))
    }
}

/// An encrypted socket that knows what it is bound to.
struct Encrypted(tokio_rustls::client::TlsStream<TcpStream>);

impl TlsConnect<TcpStream> for Encrypting {
    type Stream = Encrypted;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, std::io::Result<Encrypted>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        let connector = self.connector();
        Box::pin(async move {
            let name = ServerName::try_from("localhost").unwrap();
            connector.connect(name, stream).await.map(Encrypted)
        })
    }
}

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        let certificate = self.0.get_ref().1.peer_certificates().unwrap()[0].clone();
        ChannelBinding::tls_server_end_point(sha256(&certificate).to_vec())
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

const ANN: Encrypting = Encrypting(Some((certificate!("ann.crt"), certificate!("ann.key"))));
const FORGED: Encrypting = Encrypting(Some((certificate!("forged.crt"), certificate!("forged.key"))));
const NOBODY: Encrypting = Encrypting(None);

/// Logs in, and counts rows; says the code of what went wrong, or that the connection broke.
async fn login(door: &Door, tls: &Encrypting, role: &str, password: &str) -> Result<usize, String> {
    let mut config = door.config();
    config.user(role).password(password).ssl_mode(tokio_postgres::config::SslMode::Require);
    config.channel_binding(if password.is_empty() { Wanted::Disable } else { Wanted::Require });
    let socket = TcpStream::connect(door.address).await.unwrap();
    let told = |error: tokio_postgres::Error| error.code().map_or("broken".to_owned(), |code| code.code().to_owned());
    let (client, connection) = config.connect_raw(socket, tls.clone()).await.map_err(told)?;
    tokio::spawn(connection);
    // More than the socket takes at once.
    Ok(client.query("rows 20000", &[]).await.map_err(told)?.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_bound_to_the_servers_certificate() {
    let door = Files::new().door("hostssl all all all scram-sha-256\n").await;
    assert_eq!(login(&door, &NOBODY, "ann", PASSWORD).await, Ok(20_000));
    assert_eq!(login(&door, &ANN, "bob", PASSWORD).await, Ok(20_000));
    assert_eq!(login(&door, &NOBODY, "ann", "wrong").await, Err("28P01".to_owned()));
    assert_eq!(login(&door, &NOBODY, "nobody", PASSWORD).await, Err("28P01".to_owned()));
    // A certificate that nobody vouches for is not overlooked, though none is needed.
    assert_eq!(login(&door, &FORGED, "ann", PASSWORD).await, Err("broken".to_owned()));
    let plain = door.config().connect(tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(code(&plain), "28000");
    assert!(plain.as_db_error().unwrap().message().ends_with("no encryption"), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_prove_roles() {
    let door = Files::new().door("hostssl all all all cert\n").await;
    assert_eq!(login(&door, &ANN, "ann", "").await, Ok(20_000));
    assert_eq!(login(&door, &ANN, "bob", "").await, Err("28000".to_owned()), "another's certificate");
    assert_eq!(login(&door, &NOBODY, "ann", "").await, Err("28000".to_owned()), "none");
    assert_eq!(login(&door, &FORGED, "ann", "").await, Err("broken".to_owned()), "a stranger's word");

    let door = Files::new()
        .door(
            "hostssl all bob all md5 clientcert=verify-ca\nhostssl all all all scram-sha-256 clientcert=verify-full\n",
        )
        .await;
    assert_eq!(login(&door, &ANN, "ann", PASSWORD).await, Ok(20_000));
    assert_eq!(login(&door, &ANN, "ann", "wrong").await, Err("28P01".to_owned()));
    assert_eq!(login(&door, &NOBODY, "ann", PASSWORD).await, Err("28000".to_owned()));
    assert_eq!(login(&door, &ANN, "bob", PASSWORD).await, Ok(20_000), "any that is signed");
    assert_eq!(login(&door, &ANN, "nobody", PASSWORD).await, Err("28P01".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_before_the_handshake_are_nobodys() {
    let door = Files::new().door("host all all all scram-sha-256\n").await;
    let mut socket = TcpStream::connect(door.address).await.unwrap();
    // Together in one piece: a startup packet that somebody slipped in.
    let hello = b"\0\x03\0\0user\0ann\0\0";
    let stuffed = [SSL_REQUEST, &(hello.len() as u32 + 4).to_be_bytes(), hello].concat();
    socket.write_all(&stuffed).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.ok();
    let said = String::from_utf8_lossy(&answer).into_owned();
    assert!(said.starts_with('S') && said.contains("received unencrypted data after SSL request"), "{said}");
    // Encrypted once, it is not asked for again; nor is anything that is no handshake taken for one.
    let mut socket = TcpStream::connect(door.address).await.unwrap();
    socket.write_all(SSL_REQUEST).await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), b'S');
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    socket.read_to_end(&mut answer).await.ok();
    assert_eq!(login(&door, &NOBODY, "ann", PASSWORD).await, Ok(20_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_deceived_is_told() {
    let door = Files::new().door("host all all all scram-sha-256\n").await;
    let mut socket = TcpStream::connect(door.address).await.unwrap();
    socket.write_all(SSL_REQUEST).await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), b'S');
    let mut socket = NOBODY.connect(socket).await.unwrap();
    let hello = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
    socket.write_all(&(hello.len() as u32 + 4).to_be_bytes()).await.unwrap();
    socket.write_all(hello).await.unwrap();
    let mut offer = vec![0; 60];
    let count = socket.read(&mut offer).await.unwrap();
    assert!(offer[..count].ends_with(b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"));
    let initial = b"y,,n=,r=abcdefgh";
    let mut body = b"SCRAM-SHA-256\0".to_vec();
    body.extend_from_slice(&(initial.len() as u32).to_be_bytes());
    body.extend_from_slice(initial);
    let message = [b"p", &(body.len() as u32 + 4).to_be_bytes()[..], &body].concat();
    socket.write_all(&message).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.ok();
    let said = String::from_utf8_lossy(&answer).into_owned();
    assert!(said.contains("C28000") && said.contains("SCRAM channel binding negotiation error"), "{said}");
}

#[test]
fn files_that_do_not_fit_stop_the_start() {
    let refused = |files: &TlsFiles| {
        let error = Tls::load(files).err().unwrap();
        assert!(error.kind() == Kind::Configuration && error.hint().is_some(), "{error}");
        error.message().to_owned()
    };
    let set = Files::new();
    let files = &set.files;
    assert!(Tls::load(files).is_ok());
    let missing = TlsFiles { certificate: "/nowhere/server.crt".into(), ..files.clone() };
    assert!(refused(&missing).starts_with("could not load certificate file \"/nowhere/server.crt\""));
    let empty = TlsFiles { certificate: set.write("empty", b"nothing"), ..files.clone() };
    assert!(refused(&empty).ends_with("it holds no certificate"));
    let broken = TlsFiles { certificate: set.write("cut", &certificate!("server.crt")[..200]), ..files.clone() };
    assert!(refused(&broken).contains("cut\""));
    let other = set.write("other.key", certificate!("ann.key"));
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = TlsFiles { key: other.clone(), ..files.clone() };
    assert!(refused(&open).ends_with("has group or world access"));
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(&open).contains("is not the key of certificate file"));
    let no_key = TlsFiles { key: files.certificate.clone(), ..files.clone() };
    assert!(refused(&no_key).ends_with("holds no key that can be read"));
    let no_roots = TlsFiles { client_authorities: Some(files.key.clone()), ..files.clone() };
    assert!(refused(&no_roots).ends_with("it holds no certificate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_failures_count_without_encryption_too() {
    let door = Files::new().door("host all bob all reject\nhost all +staff all scram-sha-256\n").await;
    let plain = |role: &str, password: &str| {
        let mut config = door.config();
        config.user(role).password(password);
        async move { config.connect(tokio_postgres::NoTls).await.map(|_| ()).map_err(|error| code(&error).to_owned()) }
    };
    assert_eq!(plain("ann", PASSWORD).await, Ok(()));
    assert_eq!(plain("bob", PASSWORD).await, Err("28000".to_owned()));
    assert_eq!(plain("zoe", PASSWORD).await, Err("28000".to_owned()));
    // A right password comes in after wrong ones, which nobody can tell from a role that is not there.
    for _ in 0..=LOGIN_FAILURES_FREE {
        assert_eq!(plain("ann", "wrong").await, Err("28P01".to_owned()));
    }
    assert_eq!(plain("ann", PASSWORD).await, Ok(()));
}
