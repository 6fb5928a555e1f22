//! Tags that go with values: what a column carries by what its values come from, and how that gets into tables.
//!
//! A tag with PROPAGATE goes along the edges that hand values on. Tables keep what came with values that were written into them
//! ([`moved`]), in the commit that writes the edge; views, materialized ones and models have no values of their own and carry what is
//! carried now ([`carried`]). What a person said of a column stays.

use super::super::context::Context;
use crate::catalog::{
    Catalog, Class, FlowKind, Object, ObjectId, Place, Propagation, Table, Tag, TagSource, TagUse, is_temporary,
};
use crate::txn::{Lineage, Transaction};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Values of tags.
type Carried = BTreeMap<ObjectId, BTreeSet<String>>;

/// What goes into a column of a table: where it comes from, and the column.
type Way<'a> = (&'a Place, Option<&'a str>, Option<&'a str>);

fn tag(catalog: &Catalog, id: ObjectId) -> Option<&Tag> {
    match catalog.get(id).map(AsRef::as_ref) {
        Some(Object::Tag(tag)) => Some(tag),
        _ => None,
    }
}

fn take(catalog: &Catalog, into: &mut Carried, used: &TagUse, goes: fn(Propagation) -> bool) {
    if tag(catalog, used.tag).and_then(|tag| tag.propagate).is_some_and(goes) {
        into.entry(used.tag).or_default().insert(used.value.clone());
    }
}

/// The tags of a column that go on with its values: its own, those of its table, and those of what a view makes it of.
pub fn carried(
    (catalog, lineage): (&Catalog, &Lineage),
    (id, column): (ObjectId, &str),
    goes: fn(Propagation) -> bool,
) -> Carried {
    let mut found = Carried::new();
    let mut seen = BTreeSet::from([(id, column.to_owned())]);
    let mut queue = VecDeque::from([(id, column.to_owned())]);
    while let Some((id, column)) = queue.pop_front() {
        let object = catalog.get(id).map(AsRef::as_ref);
        if let Some(Object::Table(table)) = object
            && let Some(at) = table.column_index(&column)
        {
            let said = |used: &&TagUse| {
                let verdicts = &table.columns[at].verdicts;
                let confirmed = |used: &TagUse| verdicts.iter().any(|v| v.confirmed && v.tag == used.tag);
                used.source != TagSource::Classifier || confirmed(used)
            };
            let own = table.columns[at].tags.iter().filter(said);
            own.chain(&table.tags).for_each(|used| take(catalog, &mut found, used, goes));
        }
        // A table is not what it was made of: what came with its values it has by itself.
        let is_made = match object {
            Some(Object::View(_)) => true,
            Some(Object::Table(table)) => table.materialized.is_some(),
            _ => false,
        };
        let flows = lineage.flows_into(id).filter(|_| is_made);
        for edge in flows.flat_map(|flow| &flow.edges).filter(|edge| edge.influence.is_direct()) {
            if let (Place::Object(from), Some(from_column), Some(to)) = (&edge.from, &edge.from_column, &edge.column)
                && *to == column
                && seen.insert((*from, from_column.clone()))
            {
                queue.push_back((*from, from_column.clone()));
            }
        }
    }
    found
}

/// The tags of what a model learnt from.
pub fn learnt(context: &Context, model: ObjectId) -> Carried {
    let (catalog, lineage) = (&context.snapshot.catalog, &context.snapshot.lineage);
    let mut found = Carried::new();
    let flows = lineage.flows_into(model).filter(|flow| flow.kind == FlowKind::Train);
    for edge in flows.flat_map(|flow| &flow.edges).filter(|edge| edge.influence.is_direct()) {
        if let (Place::Object(from), Some(column)) = (&edge.from, &edge.from_column) {
            for (tag, values) in carried((catalog, lineage), (*from, column), |_| true) {
                found.entry(tag).or_default().extend(values);
            }
        }
    }
    found
}

