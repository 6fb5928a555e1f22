//! Models over rows of columns, of any subject: `linear_reg`, `logistic_reg`, `mlp`, `kmeans`, `anomaly`.
//!
//! [`TabularModel::train`] learns from a [`Source`](super::rows::Source) of batches. What becomes of each column is the business of
//! [`features`](super::features), as for click models; here numbers stay numbers ([`NumberForm`](super::features::NumberForm)) and are
//! not cut into bins. [`ModelType`] says what is learnt:
//!
//! * `linear_reg`: least squares with a penalty, solved from sums (`gram`), so that rows need not be kept; of more than
//!   [`config::LINEAR_SUMS_COLUMNS_MAX`](crate::config::LINEAR_SUMS_COLUMNS_MAX) columns by descent.
//! * `logistic_reg`: penalised log-loss of two or more classes by full-batch descent (`descent`).
//! * `mlp`: a vector for each category, then layers of rectified units (`network`, `epochs`), with Adam and early stopping.
//! * `kmeans`: groups around centres (`clusters`).
//! * `anomaly`: the same network, made to say a row again through a narrow layer; how badly it does so, beside what it does with
//!   rows that it has not seen, is the score.
//!
//! **The rows are read three times**: for labels and times, which settle what is predicted and which rows are set aside; for the
//! encoding, from the training rows alone; for training. A tenth (`eval_fraction`) is set aside for
//! the [evaluation](crate::models::Facts::evaluation); where a method has choices to make (penalty, epochs, threshold) another tenth makes them.
//!
//! **What stays in memory**: of `linear_reg` the sums, ten bytes a row, and the rows that judge; of the others the encoded rows, four
//! bytes a value.
//!
//! **Same seed, same rows in the same order: same model**, bit for bit, on one machine, however many cores it has.

mod bytes;
mod clusters;
mod descent;
mod epochs;
mod evaluation;
mod gram;
mod labels;
mod linear;
mod model;
mod network;
mod options;
#[cfg(test)]
mod tests;
mod training;
mod update;
mod watch;

pub(in crate::models) use evaluation::{classes as measured_classes, likeliest, logloss};
pub(in crate::models) use labels::class_texts;
pub use model::TabularModel;
pub use options::{ModelType, TabularOptions, Task};
pub use watch::Watch;
