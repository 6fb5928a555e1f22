//! `x [NOT] IN (subquery)` where it is NULL: the engine's joins for it know true and false only.

use super::correlated::asks;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlanBuilder, Operator, Subquery, lit, when};
use std::sync::Arc;

/// `NOT EXISTS (subquery whose column = x is true or unknown)`, which says the same; `outside` is the schema of `x`.
pub fn without_rows(membership: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    // A constant is no key of a join.
    if membership.subquery.outer_ref_columns.is_empty() && !membership.expr.column_refs().is_empty() {
        return Ok(Expr::InSubquery(membership));
    }
    as_exists(membership, outside)
}

/// A condition in which `[NOT] IN (subquery)` is NULL where it must be: the engine takes it for false then, which is the same only where
/// nothing but AND and OR is around it.
pub fn in_conditions(condition: Expr, outside: &DFSchema) -> DfResult<Expr> {
    if !condition.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_))))? {
        return Ok(condition);
    }
    let parts = split_conjunction_owned(condition).into_iter().map(|part| match part {
        Expr::InSubquery(_) => Ok(part),
        part => holds(part, outside),
    });
    Ok(conjunction(parts.collect::<DfResult<Vec<_>>>()?).unwrap_or_else(|| lit(true)))
}

/// An expression of which only matters whether it is true.
fn holds(expr: Expr, outside: &DFSchema) -> DfResult<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (holds(*left, outside)?, holds(*right, outside)?);
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::InSubquery(membership) => as_exists(membership, outside),
        other => Ok(other
            .transform_up(|expr| match expr {
                Expr::InSubquery(membership) => Ok(Transformed::yes(as_value(membership, outside)?)),
                other => Ok(Transformed::no(other)),
            })?
            .data),
    }
}

/// `x NOT IN (subquery)` holds where no row is, or could be, equal to x.
fn as_exists(membership: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    if !membership.negated || !is_plain(&membership) {
        return Ok(Expr::InSubquery(membership));
    }
    any_row(&membership, outside, Expr::is_not_false, true)
}

/// `x IN (subquery)`: true where a row is equal, else NULL where one could be.
fn as_value(membership: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    if !is_plain(&membership) {
        return Ok(Expr::InSubquery(membership));
    }
    let equal = any_row(&membership, outside, |same| same, false)?;
    let unknown = any_row(&membership, outside, Expr::is_unknown, false)?;
    let null = Expr::Literal(ScalarValue::Boolean(None), None);
    when(equal, lit(!membership.negated)).when(unknown, null).otherwise(lit(membership.negated))
}

fn is_plain(membership: &InSubquery) -> bool {
    !membership.expr.contains_outer() && !asks(&membership.expr)
}

/// Name of the subquery, whose table may be that outside too.
const ROWS: &str = "\u{1}m";

/// `[NOT] EXISTS (subquery WHERE condition)`, the condition being about whether its column is equal to x.
fn any_row(
    membership: &InSubquery,
    outside: &DFSchema,
    condition: impl FnOnce(Expr) -> Expr,
    negated: bool,
) -> DfResult<Expr> {
    let mut outer_ref_columns = membership.subquery.outer_ref_columns.clone();
    let value = membership.expr.as_ref().clone().transform_up(|expr| match expr {
        Expr::Column(column) => {
            let (_, field) = outside.qualified_field_from_column(&column)?;
            let reference = Expr::OuterReferenceColumn(Arc::clone(field), column);
            outer_ref_columns.push(reference.clone());
            Ok(Transformed::yes(reference))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let rows = LogicalPlanBuilder::from(membership.subquery.subquery.clone());
    // The engine pulls no condition out from under a name; a subquery that has one tells the tables apart itself.
    let rows = if membership.subquery.outer_ref_columns.is_empty() { rows.alias(ROWS)? } else { rows };
    let same = Expr::Column(rows.schema().columns()[0].clone()).eq(value.data);
    let found = rows.filter(condition(same))?.build()?;
    let subquery = Subquery { subquery: Arc::new(found), outer_ref_columns, spans: membership.subquery.spans.clone() };
    Ok(Expr::Exists(Exists { subquery, negated }))
}
