//! What a query may not say whatever it is about, and the engine would take or name otherwise.

use super::super::missing;
use super::super::parser::{fold, last};
use super::super::semantics;
use super::subqueries::Names;
use super::{
    Beyond, aggregates, called_so, entries, filled, gathers_outside, has, is_selected, join_constraint, misplaced,
    named_windows,
};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Cte, Distinct, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, GroupByExpr, Join, JoinConstraint, LimitClause,
    OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, UnaryOperator, Value, Visit, Visitor,
    WindowFrame, WindowFrameBound, WindowFrameUnits, WindowType,
};
use std::ops::ControlFlow;

/// What is said of a join that lacks its condition; with its place it becomes an error of syntax there.
pub const NO_CONDITION: &str = "a join needs ON or USING";

const EMPTY_ARRAY: &str = "cannot determine type of empty array";

const ONE_COLUMN: &str = "subquery must return only one column";

/// Refuses it, as PostgreSQL does.
pub fn must_not_be(query: &Query) -> Result<()> {
    let found = match query.visit(&mut Misused::default()) {
        ControlFlow::Continue(()) => called_so::must_be_ordered_by_its_own(query),
        refused => refused,
    };
    match found {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// How many columns a query has, where its text tells.
pub fn width(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let stars = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
            (!select.projection.iter().any(stars)).then_some(select.projection.len())
        }
        SetExpr::Values(values) => values.rows.first().map(|row| row.content.len()),
        SetExpr::SetOperation { left, .. } => width(left),
        SetExpr::Query(query) => width(&query.body),
        _ => None,
    }
}

#[derive(Default)]
struct Misused {
    /// Empty arrays that are cast and have not been visited: their type is told.
    typed: usize,
    /// The names of the relations in FROM of the queries around what is visited.
    around: Vec<Names>,
}

type Found = ControlFlow<Box<Error>>;

fn refuse(kind: Kind, message: impl Into<String>) -> Found {
    ControlFlow::Break(Box::new(Error::new(kind, message)))
}

