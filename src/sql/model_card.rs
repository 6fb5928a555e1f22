//! What is known of a version of a model beside its weights, as JSON: it leaves with them, and comes back with them.

use crate::catalog::{Catalog, Exact, Model, ModelUpdate, ModelVersion, ObjectId};
use crate::error::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The card of one version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The model's name.
    pub name: String,
    /// `model_type`
    pub model_type: String,
    /// 1, 2, 3...
    pub version: u32,
    /// OPTIONS as given, if they are known.
    pub options: Option<BTreeMap<String, String>>,
    /// The training query.
    pub query: String,
    /// Schema and name of each relation that the model's newest version learnt from; nothing for one that is gone.
    pub trained_on: Vec<Option<(String, String)>>,
    /// Commit of the database of then whose rows it saw.
    pub snapshot: u64,
    /// Rows it learnt from.
    pub trained_rows: u64,
    /// Seconds of training.
    pub seconds: Exact,
    /// Evaluation on rows that it had not seen.
    pub metrics: Vec<Measured>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// The version that it goes on from; 0 if it was trained from the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: u32,
    /// Updates whose rows it predicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<Updated>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An update of the model.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Updated {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The version that has learnt from its rows; 0 if the guard was broken.
    pub made: u32,
    /// How well they were predicted.
    pub metrics: Vec<Measured>,
}

/// One number of an evaluation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What it is.
    pub metric: String,
    /// Of which rows.
    pub segment: String,
    /// The number.
    pub value: Exact,
    /// Of how many rows.
    pub n: u64,
}

impl Card {
    /// The card of a version.
    pub fn of(catalog: &Catalog, model: &Model, version: &ModelVersion) -> Self {
        let name_of = |id: &ObjectId| {
            let (_, name) = catalog.get(*id)?.key();
            name.split_once('\0').map(|(schema, name)| (schema.to_owned(), name.to_owned()))
        };
        let measured = |(metric, segment, value, n): &(String, String, f64, u64)| Measured {
            metric: metric.clone(),
            segment: segment.clone(),
            value: Exact(*value),
            n: *n,
        };
        let updated = |update: &ModelUpdate| Updated {
            at_ms: update.at_ms,
            made: update.made,
            metrics: update.metrics.iter().map(measured).collect(),
        };
        let updates = model.updates.iter().filter(|update| update.version == version.number);
        Self {
            name: model.name.clone(),
            model_type: model.model_type.clone(),
            version: version.number,
            options: model.options_of(version).cloned(),
            query: version.query.clone(),
            trained_on: model.trained_on.iter().map(name_of).collect(),
            snapshot: version.snapshot,
            trained_rows: version.rows,
            seconds: Exact(version.seconds),
            metrics: version.metrics.iter().map(measured).collect(),
            created_ms: version.created_ms,
            base: version.base,
            updates: updates.map(updated).collect(),
        }
    }

    /// The card as text.
    pub fn write(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal(format!("card of a model: {error}")))
    }

    /// Reads what [`write`](Self::write) wrote.
    pub fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(Kind::BadCopy, "the card of the model cannot be read").with_detail(error.to_string())
        })
    }

    /// The version, whose weights are these bytes of a file; the updates whose rows it predicted; and what the model learnt from.
    pub fn into_version(
        self,
        catalog: &Catalog,
        (file, bytes): (u64, u64),
    ) -> (ModelVersion, Vec<ModelUpdate>, Vec<ObjectId>) {
        let id_of = |name: &Option<(String, String)>| {
            let found = name.as_ref().and_then(|(schema, name)| catalog.relation(schema, name));
            found.map_or(ObjectId::MAX, |(id, _)| id)
        };
        let trained_on = self.trained_on.iter().map(id_of).collect();
        let measured = |m: Measured| (m.metric, m.segment, m.value.0, m.n);
        let updated = |update: Updated| ModelUpdate {
            at_ms: update.at_ms,
            version: self.version,
            made: update.made,
            metrics: update.metrics.into_iter().map(measured).collect(),
        };
        let updates = self.updates.into_iter().map(updated).collect();
        let version = ModelVersion {
            number: self.version,
            file,
            bytes,
            query: self.query,
            options: self.options.unwrap_or_default(),
            snapshot: self.snapshot,
            rows: self.trained_rows,
            seconds: self.seconds.0,
            metrics: self.metrics.into_iter().map(measured).collect(),
            created_ms: self.created_ms,
            base: self.base,
        };
        (version, updates, trained_on)
    }
}
