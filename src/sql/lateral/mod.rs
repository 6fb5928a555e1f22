//! Queries that look at the rows around them and of which the engine cannot make a plain join that says the same: LATERAL, and
//! subqueries in expressions. They run once for each row that they may look at.
//!
//! Such a join becomes a relation. Read, it runs its left side, and for each row of it the query with that row's values in the
//! place of what it refers to; rows with the same values share one run for a while. Conditions on the left side alone go
//! into it, so that the query runs for no row that is not asked for.

mod apply;
mod plain;
mod subqueries;
mod values;

use self::apply::Apply;
use super::context::Context;
use super::semantics;
use crate::error::Result;
use arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result as DfResult};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::{OptimizerContext, OptimizerRule};
use std::sync::Arc;

/// Results that are kept for rows with the same values.
const KEPT_MAX: usize = 1024;

/// Whether a plan has such queries in it.
pub fn is_in(plan: &LogicalPlan) -> Result<bool> {
    Ok(has_joins(plan)? || subqueries::are_in(plan)?)
}

/// Whether a plan has LATERAL in it.
fn has_joins(plan: &LogicalPlan) -> Result<bool> {
    Ok(plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(join) if right_of(join).is_some())))?)
}

/// The plan with such queries as relations.
pub fn set_apart(context: &Arc<Context>, state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan> {
    let plan = semantics::joined(subqueries::set_apart(context, state, plan.clone())?)?;
    if !has_joins(&plan)? {
        return Ok(plan);
    }
    let changed = plan.transform_up(|node| match node {
        LogicalPlan::Join(join) if right_of(&join).is_some() => relation(context, state, join),
        node => Ok(Transformed::no(node)),
    })?;
    Ok(changed.data)
}

/// The query on the right of a lateral join, and the relation as it is called.
fn right_of(join: &Join) -> Option<(&Subquery, LogicalPlan)> {
    let query = |plan: &LogicalPlan| match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => matches!(alias.input.as_ref(), LogicalPlan::Subquery(_)),
        _ => false,
    };
    if !query(&join.right) {
        return None;
    }
    match join.right.as_ref() {
        LogicalPlan::Subquery(subquery) => Some((subquery, subquery.subquery.as_ref().clone())),
        LogicalPlan::SubqueryAlias(alias) => {
            let LogicalPlan::Subquery(subquery) = alias.input.as_ref() else { return None };
            let called = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).alias(alias.alias.clone());
            Some((subquery, called.and_then(LogicalPlanBuilder::build).ok()?))
        }
        _ => None,
    }
}

fn relation(context: &Arc<Context>, state: &SessionState, join: Join) -> DfResult<Transformed<LogicalPlan>> {
    let node = LogicalPlan::Join(join.clone());
    let Some((subquery, right)) = right_of(&join) else { return Ok(Transformed::no(node)) };
    if becomes_join(&node, subquery, &right)? {
        return Ok(Transformed::no(node));
    }
    // What looks further out than to the left side is not for here.
    let known =
        plain::looked_at(&right)?.iter().any(|column| join.left.schema().maybe_index_of_column(column).is_some());
    let looks_out = plain::looks_out(&join.left)?;
    if !known || looks_out || !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Ok(Transformed::no(node));
    }
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let condition = equal.chain(join.filter.clone()).reduce(Expr::and);
    let width = join.schema.fields().len();
    let named =
        |(at, field): (usize, &Arc<Field>)| field.as_ref().clone().with_name(at.to_string()).with_nullable(true);
    let schema = Arc::new(Schema::new(join.schema.fields().iter().enumerate().map(named).collect::<Vec<_>>()));
    let apply = Apply {
        context: context.clone(),
        state: state.clone(),
        left: join.left.clone(),
        right: Arc::new(right),
        condition,
        outer: join.join_type == JoinType::Left,
        schema,
    };
    let called = (0..width).map(|at| {
        let (qualifier, field) = join.schema.qualified_field(at);
        Expr::Column(Column::new(Some("lateral"), at.to_string())).alias_qualified(qualifier.cloned(), field.name())
    });
    let plan = LogicalPlanBuilder::scan("lateral", provider_as_source(Arc::new(apply)), None)?;
    Ok(Transformed::yes(plan.project(called.collect::<Vec<_>>())?.build()?))
}

/// Whether the engine makes a plain join of it that says the same.
fn becomes_join(node: &LogicalPlan, subquery: &Subquery, right: &LogicalPlan) -> DfResult<bool> {
    // What subqueries of the query look at it does not see, and what is not typed yet it may not take.
    if looks_deeper(right)? || !plain::may_join(right)? {
        return Ok(false);
    }
    match DecorrelateLateralJoin::new().rewrite(node.clone(), &OptimizerContext::new()) {
        Ok(made) if made.transformed => is_whole(&made.data, &subquery.outer_ref_columns),
        _ => Ok(false),
    }
}

/// Whether a subquery within a query looks out of it.
fn looks_deeper(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| {
        let mut found = false;
        node.apply_subqueries(|inner| {
            let LogicalPlan::Subquery(inner) = inner else { return Ok(TreeNodeRecursion::Continue) };
            let outer = |column: &Expr| match column {
                Expr::OuterReferenceColumn(_, column) => !is_of(node, column),
                _ => false,
            };
            found |= inner.outer_ref_columns.iter().any(outer);
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    })
}

/// Whether a column is one of a node's inputs.
fn is_of(node: &LogicalPlan, column: &Column) -> bool {
    node.inputs().iter().any(|input| input.schema().maybe_index_of_column(column).is_some())
}

/// Whether the conditions of a plan's joins name columns that are there, or further out: the engine loses some below names of
/// relations.
fn is_whole(plan: &LogicalPlan, outer: &[Expr]) -> DfResult<bool> {
    let lost = plan.exists(|node| {
        let LogicalPlan::Join(join) = node else { return Ok(false) };
        let on = join.on.iter().flat_map(|(left, right)| [left, right]);
        let is_outer = |column: &Column| {
            outer.iter().any(|expression| matches!(expression, Expr::OuterReferenceColumn(_, of) if of == column))
        };
        let lost = |expression: &Expr| {
            expression.column_refs().into_iter().any(|column| !is_of(node, column) && !is_outer(column))
        };
        Ok(on.chain(&join.filter).any(lost))
    })?;
    Ok(!lost)
}
