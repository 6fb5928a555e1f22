//! Row quality: what a right row of a relation looks like, learnt from the relation itself with no labels and no rules.
//!
//! [`RowQualityModel::train`] reads the rows once as text and keeps, for each column and for the columns together, what is
//! usual. A cell is then judged by several witnesses, each with a probability of error, a reason and, where it knows, the
//! value expected:
//!
//! | witness | speaks up when |
//! | --- | --- |
//! | missing | the cell is empty where cells almost never are, or holds a word for "missing" (`N/A`, `-`, 空) |
//! | type | the column is numbers and this is not; or numbers carry units of several spellings |
//! | number | it lies far out, by median and median deviation, on the plain *and* the logarithmic scale, among all rows and among its kind (by currency, by origin); or its sign is unusual |
//! | format | its pattern (`A+9+`) is rare in a column of few patterns; keys and codes may come in families |
//! | rarity | it is met once or twice in a column that a few words fill |
//! | spelling | it is one or two letters away from a far commoner value, or a common value in other case or spacing |
//! | dependency | other rows with the same value in another column agree on something else; where sources differ in how often they agree, their votes weigh differently |
//! | glued | its end is a value of another column, whose cell is empty in this row |
//! | network | a small network that guesses each masked cell from the rest of the row is sure of another value |
//!
//! The witnesses are joined by noisy-or: the chance that none of them is right about an error. The quality of a row is the
//! chance that all its cells are right, the product over its cells.
//!
//! What is left out: a wrong value that is usual in every way (a price of 12 for 13) cannot be seen without another source.

mod bytes;
mod cells;
mod column;
mod dependency;
mod glued;
mod masked;
mod model;
mod pattern;
mod spelling;
mod spread;
mod subgroup;
#[cfg(test)]
mod tests;

pub use model::{CellVerdict, RowQualityModel};
pub use pattern::{SURELY_MISSING, folded, missing_word, number, number_with_unit, pattern};
pub use spelling::{Spelling, distance};
