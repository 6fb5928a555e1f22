//! The part of `steward serve` that decides who comes in, and refuses what would let in more than was meant.

use super::arguments::{Door, Encryption};
use crate::error::{Error, Kind, Result};
use crate::server::{Admission, TlsFiles};
use std::net::SocketAddr;

impl Door {
    /// Reads certificates and rules for a server at this address.
    pub fn admission(&self, address: SocketAddr) -> Result<Admission> {
        let files = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                client_authorities: self.tls_client_ca.clone(),
            }),
            _ => None,
        };
        self.must_be_sound(files.is_some(), address)?;
        Admission::load(files.as_ref(), self.hba.clone(), self.tls == Some(Encryption::Required))
    }

    fn must_be_sound(&self, encrypts: bool, address: SocketAddr) -> Result<()> {
        let refuse = |message: &str, hint: &str| Err(Error::new(Kind::Configuration, message).with_hint(hint));
        match (self.tls, encrypts) {
            (Some(Encryption::Off), true) => {
                refuse("--tls off and --tls-cert contradict each other", "Leave one of them out.")
            }
            (Some(Encryption::Required | Encryption::Offered), false) => refuse(
                "--tls needs a certificate and its key",
                "Give both: --tls-cert server.crt --tls-key server.key.",
            ),
            (Some(Encryption::Required), true) if self.hba.is_some() => refuse(
                "--tls required is not for a server with a file of rules",
                "Say it in the file, by lines that begin with hostssl.",
            ),
            // Nobody is to find out later that passwords of new roles and all rows went through the network plain.
            (None, false) if !address.ip().to_canonical().is_loopback() => refuse(
                &format!("a server at {address} would send everything but passwords unencrypted to whoever is between"),
                "Give it a certificate by --tls-cert and --tls-key; or say --tls off where the network is yours alone.",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn door(tls: Option<Encryption>, cert: bool, hba: bool) -> Door {
        let path = |there: bool| there.then(|| PathBuf::from("/nowhere"));
        Door { tls_cert: path(cert), tls_key: path(cert), tls_client_ca: None, tls, hba: path(hba) }
    }

    #[test]
    fn nothing_is_plain_by_oversight() {
        let (near, far) = ("127.0.0.1:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
        let sound = |tls, cert, hba, address| door(tls, cert, hba).must_be_sound(cert, address).is_ok();
        assert!(sound(None, false, false, near) && !sound(None, false, false, far));
        assert!(!sound(None, false, true, far), "a file of rules encrypts nothing");
        assert!(sound(Some(Encryption::Off), false, false, far) && sound(None, true, false, far));
        assert!(!sound(Some(Encryption::Off), true, false, near));
        assert!(!sound(Some(Encryption::Required), false, false, near));
        assert!(sound(Some(Encryption::Required), true, false, far));
        assert!(!sound(Some(Encryption::Required), true, true, far));
        // A certificate that is not there is no reason to go without.
        let error = door(None, true, false).admission(near).err().unwrap();
        assert!(error.kind() == Kind::Configuration && error.message().contains("/nowhere"), "{error}");
    }
}
