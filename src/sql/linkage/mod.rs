//! DEDUPE and MATCH: which rows are the same thing, as the one who asks sees them.
//!
//! `governance::linkage` finds them. Here the columns of relations are read for it through the gate (`Reading`): a column that the caller sees
//! masked is compared as its mask, one that he may not read takes no part, and rows that policies hide are not there. Only words and numbers
//! of the rows are held while it works; what tells the found rows apart is read in a second pass over the same snapshot. Evidence names
//! columns, and says how alike they are, never what they hold.

mod reading;
mod told;
mod wanted;

pub use told::{dedupe_columns, dedupe_table, match_columns, match_table};
pub use wanted::{Compared, DedupeWanted, MatchWanted};
