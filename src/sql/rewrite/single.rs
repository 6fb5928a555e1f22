//! Correlated subqueries that stand for one value and are not aggregated, which the engine knows only if they are.

use super::super::functions::{ONE, call};
use super::aggregates;
use super::subqueries::looks_outside;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr};

/// Has such a subquery gather its values, of which there must be one.
pub fn gather(expression: &mut Expr) {
    let Expr::Subquery(query) = expression else { return };
    if !is_plain(query) || !looks_outside(query) {
        return;
    }
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) =
            select.projection.first().cloned()
    {
        let list = call("array_agg", vec![value]);
        select.projection = vec![SelectItem::ExprWithAlias { expr: list, alias: Ident::with_quote('"', "\u{1}list") }];
        query.order_by = None;
        let gathered = std::mem::replace(expression, Expr::Value(datafusion::sql::sqlparser::ast::Value::Null.into()));
        *expression = call(ONE, vec![gathered]);
    }
}

/// Whether a query is one SELECT of one value from something, not aggregated and not limited.
fn is_plain(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let limited = query.limit_clause.is_some() || query.fetch.is_some() || select.top.is_some();
    let grouped = super::groups(select) || select.having.is_some() || select.distinct.is_some();
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice()
    else {
        return false;
    };
    query.with.is_none() && !limited && !grouped && !select.from.is_empty() && !aggregates::are_in(value)
}
