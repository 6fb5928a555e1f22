//! From the model file to the weights in memory.
//!
//! A GGUF is a directory of named tensors followed by their bytes. Matrices are Q4_0: blocks of 32 weights, each
//! 18 bytes: a scale as f16, then 16 bytes of which byte j holds weight j in its low and weight j + 16 in its high
//! half, stored as scale * (half - 8). Positions may be f16, the rest is f32.

use std::collections::HashMap;
use std::io::Cursor;

use bytes::Bytes;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, Value};
use rayon::prelude::*;

use super::elementwise::{LANES, Norm};
use super::linear::{Activation, Linear};
use super::network::{Layer, Network};
use crate::{Error, Kind, Result, fail};

/// Weights in a Q4_0 block, and its bytes.
const BLOCK: usize = 32;
const BLOCK_BYTES: usize = 18;
/// Bounds on shapes, so that a broken header cannot ask for all memory.
const LAYERS_MAX: usize = 128;
const WIDTH_MAX: usize = 1 << 16;

/// A matrix of packed rows, expanded row by row.
pub(super) struct Table {
    blocks: Bytes,
    columns: usize,
}

impl Table {
    /// Rows of the matrix.
    pub(super) fn rows(&self) -> usize {
        self.blocks.len() / self.row_bytes()
    }

    /// Expands row number `row` into `out`; [`Kind::Internal`] past the last.
    pub(super) fn read(&self, row: usize, out: &mut [f32]) -> Result<()> {
        let Some(blocks) = self.blocks.chunks_exact(self.row_bytes()).nth(row) else {
            fail!(Internal, "there is no word {row} in a table of {}", self.rows());
        };
        expand(blocks, out);
        Ok(())
    }

    /// The packed rows, one after another.
    pub(super) fn packed(&self) -> &[u8] {
        &self.blocks
    }

    fn row_bytes(&self) -> usize {
        self.columns / BLOCK * BLOCK_BYTES
    }
}

/// Reads a BERT; [`Kind::Corruption`] when something is missing or of the wrong size, [`Kind::Unsupported`] when it is
/// whole but not of a shape that the loops here can run.
pub(super) fn read(bytes: Bytes) -> Result<Network> {
    let file = File::open(bytes)?;
    let hidden = file.number("bert.embedding_length")?;
    let wide = file.number("bert.feed_forward_length")?;
    let heads = file.number("bert.attention.head_count")?;
    let count = file.number("bert.block_count")?;
    let words = file.number("bert.vocab_size")?;
    let positions = file.number("bert.context_length")?;
    let epsilon = file.float("bert.attention.layer_norm_epsilon")?;
    if hidden == 0 || hidden > WIDTH_MAX || wide == 0 || wide > WIDTH_MAX || count > LAYERS_MAX {
        fail!(Unsupported, "a text encoder of {count} layers, {hidden} and {wide} wide, is out of bounds");
    }
    if heads == 0 || hidden % heads != 0 || (hidden / heads) % LANES != 0 || hidden % BLOCK != 0 || wide % BLOCK != 0 {
        fail!(
            Unsupported,
            "a text encoder {hidden} wide with {heads} heads: a head must be a multiple of {LANES} wide"
        );
    }

    let norm = |name: &str| -> Result<Norm> {
        let weight = file.tensor(&format!("{name}.weight"), hidden)?;
        Ok(Norm { weight, bias: file.tensor(&format!("{name}.bias"), hidden)?, epsilon })
    };
    let linear = |name: &str, inputs: usize, outputs: usize, activation: Activation| -> Result<Linear> {
        let weights = file.tensor(&format!("{name}.weight"), inputs * outputs)?;
        Ok(Linear::new(weights, file.tensor(&format!("{name}.bias"), outputs)?, activation))
    };
    let layer = |number: usize| -> Result<Layer> {
        let at = |name: &str| format!("encoder.layer.{number}.{name}");
        Ok(Layer {
            qkv: queries_keys_values(&file, &at("attention.self"), hidden, heads)?,
            attended: linear(&at("attention.output.dense"), hidden, hidden, Activation::None)?,
            attended_norm: norm(&at("attention.output.LayerNorm"))?,
            up: linear(&at("intermediate.dense"), hidden, wide, Activation::Gelu)?,
            down: linear(&at("output.dense"), wide, hidden, Activation::None)?,
            down_norm: norm(&at("output.LayerNorm"))?,
        })
    };

    let mut position_rows = file.tensor("embeddings.position_embeddings.weight", positions.saturating_mul(hidden))?;
    let types = file.numbers("embeddings.token_type_embeddings.weight")?;
    if types.len() < hidden {
        fail!(Corruption, "the text encoder has no row for token type 0");
    }
    for row in position_rows.chunks_exact_mut(hidden) {
        row.iter_mut().zip(&types).for_each(|(position, kind)| *position += kind);
    }
    Ok(Network {
        words: file.table("embeddings.word_embeddings.weight", words, hidden)?,
        positions: position_rows,
        norm: norm("embeddings.LayerNorm")?,
        layers: (0..count).into_par_iter().map(layer).collect::<Result<_>>()?,
        heads,
    })
}

