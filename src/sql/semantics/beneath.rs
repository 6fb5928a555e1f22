//! Subqueries among the arguments of aggregates: the engine looks for them in projections and conditions only.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use std::sync::Arc;

/// Name of a column that holds what a subquery is part of, before its number.
const COLUMN: &str = "\u{1}a";

/// The aggregate over a projection that computes such arguments.
pub fn computed_beneath(aggregate: Aggregate) -> DfResult<LogicalPlan> {
    let mut computed = Vec::new();
    let mut aggregates = Vec::with_capacity(aggregate.aggr_expr.len());
    let names = NamePreserver::new(&LogicalPlan::Aggregate(aggregate.clone()));
    for expr in &aggregate.aggr_expr {
        let name = names.save(expr);
        let changed = expr.clone().transform_down(|expr| match expr {
            // Its arguments and its condition, each as a whole.
            call @ Expr::AggregateFunction(_) => call.map_children(|argument| {
                if !argument.exists(|part| Ok(is_subquery(part)))? {
                    return Ok(Transformed::no(argument));
                }
                let column = format!("{COLUMN}{}", computed.len());
                computed.push(argument.alias(column.clone()));
                Ok(Transformed::yes(Expr::Column(Column::from_name(column))))
            }),
            other => Ok(Transformed::no(other)),
        })?;
        aggregates.push(if changed.transformed { name.restore(changed.data) } else { changed.data });
    }
    if computed.is_empty() {
        return Ok(LogicalPlan::Aggregate(aggregate));
    }
    let columns = aggregate.input.schema().columns().into_iter().map(Expr::Column);
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(aggregate.input)).project(columns.chain(computed))?;
    input.aggregate(aggregate.group_expr, aggregates)?.build()
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
}
