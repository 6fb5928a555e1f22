//! Constants beside aggregates in a subquery of FROM that looks outside:
//! `FROM t, LATERAL (SELECT 'k' AS k, count(*) AS n FROM x WHERE x.a = t.a)`.
//!
//! Such a subquery has a row for each row outside, even where no row of its own fits. The engine joins with its groups and puts in
//! what they would be over no rows, but forgets the columns that name no aggregate. Here they name one. And a subquery that no longer
//! looks outside is a relation as any other.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, SubqueryAlias, when};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Goes before the engine's rule.
pub const BEFORE: &str = "decorrelate_lateral_join";

/// Lets such constants name an aggregate.
#[derive(Debug)]
pub struct LateralConstants;

impl OptimizerRule for LateralConstants {
    fn name(&self) -> &str {
        "lateral_constants"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::Join(mut join) = node else { return Ok(Transformed::no(node)) };
            Ok(match beside(&join.right)? {
                Some(right) => {
                    join.right = Arc::new(right);
                    Transformed::yes(LogicalPlan::Join(join))
                }
                None => Transformed::no(LogicalPlan::Join(join)),
            })
        })
    }
}

/// The right side of a join, if it is such a subquery.
fn beside(plan: &LogicalPlan) -> DfResult<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let Some(input) = beside(&alias.input)? else { return Ok(None) };
            let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
            Ok(Some(LogicalPlan::SubqueryAlias(alias)))
        }
        LogicalPlan::Subquery(subquery) => {
            // What looked outside may be gone, with a condition that is never true.
            if !subquery.subquery.exists(|node| Ok(node.contains_outer_reference()))? {
                return Ok(Some(subquery.subquery.as_ref().clone()));
            }
            let Some(plan) = named(&subquery.subquery)? else { return Ok(None) };
            Ok(Some(LogicalPlan::Subquery(subquery.with_plan(Arc::new(plan)))))
        }
        _ => Ok(None),
    }
}

/// The plan with its constants naming an aggregate; none where it has no such constant, or groups.
fn named(plan: &LogicalPlan) -> DfResult<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let below = match projection.input.as_ref() {
                LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => None,
                input => match named(input)? {
                    Some(input) => Some(input),
                    None if over_one_group(input) => None,
                    None => return Ok(None),
                },
            };
            let changes = below.is_some();
            let input = below.map_or_else(|| projection.input.clone(), Arc::new);
            let Some(one) = of_the_group(&input) else { return Ok(None) };
            if !changes && !projection.expr.iter().any(is_constant) {
                return Ok(None);
            }
            let mut items = Vec::with_capacity(projection.expr.len());
            for ((qualifier, field), item) in projection.schema.iter().zip(&projection.expr) {
                items.push(match is_constant(item) {
                    true => {
                        let value = item.clone().unalias();
                        let value = when(Expr::Column(one.clone()).is_null(), value.clone()).otherwise(value)?;
                        value.alias_qualified(qualifier.cloned(), field.name())
                    }
                    false => item.clone(),
                });
            }
            Ok(Some(LogicalPlan::Projection(Projection::try_new(items, input)?)))
        }
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) | LogicalPlan::Sort(_) => {
            let Some(input) = named(plan.inputs()[0])? else { return Ok(None) };
            plan.with_new_exprs(plan.expressions(), vec![input]).map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether the rows of a plan are the one of an aggregate without groups.
fn over_one_group(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) | LogicalPlan::Sort(_) => {
            over_one_group(plan.inputs()[0])
        }
        _ => false,
    }
}

/// A column that is made of aggregates.
fn of_the_group(plan: &LogicalPlan) -> Option<Column> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.schema.columns().into_iter().next(),
        LogicalPlan::Projection(projection) => {
            let made = |item: &&Expr| !item.contains_outer() && !item.column_refs().is_empty();
            let at = projection.expr.iter().position(|item| made(&item))?;
            projection.schema.columns().into_iter().nth(at)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let below = of_the_group(&alias.input)?;
            Some(Column::new(Some(alias.alias.clone()), below.name))
        }
        LogicalPlan::Filter(filter) => of_the_group(&filter.input),
        LogicalPlan::Sort(sort) => of_the_group(&sort.input),
        _ => None,
    }
}

/// Whether an item names nothing, and is the same for all rows.
fn is_constant(item: &Expr) -> bool {
    item.column_refs().is_empty() && !item.contains_outer() && !item.is_volatile() && !super::asks(item)
}
