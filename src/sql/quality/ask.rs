//! What is asked of a relation for its rules, as SQL.
//!
//! Most metrics are items of one aggregate query; equal items of several rules are asked once.

use super::super::ddl::named_in;
use super::super::parser::{full_name, quoted};
use super::relation::Ruled;
use crate::catalog::{Catalog, MetricTest, Object, OnViolation, QualityRule, Reference, RuleTest};
use crate::error::{Error, Kind, Result};
use crate::governance::rules::Metric;

/// Blanks around a text: those of ASCII, and of Chinese and Western typesetting.
const BLANKS: &str = " \t\r\n\u{a0}\u{3000}";

/// Where the answer to a rule is found.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Rows that are not as they should be, and all that it speaks of: items of the query.
    Rows(usize, usize),
    /// Different values, and values.
    Distinct(usize, usize),
    /// A number, and the rows that it is of.
    Number(usize, usize),
    /// A query of its own counts what is not as it should be; all that it speaks of is an item.
    Failed(String, usize),
    /// A query of its own gives a number; the rows that it is of are an item.
    Alone(String, usize),
    /// Values that are far from the others.
    Far(Far),
    /// Its columns are compared with these.
    Drift(Vec<String>),
}

/// Values that are far from the others: what is known of these first.
#[derive(Debug, Clone, PartialEq)]
pub struct Far {
    /// The column, as SQL.
    pub column: String,
    /// How far is too far.
    pub factor: String,
    /// Items: the median, or both quartiles.
    pub centre: Vec<usize>,
    /// The item of values.
    pub total: usize,
}

/// Items of one aggregate query over a relation.
#[derive(Debug, Default)]
pub struct Items(Vec<String>);

impl Items {
    fn add(&mut self, item: String) -> usize {
        match self.0.iter().position(|there| *there == item) {
            Some(at) => at,
            None => {
                self.0.push(item);
                self.0.len() - 1
            }
        }
    }

    /// The query, unless nothing is asked.
    pub fn query(&self, relation: &Ruled) -> Option<String> {
        let from = full_name(&relation.schema, &relation.name);
        (!self.0.is_empty()).then(|| {
            let items: Vec<String> = self.0.iter().enumerate().map(|(n, item)| format!("{item} AS c{n}")).collect();
            format!("SELECT {} FROM {from}", items.join(", "))
        })
    }
}

/// A column as SQL.
pub fn column(name: &str) -> String {
    quoted(name).to_string()
}

fn values_of(columns: &[String]) -> String {
    columns.iter().map(|name| format!("{} IS NOT NULL", column(name))).collect::<Vec<_>>().join(" AND ")
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|name| column(name)).collect::<Vec<_>>().join(", ")
}

/// The metric of a test.
pub fn metric_of(test: &MetricTest) -> Result<Metric> {
    Metric::from_name(&test.metric)
        .ok_or_else(|| Error::new(Kind::UndefinedObject, format!("metric \"{}\" does not exist", test.metric)))
}

/// The condition that each row must fulfil by itself, as SQL over its columns; none if a rule is not about single rows.
pub fn holds(rule: &QualityRule) -> Option<String> {
    let test = match &rule.test {
        RuleTest::Check(condition) => return Some(condition.clone()),
        RuleTest::Metric(test) => test,
    };
    let name = column(rule.columns.first()?);
    let argument = |at: usize| test.arguments.get(at).map(String::as_str).filter(|text| !is_null(text));
    match Metric::from_name(&test.metric)? {
        Metric::NullCount | Metric::NullPercent => Some(format!("{name} IS NOT NULL")),
        Metric::BlankCount | Metric::BlankPercent => Some(format!("btrim({name}, '{BLANKS}') <> ''")),
        Metric::AcceptedValues => Some(format!("{name} IN ({})", test.arguments.join(", "))),
        Metric::Regex => Some(format!("{name} ~ {}", argument(0)?)),
        Metric::Range => match (argument(0), argument(1)) {
            (Some(least), Some(most)) => Some(format!("{name} BETWEEN {least} AND {most}")),
            (Some(least), None) => Some(format!("{name} >= {least}")),
            (None, Some(most)) => Some(format!("{name} <= {most}")),
            (None, None) => Some("true".to_owned()),
        },
        _ => None,
    }
}

