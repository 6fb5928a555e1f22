//! The quality of a relation, measured without any rule: from its profile, what its columns mean, its keys, and, where
//! there is one, the row model's probability of error for each cell.
//!
//! ```text
//! profiles, verdicts, keys, ties, cell errors, age  ->  report rows  ->  dimension scores  ->  one score, 0..1
//! ```
//!
//! A [`ReportRow`] is one measurement with the numbers behind it; a [`DimensionScore`] is the mean of its rows' values; the
//! relation's score is the weighted mean of the dimensions. A dimension nobody measured is left out, not taken as 1:
//! [`RelationQuality::unmeasured`] names it.

mod dimension;
mod keys;
mod report;

use super::profile::ColumnProfile;
use super::semantic_type::ColumnVerdict;
pub use dimension::Dimension;
pub use keys::key_candidates;

/// What is known of a relation; empty slices and `None` mean "not measured".
#[derive(Debug, Clone, Copy, Default)]
pub struct QualityFacts<'a> {
    /// A profile of each column.
    pub profiles: &'a [ColumnProfile],
    /// A verdict for each column, in the order of the profiles.
    pub verdicts: &'a [ColumnVerdict],
    /// Keys: declared ones, and those that are meant to be one.
    pub keys: &'a [KeyFact],
    /// Rules between columns or relations: foreign keys, dependencies, orders of dates.
    pub ties: &'a [TieFact],
    /// The row model's mean probability of error for each column.
    pub cell_errors: &'a [CellErrorFact],
    /// Age and expected age.
    pub age: Option<AgeFact>,
    /// Whether only a sample of rows was read.
    pub sampled: bool,
}

/// How far a key is one.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyFact {
    /// The columns of the key.
    pub columns: Vec<String>,
    /// Rows looked at.
    pub rows: u64,
    /// Rows whose key stood in an earlier row.
    pub duplicates: u64,
}

/// How far a rule between columns or relations holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TieFact {
    /// The rule in words: `orders.customer_id -> customers.id`, `city -> state`.
    pub rule: String,
    /// The column that is wrong where the rule fails.
    pub column_name: Option<String>,
    /// Rows that the rule speaks of.
    pub rows: u64,
    /// Rows that break it.
    pub failed: u64,
}

/// What the row model says of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct CellErrorFact {
    /// The column.
    pub column_name: String,
    /// Cells judged.
    pub cells: u64,
    /// Mean probability of error, 0..1.
    pub mean_p_error: f64,
    /// Cells judged wrong (probability above one half).
    pub flagged: u64,
}

/// The age of a relation and the age at which it still counts as fresh, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgeFact {
    /// Milliseconds since the latest moment.
    pub age_ms: i64,
    /// Milliseconds within which it should have been renewed.
    pub expected_ms: i64,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    /// What was asked, in words.
    pub rule: String,
    /// The dimension it belongs to.
    pub dimension: Dimension,
    /// The column, if it is about one.
    pub column_name: Option<String>,
    /// The metric's name (`null_percent`, `duplicate_count`, `valid_percent`, ...).
    pub metric: &'static str,
    /// Share of rows that are as they should be, 0..1.
    pub value: f64,
    /// The share from which on the row passes.
    pub threshold: f64,
    /// Whether it does.
    pub passed: bool,
    /// Rows that are not as they should be.
    pub failed_rows: u64,
    /// Rows looked at.
    pub total_rows: u64,
    /// Whether the rows are a sample.
    pub sampled: bool,
}

/// The score of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionScore {
    /// The dimension.
    pub dimension: Dimension,
    /// The score, 0..1.
    pub score: f64,
    /// Its weight in the relation's score, after those without evidence were left out.
    pub weight: f64,
    /// Measurements it is the mean of.
    pub measurements: usize,
}

/// The quality of a relation.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationQuality {
    /// The score, 0..1; `None` if nothing could be measured.
    pub score: Option<f64>,
    /// The dimensions that were measured.
    pub dimensions: Vec<DimensionScore>,
    /// The dimensions that were not.
    pub unmeasured: Vec<Dimension>,
    /// Every measurement, in the order of the dimensions.
    pub report: Vec<ReportRow>,
}

impl RelationQuality {
    /// The score of one column: the mean over the dimensions of its own rows; `None` if none is about it.
    pub fn column_score(&self, column: &str) -> Option<f64> {
        let rows = self.report.iter().filter(|row| row.column_name.as_deref() == Some(column));
        weighted(scores(rows)).0
    }
}

/// Measures a relation.
pub fn relation_quality(facts: &QualityFacts<'_>) -> RelationQuality {
    let report = report::rows(facts);
    let (score, dimensions) = weighted(scores(report.iter()));
    let unmeasured = Dimension::ALL
        .into_iter()
        .filter(|dimension| !dimensions.iter().any(|score| score.dimension == *dimension))
        .collect();
    RelationQuality { score, dimensions, unmeasured, report }
}