/// Whether any tag goes into tables.
fn any_moves(catalog: &Catalog) -> bool {
    catalog.class(Class::Tag).any(|(_, object)| match object {
        Object::Tag(tag) => tag.propagate.is_some_and(Propagation::moves),
        _ => false,
    })
}

/// Whether a table keeps the tags of what is written into it.
fn keeps(table: &Table) -> bool {
    // What is kept beside a table has its tags; a materialized view carries those of its sources.
    let is_own = table.materialized.is_none() && table.quarantine_of.is_none() && table.repairs_of.is_none();
    is_own && !is_temporary(&table.schema)
}

/// Writes tags into a table whose columns get values in these ways.
pub fn moved<'a>(txn: &mut Transaction, to: ObjectId, ways: impl Iterator<Item = Way<'a>>) {
    let catalog = txn.snapshot().catalog.clone();
    if !any_moves(&catalog) {
        return;
    }
    let Some(table) = catalog.table_by_id(to).filter(|table| keeps(table)) else { return };
    let lineage = txn.snapshot().lineage.clone();
    let mut new: BTreeMap<usize, Carried> = BTreeMap::new();
    for (from, from_column, column) in ways {
        let at = column.and_then(|column| table.column_index(column));
        let (Place::Object(from), Some(from_column), Some(at)) = (from, from_column, at) else { continue };
        for (tag, values) in carried((&catalog, &lineage), (*from, from_column), Propagation::moves) {
            new.entry(at).or_default().entry(tag).or_default().extend(values);
        }
    }
    let (mut changed, mut is_changed) = (table.clone(), false);
    for (at, tags) in new {
        for (id, values) in tags {
            if let Some(facts) = tag(&catalog, id) {
                is_changed |= put(&mut changed.columns[at].tags, (id, facts), &values);
            }
        }
    }
    if is_changed {
        // Nothing else has its name: it is there under it.
        _ = txn.put_object(to, Object::Table(changed));
    }
}

/// Puts a tag on a column where no person has; tells whether that changes anything.
fn put(tags: &mut Vec<TagUse>, (id, facts): (ObjectId, &Tag), values: &BTreeSet<String>) -> bool {
    let of = |values: &BTreeSet<String>| facts.met(values.iter().map(String::as_str));
    let propagated = |value: String| TagUse { tag: id, value, source: TagSource::Propagated, confidence: 1.0 };
    match tags.iter_mut().find(|used| used.tag == id) {
        Some(there) if there.source == TagSource::Manual => false,
        Some(there) => {
            let mut all = values.clone();
            if there.source == TagSource::Propagated {
                all.insert(there.value.clone());
            }
            let now = propagated(of(&all));
            let is_other = *there != now;
            *there = now;
            is_other
        }
        None => {
            tags.push(propagated(of(values)));
            true
        }
    }
}

/// A column of an object got a tag: what its values were written into gets it as well, through views, over any steps.
pub fn follow(txn: &mut Transaction, id: ObjectId, columns: &[String]) {
    if !any_moves(&txn.snapshot().catalog) {
        return;
    }
    let lineage = txn.snapshot().lineage.clone();
    let mut seen: BTreeSet<(ObjectId, String)> = columns.iter().map(|column| (id, column.clone())).collect();
    let mut queue: VecDeque<(ObjectId, String)> = seen.iter().cloned().collect();
    while let Some((from, from_column)) = queue.pop_front() {
        for (to, flow) in lineage.flows() {
            let met = flow.edges.iter().filter(|edge| {
                edge.influence.is_direct()
                    && edge.from == Place::Object(from)
                    && edge.from_column.as_ref() == Some(&from_column)
            });
            for column in met.filter_map(|edge| edge.column.clone()) {
                let way: Way<'_> = (&Place::Object(from), Some(&from_column), Some(&column));
                moved(txn, to, std::iter::once(way));
                if seen.insert((to, column.clone())) {
                    queue.push_back((to, column));
                }
            }
        }
    }
}
