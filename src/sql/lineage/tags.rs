//! Tags that go with values: what a column carries by what its values come from, and how that gets into tables.
//!
//! A tag with PROPAGATE goes along the edges that hand values on. Tables keep what came with values that were written into them
//! ([`moved`]), in the commit that writes the edge; views, materialized ones and models have no values of their own and carry what is
//! carried now ([`carried`]). What a person said of a column stays.

use super::super::context::Context;
use super::super::ddl::named_in;
use super::models;
use crate::catalog::{
    Catalog, Class, Object, ObjectId, Place, Propagation, Table, Tag, TagSource, TagUse, is_temporary,
};
use crate::txn::{Lineage, TagPlace, Transaction};
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
pub fn carried(of: (&Catalog, &Lineage), (id, column): (ObjectId, &str), goes: fn(Propagation) -> bool) -> Carried {
    gather(of, (id, Some(column.to_owned())), goes).0
}

/// The tags of a model that go on with what it says: its own, and those of what it learnt from.
pub fn learnt(context: &Context, model: ObjectId) -> Carried {
    gather((&context.snapshot.catalog, &context.snapshot.lineage), (model, None), |_| true).0
}

/// The tags that go on from a column, or from a model as a whole, and the objects whose tags decide that.
fn gather(
    (catalog, lineage): (&Catalog, &Lineage),
    start: TagPlace,
    goes: fn(Propagation) -> bool,
) -> (Carried, BTreeSet<ObjectId>) {
    let mut found = Carried::new();
    let mut asked = BTreeSet::new();
    let mut seen = BTreeSet::from([start.clone()]);
    let mut queue = VecDeque::from([start]);
    while let Some((id, column)) = queue.pop_front() {
        asked.insert(id);
        let object = catalog.get(id).map(AsRef::as_ref);
        let mut next = Vec::new();
        match (object, &column) {
            (Some(Object::Model(model)), _) => {
                model.tags.iter().for_each(|used| take(catalog, &mut found, used, goes));
                next.extend(models::learnt_from(lineage, id));
            }
            (Some(Object::Table(table)), Some(column)) => {
                if let Some(at) = table.column_index(column) {
                    let own = table.columns[at].tags.iter().filter(|used| is_said(table, at, used));
                    own.chain(&table.tags).for_each(|used| take(catalog, &mut found, used, goes));
                }
            }
            _ => {}
        }
        // A table is not what it was made of: what came with its values it has by itself.
        let is_made = match object {
            Some(Object::View(_)) => true,
            Some(Object::Table(table)) => table.materialized.is_some(),
            _ => false,
        };
        let flows = lineage.flows_into(id).filter(|_| is_made);
        for edge in flows.flat_map(|flow| &flow.edges).filter(|edge| edge.influence.is_direct()) {
            if let Place::Object(from) = &edge.from
                && edge.column.is_some()
                && edge.column == column
            {
                next.push((*from, edge.from_column.clone()));
            }
        }
        queue.extend(next.into_iter().filter(|place| seen.insert(place.clone())));
    }
    (found, asked)
}

/// Whether a tag of a column is more than a classifier's guess.
fn is_said(table: &Table, at: usize, used: &TagUse) -> bool {
    let verdicts = &table.columns[at].verdicts;
    used.source != TagSource::Classifier || verdicts.iter().any(|v| v.confirmed && v.tag == used.tag)
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

/// Writes tags into a table whose columns get values in these ways, and has the commit look whether they are still the tags of where the
/// values come from.
pub fn moved<'a>(txn: &mut Transaction, to: ObjectId, ways: impl Iterator<Item = Way<'a>>) {
    let catalog = txn.snapshot().catalog.clone();
    let Some(table) = catalog.table_by_id(to).filter(|table| keeps(table)) else { return };
    let lineage = txn.snapshot().lineage.clone();
    let mut new: BTreeMap<usize, Carried> = BTreeMap::new();
    let mut relied: BTreeSet<ObjectId> = tag_ids(&catalog);
    for (from, from_column, column) in ways {
        let at = column.and_then(|column| table.column_index(column));
        let (Place::Object(from), Some(at)) = (from, at) else { continue };
        // What a column is made of itself says nothing new of it.
        if *from == to && from_column == column {
            continue;
        }
        let start = (*from, from_column.map(str::to_owned));
        let (tags, asked) = gather((&catalog, &lineage), start, Propagation::moves);
        relied.extend(asked);
        for (tag, values) in tags {
            new.entry(at).or_default().entry(tag).or_default().extend(values);
        }
    }
    txn.rely_on_tags(relied);
    if !any_moves(&catalog) {
        return;
    }
    let (mut changed, mut is_changed) = (table.clone(), false);
    for (at, tags) in new {
        is_changed |= put_all(&catalog, &mut changed.columns[at].tags, tags);
    }
    for (at, tags) in computed(&catalog, &changed) {
        is_changed |= put_all(&catalog, &mut changed.columns[at].tags, tags);
    }
    if is_changed {
        // Nothing else has its name: it is there under it.
        _ = txn.put_object(to, Object::Table(changed));
    }
}

