//! Tags of what has no values of its own: views, materialized views and models, as they carry them now.

use super::super::context::Context;
use super::super::lineage::{Graph, Node, tags};
use super::super::tables;
use super::rows::Cell;
use crate::catalog::{Class, Object, ObjectId, Place, Privilege, Propagation};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Values of tags.
type Carried = BTreeMap<ObjectId, BTreeSet<String>>;

/// Adds rows of `tag_references` for those that the role sees.
pub fn rows(context: &Context, rows: &mut Vec<Vec<Cell>>) -> Result<()> {
    let catalog = &context.snapshot.catalog;
    let lineage = &context.snapshot.lineage;
    for (id, object) in catalog.class(Class::Relation) {
        let (schema, name, owner, grants) = match object {
            Object::View(view) => (&view.schema, &view.name, view.owner, &view.grants),
            Object::Table(table) if table.materialized.is_some() => {
                (&table.schema, &table.name, table.owner, &table.grants)
            }
            _ => continue,
        };
        if context.must_reach(schema).is_err() || !tables::may(context, owner, grants, Privilege::Select, &[]) {
            continue;
        }
        let edges = lineage.flows_into(id).flat_map(|flow| &flow.edges);
        let columns: BTreeSet<&String> = edges.filter_map(|edge| edge.column.as_ref()).collect();
        for column in columns {
            let found = tags::carried((catalog, lineage), (id, column), Propagation::depends);
            let own = |tag: ObjectId| match object {
                Object::Table(table) => {
                    table.columns.iter().any(|c| c.name == *column && c.tags.iter().any(|used| used.tag == tag))
                }
                _ => false,
            };
            // What is said of a column of its own is told already.
            let found = found.into_iter().filter(|(tag, _)| !own(*tag)).collect();
            add(context, rows, ("column", &format!("{schema}.{name}"), Some(column)), found);
        }
    }
    let graph = Graph::new(context);
    for (id, object) in catalog.class(Class::Model) {
        let Object::Model(model) = object else { continue };
        if !graph.sees(&Node { place: Place::Object(id), column: None })? {
            continue;
        }
        for used in &model.tags {
            if let Some(Object::Tag(tag)) = catalog.get(used.tag).map(AsRef::as_ref) {
                rows.push(row(("model", &model.name, None), &tag.name, &used.value, "manual"));
            }
        }
        let mut found = tags::learnt(context, id);
        found.retain(|tag, _| !model.tags.iter().any(|used| used.tag == *tag));
        add(context, rows, ("model", &model.name, None), found);
    }
    Ok(())
}

/// What is tagged: its level, its name, its column.
type Tagged<'a> = (&'a str, &'a str, Option<&'a String>);

fn add(context: &Context, rows: &mut Vec<Vec<Cell>>, tagged: Tagged<'_>, found: Carried) {
    for (id, values) in found {
        if let Some(Object::Tag(tag)) = context.snapshot.catalog.get(id).map(AsRef::as_ref) {
            rows.push(row(tagged, &tag.name, &tag.met(values.iter().map(String::as_str)), "propagated"));
        }
    }
}

fn row((level, object, column): Tagged<'_>, tag: &str, value: &str, source: &str) -> Vec<Cell> {
    vec![
        Cell::text(level),
        Cell::text(object),
        Cell::Text(column.cloned()),
        Cell::text(tag),
        Cell::text(value),
        Cell::text(source),
        Cell::text("confirmed"),
        Cell::Float(Some(1.0)),
    ]
}
