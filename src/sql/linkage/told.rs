//! What DEDUPE and MATCH tell, as relations.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::quality::Ruled;
use super::super::run;
use super::super::system::rows::{Cell, RowsTable, column, jsonb};
use super::reading::Reading;
use super::{Compared, DedupeWanted, MatchWanted};
use crate::error::{Error, Result};
use crate::governance::linkage::{Column, Evidence, Link, Vocabulary, Watch, dedupe, link};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Rows from which on a function says how far it is.
const ROWS_TELLING: usize = 20_000;

/// The columns of DEDUPE.
pub fn dedupe_columns() -> Vec<Field> {
    vec![
        column("cluster", DataType::Int64),
        column("row_key", DataType::Utf8),
        column("nearest_key", DataType::Utf8),
        column("probability", DataType::Float64),
        jsonb("evidence"),
    ]
}

/// The columns of MATCH.
pub fn match_columns() -> Vec<Field> {
    vec![
        column("left_key", DataType::Utf8),
        column("right_key", DataType::Utf8),
        column("probability", DataType::Float64),
        jsonb("evidence"),
    ]
}

/// Rows of a relation that are there several times, as a relation.
pub fn dedupe_table(context: &Arc<Context>, relation: Ruled, wanted: DedupeWanted) -> Result<Arc<dyn TableProvider>> {
    let context = context.clone();
    let named = match &wanted.columns {
        Compared::Named(names) => Some(names.as_slice()),
        _ => None,
    };
    let reading = Reading::of(&context, relation, named)?;
    // Which rows are one cluster is no value of theirs.
    let reads = reading.told(&context, Reads::default(), &["row_key", "nearest_key"], &["probability", "evidence"])?;
    Ok(reads.by(RowsTable::make(dedupe_columns(), move || {
        let handle = tokio::runtime::Handle::try_current().map_err(|_| Error::internal("DEDUPE needs a runtime"))?;
        handle.block_on(dedupe_rows(&context, &reading, &wanted))
    })))
}

/// Rows of two relations that are the same thing, as a relation.
pub fn match_table(
    context: &Arc<Context>,
    (left, right): (Ruled, Ruled),
    wanted: MatchWanted,
) -> Result<Arc<dyn TableProvider>> {
    let context = context.clone();
    let (of_left, of_right) = match &wanted.columns {
        Compared::All => (None, None),
        Compared::Named(names) => (Some(names.clone()), Some(names.clone())),
        Compared::Paired(pairs) => {
            let (left, right): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
            (Some(left), Some(right))
        }
    };
    let left = Reading::of(&context, left, of_left.as_deref())?;
    let right = Reading::of(&context, right, of_right.as_deref())?;
    let judged = ["probability", "evidence"];
    let reads = left.told(&context, Reads::default(), &["left_key"], &judged)?;
    let reads = right.told(&context, reads, &["right_key"], &judged)?;
    // Named columns are read in the order in which they were named.
    let named: Option<Vec<(usize, usize)>> = of_left.map(|names| (0..names.len()).map(|at| (at, at)).collect());
    Ok(reads.by(RowsTable::make(match_columns(), move || {
        let handle = tokio::runtime::Handle::try_current().map_err(|_| Error::internal("MATCH needs a runtime"))?;
        handle.block_on(match_rows(&context, (&left, &right), named.as_deref(), &wanted))
    })))
}

async fn dedupe_rows(context: &Arc<Context>, reading: &Reading, wanted: &DedupeWanted) -> Result<Vec<Vec<Cell>>> {
    let state = context.database.state();
    let mut vocabulary = Vocabulary::default();
    let columns = reading.read(context, &state, &mut vocabulary, 0).await?;
    let rows = columns.first().map_or(0, Column::rows);
    let members = run::blocking(|| {
        let (check, tell) = (|| context.cancel.check(), |what: &str| say(context, rows, what));
        dedupe(vocabulary, columns, wanted.min_probability, &Watch { check: &check, tell: &tell })
    })?;
    let keys = reading.keys(context, &state, members.iter().flat_map(|m| [m.row, m.link.left, m.link.right])).await?;
    let key = |row: usize| Cell::Text(keys.get(&row).cloned().flatten());
    let cells = members.iter().map(|member| {
        let nearest = if member.link.left == member.row { member.link.right } else { member.link.left };
        vec![
            Cell::Int(i64::try_from(member.cluster + 1).ok()),
            key(member.row),
            key(nearest),
            Cell::Float(Some(member.link.probability)),
            evidence(&member.link),
        ]
    });
    Ok(cells.collect())
}

async fn match_rows(
    context: &Arc<Context>,
    (left, right): (&Reading, &Reading),
    named: Option<&[(usize, usize)]>,
    wanted: &MatchWanted,
) -> Result<Vec<Vec<Cell>>> {
    let state = context.database.state();
    let mut vocabulary = Vocabulary::default();
    let ours = left.read(context, &state, &mut vocabulary, 0).await?;
    let held = ours.iter().map(Column::bytes).sum();
    let theirs = right.read(context, &state, &mut vocabulary, held).await?;
    let rows: usize = [&ours, &theirs].map(|columns| columns.first().map_or(0, Column::rows)).iter().sum();
    let links = run::blocking(|| {
        let (check, tell) = (|| context.cancel.check(), |what: &str| say(context, rows, what));
        let how = (wanted.min_probability, wanted.partners);
        link(vocabulary, ours, theirs, named, how, &Watch { check: &check, tell: &tell })
    })?;
    let left_keys = left.keys(context, &state, links.iter().map(|link| link.left)).await?;
    let right_keys = right.keys(context, &state, links.iter().map(|link| link.right)).await?;
    let cells = links.iter().map(|link| {
        vec![
            Cell::Text(left_keys.get(&link.left).cloned().flatten()),
            Cell::Text(right_keys.get(&link.right).cloned().flatten()),
            Cell::Float(Some(link.probability)),
            evidence(link),
        ]
    });
    Ok(cells.collect())
}

/// Says how far it is, where that takes long; which columns go together is always worth knowing.
fn say(context: &Context, rows: usize, what: &str) {
    if rows >= ROWS_TELLING || what.starts_with("columns") {
        context.notice(what);
    }
}

/// `{"columns": {name: {"similarity": .., "weight": ..}}, "whole": {..}}`: of each column how alike the values are, and the logarithm of what
/// the odds are multiplied with.
fn evidence(link: &Link) -> Cell {
    let two = |number: f64| (number * 100.0).round() / 100.0;
    let said = |evidence: &Evidence| json!({"similarity": two(evidence.similarity), "weight": two(evidence.weight)});
    let mut columns = Map::new();
    let mut all = Map::new();
    for evidence in &link.evidence {
        match &evidence.column {
            Some(name) => drop(columns.insert(name.clone(), said(evidence))),
            None => drop(all.insert("whole".to_owned(), said(evidence))),
        }
    }
    all.insert("columns".to_owned(), Value::Object(columns));
    Cell::text(Value::Object(all).to_string())
}
