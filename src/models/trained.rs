//! Trained models of whatever type, as the rest of the house sees them.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;

use super::ctr::{CtrModel, CtrOptions};
use super::drift::{Drift, DriftOptions, Tally};
use super::encoder::{Encoder, ImportOptions, Imported};
use super::evaluation::Metric;
use super::facts::Facts;
use super::features::{FeatureSpec, InputColumn};
use super::rows::Source;
use super::tabular::{ModelType, TabularModel, TabularOptions, Watch};
use super::text::{EmbeddingModel, EmbeddingOptions, TextClassifier, TextOptions};
use crate::error::{Error, Kind, Result};

/// The type of click models in SQL.
const CTR: &str = "ctr";
/// The type of text classifiers in SQL.
const TEXT: &str = "text_classifier";
/// The type of encoders tuned on pairs, and of those that come from elsewhere.
const EMBEDDING: &str = "embedding";
const IMPORTED: &str = "imported";

/// What is to be trained.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// A click model.
    Ctr(CtrOptions),
    /// A model over rows.
    Tabular(TabularOptions),
    /// A text classifier.
    Text(TextOptions),
    /// An encoder tuned on pairs.
    Embedding(EmbeddingOptions),
    /// An encoder from elsewhere, whose files lie in `path`.
    Imported { options: ImportOptions, path: String },
}

/// A trained model.
#[derive(Debug)]
pub enum Trained {
    /// A click model.
    Ctr(Box<CtrModel>),
    /// A model over rows.
    Tabular(Box<TabularModel>),
    /// A text classifier.
    Text(Box<TextClassifier>),
    /// An encoder tuned on pairs.
    Embedding(Box<EmbeddingModel>),
    /// An encoder from elsewhere.
    Imported(Arc<Imported>),
}

/// The names of all types in SQL.
pub fn model_types() -> Vec<&'static str> {
    [CTR].into_iter().chain(ModelType::ALL.iter().map(|(name, _)| *name)).chain([TEXT, EMBEDDING, IMPORTED]).collect()
}

impl Recipe {
    /// The recipe of a type with its defaults; [`Kind::Unsupported`] for a type that is not known.
    pub fn of(model_type: &str) -> Result<Self> {
        match ModelType::of(model_type) {
            Some(known) => Ok(Self::Tabular(TabularOptions::new(known))),
            None if model_type == CTR => Ok(Self::Ctr(CtrOptions::default())),
            None if model_type == TEXT => Ok(Self::Text(TextOptions::default())),
            None if model_type == EMBEDDING => Ok(Self::Embedding(EmbeddingOptions::default())),
            None if model_type == IMPORTED => {
                Ok(Self::Imported { options: ImportOptions::default(), path: String::new() })
            }
            None => Err(Error::new(Kind::Unsupported, format!("model_type \"{model_type}\" is not supported"))
                .with_hint(format!("Available types: {}.", model_types().join(", ")))),
        }
    }

    /// Refuses what cannot work, naming the option.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Ctr(options) => options.check(),
            Self::Tabular(options) => options.check(),
            Self::Text(options) => options.check(),
            Self::Embedding(options) => options.check(),
            Self::Imported { path, .. } if path.is_empty() => {
                Err(Error::new(Kind::InvalidParameter, "option path is needed: the directory of the encoder"))
            }
            Self::Imported { .. } => Ok(()),
        }
    }

    /// What is trained, in a word: the architecture of a click model, else the type.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ctr(options) => options.architecture.name(),
            Self::Tabular(options) => options.model_type.name(),
            Self::Text(_) => TEXT,
            Self::Embedding(_) => EMBEDDING,
            Self::Imported { .. } => IMPORTED,
        }
    }

    /// The imported encoder that it is to be trained over, by name, and where that goes.
    pub fn base(&mut self) -> Option<(&str, &mut Option<Arc<Imported>>)> {
        match self {
            Self::Text(options) => Some((options.base.as_deref()?, &mut options.base_encoder)),
            Self::Embedding(options) => Some((options.base.as_deref()?, &mut options.base_encoder)),
            _ => None,
        }
    }

    /// Whether each iteration is a pass over all rows and there may be hundreds, too many to tell of each.
    pub fn is_of_many_iterations(&self) -> bool {
        match self {
            Self::Ctr(_) | Self::Text(_) | Self::Embedding(_) | Self::Imported { .. } => false,
            Self::Tabular(options) => matches!(options.model_type, ModelType::LogisticReg | ModelType::LinearReg),
        }
    }

    /// Trains on the rows of `source`; errors as of [`CtrModel::train`], [`TabularModel::train`] and
    /// [`TextClassifier::train`].
    pub fn train(&self, source: &mut dyn Source, watch: &mut Watch<'_>) -> Result<Trained> {
        Ok(match self {
            Self::Ctr(options) => Trained::Ctr(Box::new(CtrModel::train(source, options, watch)?)),
            Self::Tabular(options) => Trained::Tabular(Box::new(TabularModel::train(source, options, watch)?)),
            Self::Text(options) => Trained::Text(Box::new(TextClassifier::train(source, options, watch)?)),
            Self::Embedding(options) => Trained::Embedding(Box::new(EmbeddingModel::train(source, options, watch)?)),
            Self::Imported { .. } => return Err(Error::internal("an encoder from elsewhere is read, not trained")),
        })
    }
}

