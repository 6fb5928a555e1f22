//! Materialized views: tables that keep the rows of a query.

use super::object::ObjectId;
use serde::{Deserialize, Serialize};

/// The query of a materialized view, and what of it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Materialized {
    /// The query, as SQL.
    pub query: String,
    /// Column names given in CREATE MATERIALIZED VIEW.
    pub columns: Vec<String>,
    /// Whether the rows are there: after WITH NO DATA it cannot be read.
    pub populated: bool,
    /// For each column the columns that its values come from: what protects them protects it.
    pub origins: Vec<Vec<Origin>>,
}

/// A column that values come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Its table.
    pub table: ObjectId,
    /// Its name there.
    pub column: String,
}

impl Origin {
    /// What nobody knows: values that were one viewer's to see.
    pub fn unknown() -> Self {
        Self { table: ObjectId::MAX, column: String::new() }
    }
}
