//! Plans that the engine would answer wrongly, or refuse only when they run.

use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan};

/// Refuses EXISTS and IN in the condition of an outer join, which the engine answers wrongly where rows have met nothing.
pub fn must_have_no_subquery(join: &Join) -> DfResult<()> {
    let asks = |expr: &Expr| expr.exists(|e| Ok(matches!(e, Expr::Exists(_) | Expr::InSubquery(_))));
    if join.join_type != JoinType::Inner && join.filter.as_ref().is_some_and(|filter| asks(filter).unwrap_or(true)) {
        let message = "EXISTS and IN in the condition of an outer join are not supported";
        return Err(Error::new(Kind::Unsupported, message)
            .with_hint("Join with a query that has only the rows that may be met.")
            .into());
    }
    Ok(())
}

/// Refuses arrays of arrays: they would be cut, counted and unnested as lists of lists are.
pub fn must_be_flat(name: &str, mut types: impl Iterator<Item = Option<DataType>>) -> Result<()> {
    let is_list = |t| matches!(t, Some(DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)));
    match matches!(name, "make_array" | "array_agg") && types.any(is_list) {
        true => Err(Error::new(Kind::Unsupported, "arrays have one dimension here")),
        false => Ok(()),
    }
}

/// Refuses columns that the rows have not: the engine finds them missing only when it runs.
pub fn must_be_there<'a>(mut all: impl Iterator<Item = &'a Expr>, schema: &DFSchema) -> Result<()> {
    let missing =
        all.find_map(|expr| expr.column_refs().into_iter().find(|column| !schema.has_column(column)).cloned());
    let Some(column) = missing else { return Ok(()) };
    // What the result has under a name without a relation is not meant by a name within an expression.
    let name = match &column.relation {
        Some(relation) if !schema.has_column_with_unqualified_name(&column.name) => {
            format!("{}.{}", relation.table(), column.name)
        }
        _ => format!("\"{}\"", column.name),
    };
    Err(Error::new(Kind::UndefinedColumn, format!("column {name} does not exist")))
}

/// Refuses a condition with a window function, which looks at rows that the condition has let through.
pub fn must_have_no_window(filter: &Filter) -> DfResult<()> {
    if filter.predicate.exists(|expr| Ok(matches!(expr, Expr::WindowFunction(_))))? {
        let clause = if matches!(*filter.input, LogicalPlan::Aggregate(_)) { "HAVING" } else { "WHERE" };
        let message = format!("window functions are not allowed in {clause}");
        return Err(Error::new(Kind::Windowing, message)
            .with_hint("Compute it in a subquery, and name its column in the condition.")
            .into());
    }
    Ok(())
}
