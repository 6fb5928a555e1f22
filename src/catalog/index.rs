//! Indexes that are no text indexes: what CREATE INDEX said.
//!
//! A unique index is a key of its table ([`KeyConstraint`](super::KeyConstraint) with [`UniqueIndex`]), since it refuses rows. A
//! plain one refuses nothing and is an object of its own.

use super::ObjectId;
use serde::{Deserialize, Serialize};

/// How the values of one part of an index are ordered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// `DESC`
    pub descending: bool,
    /// `NULLS FIRST`
    pub nulls_first: bool,
    /// The operator class, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// What a key that was made by CREATE UNIQUE INDEX, and is no constraint, has beyond its columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UniqueIndex {
    /// The order of each column.
    pub orders: Vec<Order>,
    /// Names of the columns of INCLUDE.
    pub include: Vec<String>,
}

/// One part of a plain index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum IndexPart {
    /// A column, by its name.
    Column(String),
    /// An expression, as SQL.
    Expression(String),
}

/// An index that refuses nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlainIndex {
    /// Schema of the table.
    pub schema: String,
    /// Name.
    pub name: String,
    /// The table.
    pub table: ObjectId,
    /// `btree` or `hash`.
    pub method: String,
    /// What is indexed, with its order.
    pub parts: Vec<(IndexPart, Order)>,
    /// Names of the columns of INCLUDE.
    pub include: Vec<String>,
    /// WHERE, as SQL.
    pub predicate: Option<String>,
}
