//! Temporary relations. They are ordinary ones in a schema of their session's, which nobody else reaches, and go with it.

use serde::{Deserialize, Serialize};

/// Begins the names of such schemas; behind it stands the number of the session.
const PREFIX: &str = "pg_temp_";

/// What COMMIT does to a temporary table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnCommit {
    /// Empties it.
    DeleteRows,
    /// Drops it.
    Drop,
}

/// The name of a session's schema of temporary relations.
pub fn temporary_schema(session: u64) -> String {
    format!("{PREFIX}{session}")
}

/// Whether a schema holds temporary relations: no other can have such a name.
pub fn is_temporary(schema: &str) -> bool {
    schema.starts_with(PREFIX)
}
