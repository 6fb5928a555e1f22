//! A query with values in the place of what it looks at outside of itself.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

/// The value of a column from outside, if it is known.
type Known<'a> = &'a dyn Fn(&Column) -> Option<ScalarValue>;

/// A plan with values in the place of columns from outside.
pub fn with_values(plan: LogicalPlan, value: Known<'_>) -> DfResult<LogicalPlan> {
    let changed = plan.transform_up(|node| {
        let own: Vec<_> = node.inputs().iter().map(|input| input.schema().clone()).collect();
        // What this node has itself, its subqueries mean.
        let further = |column: &Column| match own.iter().any(|schema| schema.has_column(column)) {
            true => None,
            false => value(column),
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
    let plan = with_values(subquery.subquery.as_ref().clone(), value)?;
    Ok(Subquery { subquery: plan.into(), ..subquery })
}
