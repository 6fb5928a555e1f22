//! What is told of rules and of what they gave, and to whom.
//!
//! A rule may hold values of its relation in its words, and so may what was measured of it: least and greatest values, means. They are
//! told to roles that see the columns in question as they are, in all rows.

use super::super::context::Context;
use super::super::parser::full_name;
use super::super::tables;
use super::ask::column;
use super::measure::is_error;
use crate::catalog::{Catalog, Finding, Object, ObjectId, QualityRule, QualityRun, RuleResult, RuleSchedule, RuleTest};
use crate::governance::quality::Dimension;
use crate::governance::rules::{Judgement, Metric, Value, Weighed, weighed};
use serde_json::json;

/// How a role sees a relation that has rules.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Columns that it does not see as they are.
    hidden: Vec<String>,
    /// A row policy keeps rows from it.
    some_rows: bool,
    /// It sees everything, whatever the columns are called.
    whole: bool,
}

impl Sight {
    /// How the context's role sees a relation; none if it may not read any of it.
    pub fn of(context: &Context, id: ObjectId) -> Option<Self> {
        let catalog = &context.snapshot.catalog;
        match catalog.get(id)?.as_ref() {
            Object::Table(table) => {
                context.must_reach(&table.schema).ok()?;
                let access = tables::access(context, id, table).ok()?;
                if !access.may_read_some() {
                    return None;
                }
                let hidden = table.columns.iter().enumerate().filter(|(at, _)| {
                    access.readable.get(*at) != Some(&true) || access.masks.get(*at).is_none_or(Option::is_some)
                });
                let hidden: Vec<String> = hidden.map(|(_, column)| column.name.clone()).collect();
                let some_rows = access.filter.is_some();
                Some(Self { whole: hidden.is_empty() && !some_rows, hidden, some_rows })
            }
            Object::View(view) => {
                context.must_reach(&view.schema).ok()?;
                let owns = context.has_role(view.owner);
                let reads = owns || context.has_grant(&view.grants, crate::catalog::Privilege::Select);
                // What of a view is masked for others only planning would tell: its owner sees it.
                reads.then_some(Self { hidden: Vec::new(), some_rows: !owns, whole: owns })
            }
            _ => None,
        }
    }

    /// Whether it sees these columns as they are, in all rows.
    pub fn sees(&self, columns: &[String]) -> bool {
        self.whole || (!self.some_rows && !columns.iter().any(|column| self.hidden.contains(column)))
    }
}

/// Whether a metric tells values of its columns.
fn tells_values(metric: &str) -> bool {
    Metric::from_name(metric).is_some_and(|metric| metric.value() == Value::OfValues)
}

/// Whether a metric is a share of rows, which tells no number of them.
fn is_share(metric: &str) -> bool {
    Metric::from_name(metric).is_none_or(|metric| matches!(metric.value(), Value::Share | Value::Percent))
}

/// A result as a row of the quality report, with what the role may know of it.
pub fn fact(asset: &str, run: &QualityRun, result: &RuleResult, sight: &Sight) -> serde_json::Value {
    let sees = sight.sees(&result.read);
    let value_shown = sees || (!tells_values(&result.metric) && (!sight.some_rows || is_share(&result.metric)));
    let counts = (!sight.some_rows).then_some((result.failed_rows, result.total_rows));
    let dimension = Dimension::from_name(&result.dimension);
    json!({
        "asset": asset, "rule": result.rule, "dimension": result.dimension,
        "dimension_zh": dimension.map(Dimension::label_zh),
        "column_name": (!result.columns.is_empty()).then(|| result.columns.join(", ")),
        "metric": result.metric, "value": result.value.filter(|_| value_shown),
        "threshold": result.threshold.filter(|_| sees), "passed": result.passed,
        "failed_rows": counts.and_then(|(failed, _)| failed), "total_rows": counts.map(|(_, total)| total),
        "sampled": false, "as_of": run.at_ms * 1000,
    })
}

/// `schema.name` of a relation.
pub fn asset_of(catalog: &Catalog, id: ObjectId) -> Option<String> {
    match catalog.get(id)?.as_ref() {
        Object::Table(table) => Some(format!("{}.{}", table.schema, table.name)),
        Object::View(view) => Some(format!("{}.{}", view.schema, view.name)),
        _ => None,
    }
}

/// What the rules of a relation gave: with `last` only in the last run, otherwise in all that are kept.
pub fn seen_results(context: &Context, id: ObjectId, last: bool) -> Vec<serde_json::Value> {
    let catalog = &context.snapshot.catalog;
    let Some(sight) = Sight::of(context, id) else { return Vec::new() };
    let Some(asset) = asset_of(catalog, id) else { return Vec::new() };
    if last {
        let results = catalog.last_results(id).into_iter();
        return results.map(|(run, result)| fact(&asset, run, result, &sight)).collect();
    }
    let mut facts = Vec::new();
    for (_, run) in catalog.runs_of(id).rev() {
        facts.extend(run.results.iter().map(|result| fact(&asset, run, result, &sight)));
    }
    facts
}

