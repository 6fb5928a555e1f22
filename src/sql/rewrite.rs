//! What a query means before it is planned: a relation's name as an argument means its row.
//!
//! `QUALITY(p)` and `PREDICT_CTR(p)` take a whole row of the relation that FROM calls `p`, as PostgreSQL's functions
//! over composite types do. The engine knows no such argument; it becomes a struct of the relation's columns.

use super::context::Context;
use super::functions;
use crate::catalog::Object;
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, Select, SetExpr, TableFactor,
    TableWithJoins, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// The query with rows in place of names of relations.
pub fn query(mut query: Query, context: &Context) -> Result<Query> {
    let mut rewriter = Rewriter { context, scopes: Vec::new() };
    let _ = VisitMut::visit(&mut query, &mut rewriter);
    Ok(query)
}

/// The relations of one SELECT by the name FROM gives them, with their columns.
type Scope = Vec<(String, Option<Vec<String>>, String)>;

struct Rewriter<'a> {
    context: &'a Context,
    scopes: Vec<Scope>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut scope = Vec::new();
        collect(&query.body, self.context, &mut scope);
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        name_to_call(expression);
        if let Expr::Function(function) = expression
            && functions::takes_row(&function.name.to_string())
        {
            self.rows_for_names(function);
        }
        ControlFlow::Continue(())
    }
}

/// `current_role` and its like are functions that the standard writes without parentheses.
fn name_to_call(expression: &mut Expr) {
    const NAMES: &[&str] = &[
        "current_role",
        "current_user",
        "session_user",
        "user",
        "current_schema",
        "current_catalog",
        "current_database",
    ];
    if let Expr::Identifier(ident) = expression
        && ident.quote_style.is_none()
        && let Some(name) = NAMES.iter().find(|name| ident.value.eq_ignore_ascii_case(name))
    {
        *expression = functions::call(name, Vec::new());
    }
}

/// An expression outside of a query with the same rewriting.
pub fn expression(mut expression: Expr) -> Expr {
    let _ = datafusion::sql::sqlparser::ast::visit_expressions_mut(&mut expression, |e| {
        name_to_call(e);
        ControlFlow::<()>::Continue(())
    });
    expression
}

impl Rewriter<'_> {
    fn rows_for_names(&self, function: &mut Function) {
        let FunctionArguments::List(list) = &mut function.args else { return };
        for argument in &mut list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument else { continue };
            let Expr::Identifier(name) = expression else { continue };
            let wanted = normalized(name);
            let found = self.scopes.iter().rev().flatten().find(|(relation, _, _)| *relation == wanted);
            if let Some((_, Some(columns), relation)) = found {
                *expression = row(name, columns, relation);
            }
        }
    }
}

/// `named_struct('\u{1}relation', 'schema.name', 'a', p.a, 'b', p.b, ...)`.
fn row(relation: &Ident, columns: &[String], asset: &str) -> Expr {
    let text = |value: &str| Expr::Value(Value::SingleQuotedString(value.to_owned()).into());
    let mut args = vec![text(functions::ROW_OF), text(asset)];
    for column in columns {
        args.push(text(column));
        args.push(Expr::CompoundIdentifier(vec![relation.clone(), Ident::with_quote('"', column)]));
    }
    functions::call("named_struct", args)
}

fn normalized(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

fn collect(body: &SetExpr, context: &Context, scope: &mut Scope) {
    if let SetExpr::Select(select) = body {
        from(select, context, scope);
    }
}

fn from(select: &Select, context: &Context, scope: &mut Scope) {
    let mut add = |factor: &TableFactor| {
        if let TableFactor::Table { name, alias, args: None, .. } = factor {
            let mut parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident()).map(normalized).collect();
            let Some(table) = parts.pop() else { return };
            let (schema, table) = context.resolve(parts.pop().as_deref(), &table);
            let columns = match context.snapshot.catalog.relation(&schema, &table) {
                Some((_, Object::Table(t))) => Some(t.columns.iter().map(|c| c.name.clone()).collect()),
                _ => super::tables::columns_of(context, &schema, &table),
            };
            let called = alias.as_ref().map_or(table.clone(), |alias| normalized(&alias.name));
            scope.push((called, columns, format!("{schema}.{table}")));
        }
    };
    for TableWithJoins { relation, joins } in &select.from {
        add(relation);
        joins.iter().for_each(|join| add(&join.relation));
    }
}
