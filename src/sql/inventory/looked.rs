//! What a look at an asset gives the history: its state, how its columns are distributed, its sketches.

use super::super::system::rows::four_places;
use super::kept::Looked;
use crate::catalog::{Finding, Table};
use crate::governance::change::{AssetState, ColumnState, Distribution};
use crate::governance::inclusion::{LinkColumn, RelationSketch, RowSketch, hash_written};
use crate::governance::{ColumnProfile, KEY_ROWS, compound_keys};
use arrow::array::RecordBatch;
use serde_json::{Value, json};

/// What was found of an asset, for its history. `rows` are its rows as a whole, if they are its own; `whole` says that all were looked at.
pub fn looked(
    finding: &Finding,
    profiles: &[ColumnProfile],
    table: Option<&Table>,
    rows: Option<RowSketch>,
    whole: bool,
    content: u64,
) -> Looked {
    let facts = &finding.facts;
    let text = |facts: &Value, name: &str| facts[name].as_str().map(str::to_owned);
    let columns = profiles.iter().map(|profile| {
        let facts = finding.columns.iter().find(|facts| facts["column_name"].as_str() == Some(&profile.name));
        let facts = facts.unwrap_or(&Value::Null);
        ColumnState {
            name: profile.name.clone(),
            data_type: text(facts, "data_type").unwrap_or_default(),
            semantic_type: text(facts, "semantic_type"),
            sensitivity: text(facts, "sensitivity"),
            looked: profile.rows,
            nulls: profile.nulls,
            distincts: profile.distincts,
        }
    });
    let state = AssetState {
        kind: text(facts, "kind").unwrap_or_default(),
        domain: text(facts, "domain").unwrap_or_default(),
        structure: text(facts, "structure").unwrap_or_default(),
        owner: text(facts, "owner").unwrap_or_default(),
        sensitivity: text(facts, "sensitivity"),
        grade: text(facts, "grade"),
        // As much of it as is told: what lies behind that differs from run to run.
        quality: facts["quality"].as_f64().map(four_places),
        rows: facts["row_count"].as_u64(),
        rows_estimated: facts["row_count_estimated"].as_bool() == Some(true),
        bytes: facts["size_bytes"].as_u64().unwrap_or(0),
        columns: columns.collect(),
    };
    let distributions = profiles.iter().map(|profile| (profile.name.clone(), distribution(profile))).collect();
    let is_key = |name: &str| {
        table.is_some_and(|table| {
            table.keys.iter().any(|key| {
                matches!(key.columns.as_slice(), [one] if table.columns.get(*one).is_some_and(|column| column.name == name))
            })
        })
    };
    let sketch = rows.map(|rows| RelationSketch {
        whole,
        rows,
        columns: profiles.iter().map(|profile| LinkColumn::of(profile, is_key(&profile.name))).collect(),
    });
    Looked { asset: finding.asset.clone(), object: finding.object, state, distributions, sketch, content }
}

fn distribution(profile: &ColumnProfile) -> Distribution {
    Distribution {
        present: profile.rows.saturating_sub(profile.nulls),
        spread: profile.spread.clone(),
        frequent: profile.top.iter().map(|(value, count)| (hash_written(value, None), *count)).collect(),
    }
}

/// The first rows of an asset, in which keys of several columns are looked for.
#[derive(Default)]
pub struct FirstRows {
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl FirstRows {
    /// Takes in a batch, as long as there is room.
    pub fn add(&mut self, batch: &RecordBatch) {
        let room = KEY_ROWS.saturating_sub(self.rows);
        if room > 0 {
            self.batches.push(batch.slice(0, batch.num_rows().min(room)));
            self.rows += batch.num_rows().min(room);
        }
    }

    /// Keys: those that are declared, columns whose values all differ, and where there is none of these, columns that tell rows apart
    /// together. `all` is how many rows there are; of a part of them a key is a guess.
    pub fn keys(&self, profiles: &[ColumnProfile], table: Option<&Table>, all: usize, whole: bool) -> Value {
        let mut keys: Vec<Value> = Vec::new();
        let mut add = |columns: Vec<&str>, exact: bool, declared: bool| {
            if !keys.iter().any(|key| key["columns"] == json!(columns)) {
                keys.push(json!({ "columns": columns, "exact": exact, "declared": declared }));
            }
        };
        for (table, key) in table.iter().flat_map(|table| table.keys.iter().map(move |key| (table, key))) {
            let names = key.columns.iter().filter_map(|at| table.columns.get(*at)).map(|column| column.name.as_str());
            add(names.collect(), true, true);
        }
        let mut single = false;
        for profile in profiles {
            let estimated = !profile.distincts_exact && profile.distincts as f64 >= 0.98 * profile.rows as f64;
            let is_measure = profile.data_type.is_floating();
            if profile.rows > 1 && profile.nulls == 0 && !is_measure && (profile.is_unique() || estimated) {
                add(vec![&profile.name], profile.is_unique() && whole, false);
                single = true;
            }
        }
        if !single {
            for key in compound_keys(&self.batches, profiles) {
                let names = key.iter().filter_map(|at| profiles.get(*at)).map(|profile| profile.name.as_str());
                add(names.collect(), whole && all == self.rows, false);
            }
        }
        Value::from(keys)
    }
}
