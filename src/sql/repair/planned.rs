//! The changes that are proposed, as rows.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::quality::{Ruled, ruled};
use super::super::statement_id::Statements;
use super::super::system::rows::{Cell, RowsTable, column};
use super::super::values::read_one;
use super::reading::{Reading, seen};
use super::wanted::Wanted;
use crate::catalog::{Influence, ObjectId, SqlType};
use crate::error::{Error, Kind, Result};
use crate::governance::repair::{Column, Method, plan};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// A change of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The row, by its place among those that were read.
    pub row: usize,
    /// The column, by its place among those that were read.
    pub column: usize,
    /// What it is.
    pub old: Option<String>,
    /// What it should be.
    pub new: Option<String>,
    /// How that was found.
    pub method: Method,
    /// How surely it is right.
    pub confidence: f64,
    /// The rule that it comes from.
    pub rule: Option<String>,
}

/// Changes of a relation's cells.
pub struct Planned {
    /// The changes, by row and column.
    pub changes: Vec<Change>,
    /// Changes of rows beyond those that may be changed.
    pub left: usize,
    /// The columns that tell rows apart, by their places; none if nothing does.
    pub key: Option<Vec<usize>>,
    columns: Vec<Column>,
}

impl Planned {
    /// What should be changed in rows that were read; `first` is where the columns begin in the batches.
    pub fn of(
        context: &Context,
        reading: &Reading,
        (batches, first): (&[RecordBatch], usize),
        wanted: &Wanted,
    ) -> Result<Self> {
        let columns = reading.texts(batches, first)?;
        let mut found: BTreeMap<(usize, usize), Change> = BTreeMap::new();
        let change = |row: usize, at: usize, new: Option<String>, method: Method| Change {
            row,
            column: at,
            old: columns.get(at).and_then(|column| column.value(row)).map(str::to_owned),
            new,
            method,
            confidence: 1.0,
            rule: None,
        };
        // What somebody has said goes before what data suggest; of several rules the first by name.
        for (row, rule, new) in reading.ruled(batches, first) {
            let change = Change { rule: Some(rule.name.clone()), ..change(row, rule.column, new, Method::Rule) };
            if change.old != change.new {
                found.entry((row, rule.column)).or_insert(change);
            }
        }
        if let Some(asked) = reading.asked(wanted) {
            for proposal in plan(&columns, &asked, &|| context.cancel.check())? {
                let (row, at) = (proposal.row, proposal.column);
                let Some(data_type) = reading.types.get(at) else { continue };
                // What the column cannot hold is no repair.
                if proposal.new.as_ref().is_some_and(|new| !fits(new, data_type)) {
                    continue;
                }
                let change = Change {
                    confidence: proposal.confidence,
                    rule: proposal.rule,
                    ..change(row, at, proposal.new, proposal.method)
                };
                found.entry((row, at)).or_insert(change);
            }
        }
        let mut changes: Vec<Change> = found.into_values().collect();
        let all = changes.len();
        let mut rows = HashSet::new();
        changes.retain(|change| {
            let goes = rows.contains(&change.row) || rows.len() < wanted.max_rows;
            if goes {
                rows.insert(change.row);
            }
            goes
        });
        let left = all - changes.len();
        let changed: HashSet<usize> = changes.iter().map(|change| change.column).collect();
        let key = key(reading, &columns, &changed, wanted)?;
        Ok(Self { changes, left, key, columns })
    }

    /// What tells a row apart: the value of the key, of several columns a JSON object; of a relation without any all of the row.
    pub fn row_key(&self, reading: &Reading, row: usize) -> Option<String> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let places = self.key.as_ref().unwrap_or(&all);
        key_text(places.iter().map(|at| {
            let name = reading.columns.get(*at).map_or("", String::as_str);
            (name, self.columns.get(*at).and_then(|column| column.value(row)))
        }))
    }
}

/// The text of a key.
pub fn key_text<'a>(columns: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<String> {
    let columns: Vec<(&str, Option<&str>)> = columns.collect();
    match columns.as_slice() {
        [] => None,
        [(_, value)] => value.map(str::to_owned),
        several => {
            let pairs = several
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map_or(serde_json::Value::Null, Into::into)));
            Some(serde_json::Value::Object(pairs.collect()).to_string())
        }
    }
}

/// Whether a column of this type can hold a text.
fn fits(text: &str, data_type: &SqlType) -> bool {
    match data_type {
        SqlType::Text => true,
        SqlType::Varchar(Some(most)) | SqlType::Char(most) => text.chars().count() <= *most as usize,
        SqlType::Varchar(None) => true,
        data_type => read_one(text, data_type).is_ok(),
    }
}

