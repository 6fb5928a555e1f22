//! The tuned encoder.

use super::options::EmbeddingOptions;
use crate::error::{Error, Result};
use crate::models::Facts;
use crate::models::encoder::Encoder;
use crate::models::evaluation::Metric;
use crate::models::features::{InputColumn, Side};
use crate::models::rows::Source;
use crate::models::text::OwnEncoder;

/// An encoder that was tuned on pairs.
#[derive(Debug, Clone)]
pub struct EmbeddingModel {
    pub(super) options: EmbeddingOptions,
    /// The columns of the pairs.
    pub(super) columns: [String; 2],
    pub(super) own: OwnEncoder,
    pub(super) facts: Facts,
}

impl EmbeddingModel {
    /// The encoder.
    pub fn encoder(&self) -> Result<&Encoder> {
        self.own.encoder()
    }

    /// Bytes that it takes in memory beside the built-in one.
    pub fn encoder_bytes(&self) -> usize {
        self.own.bytes()
    }

    /// The options it was trained with.
    pub fn options(&self) -> &EmbeddingOptions {
        &self.options
    }

    /// What is known of its training.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The columns of its pairs.
    pub fn inputs(&self) -> Vec<InputColumn> {
        let input = |name: &String| InputColumn { name: name.clone(), type_name: "text", side: Side::User };
        self.columns.iter().map(input).collect()
    }

    /// The measures of `EVALUATE` on any pairs, beside those of the encoder as it was before. [`Kind::Cancelled`](crate::error::Kind::Cancelled) when `cancel`
    /// says so.
    pub fn evaluate(&self, source: &mut dyn Source, cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Metric>> {
        let pairs = super::training::pairs(source, &self.options, Some(&self.columns), &mut || match cancel() {
            true => Err(Error::cancelled()),
            false => Ok(()),
        })?;
        pairs.measured(&self.own, "given", cancel)
    }
}
