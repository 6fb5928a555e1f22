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
//! again from all but the rows that judge. Measured on four tasks (training on four fifths, judged on the rest; the encoder read all
//! training rows of the first, a quarter to a third of the others, and was judged on the 3152 and 2782 test rows that it had read):
//!
//! | accuracy | majority | words | vectors | both | linear SVM of characters (scikit-learn) |
//! | --- | --- | --- | --- | --- | --- |
//! | opinions on meals, Chinese, 2 classes, 9,555 rows | 0.671 | 0.903 | 0.898 | 0.905 | 0.904 |
//! | opinions on goods, Chinese, 2 classes, 50,262 rows | 0.501 | 0.935 | 0.912 | 0.938 | 0.936 |
//! | the same reviews, 10 kinds of goods | 0.160 | 0.906 | 0.872 | 0.911 | 0.903 |
//! | names of groceries, English, 11 shelves, 22,006 rows | 0.289 | 0.879 | 0.786 | 0.883 | 0.850 |
//!
//! Words alone on all test rows of the last three: 0.941, 0.903, 0.883 (the SVM: 0.940, 0.903, 0.854). A hidden layer of 32, 128 or 512
//! units made no difference beyond chance, none cost half a point.
//!
//! **Same seed, same rows in the same order: same model.** [`suggest()`] tells which rows without a label would teach most.

mod blend;
mod bytes;
mod dense;
mod grams;
mod model;
mod options;
mod pseudo;
mod softmax;
mod suggest;
#[cfg(test)]
mod tests;
mod training;
mod tuned;
mod vocabulary;

pub use model::TextClassifier;
pub(in crate::models) use options::check_adapter;
pub use options::{TextOptions, Unlabelled};
pub use suggest::{Suggestion, suggest};
