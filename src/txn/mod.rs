//! Transactions: versions of everything, and how one becomes the next.
//!
//! A [`Snapshot`] is one immutable version of the whole database: the catalogue and, for each table, its segments with
//! the rows deleted from them. Readers hold a snapshot and never wait. A [`Transaction`] is a snapshot and the changes
//! made on it; it sees its own changes, nobody else does. [`Manager::commit`] checks that nobody else changed the same
//! rows or objects first, writes everything as one durable batch, and publishes the next snapshot with one pointer swap.
//!
//! Promises: a commit that returned is durable and whole; one that failed left nothing. Rows of a large write go straight
//! to sealed files before the commit; if it never comes, the files go with the last reference, or at the next start.
//!
//! [`Isolation`] is as in PostgreSQL. Who changes a row locks it first ([`locks`]) and so waits for whoever changes it
//! already. READ COMMITTED takes the newest snapshot for each statement ([`Manager::refresh`]); the other levels keep the
//! first, and find a row that was changed since to be [`Kind::Serialization`](crate::error::Kind). SERIALIZABLE notes
//! what it reads ([`Reads`]), by tables and conditions, and commits only if nobody has changed any of that since its snapshot
//! ([`validate`]): transactions at this level are equal to their commits one after another.

mod audit;
mod audit_block;
mod audit_file;
mod auditor;
mod bloom;
mod cache;
mod chunk;
mod cluster;
mod committing;
mod compaction;
mod compactor;
mod condition;
mod deferred;
mod hash;
mod held;
mod history;
mod isolation;
mod job_runs;
mod key_indexes;
mod keys;
mod learnt;
mod lineage;
mod load;
pub mod locks;
mod lookup;
mod manager;
mod manifest;
mod members;
mod newest;
mod page;
mod parts;
mod past;
pub mod pieces;
mod plain_indexes;
mod prune;
mod read;
mod relied;
mod seen;
mod segment;
mod small;
mod snapshot;
mod statistics;
mod stored;
mod summary;
mod transaction;
mod validate;

pub use audit::{Audit, Rules, Verdict};
pub use auditor::Auditor;
pub use committing::Committing;
pub use compaction::Effort;
pub use compactor::Compactor;
pub use condition::{Comparison, Condition};
pub use deferred::{ConstraintId, Deferred, Waiting};
pub use isolation::{Isolation, Reads};
pub use job_runs::JobRuns;
pub use keys::{KeyBytes, bytes_of, duplicated, key_bytes};
pub use lineage::Lineage;
pub use load::{Keys, Loader, Prepared};
pub use locks::Mode;
pub use lookup::Found;
pub use manager::Manager;
pub use members::Members;
pub use newest::Holder;
pub use parts::{Part, Parts};
pub use past::{Finder, Moment, PastState, seq_of, shown};
pub use plain_indexes::Places;
pub use relied::TagPlace;
pub use seen::Behind;
pub use segment::{Deleted, Location, RowId, Segment, batch, row_id, split_row_id};
pub use snapshot::{Snapshot, TableRows};
pub use statistics::{ColumnSummary, TableSummary};
pub use stored::{Page, is_whole};
pub use transaction::Transaction;
