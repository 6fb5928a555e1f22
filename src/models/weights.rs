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
//!
//! For the way out the same model is one plain safetensors file ([`to_safetensors`]): kind and form, the header, and whatever
//! is known of the model besides are texts of its `__metadata__`. What is made of that again ([`from_safetensors`]) is the
//! same byte for byte.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::random::hash_bytes;
use crate::error::{Error, Kind, Result};
use crate::fail;

/// A tensor to be written.
pub(crate) enum Weights<'a> {
    /// 32-bit floats, row-major.
    Floats(&'a [f32]),
    /// 64-bit whole numbers.
    Longs(&'a [i64]),
    /// Bytes: another stored model within this one.
    Bytes(&'a [u8]),
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
    Ok(framed(magic, version, &body))
}

/// Packs a header, blocks of weights and vocabularies, each a tensor of one dimension by its name.
pub(crate) fn pack_blocks(
    magic: &[u8; 8],
    version: u32,
    header: &impl Serialize,
    blocks: &[(String, &mut Vec<f32>)],
    vocabularies: &[(String, Vec<i64>)],
) -> Result<Vec<u8>> {
    let blocks = blocks.iter().map(|(name, values)| (name.clone(), vec![values.len()], Weights::Floats(values)));
    let longs = vocabularies.iter().map(|(name, hashes)| (name.clone(), vec![hashes.len()], Weights::Longs(hashes)));
    pack(magic, version, header, &blocks.chain(longs).collect::<Vec<_>>())
}

/// Packs a header and weights that are a safetensors file already, whose own texts are left out.
pub(crate) fn pack_file(magic: &[u8; 8], version: u32, header: &impl Serialize, file: &[u8]) -> Result<Vec<u8>> {
    let header = serde_json::to_vec(header).map_err(|error| Error::internal(format!("model header: {error}")))?;
    let Some((mut names, tensors)) = read_names(file) else {
        fail!(InvalidParameter, "the weights are no safetensors file");
    };
    names.remove(METADATA);
    let mut body = Vec::with_capacity(file.len() + header.len() + 64);
    body.extend_from_slice(&(header.len() as u64).to_le_bytes());
    body.extend_from_slice(&header);
    write_names(&names, &mut body)?;
    body.extend_from_slice(tensors);
    Ok(framed(magic, version, &body))
}

/// The header of what [`pack_file`] wrote, and where in the bytes its safetensors file is. Errors as of [`unpack`].
pub(crate) fn unpack_file<H: DeserializeOwned>(
    bytes: &[u8],
    magic: &[u8; 8],
    version: u32,
    what: &str,
) -> Result<(H, Range<usize>)> {
    let (header, weights) = opened(bytes, magic, version, what)?;
    Ok((header, bytes.len() - weights.len()..bytes.len()))
}

/// What stands before header and weights, and these.
fn framed(magic: &[u8; 8], version: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&hash_bytes(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Appends `tensors` in the safetensors form. candle writes it only into files by path, and nothing of ours may lie
/// unsealed on the disk, so the few bytes of framing are written here; candle reads them back.
fn write_safetensors(tensors: &[(String, Vec<usize>, Weights<'_>)], into: &mut Vec<u8>) -> Result<()> {
    let mut names = Map::new();
    let mut at = 0usize;
    for (name, shape, weights) in tensors {
        let (dtype, bytes) = match weights {
            Weights::Floats(values) => ("F32", values.len() * 4),
            Weights::Longs(values) => ("I64", values.len() * 8),
            Weights::Bytes(values) => ("U8", values.len()),
        };
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes] });
        names.insert(name.clone(), entry);
        at += bytes;
    }
    write_names(&names, into)?;
    for (_, _, weights) in tensors {
        match weights {
            Weights::Floats(values) => into.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Weights::Longs(values) => into.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Weights::Bytes(values) => into.extend_from_slice(values),
        }
    }
    Ok(())
}

/// The header of safetensors: where each tensor is.
fn write_names(names: &Map<String, Value>, into: &mut Vec<u8>) -> Result<()> {
    let mut header = serde_json::to_vec(names).map_err(|error| Error::internal(format!("model weights: {error}")))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    into.extend_from_slice(&(header.len() as u64).to_le_bytes());
    into.extend_from_slice(&header);
    Ok(())
}

/// The header of safetensors, and the bytes of the tensors behind it.
fn read_names(bytes: &[u8]) -> Option<(Map<String, Value>, &[u8])> {
    let (header, tensors) = split_by_length(bytes)?;
    Some((serde_json::from_slice(header).ok()?, tensors))
}

/// What a length before it says, and what follows.
fn split_by_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(8)?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?)
}

/// Names of the texts in a safetensors file of ours: kind and form, the header, and what the caller says of the model.
const FORM: &str = "stewarddb.form";
const HEADER: &str = "stewarddb.header";
const CARD: &str = "stewarddb.card";
/// Where safetensors has its texts.
const METADATA: &str = "__metadata__";

/// A model that [`pack`] wrote as a safetensors file that every program reads, with `card`, a text about it.
pub fn to_safetensors(bytes: &[u8], card: &str) -> Result<Vec<u8>> {
    let damaged = || Error::new(Kind::Corruption, "the stored model is damaged");
    let frame = frame(bytes, "model")?;
    let (header, weights) = split_by_length(frame.body).ok_or_else(damaged)?;
    let (mut names, tensors) = read_names(weights).ok_or_else(damaged)?;
    let kind = std::str::from_utf8(frame.magic).map_err(|_| damaged())?.trim_end_matches('\0');
    let header = std::str::from_utf8(header).map_err(|_| damaged())?;
    let form = format!("{kind} {}", frame.version);
    names.insert(METADATA.to_owned(), serde_json::json!({ FORM: form, HEADER: header, CARD: card }));
    let mut file = Vec::with_capacity(bytes.len() + card.len() + 1024);
    write_names(&names, &mut file)?;
    file.extend_from_slice(tensors);
    Ok(file)
}

/// The model and the text about it in a file that [`to_safetensors`] wrote. What the model holds is not looked at;
/// anything that is no such file is [`Kind::BadCopy`].
pub fn from_safetensors(file: &[u8]) -> Result<(Vec<u8>, String)> {
    let unreadable = |why: &str| Error::new(Kind::BadCopy, "the data are no model that can be read").with_detail(why);
    let (mut names, tensors) = read_names(file).ok_or_else(|| unreadable("They are no safetensors file."))?;
    let metadata = names.remove(METADATA);
    let text = |name: &str| metadata.as_ref()?.get(name)?.as_str();
    let missing = || unreadable("It is a safetensors file that no export of a model has written.");
    let (Some(form), Some(header), Some(card)) = (text(FORM), text(HEADER), text(CARD)) else {
        return Err(missing());
    };
    let (kind, version) = form.split_once(' ').ok_or_else(missing)?;
    let version = version.parse().map_err(|_| missing())?;
    let mut magic = [0; 8];
    magic.get_mut(..kind.len()).ok_or_else(missing)?.copy_from_slice(kind.as_bytes());
    let mut body = (header.len() as u64).to_le_bytes().to_vec();
    body.extend_from_slice(header.as_bytes());
    write_names(&names, &mut body)?;
    body.extend_from_slice(tensors);
    Ok((framed(&magic, version, &body), card.to_owned()))
}

/// The parts of what [`pack`] wrote.
struct Frame<'a> {
    magic: &'a [u8; 8],
    version: u32,
    /// Header and weights, each as they were written.
    body: &'a [u8],
}

