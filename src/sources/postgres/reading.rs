//! The rows of another database's table, through a cursor there.

use super::condition::condition;
use super::connection::{Answers, Connection, Task, work};
use super::listing::{RemoteTable, quoted};
use super::{RemoteOptions, Stop, Work, failed};
use crate::config::{BATCH_ROWS, SOURCE_BATCH_BYTES};
use crate::error::{Error, Result};
use crate::sources::Predicate;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::TryStreamExt;
use std::sync::Arc;
use tokio_postgres::SimpleQueryMessage;

/// The rows of a table there, batch by batch, every column as text. Dropped, the reading is ended there too.
pub struct RemoteScan {
    work: Work<RecordBatch>,
    done: bool,
}

impl Iterator for RemoteScan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.work.next().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The query that reads a table there.
pub(super) fn query(
    table: &RemoteTable,
    projection: &[usize],
    filters: &[Predicate],
    limit: Option<usize>,
) -> Result<String> {
    let names = names(table, projection)?;
    let columns = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let mut query = format!("SELECT {} FROM {}", if names.is_empty() { "NULL" } else { &columns }, table.written());
    if let Some(condition) = condition(filters, &table.columns) {
        query = format!("{query} WHERE {condition}");
    }
    if let Some(limit) = limit {
        query = format!("{query} LIMIT {limit}");
    }
    Ok(query)
}

fn names(table: &RemoteTable, projection: &[usize]) -> Result<Vec<String>> {
    let name = |index: &usize| {
        let column = table.columns.get(*index).map(|column| column.name.clone());
        column.ok_or_else(|| Error::internal(format!("no column at position {index}")))
    };
    projection.iter().map(name).collect()
}

pub(super) fn scan(
    table: &RemoteTable,
    projection: &[usize],
    filters: &[Predicate],
    limit: Option<usize>,
    stop: Stop,
) -> Result<RemoteScan> {
    let (query, names) = (query(table, projection, filters, limit)?, names(table, projection)?);
    let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let reading =
        Reading { query, what: format!("table {}", quoted(&table.name)), schema: Arc::new(Schema::new(fields)) };
    let work = work(table.options.clone(), stop, move |options, connection, answers| -> Task<'_> {
        Box::pin(read(options, connection, answers, reading))
    })?;
    Ok(RemoteScan { work, done: false })
}

struct Reading {
    query: String,
    what: String,
    schema: SchemaRef,
}

async fn read(
    options: &RemoteOptions,
    connection: &mut Connection,
    answers: &Answers<RecordBatch>,
    reading: Reading,
) -> Result<()> {
    let fail = |error: tokio_postgres::Error| failed(options, &reading.what, &error);
    let begin = format!(
        "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; DECLARE rows NO SCROLL CURSOR FOR {}",
        reading.query
    );
    connection.client.batch_execute(&begin).await.map_err(fail)?;
    let fetch = format!("FETCH FORWARD {} FROM rows", options.fetch_rows);
    let mut texts = Texts::new(reading.schema.clone());
    loop {
        let messages = connection.client.simple_query_raw(&fetch).await.map_err(fail)?;
        let mut messages = std::pin::pin!(messages);
        let mut fetched = 0;
        while let Some(message) = messages.try_next().await.map_err(fail)? {
            let SimpleQueryMessage::Row(row) = message else { continue };
            fetched += 1;
            texts.push(&row);
            if texts.is_full() && answers.send(Ok(texts.finish()?)).is_err() {
                return Ok(());
            }
        }
        if fetched < options.fetch_rows {
            break;
        }
    }
    if texts.rows > 0 {
        _ = answers.send(Ok(texts.finish()?));
    }
    // The rows are there: that the other server hears of the end is a courtesy.
    _ = connection.client.batch_execute("COMMIT").await;
    Ok(())
}

/// Rows on their way into a batch.
struct Texts {
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    rows: usize,
    bytes: usize,
}

impl Texts {
    fn new(schema: SchemaRef) -> Self {
        let columns = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        Self { schema, columns, rows: 0, bytes: 0 }
    }

    fn push(&mut self, row: &tokio_postgres::SimpleQueryRow) {
        for (at, column) in self.columns.iter_mut().enumerate() {
            let text = if at < row.len() { row.get(at) } else { None };
            self.bytes += text.map_or(0, str::len);
            column.append_option(text);
        }
        self.rows += 1;
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= SOURCE_BATCH_BYTES
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| Error::internal(format!("columns of a source do not agree: {error}")))
    }
}
