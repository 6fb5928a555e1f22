//! Seals of small values: data key u32 | epoch u32 | counter u64 | text | tag, 32 bytes more than the value.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use ring::aead::{LessSafeKey, NONCE_LEN};

use super::aead;
use super::bunch::Bunch;
use super::keyfile::{Purpose, Scope};
use crate::error::Result;
use crate::fail;

/// Bytes that sealing adds to a value.
pub const SEAL_BYTES: usize = 4 + 4 + 8 + aead::BLOCK_TAG_BYTES;
/// Keys that are kept derived; beyond, all are derived anew when next met.
const DERIVED_MAX: usize = 4096;

/// Seals and opens the small values of one purpose.
pub struct ValueSealer {
    purpose: Purpose,
    bunch: Arc<Bunch>,
    /// Keys of values, by data key and epoch.
    derived: RwLock<HashMap<(u32, u32), Arc<LessSafeKey>>>,
}

impl ValueSealer {
    pub(super) fn new(purpose: Purpose, bunch: Arc<Bunch>) -> Self {
        Self { purpose, bunch, derived: RwLock::default() }
    }

    /// Seals `plain`, which belongs to the object `owner` (0 if to none), with the newest key there is; it opens only with the
    /// same `aad`, which names its place.
    pub fn seal(&self, owner: u64, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let Some(epoch) = self.bunch.epoch else { fail!(Internal, "a keyring opened for reading seals nothing") };
        let data_key = self.bunch.current(Scope::of(self.purpose, owner))?;
        let key = self.key(data_key, epoch)?;
        let counter = self.bunch.next_counter().to_be_bytes();
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
        sealed.extend(data_key.to_be_bytes());
        sealed.extend(epoch.to_be_bytes());
        sealed.extend(counter);
        let text = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = aead::seal_apart(&key, nonce(counter), aad, &mut sealed[text..])?;
        sealed.extend(tag);
        Ok(sealed)
    }

    /// Opens what [`ValueSealer::seal`] gave, in this start or an earlier one;
    /// [`Kind::Corruption`](crate::error::Kind) when it does not open.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let (Some((data_key, epoch)), Some((counter, text))) = (sealed_with(sealed), split(sealed)) else {
            fail!(Corruption, "a sealed value is cut short")
        };
        let mut plain = text.to_vec();
        aead::open(&*self.key(data_key, epoch)?, nonce(counter), aad, &mut plain)?;
        Ok(plain)
    }

    /// How often the keyring has been written.
    pub fn keyring_version(&self) -> u64 {
        self.bunch.state().header.version
    }

    /// Whether the keyring knows nothing of the key or the epoch of this value.
    pub fn lacks_keys_of(&self, sealed: &[u8]) -> bool {
        let keys = self.bunch.state();
        let knows = |(data_key, epoch)| keys.knows(data_key) && keys.epoch_salt(epoch).is_some();
        sealed_with(sealed).is_some_and(|names| !knows(names))
    }

    /// Whether the key of this value was destroyed, so that nobody can open it any more.
    pub fn is_shredded(&self, sealed: &[u8]) -> bool {
        sealed_with(sealed).is_some_and(|(data_key, _)| self.bunch.state().is_destroyed(data_key))
    }

    /// Whether this value is sealed with a key that a newer one has replaced.
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        sealed_with(sealed).is_some_and(|(data_key, _)| self.bunch.state().is_outdated(data_key))
    }

    /// The object whose data key this value is sealed with; 0 if that is none.
    pub fn owner(&self, sealed: &[u8]) -> u64 {
        match sealed_with(sealed).and_then(|(data_key, _)| self.bunch.state().scope(data_key)) {
            Some(Scope::Object(owner)) => owner,
            _ => 0,
        }
    }

    fn key(&self, data_key: u32, epoch: u32) -> Result<Arc<LessSafeKey>> {
        if let Some(key) = self.derived.read().get(&(data_key, epoch)) {
            return Ok(key.clone());
        }
        let state = self.bunch.state();
        let Some(salt) = state.epoch_salt(epoch) else {
            fail!(Corruption, "a sealed value names epoch {epoch}, which the keyring lacks")
        };
        let secret = state.secret(self.purpose, data_key)?;
        let key = aead::derive(secret, &salt, &[b"steward/v1/value/", self.purpose.name().as_bytes()])?;
        let key = Arc::new(aead::aes(&key)?);
        let mut derived = self.derived.write();
        if derived.len() >= DERIVED_MAX {
            derived.clear();
        }
        derived.insert((data_key, epoch), key.clone());
        Ok(key)
    }

    /// Lets go of keys that are derived from a data key which is gone.
    pub(super) fn forget(&self, gone: &dyn Fn(u32) -> bool) {
        self.derived.write().retain(|(data_key, _), _| !gone(*data_key));
    }
}

/// Data key and epoch that a sealed value names.
pub fn sealed_with(sealed: &[u8]) -> Option<(u32, u32)> {
    let (data_key, rest) = sealed.split_first_chunk()?;
    Some((u32::from_be_bytes(*data_key), u32::from_be_bytes(*rest.first_chunk()?)))
}

fn split(sealed: &[u8]) -> Option<([u8; 8], &[u8])> {
    let (counter, text) = sealed.get(8..)?.split_first_chunk()?;
    Some((*counter, text))
}

impl std::fmt::Debug for ValueSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ValueSealer({})", self.purpose.name())
    }
}

fn nonce(counter: [u8; 8]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[4..].copy_from_slice(&counter);
    nonce
}
