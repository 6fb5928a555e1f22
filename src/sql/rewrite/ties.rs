//! `FETCH FIRST n ROWS WITH TIES`: rows of which no more than so many come before, by their rank in the order.

use super::super::parser::fold;
use super::super::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{
    Expr, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Value,
};

/// Says the clause as a condition on the rank of each row, if it is one of a plain query.
pub fn spell_out(query: &mut Query) {
    let Some(fetch) = query.fetch.as_ref().filter(|fetch| fetch.with_ties && !fetch.percent) else { return };
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind) else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    // What is each once is so before it is ordered, and ranks are of all rows.
    if select.distinct.is_some() || select.qualify.is_some() {
        return;
    }
    let count = fetch.quantity.as_ref().map_or_else(|| "1".to_owned(), ToString::to_string);
    let offset = match &query.limit_clause {
        None => "0".to_owned(),
        Some(LimitClause::LimitOffset { limit: None, offset, .. }) => {
            offset.as_ref().map_or_else(|| "0".to_owned(), |offset| offset.value.to_string())
        }
        Some(_) => return,
    };
    let keys: Vec<String> = keys.iter().map(|key| meant(key, select).to_string()).collect();
    let condition = format!("rank() OVER (ORDER BY {}) <= ({count}) + ({offset})", keys.join(", "));
    let Ok(condition) = parse_expression(&condition) else { return };
    select.qualify = Some(condition);
    query.fetch = None;
}

/// A key of the order as an expression over what is selected from: a number and a name may be of the result.
fn meant(key: &OrderByExpr, select: &Select) -> OrderByExpr {
    let item = match &key.expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => {
                number.to_string().parse::<usize>().ok().and_then(|n| select.projection.get(n.checked_sub(1)?))
            }
            _ => None,
        },
        Expr::Identifier(name) => select
            .projection
            .iter()
            .find(|item| matches!(item, SelectItem::ExprWithAlias { alias, .. } if fold(alias) == fold(name))),
        _ => None,
    };
    let expr = match item {
        Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr.clone(),
        _ => key.expr.clone(),
    };
    OrderByExpr { expr, ..key.clone() }
}
