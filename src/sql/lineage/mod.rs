//! Lineage: where the columns that a statement makes come from, and who may see that.
//!
//! [`derived()`] reads it from a plan whose names are resolved: through views down to tables, with the views on the way. One
//! derivation serves all: a materialized view's protection ([`origins`]), what a model has learnt from, and the edges that
//! [`note`](Noting::note) puts into the transaction. They become true with its commit (`txn::lineage`). [`graph`] shows them to a role.

mod derived;
mod expression;
mod graph;
mod models;
mod note;
mod reads;
pub mod tags;
mod told;

pub use derived::{Derived, VIEW, derived, origins};
pub use graph::{Direction, Graph, Node, Step};
pub use note::{Noting, by_rule, computed, generated, imported, repaired};
pub use reads::Reads;
pub use told::Told;
