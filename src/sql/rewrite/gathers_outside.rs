//! Aggregates within a subquery of what is around it: `(SELECT sum(t.a))` with `t` in the query around. Such a one gathers the rows of that
//! query; the engine would gather those of the subquery.

use super::super::parser::fold;
use super::subqueries::Names;
use super::{aggregates, beside, filled, level};
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::ast::{
    Expr, OrderByKind, Query, Select, SelectItem, SetExpr, Visit, visit_expressions,
};
use std::ops::ControlFlow;

/// The names of the relations in FROM of a query's own parts.
pub(super) fn names(body: &SetExpr) -> Names {
    let mut all = Names::default();
    gather(body, &mut all);
    all
}

fn gather(body: &SetExpr, names: &mut Names) {
    match body {
        SetExpr::Select(select) => {
            for item in &select.from {
                let _ = item.visit(names);
                names.0.extend(filled::sides(item).filter_map(beside::called));
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            gather(left, names);
            gather(right, names);
        }
        _ => {}
    }
}

/// Refuses such an aggregate in a query whose own relations have the names `own`, and those of the queries around it the names `around`.
pub(super) fn must_not_be(query: &Query, own: &Names, around: &[Names]) -> ControlFlow<Box<Error>> {
    let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
    if around.is_empty() {
        return ControlFlow::Continue(());
    }
    let keys = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.as_slice(),
        _ => &[],
    };
    let gathers = |part: &Expr| {
        let mut found = false;
        level::change(&mut part.clone(), |part| found |= is_outside(part, own, around));
        found
    };
    match parts(select).chain(keys.iter().map(|key| &key.expr)).any(gathers) {
        true => {
            let message = "an aggregate of the rows of a query further out is not supported within a subquery";
            let hint = "Compute it in a query in FROM.";
            ControlFlow::Break(Box::new(Error::new(Kind::Unsupported, message).with_hint(hint)))
        }
        false => ControlFlow::Continue(()),
    }
}

fn parts(select: &Select) -> impl Iterator<Item = &Expr> {
    let items = select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    });
    items.chain(&select.having)
}

/// Whether it is an aggregate that names relations around its query, and nothing else.
fn is_outside(part: &Expr, own: &Names, around: &[Names]) -> bool {
    let Expr::Function(call) = part else { return false };
    if !aggregates::gathers(call) {
        return false;
    }
    let mut named = false;
    let others = visit_expressions(call, |part| {
        let outside = match part {
            Expr::CompoundIdentifier(path) if path.len() > 1 => {
                let relation = fold(&path[path.len() - 2]);
                named = true;
                !own.0.contains(&relation) && around.iter().any(|names| names.0.contains(&relation))
            }
            part => {
                !matches!(part, Expr::Identifier(_) | Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
            }
        };
        if outside { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    named && others.is_continue()
}
