//! Summaries of tables: what the planner may be told of one, gathered from the footers of its chunks and kept until the
//! table changes.

use super::Manager;
use super::chunk::Footer;
use super::snapshot::Snapshot;
use super::statistics::{ColumnSummary, TableSummary};
use crate::catalog::ObjectId;
use crate::error::Result;
use std::sync::Arc;

impl Manager {
    /// What is known of a table in this snapshot without reading its rows.
    pub fn summary(&self, snapshot: &Snapshot, table: ObjectId) -> Result<Arc<TableSummary>> {
        let rows = snapshot.rows(table);
        if let Some((changed, summary)) = self.summaries.lock().get(&table)
            && *changed == rows.changed
        {
            return Ok(summary.clone());
        }
        let mut footers: Vec<Arc<Footer>> = Vec::with_capacity(rows.segments.len());
        let mut exact = true;
        for segment in &rows.segments {
            let footer = self.footer(table, segment)?;
            exact &= footer.is_some() && segment.deleted.is_none();
            footers.extend(footer);
        }
        let columns = footers.iter().map(|footer| footer.columns.len()).min().unwrap_or(0);
        let column = |n: usize| {
            ColumnSummary::of(
                footers.iter().map(|footer| (&footer.columns[n].zones, footer.columns[n].sketch.as_ref())),
            )
        };
        let summary = Arc::new(TableSummary { columns: (0..columns).map(column).collect(), exact });
        // A state of an open transaction has a number of its own that says nothing of what was changed.
        if rows.changed >> 63 == 0 {
            self.summaries.lock().insert(table, (rows.changed, summary.clone()));
        }
        Ok(summary)
    }
}
