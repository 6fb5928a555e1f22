//! INVENTORY_DIFF: what is different between two inventories.

use super::super::context::Context;
use super::super::system;
use super::super::system::rows::RowsTable;
use super::args;
use crate::error::{Error, Kind, Result};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// `INVENTORY_DIFF([from_run [, to_run]])`: what is different; from the run before the last to the last unless others are named.
pub fn inventory_diff(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let runs: Vec<u64> = context.snapshot.catalog.inventory_runs().iter().map(|(_, run)| run.number).collect();
    let said = |at: usize, what: &str| -> Result<Option<u64>> {
        let is_null = matches!(args.get(at), Some(Expr::Literal(value, _)) if value.is_null());
        if args.len() <= at || is_null {
            return Ok(None);
        }
        let run = args::number(args, at, what, 0, usize::MAX)? as u64;
        match runs.contains(&run) {
            true => Ok(Some(run)),
            false => Err(Error::new(Kind::UndefinedObject, format!("inventory run {run} does not exist"))
                .with_hint("steward.inventory_runs lists the runs that are kept.")),
        }
    };
    let (from, to) = (said(0, "the earlier run")?, said(1, "the later run")?);
    let to = to.or(runs.last().copied());
    let from = from.or_else(|| runs.iter().copied().rfind(|run| to.is_some_and(|to| *run < to)));
    let context = context.clone();
    Ok(RowsTable::make(system::change_columns(), move || match (from, to) {
        (Some(from), Some(to)) => system::changes_between(&context, from, to),
        // With one run, or none, there is nothing to compare.
        _ => Ok(Vec::new()),
    }))
}
