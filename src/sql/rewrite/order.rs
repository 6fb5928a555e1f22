//! ORDER BY as PostgreSQL reads it: a number is a column of the result, also where the query groups.

use datafusion::sql::sqlparser::ast::{Expr, OrderBy, OrderByKind, Query, SelectItem, SetExpr, Value};
use std::collections::HashSet;

/// Says the ORDER BY of a query in words that the engine reads so too.
pub fn spell_out(query: &mut Query) {
    let Query { body, order_by: Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }), .. } = query else {
        return;
    };
    let mut seen = HashSet::new();
    // What was ordered by once is in order.
    keys.retain(|key| seen.insert(key.expr.to_string()));
    let SetExpr::Select(select) = body.as_mut() else { return };
    if !super::groups(select) {
        return;
    }
    for key in keys {
        if let Expr::Value(value) = &key.expr
            && let Value::Number(number, _) = &value.value
            && let Some(named) = number.to_string().parse().ok().and_then(|n| at(&select.projection, n))
        {
            key.expr = named;
        }
    }
}

/// The `n`th item, if it can be said again.
fn at(items: &[SelectItem], n: usize) -> Option<Expr> {
    let before = items.get(..n)?;
    let said = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    match before.last()? {
        _ if !before.iter().all(said) => None,
        SelectItem::UnnamedExpr(Expr::Value(_)) => None,
        SelectItem::UnnamedExpr(expression) => Some(expression.clone()),
        SelectItem::ExprWithAlias { alias, .. } => Some(Expr::Identifier(alias.clone())),
        _ => None,
    }
}
