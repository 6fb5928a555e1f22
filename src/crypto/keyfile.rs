//! The bytes of the file `keyring`.
//!
//! ```text
//! magic 8 | format u8 | zero 3 | install id 16 | passphrase salt 16 | keyring version u64 | nonce 12 |   header, in plain
//! body length u32 | body, sealed with the master key, the header as associated data, tag included |
//! SHA-256 over all bytes before 32
//! ```
//!
//! The checksum at the end is no protection against forgery: it tells damage (checksum wrong) from a wrong key (checksum
//! right, seal does not open). Body: count u32, then for each data key id u32, purpose u8, since epoch u32, key 32; count u32,
//! then for each epoch id u32, salt 32. All numbers big-endian.

use ring::aead::NONCE_LEN;
use zeroize::Zeroizing;

use super::aead;
use super::digest::sha256;
use super::master::MasterKey;
use super::random::random;
use crate::config::FORMAT_VERSION;
use crate::error::{Error, Kind, Result};
use crate::fail;

const MAGIC: &[u8; 8] = b"STWDKEYR";
const HEADER_BYTES: usize = 64;

/// What a data key is for. Different purposes never share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Purpose {
    /// Names: schemas, tables, columns, roles.
    Catalog = 1,
    /// Tags, policies, lineage, audit.
    Governance = 2,
    /// Rows kept in the store of small values.
    Rows = 3,
    /// Which files make up a table.
    Manifest = 4,
    /// Text indexes.
    Search = 5,
    /// Weights of models.
    Models = 6,
    /// Column chunks.
    Chunks = 7,
    /// Files that queries spill.
    Spill = 8,
    /// Order of commits.
    Journal = 9,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 9] = [
        Self::Catalog,
        Self::Governance,
        Self::Rows,
        Self::Manifest,
        Self::Search,
        Self::Models,
        Self::Chunks,
        Self::Spill,
        Self::Journal,
    ];

    /// The name that key derivation and status reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Governance => "governance",
            Self::Rows => "rows",
            Self::Manifest => "manifest",
            Self::Search => "search",
            Self::Models => "models",
            Self::Chunks => "chunks",
            Self::Spill => "spill",
            Self::Journal => "journal",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u8 == code)
    }
}

/// The plain header of a keyring.
#[derive(Clone)]
pub(super) struct Header {
    pub install_id: [u8; 16],
    pub salt: [u8; 16],
    pub version: u64,
}

/// One data key, in use from the epoch `since`.
#[derive(Clone)]
pub(super) struct DataKey {
    pub id: u32,
    pub purpose: Purpose,
    pub since: u32,
    pub key: Zeroizing<[u8; 32]>,
}

/// The salt of one start of the process.
#[derive(Clone)]
pub(super) struct Epoch {
    pub id: u32,
    pub salt: [u8; 32],
}

/// Everything secret in a keyring.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    pub keys: Vec<DataKey>,
    pub epochs: Vec<Epoch>,
}

/// The bytes of a keyring file, under a fresh nonce.
pub(super) fn encode(header: &Header, secrets: &Secrets, master: &MasterKey) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend(MAGIC);
    out.extend([FORMAT_VERSION, 0, 0, 0]);
    out.extend(header.install_id);
    out.extend(header.salt);
    out.extend(header.version.to_be_bytes());
    out.extend(nonce);
    // Reserved at once, so that growing leaves no copy of the keys behind.
    let mut body = Zeroizing::new(Vec::with_capacity(64 + secrets.keys.len() * 41 + secrets.epochs.len() * 36));
    body.extend((secrets.keys.len() as u32).to_be_bytes());
    for key in &secrets.keys {
        body.extend(key.id.to_be_bytes());
        body.push(key.purpose as u8);
        body.extend(key.since.to_be_bytes());
        body.extend_from_slice(key.key.as_ref());
    }
    body.extend((secrets.epochs.len() as u32).to_be_bytes());
    for epoch in &secrets.epochs {
        body.extend(epoch.id.to_be_bytes());
        body.extend(epoch.salt);
    }
    aead::seal(&aead::aes(master.bytes())?, nonce, &out, &mut body)?;
    out.extend((body.len() as u32).to_be_bytes());
    out.extend_from_slice(&body);
    let checksum = sha256(&out);
    out.extend(checksum);
    Ok(out)
}

