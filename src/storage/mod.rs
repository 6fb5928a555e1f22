//! Bytes that stay: small values in sealed sled trees, bulk in sealed files, one folder for both.
//!
//! # The folder
//!
//! ```text
//! LOCK          one process at a time (flock); holds its process id
//! keyring, .old keys, see `crypto`
//! head          two sealed slots: how many commits are durable; after a clean close also what `assets/` must look like
//! journal/      sealed commits in order, and checkpoints of what they came to
//! assets/       sled 0.34.7: six trees of small sealed values
//! files/ab/ID   immutable sealed files: column chunks, index segments, weights
//! spill/        what running queries put aside, sealed with keys in memory; emptied at every open
//! retired/      removed files that are kept for a while
//! ```
//!
//! # The journey of a commit
//!
//! A [`WriteBatch`] is sealed value by value (associated data: tree, key, part) and queued. The first who waits leads: all
//! queued batches become frames of the journal and durable with one sync, and their number is noted in `head`. Then
//! [`Engine::settle`] returns for those who wait; the leader, unless another still does so, applies them as one sled
//! transaction that also carries the new count and sum of every tree. Until they are applied they are read from the queue.
//! sled is flushed at checkpoints only; what it lacks after a crash is in the journal. A file is durable when
//! [`Files::create`] or [`FileWriter::finish`] returns; whoever wants it found again commits its id to the
//! manifest tree afterwards.
//!
//! # Promises
//!
//! * A commit that returned survives `kill -9` and a power cut; one that did not is there wholly or not at all.
//! * sled is unmaintained, loses rows silently when damaged, panics on bad bytes and syncs too little. So: its log is synced
//!   by us where we rely on it (`sync_range.rs`), no value comes near the size that it keeps in unsynced files, counts and sums
//!   are compared at every open (`tally.rs`), the number of the last durable commit is kept outside of it (`head.rs`), its files are compared
//!   by SHA-256 before it may read them after a clean close, it runs behind a guard against panics (`assets.rs`), and it is
//!   never the only copy: a damaged one is made anew from checkpoint and journal at the next open (`recovery.rs`).
//! * Damage is [`Kind::Corruption`](crate::error::Kind) that names the place; a wrong row or a missing row never passes for data.
//! * After a failed write or sync nothing more is written until the folder is opened again; reads go on.
//! * Keys are stored in plain: callers put ids there, never names or values.
//! * What belongs to one object is sealed with a data key of its own. Once that is destroyed nothing of the object opens any
//!   more, in no old copy of a row, a file or a commit; such a value reads as one that is not there, not as damage.
//! * Data keys are replaced while commits go on (`keeper.rs`, `reseal.rs`); an old one goes when nothing durable names it
//!   (`usage.rs`).
//!
//! Left out: the removal of files that no manifest row names (a duty of those who know them).

mod assets;
mod backup;
mod backup_manifest;
#[cfg(test)]
mod backup_tests;
mod block_cache;
mod check;
mod checkpoint;
mod encryption;
mod engine;
mod file_format;
mod files;
mod head;
mod health;
mod history;
mod journal;
mod keeper;
#[cfg(test)]
mod key_tests;
mod lock;
mod log_file;
mod master_key;
mod memory;
#[cfg(test)]
mod model;
mod paths;
mod queue;
mod record;
mod recovery;
mod repair;
mod reseal;
mod restore;
mod retention;
mod retired;
mod rows;
mod sealed;
mod spill;
mod store;
mod sync_range;
mod tally;
#[cfg(test)]
mod tests;
mod usage;
mod writers;

pub use backup::{Backup, Copying};
pub use check::{Finding, check, check_and_open};
pub use encryption::{SealState, SealStatus};
pub use engine::{Engine, Pair, Ticket, Tree, WriteBatch};
pub use file_format::{FileId, FileKind};
pub use files::{FileWriter, Files};
pub use history::{Past, Span};
pub use master_key::{is_master_key, rotate_master_key};
pub use memory::MemoryEngine;
pub use paths::lies_in;
pub use repair::{Told, mend, mend_file};
pub use restore::{Latest, Restored, Target, restore};
pub use retention::Kept;
pub use spill::{SpillArea, SpillFile, SpillPlace, SpillReader, SpillWriter};
pub use store::Store;
