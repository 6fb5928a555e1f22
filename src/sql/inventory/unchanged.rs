//! Whether an asset is as it was, without a look at its rows.

use super::super::context::Context;
use super::super::{ddl, functions, parser, tables};
use crate::catalog::{Class, Object};
use datafusion::sql::sqlparser::ast::{self, Expr, TableFactor, Visit, Visitor};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

/// Views within views that are gone into.
const DEPTH_MAX: usize = 16;

/// A number that is another once masks may show other values, or show them to others: what is in policies, tags and functions.
pub fn policies_state(context: &Context) -> u64 {
    let mut hasher = DefaultHasher::new();
    for class in [Class::MaskingPolicy, Class::Tag, Class::Function] {
        for (id, object) in context.snapshot.catalog.class(class) {
            (id, format!("{object:?}")).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A number that is another once the rows of a view may be others: the states of all that it reads, and `policies`, as of
/// [`policies_state`]. `None` where that cannot be told by what is named in its query: it calls functions that read or that tell the
/// time, or reads what is no table.
pub fn view_state(context: &Context, policies: u64, query: &str) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    policies.hash(&mut hasher);
    add(context, query, 0, &mut hasher)?;
    Some(hasher.finish())
}

fn add(context: &Context, query: &str, depth: usize, hasher: &mut DefaultHasher) -> Option<()> {
    let mut parsed = parser::query(query).ok()?;
    if depth > DEPTH_MAX || parsed.visit(&mut Readers(context)).is_break() {
        return None;
    }
    query.hash(hasher);
    let catalog = &context.snapshot.catalog;
    for (schema, name) in ddl::named(&mut parsed) {
        let schema = schema?;
        match catalog.relation(&schema, &name) {
            Some((_, Object::Table(table))) if table.row_security => return None,
            Some((id, Object::Table(table))) => {
                let rows = context.snapshot.rows(id);
                (id, rows.changed, rows.live_rows(), format!("{table:?}")).hash(hasher);
            }
            Some((_, Object::View(view))) => add(context, &view.query, depth + 1, hasher)?,
            Some(_) => return None,
            None => {
                let (_, source) = catalog.source(&schema)?;
                let there = tables::assets(context, source).ok()?;
                there.iter().find(|asset| asset.name() == name)?.fingerprint().hash(hasher);
            }
        }
    }
    Some(())
}

/// Finds the call of a function that reads relations by their names, that a user wrote, or that the moment decides: what it gives is told by
/// nothing in the query.
struct Readers<'a>(&'a Context);

impl Readers<'_> {
    fn look(&self, name: &ast::ObjectName) -> ControlFlow<()> {
        let word = parser::last(name);
        let mut written = self.0.snapshot.catalog.class(Class::Function);
        let is_own = written.any(|(_, object)| matches!(object, Object::Function(function) if function.name == word));
        match is_own || functions::reads_relations(&word) || functions::is_of_statement(&word) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Visitor for Readers<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Function(call) => self.look(&call.name),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => self.look(name),
            _ => ControlFlow::Continue(()),
        }
    }
}
