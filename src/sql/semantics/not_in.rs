//! `x NOT IN (subquery)` whose subquery looks at the row outside: the engine's join for it forgets NULLs.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, Subquery};
use std::sync::Arc;

/// `NOT EXISTS (subquery whose column = x is true or unknown)`, which says the same; `outside` is the schema of `x`.
pub fn without_rows(InSubquery { expr, subquery, negated }: InSubquery, outside: &DFSchema) -> DfResult<Expr> {
    let asks = |e: &Expr| {
        matches!(e, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
    };
    let plain = !expr.contains_outer() && !expr.exists(|e| Ok(asks(e)))?;
    if !negated || subquery.outer_ref_columns.is_empty() || !plain {
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
