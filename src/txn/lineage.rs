//! Lineage as of one commit, and how it is kept.
//!
//! Tree `Governance`, keys of numbers only:
//!
//! | key | value |
//! |---|---|
//! | 1, object, number | a [`Flow`] into the object |
//! | 2, object | [`Gone`]: what is known of an object that is dropped and that flows speak of |
//!
//! A transaction carries its changes and they are made again on whatever is committed by then, so that two statements which fill one
//! table do not stand in each other's way. The same flow again has another time and one more use; by the same role within
//! [`LINEAGE_REPEAT_MS`] that is in memory only, and goes to disk with a later one. No data key of an object seals them: names of
//! columns outlive their table.

use crate::catalog::{Catalog, Edge, Flow, FlowKind, Gone, LineageChange, Object, ObjectId, Place, is_temporary};
use crate::config::{
    FORMAT_VERSION_GENERATED, FORMAT_VERSION_LINEAGE, FORMAT_VERSION_REPAIRS, LINEAGE_FLOWS_MAX, LINEAGE_REPEAT_MS,
};
use crate::crypto::sha256;
use crate::encoding::{Key, from_value, to_value_of};
use crate::error::{Error, Result};
use crate::storage::{Engine, Tree, WriteBatch};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const FLOW: u8 = 1;
const GONE: u8 = 2;

/// A flow with what is known of it on disk.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    number: u64,
    flow: Flow,
    /// Its last time as it is on disk.
    written_ms: i64,
}

/// All flows.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    flows: HashMap<ObjectId, Arc<Vec<Arc<Kept>>>>,
    gone: BTreeMap<ObjectId, Arc<Gone>>,
}

