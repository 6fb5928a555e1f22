//! WITH CHECK OPTION: a row that is written is one that the view shows.
//!
//! Conditions are asked of the rows as they are written, inner views first. They may read other relations, which are as they were
//! before the statement.

use super::super::super::planner::{Planner, parse_expression};
use super::super::super::run;
use super::super::{Target, Work};
use super::{Level, Through};
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::sql::sqlparser::ast::{SelectItem, SetExpr};
use std::sync::Arc;

impl Level {
    /// Whether a row may be one that the view does not show.
    fn asks(&self) -> bool {
        let SetExpr::Select(select) = self.simple.query.body.as_ref() else { return false };
        self.is_checked && select.selection.is_some()
    }
}

impl Through {
    /// Whether any condition is asked.
    pub fn checks(&self) -> bool {
        self.levels.iter().any(Level::asks)
    }

    /// Refuses rows of the table that a view with a check option does not show.
    async fn must_show(&self, work: &Work<'_>, target: &Target, rows: &RecordBatch) -> Result<()> {
        for (at, level) in self.levels.iter().enumerate().rev().filter(|(_, level)| level.asks()) {
            let rows_below: Arc<dyn TableProvider> =
                Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?);
            let mut between = self.levels[at + 1..].iter().rev();
            let below = between.try_fold(rows_below, |rows, level| level.over(work.state, rows, &[], false))?;
            let mut query = level.simple.query.clone();
            query.order_by = None;
            let (schema, name) = level.read_instead(&mut query, &below)?;
            if let SetExpr::Select(select) = query.body.as_mut() {
                select.projection = vec![SelectItem::UnnamedExpr(parse_expression("1")?)];
            }
            let planner = Planner::new(&level.owner, work.state).with_override(&schema, &name, below);
            let shown = run::collect(&level.owner, work.state, &planner.query(query)?).await;
            let whose = || format!("the check option of view \"{}\"", level.view.name);
            let shown = shown.map_err(|error| work.without_values(&target.table, error, whose))?;
            if shown.iter().map(RecordBatch::num_rows).sum::<usize>() < rows.num_rows() {
                let message = format!("new row violates check option for view \"{}\"", level.view.name);
                return Err(Error::new(Kind::CheckOption, message));
            }
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Refuses rows that were written through views which would not show them.
    pub async fn check_views(&self, target: &Target, rows: &RecordBatch) -> Result<()> {
        match &target.through {
            Some(through) if through.checks() && rows.num_rows() > 0 => {
                Box::pin(through.must_show(self, target, rows)).await
            }
            _ => Ok(()),
        }
    }
}
