//! Views that show rows of one relation as they are, of which each row of the view is one row of the relation: PostgreSQL's
//! "automatically updatable" views. What such a view is, is told by its text and the catalogue alone.

use super::super::super::context::Context;
use super::super::super::names;
use super::super::super::parser::{self, fold, last, quoted};
use super::super::super::rewrite::{Beyond, has, inline, view_columns};
use crate::catalog::{Object, ObjectId, Returns, View};
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{
    self, Expr, GroupByExpr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
};
use std::ops::ControlFlow;

/// Why a view is none of these, or a column of one is not the relation's: PostgreSQL's words.
pub type Why = &'static str;

const NO_SINGLE: Why = "Views that do not select from a single table or view are not automatically updatable.";
const NO_COLUMNS: Why = "Views that have no updatable columns are not automatically updatable.";
const NO_COLUMN: Why = "View columns that are not columns of their base relation are not updatable.";
const WHOLE_ROW: Why = "View columns that return whole-row references are not updatable.";

/// Such a view.
#[derive(Debug, Clone)]
pub struct Simple {
    /// Its query, with all columns named.
    pub query: Query,
    /// What it reads.
    pub relation: ObjectId,
    /// Schema and name of that.
    pub name: (String, String),
    /// What the query calls it.
    pub alias: Ident,
    /// Its columns.
    pub columns: Vec<Shown>,
}

/// A column of such a view.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// The column of the relation that it is, or why it is none.
    pub of: std::result::Result<String, Why>,
    /// What it is computed from.
    pub expression: Expr,
}

impl Simple {
    /// What the view's query reads and shows; or why nothing can be written through it. `context` is the one that the query is
    /// planned in.
    pub fn of(context: &Context, view: &View) -> Result<std::result::Result<Self, Why>> {
        let mut query = parser::query(&view.query)?;
        // Parentheses around it say nothing.
        let limits = |query: &Query| query.limit_clause.is_some() || query.fetch.is_some();
        while let SetExpr::Query(inner) = query.body.as_ref()
            && query.with.is_none()
            && !limits(&query)
        {
            query = (**inner).clone();
        }
        if query.with.is_some() {
            return Ok(Err("Views containing WITH are not automatically updatable."));
        }
        let limited = limits(&query);
        let select = match query.body.as_mut() {
            SetExpr::Select(select) => select,
            SetExpr::SetOperation { .. } => {
                return Ok(Err("Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable."));
            }
            _ if limited => return Ok(Err("Views containing LIMIT or OFFSET are not automatically updatable.")),
            _ => return Ok(Err(NO_SINGLE)),
        };
        if let Some(why) = gathers(context, select, limited) {
            return Ok(Err(why));
        }
        let Some((written, alias)) = single(select) else { return Ok(Err(NO_SINGLE)) };
        let (schema, name) = parser::split(&written)?;
        let (schema, name) = context.resolve(schema.as_deref(), &name);
        let (relation, own) = match context.snapshot.catalog.relation(&schema, &name) {
            Some((id, Object::Table(table))) if table.materialized.is_none() => {
                (id, table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>())
            }
            Some((id, Object::View(inner))) => (id, view_columns(inner, context).unwrap_or_default()),
            _ => return Ok(Err(NO_SINGLE)),
        };
        // Columns may have other names within the query.
        let renamed: Vec<String> = alias.columns.iter().map(|column| fold(&column.name)).collect();
        let called = |at: usize| renamed.get(at).unwrap_or(&own[at]);
        select.projection = spelled_out(std::mem::take(&mut select.projection), (0..own.len()).map(called));
        let find = |name: &Ident| (0..own.len()).find(|at| *called(*at) == fold(name)).map(|at| own[at].clone());
        let columns = select.projection.iter().enumerate().filter_map(|(at, item)| {
            let (given, expression) = match item {
                SelectItem::UnnamedExpr(expression) => (names::name(expression), expression),
                SelectItem::ExprWithAlias { expr, alias } => (fold(alias), expr),
                _ => return None,
            };
            let name = view.columns.get(at).cloned().unwrap_or(given);
            Some(Shown { name, of: column(expression, &alias.name, &find), expression: expression.clone() })
        });
        let columns: Vec<Shown> = columns.collect();
        if columns.len() != select.projection.len() {
            return Ok(Err(NO_SINGLE));
        }
        Ok(Ok(Self { relation, name: (schema, name), alias: alias.name, columns, query }))
    }

