//! Rules are asked: queries run, what they give is judged.

use super::super::context::Context;
use super::super::dml::Work;
use super::super::parser;
use super::super::planner::Planner;
use super::super::run;
use super::ask::{self, Answer, Far, Items};
use super::relation::Ruled;
use crate::catalog::{QualityRule, RuleResult, RuleTest, Severity};
use crate::error::{Error, Kind, Result};
use crate::governance::quality::Dimension;
use crate::governance::rules::{Judgement, Measured, Metric, judge};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int64Type, IntervalMonthDayNanoType, Schema, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// A rule with what it gave.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What was counted or computed.
    pub measured: Measured,
    /// What that means.
    pub judgement: Judgement,
    /// The metric's value with its type; none of a condition.
    pub value: Option<(Field, ArrayRef)>,
    /// The condition of values that are too far from the others, if the rule asks for them.
    pub far: Option<String>,
}

/// The one row of a query, each item with its type.
async fn row(context: &Arc<Context>, state: &SessionState, text: &str) -> Result<Vec<(Field, ArrayRef)>> {
    let plan = Planner::new(context, state).query(parser::query(text)?)?;
    let fields: Vec<Field> = plan.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let batches = run::collect(context, state, &plan).await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Err(Error::internal("an aggregate gives no row"));
    };
    Ok(fields.into_iter().zip(batch.columns()).map(|(field, array)| (field, array.slice(0, 1))).collect())
}

fn count((_, array): &(Field, ArrayRef)) -> Result<u64> {
    let whole = cast(array, &DataType::Int64)?;
    let whole = whole.as_primitive::<Int64Type>();
    Ok(if whole.is_valid(0) { whole.value(0).max(0) as u64 } else { 0 })
}

/// A value as a number: of a moment the seconds since 1970, of a length of time its seconds.
fn number((_, array): &(Field, ArrayRef)) -> Result<Option<f64>> {
    if array.is_null(0) {
        return Ok(None);
    }
    Ok(Some(match array.data_type() {
        DataType::Date32 => f64::from(array.as_primitive::<Date32Type>().value(0)) * 86_400.0,
        DataType::Timestamp(..) => {
            let moment = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            moment.as_primitive::<TimestampMicrosecondType>().value(0) as f64 / 1e6
        }
        DataType::Interval(_) => {
            let length = array.as_primitive::<IntervalMonthDayNanoType>().value(0);
            // A month is 30 days, as where PostgreSQL compares lengths of time.
            let days = f64::from(length.months) * 30.0 + f64::from(length.days);
            days * 86_400.0 + length.nanoseconds as f64 / 1e9
        }
        _ => cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().value(0),
    }))
}

/// Asks rules of a relation as the context's role, one pass for all of them where one is enough.
pub async fn measure(
    context: &Arc<Context>,
    state: &SessionState,
    relation: &Ruled,
    rules: &[&QualityRule],
) -> Result<Vec<Judged>> {
    let catalog = &context.snapshot.catalog;
    let mut items = Items::default();
    let answers = rules.iter().map(|rule| ask::ask(&mut items, relation, rule, catalog));
    let answers = answers.collect::<Result<Vec<_>>>()?;
    let found = match items.query(relation) {
        Some(query) => row(context, state, &query).await?,
        None => Vec::new(),
    };
    let far = distances(context, state, relation, &answers, &found).await?;
    let mut judged = Vec::with_capacity(rules.len());
    for ((rule, answer), (condition, failed)) in rules.iter().zip(&answers).zip(far) {
        context.cancel.check()?;
        judged.push(one(context, state, relation, rule, (answer, &found), (condition, failed)).await?);
    }
    Ok(judged)
}

