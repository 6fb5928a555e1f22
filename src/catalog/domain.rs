//! Domains: a type under a name of its own, with conditions for its values.
//!
//! Values are those of the type below, and are kept as these. A column of a domain has that type, and knows the domain besides: what the
//! domain asks for is looked up whenever a value is put into the column or cast to the domain.

use super::{CheckConstraint, ObjectId, SqlType, Table};
use serde::{Deserialize, Serialize};

/// A domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Schema it lives in.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// The type below.
    pub base: SqlType,
    /// Places of seconds that its times and moments keep, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<u8>,
    /// What a column without a default of its own gets, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// NULL is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_null: bool,
    /// Conditions for a value, which they call VALUE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckConstraint>,
}

impl Domain {
    /// Whether it refuses any value of the type below.
    pub fn refuses(&self) -> bool {
        self.not_null || !self.checks.is_empty()
    }

    /// Its name as SQL has it.
    pub fn written(&self) -> String {
        super::written_name(&self.schema, &self.name)
    }
}

impl Table {
    /// Positions of the columns of a domain.
    pub fn columns_of_domain(&self, id: ObjectId) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        columns.filter(|(_, column)| column.domain == Some(id)).map(|(at, _)| at).collect()
    }

    /// Whether a column is of a domain, which may refuse values and give a default.
    pub fn has_domains(&self) -> bool {
        self.columns.iter().any(|column| column.domain.is_some())
    }
}