impl Lineage {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.gone.is_empty()
    }

    /// The flows into an object.
    pub fn flows_into(&self, id: ObjectId) -> impl Iterator<Item = &Flow> {
        self.flows.get(&id).into_iter().flat_map(|flows| flows.iter().map(|kept| &kept.flow))
    }

    /// Every flow with the object that it goes into, in the order of these.
    pub fn flows(&self) -> impl Iterator<Item = (ObjectId, &Flow)> {
        let mut objects: Vec<ObjectId> = self.flows.keys().copied().collect();
        objects.sort_unstable();
        objects.into_iter().flat_map(move |id| self.flows_into(id).map(move |flow| (id, flow)))
    }

    /// What is known of a dropped object.
    pub fn gone(&self, id: ObjectId) -> Option<&Gone> {
        self.gone.get(&id).map(AsRef::as_ref)
    }

    /// The dropped objects.
    pub fn all_gone(&self) -> impl Iterator<Item = (ObjectId, &Gone)> {
        self.gone.iter().map(|(id, gone)| (*id, gone.as_ref()))
    }

    /// Makes a change.
    pub(super) fn change(&mut self, change: &LineageChange) {
        match change {
            LineageChange::Flowed(object, flow) => self.add(*object, flow),
            LineageChange::Renamed { object, from, to } => self.rename(*object, from, to),
        }
    }

    fn add(&mut self, object: ObjectId, flow: &Flow) {
        let flows = Arc::make_mut(self.flows.entry(object).or_default());
        if flow.kind == FlowKind::View {
            // What it was defined as before is what it is no more.
            flows.retain(|kept| kept.flow.kind != FlowKind::View || kept.flow.is_again(flow));
        }
        if let Some(slot) = flows.iter_mut().find(|kept| kept.flow.is_again(flow)) {
            let mut kept = slot.as_ref().clone();
            let soon = flow.last_ms - kept.written_ms < LINEAGE_REPEAT_MS && flow.actor == kept.flow.actor;
            let (first_ms, uses) = (kept.flow.first_ms.min(flow.first_ms), kept.flow.uses.saturating_add(flow.uses));
            kept.flow = Flow { first_ms, uses, ..flow.clone() };
            kept.written_ms = if soon { kept.written_ms } else { flow.last_ms };
            *slot = Arc::new(kept);
            return;
        }
        let mut number = number_of(flow);
        while flows.iter().any(|kept| kept.number == number) {
            number = number.wrapping_add(1);
        }
        flows.push(Arc::new(Kept { number, flow: flow.clone(), written_ms: flow.last_ms }));
        if flows.len() > LINEAGE_FLOWS_MAX {
            unite_oldest(flows);
        }
    }

    fn rename(&mut self, object: ObjectId, from: &str, to: &str) {
        let of = |edge: &Edge, into: ObjectId| {
            let is = |column: &Option<String>| column.as_deref() == Some(from);
            (edge.from == Place::Object(object) && is(&edge.from_column), into == object && is(&edge.column))
        };
        for (into, flows) in &mut self.flows {
            if !flows.iter().any(|kept| kept.flow.edges.iter().any(|edge| of(edge, *into) != (false, false))) {
                continue;
            }
            for slot in Arc::make_mut(flows) {
                let mut kept = slot.as_ref().clone();
                for edge in &mut kept.flow.edges {
                    let (comes, goes) = of(edge, *into);
                    if comes {
                        edge.from_column = Some(to.to_owned());
                    }
                    if goes {
                        edge.column = Some(to.to_owned());
                    }
                }
                if kept.flow.edges != slot.flow.edges {
                    kept.flow.edges.sort();
                    *slot = Arc::new(kept);
                }
            }
        }
    }

    /// An object is dropped. Flows stay, with its last name; those into a temporary relation go, since whatever was made of its rows
    /// knows where these came from.
    pub(super) fn drop_object(&mut self, id: ObjectId, object: &Object) {
        let (schema, name, owner) = match object {
            Object::Table(table) => (Some(&table.schema), &table.name, table.owner),
            Object::View(view) => (Some(&view.schema), &view.name, view.owner),
            Object::Model(model) => (None, &model.name, model.owner),
            Object::Source(source) => (None, &source.name, source.owner),
            _ => return,
        };
        if schema.is_some_and(|schema| is_temporary(schema)) {
            self.flows.remove(&id);
            return;
        }
        let mut edges = self.flows.values().flat_map(|flows| flows.iter()).flat_map(|kept| &kept.flow.edges);
        if self.flows.contains_key(&id) || edges.any(|edge| edge.from.object() == Some(id)) {
            let name = schema.map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"));
            self.gone.insert(id, Arc::new(Gone { name, kind: object.kind_name().to_owned(), owner }));
        }
    }

    /// Writes what differs from an earlier state.
    pub(super) fn write_difference(&self, before: &Self, batch: &mut WriteBatch) -> Result<()> {
        for (object, flows) in &self.flows {
            let old = before.flows.get(object);
            if old.is_some_and(|old| Arc::ptr_eq(old, flows)) {
                continue;
            }
            let of = |number: u64| old?.iter().find(|kept| kept.number == number);
            for kept in flows.iter() {
                let same = of(kept.number)
                    .is_some_and(|old| old.written_ms == kept.written_ms && old.flow.edges == kept.flow.edges);
                if !same {
                    let version = match kept.flow.kind {
                        FlowKind::Repair => FORMAT_VERSION_REPAIRS,
                        FlowKind::Generate => FORMAT_VERSION_GENERATED,
                        _ => FORMAT_VERSION_LINEAGE,
                    };
                    let value = to_value_of(version, &kept.flow)?;
                    batch.put(Tree::Governance, flow_key(*object, kept.number), value);
                }
            }
        }
        for (object, old) in &before.flows {
            let now = self.flows.get(object);
            if now.is_some_and(|now| Arc::ptr_eq(now, old)) {
                continue;
            }
            let there = |number: u64| now.is_some_and(|now| now.iter().any(|kept| kept.number == number));
            for kept in old.iter().filter(|kept| !there(kept.number)) {
                batch.delete(Tree::Governance, flow_key(*object, kept.number));
            }
        }
        for (object, gone) in &self.gone {
            if !before.gone.contains_key(object) {
                let key = Key::new().byte(GONE).number(*object).build();
                batch.put(Tree::Governance, key, to_value_of(FORMAT_VERSION_LINEAGE, gone.as_ref())?);
            }
        }
        Ok(())
    }

    /// What is kept.
    pub(super) fn load(engine: &dyn Engine) -> Result<Self> {
        let mut flows: HashMap<ObjectId, Vec<Arc<Kept>>> = HashMap::new();
        for (key, value) in engine.scan(Tree::Governance, &[FLOW])? {
            let (object, number) = (number_at(&key, 1)?, number_at(&key, 9)?);
            let flow: Flow = from_value(&format!("the lineage of object {object}"), &value)?;
            let written_ms = flow.last_ms;
            flows.entry(object).or_default().push(Arc::new(Kept { number, flow, written_ms }));
        }
        let mut gone = BTreeMap::new();
        for (key, value) in engine.scan(Tree::Governance, &[GONE])? {
            let object = number_at(&key, 1)?;
            gone.insert(object, Arc::new(from_value(&format!("the last name of object {object}"), &value)?));
        }
        Ok(Self { flows: flows.into_iter().map(|(object, flows)| (object, Arc::new(flows))).collect(), gone })
    }
}

