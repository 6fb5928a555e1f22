//! Correlated subqueries that stand for one value and are not aggregated, which the engine knows only if they are.

use super::super::functions::{ONE, call};
use super::super::parser::last;
use super::level;
use super::subqueries::looks_outside;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr};

/// Aggregates; of another one the engine says itself that it cannot be within the list.
const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "array_agg",
    "string_agg",
    "bool_and",
    "bool_or",
    "every",
    "median",
    "mode",
    "first_value",
    "last_value",
    "corr",
    "grouping",
    "variance",
    "bit_and",
    "bit_or",
    "bit_xor",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
];

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
    query.with.is_none() && !limited && !grouped && !select.from.is_empty() && !is_aggregated(value)
}

fn is_aggregated(value: &Expr) -> bool {
    let mut found = false;
    level::change(&mut value.clone(), |inner| {
        if let Expr::Function(function) = &*inner {
            let name = last(&function.name);
            let known = AGGREGATES.contains(&name.as_str());
            let family =
                ["stddev", "var_", "covar", "regr_", "percentile", "approx_"].iter().any(|f| name.starts_with(f));
            found |= known || family || function.over.is_some();
        }
    });
    found
}
