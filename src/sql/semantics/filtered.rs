//! What an aggregate is given under FILTER, computed for the rows that pass alone, as PostgreSQL does.
//!
//! The engine computes it for all rows and leaves some out afterwards: what cannot be computed of these would be an error.

use super::marked::as_field;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{Case, Expr, ExprSchemable};

/// Has arguments of an aggregate, and what it sorts by, be computed for rows alone that pass the filter. Tells whether anything changed.
pub fn guard(args: &mut [Expr], order: &mut [SortExpr], filter: Option<&Expr>, schema: &DFSchema) -> DfResult<bool> {
    // What is asked twice has to answer the same.
    let Some(filter) = filter.filter(|filter| !filter.is_volatile()) else { return Ok(false) };
    if matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _)) {
        return Ok(false);
    }
    let mut changed = false;
    for value in args.iter_mut().chain(order.iter_mut().map(|key| &mut key.expr)) {
        if is_computed(value)? && !is_guarded(value, filter) {
            *value = passing(std::mem::take(value), filter, schema)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether an expression does more than to name a column or a constant.
fn is_computed(expr: &Expr) -> DfResult<bool> {
    let computes = |part: &Expr| {
        !matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Literal(..) | Expr::Alias(_))
    };
    Ok(!expr.is_volatile() && expr.exists(|part| Ok(computes(part)))? && !expr.column_refs().is_empty())
}

/// Whether a value is guarded already: a plan may be looked at twice.
fn is_guarded(value: &Expr, filter: &Expr) -> bool {
    match value {
        Expr::Case(case) => case.expr.as_deref() == Some(filter),
        Expr::ScalarFunction(call) => matches!(call.args.as_slice(), [inner] if is_guarded(inner, filter)),
        _ => false,
    }
}

/// The value where the filter is true; NULL, which nobody looks at, elsewhere.
fn passing(value: Expr, filter: &Expr, schema: &DFSchema) -> DfResult<Expr> {
    let field = value.to_field(schema)?.1.as_ref().clone();
    if let Expr::Literal(..) = filter {
        let none = Expr::Literal(ScalarValue::try_new_null(field.data_type())?, None);
        return Ok(as_field(none, field));
    }
    // A CASE with conditions alone is taken apart again by the engine.
    let taken = (Box::new(Expr::Literal(ScalarValue::Boolean(Some(true)), None)), Box::new(value));
    Ok(as_field(Expr::Case(Case::new(Some(Box::new(filter.clone())), vec![taken], None)), field))
}
