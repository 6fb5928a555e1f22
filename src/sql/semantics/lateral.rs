//! Functions that give rows of columns beside them in FROM: `t, LATERAL (SELECT unnest(f(t.x)) AS c) e`.
//!
//! The engine joins with a subquery that looks outside if only its conditions do. Here the arrays become columns of the rows that they
//! are made of, and these are unnested.

use super::super::functions::rows_or_null;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult, ScalarValue, TableReference};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, Unnest};

/// The plan with such joins made columns.
pub fn as_columns(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let plan = plan
        .transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) => match unnested(&join)? {
                Some(plan) => Ok(Transformed::yes(plan)),
                None => Ok(Transformed::no(LogicalPlan::Join(join))),
            },
            plan => Ok(Transformed::no(plan)),
        })?
        .data;
    Ok(plan)
}

/// The projection, the unnesting and the projection of arrays that such a subquery is made of.
fn parts(plan: &LogicalPlan) -> Option<(&Projection, &Unnest, &Projection)> {
    let LogicalPlan::Projection(outer) = plan else { return None };
    let LogicalPlan::Unnest(unnest) = outer.input.as_ref() else { return None };
    let LogicalPlan::Projection(inner) = unnest.input.as_ref() else { return None };
    matches!(inner.input.as_ref(), LogicalPlan::EmptyRelation(_)).then_some((outer, unnest, inner))
}

fn lateral(plan: &LogicalPlan) -> Option<(&Subquery, Option<TableReference>)> {
    match plan {
        LogicalPlan::Subquery(subquery) => Some((subquery, None)),
        LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
            LogicalPlan::Subquery(subquery) => Some((subquery, Some(alias.alias.clone()))),
            _ => None,
        },
        _ => None,
    }
}

fn unnested(join: &Join) -> DfResult<Option<LogicalPlan>> {
    let Some((subquery, alias)) = lateral(&join.right) else { return Ok(None) };
    let Some((outer, unnest, inner)) = parts(&subquery.subquery) else { return Ok(None) };
    let always = |filter: &Expr| matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let keeps = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if join.on.is_empty() && join.filter.as_ref().is_none_or(always) => true,
        // It runs for each row.
        _ => return Ok(None),
    };
    let left = join.left.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    let here = |expr: Expr| -> DfResult<Expr> {
        let inside = |expr: Expr| match expr {
            Expr::OuterReferenceColumn(_, column) if join.left.schema().has_column(&column) => {
                Ok(Transformed::yes(Expr::Column(column)))
            }
            other => Ok(Transformed::no(other)),
        };
        Ok(expr.transform_up(inside)?.data)
    };
    let mut columns = left.clone();
    for list in &inner.expr {
        let name = list.schema_name().to_string();
        let list = here(list.clone().unalias())?;
        // Rows without any element are kept by a LEFT JOIN.
        let list = if keeps { rows_or_null(list) } else { list };
        columns.push(list.alias(name));
    }
    let unnest_columns: Vec<Column> = unnest.exec_columns.clone();
    let mut items = left;
    for ((_, field), expr) in outer.schema.iter().zip(&outer.expr) {
        let value = here(expr.clone().unalias())?;
        items.push(value.alias_qualified(alias.clone(), field.name()));
    }
    let mut plan = LogicalPlanBuilder::from(join.left.as_ref().clone())
        .project(columns)?
        .unnest_columns_with_options(unnest_columns, unnest.options.clone())?
        .project(items)?;
    if !keeps {
        let on = join.on.iter().map(|(a, b)| a.clone().eq(b.clone()));
        for condition in on.chain(join.filter.clone()) {
            plan = plan.filter(condition)?;
        }
    }
    plan.build().map(Some)
}
