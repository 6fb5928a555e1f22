//! What a text is about: choosing the label that fits it best, without training or from a few examples ([`ZeroShot`]), or learnt
//! from labelled rows ([`classifier`]).
//!
//! [`ZeroShot`] embeds each label once and each text once, and asks which label points most nearly the same way. Three
//! things make that more than a comparison of words:
//!
//! * **Sentences, not words.** A label is embedded inside short sentences in its own script ("这是关于手机的",
//!   "This text is about phones."), because the encoder was trained on sentences (`prompts`).
//! * **A common middle.** All texts point nearly the same way; what they share is subtracted first (`background`).
//! * **A temperature.** Cosines are turned into probabilities whose mean over a table is near the share of right
//!   answers: within 0.07 on four measured tasks, 0.15 too low on two (`zero_shot` has the measurements).
//!
//! With labels alone, expect from a third to nine tenths of answers right, by task. Eight examples a label added 10
//! points on average and 19 on the hardest; the probability says which answers to distrust.

//!
//! [`EmbeddingModel`] is an encoder tuned on pairs of texts that belong together; [`OwnEncoder`] the encoder that a model has of its own.

mod background;
pub mod classifier;
pub mod embedding;
mod own_encoder;
mod prompts;
mod zero_shot;

pub use classifier::{TextClassifier, TextOptions};
pub use embedding::{EmbeddingModel, EmbeddingOptions};
pub use own_encoder::OwnEncoder;
pub(in crate::models) use own_encoder::OwnHeader;
pub use zero_shot::{Verdict, ZeroShot};
