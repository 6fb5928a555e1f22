//! What an aggregate has computed before it: subqueries among its arguments and its keys, which the engine looks for in projections and
//! conditions only, as it is with those in the conditions of joins, and expressions of ROLLUP and CUBE, which it knows again by the words that they had at first.

use super::above::GROUPING;
use super::correlated::is_subquery;
use crate::error::{Error, Kind, Result};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, DistinctOn, Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection, lit};
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

/// A join over projections that compute the subqueries of its condition which look at one of its sides.
pub fn compared_beneath(mut join: Join) -> DfResult<LogicalPlan> {
    let Some(filter) = join.filter.clone() else { return Ok(LogicalPlan::Join(join)) };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    // A lateral side is known by what it is.
    let is_lateral = join.right.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_))))?;
    let filter = filter.transform_down(|part| {
        let Expr::ScalarSubquery(query) = &part else { return Ok(Transformed::no(part)) };
        let looks_at = |side: &LogicalPlan| {
            query.outer_ref_columns.iter().all(|column| match column {
                Expr::OuterReferenceColumn(_, column) => side.schema().has_column(column),
                _ => false,
            })
        };
        let name = format!("{COLUMN}{}", left.len() + right.len());
        let side = match () {
            // What looks at nothing the engine computes among conditions as well.
            () if query.outer_ref_columns.is_empty() => return Ok(Transformed::no(part)),
            () if looks_at(&join.left) => &mut left,
            () if looks_at(&join.right) && !is_lateral => &mut right,
            () => return Ok(Transformed::no(part)),
        };
        side.push(part.alias(&name));
        Ok(Transformed::new(Expr::Column(Column::from_name(name)), true, TreeNodeRecursion::Jump))
    })?;
    if !filter.transformed {
        return Ok(LogicalPlan::Join(join));
    }
    let own: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
    if !left.is_empty() {
        join.left = Arc::new(over(join.left, left)?.build()?);
    }
    if !right.is_empty() {
        join.right = Arc::new(over(join.right, right)?.build()?);
    }
    join.filter = Some(filter.data);
    let plan = LogicalPlan::Join(join).recompute_schema()?;
    Ok(LogicalPlan::Projection(Projection::try_new(own, Arc::new(plan))?))
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
    must_name_keys(&aggregate)?;
    let has_sets = aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
    if !has_sets && aggregate.aggr_expr.iter().any(|expr| !named_by_grouping(expr).is_empty()) {
        return Ok(Transformed::yes(without_grouping(aggregate)?));
    }
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
    let aggregates = grouping_by_columns(&aggregate, &computed)?;
    Ok(Transformed::yes(over(aggregate.input, computed)?.aggregate(keys, aggregates)?.build()?))
}

/// What GROUPING() is asked of, where an expression is a call of it.
fn named_by_grouping(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::Alias(alias) => named_by_grouping(&alias.expr),
        Expr::AggregateFunction(call) if call.func.name() == GROUPING => &call.params.args,
        _ => &[],
    }
}

/// Refuses GROUPING() of what is no key.
fn must_name_keys(aggregate: &Aggregate) -> Result<()> {
    let is_key = |arg: &Expr| {
        aggregate.group_expr.iter().any(|key| match key {
            Expr::GroupingSet(sets) => sets.distinct_expr().contains(&arg),
            key => key == arg,
        })
    };
    match aggregate.aggr_expr.iter().flat_map(named_by_grouping).all(is_key) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Grouping,
            "arguments to GROUPING must be grouping expressions of the associated query level",
        )),
    }
}

/// Where there is one set of keys, GROUPING() of any of them is 0.
fn without_grouping(aggregate: Aggregate) -> DfResult<LogicalPlan> {
    let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let is_grouping = |expr: &Expr| !named_by_grouping(expr).is_empty();
    let items = aggregate.schema.iter().enumerate().map(|(n, (qualifier, field))| {
        match n.checked_sub(groups).and_then(|n| aggregate.aggr_expr.get(n)).is_some_and(is_grouping) {
            true => lit(0i32).alias_qualified(qualifier.cloned(), field.name()),
            false => Expr::Column(Column::from((qualifier, field))),
        }
    });
    let items: Vec<Expr> = items.collect();
    let others = aggregate.aggr_expr.into_iter().filter(|expr| !is_grouping(expr)).collect();
    let plan = Aggregate::try_new(aggregate.input, aggregate.group_expr, others)?;
    Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(LogicalPlan::Aggregate(plan)))?))
}

/// The aggregates, GROUPING() asked of the columns that its keys have become.
fn grouping_by_columns(aggregate: &Aggregate, computed: &[Expr]) -> DfResult<Vec<Expr>> {
    let column = |arg: &Expr| {
        computed.iter().find_map(|known| match known {
            Expr::Alias(alias) if *alias.expr == *arg => Some(Expr::Column(Column::from_name(&alias.name))),
            _ => None,
        })
    };
    let names = NamePreserver::new(&LogicalPlan::Aggregate(aggregate.clone()));
    let of_columns = |expr: &Expr| -> DfResult<Expr> {
        if named_by_grouping(expr).is_empty() {
            return Ok(expr.clone());
        }
        let name = names.save(expr);
        let changed = expr.clone().transform_down(|part| {
            Ok(match column(&part) {
                Some(column) => Transformed::new(column, true, TreeNodeRecursion::Jump),
                None => Transformed::no(part),
            })
        })?;
        Ok(name.restore(changed.data))
    };
    aggregate.aggr_expr.iter().map(of_columns).collect()
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
