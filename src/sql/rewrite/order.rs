//! ORDER BY as PostgreSQL reads it: a number is a column of the result, a name by itself too, and within an expression names
//! are of the relations in FROM.

use super::super::parser::fold;
use super::level;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Value,
};
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
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let relation = only_relation(select);
    for key in keys {
        match &key.expr {
            Expr::Value(value) => {
                if let Value::Number(number, _) = &value.value
                    && let Some(named) = number.to_string().parse().ok().and_then(|n| at(&select.projection, n))
                    && grouped
                {
                    key.expr = named;
                }
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {}
            _ => {
                if let Some(relation) = &relation {
                    qualify(&mut key.expr, relation, &select.projection);
                }
            }
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

/// The name of the relation in FROM, if there is only one.
fn only_relation(select: &Select) -> Option<Ident> {
    let [from] = select.from.as_slice() else { return None };
    match (&from.relation, from.joins.is_empty()) {
        (TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. }, true) => {
            Some(alias.name.clone())
        }
        (TableFactor::Table { name, alias: None, args: None, .. }, true) => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

/// Names that the result has for something else than the column of that name are the relation's.
fn qualify(expression: &mut Expr, relation: &Ident, items: &[SelectItem]) {
    let other: HashSet<String> = items
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => {
                let name = fold(alias);
                let same = matches!(expr, Expr::Identifier(column) if fold(column) == name);
                let mentions = !same && mentions(expr, &name);
                mentions.then_some(name)
            }
            _ => None,
        })
        .collect();
    if other.is_empty() {
        return;
    }
    level::change(expression, |expression| {
        if let Expr::Identifier(name) = expression
            && other.contains(&fold(name))
        {
            *expression = Expr::CompoundIdentifier(vec![relation.clone(), name.clone()]);
        }
    });
}

/// Whether an expression names the column itself: then the relation surely has it.
fn mentions(expression: &Expr, name: &str) -> bool {
    let mut found = false;
    level::change(&mut expression.clone(), |expression| {
        found |= match expression {
            Expr::Identifier(column) => fold(column) == name,
            Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|column| fold(column) == name),
            _ => false,
        };
    });
    found
}
