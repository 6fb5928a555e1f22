//! When constraints are looked at.

use serde::{Deserialize, Serialize};

/// When a constraint is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deferral {
    /// When the statement ends, always.
    #[default]
    Never,
    /// When the statement ends, unless SET CONSTRAINTS puts it off.
    Immediate,
    /// When the transaction ends, unless SET CONSTRAINTS wants it earlier.
    Deferred,
}

impl Deferral {
    /// Whether SET CONSTRAINTS has no say.
    pub fn is_never(&self) -> bool {
        *self == Self::Never
    }

    /// Whether SET CONSTRAINTS may put it off.
    pub fn is_deferrable(self) -> bool {
        self != Self::Never
    }

    /// Whether it is put off if nothing is said.
    pub fn is_deferred(self) -> bool {
        self == Self::Deferred
    }

    /// Its words in SQL, with a blank before them.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Never => "",
            Self::Immediate => " DEFERRABLE",
            Self::Deferred => " DEFERRABLE INITIALLY DEFERRED",
        }
    }
}
