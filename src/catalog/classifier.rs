//! Classifiers of the user's own, and what persons said of a column's category.

use super::ObjectId;
use serde::{Deserialize, Serialize};

/// What finds a category of the user's own in columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classifier {
    /// Name.
    pub name: String,
    /// Who owns it: it is asked of relations whose owner has this role's rights, or of all if it is a superuser.
    pub owner: ObjectId,
    /// What it asks of values.
    pub test: ClassifierTest,
    /// A pattern for the column's name.
    pub column_name: Option<String>,
    /// What a column is that it finds.
    pub category: String,
    /// `none`, `quasi_identifier`, `identifier` or `sensitive`.
    pub privacy: String,
    /// The share of values that must fit.
    #[serde(deserialize_with = "super::exact::one")]
    pub threshold: f64,
    /// Words that a column's name has, where it is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
}

/// What a classifier asks of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassifierTest {
    /// They contain this pattern.
    Pattern(String),
    /// They are among these.
    List(Vec<String>),
}

/// What a person said of a column's category, which is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagVerdict {
    /// The tag that was confirmed or rejected.
    pub tag: ObjectId,
    /// Its value: the category.
    pub category: String,
    /// Whether it was confirmed; else it was rejected.
    pub confirmed: bool,
    /// Why, as was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}
