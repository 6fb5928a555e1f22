//! The rule table of grades, where somebody has edited it.

use serde::{Deserialize, Serialize};

/// All rows of `steward.grading_rules`; a database without one has the rules that [`crate::governance`] starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grading {
    /// The rules, by their ordinals.
    pub rules: Vec<GradingRow>,
}

impl Grading {
    /// The name of the one object of this kind.
    pub const NAME: &'static str = "grading_rules";
}

/// One rule. Conditions that are absent hold always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradingRow {
    /// The first rule that holds decides, by this number.
    pub ordinal: i32,
    /// The category that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semantic_type: Option<String>,
    /// The least privacy category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<String>,
    /// The least sensitivity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<String>,
    /// The grade that it gives.
    pub grade: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
}
