//! Subqueries in forms that the engine runs, and runs right.

use super::super::parser::fold;
use super::super::planner::parse_expression;
use super::order::only_relation;
use super::{aggregates, level};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, OrderByExpr, Query, Select, SelectItem, SetExpr,
    TableAliasColumnDef, TableFactor, UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut, visit_expressions,
    visit_expressions_mut,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Name of a subquery that stands for itself in FROM; no user's name begins so.
const NAME: &str = "\u{1}s";
/// Name of its columns, before their numbers.
const COLUMN: &str = "\u{1}c";

/// The subquery of `a = ANY (SELECT ...)` in FROM of one around it: the engine would take its columns for those of the
/// same table outside.
pub fn set_apart(expression: &mut Expr) {
    if let Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } = expression
        && let Expr::Subquery(query) = right.as_mut()
        && !looks_outside(query)
        && let Some(around) = around("SELECT *", query, "", 0)
    {
        *query = around;
    }
}

/// Whether a query names relations that are not in it.
pub(super) fn looks_outside(query: &Query) -> bool {
    let mut inside = Names::default();
    let _ = Visit::visit(query, &mut inside);
    let found = visit_expressions(query, |expression| match expression {
        Expr::CompoundIdentifier(parts) if parts.len() > 1 && !inside.0.contains(&fold(&parts[parts.len() - 2])) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Names and aliases of the relations in FROM.
#[derive(Default)]
pub(super) struct Names(pub(super) HashSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        // Under an alias nothing is called by its own name.
        if let TableFactor::Table { name, alias: None, .. } = factor {
            self.0.extend(name.0.last().and_then(|part| part.as_ident()).map(fold));
        }
        if let TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            self.0.insert(fold(&alias.name));
        }
        ControlFlow::Continue(())
    }
}

/// `EXISTS` and `IN` with subqueries among the values of a query and what it groups and orders by: the engine knows them in conditions
/// only.
pub fn as_values(select: &mut Select, order: &mut [OrderByExpr]) {
    let relation = only_relation(select);
    let mut change = |expression: &mut Expr| as_value(expression, relation.as_ref());
    level::change(&mut select.projection, &mut change);
    level::change(&mut select.group_by, &mut change);
    order.iter_mut().for_each(|key| level::change(&mut key.expr, &mut change));
}

/// The same in the condition of a join.
pub fn as_values_in(condition: &mut Expr) {
    level::change(condition, |expression| as_value(expression, None));
}

fn as_value(expression: &mut Expr, over: Option<&Ident>) {
    super::membership::as_membership(expression);
    super::limits::spell_out(expression);
    if let Some(value) = value_of(expression, over) {
        *expression = value;
    }
}

/// Such an expression as a value. Where the query is `over` one relation alone, its columns can be said with that.
fn value_of(expression: &Expr, over: Option<&Ident>) -> Option<Expr> {
    if let Some(value) = among_list(expression) {
        return Some(value);
    }
    let (value, negated) = match expression {
        Expr::Exists { subquery, negated } => (any_row(subquery, "")?, *negated),
        Expr::InSubquery { expr, subquery, negated } => (is_among(expr, subquery, over)?, *negated),
        Expr::AnyOp { left, compare_op, right, .. } => (compared(left, compare_op, right, false)?, false),
        Expr::AllOp { left, compare_op, right } => (compared(left, compare_op, right, true)?, false),
        _ => return None,
    };
    Some(match negated {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(value))) },
        false => value,
    })
}

/// `count(*) < ANY (query)` and its like with the rows of the query as an array: what is made of many rows is not known to a query within.
fn among_list(expression: &Expr) -> Option<Expr> {
    let (left, op, query, all) = match expression {
        Expr::InSubquery { expr, subquery, negated: false } => (expr, BinaryOperator::Eq, subquery.as_ref(), false),
        Expr::InSubquery { expr, subquery, negated: true } => (expr, BinaryOperator::NotEq, subquery.as_ref(), true),
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op.clone(), subquery(right)?, false),
        Expr::AllOp { left, compare_op, right } => (left, compare_op.clone(), subquery(right)?, true),
        _ => return None,
    };
    if matches!(left.as_ref(), Expr::Tuple(_)) || !aggregates::are_in(left) {
        return None;
    }
    let Ok(Expr::Function(mut list)) = parse_expression("ARRAY(SELECT 1)") else { return None };
    list.args = FunctionArguments::Subquery(Box::new(query.clone()));
    let (left, right) = (Box::new(Expr::Nested(left.clone())), Box::new(Expr::Function(list)));
    Some(Expr::Nested(Box::new(match all {
        true => Expr::AllOp { left, compare_op: op, right },
        false => Expr::AnyOp { left, compare_op: op, right, is_some: false },
    })))
}

