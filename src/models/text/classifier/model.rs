//! The trained text classifier.

use arrow::array::{ArrayRef, RecordBatch};

use super::blend::{Blend, into_probabilities};
use super::dense::DenseHead;
use super::options::TextOptions;
use super::softmax::{Softmax, log_probabilities, outputs};
use super::training::texts_and_labels;
use super::vocabulary::{Rows, Vocabulary};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::Facts;
use crate::models::encoder::{Embedding, Encoder, Role};
use crate::models::evaluation::Metric;
use crate::models::features::{Family, InputColumn, Side, texts};
use crate::models::layers::TowerWork;
use crate::models::rows::Source;
use crate::models::tabular::{likeliest, measured_classes};
use crate::models::text::OwnEncoder;

/// Texts that are looked at together.
const TEXTS: usize = 1_024;

/// A text classifier: what words and characters say, what the encoder's vectors say, and how much each counts.
#[derive(Debug, Clone)]
pub struct TextClassifier {
    pub(super) options: TextOptions,
    /// The names of the classes.
    pub(super) names: Vec<String>,
    /// The share of each among the training rows.
    pub(super) rates: Vec<f64>,
    pub(super) vocabulary: Vocabulary,
    pub(super) sparse: Softmax,
    /// None without the encoder.
    pub(super) dense: Option<DenseHead>,
    pub(super) blend: Blend,
    /// The encoder whose vectors `dense` is over.
    pub(super) own: OwnEncoder,
    pub(super) facts: Facts,
}

impl TextClassifier {
    /// The names of the classes.
    pub fn labels(&self) -> &[String] {
        &self.names
    }

    /// The options it was trained with.
    pub fn options(&self) -> &TextOptions {
        &self.options
    }

    /// The encoder that it looks at texts with: the built-in one, unless it has one of its own.
    pub fn encoder(&self) -> Result<&Encoder> {
        self.own.encoder()
    }

    /// Bytes of an encoder of its own in memory.
    pub fn encoder_bytes(&self) -> usize {
        self.own.bytes()
    }

    /// What is known of its training.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The one column that it wants.
    pub fn inputs(&self) -> Vec<InputColumn> {
        vec![InputColumn { name: self.options.text_col().to_owned(), type_name: "text", side: Side::User }]
    }

    /// The probability of each class for each text (`texts x classes`). [`Kind::Cancelled`] when `cancel` says so between batches.
    pub fn probabilities(&self, texts: &[&str], cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(texts.len() * self.names.len());
        let mut hashes = Vec::new();
        for texts in texts.chunks(TEXTS) {
            if cancel() {
                return Err(Error::cancelled());
            }
            let mut rows = Rows::default();
            texts.iter().for_each(|text| self.vocabulary.append(text, &mut hashes, &mut rows));
            let vectors = match &self.dense {
                Some(dense) => Some(vectors(&encoder_of(&self.own, dense)?.encode(texts, Role::Query, cancel)?)),
                None => None,
            };
            all.extend(self.said(&rows, vectors.as_deref()));
        }
        Ok(all)
    }

