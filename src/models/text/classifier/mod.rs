//! Classes of texts, learnt from labelled rows: `text_classifier`.
//!
//! Two parts say how probable each class is, and what they say is multiplied, each with a power of its own (`blend`):
//!
//! * **Words and characters** (`grams`, `vocabulary`, `softmax`): which runs of characters and words a text has, weighed by how rare they
//!   are, into multinomial logistic regression. Sees every training row; takes a second for tens of thousands of texts.
//! * **The encoder's vector** (`dense`): a small network over what the built-in encoder makes of the text, which knows words that no
//!   training row has. The encoder reads some hundreds of texts a second at most, so it reads
//!   [`encoder_rows`](TextOptions::encoder_rows) of the training rows; that is what bounds the cost of a training.
//!
//! A tenth of the rows is set aside to judge, another tenth ends each part's training and settles the powers; then both parts learn
//! again from all but the rows that judge. Each part alone and both, accuracy on the recorded splits:
//!
//! FIGURES
//!
//! **Same seed, same rows in the same order: same model.** [`suggest`] tells which rows without a label would teach most.

mod blend;
mod bytes;
mod dense;
mod grams;
mod model;
mod options;
mod softmax;
mod suggest;
#[cfg(test)]
mod tests;
mod training;
mod vocabulary;

pub use model::TextClassifier;
pub use options::TextOptions;
pub use suggest::{Suggestion, suggest};
