//! Names of columns within a query: a relation made of it has PostgreSQL's, and no two are alike to the engine.

use super::super::functions;
use super::super::names::{self, HIDDEN};
use super::super::parser::fold;
use super::aggregates;
use super::order::is_place;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, OrderByExpr, Select, SelectItem, SetExpr,
    Value, visit_expressions, visit_expressions_mut,
};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

/// Names what a query selects, of a set operation in its first part. `order` is the query's ORDER BY: what it says in the words of
/// a named item it then says by that name. `outermost` tells that the query is in no other, so that its result is named at the end.
pub fn spell_out(body: &mut SetExpr, order: &mut [OrderByExpr], outermost: bool) {
    match body {
        SetExpr::Select(select) => select_items(select, order, outermost, false),
        SetExpr::SetOperation { left, right, .. } => sides(left, right, outermost),
        // A query in parentheses is visited for itself.
        _ => {}
    }
}

fn sides(left: &mut SetExpr, right: &mut SetExpr, outermost: bool) {
    // Nobody sees the names of the others.
    for (side, outermost) in [(left, outermost), (right, true)] {
        match side {
            SetExpr::Select(select) => select_items(select, &mut [], outermost, true),
            SetExpr::SetOperation { left, right, .. } => sides(left, right, outermost),
            _ => {}
        }
    }
}

/// `compared` tells that the rows are compared with those of another query, which the engine does column by column, by their names alone.
fn select_items(select: &mut Select, order: &mut [OrderByExpr], outermost: bool, compared: bool) {
    let mut counts = HashMap::new();
    let mut open = false;
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expression) => *counts.entry(names::name(expression)).or_insert(0) += 1,
            SelectItem::ExprWithAlias { alias, .. } => *counts.entry(fold(alias)).or_insert(0) += 1,
            _ => open = true,
        }
    }
    let aliases: HashSet<String> = select.projection.iter().filter_map(alias_of).collect();
    let grouped = super::groups(select);
    // Where HAVING says a name it means a column, and the engine what is selected under that name.
    let said = select.having.as_ref().map(identifiers).unwrap_or_default();
    let (mut seen, mut given, mut columns) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (n, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::UnnamedExpr(expression) = item else {
            if let SelectItem::ExprWithAlias { alias, .. } = item
                && !given.insert(fold(alias))
                && outermost
            {
                *alias = Ident::with_quote('"', format!("{HIDDEN}{n}"));
            }
            continue;
        };
        let fresh = seen.insert(without_casts(expression));
        let name = names::name(expression);
        let column = matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        // `c.code, code` are one column to the engine, and `a.code, b.code` are not.
        let qualified = matches!(expression, Expr::CompoundIdentifier(_));
        let has = |qualified: bool| columns.contains(&(name.clone(), qualified));
        let twin = column && (has(!qualified) || compared && has(qualified));
        if column {
            columns.insert((name.clone(), qualified));
        }
        // Beside `*` a column may come twice, and only its number tells which one of the result it is.
        let beside = open && outermost;
        // What is called as the column is would be taken for it.
        let taken = outermost && aliases.contains(&name);
        if column && fresh && !beside && !taken && !twin {
            continue;
        }
        let free = !open && counts.get(&name) == Some(&1) && !said.contains(&name);
        let alias = match free && !column && !(grouped && is_cast_in(expression, order)) {
            true => name,
            // To the engine two may be alike that are not so in words.
            false if !outermost && (!fresh || !open || twin) => names::hidden(n, &name),
            false if !fresh || !open || beside || taken || twin => format!("{HIDDEN}{n}"),
            false => continue,
        };
        let alias = Ident::with_quote('"', alias);
        let text = expression.to_string();
        // A number is a place, also where the same number is selected.
        let says = |key: &Expr| !is_place(key) && key.to_string() == text;
        for key in order.iter_mut().filter(|key| (!column || twin) && says(&key.expr)) {
            key.expr = Expr::Identifier(alias.clone());
        }
        // Aggregates are told apart all together.
        if !fresh && !aggregates::is_one(expression) {
            show_casts(expression);
        }
        *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
    }
}

fn alias_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(fold(alias)),
        _ => None,
    }
}

/// Names without a relation's before them.
fn identifiers(expression: &Expr) -> HashSet<String> {
    let mut found = HashSet::new();
    let _ = visit_expressions(expression, |expression| {
        if let Expr::Identifier(name) = expression {
            found.insert(fold(name));
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// Whether ORDER BY says what an expression casts: where the query groups, that itself is meant.
fn is_cast_in(expression: &Expr, order: &[OrderByExpr]) -> bool {
    let Expr::Cast { expr, .. } = expression else { return false };
    let cast = expr.to_string();
    order.iter().any(|key| key.expr.to_string().contains(&cast))
}

/// How the engine tells an expression from others: by its text without casts, numbers by their value.
pub(super) fn without_casts(expression: &Expr) -> String {
    let mut plain = expression.clone();
    let _ = visit_expressions_mut(&mut plain, |part| {
        while let Expr::Cast { expr, .. } | Expr::Nested(expr) = part {
            *part = expr.as_ref().clone();
        }
        // Whether a name has quotes is nothing to it.
        match part {
            Expr::Identifier(name) => *name = Ident::new(fold(name)),
            Expr::CompoundIdentifier(path) => path.iter_mut().for_each(|name| *name = Ident::new(fold(name))),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    match &plain {
        Expr::Value(value) => match &value.value {
            // `0.5` and `.5` alike.
            Value::Number(number, _) => {
                number.to_string().parse().map_or_else(|_| plain.to_string(), |n: f64| n.to_string())
            }
            _ => plain.to_string(),
        },
        _ => plain.to_string(),
    }
}

/// The argument of a function that is a cast, in words that are not those of what it casts: the engine names a call
/// without its casts, and has no two of one name.
fn show_casts(expression: &mut Expr) {
    let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = expression else { return };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value @ Expr::Cast { .. })) = argument {
            *value = functions::call("coalesce", vec![value.clone()]);
        }
    }
}
