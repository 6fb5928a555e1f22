//! What can be written: of tables everything, of views what PostgreSQL calls automatically updatable.

use super::entry::{Entry, What};
use super::facts::Facts;
use crate::sql::dml;

/// What can be done with rows of a relation.
#[derive(Debug, Clone, Default)]
pub struct Writable {
    /// The events, a bit for each, as `pg_relation_is_updatable` has them.
    pub events: i32,
    /// For each column of a view whether it can be written.
    columns: Option<Vec<bool>>,
}

impl Writable {
    /// UPDATE
    pub const UPDATE: i32 = 4;
    /// INSERT
    pub const INSERT: i32 = 8;
    /// DELETE
    pub const DELETE: i32 = 16;

    /// Whether all of these events can be.
    pub fn contains(&self, events: i32) -> bool {
        self.events & events == events
    }

    /// Whether the column at a place, from 0 on, can be written.
    pub fn column(&self, at: usize) -> bool {
        let open = self.columns.as_ref().is_none_or(|columns| columns.get(at) == Some(&true));
        open && self.contains(Self::UPDATE)
    }
}

impl Facts {
    /// What can be written of a relation.
    pub(super) fn writable(&self, entry: &Entry<'_>) -> Writable {
        let all = Writable::UPDATE | Writable::INSERT | Writable::DELETE;
        match entry.what {
            What::View(id, view) => match dml::writable(&self.context, id, view) {
                Some(columns) => {
                    let events = if columns.contains(&true) { all } else { Writable::DELETE };
                    Writable { events, columns: Some(columns) }
                }
                None => Writable::default(),
            },
            _ if entry.kind() == "r" => Writable { events: all, columns: None },
            _ => Writable::default(),
        }
    }
}
