//! Aggregated subqueries that look outside by more than equality: `(SELECT count(*) FROM x WHERE x.b < t.b)`.
//!
//! The engine joins with such a subquery's groups, which it can only where what is compared with the outside is what it can group by.
//! Here the rows outside are numbered and joined with the rows of the subquery that they see, and each number is a group:
//!
//! ```text
//! SELECT (SELECT count(*) FROM x WHERE x.b < t.b) FROM t
//! SELECT n FROM (SELECT t.*, count(*) FILTER (WHERE seen) AS n
//!                FROM (SELECT *, row_number() OVER () FROM t) t LEFT JOIN (SELECT *, true AS seen FROM x) x ON x.b < t.b
//!                GROUP BY t.*)
//! ```

mod form;
mod rows;

use self::form::{Form, gathered};
use self::rows::{KEPT, Rows, outer};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Projection, Sort, Subquery, when,
};
use datafusion::optimizer::decorrelate::PullUpCorrelatedExpr;
use std::collections::HashSet;
use std::sync::Arc;

/// Names of what is ordered by, before a number.
const KEY: &str = "\u{1}k";
/// Names of the values, before a number.
const VALUE: &str = "\u{1}v";

/// The plan with such subqueries as joins.
pub fn joined(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    Ok(plan.transform_down_with_subqueries(node)?.data)
}

fn node(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let changed = match &plan {
        LogicalPlan::Projection(projection) if projection.expr.iter().any(asks) => {
            over(&plan, &needed(projection)?, &[])?
        }
        LogicalPlan::Sort(sort) if sort.expr.iter().any(|key| asks(&key.expr)) => Some(beneath(sort)?),
        LogicalPlan::Filter(filter) => condition(filter)?,
        _ => None,
    };
    Ok(match changed {
        Some(changed) => Transformed::yes(changed),
        None => Transformed::no(plan),
    })
}

/// An ORDER BY over columns, with what asks computed beneath it: in a projection the engine joins also what it does not elsewhere.
fn beneath(sort: &Sort) -> DfResult<LogicalPlan> {
    let own: Vec<Expr> = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
    let (mut items, mut keys) = (own.clone(), sort.expr.clone());
    for key in keys.iter_mut().filter(|key| asks(&key.expr)) {
        let named = format!("{KEY}{}", items.len());
        items.push(std::mem::take(&mut key.expr).alias(&named));
        key.expr = Expr::Column(Column::from_name(named));
    }
    let input = LogicalPlan::Projection(Projection::try_new(items, sort.input.clone())?);
    let sorted = LogicalPlan::Sort(Sort { expr: keys, input: Arc::new(input), fetch: sort.fetch });
    Ok(LogicalPlan::Projection(Projection::try_new(own, Arc::new(sorted))?))
}

/// What a projection reads of its input, since all of that becomes what is grouped by.
fn needed(projection: &Projection) -> DfResult<LogicalPlan> {
    let mut columns: HashSet<Column> = HashSet::new();
    for expr in &projection.expr {
        columns.extend(expr.column_refs().into_iter().cloned());
        expr.apply(|part| {
            let subquery = match part {
                Expr::ScalarSubquery(subquery) => subquery,
                Expr::Exists(exists) => &exists.subquery,
                Expr::InSubquery(among) => &among.subquery,
                Expr::SetComparison(set) => &set.subquery,
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            columns.extend(subquery.outer_ref_columns.iter().filter_map(|expr| match expr {
                Expr::OuterReferenceColumn(_, column) => Some(column.clone()),
                _ => None,
            }));
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let schema = projection.input.schema();
    let read = schema.columns().into_iter().filter(|column| columns.contains(column)).map(Expr::Column);
    LogicalPlanBuilder::from(projection.input.as_ref().clone()).project(read.collect::<Vec<_>>())?.build()
}

/// A condition: what of it asks nothing goes first, so that rows which are not wanted join nothing.
fn condition(filter: &Filter) -> DfResult<Option<LogicalPlan>> {
    let (asking, plain): (Vec<Expr>, Vec<Expr>) =
        split_conjunction_owned(filter.predicate.clone()).into_iter().partition(asks);
    let Some(asking) = conjunction(asking) else { return Ok(None) };
    let mut input = LogicalPlanBuilder::from(filter.input.as_ref().clone());
    if let Some(plain) = conjunction(plain) {
        input = input.filter(plain)?;
    }
    let input = input.build()?;
    let own: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let plan = LogicalPlanBuilder::from(input.clone()).filter(asking)?.build()?;
    over(&plan, &input, &own)
}

/// Whether an expression is a subquery.
pub fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_))
}

/// Whether an expression has a subquery in it.
pub fn asks(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true)
}

