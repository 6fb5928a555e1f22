//! Seals of small values: epoch u32 | counter u64 | text | tag, 28 bytes more than the value.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use ring::aead::{LessSafeKey, NONCE_LEN};

use super::aead;
use super::keyfile::{Purpose, Secrets};
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Bytes that sealing adds to a value.
pub const SEAL_BYTES: usize = 4 + 8 + aead::BLOCK_TAG_BYTES;

/// Seals and opens the small values of one purpose. One sealer a purpose and start: its counter is the nonce.
pub struct ValueSealer {
    purpose: Purpose,
    secrets: Arc<Secrets>,
    /// Absent when the keyring was opened for reading only.
    current: Option<(u32, LessSafeKey)>,
    counter: AtomicU64,
    /// Keys of earlier epochs, derived when first met.
    earlier: RwLock<HashMap<u32, Arc<LessSafeKey>>>,
}

impl ValueSealer {
    pub(super) fn new(purpose: Purpose, secrets: Arc<Secrets>, epoch: Option<u32>) -> Result<Self> {
        let current = epoch.map(|epoch| Ok::<_, Error>((epoch, epoch_key(&secrets, purpose, epoch)?))).transpose()?;
        Ok(Self { purpose, secrets, current, counter: AtomicU64::new(0), earlier: RwLock::default() })
    }

    /// Seals `plain`; it opens only with the same `aad`, which names its place.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let Some((epoch, key)) = &self.current else { fail!(Internal, "a keyring opened for reading seals nothing") };
        let counter = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut text = Vec::with_capacity(plain.len() + aead::BLOCK_TAG_BYTES);
        text.extend_from_slice(plain);
        aead::seal(key, nonce(counter), aad, &mut text)?;
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
        sealed.extend(epoch.to_be_bytes());
        sealed.extend(counter);
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what [`ValueSealer::seal`] gave, in this start or an earlier one; [`Kind::Corruption`] when it does not open.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let (epoch, counter, text) = split(sealed)?;
        let mut plain = text.to_vec();
        match &self.current {
            Some((current, key)) if *current == epoch => aead::open(key, nonce(counter), aad, &mut plain)?,
            _ => aead::open(&*self.earlier_key(epoch)?, nonce(counter), aad, &mut plain)?,
        }
        Ok(plain)
    }

    fn earlier_key(&self, epoch: u32) -> Result<Arc<LessSafeKey>> {
        if let Some(key) = self.earlier.read().get(&epoch) {
            return Ok(key.clone());
        }
        let key = Arc::new(epoch_key(&self.secrets, self.purpose, epoch)?);
        self.earlier.write().insert(epoch, key.clone());
        Ok(key)
    }
}

impl std::fmt::Debug for ValueSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ValueSealer({})", self.purpose.name())
    }
}

fn split(sealed: &[u8]) -> Result<(u32, [u8; 8], &[u8])> {
    let parts = sealed.split_first_chunk::<4>().and_then(|(epoch, rest)| Some((epoch, rest.split_first_chunk::<8>()?)));
    match parts {
        Some((epoch, (counter, text))) => Ok((u32::from_be_bytes(*epoch), *counter, text)),
        None => fail!(Corruption, "a sealed value is cut short"),
    }
}

/// The key of a purpose in an epoch: from the newest data key that was there when the epoch began.
fn epoch_key(secrets: &Secrets, purpose: Purpose, epoch: u32) -> Result<LessSafeKey> {
    let unknown =
        || Error::new(Kind::Corruption, format!("a sealed value names epoch {epoch}, which the keyring lacks"));
    let salt = secrets.epochs.iter().rev().find(|known| known.id == epoch).ok_or_else(unknown)?.salt;
    let data_key = secrets
        .keys
        .iter()
        .filter(|key| key.purpose == purpose && key.since <= epoch)
        .max_by_key(|key| key.since)
        .ok_or_else(unknown)?;
    let key = aead::derive(&data_key.key, &salt, &[b"steward/v1/value/", purpose.name().as_bytes()])?;
    aead::aes(&key)
}

fn nonce(counter: [u8; 8]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[4..].copy_from_slice(&counter);
    nonce
}
