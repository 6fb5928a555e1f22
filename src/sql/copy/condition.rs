//! COPY FROM ... WHERE: which of the rows come in.

use super::super::context::Context;
use super::super::planner::Planner;
use crate::catalog::{SqlType, Table};
use crate::error::Result;
use crate::fail;
use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The condition over rows of the table.
pub fn plan(
    context: &Arc<Context>,
    state: &SessionState,
    table: &Table,
    condition: &ast::Expr,
) -> Result<Arc<dyn PhysicalExpr>> {
    if condition.visit(&mut Subqueries).is_break() {
        fail!(Unsupported, "cannot use subquery in COPY FROM WHERE condition");
    }
    let schema = DFSchema::try_from_qualified_schema(table.name.as_str(), &table.arrow_schema())?;
    let planner = Planner::new(context, state);
    let planned = planner.expression(condition.clone(), &schema)?;
    let has = |wanted: fn(&Expr) -> bool| planned.exists(|part| Ok(wanted(part)));
    if has(|part| matches!(part, Expr::AggregateFunction(_)))? {
        fail!(Grouping, "aggregate functions are not allowed in COPY FROM WHERE conditions");
    }
    if has(|part| matches!(part, Expr::WindowFunction(_)))? {
        fail!(Windowing, "window functions are not allowed in COPY FROM WHERE conditions");
    }
    let planned = match planned.get_type(&schema)? {
        DataType::Boolean => planned,
        DataType::Null => lit(false),
        other => {
            let shown = SqlType::from_arrow(&other).map_or_else(|_| other.to_string(), |sql| sql.to_string());
            fail!(DatatypeMismatch, "argument of WHERE must be type boolean, not type {shown}")
        }
    };
    planner.physical(planned, &schema)
}

/// Stops at a query.
struct Subqueries;

impl Visitor for Subqueries {
    type Break = ();

    fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}
