//! steward.quality_rules: the rules of relations, and what they gave last.

use super::super::context::Context;
use super::super::quality::{Sight, asset_of, definition, dimension_of, read_by, schedule_words, threshold};
use super::rows::{Cell, column, timestamp};
use crate::catalog::{Class, Object, OnViolation, RuleTest};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

pub fn rule_columns() -> Vec<Field> {
    vec![
        column("relation", DataType::Utf8),
        column("name", DataType::Utf8),
        column("column_name", DataType::Utf8),
        column("metric", DataType::Utf8),
        column("definition", DataType::Utf8),
        column("dimension", DataType::Utf8),
        column("dimension_zh", DataType::Utf8),
        column("threshold", DataType::Float64),
        column("severity", DataType::Utf8),
        column("on_violation", DataType::Utf8),
        column("enabled", DataType::Boolean),
        column("passed", DataType::Boolean),
        column("checked_at", timestamp()),
        column("schedule", DataType::Utf8),
    ]
}

/// Rules of relations that the role may read. What a rule says may hold values: it is told to roles that see the columns which it reads as
/// they are, in all rows.
pub fn rules(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let mut rows = Vec::new();
    for (_, object) in catalog.class(Class::QualityRule) {
        let Object::QualityRule(rule) = object else { continue };
        let Some(sight) = Sight::of(context, rule.relation) else { continue };
        let Some(relation) = asset_of(catalog, rule.relation) else { continue };
        let sees = sight.sees(&read_by(rule));
        let result = catalog.last_results(rule.relation).into_iter().find(|(_, result)| result.rule == rule.name);
        let dimension = dimension_of(rule);
        rows.push(vec![
            Cell::text(relation),
            Cell::text(&rule.name),
            Cell::Text((!rule.columns.is_empty()).then(|| rule.columns.join(", "))),
            Cell::text(match &rule.test {
                RuleTest::Check(_) => "check",
                RuleTest::Metric(test) => &test.metric,
            }),
            Cell::Text(sees.then(|| definition(rule, catalog))),
            Cell::text(dimension.name()),
            Cell::text(dimension.label_zh()),
            Cell::Float(threshold(rule).filter(|_| sees)),
            Cell::text(rule.severity.word()),
            Cell::Text(rule.on_violation.as_ref().map(|what| match what {
                OnViolation::Repair(_) => "REPAIR".to_owned(),
                what => what.words().to_owned(),
            })),
            Cell::Bool(Some(!rule.disabled)),
            Cell::Bool(result.and_then(|(_, result)| result.passed)),
            Cell::Int(result.map(|(run, _)| run.at_ms * 1000)),
            Cell::Text(rule.schedule.as_ref().map(schedule_words)),
        ]);
    }
    Ok(rows)
}
