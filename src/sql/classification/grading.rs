//! Grades by the rule table, and by what persons said with the tags `grade` and `sensitivity`.
//!
//! An inventory keeps what a column is; its grade follows from that by the rules as they are now, so that a rule that is edited
//! grades anew what was found before.

use crate::catalog::{Catalog, Finding, GradingRow, Object, TagSource, TagUse};
use crate::error::Result;
use crate::governance::{Grade, GradingRule, Privacy, Sensitivity, default_grading_rules, grade_by};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// The rows of `steward.grading_rules`: those that were edited, or those that a database starts with, ten apart so that others
/// find a place between them.
pub fn grading_rows(catalog: &Catalog) -> Vec<GradingRow> {
    if let Some((_, grading)) = catalog.grading() {
        return grading.rules.clone();
    }
    let row = |(rule, ordinal): (GradingRule, i32)| GradingRow {
        ordinal,
        semantic_type: rule.semantic_type,
        privacy: rule.privacy.map(|privacy| privacy.name().to_owned()),
        sensitivity: rule.sensitivity.map(|sensitivity| sensitivity.name().to_owned()),
        grade: rule.grade.name().to_owned(),
        basis: Some(rule.basis),
    };
    default_grading_rules().into_iter().zip((10..).step_by(10)).map(row).collect()
}

/// A row as a rule; `InvalidParameter` for a word that is none of the vocabulary's.
pub fn grading_rule(row: &GradingRow) -> Result<GradingRule> {
    Ok(GradingRule {
        semantic_type: row.semantic_type.clone(),
        privacy: row.privacy.as_deref().map(Privacy::parse).transpose()?,
        sensitivity: row.sensitivity.as_deref().map(Sensitivity::parse).transpose()?,
        grade: Grade::parse(&row.grade)?,
        basis: row.basis.clone().unwrap_or_default(),
    })
}

/// What a person said with a tag, which came along with the data, too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Word {
    sensitivity: Option<Sensitivity>,
    grade: Option<Grade>,
}

impl Word {
    fn of(catalog: &Catalog, tags: &[TagUse]) -> Option<Self> {
        let mut word = Self::default();
        for used in tags.iter().filter(|used| used.source != TagSource::Classifier) {
            let Some(Object::Tag(tag)) = catalog.get(used.tag).map(AsRef::as_ref) else { continue };
            match tag.name.as_str() {
                "sensitivity" => word.sensitivity = Sensitivity::parse(&used.value).ok(),
                "grade" => word.grade = Grade::parse(&used.value).ok(),
                _ => {}
            }
        }
        (word.sensitivity.is_some() || word.grade.is_some()).then_some(word)
    }

    /// What was said of a whole table: the higher one wins.
    pub fn raise(self, sensitivity: Option<Sensitivity>, grade: Option<Grade>) -> (Option<Sensitivity>, Option<Grade>) {
        (self.sensitivity.max(sensitivity), self.grade.max(grade))
    }
}

/// What was said of a relation as a whole.
pub fn of_relation(catalog: &Catalog, finding: &Finding) -> Option<Word> {
    match catalog.get(finding.object).map(AsRef::as_ref)? {
        Object::Table(table) => Word::of(catalog, &table.tags),
        _ => None,
    }
}

/// Facts of columns with the grades that hold now.
pub fn graded<'f>(catalog: &Catalog, finding: &Finding, columns: Cow<'f, [Value]>) -> Cow<'f, [Value]> {
    let words: HashMap<&str, Word> = match catalog.get(finding.object).map(AsRef::as_ref) {
        Some(Object::Table(table)) => {
            let word = |tags: &[TagUse]| Word::of(catalog, tags);
            table.columns.iter().filter_map(|column| Some((column.name.as_str(), word(&column.tags)?))).collect()
        }
        _ => HashMap::new(),
    };
    if words.is_empty() && catalog.grading().is_none() {
        return columns;
    }
    // Rows were checked when they were written.
    let rules: Vec<GradingRule> = grading_rows(catalog).iter().filter_map(|row| grading_rule(row).ok()).collect();
    let mut columns = columns.into_owned();
    for facts in &mut columns {
        let word = facts["column_name"].as_str().and_then(|name| words.get(name)).copied().unwrap_or_default();
        if let Some(sensitivity) = word.sensitivity {
            facts["sensitivity"] = json!(sensitivity.name());
        }
        let grade = word.grade.or_else(|| by_rules(&rules, facts));
        if let Some(grade) = grade {
            facts["grade"] = json!(grade.name());
        }
    }
    Cow::Owned(columns)
}

fn by_rules(rules: &[GradingRule], facts: &Value) -> Option<Grade> {
    let named = |name: &str| facts[name].as_str().unwrap_or_default();
    let privacy = Privacy::parse(named("privacy_category")).ok()?;
    let sensitivity = Sensitivity::parse(named("sensitivity")).ok()?;
    Some(grade_by(rules, named("semantic_type"), privacy, sensitivity).0)
}
