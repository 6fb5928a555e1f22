//! What a query may not say whatever it is about, and the engine would take or name otherwise.

use super::super::missing;
use super::super::parser::{fold, last};
use super::super::semantics;
use super::aggregates;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, LimitClause, Query, SelectItem,
    SetExpr, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Refuses it, as PostgreSQL does.
pub fn must_not_be(query: &Query) -> Result<()> {
    match query.visit(&mut Misused) {
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

struct Misused;

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
        grouped(&query.body)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        match expr {
            Expr::Function(call) => called(call),
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

fn called(call: &Function) -> Found {
    let name = last(&call.name);
    if call.over.is_some() && semantics::is_scalar(&name) {
        let message = format!("OVER specified, but {name} is not a window function nor an aggregate function");
        return refuse(Kind::WrongObject, message);
    }
    let FunctionArguments::List(list) = &call.args else { return ControlFlow::Continue(()) };
    let counted = list.duplicate_treatment.is_some()
        && list.args.iter().any(|arg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Wildcard)));
    if counted {
        return refuse(Kind::Syntax, "syntax error at or near \"*\"");
    }
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
