//! steward.assets, steward.columns, steward.quality_results: what the inventory found.

use super::super::context::Context;
use super::super::tables;
use super::rows::{Cell, column, jsonb, timestamp};
use crate::catalog::{Class, Finding, Object};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use serde_json::Value;

/// Findings about assets that the role may read, each with the columns whose values it must not see.
fn visible(context: &Context) -> Vec<(&Finding, Vec<String>)> {
    let catalog = &context.snapshot.catalog;
    let findings = catalog.class(Class::Finding).filter_map(|(_, object)| match object {
        Object::Finding(finding) => Some(finding),
        _ => None,
    });
    let judged = findings.filter_map(|finding| match catalog.get(finding.object).map(AsRef::as_ref)? {
        Object::Table(table) => {
            let access = tables::access(context, finding.object, table).ok()?;
            if !access.may_read_some() {
                return None;
            }
            // A policy on rows hides values of every column.
            let hidden = table
                .columns
                .iter()
                .enumerate()
                .filter(|(n, _)| access.filter.is_some() || !access.readable[*n] || access.masks[*n].is_some());
            Some((finding, hidden.map(|(_, c)| c.name.clone()).collect()))
        }
        Object::View(view) => {
            let allowed =
                context.has_role(view.owner) || context.has_grant(&view.grants, crate::catalog::Privilege::Select);
            // Values of a view may be masked for this role in ways that only planning would tell: the owner sees them.
            let hidden = match context.has_role(view.owner) {
                true => Vec::new(),
                false => finding.columns.iter().filter_map(|c| c["column_name"].as_str().map(str::to_owned)).collect(),
            };
            allowed.then_some((finding, hidden))
        }
        Object::Source(source) => tables::may_read(context, source).then(|| (finding, Vec::new())),
        _ => None,
    });
    judged.collect()
}

/// Whether these are the facts of a hidden column.
fn is_hidden(facts: &Value, hidden: &[String]) -> bool {
    facts["column_name"].as_str().is_some_and(|name| hidden.iter().any(|h| h == name))
}

pub fn asset_columns() -> Vec<Field> {
    vec![
        column("asset_id", DataType::Utf8),
        column("name", DataType::Utf8),
        column("kind", DataType::Utf8),
        column("form", DataType::Utf8),
        column("domain", DataType::Utf8),
        column("domain_zh", DataType::Utf8),
        column("structure", DataType::Utf8),
        column("row_count", DataType::Int64),
        column("size_bytes", DataType::Int64),
        column("sensitivity", DataType::Utf8),
        column("grade", DataType::Utf8),
        column("quality", DataType::Float64),
        column("freshness", DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano)),
        jsonb("tags"),
        column("owner", DataType::Utf8),
        column("last_scan", timestamp()),
        column("confidence", DataType::Float64),
        jsonb("evidence"),
    ]
}

pub fn assets(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let fields = asset_columns();
    let rows = visible(context).into_iter().map(|(finding, hidden)| {
        // Freshness is the age of the latest moment in the rows: one that the role must not see may be it.
        let hides_moment = finding.columns.iter().any(|facts| {
            let data_type = facts["data_type"].as_str().unwrap_or_default();
            (data_type.starts_with("timestamp") || data_type.starts_with("date")) && is_hidden(facts, &hidden)
        });
        row(&fields, &finding.facts, if hides_moment { &["freshness"] } else { &[] })
    });
    Ok(rows.collect())
}

pub fn column_columns() -> Vec<Field> {
    vec![
        column("asset", DataType::Utf8),
        column("ordinal", DataType::Int32),
        column("column_name", DataType::Utf8),
        column("data_type", DataType::Utf8),
        column("semantic_type", DataType::Utf8),
        column("semantic_type_zh", DataType::Utf8),
        column("privacy_category", DataType::Utf8),
        column("sensitivity", DataType::Utf8),
        column("grade", DataType::Utf8),
        column("confidence", DataType::Float64),
        column("coverage", DataType::Float64),
        column("nulls", DataType::Int64),
        column("distincts", DataType::Int64),
        column("distincts_exact", DataType::Boolean),
        column("min", DataType::Utf8),
        column("max", DataType::Utf8),
        column("mean", DataType::Float64),
        column("stddev", DataType::Float64),
        column("pattern", DataType::Utf8),
        jsonb("top"),
        jsonb("evidence"),
    ]
}

/// Facts that hold values of the column.
const VALUES: &[&str] = &["min", "max", "mean", "stddev", "top"];

pub fn columns(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let fields = column_columns();
    let mut rows = Vec::new();
    for (finding, hidden) in visible(context) {
        for facts in &finding.columns {
            rows.push(row(&fields, facts, if is_hidden(facts, &hidden) { VALUES } else { &[] }));
        }
    }
    Ok(rows)
}

pub fn quality_columns() -> Vec<Field> {
    let mut columns = vec![column("asset", DataType::Utf8)];
    columns.extend(report_columns());
    columns
}

/// The columns of QUALITY_REPORT.
pub fn report_columns() -> Vec<Field> {
    vec![
        column("rule", DataType::Utf8),
        column("dimension", DataType::Utf8),
        column("dimension_zh", DataType::Utf8),
        column("column_name", DataType::Utf8),
        column("metric", DataType::Utf8),
        column("value", DataType::Float64),
        column("threshold", DataType::Float64),
        column("passed", DataType::Boolean),
        column("failed_rows", DataType::Int64),
        column("total_rows", DataType::Int64),
        column("sampled", DataType::Boolean),
        column("as_of", timestamp()),
    ]
}

pub fn quality_results(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let fields = quality_columns();
    let mut rows = Vec::new();
    for (finding, _) in visible(context) {
        rows.extend(finding.quality.iter().map(|facts| row(&fields, facts, &[])));
    }
    Ok(rows)
}

/// Facts as cells of these columns, in their order; those named in `hidden` are left out.
pub fn row(columns: &[Field], facts: &Value, hidden: &[&str]) -> Vec<Cell> {
    columns
        .iter()
        .map(|field| {
            let value = facts.get(field.name()).filter(|_| !hidden.contains(&field.name().as_str()));
            Cell::of(value, field.data_type())
        })
        .collect()
}
