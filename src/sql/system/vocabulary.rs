//! steward.grading_rules, steward.vocabulary: how grades follow from classes, and what the built-in words are called.

use super::super::classification::grading_rows;
use super::super::context::Context;
use super::rows::{Cell, column};
use crate::error::Result;
use crate::governance::{Dimension, Domain, Grade, Privacy, SemanticType, Sensitivity, Structure};
use arrow::datatypes::{DataType, Field};
use serde_json::Value;

pub fn rule_columns() -> Vec<Field> {
    vec![
        column("ordinal", DataType::Int32),
        column("semantic_type", DataType::Utf8),
        column("privacy_category", DataType::Utf8),
        column("sensitivity", DataType::Utf8),
        column("grade", DataType::Utf8),
        column("basis", DataType::Utf8),
    ]
}

/// The rule table, which everybody may read: it tells of no data.
pub fn rules(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let rows = grading_rows(&context.snapshot.catalog).into_iter().map(|row| {
        vec![
            Cell::Int(Some(row.ordinal.into())),
            Cell::Text(row.semantic_type),
            Cell::Text(row.privacy),
            Cell::Text(row.sensitivity),
            Cell::text(row.grade),
            Cell::Text(row.basis),
        ]
    });
    Ok(rows.collect())
}

/// The language of labels, as `steward.language` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    pub fn of(context: &Context) -> Self {
        match context.settings.get("steward.language") {
            Ok("zh") => Self::Chinese,
            _ => Self::English,
        }
    }

    fn choose<'w>(self, name: &'w str, label_zh: Option<&'w str>) -> &'w str {
        match self {
            Self::English => name,
            Self::Chinese => label_zh.unwrap_or(name),
        }
    }

    /// Puts the label of one fact among the others; a category of the user's own is its own label.
    pub fn label(self, facts: &mut Value, fact: &str, label: &str) {
        let Some(name) = facts[fact].as_str() else { return };
        facts[label] = self.choose(name, label_zh(fact, name)).into();
    }

    /// As [`Language::label`], of what all findings have.
    pub fn label_grades(self, facts: &mut Value) {
        self.label(facts, "sensitivity", "sensitivity_label");
        self.label(facts, "grade", "grade_label");
    }
}

/// The Chinese name of a built-in word.
fn label_zh(kind: &str, name: &str) -> Option<&'static str> {
    match kind {
        "domain" => Domain::get(name).map(Domain::label_zh),
        "semantic_type" => SemanticType::get(name).map(SemanticType::label_zh),
        "sensitivity" => Sensitivity::parse(name).ok().map(Sensitivity::label_zh),
        "grade" => Grade::parse(name).ok().map(Grade::label_zh),
        _ => None,
    }
}

pub fn word_columns() -> Vec<Field> {
    ["kind", "name", "label_zh", "label"].map(|name| column(name, DataType::Utf8)).into()
}

/// Every built-in word with its Chinese name, and its name in the session's language.
pub fn words(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let language = Language::of(context);
    let mut all: Vec<(&str, &'static str, &'static str)> = Vec::new();
    all.extend(Domain::ALL.map(|word| ("domain", word.name(), word.label_zh())));
    all.extend(SemanticType::ALL.iter().map(|word| ("semantic_type", word.name(), word.label_zh())));
    all.extend(Dimension::ALL.map(|word| ("dimension", word.name(), word.label_zh())));
    all.extend(Grade::ALL.iter().map(|word| ("grade", word.name(), word.label_zh())));
    all.extend(Sensitivity::ALL.iter().map(|word| ("sensitivity", word.name(), word.label_zh())));
    all.extend(Privacy::ALL.iter().map(|word| ("privacy_category", word.name(), word.label_zh())));
    all.extend(Structure::ALL.map(|word| ("structure", word.name(), word.label_zh())));
    let row = |(kind, name, zh): (&str, &'static str, &'static str)| {
        [kind, name, zh, language.choose(name, Some(zh))].map(Cell::text).into()
    };
    Ok(all.into_iter().map(row).collect())
}