fn subquery(expression: &Expr) -> Option<&Query> {
    match expression {
        Expr::Subquery(query) => Some(query),
        _ => None,
    }
}

/// `x < ANY (query)`, or `x < ALL (query)`, as what its rows tell together: NULL where some comparison is and no other decides.
fn compared(left: &Expr, op: &BinaryOperator, right: &Expr, all: bool) -> Option<Expr> {
    let Expr::Subquery(query) = right else { return None };
    // A row is compared otherwise, and rows that are made here are not known to a query within.
    if matches!(left, Expr::Tuple(_)) || aggregates::or_rows_are_in(left) {
        return None;
    }
    let one = format!("(({left}) {op} {})", column(0));
    let decides = if all { format!("NOT {one}") } else { one.clone() };
    let together = format!(
        "SELECT CASE WHEN bool_or({decides}) THEN {} WHEN bool_or({one} IS NULL) THEN NULL ELSE {all} END",
        !all
    );
    around(&together, query, "", 1).map(Expr::Subquery)
}

/// Whether a query is no more than a SELECT of columns and literals with a condition.
fn is_plain(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let named = |item: &SelectItem| match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => {
            matches!(e, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        _ => false,
    };
    select.distinct.is_none()
        && select.having.is_none()
        && !super::groups(select)
        && select.projection.iter().all(named)
        && query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
}

/// A plain query with one more condition.
fn and_where(select: &mut Select, condition: Expr) {
    select.selection = Some(match select.selection.take() {
        Some(before) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(before))),
            op: BinaryOperator::And,
            right: Box::new(condition),
        },
        None => condition,
    });
}

/// `(SELECT count(*) > 0 FROM (query) WHERE condition)`
fn any_row(query: &Query, condition: &str) -> Option<Expr> {
    // The condition of a plain query, where the outer query's columns usually are, stays next to its count.
    let columns = usize::from(!condition.is_empty());
    let counted = around("SELECT count(*) > 0", query, condition, columns)?;
    if !is_plain(query) || !condition.is_empty() {
        return Some(Expr::Subquery(counted));
    }
    let (SetExpr::Select(outer), mut inner) = (counted.body.as_ref(), query.clone()) else { return None };
    inner.order_by = None;
    if let SetExpr::Select(select) = inner.body.as_mut() {
        // What is selected is not looked at, and has to be there.
        for item in std::mem::replace(&mut select.projection, outer.projection.clone()) {
            let (SelectItem::UnnamedExpr(named) | SelectItem::ExprWithAlias { expr: named, .. }) = item else {
                continue;
            };
            if !matches!(named, Expr::Value(_)) {
                and_where(select, parse_expression(&format!("({named} IS NULL OR true)")).ok()?);
            }
        }
    }
    Some(Expr::Subquery(Box::new(inner)))
}

/// `x IN (query)`, which is NULL where x or a row of the query is NULL and nothing is equal.
fn is_among(expr: &Expr, query: &Query, over: Option<&Ident>) -> Option<Expr> {
    if let Expr::Tuple(values) = expr {
        return row_is_among(values, query);
    }
    let mut value =
        parse_expression("CASE WHEN 1 THEN true WHEN (2 IS NULL AND 3) OR 4 THEN NULL ELSE false END").ok()?;
    let own = Expr::Nested(Box::new(expr.clone()));
    let parts = match correlated(expr, query, over) {
        Some([equal, any, null]) => [any_row(&equal, "")?, own, any_row(&any, "")?, any_row(&null, "")?],
        None => {
            let column = column(0);
            [
                any_row(query, &format!(" WHERE {column} = ({expr})"))?,
                own,
                any_row(query, " WHERE true")?,
                any_row(query, &format!(" WHERE {column} IS NULL"))?,
            ]
        }
    };
    let _ = VisitMut::visit(&mut value, &mut Fill(&parts));
    Some(value)
}

