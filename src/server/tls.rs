//! Encryption: a certificate and its key from files, the handshake, and what of both a login leans on.
//!
//! Whoever asks for encryption gets it or no server: a file that is missing, broken, or readable by others stops the
//! start with its name and the remedy. Nothing falls back to plain text. TLS 1.2 and 1.3 are spoken, by rustls with
//! ring's ciphers.

use super::socket::Socket;
use crate::error::{Error, Kind, Result};
use pgwire::api::auth::sasl::scram::ScramServerAuth;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use x509_certificate::{CapturedX509Certificate, X509Certificate};

/// Largest file of certificates or keys that is read.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// Where certificates and keys lie, all in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, and those of the authorities between it and a root that clients know.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// Certificates of those who may vouch for clients; without it clients show none.
    pub client_authorities: Option<PathBuf>,
}

/// What a server needs to speak encrypted.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    scram: Option<ScramServerAuth>,
    asks_clients: bool,
}

impl Tls {
    /// Reads and checks the files.
    pub fn load(files: &TlsFiles) -> Result<Self> {
        let provider = Arc::new(default_provider());
        let chain = certificates(&files.certificate, "certificate")?;
        let key = private_key(&files.key)?;
        let scram = chain.first().and_then(|first| channel_binding(first));
        if scram.is_none() {
            tracing::warn!(
                "certificate \"{}\" is signed in a way for which channel binding is not defined: it is not offered",
                files.certificate.display()
            );
        }
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Error::internal(format!("TLS cannot be set up: {error}")))?;
        let builder = match &files.client_authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = authorities(path)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).allow_unauthenticated();
                builder.with_client_cert_verifier(verifier.build().map_err(|error| refused(path, &error.to_string()))?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| unfit(files, &error))?;
        // A session that is taken up again would not show the client's certificate, and saves a client little.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            scram,
            asks_clients: files.client_authorities.is_some(),
        })
    }

    /// Whether clients may show certificates.
    pub fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// SCRAM bound to the server's certificate, where that is defined.
    pub fn scram(&self) -> Option<&ScramServerAuth> {
        self.scram.as_ref()
    }

    /// Encrypts a plain socket, once the client has been told that this is possible.
    pub async fn accept(&self, socket: &mut Socket) -> Result<()> {
        let Socket::Plain(plain) = std::mem::replace(socket, Socket::Gone) else {
            return Err(Error::internal("a socket is encrypted twice"));
        };
        match self.acceptor.accept(plain).await {
            Ok(stream) => {
                *socket = Socket::Encrypted(Box::new(stream));
                Ok(())
            }
            Err(error) => Err(Error::new(Kind::Protocol, format!("could not accept SSL connection: {error}"))),
        }
    }
}

/// The common name that a certificate gives its holder; none if it gives none, several, or one that hides something.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = X509Certificate::from_der(certificate).ok()?;
    let mut names = certificate.subject_name().iter_common_name();
    let name = names.next()?.to_string().ok()?;
    (names.next().is_none() && !name.is_empty() && !name.contains('\0')).then_some(name)
}

/// `tls-server-end-point` of a certificate (RFC 5929).
fn channel_binding(certificate: &CertificateDer<'_>) -> Option<ScramServerAuth> {
    // As it is, and not as that library would write it: the hash is over these very bytes.
    let pem = CapturedX509Certificate::from_der(certificate.to_vec()).ok()?.encode_pem();
    let mut scram = ScramServerAuth::new();
    scram.configure_certificate(pem.as_bytes()).ok()?;
    Some(scram)
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "root certificate")? {
        roots.add(certificate).map_err(|error| refused(path, &error.to_string()))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = read(path, what)?.0;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(refused(path, "it holds no certificate")),
        Err(error) => Err(refused(path, &error.to_string())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let (bytes, facts) = read(path, "private key")?;
    must_be_private(path, &facts)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => {
            let message = format!("private key file \"{}\" holds no key that can be read", path.display());
            Err(Error::new(Kind::Configuration, message).with_hint(
                "It must be in PEM and without a passphrase: openssl pkey -in FILE -out NEW_FILE writes it so.",
            ))
        }
        Err(error) => Err(refused(path, &error.to_string())),
    }
}

/// PostgreSQL's rule: nobody but the server's own user and root may read a key.
fn must_be_private(path: &Path, facts: &Metadata) -> Result<()> {
    // The process's own files belong to the user that it runs as.
    let own = fs::metadata("/proc/self").map(|process| process.uid()).unwrap_or_else(|_| facts.uid());
    if facts.uid() != own && facts.uid() != 0 {
        let message = format!("private key file \"{}\" must be owned by the database user or root", path.display());
        return Err(
            Error::new(Kind::Configuration, message).with_hint(format!("Make it so: chown {own} {}", path.display()))
        );
    }
    let others = if facts.uid() == 0 && own != 0 { 0o037 } else { 0o077 };
    if facts.permissions().mode() & others != 0 {
        let message = format!("private key file \"{}\" has group or world access", path.display());
        return Err(Error::new(Kind::Configuration, message)
            .with_detail(
                "File must have permissions u=rw (0600) or less if owned by the database user, or permissions \
                 u=rw,g=r (0640) or less if owned by root.",
            )
            .with_hint(format!("Make it so: chmod 600 {}", path.display())));
    }
    Ok(())
}

/// A whole file and its facts, which are those of what was read.
fn read(path: &Path, what: &str) -> Result<(zeroize::Zeroizing<Vec<u8>>, Metadata)> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Configuration, format!("could not load {what} file \"{}\": {error}", path.display()))
            .with_hint("Give the path of a file in PEM that the server may read.")
    };
    let file = fs::File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() || facts.len() > PEM_BYTES_MAX {
        let message = format!("{what} file \"{}\" is not a regular file of at most 1 MiB", path.display());
        return Err(Error::new(Kind::Configuration, message));
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(facts.len() as usize));
    file.take(PEM_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, facts))
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(Kind::Configuration, format!("could not load file \"{}\": {why}", path.display())).with_hint(
        "Give a file of certificates in PEM, X.509 version 3; openssl x509 -in FILE -text shows what it holds.",
    )
}

/// Certificate and key do not go together.
fn unfit(files: &TlsFiles, error: &rustls::Error) -> Error {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    match error {
        rustls::Error::InconsistentKeys(_) => Error::new(
            Kind::Configuration,
            format!("private key file \"{key}\" is not the key of certificate file \"{certificate}\""),
        )
        .with_hint("Give the key that the certificate was made for."),
        other => Error::new(
            Kind::Configuration,
            format!("could not use certificate file \"{certificate}\" with private key file \"{key}\": {other}"),
        )
        .with_hint("Certificates must be X.509 version 3, keys RSA of 2048 bits or more, ECDSA or Ed25519."),
    }
}
