//! The bytes of the file `keyring`.
//!
//! ```text
//! magic 8 | format u8 | zero 3 | install id 16 | passphrase salt 16 | keyring version u64 | nonce 12 |   header, in plain
//! body length u32 | body, sealed with the master key, the header as associated data, tag included |
//! SHA-256 over all bytes before 32
//! ```
//!
//! The checksum at the end is no protection against forgery: it tells damage (checksum wrong) from a wrong key (checksum
//! right, seal does not open). Body: count u32, then for each data key id u32, purpose u8 (0 if it is an object's), object u64 (0
//! if it is a purpose's), milliseconds since 1970 when it was made u64, destroyed u8, key 32 (zero if destroyed); count u32,
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
    /// Counts and tokens, which are compared with earlier ones: the only key that is never replaced.
    Marks = 10,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 10] = [
        Self::Catalog,
        Self::Governance,
        Self::Rows,
        Self::Manifest,
        Self::Search,
        Self::Models,
        Self::Chunks,
        Self::Spill,
        Self::Journal,
        Self::Marks,
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
            Self::Marks => "marks",
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

/// Whose data key it is. What belongs to one object (a table, a text index) is sealed with a key of that object alone, so
/// that it can be made unreadable alone; all else with the key of its purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything of this purpose that belongs to no object.
    Purpose(Purpose),
    /// Everything of the object of this id.
    Object(u64),
}

impl Scope {
    /// The scope of something that belongs to `owner`, or to nobody in particular if that is 0.
    pub(super) fn of(purpose: Purpose, owner: u64) -> Self {
        match owner {
            0 => Self::Purpose(purpose),
            owner => Self::Object(owner),
        }
    }
}

/// One data key; the one with the highest id of its scope seals.
#[derive(Clone)]
pub(super) struct DataKey {
    pub id: u32,
    pub scope: Scope,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// `None` once it was destroyed: what it sealed is gone for good, and known to be.
    pub key: Option<Zeroizing<[u8; 32]>>,
}

impl DataKey {
    /// A new random key.
    pub(super) fn make(id: u32, scope: Scope) -> Result<Self> {
        let created_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let created_ms = created_ms.map_or(0, |since| since.as_millis() as u64);
        Ok(Self { id, scope, created_ms, key: Some(Zeroizing::new(random()?)) })
    }
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
    let mut body = Zeroizing::new(Vec::with_capacity(64 + secrets.keys.len() * 54 + secrets.epochs.len() * 36));
    body.extend((secrets.keys.len() as u32).to_be_bytes());
    for key in &secrets.keys {
        body.extend(key.id.to_be_bytes());
        let (purpose, object) = match key.scope {
            Scope::Purpose(purpose) => (purpose as u8, 0),
            Scope::Object(object) => (0, object),
        };
        body.push(purpose);
        body.extend(object.to_be_bytes());
        body.extend(key.created_ms.to_be_bytes());
        body.push(u8::from(key.key.is_none()));
        body.extend_from_slice(key.key.as_ref().map_or(&[0; 32], |key| &**key));
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
        let object = u64::from_be_bytes(read.take()?);
        let scope = match (code, Purpose::from_code(code)) {
            (0, _) => Scope::Object(object),
            (_, Some(purpose)) => Scope::Purpose(purpose),
            _ => fail!(FormatVersion, "holds a key of unknown purpose {code}"),
        };
        let created_ms = u64::from_be_bytes(read.take()?);
        let [destroyed] = read.take::<1>()?;
        let key = Zeroizing::new(read.take()?);
        secrets.keys.push(DataKey { id, scope, created_ms, key: (destroyed == 0).then_some(key) });
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
        let key = Some(Zeroizing::new([9; 32]));
        let key = DataKey { id: 7, scope: Scope::Purpose(Purpose::Rows), created_ms: 5, key };
        let gone = DataKey { id: 8, scope: Scope::Object(77), created_ms: 6, key: None };
        let secrets = Secrets { keys: vec![key, gone], epochs: vec![Epoch { id: 1, salt: [5; 32] }] };
        let bytes = encode(&header, &secrets, &master).unwrap();
        let (read_header, read) = decode(&bytes, &master).unwrap();
        let scope = Scope::Purpose(Purpose::Rows);
        assert_eq!((read_header.version, read.keys[0].id, read.keys[0].scope), (4, 7, scope));
        assert_eq!((read.keys[0].key.as_deref(), read.epochs[0].salt), (Some(&[9; 32]), [5; 32]));
        assert_eq!((read.keys[1].scope, read.keys[1].created_ms), (Scope::Object(77), 6));
        assert!(read.keys[1].key.is_none());
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
