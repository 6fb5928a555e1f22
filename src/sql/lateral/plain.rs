//! Which queries that look outside of themselves the engine may make joins of.
//!
//! It takes the conditions that look outside and puts them on a join of the query with what is around it. That says the same where
//! nothing that they are taken over counts, cuts off or fills up rows: a LIMIT, a group, the side of an outer join that may be NULL.
//! The engine looks at some of these and not at others, so what may be is told here, and all else runs row by row.

use super::super::semantics::converts;
use super::right_of;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result as DfResult};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Distinct, Expr, FetchType, JoinType, Limit, LogicalPlan, Projection, SkipType, Subquery,
};

/// The subquery of an expression.
pub fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(among) => Some(&among.subquery),
        Expr::SetComparison(compared) => Some(&compared.subquery),
        _ => None,
    }
}

/// Whether a subquery looks outside and must run for each row.
pub fn runs_apart(expr: &Expr) -> DfResult<bool> {
    let Some(subquery) = subquery_of(expr) else { return Ok(false) };
    let plan = &subquery.subquery;
    if !looks_out(plan)? {
        return Ok(false);
    }
    Ok(!match expr {
        Expr::ScalarSubquery(_) => is_plain_value(plan)? && !asks_of_outside_alone(plan)?,
        Expr::Exists(_) => {
            let rows = without_order(rows_of(plan));
            is_plain(rows)? && !passes_twins_on(rows)?
        }
        _ => is_plain(without_order(plan))? && !has_twins(plan)?,
    })
}

/// Whether a query that looks outside, of LATERAL, may become a join.
pub fn may_join(plan: &LogicalPlan) -> DfResult<bool> {
    let groups = plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(_))))?;
    Ok(!(has_twins(plan)? || is_under_outer_join(plan)? || looks_over_all(plan)? || groups && converts(plan)?))
}

/// Whether anything that looks outside is under a window, or under the HAVING of an aggregate of all rows: as a join the window would look
/// over the rows of all, and the row that HAVING takes away would come back filled with NULL.
fn looks_over_all(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| match node {
        LogicalPlan::Window(_) => looks_out(node),
        LogicalPlan::Filter(filter) => Ok(has_aggregate(&filter.input) && looks_out(node)?),
        _ => Ok(false),
    })
}

/// Whether anything that looks outside is in the condition, or on the side that may be NULL, of an outer join. What else there may be in
/// the way of a join the engine sees by itself.
fn is_under_outer_join(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| {
        let LogicalPlan::Join(join) = node else { return Ok(false) };
        let sides: &[&LogicalPlan] = match join.join_type {
            JoinType::Left => &[&join.right],
            JoinType::Right => &[&join.left],
            JoinType::Full => &[&join.left, &join.right],
            _ => return Ok(false),
        };
        if right_of(join).is_some() {
            return Ok(false);
        }
        let on = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
        Ok(any_asks_out(on, node)?
            || sides.iter().try_fold(false, |any, side| Ok::<_, DataFusionError>(any || looks_out(side)?))?)
    })
}

/// Whether anything in a plan, its subqueries included, looks out of it.
pub fn looks_out(plan: &LogicalPlan) -> DfResult<bool> {
    Ok(!looked_at(plan)?.is_empty())
}