/// For each answer about values that are far from the others the condition for them and their number: two passes more for all together.
async fn distances(
    context: &Arc<Context>,
    state: &SessionState,
    relation: &Ruled,
    answers: &[Answer],
    found: &[(Field, ArrayRef)],
) -> Result<Vec<(Option<String>, u64)>> {
    let mut conditions: Vec<(Option<String>, u64)> = vec![(None, 0); answers.len()];
    let mut waiting: Vec<(usize, &Far, Vec<f64>)> = Vec::new();
    for (n, answer) in answers.iter().enumerate() {
        if let Answer::Far(far) = answer {
            let centre = far.centre.iter().map(|&item| number(&found[item]));
            // Without values there is no centre.
            if let Some(centre) = centre.collect::<Result<Option<Vec<f64>>>>()? {
                waiting.push((n, far, centre));
            }
        }
    }
    let spreads: Vec<String> =
        waiting.iter().filter_map(|(_, far, centre)| ask::spread(far, centre)).flatten().collect();
    let from = parser::full_name(&relation.schema, &relation.name);
    let together = |items: &[String]| {
        let items: Vec<String> = items.iter().enumerate().map(|(n, item)| format!("{item} AS c{n}")).collect();
        format!("SELECT {} FROM {from}", items.join(", "))
    };
    let spread = match spreads.is_empty() {
        true => Vec::new(),
        false => row(context, state, &together(&spreads)).await?,
    };
    let mut spread = spread.iter();
    for (n, far, centre) in &waiting {
        let of = match (centre.len(), spread.len()) {
            (1, 2..) => match (spread.next().map(number).transpose()?, spread.next().map(number).transpose()?) {
                (Some(Some(deviation)), Some(Some(mean))) => Some((deviation, mean)),
                _ => None,
            },
            _ => None,
        };
        conditions[*n].0 = ask::too_far(far, centre, of);
    }
    let asked: Vec<usize> = (0..conditions.len()).filter(|n| conditions[*n].0.is_some()).collect();
    let counts = asked.iter().filter_map(|n| conditions[*n].0.as_ref());
    let counts: Vec<String> = counts.map(|condition| format!("count(*) FILTER (WHERE {condition})")).collect();
    if !counts.is_empty() {
        for (n, counted) in asked.iter().zip(row(context, state, &together(&counts)).await?) {
            conditions[*n].1 = count(&counted)?;
        }
    }
    Ok(conditions)
}

async fn one(
    context: &Arc<Context>,
    state: &SessionState,
    relation: &Ruled,
    rule: &QualityRule,
    (answer, found): (&Answer, &[(Field, ArrayRef)]),
    (far, failed_far): (Option<String>, u64),
) -> Result<Judged> {
    let mut measured = Measured::default();
    let mut value = None;
    match answer {
        Answer::Rows(failed, total) => {
            (measured.failed, measured.total) = (Some(count(&found[*failed])?), count(&found[*total])?);
        }
        Answer::Distinct(distinct, total) => {
            let (distinct, total) = (count(&found[*distinct])?, count(&found[*total])?);
            (measured.failed, measured.total) = (Some(total.saturating_sub(distinct)), total);
        }
        Answer::Number(item, total) => {
            measured.total = count(&found[*total])?;
            value = Some(found[*item].clone());
        }
        Answer::Failed(query, total) => {
            let failed = row(context, state, query).await?;
            (measured.failed, measured.total) = (failed.first().map(count).transpose()?, count(&found[*total])?);
        }
        Answer::Alone(query, total) => {
            measured.total = count(&found[*total])?;
            value = row(context, state, query).await?.into_iter().next();
        }
        Answer::Far(of) => {
            (measured.failed, measured.total) = (Some(failed_far), count(&found[of.total])?);
        }
        Answer::Drift(expected) => {
            let names: Vec<&String> = relation.columns.fields().iter().map(|field| field.name()).collect();
            let drift = drift(expected, (&names, &relation.written_columns()?));
            value = Some((Field::new("value", DataType::Int64, true), counted(drift)));
        }
    }
    let RuleTest::Metric(test) = &rule.test else {
        let judgement = judge(None, &measured, false, rule.threshold);
        return Ok(Judged { measured, judgement, value: None, far });
    };
    let metric = ask::metric_of(test)?;
    let value = match value {
        Some(value) => value,
        // What a rule calls VALUE of rows that are counted.
        None => {
            let shown = judge(Some(metric), &measured, false, None).value;
            match metric.value() {
                crate::governance::rules::Value::Failures => {
                    (Field::new("value", DataType::Int64, true), counted(measured.failed.unwrap_or(0)))
                }
                _ => {
                    let array: ArrayRef = Arc::new(arrow::array::Float64Array::from(vec![shown]));
                    (Field::new("value", DataType::Float64, true), array)
                }
            }
        }
    };
    measured.number = number(&value)?;
    let expectation = expectation_of(rule)?;
    if let Some(expectation) = &expectation {
        measured.expected = is_expected(context, state, expectation, &value)?;
    }
    let judgement = judge(Some(metric), &measured, expectation.is_some(), rule.threshold);
    Ok(Judged { measured, judgement, value: Some(value), far })
}

