//! Click models: the probability that a user clicks what is shown.
//!
//! [`CtrModel::train`] learns from batches that hold a label and whatever else is known of the user, the item and the
//! moment. Which columns become what is the business of [`features`](super::features); the network over them is chosen by
//! [`Architecture`]:
//!
//! * `lr` logistic regression: sigma(w . entries + b).
//! * `bilinear`: sigma(y^T W x + b), where y is the user's vector and x the item's: the vectors of the side's columns, one
//!   after the other, its dense numbers, and a constant 1 (so that each side also counts alone). Trained like the rest by
//!   gradient descent on cross-entropy with a penalty on the squares. The sides follow `user_col`/`user_features` and
//!   `item_col`/`item_features`, else names, see [`FeatureSpec::learn`](super::features::FeatureSpec::learn).
//! * `fm`, `mlp`, `deepfm`, `dcn`, `dcnv2`: see [`Architecture`].
//!
//! With `conversion_col` two networks learn clicks and what follows them by one objective over all rows: see `tasks`. More rows than are
//! kept in memory are read again for each epoch: see `streamed`. What is learnt of a user or an item can be asked for: see `vectors`.
//!
//! **Three parts of the rows.** A tenth (`eval_fraction`) is set aside for its [evaluation](crate::models::Facts::evaluation) and touched by nothing
//! else; another tenth stops the training early and calibrates; the rest trains. After the epochs are known the network is
//! trained once more on train and validation together where that is cheap: the calibration curve stays that of the held-out
//! rows, and a second network that turned out too different from the first to be read through it is dropped. With fewer
//! than twenty rows in a part there are no parts, and the evaluation says `train` as its segment.
//!
//! **Same seed, same rows in the same order: same model**, bit for bit, on one machine. Training uses one thread,
//! or a CUDA device where models run on one (`accelerated`); a model that was trained there is the same again there, and differs
//! from the processor's in late digits.

mod accelerated;
mod bytes;
mod calibration;
mod cross;
mod evaluation;
mod explain;
mod model;
mod network;
mod options;
mod parts;
mod plan;
mod rows;
mod streamed;
mod tasks;
#[cfg(test)]
mod tests;
mod training;
mod update;
mod vectors;

pub use explain::Detail;
pub use model::{CtrModel, Target};
pub use options::{Architecture, CalibrationMethod, CtrOptions};
