//! Aggregates and windows in an expression, as far as its text tells.

use super::super::parser::last;
use super::level;
use datafusion::sql::sqlparser::ast::{Expr, Function};

/// Functions that make one value of many.
const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "array_agg",
    "string_agg",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "bool_and",
    "bool_or",
    "every",
    "bit_and",
    "bit_or",
    "bit_xor",
    "variance",
    "corr",
    "mode",
    "first_value",
    "last_value",
    "nth_value",
    "median",
    "grouping",
];
/// How the names of others begin.
const FAMILIES: [&str; 6] = ["stddev", "var_", "covar", "regr_", "percentile", "approx_"];

/// Whether an expression has an aggregate or a window in it; those of queries within it do not count.
pub fn are_in(expression: &Expr) -> bool {
    any(expression, |call| call.over.is_some() || is_aggregate(&last(&call.name)))
}

/// Whether an expression is itself a call of an aggregate, over a window or not.
pub fn is_one(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(call) if is_aggregate(&last(&call.name)))
}

/// Whether a call makes one value of the rows of its own query.
pub fn gathers(call: &Function) -> bool {
    call.over.is_none() && (!call.within_group.is_empty() || is_aggregate(&last(&call.name)))
}

/// Whether it has one of these, or a function that gives rows.
pub fn or_rows_are_in(expression: &Expr) -> bool {
    let gives_rows = |call: &Function| super::sets::gives_rows(&call.name);
    are_in(expression) || any(expression, gives_rows)
}

/// What an expression makes of more rows than its own, or more rows of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// One value of many rows.
    Aggregate,
    /// A value of rows around.
    Window,
    /// Many rows of one.
    Rows,
}

/// Whether an expression has this in it; queries within it do not count.
pub fn has(expression: &Expr, what: Beyond) -> bool {
    any(expression, |call| is(call, what))
}

/// Whether a call is this.
pub fn is(call: &Function, what: Beyond) -> bool {
    match what {
        Beyond::Aggregate => gathers(call),
        Beyond::Window => call.over.is_some(),
        Beyond::Rows => super::sets::gives_rows(&call.name),
    }
}

/// Whether a function of this name makes one value of many.
pub fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn any(expression: &Expr, is: impl Fn(&Function) -> bool) -> bool {
    let mut found = false;
    level::change(&mut expression.clone(), |part| {
        if let Expr::Function(call) = &*part {
            found |= is(call);
        }
    });
    found
}