fn counted(count: u64) -> ArrayRef {
    Arc::new(arrow::array::Int64Array::from(vec![count as i64]))
}

/// Columns that were added, dropped or given another type: `now` are names, and the columns as they are written.
fn drift(expected: &[String], (names, now): (&[&String], &[String])) -> u64 {
    let changed = expected.iter().filter(|column| !now.contains(column)).count();
    let is_known = |name: &String| expected.iter().any(|column| column.starts_with(&format!("{name} ")));
    let added = names.iter().filter(|name| !is_known(name)).count();
    (changed + added) as u64
}

/// The condition that a rule's metric must fulfil: what it says, or what its metric means where it says nothing.
pub fn expectation_of(rule: &QualityRule) -> Result<Option<String>> {
    let RuleTest::Metric(test) = &rule.test else { return Ok(None) };
    if test.expectation.is_some() {
        return Ok(test.expectation.clone());
    }
    Ok(match ask::metric_of(test)? {
        Metric::SchemaDrift => Some("value = 0".to_owned()),
        Metric::StatisticRange => match (test.arguments.get(1), test.arguments.get(2)) {
            (Some(least), Some(most)) => {
                let bound = |text: &String, condition: String| match text.eq_ignore_ascii_case("null") {
                    true => "true".to_owned(),
                    false => condition,
                };
                let least = bound(least, format!("value >= {least}"));
                Some(format!("({least}) AND ({})", bound(most, format!("value <= {most}"))))
            }
            _ => None,
        },
        _ => None,
    })
}

