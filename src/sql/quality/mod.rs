//! Quality rules at work: what a relation is to them, the SQL that asks for their metrics, and what comes of it.
//!
//! `governance::rules` says what the metrics are and when a rule holds. Here a relation's rules become queries ([`ask`]): one
//! aggregate over all rows for whatever one pass can count or compute, and a query more for keys of several columns, foreign keys,
//! dependencies and distances from a median. They run as any query does, behind the gate: CHECK QUALITY as the relation's owner,
//! QUALITY_FAILURES and the metrics' functions as whoever asks ([`measure()`], [`failures()`]). SUGGEST_RULES looks at what its caller
//! sees ([`suggest`]). What becomes of rows as they are written is [`dml`](super::dml)'s.

mod ask;
mod failures;
mod measure;
mod relation;
mod shown;
mod suggest;

pub use ask::{column as column_name, holds, read_by};
pub use failures::{columns as failure_columns, failures, named_by, readable, row_key};
pub use measure::{dimension_of, measure, must_work, results, threshold};
pub use relation::{Ruled, as_owner, must_be_of_kind, of_asset, ruled};
pub use shown::{Sight, asset_of, definition, quality_of, schedule_words, seen_results};
pub use suggest::{columns as suggestion_columns, suggestions};
