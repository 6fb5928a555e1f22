//! SUGGEST_RULES: which rules the rows that its caller sees suggest, each with the share of rows that keep it.
//!
//! One pass profiles the columns, a sample tells dependencies, names tell what may refer to what; one more pass measures all that is left,
//! as CHECK QUALITY would. Columns that the role sees masked are left out: what their masks are like suggests nothing.

use super::super::context::Context;
use super::super::inventory::references_of;
use super::super::lineage::Reads;
use super::super::parser::{full_name, quoted};
use super::super::run;
use super::super::system::rows::{Cell, RowsTable, column};
use super::super::tables;
use super::measure::measure;
use super::relation::Ruled;
use super::shown::{asset_of, definition};
use crate::catalog::{
    Class, Influence, MetricTest, Object, ObjectId, QualityRule, Reference, RuleTest, Severity, Table, is_temporary,
};
use crate::config::{NAME_BYTES_MAX, QUALITY_TRAIN_ROWS};
use crate::error::{Error, Result};
use crate::governance::rules::{
    Candidate, CandidateFacts, Dependency, KeyOf, Suggested, candidates, dependencies, threshold,
};
use crate::governance::{ColumnVerdict, Profiler, detect_column};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, ident};
use futures::TryStreamExt;
use std::sync::Arc;

/// Rows that dependencies are looked for in.
const SAMPLE_ROWS: usize = QUALITY_TRAIN_ROWS / 4;

/// What is told of each rule.
pub fn columns() -> Vec<Field> {
    vec![column("rule_sql", DataType::Utf8), column("support", DataType::Float64), column("reason", DataType::Utf8)]
}

/// Rules for a relation, column by column.
pub fn suggestions(context: &Arc<Context>, relation: Ruled) -> Result<Arc<dyn TableProvider>> {
    let context = context.clone();
    let seen = seen(&context, relation.id, &relation)?;
    // A rule says what values are accepted, and within which bounds.
    let reads = Reads::default()
        .relation(&context, &context.database.state(), &relation.schema, &relation.name)?
        .column("rule_sql", 0, &seen, Influence::Aggregation)
        .column("reason", 0, &seen, Influence::Aggregation);
    Ok(reads.by(RowsTable::make(columns(), move || {
        let handle =
            tokio::runtime::Handle::try_current().map_err(|_| Error::internal("SUGGEST_RULES needs a runtime"))?;
        handle.block_on(find(&context, &relation))
    })))
}

/// What is declared of a relation, by names of columns.
#[derive(Default)]
struct Declared {
    not_null: Vec<String>,
    unique: Vec<String>,
    referring: Vec<String>,
}

fn declared(table: &Table) -> Declared {
    let name = |at: &usize| table.columns[*at].name.clone();
    let single = |columns: &[usize]| if let [one] = columns { Some(name(one)) } else { None };
    Declared {
        not_null: table.columns.iter().filter(|column| column.not_null).map(|column| column.name.clone()).collect(),
        unique: table.keys.iter().filter_map(|key| single(&key.columns)).collect(),
        referring: table.foreign_keys.iter().filter_map(|key| single(&key.columns)).collect(),
    }
}

