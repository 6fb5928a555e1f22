//! The slow, obvious twin of `network`: a BERT in f64, one text, one number at a time, reading its weights through
//! candle; and a tiny model to compare them on.

use std::io::Cursor;

use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

pub(super) const HIDDEN: usize = 64;
pub(super) const HEADS: usize = 2;
const WIDE: usize = 96;
const LAYERS: usize = 2;
pub(super) const WORDS: usize = 40;
const POSITIONS: usize = 24;

/// A model file with arbitrary weights.
pub(super) fn tiny_model() -> Vec<u8> {
    let mut seed = 1u64;
    let mut make = |rows: usize, columns: usize, middle: f32, kind: GgmlDType| {
        let number = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            middle + ((seed >> 40) as f32 / (1 << 24) as f32 - 0.5) * 0.6
        };
        let numbers: Vec<f32> = (0..rows * columns).map(number).collect();
        let tensor = match rows {
            1 => Tensor::from_vec(numbers, columns, &Device::Cpu),
            _ => Tensor::from_vec(numbers, (rows, columns), &Device::Cpu),
        };
        QTensor::quantize(&tensor.unwrap(), kind).unwrap()
    };
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_string(), make(WORDS, HIDDEN, 0.0, GgmlDType::Q4_0)),
        ("embeddings.position_embeddings.weight".to_string(), make(POSITIONS, HIDDEN, 0.0, GgmlDType::F16)),
        ("embeddings.token_type_embeddings.weight".to_string(), make(2, HIDDEN, 0.0, GgmlDType::F32)),
    ];
    let mut norms = vec!["embeddings.LayerNorm".to_string()];
    for layer in 0..LAYERS {
        let at = |name: &str| format!("encoder.layer.{layer}.{name}");
        for (name, outputs, inputs) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", WIDE, HIDDEN),
            ("output.dense", HIDDEN, WIDE),
        ] {
            tensors.push((format!("{}.weight", at(name)), make(outputs, inputs, 0.0, GgmlDType::Q4_0)));
            tensors.push((format!("{}.bias", at(name)), make(1, outputs, 0.0, GgmlDType::F32)));
        }
        norms.extend([at("attention.output.LayerNorm"), at("output.LayerNorm")]);
    }
    for name in norms {
        tensors.push((format!("{name}.weight"), make(1, HIDDEN, 1.0, GgmlDType::F32)));
        tensors.push((format!("{name}.bias"), make(1, HIDDEN, 0.0, GgmlDType::F32)));
    }
    let metadata = [
        ("bert.embedding_length", Value::U32(HIDDEN as u32)),
        ("bert.feed_forward_length", Value::U32(WIDE as u32)),
        ("bert.attention.head_count", Value::U32(HEADS as u32)),
        ("bert.block_count", Value::U32(LAYERS as u32)),
        ("bert.vocab_size", Value::U32(WORDS as u32)),
        ("bert.context_length", Value::U32(POSITIONS as u32)),
        ("bert.attention.layer_norm_epsilon", Value::F32(1e-12)),
    ];
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(name, value)| (*name, value)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut file = Cursor::new(Vec::new());
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
    file.into_inner()
}

/// The tensors of a model file with their shapes, as 32-bit floats.
pub(super) fn tensors(model: &[u8]) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut file = Cursor::new(model);
    let content = Content::read(&mut file).unwrap();
    let mut names: Vec<&String> = content.tensor_infos.keys().collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
        let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        all.push((name.clone(), tensor.dims().to_vec(), numbers));
    }
    all
}

/// The embedding of one text by the formulas.
pub(super) fn forward(model: &[u8], text: &[u32]) -> Vec<f64> {
    let mut file = Cursor::new(model);
    let content = Content::read(&mut file).unwrap();
    let mut tensor = |name: &str| -> Vec<f64> {
        let tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
    };
    let words = tensor("embeddings.word_embeddings.weight");
    let positions = tensor("embeddings.position_embeddings.weight");
    let types = tensor("embeddings.token_type_embeddings.weight");
    let mut x: Vec<Vec<f64>> = Vec::new();
    for (position, &word) in text.iter().enumerate() {
        let of = |table: &[f64], row: usize, column: usize| table[row * HIDDEN + column];
        let value = |c| of(&words, word as usize, c) + of(&positions, position, c) + of(&types, 0, c);
        x.push((0..HIDDEN).map(value).collect());
    }
    norm(&mut x, &tensor("embeddings.LayerNorm.weight"), &tensor("embeddings.LayerNorm.bias"));
    for layer in 0..LAYERS {
        let mut at = |name: &str| {
            let name = format!("encoder.layer.{layer}.{name}");
            (tensor(&format!("{name}.weight")), tensor(&format!("{name}.bias")))
        };
        let query = linear(&x, &at("attention.self.query"));
        let key = linear(&x, &at("attention.self.key"));
        let value = linear(&x, &at("attention.self.value"));
        let part = HIDDEN / HEADS;
        let mut mixed = vec![vec![0.0; HIDDEN]; x.len()];
        for head in 0..HEADS {
            let columns = head * part..(head + 1) * part;
            for token in 0..x.len() {
                let score = |other: usize| {
                    let dot: f64 = columns.clone().map(|c| query[token][c] * key[other][c]).sum();
                    (dot / (part as f64).sqrt()).exp()
                };
                let total: f64 = (0..x.len()).map(score).sum();
                for column in columns.clone() {
                    mixed[token][column] = (0..x.len()).map(|other| score(other) / total * value[other][column]).sum();
                }
            }
        }
        add(&mut x, linear(&mixed, &at("attention.output.dense")));
        let (weight, bias) = at("attention.output.LayerNorm");
        norm(&mut x, &weight, &bias);
        let mut wide = linear(&x, &at("intermediate.dense"));
        wide.iter_mut().flatten().for_each(|value| *value = f64::from(super::elementwise::gelu(*value as f32)));
        add(&mut x, linear(&wide, &at("output.dense")));
        let (weight, bias) = at("output.LayerNorm");
        norm(&mut x, &weight, &bias);
    }
    let sums: Vec<f64> = (0..HIDDEN).map(|column| x.iter().map(|row| row[column]).sum()).collect();
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    sums.into_iter().map(|sum| sum / length).collect()
}

fn linear(x: &[Vec<f64>], (weight, bias): &(Vec<f64>, Vec<f64>)) -> Vec<Vec<f64>> {
    let row = |x: &Vec<f64>| {
        let rows = weight.chunks(x.len()).zip(bias);
        rows.map(|(weight, bias)| x.iter().zip(weight).map(|(x, w)| x * w).sum::<f64>() + bias).collect()
    };
    x.iter().map(row).collect()
}

fn add(x: &mut [Vec<f64>], added: Vec<Vec<f64>>) {
    x.iter_mut().flatten().zip(added.into_iter().flatten()).for_each(|(x, added)| *x += added);
}

fn norm(x: &mut [Vec<f64>], weight: &[f64], bias: &[f64]) {
    for row in x {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / row.len() as f64;
        for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            *value = (*value - mean) / (variance + 1e-12).sqrt() * weight + bias;
        }
    }
}
