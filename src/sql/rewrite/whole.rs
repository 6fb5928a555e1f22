//! The name of a relation where no column has it: its rows. Among the values of a query, counted (`count(t)`), gathered, cast, tested for
//! NULL, with a column's name behind it (`(t).a`), and as a [value](super::composite).

use super::super::parser::{fold, last};
use super::super::planner::parse_expression;
use super::composite::{self, Composites};
use super::{Relation, Scope, filled, level};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    OrderByExpr, Select, SelectItem, TableFactor, Visit, Visitor,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Whether there may be one in `node`.
pub fn is_in(node: &impl Visit) -> bool {
    /// What the relations are called that were met.
    #[derive(Default)]
    struct Look(HashSet<String>);
    impl Look {
        fn knows(&self, name: Option<&Ident>) -> bool {
            name.is_some_and(|name| self.0.contains(&fold(name)))
        }
    }
    impl Visitor for Look {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.0.extend(filled::factors(select).into_iter().filter_map(name_of));
            match select.projection.iter().any(|item| self.knows(name(item))) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            let taken = taken(expression).map(|(name, _)| name);
            let values = composite::parts(expression).into_iter().map(composite::said);
            let mut named = [cast_of(expression), tested(expression), taken].into_iter().chain(values);
            match field_of(expression).is_some() || named.any(|name| self.knows(name)) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(node, &mut Look::default()).is_break()
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

/// The name that IS NULL or IS NOT NULL is said of.
fn tested(expression: &Expr) -> Option<&Ident> {
    let (Expr::IsNull(of) | Expr::IsNotNull(of)) = expression else { return None };
    composite::said(of)
}

/// The name that `count` or `array_agg` has for its argument, and whether it is about what the rows are.
fn taken(expression: &Expr) -> Option<(&Ident, bool)> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expression else { return None };
    let gathers = match last(name).as_str() {
        "count" => false,
        "array_agg" => true,
        _ => return None,
    };
    let rows = gathers || list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name)))] => Some((name, rows)),
        [FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name))] => Some((name.0.last()?.as_ident()?, rows)),
        _ => None,
    }
}

/// `t.*` as an argument is the name alone: it says that no column is meant.
pub(super) fn named_alone(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = argument
            && let Some(name) = name.0.last().and_then(|part| part.as_ident()).cloned()
        {
            *argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name)));
        }
    }
}

/// `(t).a` of a relation is `t.a`.
pub(super) fn field(expression: &mut Expr, scopes: &[Scope]) {
    let Some((name, column)) = field_of(expression) else { return };
    if meant(name, scopes).is_some() {
        *expression = Expr::CompoundIdentifier(vec![name.clone(), column.clone()]);
    }
}

/// `t IS NULL` holds where all columns of a row are NULL, `t IS NOT NULL` where none is; of a row that was not met all are.
pub(super) fn test(expression: &mut Expr, scopes: &[Scope]) {
    let Some(relation) = tested(expression).and_then(|name| meant(name, scopes)) else { return };
    let test = if matches!(expression, Expr::IsNull(_)) { "IS NULL" } else { "IS NOT NULL" };
    let each: Option<Vec<String>> =
        columns(relation).map(|columns| columns.map(|column| format!("{column} {test}")).collect());
    if let Some(all) = each.and_then(|each| parse_expression(&format!("({})", each.join(" AND "))).ok()) {
        *expression = all;
    }
}

/// The relation of the nearest query that a name means.
fn meant<'s>(name: &Ident, scopes: &'s [Scope]) -> Option<&'s Relation> {
    let wanted = fold(name);
    for scope in scopes.iter().rev() {
        if has_column(scope, &wanted) {
            return None;
        }
        let found = scope.iter().flatten().find(|relation| relation.called == wanted);
        if found.is_some() {
            return found;
        }
    }
    None
}

pub(super) fn has_column(scope: &[Option<Relation>], wanted: &str) -> bool {
    scope.iter().any(|relation| match relation {
        Some(relation @ Relation { columns: Some(_), .. }) => relation.has(wanted),
        _ => true,
    })
}

/// The relation of a query whose name means its rows.
pub(super) fn whole<'s>(wanted: &str, scope: &'s [Option<Relation>]) -> Option<&'s Relation> {
    let found = scope.iter().flatten().find(|relation| relation.called == wanted);
    found.filter(|_| !has_column(scope, wanted))
}

/// `count(t)` counts the rows of a relation that were met; those of `count(DISTINCT t)` are compared, and those of `array_agg(t)` gathered.
fn take_rows(expression: &mut Expr, scope: &[Option<Relation>]) {
    let Some((wanted, rows)) = taken(expression).map(|(name, rows)| (fold(name), rows)) else { return };
    let Some(relation) = whole(&wanted, scope) else { return };
    let argument = match rows {
        true => row(relation).map(FunctionArgExpr::Expr),
        false => Some(filled::met(relation).map_or(FunctionArgExpr::Wildcard, FunctionArgExpr::Expr)),
    };
    if let (Some(argument), Expr::Function(Function { args: FunctionArguments::List(list), .. })) =
        (argument, expression)
    {
        list.args = vec![FunctionArg::Unnamed(argument)];
    }
}

/// `t::text` of a relation is its row's.
fn cast_row(expression: &mut Expr, scope: &[Option<Relation>]) {
    let row = cast_of(expression).and_then(|name| row(whole(&fold(name), scope)?));
    if let (Some(row), Expr::Cast { expr, .. }) = (row, expression) {
        **expr = row;
    }
}

/// The row of a relation, NULL where none was met.
pub(super) fn row(relation: &Relation) -> Option<Expr> {
    let each: Vec<String> = columns(relation)?.collect();
    let row = parse_expression(&format!("ROW({})", each.join(", "))).ok()?;
    Some(filled::where_met(relation, row))
}

/// The columns of a relation, with its name.
pub(super) fn columns(relation: &Relation) -> Option<impl Iterator<Item = String>> {
    let quoted = |name: &str| Ident::with_quote('"', name).to_string();
    let column = move |column: &String| format!("{}.{}", quoted(&relation.called), quoted(column));
    relation.columns.as_ref().map(|columns| columns.iter().map(column))
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

/// Writes out the rows of the relations that are named so. `keys` are those of the query's ORDER BY, `around` the relations of the queries
/// that it is in.
pub(super) fn spell_out(select: &mut Select, keys: &mut [OrderByExpr], scope: &[Option<Relation>], around: &[Scope]) {
    let composites = Composites { scope, around };
    let mut each = |expression: &mut Expr| {
        composites.write_out(expression);
        take_rows(expression, scope);
        cast_row(expression, scope);
    };
    level::change(select, &mut each);
    for key in keys {
        level::change(&mut key.expr, &mut each);
    }
    for item in &mut select.projection {
        let Some(wanted) = name(item).map(fold) else { continue };
        let Some(row) = whole(&wanted, scope).and_then(row) else { continue };
        *item = match std::mem::replace(item, SelectItem::Wildcard(Default::default())) {
            SelectItem::ExprWithAlias { alias, .. } => SelectItem::ExprWithAlias { expr: row, alias },
            _ => SelectItem::ExprWithAlias { expr: row, alias: Ident::with_quote('"', wanted) },
        };
    }
}
