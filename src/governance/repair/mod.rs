//! Repair: what a value should be written as, and what the cells of a relation should be.
//!
//! Two questions are answered here, both from plain texts:
//!
//! - [`canonical()`]: the canonical form of one value of a known semantic type (`REPAIR`): `１３８ 0013-8000` as a telephone number is
//!   `+8613800138000`. What cannot be read is `None` rather than a guess: a day that may be the 3rd of April or the 4th of March has no
//!   canonical form before somebody says which part comes first.
//! - [`plan()`]: the changes that the cells of a relation suggest by themselves (`REPAIR_PLAN`), without labels and without rules. Each has
//!   a [`Method`] and a confidence, and no cell has two.
//!
//! A confidence says how often such a change is right where we could count it; what is written by default lies at 0.9 and above. Where
//! data contradict each other for a reason that they do not tell (two groups of sources that mean different things by one word), the
//! confidence stays below it, however many agree.
//!
//! It knows no storage and no SQL: cells come in as texts ([`Column`]), changes go out as texts.

mod canonical;
mod date;
mod digits;
mod email;
mod identity;
mod number;
mod phone;
pub mod plan;
mod postcode;
mod text;
mod unit;
mod url;

pub use canonical::{Options, canonical};
pub use plan::{ABSENT, Asked, Column, Method, Proposal, plan};
