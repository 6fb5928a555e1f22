//! What a column is, by all that is known: the built-in types, the user's own classifiers, and what persons have confirmed and rejected.

use std::collections::HashSet;

use arrow::datatypes::DataType;
use regex::{Regex, RegexBuilder};

use super::grade::{Privacy, Sensitivity};
use super::pii::carried;
use super::profile::ColumnProfile;
use super::semantic_type::{
    COLUMN_CONFIDENCE_MIN, ColumnVerdict, Custom, Form, SemanticType, detect_column_but, is_missing,
};
use crate::error::{Error, Kind, Result};

/// Bytes that the program of a pattern may have, compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// How sure a classifier is by the column's name alone, where there are no values.
const NAME_ALONE: f64 = 0.6;

/// What a classifier asks of a value.
#[derive(Debug, Clone)]
enum Test {
    Pattern(Regex),
    List(HashSet<String>),
}

/// A classifier of the user's own, ready to judge.
#[derive(Debug, Clone)]
pub struct CustomClassifier {
    name: String,
    category: String,
    privacy: Privacy,
    test: Test,
    column_name: Option<Regex>,
    threshold: f64,
    context: Vec<String>,
}

/// A pattern of a classifier, whose time is in proportion to the text.
///
/// # Errors
/// [`Kind::InvalidRegex`] if it is none, or too large.
pub fn pattern(text: &str, what: &str) -> Result<Regex> {
    RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().map_err(|error| {
        let why = match error {
            regex::Error::CompiledTooBig(_) => "too large once compiled".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        };
        Error::new(Kind::InvalidRegex, format!("{what} is no regular expression: {why}"))
    })
}

