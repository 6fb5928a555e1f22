//! `x NOT IN (subquery)` whose subquery looks at the row outside: the engine's join for it forgets NULLs.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, Subquery, lit};
use std::sync::Arc;

/// `NOT EXISTS (subquery whose column = x is true or unknown)`, which says the same; `outside` is the schema of `x`.
pub fn without_rows(membership: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    // A constant is no key of a join.
    if membership.subquery.outer_ref_columns.is_empty() && !membership.expr.column_refs().is_empty() {
        return Ok(Expr::InSubquery(membership));
    }
    as_exists(membership, outside)
}

/// A condition in which no NOT IN is a part of anything but AND: elsewhere the engine takes it for false where it is NULL.
pub fn in_conditions(condition: Expr, outside: &DFSchema) -> DfResult<Expr> {
    if !condition.exists(|expr| Ok(matches!(expr, Expr::InSubquery(membership) if membership.negated)))? {
        return Ok(condition);
    }
    let parts = split_conjunction_owned(condition).into_iter().map(|part| match part {
        Expr::InSubquery(_) => Ok(part),
        part => Ok(part
            .transform_up(|expr| match expr {
                Expr::InSubquery(membership) if membership.negated => {
                    Ok(Transformed::yes(as_exists(membership, outside)?))
                }
                other => Ok(Transformed::no(other)),
            })?
            .data),
    });
    Ok(conjunction(parts.collect::<DfResult<Vec<_>>>()?).unwrap_or_else(|| lit(true)))
}

fn as_exists(InSubquery { expr, subquery, negated }: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    let asks = |e: &Expr| {
        matches!(e, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
    };
    let plain = !expr.contains_outer() && !expr.exists(|e| Ok(asks(e)))?;
    if !negated || !plain {
        return Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }));
    }
    let mut outer_ref_columns = subquery.outer_ref_columns;
    let value = expr.transform_up(|expr| match expr {
        Expr::Column(column) => {
            let (_, field) = outside.qualified_field_from_column(&column)?;
            let reference = Expr::OuterReferenceColumn(Arc::clone(field), column);
            outer_ref_columns.push(reference.clone());
            Ok(Transformed::yes(reference))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let inside = subquery.subquery.schema().columns();
    let same = Expr::Column(inside[0].clone()).eq(value.data).is_not_false();
    let found = LogicalPlanBuilder::from(subquery.subquery).filter(same)?.build()?;
    let subquery = Subquery { subquery: Arc::new(found), outer_ref_columns, spans: subquery.spans };
    Ok(Expr::Exists(Exists { subquery, negated: true }))
}
