//! What must be true of rows: conditions, and keys of other tables that they refer to.

use super::ObjectId;
use super::deferral::Deferral;
use serde::{Deserialize, Serialize};

/// A CHECK constraint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckConstraint {
    /// Name.
    pub name: String,
    /// The condition, as SQL.
    pub expression: String,
    /// Rows from before it need not fulfil it (`NOT VALID`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
}

/// Which rows that are written through a view it must show: `check_option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckOption {
    /// Those that its own condition shows.
    Local,
    /// Those that its condition shows, and those of the views that it reads.
    Cascaded,
}

impl CheckOption {
    /// Its word in SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cascaded => "cascaded",
        }
    }
}

/// A foreign key: NULL in one of its columns, or the key of a row of the other table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Name.
    pub name: String,
    /// Positions of its columns, in the order of the key that they refer to.
    pub columns: Vec<usize>,
    /// The table that it refers to.
    pub table: ObjectId,
    /// The name of that table's primary key or unique constraint.
    pub key: String,
    /// What becomes of a row when the one that it refers to is removed.
    pub on_delete: Action,
    /// What becomes of it when the key that it refers to is changed.
    pub on_update: Action,
    /// When it is looked at.
    #[serde(default, skip_serializing_if = "Deferral::is_never")]
    pub deferral: Deferral,
    /// Either all of its columns are NULL or none is (`MATCH FULL`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub match_full: bool,
    /// Rows from before it need not refer to anything (`NOT VALID`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
}

/// What a foreign key does when what it refers to goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Refuse, unless the key is there again when the statement ends.
    NoAction,
    /// Refuse.
    Restrict,
    /// Go as well, or follow the change.
    Cascade,
    /// Refer to nothing.
    SetNull,
    /// Refer to what the columns' defaults say.
    SetDefault,
}

impl Action {
    /// Its words in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}
