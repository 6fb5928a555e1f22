//! QUALITY_FAILURES: the rows that are not as a rule wants them, as the one who asks sees them.
//!
//! Both which rows these are and what is shown of them goes through the gate: a rule over a column that the role sees masked is asked
//! of the mask, so that nobody learns by it whether a value that he may not see is right. A notice says so.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::parser;
use super::super::planner::Planner;
use super::super::run;
use super::super::system::rows::{Cell, RowsTable, column};
use super::super::tables;
use super::ask;
use super::measure::measure;
use super::relation::{Ruled, ruled};
use crate::catalog::{Influence, Object, ObjectId, QualityRule, RuleTest};
use crate::error::{Error, Result};
use crate::governance::rules::Metric;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use std::sync::Arc;

/// What is told of each row.
pub fn columns() -> Vec<Field> {
    ["row_key", "column_name", "value", "reason"].map(|name| column(name, DataType::Utf8)).to_vec()
}

/// At most `limit` rows of a relation that are not as a rule wants them.
pub fn failures(
    context: &Arc<Context>,
    relation: &Ruled,
    rule: QualityRule,
    limit: usize,
) -> Result<Arc<dyn TableProvider>> {
    let (context, id) = (context.clone(), relation.id);
    let readable = readable(&context, id, relation)?;
    let read = read_of(relation, &rule);
    let of: &[String] = if rule.columns.is_empty() { &read } else { &rule.columns };
    // Of several columns the value is one text.
    let influence = if of.len() == 1 { Influence::Identity } else { Influence::Transformation };
    let reads = Reads::default()
        .relation(&context, &context.database.state(), &relation.schema, &relation.name)?
        .key("row_key", 0, named_by(relation, &readable))
        .column("value", 0, of, influence)
        .rows(0, &read, Influence::Filter);
    Ok(reads.by(RowsTable::make(columns(), move || {
        let handle =
            tokio::runtime::Handle::try_current().map_err(|_| Error::internal("QUALITY_FAILURES needs a runtime"))?;
        handle.block_on(find(&context, id, &rule, limit))
    })))
}

/// The columns of a relation that a rule reads.
fn read_of(relation: &Ruled, rule: &QualityRule) -> Vec<String> {
    let named = ask::read_by(rule);
    let names = relation.columns.fields().iter().map(|field| field.name().clone());
    names.filter(|name| named.contains(name)).collect()
}

async fn find(context: &Arc<Context>, id: ObjectId, rule: &QualityRule, limit: usize) -> Result<Vec<Vec<Cell>>> {
    let state = context.database.state();
    let relation = ruled(context, &state, id)?;
    let readable = readable(context, id, &relation)?;
    let read = read_of(&relation, rule);
    tell_of_masks(context, id, rule, &read)?;
    let far = far_from(context, &state, &relation, rule).await?;
    let Some(rows) = ask::failing(rule, &relation, &context.snapshot.catalog, (far.as_deref(), &readable))? else {
        return Ok(Vec::new());
    };
    let of: &[String] = if rule.columns.is_empty() { &read } else { &rule.columns };
    let key = row_key(&relation, &readable);
    let order = match is_keyed(&relation, &readable) {
        true => relation.key.iter().map(|name| format!("t.{}", ask::column(name))).collect::<Vec<_>>().join(", "),
        false => "1".to_owned(),
    };
    let query = format!("SELECT {key}, {} FROM {rows} ORDER BY {order} LIMIT {limit}", text(of));
    let plan = Planner::new(context, &state).query(parser::query(&query)?)?;
    let batches = run::collect(context, &state, &plan).await?;
    let (name, reason) = (of.join(", "), reason(rule, context)?);
    let mut cells = Vec::new();
    for batch in &batches {
        let texts = [texts(batch, 0)?, texts(batch, 1)?];
        for row in 0..batch.num_rows() {
            let [key, value] = [&texts[0], &texts[1]].map(|texts| texts[row].clone());
            cells.push(vec![
                Cell::Text(key),
                Cell::Text((!name.is_empty()).then(|| name.clone())),
                Cell::Text(value),
                Cell::text(&reason),
            ]);
        }
    }
    Ok(cells)
}

