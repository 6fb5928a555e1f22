//! From the model file to the weights in memory.
//!
//! A GGUF is a directory of named tensors followed by their bytes. Matrices are Q4_0: blocks of 32 weights, each
//! 18 bytes: a scale as f16, then 16 bytes of which byte j holds weight j in its low and weight j + 16 in its high
//! half, stored as scale * (half - 8). Positions may be f16, the rest is f32.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, Value};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::elementwise::{LANES, Norm};
use super::linear::{Activation, Linear};
use super::network::{Layer, Network, Pooling};
use crate::models::tensors::{Numbers, half};
use crate::{Error, Kind, Result, fail};

/// Weights in a Q4_0 block, and its bytes.
const BLOCK: usize = 32;
const BLOCK_BYTES: usize = 18;
/// Bounds on shapes, so that a broken header cannot ask for all memory.
const LAYERS_MAX: usize = 128;
const WIDTH_MAX: usize = 1 << 16;

/// A matrix whose rows lie packed, and are expanded one by one.
#[derive(Clone)]
pub(super) struct Table {
    bytes: Bytes,
    columns: usize,
    form: Form,
}

/// How the rows of a [`Table`] lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Blocks,
    Plain(Numbers),
}

impl Table {
    /// A table whose numbers lie as they are in a safetensors file.
    pub(super) fn plain(numbers: Numbers, bytes: Bytes, columns: usize) -> Self {
        Self { bytes, columns, form: Form::Plain(numbers) }
    }

    /// Rows of the matrix.
    pub(super) fn rows(&self) -> usize {
        self.bytes.len() / self.row_bytes()
    }

    /// Expands row number `row` into `out`; [`Kind::Internal`] past the last.
    pub(super) fn read(&self, row: usize, out: &mut [f32]) -> Result<()> {
        let Some(bytes) = self.bytes.chunks_exact(self.row_bytes()).nth(row) else {
            fail!(Internal, "there is no word {row} in a table of {}", self.rows());
        };
        match self.form {
            Form::Blocks => expand(bytes, out),
            Form::Plain(numbers) => numbers.expand(bytes, out),
        }
        Ok(())
    }

    /// The rows, one after another, as they lie.
    pub(super) fn packed(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether they lie in blocks of 4-bit numbers.
    pub(super) fn is_of_blocks(&self) -> bool {
        self.form == Form::Blocks
    }

    fn row_bytes(&self) -> usize {
        match self.form {
            Form::Blocks => self.columns / BLOCK * BLOCK_BYTES,
            Form::Plain(numbers) => self.columns * numbers.bytes(),
        }
    }
}

/// What a BERT is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub hidden: usize,
    pub wide: usize,
    pub heads: usize,
    pub layers: usize,
    pub words: usize,
    /// Rows of the table of positions.
    pub positions: usize,
    /// That of a text's first token: RoBERTa begins behind the mark of what pads.
    pub first_position: usize,
    pub types: usize,
    pub epsilon: f32,
}

/// Where weights come from, by Hugging Face's names.
pub(super) trait Tensors: Sync {
    /// The numbers of a tensor of this shape.
    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;
    /// The words' table.
    fn words(&self, name: &str, rows: usize, columns: usize) -> Result<Table>;
}

/// Reads a BERT; [`Kind::Corruption`] when something is missing or of the wrong size, [`Kind::Unsupported`] when it is
/// whole but not of a shape that the loops here can run.
pub(super) fn read(bytes: Bytes) -> Result<Network> {
    let file = File::open(bytes)?;
    let types = file.numbers("embeddings.token_type_embeddings.weight")?;
    let hidden = file.number("bert.embedding_length")?;
    let shape = Shape {
        hidden,
        wide: file.number("bert.feed_forward_length")?,
        heads: file.number("bert.attention.head_count")?,
        layers: file.number("bert.block_count")?,
        words: file.number("bert.vocab_size")?,
        positions: file.number("bert.context_length")?,
        first_position: 0,
        types: types.len() / hidden.max(1),
        epsilon: file.float("bert.attention.layer_norm_epsilon")?,
    };
    if !hidden.is_multiple_of(BLOCK) || !shape.wide.is_multiple_of(BLOCK) {
        fail!(Unsupported, "a text encoder {hidden} and {} wide is not in blocks of {BLOCK}", shape.wide);
    }
    build(&shape, &file, Pooling::Mean)
}