fn is_null(text: &str) -> bool {
    text.eq_ignore_ascii_case("null")
}

/// The columns of its relation that a rule reads.
pub fn read_by(rule: &QualityRule) -> Vec<String> {
    let mut named: Vec<String> = rule.columns.clone();
    if let RuleTest::Metric(test) = &rule.test {
        named.extend(test.determinant.clone());
    }
    if let RuleTest::Check(condition) = &rule.test {
        named.extend(named_in(condition));
    }
    if let Some(OnViolation::Repair(value)) = &rule.on_violation {
        named.extend(named_in(value));
    }
    named.sort();
    named.dedup();
    named
}

/// Adds what a rule asks to the items; gives where its answer will be.
pub fn ask(items: &mut Items, relation: &Ruled, rule: &QualityRule, catalog: &Catalog) -> Result<Answer> {
    let from = full_name(&relation.schema, &relation.name);
    let test = match &rule.test {
        RuleTest::Metric(test) => test,
        RuleTest::Check(condition) => {
            let failed = items.add(format!("count(*) FILTER (WHERE NOT ({condition}))"));
            return Ok(Answer::Rows(failed, items.add("count(*)".to_owned())));
        }
    };
    let metric = metric_of(test)?;
    let first = rule.columns.first().map(|name| column(name)).unwrap_or_default();
    let of_values = |items: &mut Items| items.add(format!("count({first})"));
    let present = |items: &mut Items, columns: &[String]| match columns {
        [one] => items.add(format!("count({})", column(one))),
        several => items.add(format!("count(*) FILTER (WHERE {})", values_of(several))),
    };
    if metric.is_of_row()
        && let Some(condition) = holds(rule)
    {
        let failed = items.add(format!("count(*) FILTER (WHERE NOT ({condition}))"));
        let total = match metric {
            Metric::AcceptedValues | Metric::Range | Metric::Regex => of_values(items),
            _ => items.add("count(*)".to_owned()),
        };
        return Ok(Answer::Rows(failed, total));
    }
    let statistic = |items: &mut Items, of: String| {
        let number = items.add(of);
        Answer::Number(number, of_values(items))
    };
    Ok(match metric {
        Metric::RowCount => {
            let rows = items.add("count(*)".to_owned());
            Answer::Number(rows, rows)
        }
        Metric::Avg => statistic(items, format!("avg({first})")),
        Metric::Min => statistic(items, format!("min({first})")),
        Metric::Max => statistic(items, format!("max({first})")),
        Metric::Stddev => statistic(items, format!("stddev({first})")),
        Metric::StatisticRange => {
            let named = test.arguments.first().map(|text| text.trim_matches('\'').to_lowercase());
            statistic(items, aggregate(named.as_deref().unwrap_or_default(), &first)?)
        }
        Metric::Freshness => {
            let latest = match relation.must_get_type(rule.columns.first().map_or("", String::as_str))? {
                crate::catalog::SqlType::Timestamptz => format!("max({first})"),
                _ => format!("max({first})::timestamptz"),
            };
            statistic(items, format!("now() - {latest}"))
        }
        Metric::DuplicateCount | Metric::Uniqueness if rule.columns.len() == 1 => {
            let distinct = items.add(format!("count(DISTINCT {first})"));
            Answer::Distinct(distinct, of_values(items))
        }
        Metric::UniqueCount if rule.columns.len() == 1 => {
            let distinct = items.add(format!("count(DISTINCT {first})"));
            Answer::Number(distinct, of_values(items))
        }
        Metric::DuplicateCount | Metric::Uniqueness => {
            let (columns, there) = (list(&rule.columns), values_of(&rule.columns));
            let query = format!(
                "SELECT coalesce(sum(n - 1), 0)::bigint FROM \
                 (SELECT count(*) AS n FROM {from} WHERE {there} GROUP BY {columns}) x"
            );
            Answer::Failed(query, present(items, &rule.columns))
        }
        Metric::UniqueCount => {
            let (columns, there) = (list(&rule.columns), values_of(&rule.columns));
            let query =
                format!("SELECT count(*) FROM (SELECT count(*) AS n FROM {from} WHERE {there} GROUP BY {columns}) x");
            Answer::Alone(query, present(items, &rule.columns))
        }
        Metric::ForeignKey => {
            let there = qualified(&rule.columns);
            let alone = refers_to_nothing(rule, test, catalog)?;
            let query = format!("SELECT count(*) FROM {from} AS t WHERE {there} AND {alone}");
            Answer::Failed(query, present(items, &rule.columns))
        }
        Metric::FunctionalDependency => {
            let by = column(test.determinant.as_deref().unwrap_or_default());
            let query = format!(
                "SELECT coalesce(sum(n - m), 0)::bigint FROM (SELECT sum(n) AS n, max(n) AS m FROM \
                 (SELECT {by} AS d, count(*) AS n FROM {from} WHERE {by} IS NOT NULL AND {first} IS NOT NULL \
                 GROUP BY {by}, {first}) x GROUP BY d) y"
            );
            let both = format!("count(*) FILTER (WHERE {by} IS NOT NULL AND {first} IS NOT NULL)");
            Answer::Failed(query, items.add(both))
        }
        Metric::AnomalyMad => {
            let factor = test.arguments.first().cloned().unwrap_or_else(|| "3.5".to_owned());
            let centre = vec![items.add(quantile("0.5", &first))];
            Answer::Far(Far { column: first.clone(), factor, centre, total: of_values(items) })
        }
        Metric::AnomalyIqr => {
            let factor = test.arguments.first().cloned().unwrap_or_else(|| "1.5".to_owned());
            let centre = vec![items.add(quantile("0.25", &first)), items.add(quantile("0.75", &first))];
            Answer::Far(Far { column: first.clone(), factor, centre, total: of_values(items) })
        }
        Metric::SchemaDrift => {
            let texts = test.arguments.iter().map(|text| unquoted(text));
            Answer::Drift(texts.collect())
        }
        _ => return Err(Error::internal(format!("metric \"{}\" is not asked for", test.metric))),
    })
}

