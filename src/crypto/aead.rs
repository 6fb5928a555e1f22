//! AES-256-GCM through ring, and the key of one sealed object.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::random::random;
use crate::error::{Error, Kind, Result};

/// What seals everything, as shown to users.
pub const ALGORITHM: &str = "AES-256-GCM";
/// Bytes that sealing adds to a block.
pub const BLOCK_TAG_BYTES: usize = 16;

/// HKDF-SHA256 (RFC 5869): the key that `info` names, from a secret and a salt.
pub(super) fn derive(secret: &[u8; 32], salt: &[u8], info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut()))
        .map_err(|_| Error::internal("a key could not be derived"))?;
    Ok(key)
}

/// A key ready for AES-256-GCM.
pub(super) fn aes(key: &[u8; 32]) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| Error::internal("a key of 32 bytes was refused"))
}

/// Seals `buf` in place and appends the tag.
pub(super) fn seal(key: &LessSafeKey, nonce: [u8; NONCE_LEN], aad: &[u8], buf: &mut Vec<u8>) -> Result<()> {
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buf)
        .map_err(|_| Error::internal("a value is too long to be sealed at once"))
}

/// Seals `buf` in place; gives the tag.
pub(super) fn seal_apart(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    buf: &mut [u8],
) -> Result<[u8; BLOCK_TAG_BYTES]> {
    let too_long = || Error::internal("a value is too long to be sealed at once");
    let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buf);
    tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or_else(too_long)
}

/// Opens `buf` in place and takes the tag off; on failure `buf` holds nothing of use.
pub(super) fn open(key: &LessSafeKey, nonce: [u8; NONCE_LEN], aad: &[u8], buf: &mut Vec<u8>) -> Result<()> {
    let length =
        key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buf)
            .map(|plain| plain.len())
            .map_err(|_| Error::new(Kind::Corruption, "a seal is broken: the bytes are not what was written here"))?;
    buf.truncate(length);
    Ok(())
}

/// The key of one immutable sealed object (a file), whose blocks are numbered.
///
/// Each block may be sealed once under one key: the block number is the nonce.
#[derive(Clone)]
pub struct ObjectKey(LessSafeKey);

impl ObjectKey {
    /// A random key that is nowhere but here.
    pub fn ephemeral() -> Result<Self> {
        Self::new(&Zeroizing::new(random()?))
    }

    pub(super) fn new(key: &[u8; 32]) -> Result<Self> {
        aes(key).map(Self)
    }

    /// Seals block `index` in place and appends [`BLOCK_TAG_BYTES`]; `last` marks the end, so that a cut object does not open.
    pub fn seal_block(&self, index: u64, last: bool, aad: &[u8], buf: &mut Vec<u8>) -> Result<()> {
        seal(&self.0, block_nonce(index, last), aad, buf)
    }

    /// Opens block `index` in place; [`Kind::Corruption`] when any of the arguments differ from those of the sealing.
    pub fn open_block(&self, index: u64, last: bool, aad: &[u8], buf: &mut Vec<u8>) -> Result<()> {
        open(&self.0, block_nonce(index, last), aad, buf)
    }
}

impl std::fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ObjectKey(..)")
    }
}

fn block_nonce(index: u64, last: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[0] = u8::from(last);
    nonce[4..].copy_from_slice(&index.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_opens_only_in_its_place() {
        let key = ObjectKey::new(&[7; 32]).unwrap();
        let mut sealed = b"hello".to_vec();
        key.seal_block(3, false, b"file", &mut sealed).unwrap();
        assert_eq!(sealed.len(), 5 + BLOCK_TAG_BYTES);
        let opens = |index, last, aad: &[u8]| {
            let mut buf = sealed.clone();
            key.open_block(index, last, aad, &mut buf).map(|()| buf)
        };
        assert_eq!(opens(3, false, b"file").unwrap(), b"hello");
        for wrong in [opens(4, false, b"file"), opens(3, true, b"file"), opens(3, false, b"other")] {
            assert_eq!(wrong.unwrap_err().kind(), Kind::Corruption);
        }
    }

    /// RFC 5869, test case 1, cut to 32 bytes.
    #[test]
    fn derivation_follows_the_rfc() {
        let prk = Salt::new(HKDF_SHA256, &(0..=12).collect::<Vec<u8>>()).extract(&[0x0b; 22]);
        let mut okm = [0; 32];
        prk.expand(&[&(0xf0..=0xf9).collect::<Vec<u8>>()], HKDF_SHA256).unwrap().fill(&mut okm).unwrap();
        assert_eq!(okm[..8], [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a]);
    }
}