/// The node over its input joined with the subqueries among its expressions, if there are any for here. What it gives out besides
/// is left to a projection of the columns `own`.
fn over(plan: &LogicalPlan, input: &LogicalPlan, own: &[Expr]) -> DfResult<Option<LogicalPlan>> {
    if !plan.expressions().iter().any(asks) || input.exists(|node| Ok(node.contains_outer_reference()))? {
        return Ok(None);
    }
    let mut joined = input.clone();
    let names = NamePreserver::new(plan);
    let mut found = false;
    let expressions = plan.expressions().into_iter().map(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_down(|expr| {
            let Expr::ScalarSubquery(subquery) = &expr else { return Ok(Transformed::no(expr)) };
            let (subquery, form) = gathered(subquery)?;
            let value = value_of(&subquery, &joined)?;
            let changed = value.is_some() || form != Form::Aggregate;
            if !changed {
                return Ok(Transformed::no(expr));
            }
            found = true;
            let value = match value {
                Some((with, value)) => {
                    joined = with;
                    value
                }
                None => Expr::ScalarSubquery(subquery),
            };
            Ok(Transformed::new(form.of(value), true, TreeNodeRecursion::Jump))
        })?;
        Ok(if expr.transformed { name.restore(expr.data) } else { expr.data })
    });
    let expressions = expressions.collect::<DfResult<Vec<_>>>()?;
    if !found {
        return Ok(None);
    }
    let plan = plan.with_new_exprs(expressions, vec![joined])?;
    match own.is_empty() {
        true => Ok(Some(plan)),
        false => LogicalPlanBuilder::from(plan).project(own.to_vec())?.build().map(Some),
    }
}

/// The rows outside with the value of a subquery that is for here, and its column.
fn value_of(subquery: &Subquery, outside: &LogicalPlan) -> DfResult<Option<(LogicalPlan, Expr)>> {
    if subquery.outer_ref_columns.is_empty() || can_be_grouped(subquery)? || !looks_at_only(subquery, outside.schema())?
    {
        return Ok(None);
    }
    let width = outside.schema().fields().len();
    let join = Rows { outside, width };
    let Some(rows) = join.aggregated(&subquery.subquery)? else { return Ok(None) };
    let mut items = Vec::with_capacity(width + 1);
    for (at, (qualifier, field)) in outside.schema().iter().enumerate() {
        items.push(outer(at, None).alias_qualified(qualifier.cloned(), field.name()));
    }
    let name = format!("{VALUE}{width}");
    let value = Expr::Column(rows.schema().columns()[0].clone());
    let value = match rows.schema().has_column_with_unqualified_name(KEPT) {
        true => when(Expr::Column(Column::from_name(KEPT)), value).end()?,
        false => value,
    };
    items.push(value.alias(name.clone()));
    let plan = LogicalPlanBuilder::from(rows).project(items)?.build()?;
    Ok(Some((plan, Expr::Column(Column::from_name(name)))))
}

/// Whether a condition of a query converts a column of its own. The engine would group by the conversion as it is written; by then it is
/// a function of ours, and no longer among the keys.
pub fn converts(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(false) };
        let schema = filter.input.schema();
        filter.predicate.exists(|expr| {
            let Expr::Cast(cast) = expr else { return Ok(false) };
            let (from, to) = (cast.expr.get_type(schema), cast.field.data_type());
            let widens = from.is_ok_and(|from| from == *to || (from.is_signed_integer() && to.is_signed_integer()));
            Ok(cast.expr.any_column_refs() && !widens)
        })
    })
}

/// Whether the engine makes a join of it.
fn can_be_grouped(subquery: &Subquery) -> DfResult<bool> {
    if converts(&subquery.subquery)? {
        return Ok(false);
    }
    let mut pull_up = PullUpCorrelatedExpr::new().with_need_handle_count_bug(true);
    Ok(subquery.subquery.as_ref().clone().rewrite(&mut pull_up).is_ok() && pull_up.can_pull_up)
}

/// Whether all that a subquery looks at outside of itself is there, and no subquery of its own does so.
fn looks_at_only(subquery: &Subquery, outside: &DFSchema) -> DfResult<bool> {
    let (mut all, mut depth) = (true, 0);
    subquery.subquery.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::OuterReferenceColumn(_, column) => all &= outside.has_column(column),
                    Expr::ScalarSubquery(inner) => depth += further(inner, node)?,
                    Expr::Exists(exists) => depth += further(&exists.subquery, node)?,
                    Expr::InSubquery(among) => depth += further(&among.subquery, node)?,
                    Expr::SetComparison(set) => depth += further(&set.subquery, node)?,
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(all && depth == 0)
}

/// How many columns a subquery within looks at that its own query has not.
fn further(inner: &Subquery, around: &LogicalPlan) -> DfResult<usize> {
    let here = |column: &Column| around.inputs().iter().any(|input| input.schema().has_column(column));
    let mut further = 0;
    inner.subquery.apply_with_subqueries(|node| {
        for expr in node.expressions() {
            expr.apply(|expr| {
                if let Expr::OuterReferenceColumn(_, column) = expr {
                    further += usize::from(!here(column));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(further)
}
