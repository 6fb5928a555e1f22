//! `FETCH FIRST n ROWS WITH TIES`: rows of which no more than so many come before, by their rank in the order.

use super::super::names;
use super::super::parser::fold;
use super::super::planner::parse_expression;
use super::{Beyond, has};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Value,
};

/// Name of a query whose windows are ordered by, and of its columns before their numbers; no user's names begin so.
const NAME: &str = "\u{1}t";
const COLUMN: &str = "\u{1}t";

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
    if keys.iter().any(|key| has(&meant(key, select).expr, Beyond::Window)) {
        over_windows(query, &count, &offset);
        return;
    }
    let keys: Vec<String> = keys.iter().map(|key| meant(key, select).to_string()).collect();
    let condition = format!("rank() OVER (ORDER BY {}) <= ({count}) + ({offset})", keys.join(", "));
    let Ok(condition) = parse_expression(&condition) else { return };
    select.qualify = Some(condition);
    query.fetch = None;
}

/// The same of an order by windows: no window is over another, so they are columns of a query within.
fn over_windows(query: &mut Query, count: &str, offset: &str) {
    let (SetExpr::Select(select), Some(order)) = (query.body.as_mut(), query.order_by.as_mut()) else { return };
    let OrderByKind::Expressions(keys) = &mut order.kind else { return };
    let named = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) => Some((expr.clone(), Ident::with_quote('"', names::name(expr)))),
        SelectItem::ExprWithAlias { expr, alias } => Some((expr.clone(), alias.clone())),
        _ => None,
    };
    let Some(items) = select.projection.iter().map(named).collect::<Option<Vec<_>>>() else { return };
    let within = |n: usize| Ident::with_quote('"', format!("{COLUMN}{n}"));
    let outside = |n: usize| Expr::CompoundIdentifier(vec![Ident::with_quote('"', NAME), within(n)]);
    let sorted: Vec<OrderByExpr> = keys.iter().map(|key| meant(key, select)).collect();
    let outer: Vec<OrderByExpr> = sorted
        .iter()
        .enumerate()
        .map(|(n, key)| OrderByExpr { expr: outside(items.len() + n), ..key.clone() })
        .collect();
    let ranked: Vec<String> = outer.iter().map(ToString::to_string).collect();
    let condition = format!("rank() OVER (ORDER BY {}) <= ({count}) + ({offset})", ranked.join(", "));
    let Ok(condition) = parse_expression(&condition) else { return };
    let text = format!("(SELECT 1 FROM (SELECT 1) AS \"{NAME}\")");
    let Ok(Expr::Subquery(mut around)) = parse_expression(&text) else { return };
    let SetExpr::Select(outermost) = around.body.as_mut() else { return };
    let Some(TableFactor::Derived { subquery, .. }) = outermost.from.first_mut().map(|from| &mut from.relation) else {
        return;
    };
    let computed = items.iter().map(|(expr, _)| expr).chain(sorted.iter().map(|key| &key.expr)).enumerate();
    select.projection =
        computed.map(|(n, expr)| SelectItem::ExprWithAlias { expr: expr.clone(), alias: within(n) }).collect();
    outermost.projection = items
        .into_iter()
        .enumerate()
        .map(|(n, (_, alias))| SelectItem::ExprWithAlias { expr: outside(n), alias })
        .collect();
    std::mem::swap(&mut subquery.body, &mut query.body);
    outermost.qualify = Some(condition);
    *keys = outer;
    query.body = around.body;
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
