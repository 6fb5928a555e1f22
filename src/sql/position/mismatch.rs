//! Where the expression is that has another type than its place takes (42804).
//!
//! The error names the column, the clause or the construct, and both types; the statement, parsed once more, says where that is.
//! Where several expressions could be meant there is no place.

use super::super::parser::{self, Body, fold};
use datafusion::sql::sqlparser::ast::{
    self, AssignmentTarget, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Select,
    SelectItem, SetExpr, Spanned, Statement, UnaryOperator, Value, Visit, Visitor,
};
use std::ops::ControlFlow;

/// The byte of `text`, a statement, at which the expression begins that `message` speaks of.
pub fn place(text: &str, message: &str) -> Option<usize> {
    let statement = parser::parse(text).ok()?.into_iter().next()?;
    let Body::Sql(statement) = statement.body else { return None };
    let found = match message.strip_prefix("column \"") {
        Some(rest) => assigned(&statement, rest.split('"').next()?),
        None => {
            let mut search = Search { wanted: wanted(message)?, found: Vec::new() };
            let _ = statement.visit(&mut search);
            search.found.into_iter().next()
        }
    };
    let start = found?.span().start;
    let line = text.split_inclusive('\n').take(usize::try_from(start.line).ok()?.checked_sub(1)?).map(str::len).sum();
    let column = usize::try_from(start.column).ok()?.checked_sub(1)?;
    text.get(line..)?.char_indices().nth(column).map(|(at, _)| line + at)
}

/// What is assigned to a column.
fn assigned(statement: &Statement, column: &str) -> Option<Expr> {
    match statement {
        Statement::Insert(insert) => {
            let at = insert.columns.iter().position(|name| parser::last(name) == column)?;
            match insert.source.as_ref()?.body.as_ref() {
                SetExpr::Values(values) => values.rows.first()?.content.get(at).cloned(),
                SetExpr::Select(select) => item(select, at),
                _ => None,
            }
        }
        Statement::Update(update) => update.assignments.iter().find_map(|assignment| match &assignment.target {
            AssignmentTarget::ColumnName(name) if parser::last(name) == column => Some(assignment.value.clone()),
            _ => None,
        }),
        _ => None,
    }
}

fn item(select: &Select, at: usize) -> Option<Expr> {
    match select.projection.get(at)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
        _ => None,
    }
}

/// What a message speaks of.
enum Wanted {
    Where,
    Having,
    Not,
    Logic(BinaryOperator),
    When,
    Union,
    Array,
    Case,
    /// COALESCE and its like, by name.
    Call(String),
}

fn wanted(message: &str) -> Option<Wanted> {
    let mut words = message.split(' ');
    if let Some(rest) = message.strip_prefix("argument of ") {
        return Some(match rest.split(' ').next()? {
            "WHERE" => Wanted::Where,
            "HAVING" => Wanted::Having,
            "NOT" => Wanted::Not,
            "AND" => Wanted::Logic(BinaryOperator::And),
            "OR" => Wanted::Logic(BinaryOperator::Or),
            "CASE/WHEN" => Wanted::When,
            _ => return None,
        });
    }
    let (first, second) = (words.next()?, words.next()?);
    match (first, second) {
        ("UNION" | "INTERSECT" | "EXCEPT", "types") => Some(Wanted::Union),
        ("ARRAY", "types") => Some(Wanted::Array),
        ("CASE", "types") => Some(Wanted::Case),
        ("COALESCE" | "GREATEST" | "LEAST" | "NULLIF", "types") => Some(Wanted::Call(first.to_lowercase())),
        _ => None,
    }
}

struct Search {
    wanted: Wanted,
    found: Vec<Expr>,
}

impl Visitor for Search {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let found = match (&self.wanted, expr) {
            (Wanted::Not, Expr::UnaryOp { op: UnaryOperator::Not, expr }) => Some(expr.as_ref().clone()),
            (Wanted::Logic(op), Expr::BinaryOp { left, op: said, right }) if op == said => {
                [left, right].into_iter().find(|side| is_plain(side)).map(|side| side.as_ref().clone())
            }
            (Wanted::When, Expr::Case { conditions, operand: None, .. }) => {
                conditions.iter().map(|when| &when.condition).find(|condition| is_plain(condition)).cloned()
            }
            (Wanted::Array, Expr::Array(array)) => second(&array.elem),
            (Wanted::Case, Expr::Case { conditions, else_result, .. }) => {
                let results: Vec<Expr> = conditions.iter().map(|when| when.result.clone()).collect();
                // The types of all are made one with that of ELSE first.
                second(&else_result.iter().map(|last| last.as_ref().clone()).chain(results).collect::<Vec<_>>())
            }
            (Wanted::Call(name), Expr::Function(call))
                if call.name.0.last().and_then(|part| part.as_ident()).map(fold).as_ref() == Some(name) =>
            {
                let FunctionArguments::List(list) = &call.args else { return ControlFlow::Continue(()) };
                let args = list.args.iter().filter_map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                    _ => None,
                });
                second(&args.collect::<Vec<_>>())
            }
            _ => None,
        };
        self.found.extend(found);
        ControlFlow::Continue(())
    }
}

impl Search {
    fn body(&mut self, body: &SetExpr) {
        match (&self.wanted, body) {
            (Wanted::Where, SetExpr::Select(select)) => self.found.extend(select.selection.clone()),
            (Wanted::Having, SetExpr::Select(select)) => self.found.extend(select.having.clone()),
            (Wanted::Union, SetExpr::SetOperation { right, .. }) => {
                if let SetExpr::Select(select) = right.as_ref()
                    && select.projection.len() == 1
                {
                    self.found.extend(item(select, 0));
                }
            }
            (_, SetExpr::SetOperation { left, right, .. }) => {
                self.body(left);
                self.body(right);
            }
            _ => {}
        }
    }
}

/// The second of two; of more, one cannot tell which differs.
fn second(all: &[Expr]) -> Option<Expr> {
    match all {
        [_, second] => Some(second.clone()),
        _ => None,
    }
}

/// Whether an expression is a value and no condition.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Boolean(_) | Value::Null),
        Expr::Nested(inner) => is_plain(inner),
        Expr::BinaryOp { op, .. } => {
            use ast::BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus, StringConcat};
            matches!(op, Plus | Minus | Multiply | Divide | Modulo | StringConcat)
        }
        _ => false,
    }
}