/// `(x, y) IN (query)`, which is NULL where a row of the query could be equal were it not for NULL, and none is.
fn row_is_among(values: &[Expr], query: &Query) -> Option<Expr> {
    if values.iter().any(aggregates::or_rows_are_in) {
        return None;
    }
    let any = |test: &str| {
        let each = values.iter().enumerate().map(|(n, value)| format!("({} = ({value})){test}", column(n)));
        let condition = format!(" WHERE {}", each.collect::<Vec<_>>().join(" AND "));
        around("SELECT count(*) > 0", query, &condition, values.len()).map(Expr::Subquery)
    };
    let parts = [any("")?, any(" IS NOT FALSE")?];
    let mut value = parse_expression("CASE WHEN 1 THEN true WHEN 2 THEN NULL ELSE false END").ok()?;
    let _ = VisitMut::visit(&mut value, &mut Fill(&parts));
    Some(value)
}

/// The rows of a plain query that looks outside where its column is `expr`, all of them, and those where it is NULL. The engine joins with
/// such a query itself only, and not with one around it: so the conditions are put into it, with the columns of `expr` said so that they
/// are not taken for its own.
fn correlated(expr: &Expr, query: &Query, over: Option<&Ident>) -> Option<[Query; 3]> {
    if !is_plain(query) || !looks_outside(query) {
        return None;
    }
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    let mut inside = Names::default();
    let _ = Visit::visit(query, &mut inside);
    let (mut clear, mut expr) = (!level::asks(expr), expr.clone());
    let _ = visit_expressions_mut(&mut expr, |part| {
        if let (Expr::Identifier(name), Some(over)) = (&*part, over) {
            *part = Expr::CompoundIdentifier(vec![over.clone(), name.clone()]);
        }
        clear &= match &*part {
            Expr::Identifier(_) => false,
            Expr::CompoundIdentifier(path) => {
                path.len().checked_sub(2).is_some_and(|at| !inside.0.contains(&fold(&path[at])))
            }
            _ => true,
        };
        ControlFlow::<()>::Continue(())
    });
    let with = |condition: String| {
        let mut query = query.clone();
        let SetExpr::Select(select) = query.body.as_mut() else { return None };
        and_where(select, Expr::Nested(Box::new(parse_expression(&condition).ok()?)));
        Some(query)
    };
    let [equal, null] = [format!("{item} = ({expr})"), format!("{item} IS NULL")].map(with);
    clear.then_some([equal?, query.clone(), null?])
}

/// Puts expressions in place of their numbers.
struct Fill<'a>(&'a [Expr]);

impl VisitorMut for Fill<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = &*expression
            && let Value::Number(number, _) = &value.value
            && let Some(part) = number.to_string().parse::<usize>().ok().and_then(|n| self.0.get(n - 1))
        {
            *expression = part.clone();
        }
        ControlFlow::Continue(())
    }
}

/// How the `n`th column of a query in [`around`] is named there.
pub(super) fn column(n: usize) -> String {
    format!("\"{NAME}\".\"{COLUMN}{n}\"")
}

/// `select FROM (query) AS name(column, ...) condition`, with names for so many columns.
pub(super) fn around(select: &str, query: &Query, condition: &str, columns: usize) -> Option<Box<Query>> {
    let text = format!("({select} FROM (SELECT 1) AS \"{NAME}\"{condition})");
    let Expr::Subquery(mut outer) = parse_expression(&text).ok()? else { return None };
    let SetExpr::Select(body) = outer.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, alias, .. } = &mut body.from.first_mut()?.relation else { return None };
    **subquery = query.clone();
    let named = |n| TableAliasColumnDef { name: Ident::with_quote('"', format!("{COLUMN}{n}")), data_type: None };
    alias.as_mut()?.columns = (0..columns).map(named).collect();
    Some(outer)
}
