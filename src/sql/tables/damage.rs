//! What a scan does when it meets a damaged segment.
//!
//! The error names the table beside the file. With `steward.allow_damaged` on, the segment's rows are left out instead and a
//! WARNING says so, once for each segment and statement; rows that can be read are served.

use super::super::context::Context;
use crate::catalog::Table;
use crate::error::{Error, Kind, Result};
use crate::storage::Files;
use crate::txn::Segment;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The damage that one scan met.
pub struct Damage {
    context: Arc<Context>,
    table: String,
    allowed: bool,
    told: Mutex<HashSet<u64>>,
}

impl Damage {
    /// Whether a statement may leave out rows that cannot be read.
    pub fn may_leave_out(context: &Context) -> bool {
        context.settings.get("steward.allow_damaged").is_ok_and(|value| value == "on")
    }

    /// None yet, in a scan of this table.
    pub fn none(context: &Arc<Context>, table: &Table) -> Self {
        let allowed = Self::may_leave_out(context);
        let table = format!("{}.{}", table.schema, table.name);
        Self { context: context.clone(), table, allowed, told: Mutex::default() }
    }

    /// Something beside the rows could not be read, which only makes the way to them longer: the error to give, or nothing when
    /// the rows may be looked for without it.
    pub fn met_beside(&self, error: Error) -> Result<()> {
        match self.allowed && error.kind() == Kind::Corruption {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// A segment could not be read: the error to give, or nothing when the rest may be served.
    pub fn met(&self, segment: &Segment, error: Error) -> Result<()> {
        if error.kind() != Kind::Corruption {
            return Err(error);
        }
        // Of the files of a segment the one that the error speaks of.
        let shown: Vec<String> = segment.files().map(|file| Files::shown(file.id)).collect();
        let named = shown.iter().find(|file| error.message().contains(file.as_str()));
        if let Some(file) = named.or(shown.first()) {
            self.context.database.scrub.met(file, &error);
        }
        // A table that is not committed yet is not named where the segment is read.
        let message = match error.message().starts_with("table ") {
            true => error.message().to_owned(),
            false => format!("table {}: {}", self.table, error.message()),
        };
        if self.allowed {
            if self.told.lock().insert(segment.id) {
                let rows = segment.live_rows();
                self.context.warn(format!("{message}; {rows} rows are left out (steward.allow_damaged is on)"));
            }
            return Ok(());
        }
        Err(Error::new(Kind::Corruption, message).with_hint(
            "`steward repair --from BACKUP` brings the file back; SET steward.allow_damaged = on serves the other rows.",
        ))
    }
}

impl fmt::Debug for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Damage({})", self.table)
    }
}
