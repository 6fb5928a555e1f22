//! The name of a relation where no column has it: its rows. Among the values of a query, counted (`count(t)`), and with a column's name
//! behind it (`(t).a`).

use super::super::parser::{fold, last};
use super::super::planner::parse_expression;
use super::{Relation, Scope, level};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    JoinOperator, Query, Select, SelectItem, TableFactor, TableWithJoins, Visit, Visitor, visit_expressions,
};
use std::ops::ControlFlow;

/// Whether a query may have one.
pub fn is_in(query: &Query) -> bool {
    struct Look;
    impl Visitor for Look {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let factors = select.from.iter().flat_map(factors);
            let called: Vec<String> = factors.filter_map(name_of).collect();
            let named = |item: &SelectItem| name(item).is_some_and(|name| called.contains(&fold(name)));
            let cast = visit_expressions(&select.projection, |part| match cast_of(part) {
                Some(name) if called.contains(&fold(name)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            });
            match select.projection.iter().any(named) || cast.is_break() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match field_of(expression).is_some() || counted(expression).is_some() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Look).is_break()
}

/// The name in parentheses of which an expression takes a column, and the column.
fn field_of(expression: &Expr) -> Option<(&Ident, &Ident)> {
    let Expr::CompoundFieldAccess { root, access_chain } = expression else { return None };
    let [AccessExpr::Dot(Expr::Identifier(column))] = access_chain.as_slice() else { return None };
    let mut inner = root.as_ref();
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    if let Expr::Identifier(name) = inner { Some((name, column)) } else { None }
}

/// The name that a cast is of.
fn cast_of(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Cast { expr, .. } => match expr.as_ref() {
            Expr::Identifier(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// The name that `count` has for its argument.
fn counted(expression: &Expr) -> Option<(&Ident, bool)> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expression else { return None };
    if last(name) != "count" {
        return None;
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name)))] => Some((name, distinct)),
        [FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name))] => {
            Some((name.0.last()?.as_ident()?, distinct))
        }
        _ => None,
    }
}

/// `(t).a` of a relation is `t.a`.
pub(super) fn field(expression: &mut Expr, scopes: &[Scope]) {
    let Some((name, column)) = field_of(expression) else { return };
    let wanted = fold(name);
    for scope in scopes.iter().rev() {
        if has_column(scope, &wanted) {
            return;
        }
        if scope.iter().flatten().any(|(called, _, _)| *called == wanted) {
            *expression = Expr::CompoundIdentifier(vec![name.clone(), column.clone()]);
            return;
        }
    }
}

fn has_column(scope: &[Option<Relation>], wanted: &str) -> bool {
    scope.iter().any(|relation| match relation {
        Some((_, Some(columns), _)) => columns.iter().any(|column| column == wanted),
        _ => true,
    })
}

/// `count(t)` counts the rows of a relation that no outer join adds to; those of `count(DISTINCT t)` are compared.
fn count_rows(select: &mut Select, scope: &[Option<Relation>]) {
    let outer = select.from.iter().flat_map(|item| &item.joins).any(|join| {
        !matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_))
    });
    if outer {
        return;
    }
    let mut each = |expression: &mut Expr| {
        let Some((wanted, distinct)) = counted(expression).map(|(name, distinct)| (fold(name), distinct)) else {
            return;
        };
        let found = scope.iter().flatten().find(|(called, _, _)| *called == wanted);
        let Some((called, Some(columns), _)) = found.filter(|_| !has_column(scope, &wanted)) else { return };
        let rows = match distinct {
            true => row(called, columns).map(FunctionArgExpr::Expr),
            false => Some(FunctionArgExpr::Wildcard),
        };
        if let (Some(rows), Expr::Function(Function { args: FunctionArguments::List(list), .. })) = (rows, expression) {
            list.args = vec![FunctionArg::Unnamed(rows)];
        }
    };
    level::change(&mut select.projection, &mut each);
    level::change(&mut select.having, &mut each);
}

fn row(called: &str, columns: &[String]) -> Option<Expr> {
    let quoted = |name: &str| Ident::with_quote('"', name).to_string();
    let each: Vec<String> = columns.iter().map(|column| format!("{}.{}", quoted(called), quoted(column))).collect();
    parse_expression(&format!("ROW({})", each.join(", "))).ok()
}

fn factors(item: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
}

fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(fold(&alias.name))
        }
        TableFactor::Table { name, args: None, .. } => Some(last(name)),
        _ => None,
    }
}

fn name(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name))
        | SelectItem::ExprWithAlias { expr: Expr::Identifier(name), .. } => Some(name),
        _ => None,
    }
}

/// `t::text` of a relation is its row's.
fn cast_rows(select: &mut Select, scope: &[Option<Relation>]) {
    level::change(&mut select.projection, |expression| {
        let Some(wanted) = cast_of(expression).map(fold) else { return };
        let found = scope.iter().flatten().find(|(called, _, _)| *called == wanted);
        let Some((called, Some(columns), _)) = found.filter(|_| !has_column(scope, &wanted)) else { return };
        if let (Some(row), Expr::Cast { expr, .. }) = (row(called, columns), expression) {
            **expr = row;
        }
    });
}

/// Writes out the rows of the relations that are named so.
pub(super) fn spell_out(select: &mut Select, scope: &[Option<Relation>]) {
    count_rows(select, scope);
    cast_rows(select, scope);
    for item in &mut select.projection {
        let Some(wanted) = name(item).map(fold) else { continue };
        let found = scope.iter().flatten().find(|(called, _, _)| *called == wanted);
        let Some((called, Some(columns), _)) = found.filter(|_| !has_column(scope, &wanted)) else { continue };
        let Some(row) = row(called, columns) else { continue };
        *item = match std::mem::replace(item, SelectItem::Wildcard(Default::default())) {
            SelectItem::ExprWithAlias { alias, .. } => SelectItem::ExprWithAlias { expr: row, alias },
            _ => SelectItem::ExprWithAlias { expr: row, alias: Ident::with_quote('"', wanted) },
        };
    }
}
