//! ORDER BY beside a function that gives rows among the values of a query: `SELECT unnest(tags) FROM t ORDER BY id`. The engine has no
//! rows of both together, so that what is ordered by is selected too, in a query within.

use super::super::names;
use super::super::parser::fold;
use super::{aggregates, sets, subqueries};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Value, visit_expressions,
};
use std::ops::ControlFlow;

/// Puts such a query around one that selects what it is ordered by.
pub fn spell_out(query: &mut Query) {
    let Some(outer) = around(query) else { return };
    *query = outer;
}

fn around(query: &Query) -> Option<Query> {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind) else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    if select.distinct.is_some() || super::groups(select) || query.with.is_some() || !query.locks.is_empty() {
        return None;
    }
    let items = select.projection.iter().map(named).collect::<Option<Vec<_>>>()?;
    if !items.iter().any(|(item, _)| gives_rows(item)) || items.iter().any(|(item, _)| aggregates::are_in(item)) {
        return None;
    }
    let place = |key: &OrderByExpr| items.iter().position(|(item, name)| is_item(&key.expr, item, name));
    let number =
        |key: &OrderByExpr| matches!(&key.expr, Expr::Value(value) if matches!(value.value, Value::Number(..)));
    if keys.iter().all(|key| place(key).is_some() || number(key)) {
        return None;
    }
    let mut inner = query.clone();
    inner.order_by = None;
    inner.limit_clause = None;
    inner.fetch = None;
    let mut order = Vec::with_capacity(keys.len());
    let mut width = items.len();
    let SetExpr::Select(within) = inner.body.as_mut() else { return None };
    for key in keys {
        let at = match (place(key), &key.expr) {
            (Some(at), _) => at,
            (None, Expr::Value(value)) => match &value.value {
                Value::Number(number, _) => number.to_string().parse::<usize>().ok()?.checked_sub(1)?,
                _ => return None,
            },
            (None, other) => {
                let alias = Ident::with_quote('"', format!("{}{width}", names::HIDDEN));
                within.projection.push(SelectItem::ExprWithAlias { expr: other.clone(), alias });
                width += 1;
                width - 1
            }
        };
        let direction = OrderByExpr { expr: Expr::Identifier(Ident::new("x")), ..key.clone() }.to_string();
        order.push(format!("{}{}", subqueries::column(at), direction.strip_prefix('x').unwrap_or_default()));
    }
    let shown = items.iter().enumerate().map(|(at, (_, name))| format!("{} AS {name}", subqueries::column(at)));
    let shown = format!("SELECT {}", shown.collect::<Vec<_>>().join(", "));
    let mut outer = *subqueries::around(&shown, &inner, &format!(" ORDER BY {}", order.join(", ")), width)?;
    outer.limit_clause.clone_from(&query.limit_clause);
    outer.fetch.clone_from(&query.fetch);
    Some(outer)
}

/// What is selected, and under which name.
fn named(item: &SelectItem) -> Option<(Expr, Ident)> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some((expr.clone(), Ident::with_quote('"', names::name(expr)))),
        SelectItem::ExprWithAlias { expr, alias } => Some((expr.clone(), alias.clone())),
        _ => None,
    }
}

fn is_item(key: &Expr, item: &Expr, name: &Ident) -> bool {
    key == item || matches!(key, Expr::Identifier(said) if fold(said) == fold(name))
}

fn gives_rows(item: &Expr) -> bool {
    let found = visit_expressions(item, |part| match part {
        Expr::Function(Function { name, .. }) if sets::gives_rows(name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}
