//! What a transaction has made of tags, and whether that is still so when it commits.
//!
//! Who copies a tagged column puts the tag on the copy, and who sets a tag puts it on the copies that there are. Of two that do so at
//! once neither sees what the other does. So the one who copies keeps the tags of what it copied from as it saw them, and the one who
//! sets a tag the edges that it went along; the second to commit finds something else there, and begins anew. No copy is left without a
//! tag.

use super::lineage::Lineage;
use super::snapshot::Snapshot;
use crate::catalog::{Catalog, Object, ObjectId, Place, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A column of an object, or the object as a whole.
pub type TagPlace = (ObjectId, Option<String>);

/// What a transaction relied on.
#[derive(Debug, Clone, Default)]
pub struct Relied {
    /// Objects from which values were written elsewhere, and tags, as they were when that was first done.
    seen: BTreeMap<ObjectId, Option<Arc<Object>>>,
    /// Where tags were set, with all that was found to come of it, and the lineage in which that was found.
    followed: Vec<(Arc<Lineage>, BTreeSet<TagPlace>)>,
}

impl Relied {
    /// The tags of an object are as this catalogue has them.
    pub(super) fn on_tags(&mut self, catalog: &Catalog, id: ObjectId) {
        self.seen.entry(id).or_insert_with(|| catalog.get(id).cloned());
    }

    /// Nothing else comes of these places than what is known here.
    pub(super) fn on_edges(&mut self, lineage: Arc<Lineage>, from: BTreeSet<TagPlace>) {
        self.followed.push((lineage, from));
    }

    /// Whether it is so in the latest state; `own` are objects that the transaction has changed itself.
    pub(super) fn holds(&self, own: &BTreeMap<ObjectId, Option<Arc<Object>>>, latest: &Snapshot) -> bool {
        let same = |(id, before): (&ObjectId, &Option<Arc<Object>>)| {
            own.contains_key(id) || is_tagged_alike(before.as_deref(), latest.catalog.get(*id).map(AsRef::as_ref))
        };
        self.seen.iter().all(same)
            && self.followed.iter().all(|(known, from)| has_no_more(known, from, &latest.lineage))
    }
}

/// Whether an object has the tags that it had.
fn is_tagged_alike(before: Option<&Object>, now: Option<&Object>) -> bool {
    match (before, now) {
        (Some(Object::Table(before)), Some(Object::Table(now))) => {
            std::ptr::eq(before, now) || has_tags_of(now, before)
        }
        (Some(Object::Tag(before)), Some(Object::Tag(now))) => before.propagate == now.propagate,
        (Some(Object::Model(before)), Some(Object::Model(now))) => before.tags == now.tags,
        (Some(_), Some(_)) | (None, None) | (Some(Object::Tag(_)), None) => true,
        // What is gone may have had another tag before.
        _ => false,
    }
}

fn has_tags_of(now: &Table, before: &Table) -> bool {
    let column = |name: &str| now.column_index(name).map(|at| &now.columns[at]);
    let alike = |old: &crate::catalog::Column| {
        column(&old.name).is_some_and(|new| new.tags == old.tags && new.verdicts == old.verdicts)
    };
    now.tags == before.tags && before.columns.iter().all(alike)
}

/// Whether the latest lineage has no edge from these places that was not known.
fn has_no_more(known: &Arc<Lineage>, from: &BTreeSet<TagPlace>, latest: &Arc<Lineage>) -> bool {
    if Arc::ptr_eq(known, latest) {
        return true;
    }
    let places: BTreeSet<ObjectId> = from.iter().map(|(id, _)| *id).collect();
    latest.flows().all(|(to, flow)| {
        flow.edges.iter().all(|edge| {
            let Place::Object(id) = &edge.from else { return true };
            let met =
                edge.influence.is_direct() && places.contains(id) && from.contains(&(*id, edge.from_column.clone()));
            !met || known.flows_into(to).any(|flow| flow.edges.contains(edge))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{
        Column, Edge, FIRST_USER_ID, Flow, FlowKind, Influence, LineageChange, SqlType, TagSource, TagUse,
    };
    use crate::crypto::{KeySource, MasterKey};
    use crate::error::Kind;
    use crate::storage::Store;
    use crate::txn::{Manager, Transaction};

    const FROM: ObjectId = FIRST_USER_ID + 100;
    const TO: ObjectId = FIRST_USER_ID + 101;

    fn table(name: &str, tag: Option<ObjectId>) -> Object {
        let tags = tag.map(|tag| TagUse { tag, value: "v".to_owned(), source: TagSource::Manual, confidence: 1.0 });
        let column = Column { tags: tags.into_iter().collect(), ..Column::new("a", SqlType::Text) };
        Object::Table(Table { columns: vec![column], ..Table::new("public", name, 1) })
    }

    fn copy(txn: &mut Transaction) {
        txn.rely_on_tags([FROM]);
        let a = || Some("a".to_owned());
        let edge = Edge { from: Place::Object(FROM), from_column: a(), column: a(), influence: Influence::Identity };
        let flow = Flow {
            kind: FlowKind::Insert,
            edges: vec![edge],
            statement: String::new(),
            actor: 1,
            actor_name: String::new(),
            first_ms: 1,
            last_ms: 1,
            uses: 1,
        };
        txn.note_lineage(LineageChange::Flowed(TO, flow));
    }

    fn set_tag(txn: &mut Transaction) {
        let lineage = txn.snapshot().lineage.clone();
        txn.put_object(FROM, table("f", Some(FIRST_USER_ID + 9))).unwrap();
        txn.rely_on_edges(lineage, BTreeSet::from([(FROM, Some("a".to_owned()))]));
    }

    fn manager(folder: &tempfile::TempDir) -> Manager {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let manager = Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap();
        let mut txn = manager.begin(false);
        txn.put_object(FROM, table("f", None)).unwrap();
        txn.put_object(TO, table("t", None)).unwrap();
        manager.commit(txn).unwrap();
        manager
    }

    #[test]
    fn who_copies_and_who_sets_a_tag_do_not_miss_each_other() {
        for copy_commits_first in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let manager = manager(&folder);
            let (mut copies, mut tags) = (manager.begin(false), manager.begin(false));
            copy(&mut copies);
            set_tag(&mut tags);
            let (first, second) = if copy_commits_first { (copies, tags) } else { (tags, copies) };
            manager.commit(first).unwrap();
            assert_eq!(manager.commit(second).unwrap_err().kind(), Kind::Serialization);
        }
    }

    /// One after the other meet nothing, and neither does what has to do with other columns.
    #[test]
    fn one_after_the_other_is_no_conflict() {
        let folder = tempfile::tempdir().unwrap();
        let manager = manager(&folder);
        let (mut one, mut other) = (manager.begin(false), manager.begin(false));
        copy(&mut one);
        copy(&mut other);
        manager.commit(one).unwrap();
        manager.commit(other).unwrap();
        let mut txn = manager.begin(false);
        set_tag(&mut txn);
        manager.commit(txn).unwrap();
        let mut txn = manager.begin(false);
        copy(&mut txn);
        manager.commit(txn).unwrap();
    }
}
