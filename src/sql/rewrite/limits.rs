//! Subqueries that stand for one value and look outside, with LIMIT: the engine can join with them only where they are aggregates.

use super::gathered::{keys, only_item};
use super::{Beyond, has, subqueries};
use crate::sql::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, LimitClause, Query,
    SelectItem, SetExpr, Value,
};

/// `(SELECT x FROM t WHERE ... ORDER BY y LIMIT 1)` as `(SELECT first_value(x ORDER BY y) FROM t WHERE ...)`, and `EXISTS (... LIMIT n)`
/// without its LIMIT.
pub fn spell_out(expression: &mut Expr) {
    match expression {
        Expr::Subquery(query) if limit(query) == Some(1) && subqueries::looks_outside(query) => first(query),
        Expr::Exists { subquery, .. } if limit(subquery).is_some_and(|limit| limit > 0) => {
            subquery.limit_clause = None;
            subquery.order_by = None;
        }
        _ => {}
    }
}

/// The rows that LIMIT lets through, where OFFSET says nothing.
fn limit(query: &Query) -> Option<u64> {
    let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), offset: None, .. }) = &query.limit_clause
    else {
        return None;
    };
    match &limit.value {
        Value::Number(number, _) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn first(query: &mut Query) {
    let Some(item) = only_item(query).cloned() else { return };
    if has(&item, Beyond::Window) || has(&item, Beyond::Rows) {
        return;
    }
    if has(&item, Beyond::Aggregate) {
        // One row is all there is.
        query.limit_clause = None;
        query.order_by = None;
        return;
    }
    let keys = keys(query, &item);
    let Ok(mut found) = parse_expression("first_value(x)") else { return };
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut found {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(item))];
        if !keys.is_empty() {
            list.clauses = vec![FunctionArgumentClause::OrderBy(keys)];
        }
    }
    if let SetExpr::Select(select) = query.body.as_mut()
        && let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] =
            select.projection.as_mut_slice()
    {
        *item = found;
        query.limit_clause = None;
        query.order_by = None;
    }
}
