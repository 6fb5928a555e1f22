//! What functions, domains, views and materialized views name, and in which order they can be made: each behind what it names.
//!
//! Objects are replaced, and then name what was made after them; so their numbers tell nothing. In a circle, which only functions and
//! views that no longer work can make, somebody is first.

use super::super::ddl::{named, names_in_full};
use super::super::parser;
use super::super::system;
use crate::catalog::{Catalog, Class, Object, ObjectId, relation_key};
use datafusion::sql::sqlparser::ast::ObjectName;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What one object names.
#[derive(Debug, Default)]
struct Names {
    ids: BTreeSet<ObjectId>,
    /// It names a relation that is not there.
    missing: bool,
}

/// What each object names.
pub struct Needs<'a> {
    catalog: &'a Catalog,
    of: HashMap<ObjectId, Names>,
}

impl<'a> Needs<'a> {
    /// Of all objects that are made of a text.
    pub fn new(catalog: &'a Catalog) -> Self {
        let of = catalog.objects().filter_map(|(id, object)| {
            let mut names = Names::default();
            match object.as_ref() {
                Object::Function(function) => {
                    names.of_query(catalog, &function.query);
                    function
                        .arguments
                        .iter()
                        .flat_map(|a| &a.default)
                        .for_each(|text| names.of_expression(catalog, text));
                }
                Object::Domain(domain) => {
                    domain.default.iter().for_each(|text| names.of_expression(catalog, text));
                    domain.checks.iter().for_each(|check| names.of_expression(catalog, &check.expression));
                }
                Object::View(view) => {
                    names.of_query(catalog, &view.query);
                    view.defaults.values().for_each(|text| names.of_expression(catalog, text));
                }
                Object::Table(table) => names.of_query(catalog, &table.materialized.as_ref()?.query),
                _ => return None,
            }
            names.ids.remove(&id);
            Some((id, names))
        });
        Self { catalog, of: of.collect() }
    }

    /// Whether an object, or one that it names in its turn, is such a one; one that names what is not there may be.
    fn any(&self, id: ObjectId, is: &dyn Fn(&Object) -> bool, or_missing: bool) -> bool {
        let (mut seen, mut left) = (HashSet::from([id]), vec![id]);
        while let Some(next) = left.pop() {
            let Some(names) = self.of.get(&next) else { continue };
            if names.missing && or_missing {
                return true;
            }
            for &named in &names.ids {
                if self.catalog.get(named).is_some_and(|object| is(object)) {
                    return true;
                }
                if seen.insert(named) {
                    left.push(named);
                }
            }
        }
        false
    }

    /// Whether a function reads a relation, itself or in those that it calls.
    pub fn reads(&self, id: ObjectId) -> bool {
        self.any(id, &|object| matches!(object, Object::Table(_) | Object::View(_) | Object::Source(_)), true)
    }

    /// Whether a view or a materialized view may not work where it is imported: a source lies outside, and what is missing may be
    /// missing there too.
    pub fn is_doubtful(&self, id: ObjectId) -> bool {
        self.any(id, &|object| matches!(object, Object::Source(_)), true)
    }

    /// Whether an expression of a table calls a function that reads relations: it cannot be said before these are there.
    pub fn expression_reads(&self, text: &str) -> bool {
        let mut names = Names::default();
        names.of_expression(self.catalog, text);
        names
            .ids
            .iter()
            .any(|&id| matches!(self.catalog.get(id).map(AsRef::as_ref), Some(Object::Function(_))) && self.reads(id))
    }

    /// The same objects, each behind those among them that it names, and otherwise in the order in which they are given.
    pub fn in_order(&self, ids: &[ObjectId]) -> Vec<ObjectId> {
        let among: HashSet<ObjectId> = ids.iter().copied().collect();
        let (mut done, mut order) = (HashSet::new(), Vec::with_capacity(ids.len()));
        // One that is visited a second time is behind what it names; a circle ends where it began.
        let mut left: Vec<(ObjectId, bool)> = ids.iter().rev().map(|id| (*id, false)).collect();
        while let Some((id, named_are_done)) = left.pop() {
            if named_are_done {
                order.push(id);
            } else if done.insert(id) {
                left.push((id, true));
                let named = self.of.get(&id).map(|names| &names.ids);
                left.extend(named.into_iter().flatten().rev().filter(|id| among.contains(id)).map(|id| (*id, false)));
            }
        }
        order
    }
}

impl Names {
    fn of_query(&mut self, catalog: &Catalog, text: &str) {
        let Ok(mut query) = parser::query(text) else { return };
        for (schema, name) in named(&mut query) {
            let written = schema.as_deref().unwrap_or("public");
            match (catalog.relation(written, &name), catalog.source(written)) {
                (Some((id, _)), _) | (None, Some((id, _))) => _ = self.ids.insert(id),
                (None, None) => self.missing |= !is_of_system(schema.as_deref(), &name),
            }
        }
        names_in_full(&mut query, &mut |class, name| self.add(catalog, class, name));
    }

    fn of_expression(&mut self, catalog: &Catalog, text: &str) {
        if let Ok(mut expression) = parser::expression(text) {
            names_in_full(&mut expression, &mut |class, name| self.add(catalog, class, name));
        }
    }

    fn add(&mut self, catalog: &Catalog, class: Class, name: &ObjectName) {
        let Ok((schema, name)) = parser::split(name) else { return };
        let key = relation_key(schema.as_deref().unwrap_or("public"), &name);
        self.ids.extend(catalog.find(class, &key).map(|(id, _)| id));
    }
}

fn is_of_system(schema: Option<&str>, name: &str) -> bool {
    match schema {
        Some(schema) => matches!(schema, "steward" | "pg_catalog" | "information_schema"),
        None => system::exists(name),
    }
}
