//! What persons said of columns, over what an inventory found: a rejected category is gone from it, a confirmed one stands.

use super::grading;
use crate::catalog::{Catalog, Finding, Object, Table, TagVerdict};
use crate::governance::{Grade, Privacy, SemanticType, Sensitivity, default_grading_rules, grade_by, pii::CARRIED};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Whether anything was said of any column of a table.
fn is_said(table: &Table) -> bool {
    table.columns.iter().any(|column| !column.verdicts.is_empty())
}

/// Facts of a finding's columns, with their state, as what was said since makes them, and with the grades that hold now.
pub fn columns_said<'f>(catalog: &Catalog, finding: &'f Finding) -> Cow<'f, [Value]> {
    grading::graded(catalog, finding, said(catalog, finding))
}

fn said<'f>(catalog: &Catalog, finding: &'f Finding) -> Cow<'f, [Value]> {
    let table = match catalog.get(finding.object).map(AsRef::as_ref) {
        Some(Object::Table(table)) if is_said(table) => table,
        _ => return Cow::Borrowed(&finding.columns),
    };
    let all = finding.columns.iter().map(|facts| {
        let name = facts["column_name"].as_str().unwrap_or_default();
        let verdicts = table.columns.iter().find(|column| column.name == name).map(|column| column.verdicts.as_slice());
        match verdicts {
            Some(verdicts) if !verdicts.is_empty() => over(facts, verdicts),
            _ => facts.clone(),
        }
    });
    Cow::Owned(all.collect())
}

/// Facts of a finding's asset, as sensitive as its most sensitive column is with what was said since.
pub fn sensitivity_said<'f>(catalog: &Catalog, finding: &'f Finding) -> Cow<'f, Value> {
    let (columns, whole) = (columns_said(catalog, finding), grading::of_relation(catalog, finding));
    if matches!(columns, Cow::Borrowed(_)) && whole.is_none() {
        return Cow::Borrowed(&finding.facts);
    }
    let named = |name: &'static str| columns.iter().filter_map(move |facts| facts[name].as_str());
    let sensitivity = named("sensitivity").filter_map(|name| Sensitivity::parse(name).ok()).max();
    let grade = named("grade").filter_map(|name| Grade::parse(name).ok()).max();
    let (sensitivity, grade) = whole.unwrap_or_default().raise(sensitivity, grade);
    let mut facts = finding.facts.clone();
    if let (Some(sensitivity), Some(grade)) = (sensitivity, grade) {
        facts["sensitivity"] = json!(sensitivity.name());
        facts["grade"] = json!(grade.name());
    }
    Cow::Owned(facts)
}

fn over(facts: &Value, verdicts: &[TagVerdict]) -> Value {
    let mut facts = facts.clone();
    let found = facts["semantic_type"].as_str().map(str::to_owned);
    if let Some(confirmed) = verdicts.iter().rev().find(|verdict| verdict.confirmed) {
        if found.as_deref() != Some(&confirmed.category) {
            describe(&mut facts, Some(&confirmed.category));
        }
        facts["state"] = json!("confirmed");
        facts["confidence"] = json!(1.0);
        return facts;
    }
    let rejected = verdicts.iter().find(|verdict| found.as_deref() == Some(&verdict.category));
    if let Some(rejected) = rejected {
        describe(&mut facts, None);
        facts["confidence"] = json!(0.0);
        facts["coverage"] = json!(0.0);
        let because = rejected.because.as_ref().map_or(String::new(), |because| format!(": {because}"));
        let mut evidence = vec![json!(format!("a person rejected {}{because}", rejected.category))];
        if !facts["carried"].is_null() {
            // What its texts hold is another question than what it is.
            let before = facts["evidence"].as_array().into_iter().flatten();
            evidence.extend(before.filter(|line| line.as_str().is_some_and(|line| line.starts_with(CARRIED))).cloned());
        }
        facts["evidence"] = json!(evidence);
    }
    if facts["semantic_type"].is_null() {
        facts["state"] = json!("rejected");
    }
    facts
}

/// What follows from a category.
fn describe(facts: &mut Value, category: Option<&str>) {
    let known = category.and_then(SemanticType::get);
    facts["semantic_type"] = json!(category);
    facts["semantic_type_zh"] = json!(known.map(SemanticType::label_zh));
    // A category of the user's own, of which nothing else is known here, is taken for that of a person's name.
    let (privacy, sensitivity, grade) = match (category, known) {
        (_, Some(known)) => (known.privacy(), known.sensitivity(), known.grade()),
        (Some(_), None) => (Privacy::Identifier, Sensitivity::Medium, Grade::General3),
        (None, None) => (Privacy::None, Sensitivity::None, Grade::General1),
    };
    let carried = &facts["carried"];
    let held = |name: &str| carried[name].as_str().unwrap_or_default();
    let (privacy, sensitivity, grade) =
        match (Privacy::parse(held("privacy_category")), Sensitivity::parse(held("sensitivity"))) {
            (Ok(of_texts), Ok(harm)) => {
                let (privacy, sensitivity) = (privacy.max(of_texts), sensitivity.max(harm));
                let by_rules = grade_by(&default_grading_rules(), category.unwrap_or_default(), privacy, sensitivity).0;
                (privacy, sensitivity, grade.max(by_rules))
            }
            _ => (privacy, sensitivity, grade),
        };
    facts["privacy_category"] = json!(privacy.name());
    facts["sensitivity"] = json!(sensitivity.name());
    facts["grade"] = json!(grade.name());
}
