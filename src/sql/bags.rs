//! EXCEPT ALL and INTERSECT ALL.
//!
//! Of rows that are alike each meets one of the other side, and not all. The engine keeps or drops all of them; so the rows
//! that are alike are numbered on both sides, and the number belongs to what must be equal.

use crate::error::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, Result as DfResult};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Distinct, Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};
use std::ops::ControlFlow;

/// The number of a row among those that are alike.
pub const NUMBER: &str = "\u{1}nth";

/// Whether a query has such an operation.
pub fn are_in(query: &Query) -> bool {
    struct Look;
    impl Visitor for Look {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            look(&query.body)
        }
    }
    Visit::visit(query, &mut Look).is_break()
}

fn look(body: &SetExpr) -> ControlFlow<()> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return ControlFlow::Continue(()) };
    match (op, set_quantifier) {
        (SetOperator::Except | SetOperator::Intersect, SetQuantifier::All) => ControlFlow::Break(()),
        _ => {
            look(left)?;
            look(right)
        }
    }
}

/// The plan with the rows of such operations numbered. It is fresh from the planner: only these are semi and anti joins in it.
pub fn numbered(plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_of_bags(&join) => Ok(Transformed::yes(joined(join)?)),
        node => Ok(Transformed::no(node)),
    })?;
    Ok(changed.data)
}

/// Without ALL the left side has no two rows alike; nor need those be numbered that have none anyway.
fn is_of_bags(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)))
}

fn joined(join: Join) -> DfResult<LogicalPlan> {
    let own = join.left.schema().columns();
    let mut keys: (Vec<Column>, Vec<Column>) = (own.clone(), join.right.schema().columns());
    keys.0.push(Column::from_name(NUMBER));
    keys.1.push(Column::from_name(NUMBER));
    let (left, right) = (with_number(&join.left)?, with_number(&join.right)?);
    LogicalPlanBuilder::from(left)
        .join_detailed(right, join.join_type, keys, None, join.null_equality)?
        .project(own.into_iter().map(Expr::Column))?
        .build()
}

fn with_number(plan: &LogicalPlan) -> DfResult<LogicalPlan> {
    let columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let number = row_number().partition_by(columns.clone()).build()?;
    let counted = LogicalPlanBuilder::from(plan.clone()).window([number.clone()])?;
    let called = Expr::Column(Column::from_name(number.schema_name().to_string())).alias(NUMBER);
    counted.project(columns.into_iter().chain([called]))?.build()
}