/// The mean of the rows of each dimension that has any.
fn scores<'a>(rows: impl Iterator<Item = &'a ReportRow> + Clone) -> Vec<DimensionScore> {
    Dimension::ALL
        .into_iter()
        .filter_map(|dimension| {
            let values: Vec<f64> = rows.clone().filter(|row| row.dimension == dimension).map(|row| row.value).collect();
            let measurements = values.len();
            let score = values.iter().sum::<f64>() / measurements.max(1) as f64;
            (measurements > 0).then_some(DimensionScore { dimension, score, weight: dimension.weight(), measurements })
        })
        .collect()
}

/// The weighted mean, and the dimensions with their weights brought to a sum of 1.
fn weighted(mut dimensions: Vec<DimensionScore>) -> (Option<f64>, Vec<DimensionScore>) {
    let sum: f64 = dimensions.iter().map(|score| score.weight).sum();
    dimensions.iter_mut().for_each(|score| score.weight /= sum);
    let score = dimensions.iter().map(|score| score.weight * score.score).sum();
    ((!dimensions.is_empty()).then_some(score), dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::profile::Profiler;
    use crate::governance::semantic_type::{SemanticType, detect_column};
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    fn measured(emails: Vec<Option<&str>>) -> (Vec<ColumnProfile>, Vec<ColumnVerdict>) {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..emails.len() as i64));
        let emails: ArrayRef = Arc::new(StringArray::from(emails));
        let batch = RecordBatch::try_from_iter([("id", ids), ("email", emails)]).unwrap();
        let mut profiler = Profiler::new(batch.schema());
        profiler.update(&batch).unwrap();
        let profiles = profiler.finish().unwrap();
        let verdicts = profiles
            .iter()
            .map(|p| {
                let sample: Vec<&str> = p.sample.iter().map(String::as_str).collect();
                detect_column(&p.name, &p.data_type, &sample, Some(p))
            })
            .collect();
        (profiles, verdicts)
    }

    #[test]
    fn clean_data_score_one_and_unmeasured_dimensions_are_named() {
        let (profiles, verdicts) = measured(vec![Some("a@b.com"), Some("c@d.org"), Some("e@f.net"), Some("g@h.cn")]);
        let facts = QualityFacts { profiles: &profiles, verdicts: &verdicts, ..QualityFacts::default() };
        let found = relation_quality(&facts);
        assert_eq!(found.score, Some(1.0));
        assert!(found.unmeasured.contains(&Dimension::Accuracy) && found.unmeasured.contains(&Dimension::Timeliness));
        assert!(found.report.iter().all(|row| row.passed));
    }

    #[test]
    fn each_fault_lowers_its_own_dimension() {
        let (profiles, verdicts) = measured(vec![Some("a@b.com"), None, Some("no address"), Some("g@h.cn")]);
        assert_eq!(verdicts[1].semantic_type, Some(SemanticType::Email));
        let keys = [KeyFact { columns: vec!["id".into()], rows: 4, duplicates: 1 }];
        let ties = [TieFact { rule: "city -> state".into(), column_name: Some("state".into()), rows: 4, failed: 2 }];
        let cells = [CellErrorFact { column_name: "email".into(), cells: 4, mean_p_error: 0.25, flagged: 1 }];
        let facts = QualityFacts {
            profiles: &profiles,
            verdicts: &verdicts,
            keys: &keys,
            ties: &ties,
            cell_errors: &cells,
            age: Some(AgeFact { age_ms: 200, expected_ms: 100 }),
            sampled: false,
        };
        let found = relation_quality(&facts);
        let of = |dimension| found.dimensions.iter().find(|score| score.dimension == dimension).unwrap().score;
        assert_eq!(of(Dimension::Completeness), (1.0 + 0.75) / 2.0);
        assert_eq!(of(Dimension::Uniqueness), 0.75);
        assert!((of(Dimension::Validity) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(of(Dimension::Consistency), 0.5);
        assert_eq!(of(Dimension::Accuracy), 0.75);
        assert_eq!(of(Dimension::Timeliness), 0.5);
        assert!(found.unmeasured.is_empty());
        let weights: f64 = found.dimensions.iter().map(|score| score.weight).sum();
        assert!((weights - 1.0).abs() < 1e-12);
        let email = found.column_score("email").unwrap();
        assert!(email < found.column_score("id").unwrap());
        let nulls =
            found.report.iter().find(|row| row.metric == "null_percent" && row.column_name.as_deref() == Some("email"));
        assert_eq!(nulls.map(|row| (row.failed_rows, row.total_rows, row.passed)), Some((1, 4, false)));
    }

    #[test]
    fn nothing_measured_is_no_score() {
        let found = relation_quality(&QualityFacts::default());
        assert_eq!(found.score, None);
        assert_eq!(found.unmeasured.len(), 6);
    }
}
