//! What inventories found in the course of time: each run, and each state of an asset that a run found.

use super::object::ObjectId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One INVENTORY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryRun {
    /// Its number: 1 for the first. Runs that are under way at the same time may have the same.
    pub number: u64,
    /// Milliseconds since 1970 of its beginning.
    pub started_ms: i64,
    /// And of its end.
    pub finished_ms: i64,
    /// Who ran it.
    pub actor: ObjectId,
    /// What they were called then.
    pub actor_name: String,
    /// What was asked for: `ALL`, `SCHEMA s`, `TABLE s.t`.
    pub target: String,
    /// Assets that are there.
    pub assets: u64,
    /// Those of them that were looked at.
    pub looked: u64,
    /// Those that were as they had been.
    pub unchanged: u64,
    /// Those that could not be read.
    pub unreadable: u64,
    /// Assets that were there at the run before and are not any more.
    pub vanished: u64,
    /// Rows that were read.
    pub rows_read: u64,
}

/// An asset as a run found it. It is in force until there is a later one, or until it is gone. There is no value of the asset in it:
/// these are in the files, which go with the asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetState {
    /// `schema.name`, the name users write.
    pub asset: String,
    /// The table, view or source it belongs to.
    pub object: ObjectId,
    /// The run that found it so.
    pub run: u64,
    /// The run that did not find it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<u64>,
    /// What was found, as JSON.
    pub facts: Value,
    /// The sealed file of its columns' distributions; 0 if there is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub distributions: u64,
    /// The sealed file of its sketches; 0 if there is none, as of all but the last state.
    #[serde(default, skip_serializing_if = "is_none")]
    pub sketches: u64,
    /// Hash of the content of its files, where it was asked for; 0 if not.
    #[serde(default, skip_serializing_if = "is_none")]
    pub content: u64,
}

fn is_none(number: &u64) -> bool {
    *number == 0
}

impl InventoryRun {
    /// Its key among all runs, which sorts as its number.
    pub fn key(&self) -> String {
        format!("{:020}\0{}\0{}", self.number, self.started_ms, self.actor)
    }
}

impl AssetState {
    /// Its key among all states: the asset, then the run.
    pub fn key(&self) -> String {
        format!("{}\0{:020}", self.asset, self.run)
    }

    /// Whether it was in force after a run.
    pub fn was_there(&self, run: u64) -> bool {
        self.run <= run && self.gone.is_none_or(|gone| gone > run)
    }
}