/// The state after a transaction's changes, made on `latest`; `catalog` is that of `latest`.
pub(super) fn after(
    latest: &Arc<Lineage>,
    changes: &[LineageChange],
    objects: &BTreeMap<ObjectId, Option<Arc<Object>>>,
    catalog: &Catalog,
) -> Arc<Lineage> {
    let dropped = || objects.iter().filter(|(_, object)| object.is_none()).map(|(id, _)| *id);
    if changes.is_empty() && (latest.is_empty() || dropped().next().is_none()) {
        return latest.clone();
    }
    let mut next = latest.as_ref().clone();
    changes.iter().for_each(|change| next.change(change));
    for id in dropped() {
        if let Some(before) = catalog.get(id) {
            next.drop_object(id, before);
        }
    }
    Arc::new(next)
}

/// Makes one of the two flows of a kind that were seen longest ago.
fn unite_oldest(flows: &mut Vec<Arc<Kept>>) {
    let Some(oldest) = flows.iter().min_by_key(|kept| kept.flow.last_ms).cloned() else { return };
    let others = flows.iter().filter(|kept| kept.number != oldest.number && kept.flow.kind == oldest.flow.kind);
    let Some(other) = others.min_by_key(|kept| kept.flow.last_ms).cloned() else { return };
    let mut edges: Vec<Edge> = oldest.flow.edges.iter().chain(&other.flow.edges).cloned().collect();
    edges.sort();
    edges.dedup();
    let uses = oldest.flow.uses.saturating_add(other.flow.uses);
    let first_ms = oldest.flow.first_ms.min(other.flow.first_ms);
    let flow = Flow { edges, uses, first_ms, ..other.flow.clone() };
    flows.retain(|kept| kept.number != oldest.number);
    if let Some(slot) = flows.iter_mut().find(|kept| kept.number == other.number) {
        *slot = Arc::new(Kept { flow, ..other.as_ref().clone() });
    }
}

