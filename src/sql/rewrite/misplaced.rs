//! Calls where no row, or no single one, is to be had: functions that make many rows of one in clauses that look at one row, and window
//! functions within each other.

use super::aggregates::{self, Beyond};
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, JoinConstraint, LimitClause, Query, Select, SetExpr, Visit, Visitor, WindowSpec,
    WindowType,
};
use std::ops::ControlFlow;

/// What is said of a window function among the arguments of another.
pub const WITHIN_WINDOW: &str = "window function calls cannot be nested";
/// What is said of one in the definition of a window.
pub const DEFINES_WINDOW: &str = "window functions are not allowed in window definitions";
/// What is said of one among the arguments of an aggregate.
pub const WITHIN_AGGREGATE: &str = "aggregate function calls cannot contain window function calls";
/// How it begins what is said of an aggregate at the wrong place.
pub const AGGREGATES: &str = "aggregate functions are not allowed in ";
/// Of a window function.
pub const WINDOWS: &str = "window functions are not allowed in ";
/// Of a function that gives rows.
pub const ROWS: &str = "set-returning functions are not allowed in ";
/// How it ends, where a call takes one value.
pub const ROWS_WITHIN: &str = "function calls cannot contain set-returning function calls";

const ALL: [Beyond; 3] = [Beyond::Aggregate, Beyond::Window, Beyond::Rows];

type Found = ControlFlow<Box<Error>>;

/// In LIMIT and OFFSET.
pub fn bounds(query: &Query) -> Found {
    let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause else {
        return ControlFlow::Continue(());
    };
    limit.iter().try_for_each(|bound| none_of(&ALL, bound, "LIMIT"))?;
    offset.iter().try_for_each(|bound| none_of(&ALL, &bound.value, "OFFSET"))
}

/// In the rows of VALUES.
pub fn values(body: &SetExpr) -> Found {
    let SetExpr::Values(values) = body else { return ControlFlow::Continue(()) };
    let mut all = values.rows.iter().flat_map(|row| &row.content);
    all.try_for_each(|value| none_of(&[Beyond::Aggregate, Beyond::Window], value, "VALUES"))
}

/// In the conditions of a SELECT.
pub fn conditions(select: &Select) -> Found {
    select.selection.iter().try_for_each(|condition| none_of(&[Beyond::Rows], condition, "WHERE"))?;
    select.having.iter().try_for_each(|condition| none_of(&[Beyond::Window, Beyond::Rows], condition, "HAVING"))?;
    let mut joins = select.from.iter().flat_map(|item| &item.joins);
    joins.try_for_each(|join| match super::join_constraint(&join.join_operator) {
        Some(JoinConstraint::On(condition)) => none_of(&ALL, condition, "JOIN conditions"),
        _ => ControlFlow::Continue(()),
    })
}

/// In an expression that takes one value.
pub fn within(expr: &Expr) -> Found {
    match expr {
        Expr::Case { .. } => none_of(&[Beyond::Rows], expr, "CASE"),
        Expr::Function(call) => called(call),
        _ => ControlFlow::Continue(()),
    }
}

fn called(call: &Function) -> Found {
    call.filter.iter().try_for_each(|condition| none_of(&ALL, condition, "FILTER"))?;
    let FunctionArguments::List(list) = &call.args else { return ControlFlow::Continue(()) };
    if super::last(&call.name) == "coalesce" && has(&list.args, Beyond::Rows) {
        return rows(format!("{ROWS}COALESCE"));
    }
    let window = call.over.is_some();
    if !window && !aggregates::gathers(call) {
        return ControlFlow::Continue(());
    }
    if has(&list.args, Beyond::Rows) {
        let kind = if window { "window" } else { "aggregate" };
        return rows(format!("{kind} {ROWS_WITHIN}"));
    }
    if has(&list.args, Beyond::Window) {
        return match window {
            true => refuse(Kind::Windowing, WITHIN_WINDOW),
            false => refuse(Kind::Grouping, WITHIN_AGGREGATE),
        };
    }
    match &call.over {
        Some(WindowType::WindowSpec(WindowSpec { partition_by, order_by, .. }))
            if has(partition_by, Beyond::Window) || has(order_by, Beyond::Window) =>
        {
            refuse(Kind::Windowing, DEFINES_WINDOW)
        }
        _ => ControlFlow::Continue(()),
    }
}

fn none_of(refused: &[Beyond], part: &Expr, clause: &str) -> Found {
    match refused.iter().find(|what| has(part, **what)) {
        Some(Beyond::Aggregate) => refuse(Kind::Grouping, &format!("{AGGREGATES}{clause}")),
        Some(Beyond::Window) => refuse(Kind::Windowing, &format!("{WINDOWS}{clause}")),
        Some(Beyond::Rows) => rows(format!("{ROWS}{clause}")),
        None => ControlFlow::Continue(()),
    }
}

fn rows(message: String) -> Found {
    let hint = "You might be able to move the set-returning function into a LATERAL FROM item.";
    ControlFlow::Break(Box::new(Error::new(Kind::Unsupported, message).with_hint(hint)))
}

fn refuse(kind: Kind, message: &str) -> Found {
    ControlFlow::Break(Box::new(Error::new(kind, message)))
}

/// Whether such a call is in a part; queries within it do not count.
fn has(part: &impl Visit, what: Beyond) -> bool {
    part.visit(&mut Look { what, depth: 0 }).is_break()
}

struct Look {
    what: Beyond,
    /// Queries around an expression.
    depth: usize,
}

impl Visitor for Look {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(call) if self.depth == 0 && aggregates::is(call, self.what) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}
