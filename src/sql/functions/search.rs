//! SEARCH: rows of a table by words, best first.
//!
//! Hits come from the text index; what is shown comes through the gate. A row that the role may not see is no hit, and
//! the snippet is cut from the text as the role sees it: a masked column gives masked snippets. The words of a column
//! that the role sees masked, or not at all, are not searched.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::run;
use super::super::system::rows::{Cell, RowsTable, column};
use super::super::tables::{self, ROW_ID, TableScan};
use super::args;
use super::relation::asset_name;
use crate::catalog::{Index, Influence, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::search::{Hit, Query, snippet};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};
use std::collections::HashMap;
use std::sync::Arc;

/// Characters of a snippet.
const SNIPPET_CHARS: usize = 120;
/// Hits that one search gives at most.
const HITS_MAX: usize = 10_000;

/// `SEARCH(relation, query [, k])`.
pub fn search(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let asset = asset_name(context, &args::must_text(args, 0, "the relation's name")?);
    let words = args::must_text(args, 1, "the words to look for")?;
    let k = args::number(args, 2, "k", 10, HITS_MAX)?;
    let (schema, name) = asset.split_once('.').unwrap_or(("public", &asset));
    let catalog = &context.snapshot.catalog;
    let (id, table) = match catalog.relation(schema, name) {
        Some((id, Object::Table(table))) => (id, table.clone()),
        Some(_) => {
            return Err(Error::new(Kind::Unsupported, format!("\"{name}\" is not a table; SEARCH looks into tables")));
        }
        None => return Err(tables::undefined(context, schema, name)),
    };
    tables::must_have(context, &table, crate::catalog::Privilege::Select)?;
    let indexes: Vec<(ObjectId, Index)> = catalog.indexes_of(id).map(|(id, index)| (id, index.clone())).collect();
    let Some((index_id, index)) = indexes.into_iter().next() else {
        return Err(Error::new(Kind::UndefinedObject, format!("table \"{name}\" has no text index")).with_hint(
            format!("CREATE INDEX ON {name} USING steward (columns) WITH (key_field = 'column') makes one."),
        ));
    };
    let query = Query::parse(&words)?;
    let context = context.clone();
    let key = std::slice::from_ref(&index.key_field);
    let reads = Reads::default()
        .relation(&context, &context.database.state(), schema, name)?
        .column("key", 0, key, Influence::Identity)
        .column("snippet", 0, &index.columns, Influence::Transformation)
        .column("score", 0, &index.columns, Influence::Transformation)
        .column("rank", 0, &index.columns, Influence::Window)
        .rows(0, &index.columns, Influence::Filter);
    Ok(reads.by(RowsTable::make(columns(), move || find(&context, id, &table, index_id, &index, &query, k))))
}

/// What it gives of each hit.
pub fn columns() -> Vec<Field> {
    vec![
        column("rank", DataType::Int32),
        column("key", DataType::Utf8),
        column("score", DataType::Float64),
        column("snippet", DataType::Utf8),
        column("source", DataType::Utf8),
    ]
}

fn find(
    context: &Arc<Context>,
    id: ObjectId,
    table: &Table,
    index_id: ObjectId,
    index: &Index,
    query: &Query,
    k: usize,
) -> Result<Vec<Vec<Cell>>> {
    let access = tables::access(context, id, table)?;
    let searched: Vec<usize> = (0..index.columns.len())
        .filter(|&n| {
            table.column_index(&index.columns[n]).is_some_and(|c| access.readable[c] && access.masks[c].is_none())
        })
        .collect();
    if searched.is_empty() {
        return Ok(Vec::new());
    }
    let manager = &context.database.manager;
    let named = |error: Error| error.with_context(format!("text index \"{}\"", index.name));
    let view = context.database.indexes.follow(manager, index_id, index, table, &context.snapshot).map_err(named)?;
    if let Some(reads) = &context.reads {
        reads.note(id);
    }
    let rows = context.snapshot.rows(id);
    // With a policy on rows only those count that it shows; they are found before the search, not after.
    let shown = match access.filter.is_some() {
        true => Some(row_ids(context, id)?),
        false => None,
    };
    let accept = |row: u64| {
        let (segment, offset) = crate::txn::split_row_id(row);
        let live = rows.segment(segment).is_some_and(|s| !s.is_deleted(offset));
        live && shown.as_ref().is_none_or(|shown| shown.contains(&row))
    };
    let hits = view.search(query, Some(&searched), k, &accept).map_err(named)?;
    let texts = texts(context, id, index, &searched, &hits)?;
    let cells = hits.iter().enumerate().filter_map(|(n, hit)| {
        let (key, texts) = texts.get(&hit.row_id)?;
        let best = texts
            .iter()
            .flatten()
            .map(|text| snippet(text, query, SNIPPET_CHARS))
            .max_by_key(|snippet| snippet.matches("<b>").count());
        Some(vec![
            Cell::Int(Some(n as i64 + 1)),
            Cell::Text(key.clone()),
            // Scores are made of statistics over all rows: to whom rows are hidden, they would tell of them.
            Cell::Float(shown.is_none().then(|| f64::from(hit.score))),
            Cell::Text(best),
            Cell::text("text"),
        ])
    });
    Ok(cells.collect())
}

/// Runs a query over the table, with row ids, as the role sees it.
fn scan(
    context: &Arc<Context>,
    id: ObjectId,
    build: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlanBuilder>,
) -> Result<Vec<RecordBatch>> {
    let state = context.database.state();
    let scan = TableScan::open_rows(context, &state, id, &[Command::Select])?;
    let plan = build(LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(scan)), None)?)?.build()?;
    let handle = tokio::runtime::Handle::try_current().map_err(|_| Error::internal("SEARCH needs a runtime"))?;
    handle.block_on(run::collect(context, &state, &plan))
}

fn row_ids(context: &Arc<Context>, id: ObjectId) -> Result<std::collections::HashSet<u64>> {
    let batches = scan(context, id, |plan| Ok(plan.project([ident(ROW_ID)])?))?;
    Ok(batches.iter().flat_map(|batch| batch.column(0).as_primitive::<UInt64Type>().values().to_vec()).collect())
}

type Texts = HashMap<u64, (Option<String>, Vec<Option<String>>)>;

/// Key and searched texts of the rows that were hit, as the role sees them.
fn texts(context: &Arc<Context>, id: ObjectId, index: &Index, searched: &[usize], hits: &[Hit]) -> Result<Texts> {
    let ids: Vec<Expr> = hits.iter().map(|hit| lit(hit.row_id)).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let batches = scan(context, id, |plan| {
        let mut columns = vec![ident(ROW_ID), ident(index.key_field.as_str()).alias("key")];
        columns.extend(searched.iter().map(|&n| ident(index.columns[n].as_str()).alias(format!("c{n}"))));
        Ok(plan.filter(ident(ROW_ID).in_list(ids, false))?.project(columns)?)
    })?;
    let mut found = HashMap::new();
    for batch in &batches {
        let rows = batch.column(0).as_primitive::<UInt64Type>();
        let keys = args::texts(batch.column(1))?;
        let texts = batch.columns()[2..].iter().map(args::texts).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let key = keys.is_valid(row).then(|| keys.value(row).to_owned());
            let texts = texts.iter().map(|t| t.is_valid(row).then(|| t.value(row).to_owned())).collect();
            found.insert(rows.value(row), (key, texts));
        }
    }
    Ok(found)
}