/// The columns that tell rows apart: those that were named, those of the declared key, or the first one that is not changed and has
/// another value in each row.
fn key(reading: &Reading, columns: &[Column], changed: &HashSet<usize>, wanted: &Wanted) -> Result<Option<Vec<usize>>> {
    let places = |names: &[String]| -> Option<Vec<usize>> {
        names.iter().map(|name| reading.columns.iter().position(|column| column == name)).collect()
    };
    if !wanted.key.is_empty() {
        let Some(key) = places(&wanted.key) else {
            return Err(Error::new(Kind::InvalidParameter, "the columns of option \"key\" cannot tell rows apart"));
        };
        let mut seen = HashSet::new();
        let rows = columns.first().map_or(0, |column| column.rows.len());
        let alone = (0..rows).all(|row| {
            let values: Vec<Option<&str>> =
                key.iter().map(|at| columns.get(*at).and_then(|column| column.value(row))).collect();
            values.iter().all(Option::is_some) && seen.insert(values)
        });
        if !alone || key.iter().any(|at| changed.contains(at)) {
            return Err(Error::new(Kind::InvalidParameter, "the columns of option \"key\" do not tell rows apart")
                .with_hint("Name columns that are never NULL, have other values in each row, and are not repaired."));
        }
        return Ok(Some(key));
    }
    if let Some(key) = places(&reading.relation.key).filter(|key| !key.is_empty()) {
        return Ok(Some(key));
    }
    let unique = |(at, column): (usize, &Column)| {
        let alone = column.distinct.len() == column.rows.len() && !column.rows.is_empty();
        (alone && !changed.contains(&at)).then(|| vec![at])
    };
    Ok(columns.iter().enumerate().find_map(unique))
}

/// The columns of REPAIR_PLAN.
pub fn plan_columns() -> Vec<Field> {
    let texts = ["row_key", "column_name", "old_value", "new_value", "method"].map(|name| column(name, DataType::Utf8));
    let mut columns = vec![SqlType::Uuid.field("repair_id")];
    columns.extend(texts);
    columns.extend([column("confidence", DataType::Float64), column("rule", DataType::Utf8)]);
    columns
}

/// The changes that a relation suggests to the role, as a relation.
pub fn plan_table(context: &Arc<Context>, relation: Ruled, wanted: Wanted) -> Result<Arc<dyn TableProvider>> {
    let context = context.clone();
    let (seen, _) = seen(&context, relation.id, &relation)?;
    let meant: &[String] = wanted.columns.as_deref().unwrap_or(&seen);
    let key = [&wanted.key, &relation.key].into_iter().find(|key| !key.is_empty()).unwrap_or(&seen);
    let reads = Reads::default()
        .relation(&context, &context.database.state(), &relation.schema, &relation.name)?
        .key("row_key", 0, key)
        .column("old_value", 0, meant, Influence::Identity)
        // What is proposed is usual in the column, or told by the others.
        .column("new_value", 0, meant, Influence::Identity)
        .column("new_value", 0, &seen, Influence::Transformation)
        .rows(0, &seen, Influence::Filter);
    Ok(reads.by(RowsTable::make(plan_columns(), move || {
        let handle =
            tokio::runtime::Handle::try_current().map_err(|_| Error::internal("REPAIR_PLAN needs a runtime"))?;
        handle.block_on(planned_rows(&context, relation.clone(), &wanted))
    })))
}

/// The same as rows of cells.
pub async fn plan_rows(context: &Arc<Context>, id: ObjectId, wanted: &Wanted) -> Result<Vec<Vec<Cell>>> {
    planned_rows(context, ruled(context, &context.database.state(), id)?, wanted).await
}

async fn planned_rows(context: &Arc<Context>, relation: Ruled, wanted: &Wanted) -> Result<Vec<Vec<Cell>>> {
    let state = context.database.state();
    let reading = Reading::of(context, &state, relation, wanted).await?;
    let batches = reading.rows(context, &state).await?;
    let planned = super::super::run::blocking(|| Planned::of(context, &reading, (&batches, 0), wanted))?;
    if planned.left > 0 {
        context.notice(format!("{} changes of more than {} rows are left out", planned.left, wanted.max_rows));
    }
    let numbers = Statements::new()?;
    let mut keys: HashMap<usize, Option<String>> = HashMap::new();
    let cells = planned.changes.iter().map(|change| {
        let key = keys.entry(change.row).or_insert_with(|| planned.row_key(&reading, change.row));
        vec![
            Cell::text(numbers.id(numbers.next()).to_string()),
            Cell::Text(key.clone()),
            Cell::Text(reading.columns.get(change.column).cloned()),
            Cell::Text(change.old.clone()),
            Cell::Text(change.new.clone()),
            Cell::text(change.method.name()),
            Cell::Float(Some(change.confidence)),
            Cell::Text(change.rule.clone()),
        ]
    });
    Ok(cells.collect())
}