/// A number that flows of the same edges share.
fn number_of(flow: &Flow) -> u64 {
    let text = serde_json::to_vec(&(flow.kind, &flow.edges)).unwrap_or_default();
    sha256(&text).first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn flow_key(object: ObjectId, number: u64) -> Vec<u8> {
    Key::new().byte(FLOW).number(object).number(number).build()
}

fn number_at(key: &[u8], at: usize) -> Result<u64> {
    let bytes = key.get(at..).and_then(<[u8]>::first_chunk);
    let malformed = || Error::new(crate::error::Kind::Corruption, "a key of the lineage has the wrong length");
    bytes.map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, FIRST_USER_ID, Influence, SqlType, Table, column_shown, dropped_column};
    use crate::config::FORMAT_VERSION;
    use crate::crypto::{KeySource, MasterKey};
    use crate::storage::Store;
    use crate::txn::Manager;

    const FROM: ObjectId = FIRST_USER_ID + 100;
    const TO: ObjectId = FIRST_USER_ID + 101;

    fn flow(columns: &[&str], at_ms: i64) -> Flow {
        let edge = |column: &&str| Edge {
            from: Place::Object(FROM),
            from_column: Some((*column).to_owned()),
            column: Some((*column).to_owned()),
            influence: Influence::Identity,
        };
        Flow {
            kind: FlowKind::Insert,
            edges: columns.iter().map(edge).collect(),
            statement: "s".to_owned(),
            actor: 1,
            actor_name: "ann".to_owned(),
            first_ms: at_ms,
            last_ms: at_ms,
            uses: 1,
        }
    }

    fn open(folder: &tempfile::TempDir) -> Manager {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        Manager::open(Arc::new(Store::open(folder.path(), &key).unwrap())).unwrap()
    }

    fn commit(manager: &Manager, changes: Vec<LineageChange>) {
        let mut txn = manager.begin(false);
        changes.into_iter().for_each(|change| txn.note_lineage(change));
        manager.commit(txn).unwrap();
    }

    fn version(manager: &Manager) -> u8 {
        manager.store().engine().get(Tree::Sys, super::super::manifest::STATE_KEY).unwrap().unwrap()[0]
    }

    #[test]
    fn flows_follow_names_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        {
            let manager = open(&folder);
            let mut txn = manager.begin(false);
            let table = |name: &str| {
                Object::Table(Table { columns: vec![Column::new("a", SqlType::Int8)], ..Table::new("public", name, 1) })
            };
            txn.put_object(FROM, table("old")).unwrap();
            txn.put_object(TO, table("t")).unwrap();
            manager.commit(txn).unwrap();
            assert_eq!(version(&manager), FORMAT_VERSION);
            commit(&manager, vec![LineageChange::Flowed(TO, flow(&["a"], 1000))]);
            // A program that does not know of lineage must not open the store any more.
            assert_eq!(version(&manager), FORMAT_VERSION_LINEAGE);
            commit(&manager, vec![LineageChange::Flowed(TO, flow(&["a"], 500_000))]);
            let (from, to) = ("a".to_owned(), "b".to_owned());
            commit(&manager, vec![LineageChange::Renamed { object: FROM, from, to }]);
            let mut txn = manager.begin(false);
            txn.drop_object(FROM);
            manager.commit(txn).unwrap();
        }
        let manager = open(&folder);
        let lineage = manager.current().lineage.clone();
        let flows: Vec<&Flow> = lineage.flows_into(TO).collect();
        assert_eq!(flows.len(), 1);
        assert_eq!((flows[0].uses, flows[0].first_ms, flows[0].last_ms), (2, 1000, 500_000));
        assert_eq!(flows[0].edges[0].from_column.as_deref(), Some("b"));
        assert_eq!(flows[0].edges[0].column.as_deref(), Some("a"));
        assert_eq!(lineage.gone(FROM).map(|gone| gone.name.as_str()), Some("public.old"));
        assert_eq!(version(&manager), FORMAT_VERSION_LINEAGE);
    }

    /// Two that add to one object at once do not meet; what is repeated soon is in memory, and on disk with a later one.
    #[test]
    fn flows_of_two_transactions_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let manager = open(&folder);
        let (mut a, mut b) = (manager.begin(false), manager.begin(false));
        a.note_lineage(LineageChange::Flowed(TO, flow(&["x"], 1000)));
        b.note_lineage(LineageChange::Flowed(TO, flow(&["x"], 2000)));
        b.note_lineage(LineageChange::Flowed(TO, flow(&["y"], 2000)));
        manager.commit(a).unwrap();
        manager.commit(b).unwrap();
        let uses = |manager: &Manager| manager.current().lineage.flows_into(TO).map(|f| f.uses).collect::<Vec<_>>();
        assert_eq!(uses(&manager), [2, 1]);
        let written = || manager.store().engine().scan(Tree::Governance, &[FLOW]).unwrap();
        assert_eq!(written().len(), 2);
        let before = written();
        commit(&manager, vec![LineageChange::Flowed(TO, flow(&["y"], 3000))]);
        assert_eq!(written(), before);
        commit(&manager, vec![LineageChange::Flowed(TO, flow(&["y"], 2001 + LINEAGE_REPEAT_MS))]);
        assert_ne!(written(), before);
        assert_eq!(uses(&manager), [2, 3]);
        // A transaction that is thrown away leaves nothing.
        let mut txn = manager.begin(false);
        txn.note_lineage(LineageChange::Flowed(TO, flow(&["z"], 4000)));
        assert_eq!(txn.snapshot().lineage.flows_into(TO).count(), 3);
        drop(txn);
        assert_eq!(manager.current().lineage.flows_into(TO).count(), 2);
    }

    #[test]
    fn there_are_never_too_many_and_no_edge_is_lost() {
        let mut lineage = Lineage::default();
        let names: Vec<String> = (0..LINEAGE_FLOWS_MAX + 50).map(|n| format!("c{n}")).collect();
        for (at, name) in names.iter().enumerate() {
            lineage.change(&LineageChange::Flowed(TO, flow(&[name], at as i64)));
        }
        assert_eq!(lineage.flows_into(TO).count(), LINEAGE_FLOWS_MAX);
        let mut edges: Vec<&Edge> = lineage.flows_into(TO).flat_map(|flow| &flow.edges).collect();
        edges.sort();
        edges.dedup();
        assert_eq!(edges.len(), names.len());
        assert_eq!(lineage.flows_into(TO).map(|flow| flow.uses).sum::<u64>(), names.len() as u64);
    }

    #[test]
    fn a_dropped_column_is_told_from_one_of_its_name() {
        assert_eq!(column_shown(&dropped_column("a", 7)), ("a", true));
        assert_eq!(column_shown("a"), ("a", false));
        let mut lineage = Lineage::default();
        lineage.change(&LineageChange::Flowed(TO, flow(&["a"], 1)));
        let to = dropped_column("a", 7);
        lineage.change(&LineageChange::Renamed { object: TO, from: "a".to_owned(), to });
        lineage.change(&LineageChange::Flowed(TO, flow(&["a"], 2)));
        assert_eq!(lineage.flows_into(TO).count(), 2);
    }
}