impl Visitor for Misused {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        for (at, cte) in query.with.iter().flat_map(|with| &with.cte_tables).enumerate() {
            let name = fold(&cte.alias.name);
            let before = query.with.iter().flat_map(|with| &with.cte_tables).take(at);
            if before.map(|cte| fold(&cte.alias.name)).any(|other| other == name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return refuse(Kind::DuplicateAlias, message);
            }
            has_columns(cte, &name)?;
        }
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
            for (word, bound) in [("LIMIT", limit.as_ref()), ("OFFSET", offset.as_ref().map(|by| &by.value))] {
                if bound.is_some_and(|bound| matches!(bound, Expr::Identifier(_) | Expr::CompoundIdentifier(_))) {
                    let message = format!("argument of {word} must not contain variables");
                    return refuse(Kind::InvalidColumnReference, message);
                }
            }
        }
        misplaced::bounds(query)?;
        misplaced::values(&query.body)?;
        numbered(query)?;
        distinct(query)?;
        grouped(&query.body)?;
        let own = gathers_outside::names(&query.body);
        gathers_outside::must_not_be(query, &own, &self.around)?;
        self.around.push(own);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> Found {
        self.around.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Found {
        match select.from.iter().find_map(without_condition) {
            Some(_) => refuse(Kind::Syntax, NO_CONDITION),
            None => {
                named_windows::must_be_sound(select)?;
                misplaced::conditions(select)
            }
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        misplaced::within(expr)?;
        match expr {
            Expr::Cast { expr, .. } if is_empty_array(expr) => {
                self.typed += 1;
                ControlFlow::Continue(())
            }
            Expr::Array(array) if array.elem.is_empty() => match self.typed.checked_sub(1) {
                Some(typed) => {
                    self.typed = typed;
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(Box::new(
                    Error::new(Kind::IndeterminateType, EMPTY_ARRAY)
                        .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."),
                )),
            },
            Expr::Subquery(query) if width(&query.body) == Some(0) => refuse(Kind::Syntax, ONE_COLUMN),
            Expr::Function(call) => called(call),
            Expr::BinaryOp { left, op, right } if is_comparison(op) => of_one_width(left, [right.as_ref()]),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                of_one_width(left, [right.as_ref()])
            }
            Expr::InList { expr, list, .. } => of_one_width(expr, list),
            Expr::InSubquery { expr, subquery, .. } => {
                let asked = match expr.as_ref() {
                    Expr::Tuple(items) => items.len(),
                    _ => 1,
                };
                match width(&subquery.body) {
                    Some(width) if width > asked => refuse(Kind::Syntax, "subquery has too many columns"),
                    Some(width) if width < asked => refuse(Kind::Syntax, "subquery has too few columns"),
                    _ => ControlFlow::Continue(()),
                }
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A query that selects the column by which another one would bound its rows, to find out whether there is one; none if none does.
pub fn bound_selected(query: &Query) -> Option<Query> {
    let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause else { return None };
    let mut bounds = limit.iter().chain(offset.iter().map(|by| &by.value));
    let named = bounds.find(|bound| matches!(bound, Expr::Identifier(_) | Expr::CompoundIdentifier(_)))?.clone();
    let mut selecting = Query { order_by: None, limit_clause: None, ..query.clone() };
    match selecting.body.as_mut() {
        SetExpr::Select(select) if matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty()) => {
            select.projection = vec![SelectItem::UnnamedExpr(named)];
            Some(selecting)
        }
        _ => None,
    }
}

fn is_empty_array(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_empty_array(inner),
        Expr::Array(array) => array.elem.is_empty(),
        _ => false,
    }
}

/// The relations of FROM among which a join lacks its condition.
pub fn without_condition(item: &TableWithJoins) -> Option<&TableWithJoins> {
    let within = filled::sides(item).find_map(|relation| match relation {
        TableFactor::NestedJoin { table_with_joins, .. } => without_condition(table_with_joins),
        _ => None,
    });
    let lacks = |join: &Join| join_constraint(&join.join_operator) == Some(&JoinConstraint::None);
    within.or_else(|| item.joins.iter().any(lacks).then_some(item))
}

/// Rows are compared with rows of as many columns.
fn of_one_width<'a>(row: &Expr, others: impl IntoIterator<Item = &'a Expr>) -> Found {
    let Some(width) = entries(row) else { return ControlFlow::Continue(()) };
    match others.into_iter().filter_map(entries).any(|other| other != width) {
        true => refuse(Kind::Syntax, "unequal number of entries in row expressions"),
        false => ControlFlow::Continue(()),
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// Of rows that are distinct nothing is known but what is selected. Whether a name alone is a column is found out later.
fn distinct(query: &Query) -> Found {
    let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
    let keys = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) if matches!(select.distinct, Some(Distinct::Distinct)) => keys.as_slice(),
        _ => &[],
    };
    let name = |key: &Expr| {
        let mut key = key;
        while let Expr::Nested(inner) = key {
            key = inner;
        }
        matches!(key, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
    };
    match keys.iter().all(|key| name(&key.expr) || is_selected(&key.expr, &select.projection)) {
        true => ControlFlow::Continue(()),
        false => {
            let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
            refuse(Kind::InvalidColumnReference, message)
        }
    }
}

/// A constant to sort, to group or to tell rows apart by is the number of a column.
fn numbered(query: &Query) -> Found {
    let refused = |clause: &str| refuse(Kind::Syntax, format!("non-integer constant in {clause}"));
    if let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind)
        && keys.iter().any(|key| is_no_number(&key.expr))
    {
        return refused("ORDER BY");
    }
    let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
    let ordered = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.as_slice(),
        _ => &[],
    };
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys.as_slice(),
        GroupByExpr::All(_) => &[],
    };
    let ordered = ordered.iter().map(|key| ("ORDER BY", &key.expr));
    let mut keys = ordered.chain(grouped.iter().map(|key| ("GROUP BY", key)));
    if let Some((clause, number)) = keys.find_map(|(clause, key)| Some((clause, below_zero(key)?))) {
        let message = format!("{clause} position -{number} is not in select list");
        return refuse(Kind::InvalidColumnReference, message);
    }
    match (&select.group_by, &select.distinct) {
        (GroupByExpr::Expressions(keys, _), _) if keys.iter().any(is_no_number) => refused("GROUP BY"),
        (_, Some(Distinct::On(keys))) if keys.iter().any(is_no_number) => refused("DISTINCT ON"),
        _ => ControlFlow::Continue(()),
    }
}

/// Whether an expression is a constant that is no whole number.
pub fn is_no_number(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_no_number(inner),
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.contains(['.', 'e', 'E']),
            Value::Placeholder(_) => false,
            _ => true,
        },
        _ => false,
    }
}