async fn find(context: &Arc<Context>, relation: &Ruled) -> Result<Vec<Vec<Cell>>> {
    let state = context.database.state();
    let id = relation.id;
    let seen = seen(context, id, relation)?;
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let source = tables::open(context, &state, &relation.schema, &relation.name)?;
    let plan = LogicalPlanBuilder::scan(relation.name.as_str(), source, None)?;
    let plan = plan.project(seen.iter().map(|name| ident(name.as_str())))?.build()?;
    let schema = Arc::new(Schema::new(plan.schema().fields().clone()));
    let mut stream = run::stream(context, &run::in_order(&state), &plan).await?;
    let mut profiler = Profiler::new(schema.clone());
    let (mut sample, mut rows): (Vec<RecordBatch>, usize) = (Vec::new(), 0);
    while let Some(batch) = stream.try_next().await? {
        context.cancel.check()?;
        profiler.update(&batch)?;
        if rows < SAMPLE_ROWS {
            sample.push(batch.slice(0, batch.num_rows().min(SAMPLE_ROWS - rows)));
            rows += batch.num_rows();
        }
    }
    let profiles = profiler.finish()?;
    let verdict = |profile: &crate::governance::ColumnProfile| {
        let sample: Vec<&str> = profile.sample.iter().map(String::as_str).collect();
        detect_column(&profile.name, &profile.data_type, &sample, Some(profile))
    };
    let verdicts: Vec<ColumnVerdict> = profiles.iter().map(verdict).collect();
    // Measures depend on nothing; words and codes do.
    let is_word = |field: &Arc<Field>| matches!(field.data_type(), DataType::Utf8) || field.data_type().is_integer();
    let meant: Vec<bool> = schema.fields().iter().map(is_word).collect();
    let dependencies: Vec<Dependency> = dependencies(&sample, &meant);
    drop(sample);
    let of_table = context.snapshot.catalog.table_by_id(id).map(declared).unwrap_or_default();
    let facts = CandidateFacts {
        profiles: &profiles,
        verdicts: &verdicts,
        not_null: &of_table.not_null,
        unique: &of_table.unique,
        referring: &of_table.referring,
        keys: &keys(context, id),
        found: &found(context, id),
        dependencies: &dependencies,
    };
    let found = candidates(&facts);
    support(context, &state, relation, found).await
}

/// The columns that the role sees as they are.
fn seen(context: &Context, id: ObjectId, relation: &Ruled) -> Result<Vec<String>> {
    let all = relation.columns.fields().iter().map(|field| field.name().clone());
    let Some(table) = context.snapshot.catalog.table_by_id(id) else { return Ok(all.collect()) };
    let access = tables::access(context, id, table)?;
    let plain = |at: usize| access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none);
    Ok(all.enumerate().filter(|(at, _)| plain(*at)).map(|(_, name)| name).collect())
}

/// Declared keys of one column of the other tables that the role may read, and sees as they are.
fn keys(context: &Context, id: ObjectId) -> Vec<KeyOf> {
    let catalog = &context.snapshot.catalog;
    let mut keys = Vec::new();
    for (other, object) in catalog.class(Class::Relation) {
        let Object::Table(table) = object else { continue };
        let is_other = other != id && !is_temporary(&table.schema) && table.quarantine_of.is_none();
        let Ok(access) = tables::access(context, other, table) else { continue };
        for key in table.keys.iter().filter(|_| is_other) {
            let [at] = key.columns.as_slice() else { continue };
            let plain = access.readable.get(*at) == Some(&true) && access.masks.get(*at).is_some_and(Option::is_none);
            if plain {
                keys.push(KeyOf {
                    schema: table.schema.clone(),
                    relation: table.name.clone(),
                    column: table.columns[*at].name.clone(),
                    data_type: table.columns[*at].data_type.arrow(),
                });
            }
        }
    }
    keys
}

/// What the last inventory found this relation's columns to refer to, of keys that the role sees as they are.
fn found(context: &Context, id: ObjectId) -> Vec<(String, KeyOf)> {
    let catalog = &context.snapshot.catalog;
    let Some((_, finding)) = asset_of(catalog, id).and_then(|asset| catalog.finding(&asset)) else { return Vec::new() };
    let references = references_of(finding).into_iter().filter_map(|reference| {
        let table = catalog.table_by_id(reference.to_object)?;
        let access = tables::access(context, reference.to_object, table).ok()?;
        let at = table.column_index(&reference.to_column)?;
        let plain = access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none);
        plain.then(|| {
            let key = KeyOf {
                schema: table.schema.clone(),
                relation: table.name.clone(),
                column: reference.to_column,
                data_type: table.columns[at].data_type.arrow(),
            };
            (reference.column, key)
        })
    });
    references.collect()
}

