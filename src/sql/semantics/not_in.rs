//! `x [NOT] IN (subquery)` where it is NULL: the engine's joins for it know true and false only, but for one that has a column on its
//! left side.

use super::correlated::asks;
use super::function::operator_of;
use super::lists::Among;
use crate::error::{Error, Kind};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, when,
};
use std::sync::Arc;

/// An expression that is in no plan yet, where nothing can be computed before, with NOT IN as what says the same where it is true.
pub fn alone(expr: Expr, outside: &DFSchema) -> DfResult<Expr> {
    let each = |expr: Expr| -> DfResult<Transformed<Expr>> {
        let membership = match expr {
            Expr::InSubquery(membership) if !is_join(&membership) => membership,
            other => return Ok(Transformed::no(other)),
        };
        if asks(&membership.expr) {
            let message = "NOT IN with subqueries on both sides is not supported here";
            return Err(Error::new(Kind::Unsupported, message).into());
        }
        Ok(Transformed::yes(as_exists(membership, outside)?))
    };
    Ok(expr.transform_up(each)?.data)
}

/// Name of what is compared with the rows of a subquery, before its number.
const COMPARED: &str = "\u{1}n";

/// A condition in which `[NOT] IN` is NULL where it must be: the engine takes it for false then, which is the same only where
/// nothing but AND and OR is around it. What NOT IN compares becomes a column beneath: of anything else the engine's optimizer makes
/// a condition of one side of the join that stands for it, which then no longer knows of NULL.
pub fn decided(mut filter: Filter) -> DfResult<LogicalPlan> {
    let predicate = only_true(std::mem::take(&mut filter.predicate));
    if !predicate.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_))))? {
        filter.predicate = predicate;
        return LogicalPlan::Filter(filter).recompute_schema();
    }
    let own: Vec<Expr> = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut compared = Vec::new();
    let mut parts = Vec::new();
    for part in split_conjunction_owned(predicate) {
        let whole = matches!(part, Expr::InSubquery(_));
        let part = part.transform_up(|expr| match expr {
            Expr::InSubquery(mut membership) if wants_column(&membership, whole) => {
                let name = format!("{COMPARED}{}", compared.len());
                let value = std::mem::replace(membership.expr.as_mut(), Expr::Column(Column::from_name(&name)));
                compared.push(value.alias(name));
                Ok(Transformed::yes(Expr::InSubquery(membership)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        parts.push(part.data);
    }
    let widened = !compared.is_empty();
    if widened {
        let items: Vec<Expr> = own.iter().cloned().chain(compared).collect();
        let input = Arc::unwrap_or_clone(filter.input);
        filter.input = Arc::new(LogicalPlanBuilder::from(input).project(items)?.build()?);
    }
    let schema = filter.input.schema().clone();
    let parts = parts.into_iter().map(|part| match part {
        Expr::InSubquery(membership) if is_join(&membership) => Ok(Expr::InSubquery(membership)),
        Expr::InSubquery(membership) => as_exists(membership, &schema),
        part => holds(part, &schema),
    });
    filter.predicate = conjunction(parts.collect::<DfResult<Vec<_>>>()?).unwrap_or_else(|| lit(true));
    let plan = LogicalPlan::Filter(filter).recompute_schema()?;
    match widened {
        true => LogicalPlanBuilder::from(plan).project(own)?.build(),
        false => Ok(plan),
    }
}

/// Whether the engine's join for it is right as it is: what is compared is its key, or nothing depends on NULL.
fn is_join(membership: &InSubquery) -> bool {
    !membership.negated || membership.subquery.outer_ref_columns.is_empty() && is_key(&membership.expr)
}

/// Whether what is compared has to be a column for the engine to do right; `whole` is a condition by itself.
fn wants_column(membership: &InSubquery, whole: bool) -> bool {
    let joined = whole && membership.negated && membership.subquery.outer_ref_columns.is_empty();
    let settled = is_key(&membership.expr) || membership.expr.column_refs().is_empty();
    !membership.expr.contains_outer() && (asks(&membership.expr) || joined && !settled)
}

/// Whether it stays a column of the rows that it is of, whatever is found out about constants.
fn is_key(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Cast(cast) => is_key(&cast.expr),
        _ => false,
    }
}

/// A condition of which only matters where it is true: there `x = ANY (array)` asks for no NULL.
pub fn only_true(expr: Expr) -> Expr {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            Expr::BinaryExpr(BinaryExpr::new(Box::new(only_true(*left)), op, Box::new(only_true(*right))))
        }
        Expr::ScalarFunction(mut call) if operator_of::<Among>(&call).is_some() && !call.args.is_empty() => {
            only_true(call.args.swap_remove(0))
        }
        other => other,
    }
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
    if !membership.negated || !is_near(&membership, outside)? {
        return Ok(Expr::InSubquery(membership));
    }
    any_row(&membership, outside, Expr::is_not_false, true)
}

/// `x IN (subquery)`: true where a row is equal, else NULL where one could be.
fn as_value(membership: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    if !is_near(&membership, outside)? {
        return Ok(Expr::InSubquery(membership));
    }
    let equal = any_row(&membership, outside, |same| same, false)?;
    let unknown = any_row(&membership, outside, Expr::is_unknown, false)?;
    let null = Expr::Literal(ScalarValue::Boolean(None), None);
    when(equal, lit(!membership.negated)).when(unknown, null).otherwise(lit(membership.negated))
}

/// Whether x is of the query that the condition is in. One of a query further out can be compared only where nothing is NULL.
fn is_near(membership: &InSubquery, outside: &DFSchema) -> DfResult<bool> {
    if !membership.expr.contains_outer() {
        return Ok(true);
    }
    let rows = membership.subquery.subquery.schema();
    if membership.expr.nullable(outside)? || rows.fields().iter().any(|field| field.is_nullable()) {
        let message =
            "NOT IN of a value from a query further out is not supported within a subquery, where it may be NULL";
        let hint = "Move the condition out of the subquery, or compare columns that are NOT NULL.";
        return Err(Error::new(Kind::Unsupported, message).with_hint(hint).into());
    }
    Ok(false)
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
