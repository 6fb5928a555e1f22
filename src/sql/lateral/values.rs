//! A query with values in the place of what it looks at outside of itself.

use super::super::names::HIDDEN;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

/// The value of a column from outside, if it is known.
type Known<'a> = &'a dyn Fn(&Column) -> Option<ScalarValue>;

/// A plan with values in the place of columns from outside.
pub fn with_values(plan: LogicalPlan, value: Known<'_>) -> DfResult<LogicalPlan> {
    let plan = replaced(plan, value)?;
    // An argument that a function hands on to another may stand deeper than its own query.
    let handed_on = |part: Expr| match part {
        Expr::OuterReferenceColumn(field, column) => Ok(match value(&column).filter(|_| is_argument(&column)) {
            Some(value) => Transformed::yes(Expr::Literal(value, None)),
            None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
        }),
        part => Ok(Transformed::no(part)),
    };
    let changed = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            Ok(expression.transform(handed_on)?.update_data(|expr| name.restore(expr)))
        })
    })?;
    changed.data.recompute_schema()
}

/// Whether a column is an argument of a function, under a name that nobody writes.
fn is_argument(column: &Column) -> bool {
    column.relation.as_ref().is_some_and(|of| of.table().starts_with(HIDDEN))
}

fn replaced(plan: LogicalPlan, value: Known<'_>) -> DfResult<LogicalPlan> {
    let changed = plan.transform_up(|node| {
        let own: Vec<_> = node.inputs().iter().map(|input| input.schema().clone()).collect();
        // What this node has itself, its subqueries mean; but arguments of functions are numbered in each query anew, and what is asked
        // by the same number is the same argument handed on.
        let further = |column: &Column| match own.iter().any(|schema| schema.has_column(column)) {
            true if !is_argument(column) => None,
            _ => value(column),
        };
        // What is above a node knows its columns by the names that they had.
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            Ok(expression.transform(|inner| within(inner, value, &further))?.update_data(|expr| name.restore(expr)))
        })
    })?;
    changed.data.recompute_schema()
}

fn within(expr: Expr, value: Known<'_>, further: Known<'_>) -> DfResult<Transformed<Expr>> {
    Ok(match expr {
        Expr::OuterReferenceColumn(field, column) => match value(&column) {
            Some(value) => Transformed::yes(Expr::Literal(value, None)),
            None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
        },
        Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(without(subquery, further)?)),
        Expr::Exists(mut exists) => {
            exists.subquery = without(exists.subquery, further)?;
            Transformed::yes(Expr::Exists(exists))
        }
        Expr::SetComparison(mut compared) => {
            compared.subquery = without(compared.subquery, further)?;
            Transformed::yes(Expr::SetComparison(compared))
        }
        Expr::InSubquery(mut among) => {
            among.subquery = without(among.subquery, further)?;
            Transformed::yes(Expr::InSubquery(among))
        }
        other => Transformed::no(other),
    })
}

/// A subquery that no longer refers to what has a value.
fn without(mut subquery: Subquery, value: Known<'_>) -> DfResult<Subquery> {
    subquery.outer_ref_columns.retain(|expression| match expression {
        Expr::OuterReferenceColumn(_, column) => value(column).is_none(),
        _ => true,
    });
    let plan = replaced(subquery.subquery.as_ref().clone(), value)?;
    Ok(Subquery { subquery: plan.into(), ..subquery })
}
