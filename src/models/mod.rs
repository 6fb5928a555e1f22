//! Models: numbers from text and from rows, by arithmetic that knows no SQL.
//!
//! Everything here takes slices and gives slices or plain values. Nothing reads a table, asks who the caller is or
//! decides what may be seen: rows that come in have already passed the gate.
//!
//! * [`encoder`] turns texts into unit vectors of 384 numbers with a network that is compiled into the binary, so that
//!   the first statement on a machine without a network can use it. Read [`encoder::Encoder::encode`] first.
//! * [`text`] compares those vectors: which of these labels fits this text best, and how sure is that; and learns classes of texts
//!   from labelled rows.
//! * [`features`] turns columns into slots and numbers, by themselves; [`ctr`] learns the probability of a click over
//!   them, [`tabular`] numbers, classes, groups and anomalies; [`rows`] says where training rows come from and which are set aside,
//!   [`metrics`] how good a model is. To the rest of the house both are a [`Trained`] by a [`Recipe`].
//! * [`drift`] tells how far rows are from those that a model was trained on.
//! * [`row_quality`] learns what a right row of a table looks like.
//! * [`device`] is what the encoder and the click models run on: the processor, or a CUDA device through a plugin.
//!
//! **What it promises.** The same text gives the same vector, whatever it is batched with and however many threads
//! run (to about 1e-6; on a CUDA device to the digits in docs/sql.md). Long work asks its `cancel` closure between batches and ends with
//! [`Kind::Cancelled`](crate::Kind::Cancelled). Calls block and use the rayon pool they are made in; an asynchronous
//! caller moves them to a thread that may block.

pub mod ctr;
pub mod device;
pub mod drift;
pub mod encoder;
pub mod evaluation;
mod exact;
mod facts;
pub mod features;
mod layers;
pub mod metrics;
mod random;
pub mod row_quality;
pub mod rows;
pub mod tabular;
mod tensors;
pub mod text;
mod trained;
mod weights;

pub use ctr::{Architecture, CalibrationMethod, CtrModel, CtrOptions, Target};
pub use drift::{Divergence, Drift, DriftOptions, Tally, add_tally};
pub use encoder::{ImportOptions, Imported, Pooling};
pub use evaluation::{Metric, Progress};
pub use facts::Facts;
pub use row_quality::RowQualityModel;
pub use rows::{Source, Split};
pub use tabular::{TabularModel, TabularOptions, Task, Watch};
pub use text::classifier::Unlabelled;
pub use text::{EmbeddingModel, EmbeddingOptions, TextClassifier, TextOptions};
pub use trained::{Recipe, Trained, gathered, model_types};
pub use weights::{from_safetensors, to_safetensors};