/// The three projections of an attention as one layer, with the scale of the scores folded into the queries.
fn queries_keys_values(file: &File, name: &str, hidden: usize, heads: usize) -> Result<Linear> {
    let (mut weights, mut bias) = (Vec::new(), Vec::new());
    for part in ["query", "key", "value"] {
        weights.extend(file.tensor(&format!("{name}.{part}.weight"), hidden * hidden)?);
        bias.extend(file.tensor(&format!("{name}.{part}.bias"), hidden)?);
    }
    let scale = 1.0 / ((hidden / heads) as f32).sqrt();
    weights[..hidden * hidden].iter_mut().for_each(|weight| *weight *= scale);
    bias[..hidden].iter_mut().for_each(|bias| *bias *= scale);
    Ok(Linear::new(weights, bias, Activation::None))
}

/// A GGUF with its directory read.
struct File {
    bytes: Bytes,
    content: Content,
}

impl File {
    fn open(bytes: Bytes) -> Result<Self> {
        let content = Content::read(&mut Cursor::new(&bytes)).map_err(|error| {
            Error::new(Kind::Corruption, format!("the text encoder's model file cannot be read: {error}"))
        })?;
        Ok(Self { bytes, content })
    }

    fn value(&self, name: &str) -> Result<&Value> {
        let metadata: &HashMap<String, Value> = &self.content.metadata;
        metadata.get(name).ok_or_else(|| Error::new(Kind::Corruption, format!("the text encoder lacks \"{name}\"")))
    }

    fn number(&self, name: &str) -> Result<usize> {
        let wrong = |_| Error::new(Kind::Corruption, format!("\"{name}\" of the text encoder is not a whole number"));
        Ok(self.value(name)?.to_u32().map_err(wrong)? as usize)
    }

    fn float(&self, name: &str) -> Result<f32> {
        let wrong = |_| Error::new(Kind::Corruption, format!("\"{name}\" of the text encoder is not a number"));
        self.value(name)?.to_f32().map_err(wrong)
    }

    /// The bytes of a tensor with their type.
    fn bytes_of(&self, name: &str) -> Result<(GgmlDType, Bytes)> {
        let Some(info) = self.content.tensor_infos.get(name) else {
            fail!(Corruption, "the text encoder lacks the tensor \"{name}\"");
        };
        let dims = info.shape.dims();
        let elements = dims.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let length = elements.and_then(|n| (n / info.ggml_dtype.block_size()).checked_mul(info.ggml_dtype.type_size()));
        let start = self.content.tensor_data_offset.checked_add(info.offset).and_then(|at| usize::try_from(at).ok());
        let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
        match start.zip(end) {
            Some((start, end)) if end <= self.bytes.len() => Ok((info.ggml_dtype, self.bytes.slice(start..end))),
            _ => fail!(Corruption, "the tensor \"{name}\" of the text encoder ends past its file"),
        }
    }

    /// All numbers of a tensor, expanded.
    fn numbers(&self, name: &str) -> Result<Vec<f32>> {
        let (kind, bytes) = self.bytes_of(name)?;
        Ok(match kind {
            GgmlDType::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            GgmlDType::F16 => bytes.chunks_exact(2).map(|b| half(u16::from_le_bytes([b[0], b[1]]))).collect(),
            GgmlDType::Q4_0 => {
                let mut numbers = vec![0.0; bytes.len() / BLOCK_BYTES * BLOCK];
                expand(&bytes, &mut numbers);
                numbers
            }
            other => fail!(Unsupported, "the tensor \"{name}\" of the text encoder is of type {other:?}"),
        })
    }

    /// A tensor that must have `count` numbers.
    fn tensor(&self, name: &str, count: usize) -> Result<Vec<f32>> {
        let numbers = self.numbers(name)?;
        if numbers.len() != count {
            fail!(Corruption, "the tensor \"{name}\" of the text encoder has {} numbers, not {count}", numbers.len());
        }
        Ok(numbers)
    }

    /// A matrix that stays packed.
    fn table(&self, name: &str, rows: usize, columns: usize) -> Result<Table> {
        let (kind, blocks) = self.bytes_of(name)?;
        if kind != GgmlDType::Q4_0 {
            fail!(Unsupported, "the tensor \"{name}\" of the text encoder is of type {kind:?}, not Q4_0");
        }
        let table = Table { blocks, columns };
        if table.rows() != rows || !table.blocks.len().is_multiple_of(table.row_bytes()) {
            fail!(Corruption, "the tensor \"{name}\" of the text encoder has {} rows, not {rows}", table.rows());
        }
        Ok(table)
    }
}

/// Expands Q4_0 blocks.
fn expand(blocks: &[u8], out: &mut [f32]) {
    for (block, out) in blocks.chunks_exact(BLOCK_BYTES).zip(out.chunks_exact_mut(BLOCK)) {
        let scale = half(u16::from_le_bytes([block[0], block[1]]));
        let (low, high) = out.split_at_mut(BLOCK / 2);
        for ((byte, low), high) in block[2..].iter().zip(low).zip(high) {
            *low = scale * f32::from((byte & 15) as i8 - 8);
            *high = scale * f32::from((byte >> 4) as i8 - 8);
        }
    }
}

/// An f16 as f32: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f32 {
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
    fn broken_files_are_refused() {
        let model = include_bytes!("../../../assets/encoder/model.q4_0.gguf");
        for bytes in [&model[..0], &model[..100], &model[..20_000], &model[..model.len() / 2], &[7; 4096]] {
            let error = read(Bytes::copy_from_slice(bytes)).err().map(|error| error.kind());
            assert_eq!(error, Some(Kind::Corruption));
        }
    }
}
