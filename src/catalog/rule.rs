//! Quality rules: what is expected of the rows of a relation, and what was measured when that was asked.
//!
//! A rule belongs to its relation, as a row policy does: names are unique within it, and it goes with it. A [`QualityRun`] is what
//! CHECK QUALITY measured at one moment; the last ones of each relation are kept.

use super::job::RuleSchedule;
use super::object::{ObjectId, relation_key};
use serde::{Deserialize, Serialize};

/// What is expected of the rows of a relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityRule {
    /// Name, unique within its relation.
    pub name: String,
    /// The table or view.
    pub relation: ObjectId,
    /// The columns that it is about, in the order in which they were given; none for one about the rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// What is asked.
    pub test: RuleTest,
    /// The dimension of quality that it counts for; none for that of its metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    /// The least share of rows that are as they should be, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How much it matters that it fails.
    #[serde(default)]
    pub severity: Severity,
    /// What becomes of a row that is written and is not as it should be; none if nobody asks then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_violation: Option<OnViolation>,
    /// Nobody asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// When it is asked by itself, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<RuleSchedule>,
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RuleTest {
    /// A condition over a row's columns, as SQL. A row for which it is NULL is as it should be.
    Check(String),
    /// A number of the relation.
    Metric(MetricTest),
}

/// A metric and what is expected of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricTest {
    /// Its name.
    pub metric: String,
    /// Its constants, as SQL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// The relation that the columns refer to, of `foreign_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Reference>,
    /// The column that determines the rule's, of `functional_dependency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub determinant: Option<String>,
    /// A condition that calls the metric VALUE, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<String>,
}

/// Columns of a relation that others refer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The table or view.
    pub relation: ObjectId,
    /// Its columns.
    pub columns: Vec<String>,
}

/// How much it matters that a rule fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Severity {
    /// It is told.
    #[default]
    Warn,
    /// It is an error of the data.
    Error,
}

impl Severity {
    /// Its word in SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What becomes of a row that is written and is not as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OnViolation {
    /// It is written, and counted in a warning.
    Warn,
    /// It is left out.
    DropRow,
    /// The statement fails.
    FailUpdate,
    /// It goes to the table's quarantine.
    Quarantine,
    /// The rule's column gets this value, as SQL over the row.
    Repair(String),
}

impl OnViolation {
    /// Its words in SQL, without the value of a repair.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Warn => "WARN",
            Self::DropRow => "DROP ROW",
            Self::FailUpdate => "FAIL UPDATE",
            Self::Quarantine => "QUARANTINE",
            Self::Repair(_) => "REPAIR USING",
        }
    }
}

impl QualityRule {
    /// The name under which it is found.
    pub fn key(&self) -> String {
        relation_key(&self.relation.to_string(), &self.name)
    }

    /// Every text of SQL that it has.
    pub fn texts(&self) -> Vec<&String> {
        let mut texts = Vec::new();
        match &self.test {
            RuleTest::Check(condition) => texts.push(condition),
            RuleTest::Metric(metric) => texts.extend(metric.arguments.iter().chain(&metric.expectation)),
        }
        if let Some(OnViolation::Repair(value)) = &self.on_violation {
            texts.push(value);
        }
        texts
    }

    /// Every text of SQL that it has, to be changed.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = Vec::new();
        match &mut self.test {
            RuleTest::Check(condition) => texts.push(condition),
            RuleTest::Metric(metric) => texts.extend(metric.arguments.iter_mut().chain(&mut metric.expectation)),
        }
        if let Some(OnViolation::Repair(value)) = &mut self.on_violation {
            texts.push(value);
        }
        texts
    }

    /// The relation that its columns refer to.
    pub fn reference(&self) -> Option<&Reference> {
        match &self.test {
            RuleTest::Metric(metric) => metric.references.as_ref(),
            RuleTest::Check(_) => None,
        }
    }
}

/// What was measured when a relation's rules were asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityRun {
    /// The table or view.
    pub relation: ObjectId,
    /// Which of all runs: later ones have higher numbers.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The role that asked.
    pub actor: String,
    /// Only some of the rules were asked: of the others what was measured before holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// What each rule gave.
    pub results: Vec<RuleResult>,
}

impl QualityRun {
    /// The name under which it is found: those of one relation in their order.
    pub fn key(&self) -> String {
        relation_key(&self.relation.to_string(), &format!("{:020}", self.number))
    }
}

/// What a rule gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The rule's name.
    pub rule: String,
    /// The dimension that it counts for.
    pub dimension: String,
    /// The columns that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The columns that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// The metric; `check` for a condition.
    pub metric: String,
    /// How much it matters.
    #[serde(default)]
    pub severity: Severity,
    /// The metric's value: of a condition the share of rows that are as they should be, of a length of time its seconds. None
    /// where nothing was there to measure.
    pub value: Option<f64>,
    /// What the value is compared with, as far as that is one number.
    pub threshold: Option<f64>,
    /// Whether the rule holds; none where nothing was there to measure.
    pub passed: Option<bool>,
    /// Rows that are not as they should be, if the metric tells them apart.
    pub failed_rows: Option<u64>,
    /// Rows that it speaks of.
    pub total_rows: u64,
}
