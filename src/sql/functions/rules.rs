//! QUALITY_FAILURES and SUGGEST_RULES; each metric of quality rules as a function of its own.
//!
//! A metric's function runs its query as whoever calls it: `null_count('t', 'c')` is what that role would count.

use super::super::context::Context;
use super::super::quality::{self, measure};
use super::super::run::blocking;
use super::args;
use super::relation::must_get_relation;
use super::udf::{Udf, any_of};
use crate::catalog::{MetricTest, QualityRule, Reference, RuleTest, Severity, SqlType};
use crate::error::{Error, Kind, Result};
use crate::governance::rules::{Columns, Metric, Value};
use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, new_null_array};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{Expr, ScalarUDF};
use std::sync::Arc;

/// Failures that one call gives at most.
const FAILURES_MAX: usize = 100_000;
/// Arguments that a metric's function takes at most.
const ARGUMENTS_MAX: usize = 100;

/// `QUALITY_FAILURES(relation, rule [, n])`.
pub fn failures(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    // Whether there is such a rule is told to those who may read the relation.
    let relation = must_get_relation(context, &args::must_text(args, 0, "the relation's name")?)?;
    let name = args::must_text(args, 1, "the rule's name")?;
    let limit = args::number(args, 2, "n", 100, FAILURES_MAX)?;
    let found = context.snapshot.catalog.rules_of(relation.id).find(|(_, rule)| rule.name == name);
    let Some((_, rule)) = found else {
        let message = format!("quality rule \"{name}\" for relation \"{}\" does not exist", relation.name);
        return Err(Error::new(Kind::UndefinedObject, message));
    };
    quality::failures(context, &relation, rule.clone(), limit)
}

/// `SUGGEST_RULES(relation)`.
pub fn suggest(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let relation = must_get_relation(context, &args::must_text(args, 0, "the relation's name")?)?;
    quality::suggestions(context, relation)
}

/// Metrics whose names are those of aggregates that say the same.
fn is_aggregate(metric: Metric) -> bool {
    matches!(metric, Metric::Avg | Metric::Min | Metric::Max | Metric::Stddev)
}

/// The metric that is a function of this name.
fn metric(name: &str) -> Option<Metric> {
    Metric::from_name(name).filter(|metric| !is_aggregate(*metric))
}

/// Whether a metric is a function of this name.
pub fn is_metric(name: &str) -> bool {
    metric(name).is_some()
}

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let metric = metric(name)?;
    let field = match (metric, metric.value()) {
        (Metric::Freshness, _) => SqlType::Interval.field(name),
        (_, Value::Failures | Value::Count) => Field::new(name, DataType::Int64, true),
        _ => Field::new(name, DataType::Float64, true),
    };
    let counts: Vec<usize> = (1..=ARGUMENTS_MAX).collect();
    let context = context.clone();
    let data_type = field.data_type().clone();
    Some(Udf::make(name, any_of(&counts), field, move |args, rows| {
        let mut values: Vec<ArrayRef> = Vec::with_capacity(rows);
        for row in 0..rows {
            context.cancel.check()?;
            let given: Vec<ArrayRef> = args.iter().map(|arg| arg.slice(row, 1)).collect();
            // A NULL bound of a range is open; any other NULL gives NULL.
            let open = if metric == Metric::Range { 2 } else { given.len() };
            values.push(match given.iter().take(open).any(|arg| arg.is_null(0)) {
                true => new_null_array(&data_type, 1),
                false => blocking(|| one(&context, metric, &given, &data_type))?,
            });
        }
        let arrays: Vec<&dyn Array> = values.iter().map(|value| value.as_ref()).collect();
        match arrays.is_empty() {
            true => Ok(new_null_array(&data_type, 0)),
            false => Ok(interleave(&arrays, &(0..rows).map(|n| (n, 0)).collect::<Vec<_>>())?),
        }
    }))
}

/// The text of an argument.
fn text(arg: &ArrayRef) -> Result<String> {
    Ok(args::texts(arg)?.value(0).to_owned())
}

