//! Tags: labels on tables, columns and models, and where they go with values.

use super::object::ObjectId;
use serde::{Deserialize, Serialize};

/// What a tag says where values of it meet that differ.
pub const CONFLICT: &str = "CONFLICT";

/// A label with the policy bound to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tag {
    /// Name.
    pub name: String,
    /// Values it may have; empty means any.
    pub allowed_values: Vec<String>,
    /// Masks every column that carries the tag.
    pub mask: Option<ObjectId>,
    /// Roles that see through it.
    pub unmask: Vec<ObjectId>,
    /// COMMENT.
    pub comment: Option<String>,
    /// Where it goes with the values that it is said of, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagate: Option<Propagation>,
    /// The value that it gets where several meet; that of [`CONFLICT`] if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
}

/// Where a tag goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// To what reads the values as they are now: views, materialized views, models.
    Dependency,
    /// To tables into which the values are written.
    DataMovement,
    /// To both.
    Both,
}

impl Propagation {
    /// Its words in SQL.
    pub fn words(self) -> &'static str {
        match self {
            Self::Dependency => "ON_DEPENDENCY",
            Self::DataMovement => "ON_DATA_MOVEMENT",
            Self::Both => "ON_DEPENDENCY_AND_DATA_MOVEMENT",
        }
    }

    /// What these words mean.
    pub fn from_words(words: &str) -> Option<Self> {
        [Self::Dependency, Self::DataMovement, Self::Both].into_iter().find(|of| of.words() == words)
    }

    /// Whether it goes to tables.
    pub fn moves(self) -> bool {
        self != Self::Dependency
    }

    /// Whether it goes to views and what is like them.
    pub fn depends(self) -> bool {
        self != Self::DataMovement
    }
}

/// Which value a tag gets where several meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    /// This one.
    Value(String),
    /// The one that stands first among the allowed values.
    AllowedValuesSequence,
}

impl Tag {
    /// The value that it has where these meet, of which there is at least one.
    pub fn met<'a>(&'a self, values: impl IntoIterator<Item = &'a str>) -> String {
        let mut all: Vec<&str> = values.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        let first_allowed = || self.allowed_values.iter().find(|value| all.contains(&value.as_str())).cloned();
        match (all.as_slice(), &self.on_conflict) {
            ([only], _) => (*only).to_owned(),
            (_, Some(OnConflict::Value(value))) => value.clone(),
            (_, Some(OnConflict::AllowedValuesSequence)) => first_allowed().unwrap_or_else(|| CONFLICT.to_owned()),
            (_, None) => CONFLICT.to_owned(),
        }
    }
}

/// A tag on a table or column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagUse {
    /// Which tag.
    pub tag: ObjectId,
    /// Its value here.
    pub value: String,
    /// Who said so.
    pub source: TagSource,
    /// How sure, 0 to 1.
    pub confidence: f64,
}

/// Who put a tag where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagSource {
    /// A person.
    Manual,
    /// The classifier.
    Classifier,
    /// It came along with the data.
    Propagated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_meet_are_one() {
        let tag = |on_conflict| Tag {
            name: "t".to_owned(),
            allowed_values: vec!["high".to_owned(), "low".to_owned()],
            mask: None,
            unmask: Vec::new(),
            comment: None,
            propagate: Some(Propagation::Both),
            on_conflict,
        };
        assert_eq!(tag(None).met(["low", "low"]), "low");
        assert_eq!(tag(None).met(["low", "high"]), CONFLICT);
        assert_eq!(tag(Some(OnConflict::Value("mixed".to_owned()))).met(["low", "high"]), "mixed");
        assert_eq!(tag(Some(OnConflict::AllowedValuesSequence)).met(["low", "high"]), "high");
        for of in [Propagation::Dependency, Propagation::DataMovement, Propagation::Both] {
            assert_eq!(Propagation::from_words(of.words()), Some(of));
        }
    }
}
