//! A text classifier as bytes. See [`weights`](crate::models::weights) for the frame; the header is the JSON of [`Header`]. Of texts
//! there are only hashes of what they are made of.

use serde::{Deserialize, Serialize};

use super::blend::Blend;
use super::dense::DenseHead;
use super::model::TextClassifier;
use super::options::TextOptions;
use super::softmax::Softmax;
use super::vocabulary::Vocabulary;
use crate::catalog::Exact;
use crate::config::{CLASSES_MAX, TEXT_WEIGHTS_MAX};
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::evaluation::Metric;
use crate::models::text::{OwnEncoder, OwnHeader};
use crate::models::weights::{Weights, pack, unpack};

const MAGIC: &[u8; 8] = b"STWDTXT\0";
/// The form of models over the built-in encoder, and of those that have one of their own.
const VERSION: u32 = 1;
const VERSION_OWN: u32 = 2;
const HASHES: &str = "hashes";

/// All but the weights and hashes.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    options: TextOptions,
    names: Vec<String>,
    #[serde(with = "crate::models::exact")]
    rates: Vec<f64>,
    /// Features known.
    features: usize,
    /// Width of the encoder's vectors and units of each layer; empty without the encoder.
    units: Vec<usize>,
    /// Powers of words and of vectors.
    #[serde(with = "crate::models::exact")]
    blend: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own: Option<OwnHeader>,
    evaluation: Vec<Metric>,
    importance: Vec<(String, Option<Exact>)>,
    trained_rows: usize,
    skipped_rows: usize,
    epochs: usize,
}

impl TextClassifier {
    /// Whether bytes are those of a text classifier, whole or damaged.
    pub fn is_in(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The whole model as bytes: a JSON header and safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let known = |(name, by): &(String, f64)| (name.clone(), by.is_finite().then_some(Exact(*by)));
        let units = |head: &DenseHead| {
            let layers = &head.tower.layers;
            let inner = layers.iter().take(layers.len().saturating_sub(1)).map(|layer| layer.outputs);
            std::iter::once(head.mean.len()).chain(inner).collect()
        };
        let header = Header {
            options: self.options.clone(),
            names: self.names.clone(),
            rates: self.rates.clone(),
            features: self.vocabulary.len(),
            units: self.dense.as_ref().map(units).unwrap_or_default(),
            blend: vec![f64::from(self.blend.words), f64::from(self.blend.vectors)],
            own: self.own.header()?,
            evaluation: self.facts.evaluation.clone(),
            importance: self.facts.importance.iter().map(known).collect(),
            trained_rows: self.facts.trained_rows,
            skipped_rows: self.facts.skipped_rows,
            epochs: self.facts.epochs,
        };
        let mut idf = self.vocabulary.idf.clone();
        let (mut sparse, mut dense) = (self.sparse.clone(), self.dense.clone());
        let hashes: Vec<i64> = self.vocabulary.hashes.iter().map(|hash| *hash as i64).collect();
        let blocks = blocks(&mut idf, &mut sparse, dense.as_mut());
        let floats = blocks.iter().map(|(name, values)| (name.clone(), vec![values.len()], Weights::Floats(values)));
        let longs = [(HASHES.to_owned(), vec![hashes.len()], Weights::Longs(&hashes))];
        let tensors: Vec<_> = floats.chain(longs).chain(self.own.tensors()).collect();
        let version = if header.own.is_some() { VERSION_OWN } else { VERSION };
        pack(MAGIC, version, &header, &tensors)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Damaged bytes are [`Kind::Corruption`], those of a newer Steward
    /// [`Kind::FormatVersion`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unpacked = unpack::<Header>(bytes, MAGIC, VERSION_OWN, "model")?;
        let damaged = || Error::new(Kind::Corruption, "the stored model does not hang together");
        let header = &unpacked.header;
        header.options.check().map_err(|_| damaged())?;
        let hashes: Vec<u64> = unpacked.longs(HASHES).unwrap_or_default().into_iter().map(|hash| hash as u64).collect();
        let classes = header.names.len();
        let is_sound = (2..=CLASSES_MAX).contains(&classes)
            && header.rates.len() == classes
            && hashes.len() == header.features
            && hashes.is_sorted_by(|a, b| a < b)
            && header.features.checked_mul(classes).is_some_and(|size| size <= 2 * TEXT_WEIGHTS_MAX)
            && header.units.iter().all(|units| (1..=4096).contains(units));
        let [words, vectors] = header.blend.as_slice() else { return Err(damaged()) };
        if !is_sound || !words.is_finite() || !vectors.is_finite() {
            return Err(damaged());
        }
        let mut idf = vec![0.0; header.features];
        let mut sparse = Softmax::new(header.features, classes);
        let mut dense =
            header.units.split_first().map(|(width, hidden)| DenseHead::new(&[], *width, hidden, classes, 0));
        for (name, values) in blocks(&mut idf, &mut sparse, dense.as_mut()) {
            *values = unpacked.floats(&name, values.len())?;
        }
        if let Some(dense) = &mut dense {
            dense.tower.finish();
        }
        let known = |(name, by): &(String, Option<Exact>)| (name.clone(), by.as_ref().map_or(f64::NAN, |by| by.0));
        let facts = Facts {
            evaluation: header.evaluation.clone(),
            importance: header.importance.iter().map(known).collect(),
            trained_rows: header.trained_rows,
            skipped_rows: header.skipped_rows,
            epochs: header.epochs,
            ..Facts::default()
        };
        Ok(Self {
            options: header.options.clone(),
            names: header.names.clone(),
            rates: header.rates.clone(),
            vocabulary: Vocabulary::new(hashes, idf),
            sparse,
            dense,
            blend: Blend { words: *words as f32, vectors: *vectors as f32 },
            own: OwnEncoder::read(header.own.as_ref(), &unpacked)?,
            facts,
        })
    }
}

/// Every block by its name in the model file, in a fixed order.
fn blocks<'a>(
    idf: &'a mut Vec<f32>,
    sparse: &'a mut Softmax,
    dense: Option<&'a mut DenseHead>,
) -> Vec<(String, &'a mut Vec<f32>)> {
    let mut all = vec![
        ("idf".to_owned(), idf),
        ("words.weight".to_owned(), &mut sparse.weights),
        ("words.bias".to_owned(), &mut sparse.bias),
    ];
    if let Some(dense) = dense {
        all.push(("vectors.mean".to_owned(), &mut dense.mean));
        all.push(("vectors.scale".to_owned(), &mut dense.scale));
        for (place, block) in dense.tower.blocks().enumerate() {
            let kind = if place.is_multiple_of(2) { "weight" } else { "bias" };
            all.push((format!("vectors.{}.{kind}", place / 2), &mut block.values));
        }
    }
    all
}