    /// Why no row can be put in or changed through it though rows can be removed, if so.
    pub fn must_have_columns(&self) -> std::result::Result<(), Why> {
        match self.columns.iter().any(|column| column.of.is_ok()) {
            true => Ok(()),
            false => Err(NO_COLUMNS),
        }
    }

    /// The place of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Why a row of the view is not one of a relation, in PostgreSQL's order.
fn gathers(context: &Context, select: &Select, limited: bool) -> Option<Why> {
    let is_grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, more) => !keys.is_empty() || !more.is_empty(),
    };
    let has = |what: Beyond| {
        select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => {
                has(expression, what) || what == Beyond::Rows && calls_for_rows(context, expression)
            }
            _ => false,
        })
    };
    Some(match () {
        () if select.distinct.is_some() => "Views containing DISTINCT are not automatically updatable.",
        () if is_grouped => "Views containing GROUP BY are not automatically updatable.",
        () if select.having.is_some() => "Views containing HAVING are not automatically updatable.",
        () if limited => "Views containing LIMIT or OFFSET are not automatically updatable.",
        () if has(Beyond::Aggregate) => "Views that return aggregate functions are not automatically updatable.",
        () if has(Beyond::Window) => "Views that return window functions are not automatically updatable.",
        () if has(Beyond::Rows) => "Views that return set-returning functions are not automatically updatable.",
        () => return None,
    })
}

/// Whether a function in SQL that gives rows is called.
fn calls_for_rows(context: &Context, expression: &Expr) -> bool {
    let gives_rows = |function: &crate::catalog::Function| !matches!(function.returns, Returns::Value(_));
    let found = ast::visit_expressions(expression, |part| match part {
        Expr::Function(call) if inline::find(context, &call.name).is_some_and(gives_rows) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// The one relation of FROM, and what it is called there.
fn single(select: &Select) -> Option<(ast::ObjectName, ast::TableAlias)> {
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, alias, args: None, sample: None, with_ordinality: false, .. } = &from.relation
    else {
        return None;
    };
    // A moment of the past is no place to write to.
    let is_past = name.0.iter().filter_map(|part| part.as_ident()).any(|part| parser::split_off(&part.value).is_some());
    if is_past || !from.joins.is_empty() {
        return None;
    }
    let own = || ast::TableAlias { explicit: true, name: quoted(&last(name)), columns: Vec::new(), at: None };
    Some((name.clone(), alias.clone().unwrap_or_else(own)))
}

/// Items with the columns in place of `*`.
fn spelled_out<'a>(items: Vec<SelectItem>, columns: impl Iterator<Item = &'a String> + Clone) -> Vec<SelectItem> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        match &item {
            SelectItem::Wildcard(_)
            | SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), _) => {
                all.extend(columns.clone().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(quoted(name)))));
            }
            _ => all.push(item),
        }
    }
    all
}

/// The column of the relation that an expression is.
fn column(
    expression: &Expr,
    alias: &Ident,
    find: &impl Fn(&Ident) -> Option<String>,
) -> std::result::Result<String, Why> {
    match expression {
        Expr::Nested(inner) => column(inner, alias, find),
        Expr::Identifier(name) => match find(name) {
            Some(column) => Ok(column),
            None if fold(name) == fold(alias) => Err(WHOLE_ROW),
            None => Err(NO_COLUMN),
        },
        Expr::CompoundIdentifier(path) => match path.as_slice() {
            [.., relation, name] if fold(relation) == fold(alias) => find(name).ok_or(NO_COLUMN),
            _ => Err(NO_COLUMN),
        },
        _ => Err(NO_COLUMN),
    }
}