/// Takes a stored model apart, whose bytes must be those that were written.
fn frame<'a>(bytes: &'a [u8], what: &str) -> Result<Frame<'a>> {
    let parts = || {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (hash, body) = rest.split_first_chunk::<8>()?;
        let whole = hash_bytes(body) == u64::from_le_bytes(*hash);
        whole.then_some(Frame { magic, version: u32::from_le_bytes(*version), body })
    };
    parts().ok_or_else(|| Error::new(Kind::Corruption, format!("the stored {what} is damaged")))
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
    let (header, weights) = opened(bytes, magic, version, what)?;
    let tensors = candle_core::safetensors::load_buffer(weights, &Device::Cpu)
        .map_err(|_| Error::new(Kind::Corruption, format!("the stored {what} is damaged")))?;
    Ok(Unpacked { header, tensors })
}

/// The header of a stored model of this kind, and its weights as they lie.
fn opened<'a, H: DeserializeOwned>(
    bytes: &'a [u8],
    magic: &[u8; 8],
    version: u32,
    what: &str,
) -> Result<(H, &'a [u8])> {
    let damaged = || Error::new(Kind::Corruption, format!("the stored {what} is damaged"));
    let frame = frame(bytes, what)?;
    if frame.magic != magic {
        return Err(damaged());
    }
    if frame.version > version {
        fail!(FormatVersion, "the stored {what} has form {}, and this Steward reads up to {version}", frame.version);
    }
    let (header, weights) = split_by_length(frame.body).ok_or_else(damaged)?;
    Ok((serde_json::from_slice(header).map_err(|_| damaged())?, weights))
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

    /// The bytes of a tensor, if it is there.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.tensors.get(name)?.flatten_all().ok()?.to_vec1::<u8>().ok()
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
    fn a_safetensors_file_is_the_same_model_again() -> Result<()> {
        let stored = sample()?;
        let file = to_safetensors(&stored, "{\"name\": \"ä\"}")?;
        let tensors = candle_core::safetensors::load_buffer(&file, &Device::Cpu).unwrap();
        assert!(tensors.len() == 2 && tensors.contains_key("a") && tensors.contains_key("b"));
        assert_eq!(from_safetensors(&file)?, (stored.clone(), "{\"name\": \"ä\"}".to_owned()));
        // The plain weights of somebody else, and half a file.
        let length = u64::from_le_bytes(stored[20..28].try_into().unwrap()) as usize;
        for other in [&b""[..], &file[..20], &stored, &stored[28 + length..]] {
            assert_eq!(from_safetensors(other).unwrap_err().kind(), Kind::BadCopy);
        }
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