/// Whether a value is what is expected; none if that is unknown.
fn is_expected(
    context: &Arc<Context>,
    state: &SessionState,
    expectation: &str,
    (field, array): &(Field, ArrayRef),
) -> Result<Option<bool>> {
    let field = field.clone().with_name("value").with_nullable(true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = crate::txn::batch(schema.clone(), vec![array.clone()], 1)?;
    let schema = DFSchema::try_from(schema)?;
    let result = Work::new(context, state).compute(expectation, &schema, &batch)?;
    match result.as_any().downcast_ref::<BooleanArray>() {
        Some(holds) => Ok(holds.is_valid(0).then(|| holds.value(0))),
        None if result.is_null(0) => Ok(None),
        None => Err(Error::new(Kind::DatatypeMismatch, "argument of EXPECTATION must be type boolean")),
    }
}

/// Refuses a rule that cannot be asked: its queries are planned, and its expectation is asked of a NULL of the metric's type.
pub fn must_work(context: &Arc<Context>, state: &SessionState, relation: &Ruled, rule: &QualityRule) -> Result<()> {
    let mut items = Items::default();
    let answer = ask::ask(&mut items, relation, rule, &context.snapshot.catalog)?;
    let plan = |query: &str| Planner::new(context, state).query(parser::query(query)?);
    let planned = items.query(relation).map(|query| plan(&query)).transpose()?;
    let field = |at: usize| planned.as_ref().map(|plan| plan.schema().fields()[at].as_ref().clone());
    let value = match &answer {
        Answer::Number(item, _) => field(*item),
        Answer::Failed(query, _) => {
            plan(query)?;
            None
        }
        Answer::Alone(query, _) => Some(plan(query)?.schema().fields()[0].as_ref().clone()),
        Answer::Far(far) => {
            // With numbers in place of those that only reading tells.
            let centre = vec![1.0; far.centre.len()];
            let condition = ask::too_far(far, &centre, Some((1.0, 1.0))).unwrap_or_default();
            let from = parser::full_name(&relation.schema, &relation.name);
            plan(&format!("SELECT count(*) FILTER (WHERE {condition}) FROM {from}"))?;
            None
        }
        Answer::Rows(..) | Answer::Distinct(..) | Answer::Drift(_) => None,
    };
    let RuleTest::Metric(test) = &rule.test else { return Ok(()) };
    let Some(expectation) = expectation_of(rule)? else { return Ok(()) };
    let of_rows = match ask::metric_of(test)?.value() {
        crate::governance::rules::Value::Percent | crate::governance::rules::Value::Share => DataType::Float64,
        _ => DataType::Int64,
    };
    let field = value.unwrap_or_else(|| Field::new("value", of_rows, true));
    let null = arrow::array::new_null_array(field.data_type(), 1);
    is_expected(context, state, &expectation, &(field, null)).map(drop)
}

/// What a rule's value is compared with, as far as that is one number.
pub fn threshold(rule: &QualityRule) -> Option<f64> {
    if rule.threshold.is_some() {
        return rule.threshold;
    }
    let test = match &rule.test {
        RuleTest::Check(_) => return Some(1.0),
        RuleTest::Metric(test) => test,
    };
    let Some(expectation) = &test.expectation else {
        let counts = Metric::from_name(&test.metric)?;
        return match counts.value() {
            crate::governance::rules::Value::Share => Some(1.0),
            crate::governance::rules::Value::OfValues => None,
            _ => Some(0.0),
        };
    };
    let ast::Expr::BinaryOp { left, right, .. } = parser::expression(expectation).ok()? else { return None };
    [*right, *left].iter().find_map(|side| side.to_string().parse().ok())
}

/// What rules gave, as it is kept.
pub fn results(rules: &[&QualityRule], judged: &[Judged]) -> Vec<RuleResult> {
    let each = rules.iter().zip(judged).map(|(rule, judged)| RuleResult {
        rule: rule.name.clone(),
        dimension: dimension_of(rule).name().to_owned(),
        columns: rule.columns.clone(),
        read: ask::read_by(rule),
        metric: match &rule.test {
            RuleTest::Check(_) => "check".to_owned(),
            RuleTest::Metric(test) => test.metric.clone(),
        },
        severity: rule.severity,
        value: judged.judgement.value.filter(|value| value.is_finite()),
        threshold: threshold(rule),
        passed: judged.judgement.passed,
        failed_rows: judged.measured.failed,
        total_rows: judged.measured.total,
    });
    each.collect()
}

/// The dimension that a rule counts for.
pub fn dimension_of(rule: &QualityRule) -> Dimension {
    let own = rule.dimension.as_deref().and_then(Dimension::from_name);
    own.unwrap_or_else(|| match &rule.test {
        RuleTest::Check(_) => Dimension::Validity,
        RuleTest::Metric(test) => Metric::from_name(&test.metric).map_or(Dimension::Validity, Metric::dimension),
    })
}

/// Whether a rule's failing is an error of the data.
pub fn is_error(severity: Severity) -> bool {
    severity == Severity::Error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_counts_what_came_went_and_changed() {
        let columns = |written: &[&str]| written.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>();
        let before = columns(&["id integer", "full name text"]);
        let counted = |names: &[&str], now: &[&str]| {
            let names = columns(names);
            drift(&before, (&names.iter().collect::<Vec<_>>(), &columns(now)))
        };
        assert_eq!(counted(&["id", "full name"], &["id integer", "full name text"]), 0);
        assert_eq!(counted(&["id", "full name", "note"], &["id bigint", "full name text", "note text"]), 2);
        assert_eq!(counted(&["full name"], &["full name text"]), 1);
    }
}
