//! VALUES where the engine wants a SELECT.

use super::super::parser::tree;
use super::super::planner::select_query;
use super::super::semantics;
use super::level;
use super::subqueries::around;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr, SetOperator, SetQuantifier, Values};

/// A subquery of an expression that is a VALUES, as one that selects from it.
pub fn selected(expression: &mut Expr) {
    if let Expr::InSubquery { subquery: query, .. } | Expr::Subquery(query) = expression
        && matches!(query.body.as_ref(), SetExpr::Values(_))
        && let Some(around) = around("SELECT *", query, "", 0)
    {
        *query = around;
    }
}

/// Rows with subqueries in them as a union of queries of one row: the engine computes VALUES before any subquery has run.
pub fn computed(query: &mut Query) {
    let SetExpr::Values(values) = query.body.as_ref() else { return };
    if level::asks(values)
        && let Some(union) = union(values)
    {
        *query.body = union;
    }
}

/// Rows of several types as a relation in FROM, where the engine's planner asks ours for them.
pub fn in_from(query: &mut Query) {
    spread(&mut query.body);
}

fn spread(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            spread(left);
            spread(right);
        }
        SetExpr::Values(values) if semantics::is_mixed(values) => {
            let Ok(mut list) = select_query(Vec::new(), Vec::new(), None) else { return };
            *list.body = SetExpr::Values(values.clone());
            if let Some(relation) = around("SELECT *", &list, "", 0) {
                *body = *relation.body;
            }
        }
        _ => {}
    }
}

fn union(values: &Values) -> Option<SetExpr> {
    let named = |(n, value): (usize, &Expr)| SelectItem::ExprWithAlias {
        expr: value.clone(),
        alias: format!("column{}", n + 1).as_str().into(),
    };
    let rows = values.rows.iter().map(|row| {
        let items = row.content.iter().enumerate().map(named).collect();
        Some(*select_query(items, Vec::new(), None).ok()?.body)
    });
    Some(tree(SetOperator::Union, SetQuantifier::All, rows.collect::<Option<Vec<_>>>()?))
}
