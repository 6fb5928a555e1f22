//! The file form of this room's learnt models: a short head, a JSON header, and the weights as safetensors.
//!
//! ```text
//! 8 bytes   magic, one per kind of model
//! u32       version of that kind's form
//! u64       hash of all that follows
//! u64       length of the JSON header
//! ...       header: what was learnt that is no weight
//! ...       safetensors (https://github.com/huggingface/safetensors), read back by candle
//! ```
//!
//! Whole numbers are little-endian. The hash is no seal (storage seals files); it turns a damaged model into a clear
//! error before any of it is believed.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::random::hash_bytes;
use crate::error::{Error, Kind, Result};
use crate::fail;

/// Bytes before the JSON header.
const HEAD_BYTES: usize = 8 + 4 + 8 + 8;

/// A tensor to be written.
pub(crate) enum Weights<'a> {
    /// 32-bit floats, row-major.
    Floats(&'a [f32]),
    /// 64-bit whole numbers.
    Longs(&'a [i64]),
}

/// Packs a header and named tensors with their shapes.
pub(crate) fn pack(
    magic: &[u8; 8],
    version: u32,
    header: &impl Serialize,
    tensors: &[(String, Vec<usize>, Weights<'_>)],
) -> Result<Vec<u8>> {
    let header = serde_json::to_vec(header).map_err(|error| Error::internal(format!("model header: {error}")))?;
    let mut body = (header.len() as u64).to_le_bytes().to_vec();
    body.extend_from_slice(&header);
    write_safetensors(tensors, &mut body)?;
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&hash_bytes(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Appends `tensors` in the safetensors form. candle writes it only into files by path, and nothing of ours may lie
/// unsealed on the disk, so the few bytes of framing are written here; candle reads them back.
fn write_safetensors(tensors: &[(String, Vec<usize>, Weights<'_>)], into: &mut Vec<u8>) -> Result<()> {
    let mut names = serde_json::Map::new();
    let mut at = 0usize;
    for (name, shape, weights) in tensors {
        let (dtype, bytes) = match weights {
            Weights::Floats(values) => ("F32", values.len() * 4),
            Weights::Longs(values) => ("I64", values.len() * 8),
        };
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes] });
        names.insert(name.clone(), entry);
        at += bytes;
    }
    let mut header = serde_json::to_vec(&names).map_err(|error| Error::internal(format!("model weights: {error}")))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    into.extend_from_slice(&(header.len() as u64).to_le_bytes());
    into.extend_from_slice(&header);
    for (_, _, weights) in tensors {
        match weights {
            Weights::Floats(values) => into.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Weights::Longs(values) => into.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        }
    }
    Ok(())
}

/// What [`unpack`] found.
pub(crate) struct Unpacked<H> {
    pub header: H,
    tensors: HashMap<String, Tensor>,
}

/// Reads what [`pack`] wrote. Anything else is [`Kind::Corruption`]; a newer version is [`Kind::FormatVersion`].
pub(crate) fn unpack<H: DeserializeOwned>(
    bytes: &[u8],
    magic: &[u8; 8],
    version: u32,
    what: &str,
) -> Result<Unpacked<H>> {
    let damaged = || Error::new(Kind::Corruption, format!("the stored {what} is damaged"));
    let (head, body) = bytes.split_at_checked(HEAD_BYTES).ok_or_else(damaged)?;
    let (head, length) = head.split_at_checked(HEAD_BYTES - 8).ok_or_else(damaged)?;
    if head.get(..8) != Some(magic.as_slice()) {
        return Err(damaged());
    }
    let found = u32::from_le_bytes(head.get(8..12).and_then(|part| part.try_into().ok()).ok_or_else(damaged)?);
    let check = u64::from_le_bytes(head.get(12..20).and_then(|part| part.try_into().ok()).ok_or_else(damaged)?);
    if hash_bytes(bytes.get(HEAD_BYTES - 8..).unwrap_or_default()) != check {
        return Err(damaged());
    }
    if found > version {
        fail!(FormatVersion, "the stored {what} has form {found}, and this Steward reads up to {version}");
    }
    let length =
        usize::try_from(u64::from_le_bytes(length.try_into().map_err(|_| damaged())?)).map_err(|_| damaged())?;
    let (header, weights) = body.split_at_checked(length).ok_or_else(damaged)?;
    let header = serde_json::from_slice(header).map_err(|_| damaged())?;
    let tensors = candle_core::safetensors::load_buffer(weights, &Device::Cpu).map_err(|_| damaged())?;
    Ok(Unpacked { header, tensors })
}

impl<H> Unpacked<H> {
    /// The floats of a tensor, row-major; [`Kind::Corruption`] if it is absent or not `count` long.
    pub fn floats(&self, name: &str, count: usize) -> Result<Vec<f32>> {
        let values = self.tensors.get(name).filter(|tensor| tensor.dtype() == DType::F32);
        let values = values.and_then(|tensor| tensor.flatten_all().ok()?.to_vec1::<f32>().ok());
        match values.filter(|values| values.len() == count) {
            Some(values) => Ok(values),
            None => fail!(Corruption, "the stored model lacks its weights \"{name}\""),
        }
    }

    /// The whole numbers of a tensor, if it is there.
    pub fn longs(&self, name: &str) -> Option<Vec<i64>> {
        self.tensors.get(name)?.flatten_all().ok()?.to_vec1::<i64>().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Result<Vec<u8>> {
        let tensors = [
            ("a".to_string(), vec![2, 2], Weights::Floats(&[1.0, -2.0, 0.5, 4.0])),
            ("b".to_string(), vec![3], Weights::Longs(&[i64::MIN, 0, 7])),
        ];
        pack(b"TESTTEST", 3, &vec!["header"], &tensors)
    }

    #[test]
    fn what_is_packed_comes_back() -> Result<()> {
        let unpacked: Unpacked<Vec<String>> = unpack(&sample()?, b"TESTTEST", 3, "test")?;
        assert_eq!(unpacked.header, ["header"]);
        assert_eq!(unpacked.floats("a", 4)?, [1.0, -2.0, 0.5, 4.0]);
        assert_eq!(unpacked.longs("b"), Some(vec![i64::MIN, 0, 7]));
        assert_eq!(unpacked.floats("a", 5).unwrap_err().kind(), Kind::Corruption);
        Ok(())
    }

    #[test]
    fn damage_anywhere_is_corruption_and_a_newer_form_says_so() -> Result<()> {
        let bytes = sample()?;
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            let kind = unpack::<Vec<String>>(&damaged, b"TESTTEST", 3, "test").err().map(|error| error.kind());
            let expected = if (8..12).contains(&place) { Kind::FormatVersion } else { Kind::Corruption };
            assert_eq!(kind, Some(expected), "byte {place}");
            let cut = unpack::<Vec<String>>(&bytes[..place], b"TESTTEST", 3, "test").err().map(|error| error.kind());
            assert_eq!(cut, Some(Kind::Corruption), "cut at {place}");
        }
        assert!(unpack::<Vec<String>>(&bytes, b"TESTTEST", 2, "test").is_err_and(|e| e.kind() == Kind::FormatVersion));
        Ok(())
    }
}
