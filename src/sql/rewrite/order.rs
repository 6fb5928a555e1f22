//! ORDER BY as PostgreSQL reads it: a number is a column of the result, also where the query groups, and so is a name alone; a name
//! within an expression is a column of what is selected from.

use super::super::names::{self, HIDDEN};
use super::super::parser::fold;
use super::outputs::gives;
use datafusion::sql::sqlparser::ast::{
    CastKind, Distinct, Expr, Ident, ObjectNamePart, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Value, visit_expressions_mut,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Says the ORDER BY of a query in words that the engine reads so too.
pub fn spell_out(query: &mut Query) {
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(Distinct::On(distinct)) = &mut select.distinct
    {
        distinct.iter_mut().for_each(|on| as_selected(on, &select.projection));
        if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &mut query.order_by {
            keys.iter_mut().for_each(|key| as_selected(&mut key.expr, &select.projection));
        }
    }
    let Query { body, order_by: Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }), .. } = query else {
        return;
    };
    for key in keys.iter_mut() {
        // A name or a number in parentheses is one all the same.
        let alone = |inner: &Expr| matches!(inner, Expr::Identifier(_) | Expr::Value(_) | Expr::Nested(_));
        while let Expr::Nested(inner) = &key.expr
            && alone(inner)
        {
            key.expr = inner.as_ref().clone();
        }
    }
    let mut seen = HashSet::new();
    // What was ordered by once is in order.
    keys.retain(|key| seen.insert(key.expr.to_string()));
    let SetExpr::Select(select) = body.as_mut() else { return };
    if let Some(Distinct::On(distinct)) = &mut select.distinct {
        // They may be said in another order than ORDER BY has them in.
        let place = |on: &Expr| keys.iter().position(|key| key.expr == *on).unwrap_or(usize::MAX);
        distinct.sort_by_key(place);
    }
    if super::groups(select) {
        keys.iter_mut().for_each(|key| by_number(&mut key.expr, &select.projection));
    }
    if let Some(Distinct::Distinct) = &select.distinct {
        keys.iter_mut().for_each(|key| by_name(&mut key.expr, &select.projection));
    }
}

/// Whether a key is a number, which says the place of what is selected.
pub(super) fn is_place(key: &Expr) -> bool {
    matches!(key, Expr::Value(value) if matches!(value.value, Value::Number(..)))
}

/// The expression that is selected at a place, instead of the number of the place.
fn as_selected(key: &mut Expr, items: &[SelectItem]) {
    if let Some((expr, _)) = numbered(key, items) {
        *key = expr.clone();
    }
}

/// The name that an expression is selected under, instead of it, or the words that it is selected in: of what is distinct the engine
/// knows no more.
fn by_name(key: &mut Expr, items: &[SelectItem]) {
    if matches!(key, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) || is_place(key) {
        return;
    }
    let named = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr, alias } if same(expr, key) => Some(Expr::Identifier(alias.clone())),
        SelectItem::UnnamedExpr(expr) if same(expr, key) => Some(expr.clone()),
        _ => None,
    };
    if let Some(name) = items.iter().find_map(named) {
        *key = name;
    }
}

/// Whether what is ordered by is selected as well: under its name, or as the same expression.
pub fn is_selected(key: &Expr, items: &[SelectItem]) -> bool {
    let called = |name: &str| matches!(key, Expr::Identifier(said) if fold(said) == name);
    items.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) => called(&names::name(expr)) || same(expr, key),
        SelectItem::ExprWithAlias { expr, alias } => called(&fold(alias)) || same(expr, key),
        // Among all columns any may be.
        _ => matches!(key, Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
    })
}

/// Whether two expressions are the same however they are written: in capitals, in parentheses, with `::` or CAST. A column may be said with
/// its relation and without.
fn same(one: &Expr, other: &Expr) -> bool {
    let ((one, relations), (other, others)) = (plain(one), plain(other));
    let alike = |(a, b): (&Option<String>, &Option<String>)| a.is_none() || b.is_none() || a == b;
    one == other && relations.iter().zip(&others).all(alike)
}