/// The network of this shape; the errors of its tensors, and [`Kind::Unsupported`] for a shape that the loops here cannot run.
pub(super) fn build(shape: &Shape, file: &dyn Tensors, pooling: Pooling) -> Result<Network> {
    let Shape { hidden, wide, heads, layers: count, .. } = *shape;
    if hidden == 0 || hidden > WIDTH_MAX || wide == 0 || wide > WIDTH_MAX || count > LAYERS_MAX {
        fail!(Unsupported, "a text encoder of {count} layers, {hidden} and {wide} wide, is out of bounds");
    }
    if heads == 0 || !hidden.is_multiple_of(heads) || !(hidden / heads).is_multiple_of(LANES) {
        fail!(
            Unsupported,
            "a text encoder {hidden} wide with {heads} heads: a head must be a multiple of {LANES} wide"
        );
    }
    if shape.types == 0 {
        fail!(Corruption, "the text encoder has no row for token type 0");
    }
    if shape.positions <= shape.first_position {
        fail!(Unsupported, "a text encoder of {} positions has no room for a text", shape.positions);
    }
    let norm = |name: &str| -> Result<Norm> {
        let weight = file.floats(&format!("{name}.weight"), &[hidden])?;
        Ok(Norm { weight, bias: file.floats(&format!("{name}.bias"), &[hidden])?, epsilon: shape.epsilon })
    };
    let linear = |name: &str, inputs: usize, outputs: usize, activation: Activation| -> Result<Linear> {
        let weights = file.floats(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Linear::new(weights, file.floats(&format!("{name}.bias"), &[outputs])?, activation))
    };
    let layer = |number: usize| -> Result<Layer> {
        let at = |name: &str| format!("encoder.layer.{number}.{name}");
        Ok(Layer {
            qkv: queries_keys_values(file, &at("attention.self"), hidden, heads)?,
            attended: linear(&at("attention.output.dense"), hidden, hidden, Activation::None)?,
            attended_norm: norm(&at("attention.output.LayerNorm"))?,
            up: linear(&at("intermediate.dense"), hidden, wide, Activation::Gelu)?,
            down: linear(&at("output.dense"), wide, hidden, Activation::None)?,
            down_norm: norm(&at("output.LayerNorm"))?,
        })
    };
    let mut positions = file.floats("embeddings.position_embeddings.weight", &[shape.positions, hidden])?;
    positions.drain(..shape.first_position * hidden);
    let types = file.floats("embeddings.token_type_embeddings.weight", &[shape.types, hidden])?;
    for row in positions.chunks_exact_mut(hidden) {
        row.iter_mut().zip(&types).for_each(|(position, kind)| *position += kind);
    }
    Ok(Network {
        words: file.words("embeddings.word_embeddings.weight", shape.words, hidden)?,
        positions,
        norm: norm("embeddings.LayerNorm")?,
        layers: (0..count).into_par_iter().map(|number| layer(number).map(Arc::new)).collect::<Result<_>>()?,
        heads,
        pooling,
    })
}

/// The three projections of an attention as one layer, with the scale of the scores folded into the queries.
fn queries_keys_values(file: &dyn Tensors, name: &str, hidden: usize, heads: usize) -> Result<Linear> {
    let (mut weights, mut bias) = (Vec::new(), Vec::new());
    for part in ["query", "key", "value"] {
        weights.extend(file.floats(&format!("{name}.{part}.weight"), &[hidden, hidden])?);
        bias.extend(file.floats(&format!("{name}.{part}.bias"), &[hidden])?);
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
}

impl Tensors for File {
    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let numbers = self.numbers(name)?;
        let count = shape.iter().fold(1usize, |product, size| product.saturating_mul(*size));
        if numbers.len() != count {
            fail!(Corruption, "the tensor \"{name}\" of the text encoder has {} numbers, not {count}", numbers.len());
        }
        Ok(numbers)
    }

    fn words(&self, name: &str, rows: usize, columns: usize) -> Result<Table> {
        let (kind, bytes) = self.bytes_of(name)?;
        if kind != GgmlDType::Q4_0 {
            fail!(Unsupported, "the tensor \"{name}\" of the text encoder is of type {kind:?}, not Q4_0");
        }
        let table = Table { bytes, columns, form: Form::Blocks };
        if table.rows() != rows || !table.bytes.len().is_multiple_of(table.row_bytes()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_files_are_refused() {
        let model = include_bytes!("../../../assets/encoder/model.q4_0.gguf");
        for bytes in [&model[..0], &model[..100], &model[..20_000], &model[..model.len() / 2], &[7; 4096]] {
            let error = read(Bytes::copy_from_slice(bytes)).err().map(|error| error.kind());
            assert_eq!(error, Some(Kind::Corruption));
        }
    }
}