    /// The probability of each class for each row; none where there is no text.
    pub fn predict_proba(
        &self,
        batch: &RecordBatch,
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Option<Vec<f32>>>> {
        let mut given: Vec<Option<String>> = Vec::with_capacity(batch.num_rows());
        let name = self.options.text_col();
        texts(name, text_column(batch, name)?, |_, text| given.push(text.map(str::to_owned)))?;
        let known: Vec<&str> = given.iter().flatten().map(String::as_str).collect();
        let said = self.probabilities(&known, cancel)?;
        let mut said = said.chunks_exact(self.names.len().max(1));
        Ok(given.iter().map(|text| text.as_ref().and_then(|_| said.next().map(<[f32]>::to_vec))).collect())
    }

    /// Of two classes the probability of the second; of more there is no one number ([`Kind::DatatypeMismatch`]).
    pub fn predict(&self, batch: &RecordBatch, cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Option<f64>>> {
        if self.names.len() != 2 {
            let count = self.names.len();
            let message = format!("the model tells {count} classes apart, for which there is no one number");
            let hint = "PREDICT_LABEL gives the likeliest, PREDICT_PROBA the probability of each.";
            return Err(Error::new(Kind::DatatypeMismatch, message).with_hint(hint));
        }
        let said = self.predict_proba(batch, cancel)?.into_iter();
        Ok(said.map(|row| row.and_then(|row| row.get(1).copied()).map(f64::from)).collect())
    }

    /// The likeliest class of each row; none where there is no text.
    pub fn predict_label(
        &self,
        batch: &RecordBatch,
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Option<String>>> {
        let of = |row: Vec<f32>| self.names.get(likeliest(&row, row.len()).first().copied()?).cloned();
        Ok(self.predict_proba(batch, cancel)?.into_iter().map(|row| row.and_then(of)).collect())
    }

    /// The measures of `EVALUATE` on any rows with labels; those without a label or a text are left out.
    pub fn evaluate(&self, source: &mut dyn Source, cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Metric>> {
        let (mut said, mut classes) = (Vec::new(), Vec::new());
        source.read(&mut |batch| {
            let mut given: Vec<(String, usize)> = Vec::new();
            texts_and_labels(batch, &self.options, &mut |_, text, label| {
                if let (Some(text), Some(label)) = (text, label) {
                    // A class that was not there in training has a place of its own, which is always wrong.
                    let place = self.names.iter().position(|name| name == label).unwrap_or(self.names.len());
                    given.push((text.to_owned(), place));
                }
                Ok(())
            })?;
            let texts: Vec<&str> = given.iter().map(|(text, _)| text.as_str()).collect();
            said.extend(self.probabilities(&texts, cancel)?);
            classes.extend(given.iter().map(|(_, place)| *place));
            Ok(())
        })?;
        Ok(measured_classes(&said, &classes, &self.rates, "given"))
    }

    /// The probabilities for rows of known features and the encoder's vectors of the same texts.
    pub(super) fn said(&self, rows: &Rows, vectors: Option<&[f32]>) -> Vec<f32> {
        let classes = self.names.len();
        let mut all = Vec::with_capacity(rows.len() * classes);
        let dense = self.dense.as_ref().zip(vectors);
        let logits = dense.map(|(dense, vectors)| dense.logits(vectors, &mut TowerWork::default())).unwrap_or_default();
        let mut of_vectors = logits.chunks_exact(outputs(classes).max(1));
        let (mut out, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows.len() {
            self.sparse.logits(rows.row(row), &mut out);
            log_probabilities(&out, &mut first);
            second.clear();
            if let Some(logits) = of_vectors.next() {
                log_probabilities(logits, &mut second);
            }
            self.blend.apply(&mut first, &second);
            into_probabilities(&mut first);
            all.extend_from_slice(&first);
        }
        all
    }
}

/// The model's encoder, whose vectors must be as long as those that a head has learnt from.
fn encoder_of<'a>(own: &'a OwnEncoder, dense: &DenseHead) -> Result<&'a Encoder> {
    let encoder = own.encoder()?;
    if encoder.dimension() != dense.mean.len() {
        fail!(FormatVersion, "the model was trained with another encoder than this Steward has");
    }
    Ok(encoder)
}

/// Embeddings one after another.
pub(super) fn vectors(embeddings: &[Embedding]) -> Vec<f32> {
    embeddings.iter().flat_map(|embedding| embedding.iter().copied()).collect()
}

/// The column of texts of a batch.
pub(super) fn text_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let Some(array) = batch.column_by_name(name) else {
        fail!(UndefinedColumn, "the text column \"{name}\" is missing");
    };
    match Family::of(array.data_type()) {
        Some(Family::Text | Family::Nothing) => Ok(array),
        _ => fail!(DatatypeMismatch, "the text column \"{name}\" must be a text"),
    }
}
