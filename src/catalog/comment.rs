//! What COMMENT ON said of an object that has no place of its own for it.

use super::{ObjectId, relation_key};
use serde::{Deserialize, Serialize};

/// A comment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// The object; 0 is the database.
    pub object: ObjectId,
    /// What of it: nothing for the object itself, `constraint`, `index` or `column` NUL name for a part of it.
    pub part: String,
    /// What is said.
    pub text: String,
}

impl Comment {
    /// The part that is a constraint.
    pub fn constraint(name: &str) -> String {
        format!("constraint\0{name}")
    }

    /// The part that is the index behind a key.
    pub fn index(name: &str) -> String {
        format!("index\0{name}")
    }

    /// The part that is a column of a view; tables keep comments with their columns.
    pub fn column(name: &str) -> String {
        format!("column\0{name}")
    }

    /// The name under which a comment is found.
    pub fn key(object: ObjectId, part: &str) -> String {
        relation_key(&object.to_string(), part)
    }
}
