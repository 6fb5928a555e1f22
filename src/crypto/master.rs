//! The master key: where it comes from, and how a new one is kept.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::num::NonZeroU32;
use std::path::Path;

use ring::pbkdf2;
use zeroize::{Zeroize, Zeroizing};

use super::random::random;
use crate::config;
use crate::encoding::{unhex_pair, write_hex};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// The key that opens the keyring of a database. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A new random key.
    pub fn generate() -> Result<Self> {
        Ok(Self::from_bytes(random()?))
    }

    /// The key that these bytes are.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// Reads a key file: 64 hexadecimal digits and a newline. Warns when others than its owner may read it.
    pub fn from_file(path: &Path) -> Result<Self> {
        let name = path.display();
        let refuse = |what: String| {
            Error::new(Kind::Configuration, what).with_hint("A key file holds 64 hexadecimal digits on one line.")
        };
        let meta =
            fs::metadata(path).map_err(|error| refuse(format!("key file \"{name}\" cannot be read: {error}")))?;
        if !meta.is_file() || meta.len() > 1024 {
            return Err(refuse(format!("\"{name}\" is not a key file")));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = meta.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                tracing::warn!("key file \"{name}\" has mode {mode:04o}: others may read it; set it to 0600");
            }
        }
        let text = Zeroizing::new(
            fs::read(path).map_err(|error| refuse(format!("key file \"{name}\" cannot be read: {error}")))?,
        );
        let digits = text.trim_ascii();
        if digits.len() != 64 {
            return Err(refuse(format!("key file \"{name}\" holds {} characters instead of 64", digits.len())));
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            match unhex_pair(pair[0], pair[1]) {
                Some(read) => *byte = read,
                None => {
                    return Err(refuse(format!("key file \"{name}\" holds something else than hexadecimal digits")));
                }
            }
        }
        Ok(Self(bytes))
    }

    /// Writes a key file that only its owner may read, durable on return. A file that is there already is never replaced.
    pub fn write_file(&self, path: &Path) -> Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let name = path.display();
        let mut file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                fail!(Configuration, "key file \"{name}\" is there already")
            }
            Err(error) => return Err(Error::io(format!("key file \"{name}\""), &error)),
        };
        let mut text = Zeroizing::new(Vec::with_capacity(65));
        self.0.iter().for_each(|byte| write_hex(*byte, &mut text));
        text.push(b'\n');
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| File::open(parent)?.sync_all()).map_err(
            |error| {
                // Half a key would stand in the way of the next try.
                _ = std::fs::remove_file(path);
                Error::io(format!("key file \"{name}\""), &error)
            },
        )
    }

    /// The key of a passphrase: PBKDF2-HMAC-SHA256 with [`config::PASSPHRASE_ROUNDS`].
    pub fn from_passphrase(pass: &str, salt: &[u8; 16]) -> Result<Self> {
        if pass.is_empty() {
            fail!(Configuration, "the passphrase is empty");
        }
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2(config::PASSPHRASE_ROUNDS, salt, pass.as_bytes(), &mut key)?;
        Ok(Self(key))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// PBKDF2-HMAC-SHA256 (RFC 8018).
pub(super) fn pbkdf2(rounds: u32, salt: &[u8], secret: &[u8], out: &mut [u8; 32]) -> Result<()> {
    let rounds = NonZeroU32::new(rounds).ok_or_else(|| Error::internal("a password needs at least one round"))?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, secret, out);
    Ok(())
}

/// How a user gives the master key. A passphrase becomes a key only with the salt of the database it is for.
#[derive(Clone)]
pub enum KeySource {
    /// The key itself.
    Key(MasterKey),
    /// A passphrase; see [`KeySource::passphrase`].
    Passphrase(Zeroizing<String>),
}

impl KeySource {
    /// A key given as a passphrase.
    pub fn passphrase(pass: impl Into<String>) -> Self {
        Self::Passphrase(Zeroizing::new(pass.into()))
    }

    /// The master key, for a database whose keyring has this salt. Takes some tenths of a second for a passphrase.
    pub fn master_key(&self, salt: &[u8; 16]) -> Result<MasterKey> {
        match self {
            Self::Key(key) => Ok(key.clone()),
            Self::Passphrase(pass) => MasterKey::from_passphrase(pass, salt),
        }
    }
}

impl From<MasterKey> for KeySource {
    fn from(key: MasterKey) -> Self {
        Self::Key(key)
    }
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "KeySource::Key(..)",
            Self::Passphrase(_) => "KeySource::Passphrase(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_back_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let key = MasterKey::generate().unwrap();
        key.write_file(&path).unwrap();
        assert_eq!(MasterKey::from_file(&path).unwrap().bytes(), key.bytes());
        assert_eq!(key.write_file(&path).unwrap_err().kind(), Kind::Configuration);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_wrong_key_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.key");
        let long = "a".repeat(2000);
        for text in ["", "abcd", &"g".repeat(64), &"é".repeat(32), &long] {
            fs::write(&path, text).unwrap();
            let error = MasterKey::from_file(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Configuration);
            assert!(error.message().contains("bad.key"), "{error}");
        }
        assert_eq!(MasterKey::from_file(&dir.path().join("none")).unwrap_err().kind(), Kind::Configuration);
        assert_eq!(MasterKey::from_file(dir.path()).unwrap_err().kind(), Kind::Configuration);
    }

    #[test]
    fn a_passphrase_depends_on_its_salt_and_is_never_empty() {
        let mut one = [0; 32];
        pbkdf2(1, b"salt", b"password", &mut one).unwrap();
        assert_eq!(one[..4], [0x12, 0x0f, 0xb6, 0xcf], "the published vector for one round");
        assert_eq!(MasterKey::from_passphrase("", &[0; 16]).unwrap_err().kind(), Kind::Configuration);
        assert_eq!(format!("{:?}", KeySource::passphrase("geheim")), "KeySource::Passphrase(..)");
    }
}
