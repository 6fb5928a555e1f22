//! What EXPLAIN says of tables of other databases: where they are, and the query that is sent there, with the conditions in it.

use super::tables::LazyTable;
use crate::error::{Error, Result};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

/// A line for each scan of such a table in a plan that is optimised.
pub fn lines(plan: &LogicalPlan) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(relation) = provider.downcast_ref::<LazyTable>()
            && let Some(asked) = relation.asked(scan.projection.as_ref(), &scan.filters, scan.fetch)
        {
            let asked = asked.map_err(|error| DataFusionError::External(Box::new(error)))?;
            lines.push(format!("Foreign scan: {asked}"));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(Error::from)?;
    Ok(lines)
}