/// A whole number with a sign before it, which is the number of no column.
fn below_zero(key: &Expr) -> Option<&str> {
    match key {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) if !is_no_number(expr) => match &value.value {
                Value::Number(number, _) => Some(number.as_str()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// A WITH query has a column for each name that it is given.
fn has_columns(cte: &Cte, name: &str) -> Found {
    let named = cte.alias.columns.len();
    match width(&cte.query.body) {
        Some(has) if named > has => {
            let message = format!("WITH query \"{name}\" has {has} columns available but {named} columns specified");
            refuse(Kind::InvalidColumnReference, message)
        }
        _ => ControlFlow::Continue(()),
    }
}

/// Rows are grouped before they are counted.
fn grouped(body: &SetExpr) -> Found {
    match body {
        SetExpr::Select(select) => match &select.group_by {
            GroupByExpr::Expressions(keys, _) if keys.iter().any(is_gathered) => {
                refuse(Kind::Grouping, "aggregate functions are not allowed in GROUP BY")
            }
            GroupByExpr::Expressions(keys, _) if keys.iter().any(|key| has(key, Beyond::Window)) => {
                refuse(Kind::Windowing, "window functions are not allowed in GROUP BY")
            }
            _ => ControlFlow::Continue(()),
        },
        SetExpr::SetOperation { left, right, .. } => {
            grouped(left)?;
            grouped(right)
        }
        _ => ControlFlow::Continue(()),
    }
}

fn is_gathered(key: &Expr) -> bool {
    matches!(key, Expr::Function(call) if aggregates::gathers(call))
}

/// How far a frame reaches is a number, and the same for all rows.
fn framed(frame: &WindowFrame) -> Found {
    for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
        let (WindowFrameBound::Preceding(Some(by)) | WindowFrameBound::Following(Some(by))) = bound else { continue };
        let units = &frame.units;
        match by.as_ref() {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                return refuse(Kind::InvalidColumnReference, format!("argument of {units} must not contain variables"));
            }
            Expr::Value(value)
                if matches!(value.value, Value::Boolean(_)) && !matches!(units, WindowFrameUnits::Range) =>
            {
                let message = format!("argument of {units} must be type bigint, not type boolean");
                return refuse(Kind::DatatypeMismatch, message);
            }
            _ => {}
        }
    }
    ControlFlow::Continue(())
}

/// Functions that give what the type of their first argument tells.
const OF_ANY_TYPE: &[&str] = &[
    "array_length",
    "array_lower",
    "array_ndims",
    "array_to_json",
    "array_upper",
    "cardinality",
    "first_value",
    "json_agg",
    "jsonb_agg",
    "last_value",
    "nth_value",
    "to_json",
    "to_jsonb",
];

/// A quoted literal has no type of its own to tell them, and no place among what is sorted.
fn untyped(name: &str, call: &Function, list: &FunctionArgumentList) -> Found {
    let argument = |at: usize| match list.args.get(at) {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) => Some(expr),
        _ => None,
    };
    let is_open = |at: usize| argument(at).is_some_and(is_literal);
    let keys = list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(keys) => Some(keys.as_slice()),
        _ => None,
    });
    let lacks_type = match name {
        "array_agg" | "unnest" if is_open(0) && list.args.len() == 1 => {
            return ControlFlow::Break(Box::new(missing::one_function(name, &["unknown"])));
        }
        "lag" | "lead" => is_open(0) && list.args.len() < 3,
        "mode" | "percentile_disc" => call.within_group.iter().any(|key| is_literal(&key.expr)),
        name => OF_ANY_TYPE.contains(&name) && is_open(0),
    };
    if lacks_type {
        let message = "could not determine polymorphic type because input has type unknown";
        return refuse(Kind::DatatypeMismatch, message);
    }
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    match distinct && keys.unwrap_or_default().iter().any(|key| is_literal(&key.expr)) {
        true => {
            let message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
            refuse(Kind::InvalidColumnReference, message)
        }
        false => ControlFlow::Continue(()),
    }
}

/// Whether an expression is a literal of no type: quoted, or NULL.
fn is_literal(expr: &Expr) -> bool {
    use Value::{
        DollarQuotedString, EscapedStringLiteral, NationalStringLiteral, Null, SingleQuotedString, UnicodeStringLiteral,
    };
    match expr {
        Expr::Nested(inner) => is_literal(inner),
        Expr::Value(value) => matches!(
            value.value,
            SingleQuotedString(_)
                | EscapedStringLiteral(_)
                | DollarQuotedString(_)
                | NationalStringLiteral(_)
                | UnicodeStringLiteral(_)
                | Null
        ),
        _ => false,
    }
}

fn called(call: &Function) -> Found {
    let name = last(&call.name);
    if call.over.is_some() && semantics::is_scalar(&name) {
        let message = format!("OVER specified, but {name} is not a window function nor an aggregate function");
        return refuse(Kind::WrongObject, message);
    }
    if call.filter.is_some() && semantics::is_scalar(&name) {
        let message = format!("FILTER specified, but {name} is not an aggregate function");
        return refuse(Kind::WrongObject, message);
    }
    if let FunctionArguments::Subquery(query) = &call.args
        && width(&query.body).is_some_and(|width| width != 1)
    {
        return refuse(Kind::Syntax, ONE_COLUMN);
    }
    if let Some(WindowType::WindowSpec(window)) = &call.over
        && let Some(frame) = &window.window_frame
    {
        framed(frame)?;
    }
    let FunctionArguments::List(list) = &call.args else { return ControlFlow::Continue(()) };
    let counted = list.duplicate_treatment.is_some()
        && list.args.iter().any(|arg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Wildcard)));
    if counted {
        return refuse(Kind::Syntax, "syntax error at or near \"*\"");
    }
    untyped(&name, call, list)?;
    let everything = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
    match name.as_str() {
        "count" if list.args.is_empty() => {
            refuse(Kind::WrongObject, "count(*) must be used to call a parameterless aggregate function")
        }
        name if name != "count" && everything && aggregates::is_aggregate(name) => {
            ControlFlow::Break(Box::new(missing::function::<&str>(name, &[])))
        }
        _ => ControlFlow::Continue(()),
    }
}
