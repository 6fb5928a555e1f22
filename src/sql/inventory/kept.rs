//! Runs and states, as they are written and forgotten.

use super::super::context::Context;
use super::super::ddl::Ddl;
use crate::catalog::{AssetState, Catalog, InventoryRun, Object, ObjectId};
use crate::config::INVENTORY_RUNS_KEPT;
use crate::error::{Error, Kind, Result};
use crate::governance::change::{self, Distribution};
use crate::governance::inclusion::RelationSketch;
use crate::storage::{FileId, FileKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What an inventory found of an asset that it looked at.
pub struct Looked {
    /// `schema.name`
    pub asset: String,
    /// The table, view or source it belongs to.
    pub object: ObjectId,
    /// What it is like, without values.
    pub state: change::AssetState,
    /// How the values of its columns are distributed.
    pub distributions: Vec<(String, Distribution)>,
    /// Its sketches; none of a view, whose rows are those of what it reads.
    pub sketch: Option<RelationSketch>,
    /// Hash of the content of its files; 0 if there is none.
    pub content: u64,
}

/// A run that is under way.
pub struct Running {
    run: InventoryRun,
    before: BTreeMap<String, (ObjectId, AssetState)>,
}

/// The state of each asset that is in force, with those that are gone, by name.
pub fn in_force(catalog: &Catalog) -> BTreeMap<String, (ObjectId, AssetState)> {
    // They come in the order of the runs: the last one stays.
    catalog.asset_states().into_iter().map(|(id, state)| (state.asset.clone(), (id, state.clone()))).collect()
}

impl Running {
    /// Begins a run over what `target` says.
    pub fn begin(ddl: &Ddl<'_>, target: String) -> Self {
        let catalog = &ddl.txn.snapshot().catalog;
        let number = catalog.inventory_runs().last().map_or(1, |(_, run)| run.number + 1);
        let actor = ddl.context.role;
        let run = InventoryRun {
            number,
            started_ms: chrono::Utc::now().timestamp_millis(),
            finished_ms: 0,
            actor,
            actor_name: catalog.role_name(actor),
            target,
            assets: 0,
            looked: 0,
            unchanged: 0,
            unreadable: 0,
            vanished: 0,
            rows_read: 0,
        };
        Self { run, before: in_force(catalog) }
    }

    /// The state that an asset was in before the run, if it was there.
    pub fn before(&self, asset: &str) -> Option<&AssetState> {
        self.before.get(asset).map(|(_, state)| state).filter(|state| state.gone.is_none())
    }

    /// An asset is as it was.
    pub fn unchanged(&mut self) {
        self.run.assets += 1;
        self.run.unchanged += 1;
    }

    /// An asset could not be read: what was known of it stays.
    pub fn unreadable(&mut self) {
        self.run.assets += 1;
        self.run.looked += 1;
        self.run.unreadable += 1;
    }

    /// An asset was looked at. A state is written if it is another than before.
    pub fn looked(&mut self, ddl: &mut Ddl<'_>, looked: Looked, rows_read: u64) -> Result<()> {
        self.run.assets += 1;
        self.run.looked += 1;
        self.run.rows_read += rows_read;
        let facts = to_json(&looked.state)?;
        let owner = ddl.txn.snapshot().catalog.table_by_id(looked.object).map_or(0, |_| looked.object);
        let write = |bytes: Vec<u8>| -> Result<u64> {
            Ok(ddl.context.database.manager.store().files().create(FileKind::Model, owner, &bytes)?.as_u64())
        };
        let sketches = looked.sketch.as_ref().map(RelationSketch::to_bytes).transpose()?.map(write).transpose()?;
        let spread = to_bytes(&looked.distributions)?;
        let distributions = if looked.sketch.is_some() { write(spread.clone())? } else { 0 };
        let state = AssetState {
            asset: looked.asset,
            object: looked.object,
            run: self.run.number,
            gone: None,
            facts,
            distributions,
            sketches: sketches.unwrap_or(0),
            content: looked.content,
        };
        if let Some((id, before)) = self.before.get(&state.asset) {
            let mut before = before.clone();
            let same = before.gone.is_none()
                && before.object == state.object
                && before.facts == state.facts
                && (before.distributions == 0) == (state.distributions == 0)
                && (before.distributions == 0 || read(ddl.context, before.distributions).as_ref() == Some(&spread));
            if same {
                // Nothing that is told is different: it is the state that it was.
                let same = AssetState { run: before.run, ..state };
                return ddl.txn.put_object(*id, Object::AssetState(same));
            }
            if before.sketches != 0 {
                before.sketches = 0;
                ddl.txn.put_object(*id, Object::AssetState(before))?;
            }
        }
        let id = ddl.new_id();
        ddl.txn.put_object(id, Object::AssetState(state))
    }

    /// Notes which assets are gone, of those that are `meant`; `is_there` says which are not.
    pub fn vanished(
        &mut self,
        ddl: &mut Ddl<'_>,
        meant: impl Fn(&str, &str) -> bool,
        is_there: impl Fn(&str, &str) -> bool,
    ) -> Result<()> {
        for (asset, (id, state)) in &self.before {
            let (schema, name) = asset.split_once('.').unwrap_or(("", asset));
            if state.gone.is_some() || !meant(schema, name) || is_there(schema, name) {
                continue;
            }
            let gone = AssetState { gone: Some(self.run.number), distributions: 0, sketches: 0, ..state.clone() };
            ddl.txn.put_object(*id, Object::AssetState(gone))?;
            self.run.vanished += 1;
            let finding = ddl.txn.snapshot().catalog.finding(asset).map(|(id, _)| id);
            if let Some(finding) = finding {
                ddl.txn.drop_object(finding);
            }
            ddl.context.notice(format!("{asset} is not there any more"));
        }
        Ok(())
    }

    /// Writes down the run, and forgets the runs of long ago.
    pub fn end(mut self, ddl: &mut Ddl<'_>) -> Result<()> {
        self.run.finished_ms = chrono::Utc::now().timestamp_millis();
        let id = ddl.new_id();
        ddl.txn.put_object(id, Object::InventoryRun(self.run))?;
        retain(ddl);
        Ok(())
    }
}

/// Forgets all runs but the last ones, and states that were replaced or gone before the earliest of these.
fn retain(ddl: &mut Ddl<'_>) {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let runs = catalog.inventory_runs();
    let Some(surplus) = runs.len().checked_sub(INVENTORY_RUNS_KEPT).filter(|surplus| *surplus > 0) else { return };
    let earliest = runs.get(surplus).map_or(0, |(_, run)| run.number);
    runs.iter().take(surplus).for_each(|(id, _)| ddl.txn.drop_object(*id));
    let states = catalog.asset_states();
    for (at, (id, state)) in states.iter().enumerate() {
        let next = states.get(at + 1).filter(|(_, next)| next.asset == state.asset);
        let is_replaced = next.is_some_and(|(_, next)| next.run <= earliest);
        if is_replaced || state.gone.is_some_and(|gone| gone <= earliest) {
            ddl.txn.drop_object(*id);
        }
    }
}

/// Forgets what inventories keep of the values of a table, which are to go. What has no values stays: that it was there, and how many rows
/// it had.
pub fn forget_values(ddl: &mut Ddl<'_>, of: &BTreeSet<ObjectId>) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, state) in catalog.asset_states() {
        if of.contains(&state.object) && (state.distributions != 0 || state.sketches != 0) {
            let bare = AssetState { distributions: 0, sketches: 0, ..state.clone() };
            ddl.txn.put_object(id, Object::AssetState(bare))?;
        }
    }
    Ok(())
}

