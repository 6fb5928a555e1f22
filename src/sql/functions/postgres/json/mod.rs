//! `json` and `jsonb`: made of values, looked into, changed, compared.
//!
//! A `json` value is its text; a `jsonb` value is kept as text in its normal form, and read into a [`Tree`] where it is
//! looked into.

mod aggregate;
mod build;
mod change;
mod contain;
mod jsonpath;
mod order;
mod parts;
mod path;
mod sets;
mod tree;
mod write;

use super::declared::Declaration;
use super::made::{Args, Made};
use crate::error::{Error, Kind, Result};
use tree::Tree;

/// The functions of this folder, a family a file.
pub const FAMILIES: &[&[Declaration]] = &[
    build::FUNCTIONS,
    aggregate::FUNCTIONS,
    path::FUNCTIONS,
    jsonpath::FUNCTIONS,
    parts::FUNCTIONS,
    sets::FUNCTIONS,
    change::FUNCTIONS,
    contain::FUNCTIONS,
    order::FUNCTIONS,
];

/// An argument as a value of JSON.
fn tree(row: &Args<'_>, at: usize) -> Result<Tree> {
    Tree::read(row.text(at)).ok_or_else(|| Error::new(Kind::InvalidText, "invalid input syntax for type json"))
}

fn invalid(message: &str) -> Error {
    Error::new(Kind::InvalidParameter, message)
}

fn made(tree: &Tree) -> Result<Made> {
    build::finished(tree.to_string(), false).map(Made::Text)
}
