//! Models as facts: their versions, what watches them, how their updates went.

use super::exact::Exact;
use super::grant::Grant;
use super::object::{ObjectId, is_zero};
use super::tag::TagUse;
use crate::config::{MODEL_DRIFTS_KEPT, MODEL_UPDATES_KEPT};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A trained model with its versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// `model_type`.
    pub model_type: String,
    /// OPTIONS as given for the newest version.
    pub options: BTreeMap<String, String>,
    /// Versions, oldest first.
    pub versions: Vec<ModelVersion>,
    /// The version that predictions use.
    pub deployed: u32,
    /// Rights given away.
    pub grants: Vec<Grant>,
    /// Relations that the newest version learnt from; [`ObjectId::MAX`] for one that was gone when the model came from another
    /// database.
    pub trained_on: Vec<ObjectId>,
    /// The highest number of a version that was dropped, which no other gets; 0 if there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u32,
    /// Whether it takes no updates.
    #[serde(default, skip_serializing_if = "is_not")]
    pub frozen: bool,
    /// What watches its updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<ModelGuard>,
    /// Its updates, oldest first: the newest ones only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<ModelUpdate>,
    /// Tags of the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagUse>,
    /// How it learns by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<Online>,
    /// What CHECK DRIFT found, oldest first: the newest ones only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifts: Vec<DriftCheck>,
}

/// How far rows were from those of a training when CHECK DRIFT asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftCheck {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The version whose training they were compared with.
    pub version: u32,
    /// The relation whose rows they were; none for those of the model's updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<String>,
    /// Of each column: its name, the measure, the value, the threshold.
    pub columns: Vec<(String, String, Exact, Exact)>,
}

/// How a model learns by itself: its training query is run over the rows that a table has gained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Online {
    /// The table.
    pub source: ObjectId,
    /// So many new rows it waits for.
    pub batch_rows: u64,
    /// Its place among the rows of the table: those before it have been learnt.
    pub place: u64,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What is watched when a model is updated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelGuard {
    /// The metric, as EVALUATE calls it.
    pub metric: String,
    /// By which share it may be worse than it was.
    #[serde(deserialize_with = "super::exact::one")]
    pub drop: f64,
    /// What is done where it is worse.
    pub on_guard: OnGuard,
}

/// What is done with a model whose guard is broken. The version that was deployed stays deployed, and nothing is learnt from the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnGuard {
    /// It takes no updates any more.
    Freeze,
    /// This update is undone, and the next may come.
    Rollback,
}

impl OnGuard {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Rollback => "rollback",
        }
    }

    /// What this word means.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Freeze, Self::Rollback].into_iter().find(|known| known.name() == name)
    }
}

/// An update of a model, whether something came of it or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelUpdate {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The version that predicted the rows before it learnt from them.
    pub version: u32,
    /// The version that has learnt from them; 0 if the guard was broken.
    pub made: u32,
    /// How well they were predicted: metric, segment, value, rows.
    #[serde(deserialize_with = "super::exact::metrics")]
    pub metrics: Vec<(String, String, f64, u64)>,
}

/// Whether nothing need be kept of a truth.
fn is_not(truth: &bool) -> bool {
    !truth
}

impl Model {
    /// The highest number that a version has or had; 0 before the first.
    pub fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |version| version.number).max(self.dropped)
    }

    /// Whether something is known of it that models without updates have not.
    pub fn is_of_life(&self) -> bool {
        self.frozen
            || self.guard.is_some()
            || !self.updates.is_empty()
            || self.versions.iter().any(|version| version.base != 0)
    }

    /// Whether a version may have an encoder of its own: it is one, or was asked to tune one.
    pub fn has_own_encoder(&self) -> bool {
        let is_asked = |options: &BTreeMap<String, String>| {
            options.contains_key("base") || options.get("adapter_rank").is_some_and(|rank| rank != "0")
        };
        matches!(self.model_type.as_str(), "embedding" | "imported")
            || (self.model_type == "text_classifier"
                && (is_asked(&self.options) || self.versions.iter().any(|version| is_asked(&version.options))))
    }

    /// Adds an update; of many the oldest are forgotten.
    pub fn note_update(&mut self, update: ModelUpdate) {
        self.updates.push(update);
        let more = self.updates.len().saturating_sub(MODEL_UPDATES_KEPT);
        self.updates.drain(..more);
    }

    /// Adds what CHECK DRIFT found; of much the oldest is forgotten.
    pub fn note_drift(&mut self, check: DriftCheck) {
        self.drifts.push(check);
        let more = self.drifts.len().saturating_sub(MODEL_DRIFTS_KEPT);
        self.drifts.drain(..more);
    }

    /// The options of a version, if they are known.
    pub fn options_of<'a>(&'a self, version: &'a ModelVersion) -> Option<&'a BTreeMap<String, String>> {
        let newest = self.versions.last().is_some_and(|last| last.number == version.number);
        match version.options.is_empty() {
            false => Some(&version.options),
            true => newest.then_some(&self.options),
        }
    }
}

/// One training of a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelVersion {
    /// 1, 2, 3...
    pub number: u32,
    /// The sealed file of its weights.
    pub file: u64,
    /// Bytes of the weights.
    pub bytes: u64,
    /// The training query.
    pub query: String,
    /// OPTIONS as given for it; empty in one from before they were kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Commit whose data it saw.
    pub snapshot: u64,
    /// Rows it learnt from.
    pub rows: u64,
    /// Seconds of training.
    #[serde(deserialize_with = "super::exact::one")]
    pub seconds: f64,
    /// Evaluation on rows it had not seen: metric, segment, value, rows.
    #[serde(deserialize_with = "super::exact::metrics")]
    pub metrics: Vec<(String, String, f64, u64)>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// The version that it goes on from; 0 if it was trained from the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: u32,
}
