//! Governance: what data are, how good they are, and who may see what of them.
//!
//! This room decides and finds; it reads no storage and runs no SQL. Facts and Arrow record batches go in, plain values
//! come out, and `sql` writes the answers into plans and tables. The journey of an asset through an inventory:
//!
//! ```text
//! record batches -> profile::Profiler       -> ColumnProfile     counts, extremes, formats, a sample
//! name + sample  -> semantic_type           -> ColumnVerdict     e-mail? price? with evidence
//! verdicts       -> grade                   -> Grade             GB/T 43697, higher one wins
//! names+verdicts -> domain, structure       -> DomainVerdict     product, behaviour, transaction, ...
//! extremes       -> freshness               -> Freshness         how old
//! all of it      -> quality                 -> RelationQuality   six dimensions, report rows, one score
//! rule + counts  -> rules                   -> Judgement         does it hold, how much does it count; which are missing
//! role + facts   -> access                  -> Decision          columns, masks, rows; explains itself
//! value, type    -> repair                  -> text              its canonical form; what the cells of a relation should be
//! rows           -> linkage                 -> Link, Member      which rows are the same thing, within a relation and between two
//! hashes         -> inclusion               -> Inclusion         which columns refer to which; which relations are copies
//! two states     -> change                  -> Change            what is different since another inventory
//! value          -> mask                    -> text              what may be shown
//! running text   -> pii                     -> Span              personal data within, and the text without them
//! ```
//!
//! What it promises: the same facts give the same answer; where facts leave doubt, the lesser right is given; evidence
//! and errors quote names and counts, never values (a [`ColumnProfile`] does hold values, and is as protected as its
//! column). Every class has its Chinese name beside the English one, as `label_zh`.
//!
//! Start reading with [`semantic_type`], then [`access`].

pub mod access;
pub mod change;
mod classification;
mod domain;
mod freshness;
mod grade;
pub mod inclusion;
mod keys;
pub mod linkage;
pub mod mask;
mod naming;
pub mod pii;
pub mod profile;
pub mod quality;
pub mod repair;
pub mod rules;
pub mod semantic_type;
mod structure;

pub use access::{Decision, decide, may};
pub use classification::{CustomClassifier, Said, classify_column, is_rejected, sensitivity_of};
pub use domain::{Domain, DomainVerdict, DomainVote, domain_of};
pub use freshness::{Freshness, FreshnessSource, LatestMoment, freshness, moment_ms};
pub use grade::{Grade, GradingRule, Privacy, Sensitivity, default_grading_rules, grade_by};
pub use keys::{KEY_ROWS, compound_keys};
pub use mask::DefaultMask;
pub use naming::{NameWords, split_name};
pub use profile::{ColumnProfile, Profiler};
pub use quality::{Dimension, QualityFacts, RelationQuality, relation_quality};
pub use semantic_type::{ColumnVerdict, SemanticType, Verdict, by_neighbours, detect_column, detect_value};
pub use structure::{Structure, structure_of};