/// The text of a literal.
pub fn unquoted(literal: &str) -> String {
    let inner = literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(literal);
    inner.replace("''", "'")
}

fn quantile(share: &str, column: &str) -> String {
    format!("percentile_cont({share}) WITHIN GROUP (ORDER BY {column}::double precision)")
}

fn aggregate(statistic: &str, column: &str) -> Result<String> {
    Ok(match statistic {
        "mean" | "avg" => format!("avg({column})"),
        "sum" | "min" | "max" | "stddev" => format!("{statistic}({column})"),
        "median" => quantile("0.5", column),
        other => {
            return Err(Error::new(Kind::InvalidParameter, format!("statistic \"{other}\" does not exist"))
                .with_hint("Statistics are mean, median, sum, min, max and stddev."));
        }
    })
}

/// The columns of the row called `t`, none NULL.
fn qualified(columns: &[String]) -> String {
    columns.iter().map(|name| format!("t.{} IS NOT NULL", column(name))).collect::<Vec<_>>().join(" AND ")
}

/// The condition that no row of the other relation has the values of the row called `t`.
pub fn refers_to_nothing(rule: &QualityRule, test: &MetricTest, catalog: &Catalog) -> Result<String> {
    let gone = || Error::new(Kind::UndefinedTable, format!("what rule \"{}\" refers to is gone", rule.name));
    let Reference { relation, columns } = test.references.as_ref().ok_or_else(gone)?;
    let other = match catalog.get(*relation).map(AsRef::as_ref).ok_or_else(gone)? {
        Object::Table(table) => full_name(&table.schema, &table.name),
        Object::View(view) => full_name(&view.schema, &view.name),
        _ => return Err(gone()),
    };
    let same = columns.iter().zip(&rule.columns);
    let same: Vec<String> = same.map(|(to, of)| format!("o.{} = t.{}", column(to), column(of))).collect();
    Ok(format!("NOT EXISTS (SELECT 1 FROM {other} AS o WHERE {})", same.join(" AND ")))
}