fn cannot_take_steps(model_type: &str) -> Error {
    Error::new(Kind::Unsupported, format!("a model of type {model_type} cannot be updated"))
        .with_hint("CREATE OR REPLACE MODEL trains a version anew, on old and new rows.")
}

fn says_nothing(model_type: &str) -> Error {
    Error::new(Kind::DatatypeMismatch, format!("a model of type {model_type} says nothing of a row"))
        .with_hint("EMBED(text, model) and SIMILARITY(text, text, model) ask it.")
}

impl Trained {
    /// Reads what [`to_bytes`](Self::to_bytes) wrote; [`Kind::Corruption`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match () {
            () if TextClassifier::is_in(bytes) => Ok(Self::Text(Box::new(TextClassifier::from_bytes(bytes)?))),
            () if EmbeddingModel::is_in(bytes) => Ok(Self::Embedding(Box::new(EmbeddingModel::from_bytes(bytes)?))),
            () if Imported::is_in(bytes) => Ok(Self::Imported(Arc::new(Imported::from_bytes(bytes)?))),
            () if TabularModel::is_in(bytes) => Ok(Self::Tabular(Box::new(TabularModel::from_bytes(bytes)?))),
            () => Ok(Self::Ctr(Box::new(CtrModel::from_bytes(bytes)?))),
        }
    }

    /// The whole model as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        match self {
            Self::Ctr(model) => model.to_bytes(),
            Self::Tabular(model) => model.to_bytes(),
            Self::Text(model) => model.to_bytes(),
            Self::Embedding(model) => model.to_bytes(),
            Self::Imported(model) => Ok(model.to_bytes().to_vec()),
        }
    }

    /// Its type in SQL.
    pub fn model_type(&self) -> &'static str {
        match self {
            Self::Ctr(_) => CTR,
            Self::Tabular(model) => model.options().model_type.name(),
            Self::Text(_) => TEXT,
            Self::Embedding(_) => EMBEDDING,
            Self::Imported(_) => IMPORTED,
        }
    }

    /// The encoder that the model is; none of a model that is something else.
    pub fn encoder(&self) -> Result<Option<&Encoder>> {
        Ok(match self {
            Self::Embedding(model) => Some(model.encoder()?),
            Self::Imported(model) => Some(model.encoder()),
            Self::Ctr(_) | Self::Tabular(_) | Self::Text(_) => None,
        })
    }

    /// Bytes of an encoder of its own in memory.
    pub fn encoder_bytes(&self) -> usize {
        match self {
            Self::Ctr(_) | Self::Tabular(_) => 0,
            Self::Text(model) => model.encoder_bytes(),
            Self::Embedding(model) => model.encoder_bytes(),
            Self::Imported(model) => model.encoder().bytes(),
        }
    }

    /// The columns that it wants of a row.
    pub fn inputs(&self) -> Vec<InputColumn> {
        match self {
            Self::Ctr(model) => model.inputs(),
            Self::Tabular(model) => model.inputs(),
            Self::Text(model) => model.inputs(),
            Self::Embedding(model) => model.inputs(),
            Self::Imported(_) => Vec::new(),
        }
    }

    /// One number for each row; see [`TabularModel::predict`]. Of a click model the probability; of a text classifier of two classes
    /// that of the second, none where there is no text. `cancel` is asked between batches of texts.
    pub fn predict(&self, batch: &RecordBatch, cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Option<f64>>> {
        Ok(match self {
            Self::Ctr(model) => model.predict(batch)?.into_iter().map(Some).collect(),
            Self::Tabular(model) => model.predict(batch)?.into_iter().map(Some).collect(),
            Self::Text(model) => model.predict(batch, cancel)?,
            Self::Embedding(_) | Self::Imported(_) => return Err(says_nothing(self.model_type())),
        })
    }

    /// What is known of its training.
    pub fn facts(&self) -> &Facts {
        match self {
            Self::Ctr(model) => model.facts(),
            Self::Tabular(model) => model.facts(),
            Self::Text(model) => model.facts(),
            Self::Embedding(model) => model.facts(),
            Self::Imported(_) => {
                static NOTHING: LazyLock<Facts> = LazyLock::new(Facts::default);
                &NOTHING
            }
        }
    }

    /// [`Kind::Unsupported`] for a type that cannot go on learning from new rows alone; the hint names the remedy.
    pub fn must_take_steps(&self) -> Result<()> {
        match self {
            Self::Ctr(_) => Ok(()),
            Self::Tabular(model) => model.must_take_steps(),
            Self::Text(_) | Self::Embedding(_) | Self::Imported(_) => Err(cannot_take_steps(self.model_type())),
        }
    }

    /// The measures of `EVALUATE` on rows that the model has not seen, before it learns from them.
    pub fn progressive(&self, batches: &[RecordBatch]) -> Result<Vec<Metric>> {
        match self {
            Self::Ctr(model) => model.progressive(batches),
            Self::Tabular(model) => model.progressive(&mut { batches }),
            Self::Text(_) | Self::Embedding(_) | Self::Imported(_) => Err(cannot_take_steps(self.model_type())),
        }
    }

    /// The model one step on; see [`CtrModel::updated`] and [`TabularModel::updated`].
    pub fn updated(&self, batches: &[RecordBatch], judged: Vec<Metric>, watch: &mut Watch<'_>) -> Result<Self> {
        Ok(match self {
            Self::Ctr(model) => Self::Ctr(Box::new(model.updated(batches, judged, watch)?)),
            Self::Tabular(model) => Self::Tabular(Box::new(model.updated(batches, judged, watch)?)),
            Self::Text(_) | Self::Embedding(_) | Self::Imported(_) => {
                return Err(cannot_take_steps(self.model_type()));
            }
        })
    }

    /// Whether it is known how the rows of its training are spread.
    pub fn has_spreads(&self) -> bool {
        self.spec().is_some_and(FeatureSpec::has_spreads)
    }

    /// Adds the rows of a batch to `to`, by the parts of each column's values in training. Columns that are missing or that the model
    /// does not know are left out.
    pub fn tally(&self, batch: &RecordBatch, to: &mut Tally) -> Result<()> {
        self.spec().map_or(Ok(()), |spec| spec.tally(batch, to))
    }

    /// How far the rows of `tally` are from those of training, for each column that they had.
    pub fn drift(&self, tally: &Tally, options: &DriftOptions) -> Vec<Drift> {
        self.spec().map(|spec| spec.drift(tally, options)).unwrap_or_default()
    }

    /// The option `time_col`: when a row was.
    pub fn time_col(&self) -> Option<&String> {
        match self {
            Self::Ctr(model) => model.options().time_col.as_ref(),
            Self::Tabular(model) => model.options().time_col.as_ref(),
            Self::Text(model) => model.options().time_col.as_ref(),
            Self::Embedding(model) => model.options().time_col.as_ref(),
            Self::Imported(_) => None,
        }
    }

    /// How its columns are encoded; a text has no column of its own for each of its words.
    fn spec(&self) -> Option<&FeatureSpec> {
        match self {
            Self::Ctr(model) => Some(model.spec()),
            Self::Tabular(model) => Some(model.spec()),
            Self::Text(_) | Self::Embedding(_) | Self::Imported(_) => None,
        }
    }

    /// The measures of `EVALUATE` on any rows with labels; rows without one are left out. `cancel` is asked between batches of texts.
    pub fn evaluate(&self, source: &mut dyn Source, cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Metric>> {
        match self {
            Self::Ctr(model) => model.evaluate(source),
            Self::Tabular(model) => model.evaluate(source),
            Self::Text(model) => model.evaluate(source, cancel),
            Self::Embedding(model) => model.evaluate(source, cancel),
            Self::Imported(_) => {
                Err(Error::new(Kind::Unsupported, "an imported encoder has nothing that it could be measured by")
                    .with_hint("A text_classifier or embedding model with base = its name is measured on rows."))
            }
        }
    }
}

/// All batches of a source.
pub fn gathered(source: &mut dyn Source) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    source.read(&mut |batch| {
        batches.push(batch.clone());
        Ok(())
    })?;
    Ok(batches)
}
