//! Rights on objects.

use super::ObjectId;
use serde::{Deserialize, Serialize};

/// A right on an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Privilege {
    /// Read.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
    /// Empty a table.
    Truncate,
    /// Use a model, a schema or a source.
    Usage,
    /// See through the mask of a tag.
    Unmask,
    /// Refer to a table by a foreign key.
    References,
    /// Put triggers on a table: there are none, and the right is kept for those who look.
    Trigger,
}

impl Privilege {
    /// The name in SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::Usage => "USAGE",
            Self::Unmask => "UNMASK",
            Self::References => "REFERENCES",
            Self::Trigger => "TRIGGER",
        }
    }

    /// Whether it may be on single columns.
    pub fn is_of_columns(self) -> bool {
        matches!(self, Self::Select | Self::Insert | Self::Update | Self::References)
    }
}

/// A right given to a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// To whom; [`PUBLIC`](super::PUBLIC) is everybody.
    pub role: ObjectId,
    /// What.
    pub privilege: Privilege,
    /// On which columns only; none given means all.
    pub columns: Option<Vec<String>>,
    /// The role may give it on (`WITH GRANT OPTION`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub option: bool,
    /// Who gave it, if not the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grantor: Option<ObjectId>,
}

impl Grant {
    /// A right that the owner gives, and that is not to be given on.
    pub fn new(role: ObjectId, privilege: Privilege, columns: Option<Vec<String>>) -> Self {
        Self { role, privilege, columns, option: false, grantor: None }
    }

    /// Whether a program must know of rights that may be given on, and of the later kinds, to read it rightly.
    pub fn is_of_rights(&self) -> bool {
        self.option || self.grantor.is_some() || matches!(self.privilege, Privilege::References | Privilege::Trigger)
    }

    /// Whether it is on the whole object, or on this column.
    pub fn is_on(&self, column: &str) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.iter().any(|name| name == column))
    }
}

/// What new objects of a role are given (`ALTER DEFAULT PRIVILEGES`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefaultRights {
    /// The schema that they are made in; any without one.
    pub schema: Option<ObjectId>,
    /// What is made.
    pub of: DefaultsOf,
    /// Its rights.
    pub grants: Vec<Grant>,
}

/// Objects that may be given rights when they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefaultsOf {
    /// Tables, views, materialized views.
    Tables,
    /// Sequences.
    Sequences,
}

impl DefaultsOf {
    /// The word in SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tables => "TABLES",
            Self::Sequences => "SEQUENCES",
        }
    }
}
