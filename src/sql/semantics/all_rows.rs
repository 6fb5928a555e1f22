//! OFFSET without LIMIT, as a limit of more rows than there are.
//!
//! To the engine a limit that has no count is none: an order below it is not one that anything asks for, and is left out.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, lit};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// More rows than there are.
pub const ALL: i64 = i64::MAX;

/// Gives such an OFFSET its limit.
#[derive(Debug)]
pub struct AllRows;

impl OptimizerRule for AllRows {
    fn name(&self) -> &str {
        "all_rows"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Limit(limit) if limit.skip.is_some() && is_open(limit.fetch.as_deref()) => {
                let fetch = Some(Box::new(lit(ALL)));
                Ok(Transformed::yes(LogicalPlan::Limit(Limit { fetch, ..limit })))
            }
            node => Ok(Transformed::no(node)),
        })
    }
}

/// Whether nothing says how many rows there may be.
fn is_open(fetch: Option<&Expr>) -> bool {
    match fetch {
        None => true,
        Some(Expr::Literal(value, _)) => matches!(value, ScalarValue::Null) || value.is_null(),
        Some(_) => false,
    }
}