/// An argument as SQL.
fn literal(arg: &ArrayRef) -> Result<String> {
    if arg.is_null(0) {
        return Ok("NULL".to_owned());
    }
    let text = text(arg)?;
    Ok(match arg.data_type().is_numeric() {
        true => text,
        false => format!("'{}'", text.replace('\'', "''")),
    })
}

/// The value of a metric for these arguments: the relation, the column, then what the metric takes.
fn one(context: &Arc<Context>, metric: Metric, args: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let name = metric.name();
    let relation = must_get_relation(context, &text(&args[0])?)?;
    let mut rest = &args[1..];
    let mut columns = Vec::new();
    if metric.columns() != Columns::None {
        let Some((first, others)) = rest.split_first() else {
            return Err(Error::new(Kind::InvalidParameter, format!("{name} needs a relation and a column")));
        };
        columns.push(text(first)?);
        rest = others;
        // Of several columns together.
        if matches!(metric, Metric::DuplicateCount | Metric::UniqueCount | Metric::Uniqueness) {
            columns.extend(rest.iter().map(text).collect::<Result<Vec<_>>>()?);
            rest = &[];
        }
    }
    let takes = metric.arguments();
    if !(takes.min..=takes.max).contains(&rest.len()) {
        return Err(Error::new(Kind::InvalidParameter, format!("{name} takes {} after the column", takes.what)));
    }
    let state = context.database.state();
    let mut test = MetricTest {
        metric: name.to_owned(),
        arguments: Vec::new(),
        references: None,
        determinant: None,
        expectation: None,
    };
    match metric {
        Metric::ForeignKey => {
            let other = must_get_relation(context, &text(&rest[0])?)?;
            let of = match rest.get(1) {
                Some(column) => vec![text(column)?],
                None => other.key.clone(),
            };
            of.iter().try_for_each(|column| other.must_get_type(column).map(drop))?;
            if of.len() != 1 {
                let message = format!("{name} needs the column of \"{}\" that is referred to", other.name);
                return Err(Error::new(Kind::InvalidParameter, message));
            }
            test.references = Some(Reference { relation: other.id, columns: of });
        }
        Metric::FunctionalDependency => {
            let determinant = text(&rest[0])?;
            relation.must_get_type(&determinant)?;
            test.determinant = Some(determinant);
        }
        Metric::SchemaDrift if rest.is_empty() => {
            test.arguments = inventoried(context, &relation.schema, &relation.name)?;
        }
        _ => test.arguments = rest.iter().map(literal).collect::<Result<Vec<_>>>()?,
    }
    quality::must_be_of_kind(&relation, metric, &columns)?;
    let rule = QualityRule {
        name: name.to_owned(),
        relation: relation.id,
        columns,
        test: RuleTest::Metric(test),
        dimension: None,
        threshold: None,
        severity: Severity::Warn,
        on_violation: None,
        disabled: false,
        schedule: None,
    };
    let handle = tokio::runtime::Handle::try_current().map_err(|_| Error::internal("a metric needs a runtime"))?;
    if handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread {
        return Err(Error::new(Kind::Unsupported, format!("{name} needs a runtime of several threads")));
    }
    let judged = handle.block_on(measure(context, &state, &relation, &[&rule]))?.pop();
    let Some(judged) = judged else { return Err(Error::internal("a metric gives nothing")) };
    let shown = judged.judgement.value;
    Ok(match (data_type, judged.value) {
        (DataType::Interval(_), Some((_, length))) => length,
        (DataType::Int64, _) => Arc::new(Int64Array::from(vec![shown.map(|value| value as i64)])),
        (_, Some((_, number))) if metric.value() == Value::OfValues => cast(&number, &DataType::Float64)?,
        _ => Arc::new(Float64Array::from(vec![shown])),
    })
}

/// The columns that the last inventory found.
fn inventoried(context: &Context, schema: &str, name: &str) -> Result<Vec<String>> {
    let finding = super::relation::must_have_finding(context, &format!("{schema}.{name}"))?;
    let columns = finding.columns.iter().map(|facts| {
        let of = |fact: &str| facts[fact].as_str().unwrap_or_default().to_owned();
        format!("'{}'", format!("{} {}", of("column_name"), of("data_type")).replace('\'', "''"))
    });
    Ok(columns.collect())
}