/// An expression without what makes no difference, and the relation that each of its columns was said with.
fn plain(expr: &Expr) -> (Expr, Vec<Option<String>>) {
    let (mut expr, mut relations) = (expr.clone(), Vec::new());
    let _ = visit_expressions_mut(&mut expr, |part| {
        while let Expr::Nested(inner) = part {
            *part = inner.as_ref().clone();
        }
        match part {
            Expr::Identifier(name) => {
                relations.push(None);
                *name = Ident::new(fold(name));
            }
            Expr::CompoundIdentifier(path) => {
                let mut path: Vec<String> = path.iter().map(fold).collect();
                let name = path.pop().unwrap_or_default();
                relations.push(path.pop());
                *part = Expr::Identifier(Ident::new(name));
            }
            Expr::Cast { kind, .. } => *kind = CastKind::Cast,
            Expr::Function(call) => {
                for name in &mut call.name.0 {
                    if let ObjectNamePart::Identifier(name) = name {
                        *name = Ident::new(fold(name));
                    }
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    (expr, relations)
}

/// What is selected at a place, instead of the number of the place.
fn by_number(key: &mut Expr, items: &[SelectItem]) {
    if let Some((expr, alias)) = numbered(key, items) {
        *key = alias.map_or_else(|| expr.clone(), |alias| Expr::Identifier(alias.clone()));
    }
}

/// A name within an expression of ORDER BY is a column of FROM, never what is selected under that name; where FROM is one relation
/// that is said with its name. So is a name that is said with its relation. `outermost` tells that the query is in no other.
pub fn mean_columns(select: &mut Select, keys: &mut [OrderByExpr], outermost: bool) {
    let relation = only_relation(select);
    let mut meant = HashSet::new();
    for key in keys.iter_mut().filter(|key| !matches!(key.expr, Expr::Identifier(_))) {
        super::level::change(&mut key.expr, |expression| match (&*expression, &relation) {
            (Expr::Identifier(name), Some(relation))
                if select.projection.iter().any(|item| gives(item, &fold(name))) =>
            {
                meant.insert(fold(name));
                *expression = Expr::CompoundIdentifier(vec![relation.clone(), name.clone()]);
            }
            // What is said with its relation is a column too.
            (Expr::CompoundIdentifier(parts), _) => {
                let other = |item: &SelectItem| match item {
                    SelectItem::ExprWithAlias { expr, alias } => {
                        parts.last().is_some_and(|name| fold(name) == fold(alias)) && *expr != *expression
                    }
                    _ => false,
                };
                if select.projection.iter().any(other) {
                    meant.extend(parts.last().map(fold));
                }
            }
            _ => {}
        });
    }
    if !outermost {
        return;
    }
    // To the engine the column and what is selected under its name would be one; the result is named at the end.
    for (n, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::ExprWithAlias { alias, .. } = item else { continue };
        if !meant.contains(&fold(alias)) {
            continue;
        }
        let hidden = Ident::with_quote('"', format!("{HIDDEN}{n}"));
        for key in keys.iter_mut() {
            if matches!(&key.expr, Expr::Identifier(name) if fold(name) == fold(alias)) {
                key.expr = Expr::Identifier(hidden.clone());
            }
        }
        *alias = hidden;
    }
}

/// The name of the relation of FROM, if there is only one.
pub(super) fn only_relation(select: &Select) -> Option<Ident> {
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return None };
    if !joins.is_empty() {
        return None;
    }
    match relation {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()).cloned(),
        _ => None,
    }
}

/// The item whose number a key is, and its name, if it can be said again.
fn numbered<'a>(key: &Expr, items: &'a [SelectItem]) -> Option<(&'a Expr, Option<&'a Ident>)> {
    let Expr::Value(value) = key else { return None };
    let Value::Number(number, _) = &value.value else { return None };
    let before = items.get(..number.to_string().parse().ok()?)?;
    let said = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    match before.last()? {
        _ if !before.iter().all(said) => None,
        SelectItem::UnnamedExpr(Expr::Value(_)) => None,
        SelectItem::UnnamedExpr(expr) => Some((expr, None)),
        SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias))),
        _ => None,
    }
}
