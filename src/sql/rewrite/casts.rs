//! Aggregates that differ in casts only, `sum(a)` beside `sum(a::numeric)`: the engine names them without their casts, and has no two
//! of one name.

use super::super::functions;
use super::naming::without_casts;
use super::{aggregates, level};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, OrderByExpr, Select, SelectItem, Value, VisitMut, visit_expressions_mut,
};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Says the casts of such in words that are seen.
pub fn tell_apart(select: &mut Select, order: &mut [OrderByExpr]) {
    // For each text without casts, what stands there with them.
    let mut texts: HashMap<String, Vec<String>> = HashMap::new();
    each(select, order, |call| {
        let (plain, text) = names(call);
        let alike = texts.entry(plain.clone()).or_default();
        if !alike.contains(&text) {
            // What has none keeps its name.
            let at = if text == plain { 0 } else { alike.len() };
            alike.insert(at, text);
        }
    });
    if texts.values().all(|alike| alike.len() < 2) {
        return;
    }
    each(select, order, |call| {
        let (plain, text) = names(call);
        let at = texts.get(&plain).and_then(|alike| alike.iter().position(|other| *other == text));
        for _ in 0..at.unwrap_or(0) {
            if let Expr::Function(function) = call {
                show(&mut function.args);
            }
        }
    });
}

/// An aggregate without its casts and with them; `count(*)` has the name of `count(1)`.
fn names(call: &Expr) -> (String, String) {
    const ALL_ROWS: &str = "count(*)";
    let counted = |text: String| match text.split_at_checked(ALL_ROWS.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(ALL_ROWS) => format!("count(1){rest}"),
        _ => text,
    };
    (counted(without_casts(call)), counted(call.to_string()))
}

/// The same of what is grouped by: `x::text` beside `x`.
pub fn tell_keys_apart(select: &mut Select, order: &mut [OrderByExpr]) {
    if !super::groups(select) {
        return;
    }
    let GroupByExpr::Expressions(by, _) = &select.group_by else { return };
    let items = select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    });
    // For each text without casts, what stands there with them, the plain one first.
    let mut texts: HashMap<String, Vec<String>> = HashMap::new();
    for expression in items.chain(by) {
        let (plain, text) = (without_casts(expression), expression.to_string());
        let alike = texts.entry(plain.clone()).or_default();
        if !alike.contains(&text) {
            alike.insert(if text == plain { 0 } else { alike.len() }, text);
        }
    }
    // In sets of keys the engine takes the one without casts for another column, whether it is named or not.
    for expression in by.iter().filter_map(sets).flatten().flatten() {
        let (plain, text) = (without_casts(expression), expression.to_string());
        let alike = texts.entry(plain.clone()).or_default();
        if !alike.contains(&plain) {
            alike.insert(0, plain);
        }
        if !alike.contains(&text) {
            alike.push(text);
        }
    }
    texts.retain(|_, alike| alike.len() > 1);
    if texts.is_empty() {
        return;
    }
    let show = |part: &mut Expr| {
        let Expr::Cast { .. } = part else { return };
        let at =
            texts.get(&without_casts(part)).and_then(|alike| alike.iter().position(|text| *text == part.to_string()));
        for _ in 0..at.unwrap_or(0) {
            *part = functions::call("coalesce", vec![std::mem::replace(part, Expr::Value(Value::Null.into()))]);
        }
    };
    let mut visit = |node: &mut Expr| {
        let _ = visit_expressions_mut(node, |part| {
            show(part);
            ControlFlow::<()>::Continue(())
        });
    };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            visit(expr);
        }
    }
    if let GroupByExpr::Expressions(by, _) = &mut select.group_by {
        by.iter_mut().for_each(&mut visit);
    }
    select.having.iter_mut().for_each(&mut visit);
    order.iter_mut().for_each(|key| visit(&mut key.expr));
}

/// The sets of keys that ROLLUP and its like name.
fn sets(key: &Expr) -> Option<&Vec<Vec<Expr>>> {
    match key {
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => Some(sets),
        _ => None,
    }
}

fn each(select: &mut Select, order: &mut [OrderByExpr], mut change: impl FnMut(&mut Expr)) {
    let mut aggregate = |part: &mut Expr| {
        if aggregates::is_one(part) {
            change(part);
        }
    };
    level::change(&mut select.projection, &mut aggregate);
    level::change(&mut select.having, &mut aggregate);
    for key in order {
        level::change(&mut key.expr, &mut aggregate);
    }
}

/// `coalesce` of one value is the value, and has a name of its own.
fn show(args: &mut impl VisitMut) {
    let _ = visit_expressions_mut(args, |part| {
        if let Expr::Cast { .. } = part {
            *part = functions::call("coalesce", vec![part.clone()]);
        }
        ControlFlow::<()>::Continue(())
    });
}
