//! Features: how a row of columns becomes numbers that a network can learn from.
//!
//! A [`FeatureSpec`] is learnt once from training batches and kept with the model. Each column is typed by itself:
//!
//! | column | becomes |
//! | --- | --- |
//! | number | one *slot* (its bin: each value where few, else quantiles; missing has its own) and one *dense* number (the value or its signed log, whichever is less skewed, standardised; 0 where missing). Other models want the number without bins: [`NumberForm`] |
//! | yes/no | one slot |
//! | text of at most 40 characters on average; whole numbers named as ids | one slot: its place in the vocabulary; rare and unseen values share hashed buckets; missing has its own |
//! | time | two slots: hour and weekday |
//! | longer text | one slot holding several entries: its hashed words (Chinese: pairs of characters) |
//! | array of texts, booleans or whole numbers; object of JSON | one slot holding several entries, each with its place in a vocabulary as a name's has ([`elements`]); missing has its own |
//! | array of floats, all of one length | so many dense numbers, and a slot that says whether it is there |
//! | empty or constant | nothing, but it must still be there |
//!
//! A slot's entries point into one shared table (of weights or of vectors), whose rows [`FeatureSpec::table_rows`]
//! counts. Values are never kept: the vocabulary holds 64-bit hashes.
//!
//! Columns are matched by **name**: their order does not matter, and a missing one, an extra one or one of another
//! type is an error that names it. Counting by position is the classic silent bug of models inside databases.

mod change;
mod column;
mod elements;
mod encoded;
mod gather;
mod grow;
mod importance;
mod learn;
mod spec;
mod spread;

pub use encoded::{Bag, Encoded};
pub(in crate::models) use gather::Sample;
pub(in crate::models) use grow::Grown;
pub(in crate::models) use importance::permutation;
pub use learn::{FeatureOptions, Learner, NumberForm};
pub use spec::{FeatureSpec, InputColumn, Side};

pub(crate) use column::{Family, numbers, text_hashes, texts, times};