/// The distributions that a state keeps; none where they are gone, or cannot be read any more.
pub fn distributions(context: &Context, state: &AssetState) -> Option<Vec<(String, Distribution)>> {
    let bytes = read(context, state.distributions)?;
    serde_json::from_slice(&bytes).ok()
}

/// The sketches that a state keeps; none where they are gone, or cannot be read any more.
pub fn sketch(context: &Context, state: &AssetState) -> Option<RelationSketch> {
    RelationSketch::from_bytes(&read(context, state.sketches)?).ok()
}

fn read(context: &Context, file: u64) -> Option<Vec<u8>> {
    let files = context.database.manager.store().files();
    // A state of before may be looked at while its files go.
    (file != 0).then(|| files.read(FileId::from_u64(file)).ok()).flatten()
}

/// The facts of a state.
pub fn facts(state: &AssetState) -> Result<change::AssetState> {
    serde_json::from_value(state.facts.clone())
        .map_err(|_| Error::new(Kind::Corruption, format!("the inventory of {} cannot be read", state.asset)))
}

fn to_json(state: &change::AssetState) -> Result<Value> {
    serde_json::to_value(state).map_err(|error| Error::internal(format!("a state cannot be written: {error}")))
}

fn to_bytes(all: &[(String, Distribution)]) -> Result<Vec<u8>> {
    serde_json::to_vec(all).map_err(|error| Error::internal(format!("distributions cannot be written: {error}")))
}
