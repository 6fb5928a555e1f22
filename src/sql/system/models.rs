//! steward.models, steward.model_versions, steward.model_metrics.

use super::super::context::Context;
use super::super::parser::readable;
use super::rows::{Cell, column, jsonb, timestamp};
use crate::catalog::{Class, Model, ModelGuard, Object, ObjectId, Privilege};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

fn visible(context: &Context) -> impl Iterator<Item = (ObjectId, &Model)> {
    context.snapshot.catalog.class(Class::Model).filter_map(|(id, object)| match object {
        Object::Model(m) if context.has_role(m.owner) || context.has_grant(&m.grants, Privilege::Usage) => {
            Some((id, m))
        }
        _ => None,
    })
}

pub fn model_columns() -> Vec<Field> {
    vec![
        column("name", DataType::Utf8),
        column("model_type", DataType::Utf8),
        column("owner", DataType::Utf8),
        column("deployed_version", DataType::Int32),
        column("versions", DataType::Int32),
        jsonb("options"),
        jsonb("trained_on"),
        column("comment", DataType::Utf8),
        column("frozen", DataType::Boolean),
        jsonb("guard"),
    ]
}

pub fn models(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let name_of = |id: &u64| {
        catalog.get(*id).map(|object| object.key().1.replace('\0', ".")).unwrap_or_else(|| "dropped".to_owned())
    };
    let rows = visible(context).map(|(id, model)| {
        let trained: Vec<String> = model.trained_on.iter().map(name_of).collect();
        vec![
            Cell::text(&model.name),
            Cell::text(&model.model_type),
            Cell::text(catalog.role_name(model.owner)),
            Cell::Int(Some(i64::from(model.deployed))),
            Cell::Int(Some(model.versions.len() as i64)),
            Cell::text(serde_json::json!(model.options).to_string()),
            Cell::text(serde_json::json!(trained).to_string()),
            Cell::Text(catalog.comment(id, "").map(str::to_owned)),
            Cell::Bool(Some(model.frozen)),
            Cell::Text(model.guard.as_ref().map(guard)),
        ]
    });
    Ok(rows.collect())
}

pub fn drift_columns() -> Vec<Field> {
    vec![
        column("model", DataType::Utf8),
        column("version", DataType::Int32),
        column("at", timestamp()),
        column("serving", DataType::Utf8),
        column("feature", DataType::Utf8),
        column("metric", DataType::Utf8),
        column("value", DataType::Float64),
        column("threshold", DataType::Float64),
        column("is_anomaly", DataType::Boolean),
    ]
}

/// What CHECK DRIFT found, of the models that the role owns: only they may ask DRIFT.
pub fn drift(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for (_, model) in visible(context).filter(|(_, model)| context.has_role(model.owner)) {
        for check in model.drifts.iter().rev() {
            rows.extend(check.columns.iter().map(|(feature, metric, value, threshold)| {
                vec![
                    Cell::text(&model.name),
                    Cell::Int(Some(i64::from(check.version))),
                    Cell::Int(Some(check.at_ms * 1000)),
                    Cell::Text(check.serving.clone()),
                    Cell::text(feature),
                    Cell::text(metric),
                    Cell::Float(Some(value.0).filter(|value| value.is_finite())),
                    Cell::Float(Some(threshold.0)),
                    Cell::Bool(Some(value.0.is_nan() || value.0 > threshold.0)),
                ]
            }));
        }
    }
    Ok(rows)
}

fn guard(guard: &ModelGuard) -> String {
    let ModelGuard { metric, drop, on_guard } = guard;
    serde_json::json!({"guard_metric": metric, "guard_drop": drop, "on_guard": on_guard.name()}).to_string()
}

pub fn version_columns() -> Vec<Field> {
    vec![
        column("model", DataType::Utf8),
        column("version", DataType::Int32),
        column("deployed", DataType::Boolean),
        column("trained_rows", DataType::Int64),
        column("seconds", DataType::Float64),
        column("size_bytes", DataType::Int64),
        column("snapshot", DataType::Int64),
        column("query", DataType::Utf8),
        column("created_at", timestamp()),
        jsonb("options"),
        column("base_version", DataType::Int32),
    ]
}

pub fn versions(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let rows = visible(context).flat_map(|(_, model)| {
        model.versions.iter().map(|version| {
            vec![
                Cell::text(&model.name),
                Cell::Int(Some(i64::from(version.number))),
                Cell::Bool(Some(version.number == model.deployed)),
                Cell::Int(Some(version.rows as i64)),
                Cell::Float(Some(version.seconds)),
                Cell::Int(Some(version.bytes as i64)),
                Cell::Int(Some(version.snapshot as i64)),
                Cell::text(readable(&version.query)),
                Cell::Int(Some(version.created_ms * 1000)),
                Cell::Text(model.options_of(version).map(|options| serde_json::json!(options).to_string())),
                Cell::Int(Some(i64::from(version.base)).filter(|base| *base != 0)),
            ]
        })
    });
    Ok(rows.collect())
}

pub fn metric_columns() -> Vec<Field> {
    vec![
        column("model", DataType::Utf8),
        column("version", DataType::Int32),
        column("metric", DataType::Utf8),
        column("segment", DataType::Utf8),
        column("value", DataType::Float64),
        column("n", DataType::Int64),
    ]
}

pub fn metrics(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let rows = visible(context).flat_map(|(_, model)| {
        model.versions.iter().flat_map(|version| {
            version.metrics.iter().map(|(metric, segment, value, n)| {
                vec![
                    Cell::text(&model.name),
                    Cell::Int(Some(i64::from(version.number))),
                    Cell::text(metric),
                    Cell::text(segment),
                    Cell::Float(Some(*value)),
                    Cell::Int(Some(*n as i64)),
                ]
            })
        })
    });
    Ok(rows.collect())
}
