//! How many relations a query reads once its WITH queries and its views are written out in each place that names them, as the engine
//! does. A few lines may mean millions.

use super::super::context::Context;
use super::super::parser::{self, fold};
use crate::catalog::{Object, ObjectId};
use crate::config::RELATIONS_MAX;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{Query, TableFactor, Visit, Visitor};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Refuses a query of too many relations.
pub fn must_be_bounded(query: &Query, context: &Context) -> Result<()> {
    let mut scales = Scales { context, views: HashMap::new(), depth: 0 };
    if scales.weigh(query) <= RELATIONS_MAX {
        return Ok(());
    }
    let message = format!(
        "the statement reads more than {RELATIONS_MAX} relations, each WITH query and view counted wherever it is named"
    );
    Err(Error::new(Kind::LimitExceeded, message).with_hint("Keep what is named often in a table."))
}

/// Views within views that are looked into.
const DEPTH_MAX: usize = 64;

struct Scales<'a> {
    context: &'a Context,
    /// Views that were weighed.
    views: HashMap<ObjectId, u64>,
    /// Views around.
    depth: usize,
}

impl Scales<'_> {
    fn weigh(&mut self, query: &Query) -> u64 {
        let mut weigher =
            Weigher { scales: self, named: Vec::new(), marks: Vec::new(), counts: vec![0], ctes: HashMap::new() };
        let _ = Visit::visit(query, &mut weigher);
        weigher.counts.pop().unwrap_or(0)
    }

    fn relation(&mut self, schema: Option<&str>, name: &str) -> u64 {
        let (schema, name) = self.context.resolve(schema, name);
        let Some((id, Object::View(view))) = self.context.snapshot.catalog.relation(&schema, &name) else { return 1 };
        if let Some(weight) = self.views.get(&id) {
            return *weight;
        }
        if self.depth == DEPTH_MAX {
            return u64::MAX;
        }
        self.depth += 1;
        let weight = parser::query(&view.query).map_or(1, |query| self.weigh(&query));
        self.depth -= 1;
        self.views.insert(id, weight);
        weight
    }
}

struct Weigher<'s, 'a> {
    scales: &'s mut Scales<'a>,
    /// WITH queries in reach, and what they weigh.
    named: Vec<(String, u64)>,
    /// How many there were before each query that is being visited.
    marks: Vec<usize>,
    /// What was found in each of them so far.
    counts: Vec<u64>,
    /// Names of the WITH queries that are yet to be visited, by where they are.
    ctes: HashMap<*const Query, String>,
}

impl Weigher<'_, '_> {
    fn add(&mut self, weight: u64) {
        if let Some(count) = self.counts.last_mut() {
            *count = count.saturating_add(weight);
        }
    }
}

impl Visitor for Weigher<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ctes.insert(std::ptr::from_ref(&*cte.query), fold(&cte.alias.name));
        }
        self.marks.push(self.named.len());
        // What a recursive query calls by its own name is itself.
        for with in query.with.iter().filter(|with| with.recursive) {
            self.named.extend(with.cte_tables.iter().map(|cte| (fold(&cte.alias.name), 1)));
        }
        self.counts.push(1);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.named.truncate(self.marks.pop().unwrap_or(0));
        let weight = self.counts.pop().unwrap_or(0);
        match self.ctes.remove(&std::ptr::from_ref(query)) {
            Some(name) => self.named.push((name, weight)),
            None => self.add(weight),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            let mut parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
            let last = parts.pop().unwrap_or_default();
            let cte = self.named.iter().rev().find(|(name, _)| parts.is_empty() && *name == last);
            let weight = match cte {
                Some((_, weight)) => *weight,
                None => self.scales.relation(parts.pop().as_deref(), &last),
            };
            self.add(weight);
        }
        ControlFlow::Continue(())
    }
}
