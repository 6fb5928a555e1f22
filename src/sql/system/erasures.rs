//! steward.erasures: the certificates of FORGET SUBJECT.

use super::super::context::Context;
use super::super::lineage::{Graph, Node};
use super::rows::{Cell, column, jsonb, timestamp};
use crate::catalog::{ErasedTable, Erasure, Place, Remainder, SqlType};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use serde_json::{Value, json};

pub fn erasure_columns() -> Vec<Field> {
    vec![
        SqlType::Uuid.field("erasure_id"),
        column("erased_at", timestamp()),
        column("actor", DataType::Utf8),
        jsonb("subjects"),
        jsonb("columns"),
        column("cascade", DataType::Boolean),
        column("rows_deleted", DataType::Int64),
        column("rows_nulled", DataType::Int64),
        jsonb("tables"),
        jsonb("models"),
        jsonb("remains"),
        column("state", DataType::Utf8),
        column("finished_at", timestamp()),
    ]
}

/// All certificates for superusers, for others their own. Models that the role does not see are not named.
pub fn erasures(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    let graph = Graph::new(context);
    let catalog = &context.snapshot.catalog;
    let mut all: Vec<&Erasure> = catalog.erasures().map(|(_, erasure)| erasure).collect();
    all.retain(|erasure| context.is_superuser() || context.has_role(erasure.actor));
    all.sort_by(|a, b| (a.at_ms, &a.number).cmp(&(b.at_ms, &b.number)));
    all.into_iter().map(|erasure| row(&graph, erasure)).collect()
}

fn row(graph: &Graph<'_>, erasure: &Erasure) -> Result<Vec<Cell>> {
    let sum = |of: fn(&ErasedTable) -> u64| Cell::count(erasure.tables.iter().map(of).sum::<u64>());
    let mut models = Vec::new();
    for (id, name) in &erasure.models {
        if graph.sees(&Node { place: Place::Object(*id), column: None })? {
            models.push(name);
        }
    }
    let table = |table: &ErasedTable| json!({ "table": table.name, "kind": table.kind, "deleted": table.deleted, "nulled": table.nulled });
    Ok(vec![
        Cell::text(&erasure.number),
        Cell::moment(erasure.at_ms),
        Cell::text(&erasure.actor_name),
        Cell::text(json!(erasure.subjects).to_string()),
        Cell::text(json!(erasure.columns).to_string()),
        Cell::Bool(Some(erasure.cascade)),
        sum(|table| table.deleted),
        sum(|table| table.nulled),
        Cell::text(erasure.tables.iter().map(table).collect::<Value>().to_string()),
        Cell::text(json!(models).to_string()),
        Cell::text(erasure.remains.iter().map(remainder).collect::<Value>().to_string()),
        Cell::text(if erasure.finished_ms.is_some() { "finished" } else { "under way" }),
        Cell::moment(erasure.finished_ms),
    ])
}

fn remainder(remainder: &Remainder) -> Value {
    let mut told = json!({ "kind": remainder.kind, "reason": remainder.reason });
    if let Some(object) = &remainder.object {
        told["object"] = json!(object);
    }
    if let Some(rows) = remainder.rows {
        told["rows"] = json!(rows);
    }
    told
}