/// What is asked once the centre of the values is known: how far they are from it in the middle and on average.
pub fn spread(far: &Far, centre: &[f64]) -> Option<[String; 2]> {
    match centre {
        [median] => {
            let distance = format!("abs({}::double precision - {})", far.column, number(*median));
            Some([format!("percentile_cont(0.5) WITHIN GROUP (ORDER BY {distance})"), format!("avg({distance})")])
        }
        _ => None,
    }
}

/// The condition that a value is too far from the others; none where all are alike. A median absolute deviation of 0, where more than
/// half of the values are the median, gives way to the mean one (Iglewicz and Hoaglin, 1993).
pub fn too_far(far: &Far, centre: &[f64], spread: Option<(f64, f64)>) -> Option<String> {
    let value = format!("{}::double precision", far.column);
    match (centre, spread) {
        ([median], Some((deviation, mean))) => {
            let scale = if deviation > 0.0 { deviation / 0.6745 } else { 1.253_314 * mean };
            (scale > 0.0).then(|| {
                format!("abs({value} - {}) > ({})::double precision * {}", number(*median), far.factor, number(scale))
            })
        }
        ([low, high], _) => {
            let (reach, factor) = (number(high - low), &far.factor);
            let (low, high) = (number(*low), number(*high));
            Some(format!(
                "({value} < {low} - ({factor})::double precision * {reach} \
                 OR {value} > {high} + ({factor})::double precision * {reach})"
            ))
        }
        _ => None,
    }
}

/// A number as SQL, with all its digits.
fn number(value: f64) -> String {
    format!("'{value}'::double precision")
}

/// Rows of a relation, which they call `t`, that are not as a rule wants them, as what follows FROM; none if the rule does not tell rows
/// apart. `far` is the condition of values that are too far; `readable` are the columns that may be read.
pub fn failing(
    rule: &QualityRule,
    relation: &Ruled,
    catalog: &Catalog,
    (far, readable): (Option<&str>, &[String]),
) -> Result<Option<String>> {
    let from = full_name(&relation.schema, &relation.name);
    if let Some(condition) = holds(rule) {
        return Ok(Some(format!("{from} AS t WHERE NOT ({condition})")));
    }
    let RuleTest::Metric(test) = &rule.test else { return Ok(None) };
    let first = rule.columns.first().map(|name| column(name)).unwrap_or_default();
    let all = list(readable);
    Ok(match metric_of(test)? {
        Metric::DuplicateCount | Metric::Uniqueness => {
            let columns = list(&rule.columns);
            let there = qualified(&rule.columns);
            Some(format!(
                "(SELECT {all}, count(*) OVER (PARTITION BY {columns}) AS \"\u{2}n\" FROM {from}) AS t \
                 WHERE t.\"\u{2}n\" > 1 AND {there}"
            ))
        }
        Metric::ForeignKey => {
            let there = qualified(&rule.columns);
            let alone = refers_to_nothing(rule, test, catalog)?;
            Some(format!("{from} AS t WHERE {there} AND {alone}"))
        }
        Metric::FunctionalDependency => {
            let by = column(test.determinant.as_deref().unwrap_or_default());
            Some(format!(
                "(SELECT *, max(\"\u{2}n\") OVER (PARTITION BY {by}) AS \"\u{2}m\" FROM \
                 (SELECT {all}, count(*) OVER (PARTITION BY {by}, {first}) AS \"\u{2}n\" FROM {from} \
                 WHERE {by} IS NOT NULL AND {first} IS NOT NULL) AS x) AS t WHERE t.\"\u{2}n\" < t.\"\u{2}m\""
            ))
        }
        Metric::AnomalyMad | Metric::AnomalyIqr => Some(format!("{from} AS t WHERE {}", far.unwrap_or("false"))),
        _ => None,
    })
}
