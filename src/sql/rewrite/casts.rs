//! Aggregates that differ in casts only, `sum(a)` beside `sum(a::numeric)`: the engine names them without their casts, and has no two
//! of one name.

use super::super::functions;
use super::naming::without_casts;
use super::{aggregates, level};
use datafusion::sql::sqlparser::ast::{Expr, OrderByExpr, Select, VisitMut, visit_expressions_mut};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Says the casts of such in words that are seen.
pub fn tell_apart(select: &mut Select, order: &mut [OrderByExpr]) {
    // For each text without casts, what stands there with them.
    let mut texts: HashMap<String, Vec<String>> = HashMap::new();
    each(select, order, |call| {
        let (plain, text) = (without_casts(call), call.to_string());
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
        let at =
            texts.get(&without_casts(call)).and_then(|alike| alike.iter().position(|text| *text == call.to_string()));
        for _ in 0..at.unwrap_or(0) {
            if let Expr::Function(function) = call {
                show(&mut function.args);
            }
        }
    });
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
