//! Aggregates over a query with ORDER BY: `SELECT string_agg(x, ',') FROM (SELECT x FROM t ORDER BY y) q` gathers in that order, which
//! the engine forgets. It becomes the order of the aggregate.

use super::super::names;
use super::super::parser::fold;
use super::level;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArgumentClause, FunctionArguments, Ident, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Value,
};

/// Aggregates whose results depend on an order.
const GATHERING: &[&str] = &["array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"];

/// Gives such aggregates the order of the query that they are over.
pub fn order(select: &mut Select) {
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return };
    let TableFactor::Derived { subquery, alias: Some(alias), .. } = relation else { return };
    if !joins.is_empty() || !alias.columns.is_empty() {
        return;
    }
    let Some(keys) = keys(subquery, &alias.name) else { return };
    for item in &mut select.projection {
        level::change(item, |expression| {
            let Expr::Function(function) = expression else { return };
            let name = function.name.0.last().and_then(|part| part.as_ident()).map(fold);
            let FunctionArguments::List(list) = &mut function.args else { return };
            let ordered = list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
            if function.over.is_none()
                && !ordered
                && list.duplicate_treatment.is_none()
                && name.is_some_and(|name| GATHERING.contains(&name.as_str()))
            {
                list.clauses.push(FunctionArgumentClause::OrderBy(keys.clone()));
            }
        });
    }
}

/// The order of a query by its own columns, if it says it by them.
fn keys(query: &Query, relation: &Ident) -> Option<Vec<OrderByExpr>> {
    let OrderByKind::Expressions(keys) = &query.order_by.as_ref()?.kind else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let column = |key: &OrderByExpr| {
        let name = column(&key.expr, select)?;
        let expr = Expr::CompoundIdentifier(vec![relation.clone(), Ident::with_quote('"', name)]);
        Some(OrderByExpr { expr, ..key.clone() })
    };
    keys.iter().map(column).collect()
}

/// The column of a query's result that a key of its order is.
fn column(key: &Expr, select: &Select) -> Option<String> {
    let named = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(fold(alias)),
        SelectItem::UnnamedExpr(expression) => Some(names::name(expression)),
        _ => None,
    };
    let all = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    if let Expr::Value(value) = key
        && let Value::Number(number, _) = &value.value
    {
        let at: usize = number.to_string().parse().ok()?;
        return if all { None } else { named(select.projection.get(at.checked_sub(1)?)?) };
    }
    let same = select.projection.iter().find(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } => expr == key || *key == Expr::Identifier(alias.clone()),
        SelectItem::UnnamedExpr(expression) => expression == key,
        _ => false,
    });
    match (same, key) {
        (Some(item), _) => named(item),
        (None, Expr::Identifier(name)) if all => Some(fold(name)),
        _ => None,
    }
}
