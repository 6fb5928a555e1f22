//! The relations that a view's query, or a policy's condition, names, each with its schema.
//!
//! A view means the relations that its names meant when it was made, whoever reads it with whatever search path, and goes on to
//! mean a relation whose name has changed. So a name gets its schema, and what the query calls the relation elsewhere
//! becomes an alias: `SELECT t.a FROM t` is kept as `SELECT t.a FROM public.t AS t`.

use super::super::context::Context;
use super::super::parser::fold;
use super::super::pg_catalog::quoted;
use super::super::system;
use super::in_full;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, VisitMut, VisitorMut,
    visit_expressions_mut,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Gives each relation that the query names its schema, as the search path has it now; functions, types and sequences too.
pub fn qualify(query: &mut impl VisitMut, context: &Context) {
    name_anew(query, &|schema, name| {
        if schema.is_some() {
            return None;
        }
        let (schema, name) = context.resolve(None, name);
        let there = context.snapshot.catalog.relation(&schema, &name).is_some() || system::exists(&name);
        there.then_some((schema, name))
    });
    in_full::spell(query, context);
}

/// Names a relation of the query by its new name; without a schema it is looked for in `schema`.
pub fn rename(query: &mut impl VisitMut, (schema, name): (&str, &str), to: (&str, &str)) {
    name_anew(query, &|s, n| {
        let same = n == name && s.is_none_or(|s| s == schema);
        same.then(|| (to.0.to_owned(), to.1.to_owned()))
    });
}

/// The relations that the query names, each with its schema if that is written; its own WITH queries are none.
pub fn named(query: &mut impl VisitMut) -> Vec<(Option<String>, String)> {
    let found = RefCell::new(Vec::new());
    name_anew(query, &|schema, name| {
        found.borrow_mut().push((schema.map(ToOwned::to_owned), name.to_owned()));
        None
    });
    found.into_inner()
}

/// A relation's new schema and name, from those that are written; none where they stay.
type Naming<'a> = &'a dyn Fn(Option<&str>, &str) -> Option<(String, String)>;

fn name_anew(query: &mut impl VisitMut, naming: Naming<'_>) {
    let mut names = Names { naming, with: Vec::new(), marks: Vec::new(), ctes: HashMap::new(), called: Vec::new() };
    let _ = VisitMut::visit(query, &mut names);
    let called = names.called;
    // `public.t.a` is `t.a` once `t` is an alias.
    let _ = visit_expressions_mut(query, |expression| {
        if let Expr::CompoundIdentifier(parts) = expression
            && let [schema, table, _, ..] = parts.as_slice()
            && called.contains(&(fold(schema), fold(table)))
        {
            parts.remove(0);
        }
        ControlFlow::<()>::Continue(())
    });
}

struct Names<'a> {
    naming: Naming<'a>,
    /// WITH queries in reach.
    with: Vec<String>,
    /// How many there were before each query that is being visited.
    marks: Vec<usize>,
    /// Names of the WITH queries that are yet to be visited, by where they are.
    ctes: HashMap<*const Query, String>,
    /// Schemas and names that became aliases.
    called: Vec<(String, String)>,
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.marks.push(self.with.len());
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                match with.recursive {
                    true => self.with.push(fold(&cte.alias.name)),
                    // In reach of those behind it, not of itself.
                    false => _ = self.ctes.insert(std::ptr::from_ref(&*cte.query), fold(&cte.alias.name)),
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.with.truncate(self.marks.pop().unwrap_or(0));
        self.with.extend(self.ctes.remove(&std::ptr::from_ref(&*query)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor {
            self.relation(name, alias);
        }
        ControlFlow::Continue(())
    }
}

impl Names<'_> {
    fn relation(&mut self, written: &mut ObjectName, alias: &mut Option<TableAlias>) {
        let mut parts: Vec<Ident> = written.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        if parts.len() != written.0.len() {
            return;
        }
        // A moment of the past stands before the name.
        let moment = parts.first().filter(|part| part.value.starts_with('\u{1}')).cloned();
        if moment.is_some() {
            parts.remove(0);
        }
        // There is one database: its name before a schema says nothing.
        if parts.len() == 3 {
            parts.remove(0);
            written.0 = moment.iter().chain(&parts).cloned().map(ObjectNamePart::Identifier).collect();
        }
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(fold(schema)), name),
            _ => return,
        };
        let last = fold(name);
        if schema.is_none() && self.with.contains(&last) {
            return;
        }
        let Some((new_schema, new_name)) = (self.naming)(schema.as_deref(), &last) else { return };
        if alias.is_none() {
            self.called.push((schema.unwrap_or_else(|| new_schema.clone()), last));
            *alias = Some(TableAlias { explicit: true, name: name.clone(), columns: Vec::new(), at: None });
        }
        let new = [ident(&new_schema), ident(&new_name)];
        written.0 = moment.into_iter().chain(new).map(ObjectNamePart::Identifier).collect();
    }
}

pub(super) fn ident(name: &str) -> Ident {
    match quoted(name) == name {
        true => Ident::new(name),
        false => Ident::with_quote('"', name),
    }
}
