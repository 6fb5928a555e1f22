//! steward.assets, steward.columns, steward.quality_results: what the inventory found.

use super::super::classification::{columns_said, sensitivity_said};
use super::super::context::Context;
use super::super::quality;
use super::super::tables;
use super::rows::{Cell, column, jsonb, timestamp};
use super::vocabulary::Language;
use crate::catalog::{Class, Finding, Object};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use serde_json::Value;
use std::collections::BTreeSet;

/// A finding about an asset that the role may read.
pub(super) struct Visible<'a> {
    pub(super) finding: &'a Finding,
    /// Columns whose values it must not see.
    pub(super) hidden: Vec<String>,
    /// Whether a row policy keeps rows from it: how many there are is none of its business.
    pub(super) some_rows: bool,
}

impl Visible<'_> {
    /// These fields, where they would tell of rows that the role must not see.
    fn if_some_rows<'f>(&self, fields: &'f [&'f str]) -> &'f [&'f str] {
        if self.some_rows { fields } else { &[] }
    }
}

/// Findings about assets that the role may read.
pub(super) fn visible(context: &Context) -> Vec<Visible<'_>> {
    let catalog = &context.snapshot.catalog;
    let findings = catalog.class(Class::Finding).filter_map(|(_, object)| match object {
        Object::Finding(finding) if !finding.is_hint() => Some(finding),
        _ => None,
    });
    let mut relations = catalog.class(Class::Relation);
    let policed = relations.any(|(_, object)| matches!(object, Object::Table(table) if table.row_security));
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
            let hidden = hidden.map(|(_, c)| c.name.clone()).collect();
            Some(Visible { finding, hidden, some_rows: access.filter.is_some() })
        }
        Object::View(view) => {
            let allowed =
                context.has_role(view.owner) || context.has_grant(&view.grants, crate::catalog::Privilege::Select);
            // Values of a view may be masked for this role in ways that only planning would tell: the owner sees them.
            let hidden = match context.has_role(view.owner) {
                true => Vec::new(),
                false => finding.columns.iter().filter_map(|c| c["column_name"].as_str().map(str::to_owned)).collect(),
            };
            // So it is with rows that policies keep from it, where there are any.
            let some_rows = policed && !context.has_role(view.owner);
            allowed.then_some(Visible { finding, hidden, some_rows })
        }
        Object::Source(source) => {
            tables::may_read(context, source).then(|| Visible { finding, hidden: Vec::new(), some_rows: false })
        }
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
        column("domain_label", DataType::Utf8),
        column("sensitivity_label", DataType::Utf8),
        column("grade_label", DataType::Utf8),
        column("row_count_estimated", DataType::Boolean),
        jsonb("candidate_keys"),
    ]
}

pub fn assets(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let (fields, language) = (asset_columns(), Language::of(context));
    let rows = visible(context).into_iter().map(|seen| {
        let (finding, hidden) = (seen.finding, &seen.hidden);
        // Freshness is the age of the latest moment in the rows: one that the role must not see may be it.
        let hides_moment = finding.columns.iter().any(|facts| {
            let data_type = facts["data_type"].as_str().unwrap_or_default();
            (data_type.starts_with("timestamp") || data_type.starts_with("date")) && is_hidden(facts, hidden)
        });
        let mut left_out = seen.if_some_rows(&["row_count", "size_bytes"]).to_vec();
        left_out.extend(hides_moment.then_some("freshness"));
        let mut facts = sensitivity_said(&context.snapshot.catalog, finding);
        language.label(facts.to_mut(), "domain", "domain_label");
        language.label_grades(facts.to_mut());
        // That the values of a column all differ tells of them.
        if let Some(keys) = facts["candidate_keys"].as_array() {
            let of_hidden = |name: &Value| name.as_str().is_some_and(|name| hidden.iter().any(|h| h == name));
            let told = keys.iter().filter(|key| {
                key["declared"] == true || !key["columns"].as_array().into_iter().flatten().any(of_hidden)
            });
            let told: Vec<Value> = told.cloned().collect();
            facts.to_mut()["candidate_keys"] = Value::from(told);
        }
        let mut cells = row(&fields, &facts, &left_out);
        // Rules count with what the inventory found.
        let quality = quality::quality_of(&context.snapshot.catalog, Some(finding), Some(finding.object), None);
        for (cell, _) in cells.iter_mut().zip(&fields).filter(|(_, field)| field.name() == "quality") {
            *cell = Cell::Float(quality);
        }
        cells
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
        column("state", DataType::Utf8),
        column("semantic_type_label", DataType::Utf8),
        column("sensitivity_label", DataType::Utf8),
        column("grade_label", DataType::Utf8),
    ]
}

/// Facts that hold values of the column.
pub const VALUES: &[&str] = &["min", "max", "mean", "stddev", "top"];

pub fn columns(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let (fields, language) = (column_columns(), Language::of(context));
    let mut rows = Vec::new();
    for seen in visible(context) {
        for facts in columns_said(&context.snapshot.catalog, seen.finding).into_owned() {
            let mut left_out = seen.if_some_rows(&["nulls", "distincts"]).to_vec();
            left_out.extend(is_hidden(&facts, &seen.hidden).then_some(VALUES).into_iter().flatten());
            let mut facts = facts;
            // What nobody has said anything of is suggested.
            if facts["state"].is_null() && facts["semantic_type"].is_string() {
                facts["state"] = "suggested".into();
            }
            language.label(&mut facts, "semantic_type", "semantic_type_label");
            language.label_grades(&mut facts);
            rows.push(row(&fields, &facts, &left_out));
        }
    }
    Ok(rows)
}

/// Facts of quality that count rows.
const COUNTS: &[&str] = &["failed_rows", "total_rows"];

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
    for seen in visible(context) {
        let left_out = seen.if_some_rows(COUNTS);
        rows.extend(seen.finding.quality.iter().map(|facts| row(&fields, facts, left_out)));
    }
    let catalog = &context.snapshot.catalog;
    let ruled = catalog.class(Class::QualityRun).filter_map(|(_, object)| match object {
        Object::QualityRun(run) => Some(run.relation),
        _ => None,
    });
    for relation in ruled.collect::<BTreeSet<_>>() {
        let facts = quality::seen_results(context, relation, false);
        rows.extend(facts.iter().map(|facts| row(&fields, facts, &[])));
    }
    Ok(rows)
}

/// What was measured of an asset, for a role that may read it.
pub fn measured(context: &Context, finding: &Finding) -> Vec<Value> {
    let some_rows = visible(context).iter().any(|seen| seen.finding.asset == finding.asset && seen.some_rows);
    let mut facts = finding.quality.clone();
    for facts in facts.iter_mut().filter(|_| some_rows).filter_map(Value::as_object_mut) {
        facts.retain(|name, _| !COUNTS.contains(&name.as_str()));
    }
    facts
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
