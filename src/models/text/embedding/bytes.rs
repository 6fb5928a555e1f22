//! A tuned encoder as bytes. See [`weights`](crate::models::weights) for the frame; the header is the JSON of [`Header`].

use serde::{Deserialize, Serialize};

use super::model::EmbeddingModel;
use super::options::EmbeddingOptions;
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::evaluation::Metric;
use crate::models::text::{OwnEncoder, OwnHeader};
use crate::models::weights::{pack, unpack};

const MAGIC: &[u8; 8] = b"STWDEMB\0";
const VERSION: u32 = 1;

/// All but the weights.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    options: EmbeddingOptions,
    columns: [String; 2],
    own: Option<OwnHeader>,
    evaluation: Vec<Metric>,
    trained_rows: usize,
    skipped_rows: usize,
    epochs: usize,
}

impl EmbeddingModel {
    /// Whether bytes are those of a tuned encoder, whole or damaged.
    pub fn is_in(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The whole model as bytes: a JSON header and safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let header = Header {
            options: self.options.clone(),
            columns: self.columns.clone(),
            own: self.own.header()?,
            evaluation: self.facts.evaluation.clone(),
            trained_rows: self.facts.trained_rows,
            skipped_rows: self.facts.skipped_rows,
            epochs: self.facts.epochs,
        };
        pack(MAGIC, VERSION, &header, &self.own.tensors())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Damaged bytes are [`Kind::Corruption`], those of a newer Steward
    /// [`Kind::FormatVersion`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unpacked = unpack::<Header>(bytes, MAGIC, VERSION, "model")?;
        let header = &unpacked.header;
        header.options.check().map_err(|_| Error::new(Kind::Corruption, "the stored model does not hang together"))?;
        let facts = Facts {
            evaluation: header.evaluation.clone(),
            trained_rows: header.trained_rows,
            skipped_rows: header.skipped_rows,
            epochs: header.epochs,
            ..Facts::default()
        };
        let own = OwnEncoder::read(header.own.as_ref(), &unpacked)?;
        Ok(Self { options: header.options.clone(), columns: header.columns.clone(), own, facts })
    }
}
