//! How relations lie to each other by their values: columns that refer to others' keys, and relations that are copies.
//!
//! ```text
//! values -> sketch::Gathering -> Sketch        the least hashes of a column's different values, 8 KiB at most
//! rows   -> rows::RowGathering -> RowSketch    the same of the rows, their number and a sum that tells equal relations
//! LinkAsset .. -> candidates -> Inclusion ..   which columns seem to refer to which
//!              -> chosen     -> Inclusion ..   which do
//! RowSketch x RowSketch -> copied -> Copied    the same rows, nearly so, some of them
//! ```
//!
//! Hashes are gathered in the profile's one pass. A sketch is as protected as the columns that it is of: who has a value can tell whether
//! it is there.

mod discover;
mod names;
mod rows;
mod sketch;
mod stored;
mod value;

pub use discover::{At, Inclusion, LIKELIHOOD_MIN, LinkAsset, LinkColumn, SHARE_MIN, Values, candidates, chosen};
pub use rows::{Copied, RowGathering, RowSketch, copied};
pub use sketch::{Gathering, Share, Sketch};
pub use stored::RelationSketch;
pub use value::{hash_known, hash_number, hash_whole, hash_written, of_row};