/// The columns that a plan and its subqueries look at and have not; those of a lateral join's left side it has.
pub fn looked_at(plan: &LogicalPlan) -> DfResult<Vec<Column>> {
    let mut found = Vec::new();
    let has = |column: &Column| plan.inputs().iter().any(|input| input.schema().has_column(column));
    plan.apply_expressions(|expr| {
        expr.apply(|part| {
            if let Expr::OuterReferenceColumn(_, column) = part {
                found.push(column.clone());
            }
            if let Some(subquery) = subquery_of(part) {
                found.extend(looked_at(&subquery.subquery)?.into_iter().filter(|column| !has(column)));
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    match plan {
        LogicalPlan::Join(join) if right_of(join).is_some() => {
            found.extend(looked_at(&join.left)?);
            found.extend(looked_at(&join.right)?.into_iter().filter(|column| !join.left.schema().has_column(column)));
        }
        _ => {
            for input in plan.inputs() {
                found.extend(looked_at(input)?);
            }
        }
    }
    Ok(found)
}

/// What EXISTS asks of: rows, whatever is selected of them, once or twice, cut off after the first or later.
pub fn rows_of(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(Projection { expr, input, .. }) if !expr.iter().any(Expr::is_volatile) => {
            rows_of(input)
        }
        LogicalPlan::Distinct(Distinct::All(input)) => rows_of(input),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => rows_of(&sort.input),
        LogicalPlan::Limit(limit) if is_first(limit) => rows_of(&limit.input),
        plan => plan,
    }
}

/// Whether a limit lets the first row through.
fn is_first(limit: &Limit) -> bool {
    let fetch = matches!(limit.get_fetch_type(), Ok(FetchType::Literal(fetch)) if fetch != Some(0));
    fetch && matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
}

/// What IN and its like compare with: in whatever order.
fn without_order(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => without_order(&sort.input),
        LogicalPlan::Distinct(Distinct::All(input)) => without_order(input),
        plan => plan,
    }
}

/// Whether the conditions that look outside are over nothing but what they may be taken over.
fn is_plain(plan: &LogicalPlan) -> DfResult<bool> {
    if !looks_out(plan)? {
        return Ok(true);
    }
    match plan {
        LogicalPlan::Projection(projection) => {
            Ok(!any_asks_out(&projection.expr, plan)? && is_plain(&projection.input)?)
        }
        LogicalPlan::Filter(filter) => {
            let seen = !goes_further(&filter.predicate, plan)? && !is_sought(&filter.predicate)?;
            Ok(seen && is_plain(&filter.input)?)
        }
        LogicalPlan::SubqueryAlias(alias) => is_plain(&alias.input),
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            let on = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
            Ok(!any_asks_out(on, plan)? && is_plain(&join.left)? && is_plain(&join.right)?)
        }
        _ => Ok(false),
    }
}

/// Whether something outside is looked for among the rows of a query: the engine compares with those what is in the nearest query.
fn is_sought(condition: &Expr) -> DfResult<bool> {
    condition.exists(|part| {
        Ok(match part {
            Expr::InSubquery(among) => among.expr.contains_outer(),
            Expr::SetComparison(compared) => compared.expr.contains_outer(),
            _ => false,
        })
    })
}

/// Whether a condition of a query compares what is outside with itself, or with the value of another query, and nothing of its own with
/// either: what the engine would join by is not there.
fn asks_of_outside_alone(plan: &LogicalPlan) -> DfResult<bool> {
    let asks = |condition: &Expr| -> DfResult<bool> {
        let same = matches!(condition, Expr::BinaryExpr(binary) if binary.left == binary.right);
        let asks = condition.exists(|part| Ok(subquery_of(part).is_some()))?;
        Ok((same || asks) && condition.contains_outer() && condition.column_refs().is_empty())
    };
    plan.exists(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(false) };
        for condition in split_conjunction(&filter.predicate) {
            if asks(condition)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Whether a scalar subquery is one that is made a join elsewhere: an aggregate of all rows, the first row in an order, or the only
/// row, over what is plain.
fn is_plain_value(plan: &LogicalPlan) -> DfResult<bool> {
    match plan {
        LogicalPlan::Limit(limit) => {
            let one = matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(1))));
            let first = one && matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)));
            Ok(first && is_plain(under_order(&limit.input))?)
        }
        LogicalPlan::Projection(projection) if has_aggregate(&projection.input) => {
            Ok(!any_asks_out(&projection.expr, plan)? && is_plain_value(&projection.input)?)
        }
        LogicalPlan::Filter(filter) if has_aggregate(&filter.input) => {
            Ok(!asks_out(&filter.predicate, plan)? && is_plain_value(&filter.input)?)
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
            Ok(!any_asks_out(&aggregate.aggr_expr, plan)? && is_plain(&aggregate.input)?)
        }
        plan => is_plain(plan),
    }
}

fn under_order(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Sort(sort) => &sort.input,
        LogicalPlan::Projection(Projection { input, .. }) if let LogicalPlan::Sort(sort) = input.as_ref() => {
            &sort.input
        }
        plan => plan,
    }
}

/// Whether a plan is an aggregate of all rows, under what may stand over one.
fn has_aggregate(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(Projection { input, .. }) => has_aggregate(input),
        LogicalPlan::Filter(filter) => has_aggregate(&filter.input),
        _ => false,
    }
}

fn any_asks_out<'a>(all: impl IntoIterator<Item = &'a Expr>, node: &LogicalPlan) -> DfResult<bool> {
    for expr in all {
        if asks_out(expr, node)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an expression of a node looks out of its query, itself or by a subquery.
fn asks_out(expr: &Expr, node: &LogicalPlan) -> DfResult<bool> {
    let mut found = goes_further(expr, node)?;
    expr.apply(|part| {
        found |= matches!(part, Expr::OuterReferenceColumn(..));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Whether a subquery in an expression of a node looks at what the node has not, or must run for each row itself.
fn goes_further(expr: &Expr, node: &LogicalPlan) -> DfResult<bool> {
    let has = |column: &Column| node.inputs().iter().any(|input| input.schema().has_column(column));
    let mut found = false;
    expr.apply(|part| {
        if let Some(subquery) = subquery_of(part) {
            found |= runs_apart(part)? || looked_at(&subquery.subquery)?.iter().any(|column| !has(column));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Whether such a condition is under a list of columns, among which the engine puts what the condition names.
fn passes_twins_on(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| {
        let lists = matches!(node, LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_));
        Ok(lists && looks_out(node)? && has_twins(node)?)
    })
}

/// Whether a condition that looks outside names a column that another relation of the query has under the same name: the engine loses
/// whose it is.
fn has_twins(plan: &LogicalPlan) -> DfResult<bool> {
    plan.exists(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(false) };
        let schema = filter.input.schema();
        let twice = |column: &Column| schema.columns_with_unqualified_name(&column.name).len() > 1;
        let outer = |expr: &&Expr| expr.exists(|e| Ok(matches!(e, Expr::OuterReferenceColumn(..)))).unwrap_or(true);
        Ok(split_conjunction(&filter.predicate)
            .into_iter()
            .filter(outer)
            .any(|e| e.column_refs().into_iter().any(twice)))
    })
}