/// The header of a keyring file, once its checksum holds. Errors: `Corruption`, `FormatVersion`; the caller names the file.
pub(super) fn decode_header(bytes: &[u8]) -> Result<Header> {
    let Some((rest, checksum)) = bytes.split_last_chunk::<32>() else { fail!(Corruption, "is cut short") };
    if !rest.starts_with(MAGIC) {
        fail!(Corruption, "does not begin like a keyring");
    }
    if sha256(rest) != *checksum {
        fail!(Corruption, "is damaged: its checksum differs");
    }
    let mut read = Reader(rest);
    read.take::<8>()?;
    let [format, ..] = read.take::<4>()?;
    if format != FORMAT_VERSION {
        fail!(FormatVersion, "has format {format}, this program knows format {FORMAT_VERSION}");
    }
    Ok(Header { install_id: read.take()?, salt: read.take()?, version: u64::from_be_bytes(read.take()?) })
}

/// Opens a keyring file. Errors as [`decode_header`], and `WrongKey`.
pub(super) fn decode(bytes: &[u8], master: &MasterKey) -> Result<(Header, Secrets)> {
    let header = decode_header(bytes)?;
    let mut read = Reader(bytes);
    let plain_header = read.take::<HEADER_BYTES>()?;
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&plain_header[HEADER_BYTES - NONCE_LEN..]);
    let length = u32::from_be_bytes(read.take()?) as usize;
    if read.0.len() != length + 32 {
        fail!(Corruption, "has a body of another length than it says");
    }
    let mut body = Zeroizing::new(read.0[..length].to_vec());
    aead::open(&aead::aes(master.bytes())?, nonce, &plain_header, &mut body)
        .map_err(|_| Error::new(Kind::WrongKey, "is not opened by this key"))?;
    Ok((header, decode_secrets(&mut Reader(&body))?))
}

fn decode_secrets(read: &mut Reader<'_>) -> Result<Secrets> {
    let mut secrets = Secrets::default();
    for _ in 0..u32::from_be_bytes(read.take()?) {
        let id = u32::from_be_bytes(read.take()?);
        let [code] = read.take::<1>()?;
        let Some(purpose) = Purpose::from_code(code) else {
            fail!(FormatVersion, "holds a key of unknown purpose {code}")
        };
        let since = u32::from_be_bytes(read.take()?);
        secrets.keys.push(DataKey { id, purpose, since, key: Zeroizing::new(read.take()?) });
    }
    for _ in 0..u32::from_be_bytes(read.take()?) {
        secrets.epochs.push(Epoch { id: u32::from_be_bytes(read.take()?), salt: read.take()? });
    }
    Ok(secrets)
}

/// Takes fixed pieces off the front of a slice.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.0.split_first_chunk::<N>() {
            Some((piece, rest)) => {
                self.0 = rest;
                Ok(*piece)
            }
            None => fail!(Corruption, "is cut short"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_and_a_wrong_key_are_told_apart() {
        let master = MasterKey::from_bytes([1; 32]);
        let header = Header { install_id: [2; 16], salt: [3; 16], version: 4 };
        let key = DataKey { id: 7, purpose: Purpose::Rows, since: 1, key: Zeroizing::new([9; 32]) };
        let secrets = Secrets { keys: vec![key], epochs: vec![Epoch { id: 1, salt: [5; 32] }] };
        let bytes = encode(&header, &secrets, &master).unwrap();
        let (read_header, read) = decode(&bytes, &master).unwrap();
        assert_eq!((read_header.version, read.keys[0].id, read.keys[0].purpose), (4, 7, Purpose::Rows));
        assert_eq!((*read.keys[0].key, read.epochs[0].salt), ([9; 32], [5; 32]));
        assert!(!bytes.windows(32).any(|window| window == [9; 32]));

        let wrong = decode(&bytes, &MasterKey::from_bytes([2; 32])).err().unwrap();
        assert_eq!(wrong.kind(), Kind::WrongKey);
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            assert_eq!(decode(&damaged, &master).err().unwrap().kind(), Kind::Corruption, "byte {place}");
            assert_eq!(decode(&bytes[..place], &master).err().unwrap().kind(), Kind::Corruption, "cut at {place}");
        }
    }
}