/// Measures candidates; gives those that nearly all rows keep, as statements.
async fn support(
    context: &Arc<Context>,
    state: &SessionState,
    relation: &Ruled,
    candidates: Vec<Candidate>,
) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let taken = |name: &str| catalog.rules_of(relation.id).any(|(_, rule)| rule.name == name);
    let mut rules: Vec<(QualityRule, String)> = Vec::new();
    for candidate in candidates {
        if let Some(mut rule) = rule_of(context, relation, &candidate)? {
            // What is asked already is not suggested again.
            if catalog.rules_of(relation.id).any(|(_, there)| there.columns == rule.columns && there.test == rule.test)
            {
                continue;
            }
            let base = cut(&rule.name);
            let mut names = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}{n}")));
            rule.name = names.find(|name| !taken(name) && !rules.iter().any(|(r, _)| r.name == *name)).unwrap_or(base);
            rules.push((rule, candidate.reason));
        }
    }
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<&QualityRule> = rules.iter().map(|(rule, _)| rule).collect();
    let judged = measure(context, state, relation, &asked).await?;
    let mut cells = Vec::new();
    for ((mut rule, reason), judged) in rules.into_iter().zip(judged) {
        let Some(support) = judged.judgement.share.filter(|_| judged.measured.total > 0) else { continue };
        let Some(threshold) = threshold(support) else { continue };
        rule.threshold = threshold;
        let columns: Vec<String> = rule.columns.iter().map(|name| quoted(name).to_string()).collect();
        let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
        let text = format!(
            "CREATE QUALITY RULE {} ON {}{columns} {}",
            quoted(&rule.name),
            full_name(&relation.schema, &relation.name),
            definition(&rule, catalog)
        );
        cells.push(vec![Cell::text(text), Cell::Float(Some(support)), Cell::text(reason)]);
    }
    Ok(cells)
}

/// A name that is no longer than names are.
fn cut(name: &str) -> String {
    // Room for a number behind it.
    let mut end = name.len().min(NAME_BYTES_MAX - 3);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// A candidate as a rule; none if it cannot be said as one.
fn rule_of(context: &Context, relation: &Ruled, candidate: &Candidate) -> Result<Option<QualityRule>> {
    let metric = |metric: &str, arguments: Vec<String>| MetricTest {
        metric: metric.to_owned(),
        arguments,
        references: None,
        determinant: None,
        expectation: None,
    };
    let text = |value: &String| format!("'{}'", value.replace('\'', "''"));
    let is_number = relation.must_get_type(&candidate.column)?.arrow().is_numeric();
    let test = match &candidate.test {
        Suggested::NotNull => RuleTest::Metric(metric("null_count", Vec::new())),
        Suggested::NotBlank => RuleTest::Metric(metric("blank_count", Vec::new())),
        Suggested::Unique => RuleTest::Metric(metric("uniqueness", Vec::new())),
        Suggested::Accepted(values) => {
            let values = values.iter().map(|value| if is_number { value.clone() } else { text(value) });
            RuleTest::Metric(metric("accepted_values", values.collect()))
        }
        Suggested::Range(least, most) => {
            let bound = |bound: &Option<f64>| bound.map_or_else(|| "NULL".to_owned(), |bound| bound.to_string());
            RuleTest::Metric(metric("range", vec![bound(least), bound(most)]))
        }
        Suggested::NotInFuture => RuleTest::Check(format!("{} <= now()", quoted(&candidate.column))),
        Suggested::Pattern(pattern) => RuleTest::Metric(metric("regex", vec![text(pattern)])),
        Suggested::Reference(key) => {
            let Some((other, _)) = context.snapshot.catalog.relation(&key.schema, &key.relation) else {
                return Ok(None);
            };
            let references = Some(Reference { relation: other, columns: vec![key.column.clone()] });
            RuleTest::Metric(MetricTest { references, ..metric("foreign_key", Vec::new()) })
        }
        Suggested::Dependency(determinant) => {
            let determinant = Some(determinant.clone());
            RuleTest::Metric(MetricTest { determinant, ..metric("functional_dependency", Vec::new()) })
        }
    };
    Ok(Some(QualityRule {
        name: candidate.name.clone(),
        relation: relation.id,
        columns: vec![candidate.column.clone()],
        test,
        dimension: None,
        threshold: None,
        severity: Severity::Warn,
        on_violation: None,
        disabled: false,
        schedule: None,
    }))
}
