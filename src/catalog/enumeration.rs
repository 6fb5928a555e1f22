//! Enumerated types: labels in an order.
//!
//! A value is kept as the text of its label. A column's type has the labels with it, so that values are checked and ordered
//! without asking the catalogue; ALTER TYPE changes it in every column.

use super::{ObjectId, SqlType, Table};
use serde::{Deserialize, Serialize};

/// An enumerated type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnumType {
    /// Schema it lives in.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// Its labels in their order, each with its OID.
    pub labels: Vec<(ObjectId, String)>,
}

/// What a column knows of its enumerated type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Enumerated {
    /// The type.
    pub id: ObjectId,
    /// Its name, as SQL has it.
    pub name: String,
    /// Its labels in their order.
    pub labels: Vec<String>,
}

impl EnumType {
    /// The type of a column.
    pub fn as_type(&self, id: ObjectId) -> SqlType {
        let name = written_name(&self.schema, &self.name);
        let labels = self.labels.iter().map(|(_, label)| label.clone()).collect();
        SqlType::Enum(Box::new(Enumerated { id, name, labels }))
    }
}

/// The name of a type as SQL has it.
pub(super) fn written_name(schema: &str, name: &str) -> String {
    let plain = |name: &str| {
        let mut letters = name.chars();
        let first = letters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
        first && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let written = |name: &str| match plain(name) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    };
    match schema {
        "public" => written(name),
        schema => format!("{}.{}", written(schema), written(name)),
    }
}

impl Enumerated {
    /// The place of a label.
    pub fn place(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known == label)
    }
}

impl SqlType {
    /// The enumerated type that it is, or has elements of.
    pub fn enumerated(&self) -> Option<&Enumerated> {
        match self {
            Self::Enum(of) => Some(of),
            Self::Array(item) => item.enumerated(),
            _ => None,
        }
    }

    /// The same with another state of its enumerated type.
    pub fn with_enumerated(&self, of: &SqlType) -> Self {
        match self {
            Self::Array(item) => Self::Array(Box::new(item.with_enumerated(of))),
            _ => of.clone(),
        }
    }
}

impl Table {
    /// Positions of the columns of an enumerated type, and of those of arrays of it.
    pub fn columns_of_enum(&self, id: ObjectId) -> Vec<usize> {
        let is = |data_type: &SqlType| data_type.enumerated().is_some_and(|of| of.id == id);
        self.columns.iter().enumerate().filter(|(_, column)| is(&column.data_type)).map(|(at, _)| at).collect()
    }
}