fn texts(batch: &RecordBatch, at: usize) -> Result<Vec<Option<String>>> {
    let texts = cast(batch.column(at), &DataType::Utf8)?;
    Ok(texts.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

/// Columns of the row called `t` as one text: of several a JSON object.
fn text(columns: &[String]) -> String {
    match columns {
        [] => "NULL::text".to_owned(),
        [one] => format!("t.{}::text", ask::column(one)),
        several => object(several),
    }
}

fn object(columns: &[String]) -> String {
    let pairs = columns.iter().map(|name| format!("'{}', t.{}", name.replace('\'', "''"), ask::column(name)));
    match columns.is_empty() {
        true => "NULL::text".to_owned(),
        false => format!("json_build_object({})::text", pairs.collect::<Vec<_>>().join(", ")),
    }
}

/// What names a row called `t`: its key, or all that the role may read of it where that cannot be.
pub fn row_key(relation: &Ruled, readable: &[String]) -> String {
    match is_keyed(relation, readable) {
        true => text(&relation.key),
        false => object(readable),
    }
}

fn is_keyed(relation: &Ruled, readable: &[String]) -> bool {
    !relation.key.is_empty() && relation.key.iter().all(|name| readable.contains(name))
}

/// The columns that name a row so.
pub fn named_by<'a>(relation: &'a Ruled, readable: &'a [String]) -> &'a [String] {
    if is_keyed(relation, readable) { &relation.key } else { readable }
}

/// The columns that the role may read.
pub fn readable(context: &Context, id: ObjectId, relation: &Ruled) -> Result<Vec<String>> {
    let names = relation.columns.fields().iter().map(|field| field.name().clone());
    match context.snapshot.catalog.table_by_id(id) {
        Some(table) => {
            let access = tables::access(context, id, table)?;
            Ok(names.enumerate().filter(|(at, _)| access.readable.get(*at) == Some(&true)).map(|(_, n)| n).collect())
        }
        None => Ok(names.collect()),
    }
}

/// Says which columns of a rule the role sees masked.
fn tell_of_masks(context: &Context, id: ObjectId, rule: &QualityRule, read: &[String]) -> Result<()> {
    let Some(table) = context.snapshot.catalog.table_by_id(id) else { return Ok(()) };
    let access = tables::access(context, id, table)?;
    let masked = read
        .iter()
        .filter(|name| table.column_index(name).is_some_and(|at| access.masks.get(at).is_some_and(Option::is_some)));
    let masked: Vec<&str> = masked.map(String::as_str).collect();
    if !masked.is_empty() {
        let (rule, columns) = (&rule.name, masked.join(", "));
        context.notice(format!("quality rule \"{rule}\" is asked of masked values of {columns}, as you see them"));
    }
    Ok(())
}

/// The condition of values that are too far from the others, of those that the role sees.
async fn far_from(
    context: &Arc<Context>,
    state: &SessionState,
    relation: &Ruled,
    rule: &QualityRule,
) -> Result<Option<String>> {
    let asks = match &rule.test {
        RuleTest::Metric(test) => {
            matches!(Metric::from_name(&test.metric), Some(Metric::AnomalyMad | Metric::AnomalyIqr))
        }
        RuleTest::Check(_) => false,
    };
    match asks {
        true => Ok(measure(context, state, relation, &[rule]).await?.pop().and_then(|judged| judged.far)),
        false => Ok(None),
    }
}

/// Why a row is among the failures, without constants of the rule.
fn reason(rule: &QualityRule, context: &Context) -> Result<String> {
    let test = match &rule.test {
        RuleTest::Check(_) => return Ok("the condition is false".to_owned()),
        RuleTest::Metric(test) => test,
    };
    Ok(match ask::metric_of(test)? {
        Metric::NullCount | Metric::NullPercent => "the value is NULL".to_owned(),
        Metric::BlankCount | Metric::BlankPercent => "the text is blank".to_owned(),
        Metric::AcceptedValues => "the value is none of those accepted".to_owned(),
        Metric::Range => "the value is out of range".to_owned(),
        Metric::Regex => "the text does not match the pattern".to_owned(),
        Metric::DuplicateCount | Metric::Uniqueness => "the value is in several rows".to_owned(),
        Metric::ForeignKey => {
            let other = rule.reference().and_then(|to| context.snapshot.catalog.get(to.relation));
            let name = other.map(|object| match object.as_ref() {
                Object::Table(table) => table.name.clone(),
                Object::View(view) => view.name.clone(),
                other => other.kind_name().to_owned(),
            });
            format!("no such row in {}", name.unwrap_or_default())
        }
        Metric::FunctionalDependency => {
            let by = test.determinant.as_deref().unwrap_or_default();
            format!("another value is usual for this {by}")
        }
        Metric::AnomalyMad | Metric::AnomalyIqr => "the value is far from the others".to_owned(),
        _ => String::new(),
    })
}