impl CustomClassifier {
    /// A classifier by a pattern that a value must contain (as PostgreSQL's `~`), or by a list of values that it must be one of, in any
    /// case. `column_name`, if given, is a pattern that the column's name must contain, in any case.
    ///
    /// # Errors
    /// Those of [`pattern`].
    #[allow(clippy::too_many_arguments, reason = "the parts of CREATE CLASSIFIER")]
    pub fn new(
        name: &str,
        category: &str,
        privacy: Privacy,
        value_regex: Option<&str>,
        deny_list: &[String],
        column_name: Option<&str>,
        threshold: f64,
        context: &[String],
    ) -> Result<Self> {
        let test = match value_regex {
            Some(text) => Test::Pattern(pattern(text, "VALUE_REGEX")?),
            None => Test::List(deny_list.iter().map(|value| value.trim().to_lowercase()).collect()),
        };
        let column_name = column_name.map(|text| pattern(&format!("(?i){text}"), "COL_NAME_REGEX")).transpose()?;
        let context = context.iter().map(|word| word.to_lowercase()).collect();
        Ok(Self {
            name: name.to_owned(),
            category: category.to_owned(),
            privacy,
            test,
            column_name,
            threshold,
            context,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn fits(&self, value: &str) -> bool {
        match &self.test {
            Test::Pattern(regex) => regex.is_match(value),
            Test::List(values) => values.contains(&value.to_lowercase()),
        }
    }

    /// What it says of a column: how sure, the share of values that fit, and why; nothing if it says no.
    ///
    /// The share of fitting values must reach the threshold. Half of the confidence is that it does, the other half how far the share goes; a
    /// word of the context in the column's name adds to it, and its lack takes away. Without values the name alone may tell.
    fn judge(&self, name: &str, values: &[&str]) -> Option<(f64, f64, Vec<String>)> {
        let named = self.column_name.as_ref().map(|regex| regex.is_match(name));
        if named == Some(false) {
            return None;
        }
        let mut evidence = Vec::new();
        if named == Some(true) {
            evidence.push(format!("classifier \"{}\": the name fits its pattern", self.name));
        }
        let there: Vec<&str> = values.iter().map(|value| value.trim()).filter(|value| !is_missing(value)).collect();
        if there.is_empty() {
            return (named == Some(true)).then_some((NAME_ALONE, 0.0, evidence));
        }
        let fitting = there.iter().filter(|value| self.fits(value)).count();
        let coverage = fitting as f64 / there.len() as f64;
        if fitting == 0 || coverage < self.threshold {
            return None;
        }
        evidence.push(format!(
            "classifier \"{}\": {:.0} % of {} values fit, at least {:.0} % are asked for",
            self.name,
            100.0 * coverage,
            there.len(),
            100.0 * self.threshold
        ));
        let mut confidence = 0.5 + 0.45 * coverage;
        if !self.context.is_empty() {
            let lower = name.to_lowercase();
            let said = self.context.iter().any(|word| lower.contains(word.as_str()));
            confidence = if said { confidence + 0.04 } else { confidence * 0.8 };
            evidence.push(format!(
                "classifier \"{}\": the name {} a word of its context",
                self.name,
                if said { "has" } else { "lacks" }
            ));
        }
        Some((confidence, coverage, evidence))
    }
}

/// What a person said of a column's category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The category.
    pub category: String,
    /// Whether it was confirmed; else it was rejected.
    pub confirmed: bool,
}

/// Whether a person said that it is not of this category.
pub fn is_rejected(said: &[Said], category: &str) -> bool {
    said.iter().any(|said| !said.confirmed && said.category == category)
}

/// Judges a column as [`detect_column`](super::detect_column) does, by the user's classifiers beside the built-in types, and within what persons said:
/// a rejected category does not come back, a confirmed one stays. Its texts are looked at for personal data, whatever it is.
pub fn classify_column(
    name: &str,
    data_type: &DataType,
    values: &[&str],
    stats: Option<&ColumnProfile>,
    classifiers: &[CustomClassifier],
    said: &[Said],
) -> ColumnVerdict {
    let rejected: Vec<SemanticType> =
        said.iter().filter(|said| !said.confirmed).filter_map(|said| SemanticType::get(&said.category)).collect();
    let mut verdict = detect_column_but(name, data_type, values, stats, &rejected);
    // Of the user's own the surest, and of those as sure the first by name.
    let own = classifiers
        .iter()
        .filter(|classifier| !is_rejected(said, &classifier.category))
        .filter_map(|classifier| Some((classifier, classifier.judge(name, values)?)))
        .rev()
        .max_by(|(_, (one, ..)), (_, (other, ..))| one.total_cmp(other));
    if let Some((classifier, (confidence, coverage, evidence))) = own {
        // What is made for these data goes before what is known of all.
        if let Some(semantic_type) = verdict.semantic_type.filter(|t| t.name() != classifier.category) {
            verdict.alternates.insert(0, (semantic_type, verdict.confidence));
        }
        verdict = ColumnVerdict {
            semantic_type: SemanticType::get(&classifier.category),
            confidence: confidence.min(0.999),
            coverage,
            evidence,
            custom: Some(Custom {
                classifier: Some(classifier.name.clone()),
                category: classifier.category.clone(),
                privacy: classifier.privacy,
            }),
            ..verdict
        };
    }
    if !rejected.is_empty() || said.iter().any(|said| !said.confirmed) {
        let names: Vec<&str> = said.iter().filter(|said| !said.confirmed).map(|said| said.category.as_str()).collect();
        verdict.evidence.push(format!("a person rejected: {}", names.join(", ")));
    }
    if let Some(confirmed) = said.iter().rev().find(|said| said.confirmed) {
        confirm(&mut verdict, &confirmed.category, classifiers);
    }
    if may_hold_texts(data_type, &verdict)
        && let Some((carried, evidence)) = carried(values)
    {
        verdict.carry(carried, evidence);
        if verdict.carried.is_some() && verdict.category().is_none() && !is_rejected(said, SemanticType::Text.name()) {
            // What tells of persons has a name, so that a tag can say so.
            verdict.semantic_type = Some(SemanticType::Text);
            verdict.confidence = COLUMN_CONFIDENCE_MIN;
            verdict.alternates.retain(|(t, _)| *t != SemanticType::Text);
        }
    }
    verdict
}

/// Whether running texts may stand in a column of this type and kind.
fn may_hold_texts(data_type: &DataType, verdict: &ColumnVerdict) -> bool {
    let other = data_type.is_numeric()
        || data_type.is_temporal()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        );
    !other
        && match verdict.semantic_type {
            None | Some(SemanticType::Json | SemanticType::Html | SemanticType::Xml) => true,
            Some(t) => !matches!(t.info().form, Form::Pattern | Form::Moment | Form::Number | Form::Count | Form::Flag),
        }
}

fn confirm(verdict: &mut ColumnVerdict, category: &str, classifiers: &[CustomClassifier]) {
    if verdict.category() != Some(category) {
        if let Some(other) = verdict.semantic_type {
            verdict.alternates.insert(0, (other, verdict.confidence));
        }
        let semantic_type = SemanticType::get(category);
        verdict.alternates.retain(|(t, _)| Some(*t) != semantic_type);
        verdict.coverage = 0.0;
        verdict.evidence.clear();
        verdict.custom = match semantic_type {
            Some(_) => None,
            // Where its classifier is gone, nobody knows how private it is: take it for the name of a person.
            None => Some(classifiers.iter().find(|classifier| classifier.category == category).map_or_else(
                || Custom { classifier: None, category: category.to_owned(), privacy: Privacy::Identifier },
                |classifier| Custom {
                    classifier: Some(classifier.name.clone()),
                    category: category.to_owned(),
                    privacy: classifier.privacy,
                },
            )),
        };
        verdict.semantic_type = semantic_type;
    }
    verdict.confidence = 1.0;
    verdict.evidence.push("confirmed by a person".to_owned());
}

/// The harm of a leak of what is so private.
pub fn sensitivity_of(privacy: Privacy) -> Sensitivity {
    match privacy {
        Privacy::None => Sensitivity::None,
        Privacy::QuasiIdentifier => Sensitivity::Low,
        Privacy::Identifier => Sensitivity::Medium,
        Privacy::Sensitive => Sensitivity::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn badges(threshold: f64, column_name: Option<&str>) -> CustomClassifier {
        let context = ["badge".to_owned()];
        CustomClassifier::new(
            "badges",
            "badge_no",
            Privacy::Identifier,
            Some("^EMP-[0-9]{4}$"),
            &[],
            column_name,
            threshold,
            &context,
        )
        .unwrap()
    }

    fn of(name: &str, values: &[&str], classifiers: &[CustomClassifier], said: &[Said]) -> ColumnVerdict {
        classify_column(name, &DataType::Utf8, values, None, classifiers, said)
    }

    #[test]
    fn a_threshold_is_reached_or_not() {
        let values = ["EMP-0001", "EMP-0002", "EMP-0003", "unknown"];
        assert_eq!(of("badge", &values, &[badges(0.75, None)], &[]).category(), Some("badge_no"));
        assert_ne!(of("badge", &values, &[badges(0.8, None)], &[]).category(), Some("badge_no"));
        let verdict = of("badge", &values, &[badges(0.75, None)], &[]);
        assert_eq!((verdict.privacy(), verdict.sensitivity()), (Privacy::Identifier, Sensitivity::Medium));
        assert!(verdict.evidence.iter().all(|line| !line.contains("EMP-")), "{:?}", verdict.evidence);
    }

    #[test]
    fn a_name_may_be_asked_for_and_may_be_all_there_is() {
        let values = ["EMP-0001", "EMP-0002"];
        assert_eq!(of("code", &values, &[badges(0.5, Some("badge"))], &[]).custom, None);
        assert_eq!(of("Badge_No", &[], &[badges(0.5, Some("badge"))], &[]).category(), Some("badge_no"));
        assert_eq!(of("other", &[], &[badges(0.5, None)], &[]).custom, None);
    }

    #[test]
    fn what_was_rejected_stays_away_and_what_was_confirmed_stays() {
        let emails = ["a@example.com", "b@example.org", "c@example.net"];
        let rejected = [Said { category: "email".to_owned(), confirmed: false }];
        let verdict = of("email", &emails, &[], &rejected);
        assert_ne!(verdict.category(), Some("email"));
        assert!(verdict.alternates.iter().all(|(t, _)| *t != SemanticType::Email));
        let confirmed = [Said { category: "username".to_owned(), confirmed: true }];
        let verdict = of("email", &emails, &[], &confirmed);
        assert_eq!((verdict.category(), verdict.confidence), (Some("username"), 1.0));
        assert_eq!(verdict.alternates.first().map(|(t, _)| *t), Some(SemanticType::Email));
        let own = [Said { category: "badge_no".to_owned(), confirmed: false }];
        assert_eq!(of("badge", &["EMP-0001"], &[badges(0.5, None)], &own).custom, None);
    }

    #[test]
    fn texts_are_as_sensitive_as_what_they_hold() {
        let texts: Vec<String> =
            (0..40).map(|at| format!("第{at}次回访：请写信到 li.lei{at}@example.com，多谢。")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for name in ["notes", "x", "买家留言"] {
            let verdict = of(name, &texts, &[], &[]);
            assert_eq!(
                (verdict.privacy(), verdict.sensitivity()),
                (Privacy::Identifier, Sensitivity::Medium),
                "{name}"
            );
            assert!(verdict.category().is_some(), "{name}: {verdict:?}");
            assert_eq!(verdict.grade(), super::super::grade::Grade::General3);
            assert!(verdict.evidence.iter().any(|line| line.ends_with("40 of 40 sampled hold EMAIL_ADDRESS")));
            assert!(verdict.evidence.iter().all(|line| !line.contains("li.lei")));
        }
        // What it is about is another question than what stands in it.
        for category in ["text", "review_text"] {
            for confirmed in [true, false] {
                let said = [Said { category: category.to_owned(), confirmed }];
                assert_eq!(of("x", &texts, &[], &said).sensitivity(), Sensitivity::Medium, "{category} {confirmed}");
            }
        }
        // A column whose kind says as much already needs no more words.
        let emails: Vec<String> = (0..40).map(|at| format!("li.lei{at}@example.com")).collect();
        let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
        assert_eq!(of("email", &emails, &[], &[]).carried, None);
        let quiet: Vec<String> = (0..40).map(|at| format!("第{at}次购买，质量一直很好，物流也快。")).collect();
        let quiet: Vec<&str> = quiet.iter().map(String::as_str).collect();
        assert_eq!(of("买家留言", &quiet, &[], &[]).carried, None);
    }

    #[test]
    fn patterns_that_are_none() {
        assert_eq!(pattern("(", "VALUE_REGEX").unwrap_err().kind(), Kind::InvalidRegex);
        assert_eq!(pattern("(a{1000}){1000}", "VALUE_REGEX").unwrap_err().kind(), Kind::InvalidRegex);
    }
}
