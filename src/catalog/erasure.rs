//! Certificates of erasures: that a subject was forgotten, where, and what of it remains. No value of the subject is in one.

use super::object::ObjectId;
use serde::{Deserialize, Serialize};

/// What FORGET SUBJECT leaves behind. States of before it are not to be seen of the tables that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its number, a UUID.
    pub number: String,
    /// Milliseconds since 1970 of the statement.
    pub at_ms: i64,
    /// Who ran it.
    pub actor: ObjectId,
    /// What they were called then.
    pub actor_name: String,
    /// What `tokenize(value, 'erasure')` makes of each value that named the subject.
    pub subjects: Vec<String>,
    /// The columns in which it was looked for: `schema.table.column`.
    pub columns: Vec<String>,
    /// CASCADE was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cascade: bool,
    /// The tables that it was erased from.
    pub tables: Vec<ErasedTable>,
    /// Text indexes that had its words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<ObjectId>,
    /// Models that learnt from those tables, with their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<(ObjectId, String)>,
    /// What remains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remains: Vec<Remainder>,
    /// Milliseconds since 1970 when nothing of it was left in the folder; none as long as something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_ms: Option<i64>,
}

/// A table of which rows were erased, or might have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedTable {
    /// The table.
    pub table: ObjectId,
    /// Its schema and name then.
    pub name: String,
    /// What it is: `table`, `materialized view`, `quarantine`, `repairs`.
    pub kind: String,
    /// Rows that went.
    pub deleted: u64,
    /// Rows that stayed without what named the subject.
    pub nulled: u64,
}

/// Something that an erasure did not reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remainder {
    /// What it is called; none for what has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What it is.
    pub kind: String,
    /// Why it is there, and what ends it.
    pub reason: String,
    /// Rows, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

impl Erasure {
    /// Whether a table is among those that it was erased from.
    pub fn is_of(&self, table: ObjectId) -> bool {
        self.tables.iter().any(|erased| erased.table == table)
    }
}
