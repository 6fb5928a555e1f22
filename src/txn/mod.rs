//! Transactions: versions of everything, and how one becomes the next.
//!
//! A [`Snapshot`] is one immutable version of the whole database: the catalogue and, for each table, its segments with
//! the rows deleted from them. Readers hold a snapshot and never wait. A [`Transaction`] is a snapshot and the changes
//! made on it; it sees its own changes, nobody else does. [`Manager::commit`] checks that nobody else changed the same
//! rows or objects first, writes everything as one durable batch, and publishes the next snapshot with one pointer swap.
//!
//! Promises: a commit that returned is durable and whole; one that failed left nothing. Isolation is snapshot
//! isolation, the first committer wins ([`Kind::Serialization`](crate::error::Kind)). Rows of a large write go straight
//! to sealed files before the commit; if it never comes, the files go with the last reference, or at the next start.

mod bloom;
mod cache;
mod chunk;
mod cluster;
mod compaction;
mod compactor;
mod hash;
mod keys;
mod load;
mod lookup;
mod manager;
mod manifest;
mod moves;
mod page;
mod prune;
mod read;
mod segment;
mod snapshot;
mod statistics;
mod summary;
mod transaction;

pub use compaction::Effort;
pub use compactor::Compactor;
pub use load::Loader;
pub use lookup::Found;
pub use manager::Manager;
pub use prune::{Comparison, Condition};
pub use segment::{Deleted, Location, RowId, Segment, batch, row_id, split_row_id};
pub use snapshot::{Snapshot, TableRows};
pub use statistics::{ColumnSummary, TableSummary};
pub use transaction::Transaction;
