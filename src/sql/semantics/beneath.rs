//! What an aggregate has computed before it: subqueries among its arguments and its keys, which the engine looks for in projections and
//! conditions only, and expressions of ROLLUP and CUBE, which it knows again by the words that they had at first.

use super::correlated::is_subquery;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, DistinctOn, Expr, LogicalPlan, LogicalPlanBuilder};
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
    over(aggregate.input, computed)?.aggregate(aggregate.group_expr, aggregates)?.build()
}

/// DISTINCT ON over a projection that computes the subqueries of what it selects.
pub fn selected_beneath(on: DistinctOn) -> DfResult<DistinctOn> {
    let mut computed = Vec::new();
    let mut selected = Vec::with_capacity(on.select_expr.len());
    for (n, item) in on.select_expr.iter().enumerate() {
        if !item.exists(|part| Ok(is_subquery(part)))? {
            selected.push(item.clone());
            continue;
        }
        let column = format!("{COLUMN}{}", computed.len());
        computed.push(item.clone().unalias().alias(column.clone()));
        let (qualifier, field) = on.schema.qualified_field(n);
        selected.push(Expr::Column(Column::from_name(column)).alias_qualified(qualifier.cloned(), field.name()));
    }
    // The types of the columns may have been told meanwhile in any case.
    if computed.is_empty() {
        let told =
            DistinctOn::try_new(on.on_expr.clone(), on.select_expr.clone(), on.sort_expr.clone(), on.input.clone());
        return Ok(told.unwrap_or(on));
    }
    let input = over(on.input, computed)?.build()?;
    DistinctOn::try_new(on.on_expr, selected, on.sort_expr, Arc::new(input))
}

/// The aggregate without keys that it has twice, which are one column to the engine.
pub fn grouped_once(mut aggregate: Aggregate) -> Aggregate {
    let mut once: Vec<Expr> = Vec::with_capacity(aggregate.group_expr.len());
    for expr in std::mem::take(&mut aggregate.group_expr) {
        if !once.contains(&expr) {
            once.push(expr);
        }
    }
    aggregate.group_expr = once;
    aggregate
}

/// An aggregate whose grouping sets, and keys with subqueries in them that look outside, are columns called as the expressions that they were.
pub fn grouped_beneath(aggregate: Aggregate) -> DfResult<Transformed<LogicalPlan>> {
    let mut computed: Vec<Expr> = Vec::new();
    let mut column = |part: Expr| {
        let name = part.schema_name().to_string();
        if !computed.iter().any(|known| known.schema_name().to_string() == name) {
            computed.push(part.alias(name.clone()));
        }
        Expr::Column(Column::from_name(name))
    };
    let keys = aggregate.group_expr.iter().map(|key| match key {
        Expr::GroupingSet(_) => key.clone().map_children(|part| {
            Ok(match part {
                part @ Expr::Column(_) => Transformed::no(part),
                part => Transformed::yes(column(part)),
            })
        }),
        key if looks_outside(key) => Ok(Transformed::yes(column(key.clone()))),
        key => Ok(Transformed::no(key.clone())),
    });
    let keys = keys.map(|key| Ok(key?.data)).collect::<DfResult<Vec<_>>>()?;
    if computed.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    Ok(Transformed::yes(over(aggregate.input, computed)?.aggregate(keys, aggregate.aggr_expr)?.build()?))
}

/// Whether an expression has a subquery in it that becomes a join. What looks at nothing outside the engine computes among keys as well.
fn looks_outside(expr: &Expr) -> bool {
    let joins = |part: &Expr| match part {
        Expr::ScalarSubquery(query) => !query.outer_ref_columns.is_empty(),
        part => is_subquery(part),
    };
    expr.exists(|part| Ok(joins(part))).unwrap_or(true)
}

/// The plan with more columns.
fn over(input: Arc<LogicalPlan>, computed: Vec<Expr>) -> DfResult<LogicalPlanBuilder> {
    let columns = input.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    LogicalPlanBuilder::from(Arc::unwrap_or_clone(input)).project(columns.into_iter().chain(computed))
}
