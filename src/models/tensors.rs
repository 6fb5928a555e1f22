//! Tensors in a safetensors file (<https://github.com/huggingface/safetensors>) as they lie there: nothing is copied before it is asked for.
//!
//! ```text
//! u64     length of the header, little-endian
//! ...     header: {"name": {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, "__metadata__": {..}}
//! ...     the tensors' bytes, row-major
//! ```

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::fail;

/// Bytes of a header at most: a hundred thousand names.
const HEADER_BYTES_MAX: usize = 32 << 20;

/// How the numbers of a tensor lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::models) enum Numbers {
    F32,
    F16,
    Bf16,
}

impl Numbers {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Expands numbers.
    pub fn expand(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *out = f32::from_le_bytes(*bytes);
                }
            }
            Self::F16 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *out = half(u16::from_le_bytes(*bytes));
                }
            }
            Self::Bf16 => {
                for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *out = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
                }
            }
        }
    }
}

/// A file with its header read.
#[derive(Debug)]
pub(in crate::models) struct TensorFile {
    bytes: Bytes,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    from: usize,
    to: usize,
}

#[derive(Deserialize)]
struct Said {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl TensorFile {
    /// Reads the header; [`Kind::InvalidParameter`] for what is no such file, or a broken one.
    pub fn open(bytes: Bytes) -> Result<Self> {
        let broken =
            |why: &str| Error::new(Kind::InvalidParameter, format!("the weights are no safetensors file: {why}"));
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return Err(broken("it ends at once")) };
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some(header) = rest.get(..length).filter(|header| header.len() <= HEADER_BYTES_MAX) else {
            return Err(broken("its header is longer than the file"));
        };
        let header: HashMap<String, serde_json::Value> =
            serde_json::from_slice(header).map_err(|_| broken("its header is no JSON object"))?;
        let (start, room) = (8 + length, rest.len() - length);
        let mut entries = HashMap::with_capacity(header.len());
        for (name, said) in header {
            if name == "__metadata__" {
                continue;
            }
            let Ok(Said { dtype, shape, data_offsets: [from, to] }) = serde_json::from_value(said) else {
                return Err(broken(&format!("what it says of tensor \"{name}\" cannot be read")));
            };
            if from > to || to > room {
                return Err(broken(&format!("tensor \"{name}\" ends past the file")));
            }
            entries.insert(name, Entry { dtype, shape, from: start + from, to: start + to });
        }
        Ok(Self { bytes, entries })
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The bytes of a tensor, which must be of this shape, and how its numbers lie. [`Kind::InvalidParameter`] where it is missing or of
    /// another shape, [`Kind::Unsupported`] where its numbers are of a kind that is not read.
    pub fn raw(&self, name: &str, shape: &[usize]) -> Result<(Numbers, Bytes)> {
        let Some(entry) = self.entries.get(name) else {
            fail!(InvalidParameter, "the weights lack the tensor \"{name}\"");
        };
        if entry.shape != shape {
            fail!(InvalidParameter, "the tensor \"{name}\" is of shape {:?}, not {shape:?}", entry.shape);
        }
        let numbers = match entry.dtype.as_str() {
            "F32" => Numbers::F32,
            "F16" => Numbers::F16,
            "BF16" => Numbers::Bf16,
            other => fail!(Unsupported, "the tensor \"{name}\" holds numbers of type {other}, not F32, F16 or BF16"),
        };
        let bytes = self.bytes.slice(entry.from..entry.to);
        let count = shape.iter().try_fold(numbers.bytes(), |product, size| product.checked_mul(*size));
        if count != Some(bytes.len()) {
            fail!(InvalidParameter, "the tensor \"{name}\" has {} bytes, which its shape does not fit", bytes.len());
        }
        Ok((numbers, bytes))
    }

    /// All numbers of a tensor, which must be of this shape and finite.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (numbers, bytes) = self.raw(name, shape)?;
        let mut all = vec![0.0; bytes.len() / numbers.bytes()];
        numbers.expand(&bytes, &mut all);
        match all.iter().all(|value| value.is_finite()) {
            true => Ok(all),
            false => fail!(InvalidParameter, "the tensor \"{name}\" holds infinities or what is no number"),
        }
    }
}

/// An f16 as f32: 1 bit of sign, 5 of exponent, 10 of fraction.
pub(in crate::models) fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2f32.powi(-24),
        31 if bits & 0x3ff == 0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1024.0 + fraction) * 2f32.powi(i32::from(exponent) - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these tensors.
    fn file(header: &str, data: &[u8]) -> Bytes {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.into()
    }

    #[test]
    fn half_reads_the_known_patterns() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 2f32.powi(-24)), (0x3555, 0.333_251_95)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f32::NEG_INFINITY);
    }

    #[test]
    fn numbers_are_read_and_what_is_wrong_is_named() {
        let header = r#"{"__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
            "b": {"dtype": "F16", "shape": [2], "data_offsets": [8, 12]},
            "c": {"dtype": "BF16", "shape": [2], "data_offsets": [12, 16]},
            "d": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]},
            "e": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}"#;
        let mut data = [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat();
        data.extend([0x3c00u16.to_le_bytes(), 0xc000u16.to_le_bytes()].concat());
        data.extend([0x3f80u16.to_le_bytes(), 0xc000u16.to_le_bytes()].concat());
        let tensors = TensorFile::open(file(header, &data)).unwrap();
        assert_eq!(tensors.floats("a", &[1, 2]).unwrap(), [1.5, -2.0]);
        assert_eq!(tensors.floats("b", &[2]).unwrap(), [1.0, -2.0]);
        assert_eq!(tensors.floats("c", &[2]).unwrap(), [1.0, -2.0]);
        assert!(tensors.has("a") && !tensors.has("__metadata__"));
        for (name, shape, kind) in [
            ("a", &[2, 1][..], Kind::InvalidParameter),
            ("d", &[1], Kind::Unsupported),
            ("e", &[3], Kind::InvalidParameter),
            ("f", &[1], Kind::InvalidParameter),
        ] {
            let error = tensors.floats(name, shape).unwrap_err();
            assert!(error.kind() == kind && error.message().contains(&format!("\"{name}\"")), "{error:?}");
        }
        let past = r#"{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}"#;
        for bytes in [Bytes::new(), file("[]", &[]), file(past, &[0; 8]), file("{", &[]), Bytes::from(vec![255; 20])] {
            assert_eq!(TensorFile::open(bytes).unwrap_err().kind(), Kind::InvalidParameter);
        }
    }
}
