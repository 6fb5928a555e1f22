//! What UPDATE must not store: a mask, or what comes of one, in the place of the truth.
//!
//! Looked at by name: a value that names a masked column of its own row, or of a relation in FROM or in a subquery of its own,
//! is refused, and so is one that takes all columns of such a relation, or its row as a whole. Views and functions are looked into: what
//! they name is read. That may refuse a column of the same name that is not masked; it lets no mask through that a relation
//! hands on under its own name, or a view or a function under another.

use super::super::context::Context;
use super::super::parser::{self, Body, fold};
use super::super::rewrite::inline;
use super::super::tables::access;
use super::{Target, Work};
use crate::catalog::{Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{self, Expr, Query, SelectItem, TableFactor, Visit, Visitor};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Refuses `values` of an UPDATE that read masked columns.
pub fn must_not_be_stored(
    work: &Work<'_>,
    target: &Target,
    from: &[ast::TableWithJoins],
    values: &[Expr],
) -> Result<()> {
    let mut read = Read::new(work.context, target);
    let own = masked_of(work, target)?;
    values.iter().for_each(|value| _ = value.visit(&mut read));
    let others = from.get(1..).unwrap_or_default();
    // What FROM reads matters only if a value may be of it.
    if read.of_others {
        others.iter().for_each(|relation| _ = relation.visit(&mut read));
        // So does what WITH reads.
        let with = work.context.with.iter().flat_map(|with| &with.cte_tables);
        with.for_each(|cte| _ = cte.query.visit(&mut read));
    }
    if let Some(error) = read.failed.take() {
        return Err(error);
    }
    let column = read.names.iter().find(|name| own.contains(*name) || read.masked.contains(*name)).cloned();
    let whole = |called: &String| read.names.contains(called);
    let all = read.all || read.called.iter().any(whole);
    let column = column.or_else(|| read.masked.iter().find(|_| all).cloned());
    let column = column.or_else(|| own.iter().find(|_| whole(&fold(&target.called))).cloned());
    match column {
        None => Ok(()),
        Some(column) => {
            let table = &target.face.name;
            let message = format!("column \"{column}\" is masked, and UPDATE of \"{table}\" would store the mask");
            Err(Error::new(Kind::Privilege, message).with_hint(format!(
                "Assign a value that does not read \"{column}\", or run this as a role that sees it plain."
            )))
        }
    }
}

/// The columns that the statement sees and that are masked, or come of what is.
fn masked_of(work: &Work<'_>, target: &Target) -> Result<HashSet<String>> {
    let access = target.access(work)?;
    let is_masked = |at: usize| access.masks.get(at).is_some_and(Option::is_some);
    let Some(through) = &target.through else {
        let columns = target.table.columns.iter().enumerate();
        return Ok(columns.filter(|(at, _)| is_masked(*at)).map(|(_, column)| column.name.clone()).collect());
    };
    // What a view computes with a query of its own may be a mask of another relation.
    for (context, query) in through.queries() {
        let ast::SetExpr::Select(select) = query.body.as_ref() else { continue };
        let mut read = Read { depth: 1, ..Read::new(context, target) };
        select.projection.iter().for_each(|item| _ = item.visit(&mut read));
        if let Some(error) = read.failed.take() {
            return Err(error);
        }
        if !read.masked.is_empty() {
            return Ok(target.face.columns.iter().map(|column| column.name.clone()).collect());
        }
    }
    Ok(through.columns_of(target, is_masked).collect())
}

/// What expressions read.
struct Read<'a> {
    context: &'a Context,
    target: &'a Target,
    /// Whether a name is of another relation than the target.
    of_others: bool,
    /// Names of columns.
    names: HashSet<String>,
    /// Whether all columns of something are read.
    all: bool,
    /// What relations are called: the name alone is the row as a whole.
    called: HashSet<String>,
    /// Masked columns of the relations that are read.
    masked: HashSet<String>,
    /// Queries around what is visited.
    depth: usize,
    failed: Option<Error>,
}

impl<'a> Read<'a> {
    fn new(context: &'a Context, target: &'a Target) -> Self {
        let (names, called, masked) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self { context, target, of_others: false, names, all: false, called, masked, depth: 0, failed: None }
    }

    fn table(&mut self, id: ObjectId, table: &Table) -> Result<()> {
        // Who reads through a view need have no right on the table for its masks to hold: asked as by its owner for who looks.
        let masks = access(&self.context.with_role(table.owner), id, table)?.masks;
        let masked = table.columns.iter().zip(&masks).filter(|(_, mask)| mask.is_some());
        self.masked.extend(masked.map(|(column, _)| column.name.clone()));
        Ok(())
    }

    fn relation(&mut self, name: &ast::ObjectName) -> Result<()> {
        let mut parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
        // The past of a relation is masked as its present is.
        parts.retain(|part| parser::split_off(part).is_none());
        let Some(table) = parts.pop() else { return Ok(()) };
        let schema = parts.pop();
        let (schema, table) = match self.depth {
            0 => self.context.resolve(schema.as_deref(), &table),
            // What a view reads is no temporary relation of the reader's.
            _ => self.context.without_temporary().resolve(schema.as_deref(), &table),
        };
        match self.context.snapshot.catalog.relation(&schema, &table) {
            Some((id, Object::Table(facts))) => self.table(id, facts),
            Some((_, Object::View(view))) if self.depth < DEPTH_MAX => {
                for statement in parser::parse(&view.query)? {
                    if let Body::Sql(statement) = statement.body {
                        self.depth += 1;
                        let _ = statement.visit(self);
                        self.depth -= 1;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a function in SQL reads is read by its caller.
    fn function(&mut self, name: &ast::ObjectName) {
        if self.depth == DEPTH_MAX {
            return;
        }
        let Some(query) = inline::find(self.context, name).map(|function| parser::query(&function.query)) else {
            return;
        };
        match query {
            Ok(query) => {
                self.depth += 1;
                let _ = query.visit(self);
                self.depth -= 1;
            }
            Err(error) => _ = self.failed.get_or_insert(error),
        }
    }
}

/// Views within views, and functions within functions, that are looked into.
const DEPTH_MAX: usize = 32;

impl Visitor for Read<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.function(name);
        }
        if let TableFactor::Table { name, alias, .. } = factor {
            self.called.insert(alias.as_ref().map_or_else(|| parser::last(name), |alias| fold(&alias.name)));
        }
        if let TableFactor::Table { name, .. } = factor
            && let Err(error) = self.relation(name)
        {
            // What may not be read the plan refuses in its own words.
            if error.kind() != Kind::Privilege {
                self.failed.get_or_insert(error);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let ast::SetExpr::Select(select) = query.body.as_ref() {
            let whole = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
            self.all |= select.projection.iter().any(whole);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(name) => {
                self.of_others |= self.target.face.column_index(&fold(name)).is_none();
                self.names.insert(fold(name));
            }
            Expr::CompoundIdentifier(path) => {
                let relation = path.len().checked_sub(2).and_then(|at| path.get(at)).map(fold);
                self.of_others |= relation.is_some_and(|relation| relation != fold(&self.target.called));
                self.names.extend(path.last().map(fold));
            }
            Expr::Function(call) => self.function(&call.name),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