/// The quality of a relation, or of one column: what the inventory found and what the rules gave last, weighed together. None if
/// neither tells anything.
pub fn quality_of(
    catalog: &Catalog,
    finding: Option<&Finding>,
    relation: Option<ObjectId>,
    of_column: Option<&str>,
) -> Option<f64> {
    let results = relation.map_or_else(Vec::new, |id| catalog.last_results(id));
    let is_meant = |columns: &[String]| of_column.is_none_or(|wanted| columns.iter().any(|column| column == wanted));
    let rules =
        results.iter().map(|(_, result)| *result).filter(|result| is_meant(&result.columns)).filter_map(|result| {
            let share = result.failed_rows.filter(|_| result.total_rows > 0);
            let share = share.map(|failed| result.total_rows.saturating_sub(failed) as f64 / result.total_rows as f64);
            let judgement = Judgement { value: result.value, passed: result.passed, share };
            Weighed::rule(Dimension::from_name(&result.dimension)?, &judgement, is_error(result.severity))
        });
    let rules: Vec<Weighed> = rules.collect();
    // Without rules the inventory's own score stands as it is.
    if rules.is_empty() {
        let finding = finding?;
        return match of_column {
            None => finding.facts["quality"].as_f64(),
            Some(wanted) => {
                let facts = finding.columns.iter().find(|facts| facts["column_name"] == wanted)?;
                facts["quality"].as_f64()
            }
        };
    }
    let found = finding.into_iter().flat_map(|finding| &finding.quality).filter_map(|facts| {
        if of_column.is_some_and(|wanted| facts["column_name"] != wanted) {
            return None;
        }
        let dimension = Dimension::from_name(facts["dimension"].as_str()?)?;
        Some(Weighed { dimension, value: facts["value"].as_f64()?, weight: 1.0 })
    });
    weighed(&found.chain(rules).collect::<Vec<_>>())
}

/// When a rule is asked by itself, in words.
pub fn schedule_words(schedule: &RuleSchedule) -> String {
    match &schedule.timing {
        Some(timing) => format!("{timing} {}", schedule.zone),
        None => "ON CHANGE".to_owned(),
    }
}

/// A rule as the statement that makes it, without its end.
pub fn definition(rule: &QualityRule, catalog: &Catalog) -> String {
    let mut text = match &rule.test {
        RuleTest::Check(condition) => format!("CHECK ({condition})"),
        RuleTest::Metric(test) => {
            let reference = test.references.as_ref().and_then(|to| {
                let name = match catalog.get(to.relation)?.as_ref() {
                    Object::Table(table) => full_name(&table.schema, &table.name),
                    Object::View(view) => full_name(&view.schema, &view.name),
                    _ => return None,
                };
                let columns: Vec<String> = to.columns.iter().map(|name| column(name)).collect();
                Some(format!("{name} ({})", columns.join(", ")))
            });
            let determinant = test.determinant.iter().map(|name| column(name));
            let arguments: Vec<String> =
                reference.into_iter().chain(determinant).chain(test.arguments.iter().cloned()).collect();
            let arguments = match arguments.is_empty() {
                true => String::new(),
                false => format!(" ({})", arguments.join(", ")),
            };
            let expectation = test.expectation.as_ref().map(|text| format!(" EXPECTATION ({text})"));
            format!("METRIC {}{arguments}{}", test.metric, expectation.unwrap_or_default())
        }
    };
    if let Some(dimension) = &rule.dimension {
        text += &format!(" DIMENSION '{dimension}'");
    }
    if let Some(threshold) = rule.threshold {
        text += &format!(" THRESHOLD {threshold}");
    }
    text += &format!(" SEVERITY '{}'", rule.severity.word());
    match &rule.on_violation {
        Some(crate::catalog::OnViolation::Repair(value)) => text += &format!(" ON VIOLATION REPAIR USING ({value})"),
        Some(what) => text += &format!(" ON VIOLATION {}", what.words()),
        None => {}
    }
    match &rule.schedule {
        Some(RuleSchedule { timing: Some(timing), zone, .. }) => {
            text += &format!(" SCHEDULE '{timing}' TIME ZONE '{}'", zone.replace('\'', "''"));
        }
        Some(RuleSchedule { timing: None, .. }) => text += " SCHEDULE ON CHANGE",
        None => {}
    }
    text
}
