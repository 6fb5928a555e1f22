//! The measurements behind the scores.

use super::{Dimension, QualityFacts, ReportRow};
use crate::governance::profile::ColumnProfile;
use crate::governance::semantic_type::{ColumnVerdict, Form, SemanticType};

/// Least confidence of a semantic type whose form is asked of the values.
const CHECKED_CONFIDENCE_MIN: f64 = 0.6;
/// Least share of values with one format for the format to be taken as the rule of the column.
const FORMAT_SHARE_MIN: f64 = 0.9;

/// Share of prices at or below zero from which on they are no slips.
const UNPRICED_SHARE_MAX: f64 = 0.05;

/// Every measurement that the facts allow, in the order of the dimensions.
pub fn rows(facts: &QualityFacts<'_>) -> Vec<ReportRow> {
    let mut rows = Vec::new();
    for profile in facts.profiles.iter().filter(|profile| profile.rows > 0) {
        completeness(profile, facts.sampled, &mut rows);
    }
    for key in facts.keys.iter().filter(|key| key.rows > 0) {
        let name = key.columns.join(", ");
        rows.push(row(
            format!("no key comes twice: {name}"),
            Dimension::Uniqueness,
            (key.columns.len() == 1).then_some(name),
            "duplicate_count",
            (key.duplicates, key.rows),
            facts.sampled,
        ));
    }
    for (profile, verdict) in facts.profiles.iter().zip(facts.verdicts).filter(|(profile, _)| profile.present() > 0) {
        rows.extend(validity(profile, verdict, facts.sampled));
        rows.extend(priced(profile, verdict, facts.sampled));
    }
    for tie in facts.ties.iter().filter(|tie| tie.rows > 0) {
        let counts = (tie.failed, tie.rows);
        rows.push(row(
            tie.rule.clone(),
            Dimension::Consistency,
            tie.column_name.clone(),
            "tie_percent",
            counts,
            facts.sampled,
        ));
    }
    for cells in facts.cell_errors.iter().filter(|cells| cells.cells > 0) {
        let column = Some(cells.column_name.clone());
        let rule = "the row model finds the cells right".to_string();
        let counts = (cells.flagged, cells.cells);
        let mut row = row(rule, Dimension::Accuracy, column, "mean_p_right", counts, facts.sampled);
        row.value = (1.0 - cells.mean_p_error).clamp(0.0, 1.0);
        row.passed = row.value >= row.threshold;
        rows.push(row);
    }
    if let Some(age) = facts.age {
        let value = if age.age_ms <= age.expected_ms { 1.0 } else { age.expected_ms.max(0) as f64 / age.age_ms as f64 };
        let rule = format!("renewed within {} s", age.expected_ms / 1000);
        let mut row = row(rule, Dimension::Timeliness, None, "freshness", (0, 0), facts.sampled);
        row.value = value;
        row.passed = value >= row.threshold;
        rows.push(row);
    }
    rows
}

fn completeness(profile: &ColumnProfile, sampled: bool, rows: &mut Vec<ReportRow>) {
    let missing = profile.rows - profile.present().min(profile.rows);
    let rule = match (profile.blanks, profile.placeholders) {
        (0, 0) => "values are there".to_string(),
        (blanks, placeholders) => {
            format!("values are there ({} NULL, {blanks} blank, {placeholders} words for missing)", profile.nulls)
        }
    };
    let column = Some(profile.name.clone());
    rows.push(row(rule, Dimension::Completeness, column, "null_percent", (missing, profile.rows), sampled));
}

/// Values that pass their semantic type's recogniser; for columns without such a type, values in the one dominant format.
fn validity(profile: &ColumnProfile, verdict: &ColumnVerdict, sampled: bool) -> Option<ReportRow> {
    let present = profile.present();
    let checkable =
        |t: &SemanticType| matches!(t.info().form, Form::Pattern | Form::Number | Form::Count | Form::Moment);
    let checked = verdict.semantic_type.filter(|t| verdict.confidence >= CHECKED_CONFIDENCE_MIN && checkable(t));
    let (rule, metric, share) = match (checked, &profile.pattern) {
        (Some(semantic_type), _) => {
            // Text placeholders were left out of the sample, so coverage is of the values present.
            let form = format!("values have the form of {semantic_type} ({})", semantic_type.label_zh());
            (form, "valid_percent", verdict.coverage)
        }
        (None, Some((pattern, share))) if *share >= FORMAT_SHARE_MIN && *share < 1.0 && is_code(pattern) => {
            (format!("values have the format {pattern}"), "regex", *share)
        }
        _ => return None,
    };
    let failed = ((1.0 - share) * present as f64).round() as u64;
    let mut row = row(rule, Dimension::Validity, Some(profile.name.clone()), metric, (failed, present), sampled);
    // Judged on the profile's sample, so the count of rows is scaled up from it.
    row.sampled = sampled || (verdict.sampled as u64) < present;
    row.value = share;
    row.passed = share >= row.threshold;
    Some(row)
}

/// Prices that are some: above zero. Where many are not, zero says something else (given away, told elsewhere), and a price
/// below it is a credit.
fn priced(profile: &ColumnProfile, verdict: &ColumnVerdict, sampled: bool) -> Option<ReportRow> {
    let is_price = verdict.semantic_type == Some(SemanticType::Price) && verdict.confidence >= CHECKED_CONFIDENCE_MIN;
    let (unpriced, present) = (profile.not_positive, profile.present());
    if !is_price || profile.mean.is_none() || unpriced as f64 > UNPRICED_SHARE_MAX * present as f64 {
        return None;
    }
    let column = Some(profile.name.clone());
    let rule = "prices are above zero".to_string();
    Some(row(rule, Dimension::Validity, column, "positive_percent", (unpriced, present), sampled))
}

/// Whether a format belongs to a code, not to words or names.
fn is_code(pattern: &str) -> bool {
    pattern.contains('9') && !pattern.contains(' ')
}

fn row(
    rule: String,
    dimension: Dimension,
    column_name: Option<String>,
    metric: &'static str,
    (failed_rows, total_rows): (u64, u64),
    sampled: bool,
) -> ReportRow {
    let failed_rows = failed_rows.min(total_rows);
    let value = if total_rows == 0 { 1.0 } else { 1.0 - failed_rows as f64 / total_rows as f64 };
    let threshold = dimension.threshold();
    let passed = value >= threshold;
    ReportRow { rule, dimension, column_name, metric, value, threshold, passed, failed_rows, total_rows, sampled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::quality::KeyFact;

    #[test]
    fn counts_never_exceed_their_total() {
        let keys = [KeyFact { columns: vec!["a".into(), "b".into()], rows: 10, duplicates: 99 }];
        let facts = QualityFacts { keys: &keys, sampled: true, ..QualityFacts::default() };
        let found = rows(&facts);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].value, found[0].failed_rows, found[0].passed, found[0].sampled), (0.0, 10, false, true));
        assert_eq!(found[0].column_name, None);
    }

    #[test]
    fn formats_of_codes_only() {
        assert!(is_code("A{2}-9{4}") && !is_code("A+a+") && !is_code("9+ a+"));
    }
}