fn tag_ids(catalog: &Catalog) -> BTreeSet<ObjectId> {
    catalog.class(Class::Tag).map(|(id, _)| id).collect()
}

/// The tags that generated columns of a table get from the columns that they are computed from.
fn computed(catalog: &Catalog, table: &Table) -> Vec<(usize, Carried)> {
    let mut all = Vec::new();
    for (at, named) in generated(table) {
        let mut found = Carried::new();
        for from in named.iter().filter_map(|name| table.column_index(name)) {
            let own = table.columns[from].tags.iter().filter(|used| is_said(table, from, used));
            own.for_each(|used| take(catalog, &mut found, used, Propagation::moves));
        }
        all.push((at, found));
    }
    all
}

/// The generated columns of a table, with the columns that each is computed from.
pub fn generated(table: &Table) -> impl Iterator<Item = (usize, BTreeSet<String>)> + '_ {
    let columns = table.columns.iter().enumerate();
    columns.filter_map(|(at, column)| Some((at, named_in(column.generated.as_deref()?))))
}

/// Puts tags on a column where no person has; tells whether that changes anything.
fn put_all(catalog: &Catalog, on: &mut Vec<TagUse>, tags: Carried) -> bool {
    let mut is_changed = false;
    for (id, values) in tags {
        if let Some(facts) = tag(catalog, id) {
            is_changed |= put(on, (id, facts), &values);
        }
    }
    is_changed
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

/// Columns of an object got a tag, or a model did: what their values were written into gets it as well, through views and models, over any
/// steps. The commit looks whether all of that is still all.
pub fn follow(txn: &mut Transaction, start: impl IntoIterator<Item = TagPlace>) {
    let lineage = txn.snapshot().lineage.clone();
    let catalog = txn.snapshot().catalog.clone();
    txn.rely_on_tags(tag_ids(&catalog));
    let mut seen: BTreeSet<TagPlace> = start.into_iter().collect();
    let mut queue: VecDeque<TagPlace> = seen.iter().cloned().collect();
    while let Some((from, from_column)) = queue.pop_front() {
        let place = Place::Object(from);
        let mut next: Vec<(ObjectId, Option<String>)> = Vec::new();
        for (to, flow) in lineage.flows() {
            let met = flow
                .edges
                .iter()
                .filter(|edge| edge.influence.is_direct() && edge.from == place && edge.from_column == from_column);
            next.extend(met.filter_map(|edge| edge.column.clone()).map(|column| (to, Some(column))));
        }
        // What was made before flows into generated columns were kept.
        if let (Some(table), Some(name)) = (catalog.table_by_id(from), &from_column) {
            let reads = generated(table).filter(|(_, named)| named.contains(name));
            next.extend(reads.map(|(at, _)| (from, Some(table.columns[at].name.clone()))));
        }
        for (to, column) in next {
            let way: Way<'_> = (&place, from_column.as_deref(), column.as_deref());
            moved(txn, to, std::iter::once(way));
            // A model is one whole: what it says may come of all that it learnt from.
            let is_model = matches!(catalog.get(to).map(AsRef::as_ref), Some(Object::Model(_)));
            let node = (to, column.filter(|_| !is_model));
            if seen.insert(node.clone()) {
                queue.push_back(node);
            }
        }
    }
    txn.rely_on_edges(lineage, seen);
}
