//! Quality rules: what the metrics are, when a rule holds, how much it counts, and which rules the data of a relation suggest.
//!
//! ```text
//! Metric        what is counted or computed, and what a rule may ask of it
//! Measured      failed and total rows, or a number        -> judge      -> Judgement    passed, share, shown value
//! Judgements and findings                                 -> weighed    -> one score, 0..1
//! profiles, keys, a sample                                -> candidates -> Candidate    a rule worth measuring, and why
//! a candidate's measured support                          -> threshold  -> the rule that is suggested, or none
//! ```

mod candidate;
mod dependency;
mod judge;
mod metric;

pub use candidate::{Candidate, CandidateFacts, KeyOf, Suggested, candidates, threshold};
pub(in crate::governance) use dependency::codes;
pub use dependency::{Dependency, dependencies};
pub use judge::{ERROR_WEIGHT, Judgement, Measured, Weighed, judge, weighed};
pub use metric::{Arguments, Columns, Metric, Value};
